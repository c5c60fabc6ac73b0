/* SPDX-License-Identifier: MIT */
/* policies.c: shared policies, or one policy behind a lock. */
#include "node/policies.h"

#include <uv.h>

#include "node/policy.h"
#include "protocol/buf.h"

struct policies {
    const s2s_env *env;
    size_t len;
    eku_policy **own; /* NULL: `other` */
    s2s_policy *list;
    s2s_policy other;
    uv_mutex_t lock;
    bool has_lock;
};

static s2s_err make(const s2s_env *env, size_t workers, policies **out)
{
    policies *p = s2s__alloc(env, sizeof *p);
    if (!p)
        return S2S_E_NOMEM;
    p->env = env;
    p->len = workers;
    p->list = s2s__alloc(env, workers * sizeof *p->list);
    if (!p->list) {
        s2s__free(env, p);
        return S2S_E_NOMEM;
    }
    *out = p;
    return S2S_OK;
}

s2s_err policies_new(const s2s_env *env, const config *c, size_t workers, policies **out, char why[S2S_TEXT_MAX])
{
    policies *p = NULL;
    s2s_err err = make(env, workers, &p);
    if (err != S2S_OK)
        return err;
    p->own = s2s__alloc(env, workers * sizeof(eku_policy *));
    err = p->own ? node_policy_new(env, c, &p->own[0], why) : S2S_E_NOMEM;
    for (size_t i = 1; i < workers && err == S2S_OK; i++)
        err = eku_policy_share(p->own[0], &p->own[i]);
    if (err != S2S_OK) {
        policies_free(p);
        return err;
    }
    for (size_t i = 0; i < workers; i++)
        p->list[i] = eku_policy_interface(p->own[i]);
    *out = p;
    return S2S_OK;
}

void policies_free(policies *p)
{
    if (!p)
        return;
    for (size_t i = 0; p->own && i < p->len; i++)
        eku_policy_free(p->own[i]);
    if (p->has_lock)
        uv_mutex_destroy(&p->lock);
    s2s__free(p->env, p->own);
    s2s__free(p->env, p->list);
    s2s__free(p->env, p);
}

const s2s_policy *policies_list(const policies *p)
{
    return p->list;
}

void policies_replace(policies *p, policies *with)
{
    for (size_t i = 0; i < p->len; i++)
        eku_policy_replace(p->own[i], with->own[i]);
    s2s__free(with->env, with->own); /* they are gone */
    with->own = NULL;
    policies_free(with);
}

/* -- one policy for several threads -------------------------------------------------------------------- */

static s2s_err judge(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    policies *p = self;
    uv_mutex_lock(&p->lock);
    s2s_err err = p->other.ops->judge(p->other.self, peer, ticket, out);
    uv_mutex_unlock(&p->lock);
    return err;
}

static bool explain_refusal(void *self, const s2s_refusal *refusal, char out[S2S_TEXT_MAX])
{
    policies *p = self;
    if (!p->other.ops->explain_refusal)
        return false;
    uv_mutex_lock(&p->lock);
    bool known = p->other.ops->explain_refusal(p->other.self, refusal, out);
    uv_mutex_unlock(&p->lock);
    return known;
}

static void remote_rule(void *self, s2s_str local, s2s_str remote, s2s_remote_rule *out)
{
    policies *p = self;
    if (!p->other.ops->remote_rule) {
        out->allow = true;
        return;
    }
    uv_mutex_lock(&p->lock);
    p->other.ops->remote_rule(p->other.self, local, remote, out);
    uv_mutex_unlock(&p->lock);
}

s2s_err policies_of(const s2s_env *env, s2s_policy other, size_t workers, policies **out)
{
    static const s2s_policy_ops LOCKED = {S2S_POLICY_ABI, judge, explain_refusal, remote_rule};
    policies *p = NULL;
    s2s_err err = make(env, workers, &p);
    if (err != S2S_OK)
        return err;
    p->other = other;
    p->has_lock = workers > 1 && uv_mutex_init(&p->lock) == 0;
    if (workers > 1 && !p->has_lock) {
        policies_free(p);
        return S2S_E_NOMEM;
    }
    for (size_t i = 0; i < workers; i++)
        p->list[i] = workers > 1 ? (s2s_policy){&LOCKED, p} : other;
    *out = p;
    return S2S_OK;
}
