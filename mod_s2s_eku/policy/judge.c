/* SPDX-License-Identifier: MIT */
/* judge.c: gathers what the rules decide on: path, names, TLSA records, OCSP, pins. */
#include "policy/judge.h"

#include <string.h>

#include "policy/chain.h"
#include "policy/crl.h"
#include "policy/explain.h"
#include "policy/names.h"
#include "policy/rules.h"
#include "policy/verify.h"

/* One question on its way. */
typedef struct asked {
    const s2s_peer *peer;
    const eku__crls *crls; /* NULL: none */
    const eku__terms *terms;
    const eku__facts *facts;
    const eku__path *path; /* the one that counts */
    eku__path below_ta;    /* and where it lies, if that is the one below a TLSA record's anchor */
} asked;

static s2s_bytes presented(const asked *a, size_t step)
{
    if (step < a->path->len)
        return a->peer->chain[a->path->index[step]];
    return (s2s_bytes){a->path->anchor, a->path->anchor_len};
}

static bool has_pinned_key(const asked *a)
{
    if (a->terms->pins_len == 0)
        return true;
    for (size_t i = 0; i < a->terms->pins_len && a->facts->len; i++) {
        if (memcmp(a->facts->certs[0].spki_sha256, a->terms->pins[i], EKU_PIN_BYTES) == 0)
            return true;
    }
    return false;
}

/* RFC 7673 section 4: the host that a secure SRV record named is a reference identity too, as a DNS-ID. */
static s2s_identity match_names(const asked *a)
{
    if (a->facts->len == 0)
        return S2S_IDENTITY_ABSENT;
    const eku__cert *leaf = &a->facts->certs[0];
    s2s_identity identity = eku__names_match(leaf->names, leaf->names_len, a->peer->remote, a->path->constrained);
    if (identity == S2S_IDENTITY_MISMATCH && a->terms->dane && a->peer->role == S2S_ACCEPTOR && a->peer->target.len &&
        eku__names_match(leaf->names, leaf->names_len, a->peer->target, true) == S2S_IDENTITY_MATCH)
        return S2S_IDENTITY_MATCH;
    return identity;
}

/* -- DANE ---------------------------------------------------------------------------------------------- */

static bool pkix_usages_match(const asked *a, eku__tlsa tlsa)
{
    if (eku__tlsa_names(tlsa, EKU__PKIX_EE, a->peer->chain[0]))
        return true;
    for (size_t step = 1; step <= a->path->len; step++) {
        s2s_bytes certificate = presented(a, step);
        if (certificate.len && eku__tlsa_names(tlsa, EKU__PKIX_TA, certificate))
            return true;
    }
    return false;
}

/* The path below `anchor` in place of the one below the trust anchors. */
static s2s_err path_below(asked *a, s2s_bytes anchor)
{
    const s2s_env *env = a->facts->env;
    eku__chain chain = {.env = env};
    eku__trust *trust = NULL;
    s2s_err err = eku__trust_of(env, anchor, &trust);
    if (err == S2S_OK)
        err = eku__chain_import(env, a->peer->chain, a->peer->chain_len, &chain);
    if (err == S2S_OK) {
        eku__path_free(&a->below_ta);
        err = eku__verify(trust->list, &chain, &a->below_ta);
    }
    if (err == S2S_OK && a->crls) /* what a list of ours names is revoked below whatever anchor */
        err = eku__crls_check(a->crls, &chain, a->peer->wall, &a->below_ta);
    if (err == S2S_OK)
        a->path = &a->below_ta;
    eku__chain_free(&chain);
    eku__trust_free(trust);
    return err == S2S_E_SYNTAX ? S2S_OK : err; /* a record that holds no certificate */
}

/* Usage 2: a certificate that was sent along (RFC 7671 section 5.2), or one that the record holds whole. Sets `a->path`
 * where one matches; the first below which the leaf is valid, else the last. */
static s2s_err try_anchors(asked *a, eku__tlsa tlsa, bool *found)
{
    s2s_err err = S2S_OK;
    s2s_bytes anchor;
    *found = false;
    for (size_t i = 1; i < a->peer->chain_len && err == S2S_OK; i++) {
        if (!eku__tlsa_names(tlsa, EKU__DANE_TA, a->peer->chain[i]))
            continue;
        *found = true;
        err = path_below(a, a->peer->chain[i]);
        if (a->path->status == S2S_CHAIN_VALID && a->path == &a->below_ta)
            return err;
    }
    for (size_t n = 0; n < EKU__TLSA_ANCHORS_MAX && !*found && err == S2S_OK; n++) {
        if (!eku__tlsa_whole_anchor(tlsa, n, &anchor))
            return S2S_OK;
        err = path_below(a, anchor);
        *found = a->path == &a->below_ta && a->path->status == S2S_CHAIN_VALID;
    }
    return err;
}

