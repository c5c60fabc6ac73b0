/* SPDX-License-Identifier: MIT */
/* policy.c: the policy object: anchors, modes per remote, and the way from a question to a verdict. */
#include "mod_s2s_eku/eku.h"

#include <string.h>

#include "policy/chain.h"
#include "policy/explain.h"
#include "policy/names.h"
#include "policy/refusal.h"
#include "policy/rules.h"
#include "policy/trust.h"
#include "policy/verify.h"
#include "protocol/buf.h"
#include "s2s/addr.h"

typedef enum match_kind { MATCH_ANY, MATCH_BELOW, MATCH_EXACT } match_kind;

typedef struct remote_mode {
    struct remote_mode *next;
    eku_mode mode;
    match_kind kind;
    size_t len;
    char domain[]; /* normal form */
} remote_mode;

struct eku_policy {
    const s2s_env *env;
    eku_mode mode;
    gnutls_x509_trust_list_t trust;
    remote_mode *first, **end; /* in the order they were added */
};

const char *eku_mode_word(eku_mode mode)
{
    switch (mode) {
    case EKU_TOLERANT: return "tolerant";
    case EKU_STRICT: return "strict";
    }
    return "tolerant";
}

void eku_options_init(eku_options *options, const s2s_env *env)
{
    *options = (eku_options){.size = sizeof *options, .env = env, .mode = EKU_TOLERANT, .system_trust = true};
}

static bool mode_ok(eku_mode mode)
{
    return mode == EKU_TOLERANT || mode == EKU_STRICT;
}

static void policy_text(char why[S2S_TEXT_MAX], const char *text)
{
    s2s__copy_text(why, s2s_str_of(text));
}

s2s_err eku_policy_new(const eku_options *options, eku_policy **out, char why[S2S_TEXT_MAX])
{
    char unwanted[S2S_TEXT_MAX];
    if (!why)
        why = unwanted;
    if (options->size != sizeof *options || !mode_ok(options->mode)) {
        policy_text(why, "the policy's options are not set up");
        return S2S_E_INVAL;
    }
    eku_policy *p = s2s__alloc(options->env, sizeof *p);
    if (!p) {
        policy_text(why, s2s_strerror(S2S_E_NOMEM));
        return S2S_E_NOMEM;
    }
    p->env = options->env;
    p->mode = options->mode;
    p->end = &p->first;
    s2s_err err = eku__trust_load(options, &p->trust, why);
    if (err != S2S_OK) {
        eku_policy_free(p);
        return err;
    }
    *out = p;
    return S2S_OK;
}

void eku_policy_free(eku_policy *p)
{
    if (!p)
        return;
    while (p->first) {
        remote_mode *r = p->first;
        p->first = r->next;
        s2s__free(p->env, r);
    }
    eku__trust_free(p->trust);
    s2s__free(p->env, p);
}

s2s_err eku_policy_add_remote(eku_policy *p, const char *match, eku_mode mode)
{
    char domain[S2S_DOMAIN_MAX + 1] = "";
    match_kind kind = MATCH_EXACT;
    if (!mode_ok(mode))
        return S2S_E_INVAL;
    if (strcmp(match, "*") == 0) {
        kind = MATCH_ANY;
    } else if (strncmp(match, "*.", 2) == 0) {
        kind = MATCH_BELOW;
        match += 2;
    }
    if (kind != MATCH_ANY) {
        s2s_err err = s2s_domain_normalise(s2s_str_of(match), domain);
        if (err != S2S_OK)
            return err == S2S_E_NOMEM ? err : S2S_E_INVAL;
    }

    size_t len = strlen(domain);
    remote_mode *r = s2s__alloc(p->env, sizeof *r + len + 1);
    if (!r)
        return S2S_E_NOMEM;
    r->mode = mode;
    r->kind = kind;
    r->len = len;
    memcpy(r->domain, domain, len + 1);
    *p->end = r;
    p->end = &r->next;
    return S2S_OK;
}

static bool remote_matches(const remote_mode *r, s2s_str remote)
{
    s2s_str domain = {r->domain, r->len};
    switch (r->kind) {
    case MATCH_ANY: return true;
    case MATCH_EXACT: return s2s_str_eq(remote, domain);
    case MATCH_BELOW:
        return remote.len > r->len + 1 && remote.ptr[remote.len - r->len - 1] == '.' &&
               memcmp(remote.ptr + remote.len - r->len, r->domain, r->len) == 0;
    }
    return false;
}

static eku_mode mode_for(const eku_policy *p, s2s_str remote)
{
    for (const remote_mode *r = p->first; r; r = r->next) {
        if (remote_matches(r, remote))
            return r->mode;
    }
    return p->mode;
}

/* Facts and path of what was presented. A chain that cannot be read leaves no facts, and its status says so. */
static s2s_err examine(const eku_policy *p, const s2s_peer *peer, eku__facts *facts, eku__path *path)
{
    eku__chain chain = {.env = p->env};
    path->status = S2S_CHAIN_ABSENT;
    if (peer->chain_len == 0)
        return S2S_OK;
    s2s_err err = eku__chain_import(p->env, peer->chain, peer->chain_len, &chain);
    if (err == S2S_OK)
        err = eku__facts_read(&chain, facts);
    if (err == S2S_OK)
        err = eku__verify(p->trust, &chain, path);
    eku__chain_free(&chain);
    if (err == S2S_E_SYNTAX || err == S2S_E_LIMIT) {
        path->status = S2S_CHAIN_MALFORMED;
        err = S2S_OK;
    }
    return err;
}

static s2s_err judge(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    const eku_policy *p = self;
    (void)ticket; /* the answer is always at hand */
    eku__facts facts = {.env = p->env};
    eku__path path = {.len = 0};
    s2s_err err = examine(p, peer, &facts, &path);
    if (err == S2S_OK) {
        eku__case c = {.facts = &facts, .path = &path, .identity = S2S_IDENTITY_ABSENT,
                       .mode = mode_for(p, peer->remote), .role = peer->role, .wall = peer->wall};
        if (facts.len)
            c.identity = eku__names_match(facts.certs[0].names, facts.certs[0].names_len, peer->remote,
                                          path.constrained);
        eku__ruling ruling = eku__rule(&c, out);
        eku__explain(&c, &ruling, peer->remote, out);
    }
    eku__facts_free(&facts);
    return err;
}

static bool explain_refusal(void *self, const s2s_refusal *refusal, char out[S2S_TEXT_MAX])
{
    (void)self;
    return eku__explain_refusal(refusal->text, refusal->alert, out);
}

s2s_policy eku_policy_interface(eku_policy *policy)
{
    static const s2s_policy_ops OPS = {S2S_POLICY_ABI, judge, explain_refusal};
    return (s2s_policy){&OPS, policy};
}
