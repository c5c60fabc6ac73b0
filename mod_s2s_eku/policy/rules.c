/* SPDX-License-Identifier: MIT */
/* rules.c: the decision, as a function of plain data. */
#include "policy/rules.h"

static const eku__cert *cert_at(const eku__case *c, size_t step)
{
    return &c->facts->certs[c->path->index[step]];
}

/* RFC 5280 section 4.2.1.12: absent = unrestricted. anyExtendedKeyUsage stands in for nothing unless the operator says so,
 * and of a CA never: deployed peers do not honour it either, and GnuTLS does not of a CA. */
static bool stands_for_any(const eku__case *c, size_t step)
{
    return step == 0 && c->any_eku && cert_at(c, step)->purposes.any;
}

static bool is_expired(const eku__case *c, size_t step)
{
    return c->wall > cert_at(c, step)->not_after;
}

static bool is_early(const eku__case *c, size_t step)
{
    return c->wall < cert_at(c, step)->not_before;
}

/* The first certificate on the path, from the leaf, that `is_bad`; the path's length if there is none. */
static size_t first_bad(const eku__case *c, bool (*is_bad)(const eku__case *c, size_t step))
{
    size_t step = 0;
    while (step < c->path->len && !is_bad(c, step))
        step++;
    return step;
}

static bool bars_server(const eku__case *c, size_t step)
{
    const eku__purposes *p = &cert_at(c, step)->purposes;
    return p->present && !p->server && !stands_for_any(c, step);
}

static bool bars_client(const eku__case *c, size_t step)
{
    const eku__purposes *p = &cert_at(c, step)->purposes;
    return p->present && !p->client && !stands_for_any(c, step);
}

static bool may_not_issue(const eku__case *c, size_t step)
{
    const eku__cert *cert = cert_at(c, step);
    return step > 0 && (!cert->ca || (cert->key_usage && !cert->cert_sign));
}

static s2s_chain_status chain_status(const eku__case *c)
{
    /* GnuTLS counts a CA's key usage among the constraints. */
    if (c->path->status == S2S_CHAIN_CONSTRAINT && first_bad(c, may_not_issue) < c->path->len)
        return S2S_CHAIN_NOT_A_CA;
    if (c->path->status != S2S_CHAIN_VALID)
        return c->path->status;
    const eku__cert *leaf = cert_at(c, 0);
    if (c->ocsp == EKU__OCSP_REVOKED)
        return S2S_CHAIN_REVOKED;
    if (first_bad(c, is_expired) < c->path->len)
        return S2S_CHAIN_EXPIRED;
    if (first_bad(c, is_early) < c->path->len)
        return S2S_CHAIN_NOT_YET_VALID;
    if (leaf->ca)
        return S2S_CHAIN_IS_A_CA; /* RFC 6120 section 13.7.2 */
    if (leaf->key_usage && !leaf->digital_signature)
        return S2S_CHAIN_KEY_USAGE; /* EK-03: judged beside the purpose */
    return S2S_CHAIN_VALID;
}

static eku__finding finding_of_chain(s2s_chain_status status)
{
    switch (status) {
    case S2S_CHAIN_ABSENT: return EKU__ABSENT;
    case S2S_CHAIN_EXPIRED: return EKU__EXPIRED;
    case S2S_CHAIN_NOT_YET_VALID: return EKU__NOT_YET_VALID;
    case S2S_CHAIN_UNKNOWN_ISSUER: return EKU__UNKNOWN_ISSUER;
    case S2S_CHAIN_SELF_SIGNED: return EKU__SELF_SIGNED;
    case S2S_CHAIN_REVOKED: return EKU__REVOKED;
    case S2S_CHAIN_BAD_SIGNATURE: return EKU__BAD_SIGNATURE;
    case S2S_CHAIN_NOT_A_CA: return EKU__NOT_A_CA;
    case S2S_CHAIN_IS_A_CA: return EKU__IS_A_CA;
    case S2S_CHAIN_WEAK: return EKU__WEAK;
    case S2S_CHAIN_KEY_USAGE: return EKU__KEY_USAGE;
    case S2S_CHAIN_CONSTRAINT: return EKU__CONSTRAINT;
    case S2S_CHAIN_MALFORMED: return EKU__MALFORMED;
    case S2S_CHAIN_VALID:
    case S2S_CHAIN_INVALID: break;
    }
    return EKU__INVALID;
}

