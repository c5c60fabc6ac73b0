/* SPDX-License-Identifier: MIT */
/* policy.c: the policy object, and its interface. */
#include "mod_s2s_eku/eku.h"

#include "policy/file.h"
#include "policy/judge.h"
#include "policy/refusal.h"
#include "protocol/buf.h"
#include "protocol/sized.h"

struct eku_policy {
    const s2s_env *env;
    eku__remotes *remotes; /* replaced as a whole */
};

const char *eku_mode_word(eku_mode mode)
{
    switch (mode) {
    case EKU_TOLERANT: return "tolerant";
    case EKU_STRICT: return "strict";
    }
    return "tolerant";
}

const char *eku_ocsp_word(eku_ocsp ocsp)
{
    switch (ocsp) {
    case EKU_OCSP_OFF: return "off";
    case EKU_OCSP_SOFT: return "soft";
    case EKU_OCSP_MUST: return "must";
    }
    return "off";
}

static eku_options default_options(const s2s_env *env)
{
    return (eku_options){.env = env, .mode = EKU_TOLERANT, .ocsp = EKU_OCSP_SOFT, .dane = true, .allow = true,
                         .system_trust = true};
}

void (eku_options_init)(eku_options *options, size_t size, const s2s_env *env)
{
    eku_options ours = default_options(env);
    s2s__sized_write(options, size, &ours, sizeof ours);
}

void (eku_remote_init)(eku_remote *remote, size_t size, const char *match)
{
    s2s__sized_write(remote, size, &(eku_remote){.match = match}, sizeof *remote);
}

s2s_err eku_policy_new(const eku_options *given, eku_policy **out, char why[S2S_TEXT_MAX])
{
    eku_options read = default_options(NULL), *options = &read;
    if (!out || !s2s__sized_read(options, sizeof *options, given) || !s2s__env_known(options->env))
        return s2s__refuse(why, S2S_E_INVAL, "policy: the options are not set up");
    char unwanted[S2S_TEXT_MAX];
    if (!why)
        why = unwanted;
    eku_policy *p = s2s__alloc(options->env, sizeof *p);
    if (!p) {
        s2s__copy_text(why, s2s_str_of(s2s_strerror(S2S_E_NOMEM)));
        return S2S_E_NOMEM;
    }
    p->env = options->env;
    s2s_err err = eku__remotes_new(options, &p->remotes, why);
    if (err != S2S_OK) {
        eku_policy_free(p);
        return err;
    }
    *out = p;
    return S2S_OK;
}

s2s_err eku_policy_add_remote(eku_policy *policy, const eku_remote *remote, char why[S2S_TEXT_MAX])
{
    char unwanted[S2S_TEXT_MAX];
    return eku__remotes_add(policy->remotes, remote, why ? why : unwanted);
}

s2s_err eku_policy_share(eku_policy *policy, eku_policy **out)
{
    eku_policy *p = s2s__alloc(policy->env, sizeof *p);
    if (!p)
        return S2S_E_NOMEM;
    p->env = policy->env;
    s2s_err err = eku__remotes_share(policy->remotes, &p->remotes);
    if (err != S2S_OK)
        s2s__free(p->env, p);
    else
        *out = p;
    return err;
}

void eku_policy_replace(eku_policy *policy, eku_policy *with)
{
    eku__remotes *old = policy->remotes;
    policy->remotes = with->remotes;
    with->remotes = old;
    eku_policy_free(with);
}

void eku_policy_free(eku_policy *p)
{
    if (!p)
        return;
    eku__remotes_free(p->remotes);
    s2s__free(p->env, p);
}

static s2s_err judge(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    const eku_policy *p = self;
    (void)ticket; /* the answer is always at hand */
    return eku__judge(p->remotes, peer, out);
}

/* What our chain permits; unknown if it cannot be read, which is no matter here. */
static eku__own read_own(const eku_policy *p, const s2s_refusal *refusal)
{
    eku__own own = {.known = false};
    eku__chain chain = {.env = p->env};
    eku__facts facts = {.env = p->env};
    if (refusal->chain_len > 0 && eku__chain_import(p->env, refusal->chain, refusal->chain_len, &chain) == S2S_OK &&
        eku__facts_read(&chain, &facts) == S2S_OK) {
        const eku__purposes *leaf = &facts.certs[0].purposes;
        own = (eku__own){.known = true, .server = !leaf->present || leaf->server,
                         .client = !leaf->present || leaf->client};
        for (size_t i = 1; i < facts.len; i++) {
            const eku__purposes *ca = &facts.certs[i].purposes;
            own.ca_forbids_client = own.ca_forbids_client || (ca->present && !ca->client);
        }
    }
    eku__facts_free(&facts);
    eku__chain_free(&chain);
    return own;
}

static bool explain_refusal(void *self, const s2s_refusal *refusal, char out[S2S_TEXT_MAX])
{
    const eku__own own = read_own(self, refusal);
    return eku__explain_refusal_of(refusal, &own, out);
}

static void remote_rule(void *self, s2s_str local, s2s_str remote, s2s_remote_rule *out)
{
    const eku_policy *p = self;
    (void)local; /* rules are about remotes */
    const eku__terms *terms = eku__remotes_find(p->remotes, remote);
    out->allow = terms->allow;
    out->dialback = terms->allow && terms->dialback;
    out->dane = terms->allow && terms->dane;
}

s2s_policy eku_policy_interface(eku_policy *policy)
{
    static const s2s_policy_ops OPS = {S2S_POLICY_ABI, judge, explain_refusal, remote_rule};
    return (s2s_policy){&OPS, policy};
}
