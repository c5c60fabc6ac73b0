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

static s2s_eku eku_of(const eku__purposes *p)
{
    if (!p->present)
        return S2S_EKU_NONE;
    if (p->server)
        return p->client ? S2S_EKU_BOTH : S2S_EKU_SERVER;
    if (p->client)
        return S2S_EKU_CLIENT;
    return p->any ? S2S_EKU_ANY : S2S_EKU_OTHER;
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
    case S2S_CHAIN_UNKNOWN_ISSUER: step = c->path->len - 1; break;
    case S2S_CHAIN_SELF_SIGNED:
    case S2S_CHAIN_IS_A_CA:
    case S2S_CHAIN_KEY_USAGE: step = 0; break;
    case S2S_CHAIN_ABSENT:
    case S2S_CHAIN_VALID:
    case S2S_CHAIN_REVOKED:
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
    switch (eku_of(&cert_at(c, 0)->purposes)) {
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

/* What tolerant finds, and strict beside it. The order is the order of gravity: what is wrong with the chain, with the
 * name, with the purpose, with what this server asks for besides. */
static eku__ruling find(const eku__case *c, const s2s_verdict *v)
{
    eku__ruling r = {.where = EKU__NOWHERE};
    if (!c->allow) {
        r.finding = EKU__NOT_ALLOWED;
    } else if (v->chain != S2S_CHAIN_VALID) {
        r.finding = finding_of_chain(v->chain);
        r.where = place_of_chain(c, v->chain);
    } else if (v->identity != S2S_IDENTITY_MATCH) {
        rule_on(&r, v->identity == S2S_IDENTITY_ABSENT ? EKU__NO_NAME : EKU__OTHER_NAME, c, 0);
    } else if (!v->purpose_server && !client_suffices(c, v)) {
        size_t step = first_bad(c, bars_server);
        rule_on(&r, server_finding(c, step), c, step);
    } else if (lacks_eku(c)) {
        rule_on(&r, EKU__NO_EKU, c, 0);
    } else if (!c->pinned) {
        rule_on(&r, EKU__OTHER_KEY, c, 0);
    } else if (!v->purpose_server) {
        rule_on(&r, EKU__ACCEPTED_CLIENT, c, 0);
    } else {
        rule_on(&r, v->purpose_client ? EKU__ACCEPTED_BOTH : EKU__ACCEPTED, c, 0);
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

static bool is_acceptance(eku__finding finding)
{
    return finding == EKU__ACCEPTED || finding == EKU__ACCEPTED_BOTH || finding == EKU__ACCEPTED_CLIENT;
}

eku__ruling eku__rule(const eku__case *c, s2s_verdict *out)
{
    s2s_verdict_init(out);
    out->chain = chain_status(c);
    out->identity = c->identity;
    if (c->facts->len)
        out->eku = eku_of(&c->facts->certs[0].purposes);
    for (size_t i = 0; i < c->path->len; i++) {
        int64_t end = cert_at(c, i)->not_after;
        if (out->expires == 0 || end < out->expires)
            out->expires = end;
    }
    bool valid = out->chain == S2S_CHAIN_VALID;
    out->purpose_server = valid && c->path->server && first_bad(c, bars_server) == c->path->len;
    out->purpose_client = valid && first_bad(c, bars_client) == c->path->len;

    eku__ruling r = find(c, out);
    out->would_tolerant = is_acceptance(r.finding);
    out->would_strict = is_acceptance(r.strict_finding);
    if (c->mode == EKU_STRICT) {
        r.finding = r.strict_finding;
        r.where = r.strict_where;
    }
    out->trusted = c->mode == EKU_STRICT ? out->would_strict : out->would_tolerant;
    return r;
}