/* Which certificate a chain's fault lies in, as far as the facts can tell. */
static size_t place_of_chain(const eku__case *c, s2s_chain_status status)
{
    size_t step = c->path->len;
    if (step == 0)
        return EKU__NOWHERE;
    switch (status) {
    case S2S_CHAIN_EXPIRED: step = first_bad(c, is_expired); break;
    case S2S_CHAIN_NOT_YET_VALID: step = first_bad(c, is_early); break;
    case S2S_CHAIN_NOT_A_CA: step = first_bad(c, may_not_issue); break;
    case S2S_CHAIN_REVOKED: step = c->path->status == S2S_CHAIN_REVOKED ? c->path->revoked_at : 0; break;
    case S2S_CHAIN_UNKNOWN_ISSUER: step = c->path->len - 1; break;
    case S2S_CHAIN_SELF_SIGNED:
    case S2S_CHAIN_IS_A_CA:
    case S2S_CHAIN_KEY_USAGE: step = 0; break;
    case S2S_CHAIN_ABSENT:
    case S2S_CHAIN_VALID:
    case S2S_CHAIN_BAD_SIGNATURE:
    case S2S_CHAIN_WEAK:
    case S2S_CHAIN_CONSTRAINT:
    case S2S_CHAIN_MALFORMED:
    case S2S_CHAIN_INVALID: break;
    }
    return step < c->path->len ? c->path->index[step] : EKU__NOWHERE;
}

static eku__finding server_finding(const eku__case *c, size_t step)
{
    if (step == c->path->len)
        return EKU__INVALID; /* GnuTLS refuses the purpose and the facts do not show why */
    if (step > 0)
        return EKU__CA_PURPOSE;
    switch (eku__eku(&cert_at(c, 0)->purposes)) {
    case S2S_EKU_CLIENT: return EKU__LEAF_CLIENT_ONLY;
    case S2S_EKU_ANY: return EKU__LEAF_ANY_ONLY;
    case S2S_EKU_NONE:
    case S2S_EKU_SERVER:
    case S2S_EKU_BOTH:
    case S2S_EKU_OTHER: break;
    }
    return EKU__LEAF_OTHER;
}

static void rule_on(eku__ruling *r, eku__finding finding, const eku__case *c, size_t step)
{
    r->finding = finding;
    r->where = step < c->path->len ? c->path->index[step] : EKU__NOWHERE;
}

/* An initiator that is valid as a client's alone, where the operator takes that. */
static bool client_suffices(const eku__case *c, const s2s_verdict *v)
{
    return c->client_only && c->role == S2S_INITIATOR && !v->purpose_server && v->purpose_client &&
           c->path->client_alone;
}

static bool lacks_eku(const eku__case *c)
{
    return c->require_eku && !cert_at(c, 0)->purposes.present;
}

static bool lacks_ocsp(const eku__case *c)
{
    return c->ocsp_must && c->role == S2S_ACCEPTOR && c->ocsp != EKU__OCSP_GOOD;
}

/* What TLSA records say where they decide: of a receiver (RFC 7673). */
static eku__dane decisive_dane(const eku__case *c)
{
    return c->role == S2S_ACCEPTOR ? c->dane : EKU__DANE_SILENT;
}

/* The order is the order of gravity: what is wrong with the chain, with the name, with the purpose, with what this server
 * asks for besides. */
static void find_pkix(const eku__case *c, const s2s_verdict *v, eku__ruling *r)
{
    if (v->chain != S2S_CHAIN_VALID) {
        r->finding = finding_of_chain(v->chain);
        r->where = place_of_chain(c, v->chain);
    } else if (v->identity != S2S_IDENTITY_MATCH) {
        rule_on(r, v->identity == S2S_IDENTITY_ABSENT ? EKU__NO_NAME : EKU__OTHER_NAME, c, 0);
    } else if (!v->purpose_server && !client_suffices(c, v)) {
        size_t step = first_bad(c, bars_server);
        rule_on(r, server_finding(c, step), c, step);
    } else if (lacks_eku(c)) {
        rule_on(r, EKU__NO_EKU, c, 0);
    } else if (lacks_ocsp(c)) {
        rule_on(r, EKU__OCSP_MISSING, c, 0);
    } else if (!c->pinned) {
        rule_on(r, EKU__OTHER_KEY, c, 0);
    } else if (!v->purpose_server) {
        rule_on(r, EKU__ACCEPTED_CLIENT, c, 0);
    } else if (decisive_dane(c) == EKU__DANE_BY_TA) {
        rule_on(r, EKU__ACCEPTED_DANE_TA, c, 0);
    } else {
        rule_on(r, v->purpose_client ? EKU__ACCEPTED_BOTH : EKU__ACCEPTED, c, 0);
    }
}

