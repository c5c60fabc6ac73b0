/* SPDX-License-Identifier: MIT */
/* ocsp.c: verifying what a server stapled. */
#include "policy/ocsp.h"

#include <gnutls/ocsp.h>

static gnutls_datum_t datum(s2s_bytes b)
{
    /* GnuTLS takes the bytes as writable, and only reads them. */
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)b.ptr, (unsigned)b.len};
}

static bool import(s2s_bytes der, gnutls_x509_crt_t *out)
{
    gnutls_datum_t d = datum(der);
    return gnutls_x509_crt_init(out) >= 0 && gnutls_x509_crt_import(*out, &d, GNUTLS_X509_FMT_DER) >= 0;
}

static bool is_in_time(time_t this_update, time_t next_update, int64_t wall)
{
    if (this_update == (time_t)-1 || wall + EKU__OCSP_SKEW < (int64_t)this_update)
        return false;
    int64_t until = next_update == (time_t)-1 ? (int64_t)this_update + EKU__OCSP_AGE_MAX : (int64_t)next_update;
    return wall <= until;
}

/* The single response about `leaf`, in a response whose signature holds. */
static eku__ocsp_answer read_single(gnutls_ocsp_resp_t response, gnutls_x509_crt_t leaf, int64_t wall)
{
    for (unsigned i = 0; i < EKU__OCSP_SINGLES_MAX; i++) {
        unsigned status = GNUTLS_OCSP_CERT_UNKNOWN;
        time_t this_update = -1, next_update = -1;
        if (gnutls_ocsp_resp_check_crt(response, i, leaf) < 0)
            continue;
        if (gnutls_ocsp_resp_get_single(response, i, NULL, NULL, NULL, NULL, &status, &this_update, &next_update,
                                        NULL, NULL) < 0)
            return EKU__OCSP_UNUSABLE;
        if (status == GNUTLS_OCSP_CERT_REVOKED) /* also when stale: it does not become good again */
            return EKU__OCSP_REVOKED;
        if (status != GNUTLS_OCSP_CERT_GOOD)
            return EKU__OCSP_UNKNOWN;
        return is_in_time(this_update, next_update, wall) ? EKU__OCSP_GOOD : EKU__OCSP_STALE;
    }
    return EKU__OCSP_UNUSABLE;
}

static eku__ocsp_answer read_response(gnutls_ocsp_resp_t response, s2s_bytes staple, gnutls_x509_crt_t leaf,
                                      gnutls_x509_crt_t issuer, int64_t wall)
{
    gnutls_datum_t der = datum(staple);
    unsigned status = 0;
    if (gnutls_ocsp_resp_import(response, &der) < 0 ||
        gnutls_ocsp_resp_get_status(response) != GNUTLS_OCSP_RESP_SUCCESSFUL)
        return EKU__OCSP_UNUSABLE;
    if (gnutls_ocsp_resp_verify_direct(response, issuer, &status, 0) < 0 || status != 0)
        return EKU__OCSP_UNUSABLE;
    return read_single(response, leaf, wall);
}

eku__ocsp_answer eku__ocsp_read(s2s_bytes staple, s2s_bytes leaf, s2s_bytes issuer, int64_t wall)
{
    gnutls_x509_crt_t leaf_crt = NULL, issuer_crt = NULL;
    gnutls_ocsp_resp_t response = NULL;
    eku__ocsp_answer answer = EKU__OCSP_UNUSABLE;
    if (staple.len == 0)
        return EKU__OCSP_NONE;
    if (staple.len <= EKU__OCSP_MAX && import(leaf, &leaf_crt) && import(issuer, &issuer_crt) &&
        gnutls_ocsp_resp_init(&response) >= 0)
        answer = read_response(response, staple, leaf_crt, issuer_crt, wall);
    if (response)
        gnutls_ocsp_resp_deinit(response);
    if (issuer_crt)
        gnutls_x509_crt_deinit(issuer_crt);
    if (leaf_crt)
        gnutls_x509_crt_deinit(leaf_crt);
    return answer;
}