/* DA-03: of an initiator the records are evidence, and the path stays as it is. */
static eku__dane evidence(const asked *a, eku__tlsa tlsa)
{
    bool match = pkix_usages_match(a, tlsa) || eku__tlsa_names(tlsa, EKU__DANE_EE, a->peer->chain[0]);
    for (size_t i = 1; i < a->peer->chain_len && !match; i++)
        match = eku__tlsa_names(tlsa, EKU__DANE_TA, a->peer->chain[i]);
    return match ? EKU__DANE_BY_PKIX : EKU__DANE_NO_MATCH;
}

static s2s_err ask_dane(asked *a, eku__dane *dane)
{
    const s2s_peer *peer = a->peer;
    eku__tlsa tlsa = {peer->tlsa, peer->tlsa_len};
    bool found = false;
    *dane = EKU__DANE_SILENT;
    if (!a->terms->dane)
        return S2S_OK;
    if (peer->tlsa_state == S2S_DNSSEC_BOGUS)
        *dane = EKU__DANE_BOGUS;
    if (peer->tlsa_state != S2S_DNSSEC_SECURE || a->facts->len == 0 || !eku__tlsa_usable(tlsa))
        return S2S_OK;
    if (peer->role == S2S_INITIATOR) {
        *dane = evidence(a, tlsa);
        return S2S_OK;
    }
    bool pkix = pkix_usages_match(a, tlsa);
    if (eku__tlsa_names(tlsa, EKU__DANE_EE, peer->chain[0])) {
        *dane = EKU__DANE_BY_EE;
        return S2S_OK;
    }
    *dane = pkix ? EKU__DANE_BY_PKIX : EKU__DANE_NO_MATCH;
    if (pkix && a->path->status == S2S_CHAIN_VALID)
        return S2S_OK;
    s2s_err err = try_anchors(a, tlsa, &found);
    if (found)
        *dane = EKU__DANE_BY_TA;
    return err;
}

/* -- the whole ------------------------------------------------------------------------------------------ */

static eku__ocsp_answer ask_ocsp(const asked *a)
{
    if (a->terms->ocsp == EKU_OCSP_OFF || a->peer->role != S2S_ACCEPTOR || a->path->len == 0 || !a->path->anchor)
        return EKU__OCSP_NONE;
    return eku__ocsp_read(a->peer->staple, presented(a, 0), presented(a, 1), a->peer->wall);
}

static s2s_err judge(asked *a, s2s_verdict *out)
{
    const eku__terms *terms = a->terms;
    eku__dane dane;
    s2s_err err = ask_dane(a, &dane);
    if (err != S2S_OK)
        return err;
    eku__case c = {.facts = a->facts, .path = a->path, .identity = match_names(a), .mode = terms->mode,
                   .require_eku = terms->require_eku, .any_eku = terms->any_eku,
                   .client_only = terms->client_only && !terms->trust->system, .allow = terms->allow,
                   .pinned = has_pinned_key(a), .dane = dane, .ocsp = ask_ocsp(a),
                   .ocsp_must = terms->ocsp == EKU_OCSP_MUST, .role = a->peer->role, .wall = a->peer->wall};
    eku__ruling ruling = eku__rule(&c, out);
    /* A DNS whose answers are forged proves no domain by dialback either. */
    out->dialback = !out->trusted && terms->allow && terms->dialback && out->dane != S2S_DANE_BOGUS;
    eku__explain(&c, &ruling, a->peer->remote, out);
    return S2S_OK;
}

s2s_err eku__judge(const eku__remotes *remotes, const s2s_peer *peer, s2s_verdict *out)
{
    const eku__known *known = NULL;
    asked a = {.peer = peer, .crls = remotes->crls, .terms = eku__remotes_find(remotes, peer->remote)};
    s2s_err err = eku__cache_know(remotes->cache, a.terms->trust, remotes->crls, peer, &known);
    if (err != S2S_OK)
        return err;
    a.facts = &known->facts;
    a.path = &known->path;
    err = judge(&a, out);
    eku__path_free(&a.below_ta);
    return err;
}