/* What tolerant finds, and strict beside it. */
static eku__ruling find(const eku__case *c, const s2s_verdict *v)
{
    eku__ruling r = {.finding = EKU__NOT_ALLOWED, .where = EKU__NOWHERE};
    if (c->allow) {
        switch (decisive_dane(c)) {
        case EKU__DANE_BOGUS: r.finding = EKU__DNS_BOGUS; break;
        case EKU__DANE_NO_MATCH: rule_on(&r, EKU__DANE_MISMATCH, c, 0); break;
        case EKU__DANE_BY_EE: rule_on(&r, c->pinned ? EKU__ACCEPTED_DANE_EE : EKU__OTHER_KEY, c, 0); break;
        case EKU__DANE_SILENT:
        case EKU__DANE_BY_PKIX:
        case EKU__DANE_BY_TA: find_pkix(c, v, &r); break;
        }
    }
    r.strict_finding = r.finding;
    r.strict_where = r.where;
    if (r.finding == EKU__ACCEPTED && c->role == S2S_INITIATOR) {
        size_t step = first_bad(c, bars_client);
        r.strict_finding = step == 0 ? EKU__STRICT_LEAF : EKU__STRICT_CA;
        r.strict_where = c->path->index[step];
    }
    return r;
}

/* What an acceptance rests on; none for a refusal. */
static s2s_proof proof_of(eku__finding finding)
{
    switch (finding) {
    case EKU__ACCEPTED:
    case EKU__ACCEPTED_BOTH:
    case EKU__ACCEPTED_CLIENT: return S2S_PROOF_PKIX;
    case EKU__ACCEPTED_DANE_EE:
    case EKU__ACCEPTED_DANE_TA: return S2S_PROOF_DANE;
    case EKU__ABSENT:
    case EKU__EXPIRED:
    case EKU__NOT_YET_VALID:
    case EKU__UNKNOWN_ISSUER:
    case EKU__SELF_SIGNED:
    case EKU__REVOKED:
    case EKU__BAD_SIGNATURE:
    case EKU__NOT_A_CA:
    case EKU__IS_A_CA:
    case EKU__WEAK:
    case EKU__KEY_USAGE:
    case EKU__CONSTRAINT:
    case EKU__MALFORMED:
    case EKU__INVALID:
    case EKU__LEAF_CLIENT_ONLY:
    case EKU__LEAF_ANY_ONLY:
    case EKU__LEAF_OTHER:
    case EKU__CA_PURPOSE:
    case EKU__STRICT_LEAF:
    case EKU__STRICT_CA:
    case EKU__NO_NAME:
    case EKU__OTHER_NAME:
    case EKU__NO_EKU:
    case EKU__OTHER_KEY:
    case EKU__OCSP_MISSING:
    case EKU__DANE_MISMATCH:
    case EKU__DNS_BOGUS:
    case EKU__NOT_ALLOWED: break;
    }
    return S2S_PROOF_NONE;
}

static s2s_dane dane_word(eku__dane dane)
{
    switch (dane) {
    case EKU__DANE_SILENT: break;
    case EKU__DANE_BY_PKIX:
    case EKU__DANE_BY_TA:
    case EKU__DANE_BY_EE: return S2S_DANE_MATCH;
    case EKU__DANE_NO_MATCH: return S2S_DANE_MISMATCH;
    case EKU__DANE_BOGUS: return S2S_DANE_BOGUS;
    }
    return S2S_DANE_NONE;
}

static s2s_revocation revocation_of(const eku__case *c, s2s_chain_status chain)
{
    if (chain == S2S_CHAIN_REVOKED)
        return S2S_REVOCATION_REVOKED;
    if (c->path->crl.state == EKU__CRL_CURRENT || c->ocsp == EKU__OCSP_GOOD)
        return S2S_REVOCATION_GOOD;
    return S2S_REVOCATION_UNCHECKED;
}

/* CE-04: when the stream must be renewed. CX-15: never, for the certificate's sake, where only a TLSA record counts. */
static int64_t expiry_of(const eku__case *c)
{
    int64_t earliest = 0;
    for (size_t i = 0; i < c->path->len && decisive_dane(c) != EKU__DANE_BY_EE; i++) {
        int64_t end = cert_at(c, i)->not_after;
        if (earliest == 0 || end < earliest)
            earliest = end;
    }
    return earliest;
}

eku__ruling eku__rule(const eku__case *c, s2s_verdict *out)
{
    s2s_verdict_init(out);
    out->chain = chain_status(c);
    out->identity = c->identity;
    if (c->facts->len)
        out->eku = eku__eku(&c->facts->certs[0].purposes);
    out->revocation = revocation_of(c, out->chain);
    out->dane = dane_word(c->dane);
    out->expires = expiry_of(c);
    bool valid = out->chain == S2S_CHAIN_VALID;
    out->purpose_server = valid && c->path->server && first_bad(c, bars_server) == c->path->len;
    out->purpose_client = valid && first_bad(c, bars_client) == c->path->len;

    eku__ruling r = find(c, out);
    out->would_tolerant = proof_of(r.finding) != S2S_PROOF_NONE;
    out->would_strict = proof_of(r.strict_finding) != S2S_PROOF_NONE;
    if (c->mode == EKU_STRICT) {
        r.finding = r.strict_finding;
        r.where = r.strict_where;
    }
    out->proof = proof_of(r.finding);
    out->trusted = out->proof != S2S_PROOF_NONE;
    return r;
}
