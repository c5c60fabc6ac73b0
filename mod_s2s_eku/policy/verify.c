/* SPDX-License-Identifier: MIT */
/* verify.c: one path, validated for serverAuth; again without a purpose when that fails.
 *
 * The purpose bit is never masked: at a CA whose purposes do not fit, GnuTLS stops before it has looked at the
 * certificates below, so the same status may hide an expired or a forged leaf. */
#include "policy/verify.h"

#include <string.h>

#include "protocol/buf.h"

/* At least 112 bits everywhere (RFC 9325 section 4.5), which excludes SHA-1. A leaf that is itself in the trust
 * store is not thereby trusted: it would skip the checks of its path. */
#define VERIFY_FLAGS (GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM) | GNUTLS_VERIFY_DO_NOT_ALLOW_SAME)

static bool on_path(const eku__path *path, size_t index)
{
    for (size_t i = 0; i < path->len; i++) {
        if (path->index[i] == index)
            return true;
    }
    return false;
}

/* The next presented certificate that issued `below`; `chain->len` if there is none. */
static size_t find_issuer(const eku__chain *chain, const eku__path *path, size_t below)
{
    for (size_t i = 1; i < chain->len; i++) {
        if (!on_path(path, i) && gnutls_x509_crt_check_issuer(chain->crt[below], chain->crt[i]))
            return i;
    }
    return chain->len;
}

static s2s_err keep_anchor(gnutls_x509_crt_t anchor, eku__path *path)
{
    gnutls_datum_t der = {0};
    path->constrained = path->constrained || eku__crt_has(anchor, EKU__OID_NAME_CONSTRAINTS);
    if (gnutls_x509_crt_export2(anchor, GNUTLS_X509_FMT_DER, &der) < 0)
        return S2S_E_NOMEM;
    path->anchor = s2s__alloc(path->env, der.size);
    if (path->anchor) {
        memcpy(path->anchor, der.data, der.size);
        path->anchor_len = der.size;
    }
    gnutls_free(der.data);
    return path->anchor ? S2S_OK : S2S_E_NOMEM;
}

/* From the leaf upwards, until an anchor is the issuer or none is found. Peers send certificates in any order, and
 * some that do not belong here; those are left out, so that both verdicts are about the same certificates.
 * S2S_E_LIMIT: too long. */
static s2s_err build(gnutls_x509_trust_list_t trust, const eku__chain *chain, eku__path *path)
{
    size_t at = 0;
    for (;;) {
        gnutls_x509_crt_t anchor = NULL;
        if (path->len == EKU__PATH_MAX)
            return S2S_E_LIMIT;
        path->index[path->len++] = at;
        path->constrained = path->constrained || eku__crt_has(chain->crt[at], EKU__OID_NAME_CONSTRAINTS);
        /* A copy: a store behind PKCS#11 gives nothing else. */
        if (gnutls_x509_trust_list_get_issuer(trust, chain->crt[at], &anchor, GNUTLS_TL_GET_COPY) >= 0) {
            s2s_err err = keep_anchor(anchor, path);
            gnutls_x509_crt_deinit(anchor);
            return err;
        }
        at = find_issuer(chain, path, at);
        if (at == chain->len)
            return S2S_OK; /* validation says so */
    }
}

/* The status bits; "invalid" if GnuTLS cannot tell. It may reorder the list that it is given. */
static s2s_err validate(gnutls_x509_trust_list_t trust, const eku__chain *chain, const eku__path *path,
                        const char *purpose, unsigned *status)
{
    gnutls_x509_crt_t crts[EKU__PATH_MAX];
    for (size_t i = 0; i < path->len; i++)
        crts[i] = chain->crt[path->index[i]];
    gnutls_typed_vdata_st data = {.type = GNUTLS_DT_KEY_PURPOSE_OID,
                                  .data = (unsigned char *)(uintptr_t)purpose};
    unsigned bits = 0;
    int r = gnutls_x509_trust_list_verify_crt2(trust, crts, (unsigned)path->len, &data,
                                               purpose ? 1 : 0, VERIFY_FLAGS, &bits, NULL);
    if (r == GNUTLS_E_MEMORY_ERROR)
        return S2S_E_NOMEM;
    *status = r < 0 ? bits | GNUTLS_CERT_INVALID : bits;
    return S2S_OK;
}

/* The gravest first: a forged certificate's other faults mean nothing. */
static s2s_chain_status status_of(unsigned bits, bool self_signed)
{
    static const struct {
        unsigned bit;
        s2s_chain_status status;
    } ORDER[] = {
        {GNUTLS_CERT_SIGNATURE_FAILURE, S2S_CHAIN_BAD_SIGNATURE},
        {GNUTLS_CERT_REVOKED, S2S_CHAIN_REVOKED},
        {GNUTLS_CERT_SIGNER_NOT_FOUND, S2S_CHAIN_UNKNOWN_ISSUER},
        {GNUTLS_CERT_SIGNER_NOT_CA, S2S_CHAIN_NOT_A_CA},
        {GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, S2S_CHAIN_CONSTRAINT},
        {GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, S2S_CHAIN_CONSTRAINT},
        {GNUTLS_CERT_INSECURE_ALGORITHM, S2S_CHAIN_WEAK},
        {GNUTLS_CERT_EXPIRED, S2S_CHAIN_EXPIRED},
        {GNUTLS_CERT_NOT_ACTIVATED, S2S_CHAIN_NOT_YET_VALID},
    };
    if (bits == 0)
        return S2S_CHAIN_VALID;
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        if (bits & ORDER[i].bit)
            return ORDER[i].status == S2S_CHAIN_UNKNOWN_ISSUER && self_signed ? S2S_CHAIN_SELF_SIGNED
                                                                              : ORDER[i].status;
    }
    return S2S_CHAIN_INVALID;
}

/* Both purposes, and the true reason where one fails. */
static s2s_err validate_all(gnutls_x509_trust_list_t trust, const eku__chain *chain, eku__path *path)
{
    unsigned bits = 0, client = 0;
    s2s_err err = validate(trust, chain, path, GNUTLS_KP_TLS_WWW_SERVER, &bits);
    if (err != S2S_OK)
        return err;
    path->server = bits == 0;
    if (!path->server && (err = validate(trust, chain, path, NULL, &bits)) != S2S_OK)
        return err;
    if (!path->server && bits == 0) {
        if ((err = validate(trust, chain, path, GNUTLS_KP_TLS_WWW_CLIENT, &client)) != S2S_OK)
            return err;
        path->client_alone = client == 0;
    }
    path->status = status_of(bits, gnutls_x509_crt_check_issuer(chain->crt[0], chain->crt[0]) != 0);
    return S2S_OK;
}

s2s_err eku__verify(gnutls_x509_trust_list_t trust, const eku__chain *chain, eku__path *out)
{
    eku__path path = {.env = chain->env, .status = S2S_CHAIN_INVALID};
    s2s_err err = build(trust, chain, &path);
    if (err == S2S_OK)
        err = validate_all(trust, chain, &path);
    else if (err == S2S_E_LIMIT)
        err = S2S_OK;
    /* GnuTLS says "no" when it has no memory. What was validated has an anchor; without it no list would be looked at. */
    if (err == S2S_OK && path.status == S2S_CHAIN_VALID && !path.anchor)
        err = S2S_E_NOMEM;
    if (err == S2S_OK)
        *out = path;
    else
        eku__path_free(&path);
    return err;
}
