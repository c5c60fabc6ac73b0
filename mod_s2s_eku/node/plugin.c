/* SPDX-License-Identifier: MIT */
/* plugin.c: its versions are looked at before anything in it is called. */
#include "plugin.h"

#include <dlfcn.h>
#include <stdio.h>

#include "protocol/buf.h"

struct plugin {
    const s2s_env *env;
    void *object;
    const s2s_policy_plugin *table;
    s2s_policy policy;
};

static s2s_err find_table(plugin *p, const char *file, char why[S2S_TEXT_MAX])
{
    p->object = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!p->object) {
        (void)snprintf(why, S2S_TEXT_MAX, "policy.plugin: %s", dlerror());
        return S2S_E_INVAL;
    }
    const s2s_policy_plugin *t = dlsym(p->object, S2S_POLICY_PLUGIN_SYMBOL);
    if (!t) {
        (void)snprintf(why, S2S_TEXT_MAX, "policy.plugin: %s: no policy: it does not export " S2S_POLICY_PLUGIN_SYMBOL, file);
        return S2S_E_INVAL;
    }
    if (t->abi != S2S_POLICY_PLUGIN_ABI || t->policy_abi != S2S_POLICY_ABI || !t->open || !t->close) {
        (void)snprintf(why, S2S_TEXT_MAX, "policy.plugin: %s: built for another version (plugin %u, policy %u; this s2sd has %u, %u)",
                       file, (unsigned)t->abi, (unsigned)t->policy_abi, S2S_POLICY_PLUGIN_ABI, S2S_POLICY_ABI);
        return S2S_E_INVAL;
    }
    p->table = t;
    return S2S_OK;
}

static s2s_err open_policy(plugin *p, const char *file, char why[S2S_TEXT_MAX])
{
    char said[S2S_TEXT_MAX] = "";
    s2s_policy policy = {0};
    s2s_err err = p->table->open(p->env, file, &policy, said);
    if (err != S2S_OK) {
        (void)snprintf(why, S2S_TEXT_MAX, "policy.plugin: %.200s", *said ? said : s2s_strerror(err));
        return err == S2S_E_NOMEM ? err : S2S_E_INVAL;
    }
    p->policy = policy;
    if (policy.ops && policy.ops->abi == S2S_POLICY_ABI && policy.ops->judge)
        return S2S_OK;
    (void)snprintf(why, S2S_TEXT_MAX, "policy.plugin: %s: its policy has another version, or does not judge", file);
    return S2S_E_INVAL;
}

s2s_err plugin_open(const s2s_env *env, const char *file, plugin **out, char why[S2S_TEXT_MAX])
{
    plugin *p = s2s__alloc(env, sizeof *p);
    if (!p)
        return S2S_E_NOMEM;
    p->env = env;
    s2s_err err = find_table(p, file, why);
    if (err == S2S_OK)
        err = open_policy(p, file, why);
    if (err != S2S_OK) {
        plugin_close(p);
        return err;
    }
    *out = p;
    return S2S_OK;
}

s2s_policy plugin_policy(const plugin *p)
{
    return p->policy;
}

const char *plugin_name(const plugin *p)
{
    return p->table->name ? p->table->name : "without a name";
}

void plugin_close(plugin *p)
{
    if (!p)
        return;
    if (p->table && p->policy.ops)
        p->table->close(p->policy);
    if (p->object)
        (void)dlclose(p->object);
    s2s__free(p->env, p);
}
