/* SPDX-License-Identifier: MIT */
/* ocsp.h: a stapled OCSP response (RFC 6960, RFC 6066 section 8). Internal. */
#ifndef EKU_OCSP_H
#define EKU_OCSP_H

#include "s2s/base.h"

enum {
    EKU__OCSP_MAX = 64 << 10,          /* octets; a larger response is unusable */
    EKU__OCSP_AGE_MAX = 7 * 24 * 3600, /* seconds that a response without nextUpdate is good for */
    EKU__OCSP_SINGLES_MAX = 16,        /* certificates in one response that are looked at */
    EKU__OCSP_SKEW = 300,              /* seconds by which clocks may differ */
};

typedef enum eku__ocsp_answer {
    EKU__OCSP_NONE,     /* nobody asked, or nothing was stapled */
    EKU__OCSP_GOOD,
    EKU__OCSP_REVOKED,
    EKU__OCSP_UNKNOWN,  /* the responder does not know the certificate */
    EKU__OCSP_STALE,    /* "good", but its time is over or has not come */
    EKU__OCSP_UNUSABLE, /* not readable, about another certificate, or its signature does not verify */
} eku__ocsp_answer;

/* The response must be about `leaf` and signed by `issuer` or by whom that one delegated it to (RFC 6960 section 4.2.2.2);
 * all DER. `wall` in seconds since 1970. */
eku__ocsp_answer eku__ocsp_read(s2s_bytes staple, s2s_bytes leaf, s2s_bytes issuer, int64_t wall);

#endif
