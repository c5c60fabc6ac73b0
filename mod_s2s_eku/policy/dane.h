/* SPDX-License-Identifier: MIT */
/* dane.h: TLSA records against certificates (RFC 6698, RFC 7671, RFC 7673). Internal. */
#ifndef EKU_DANE_H
#define EKU_DANE_H

#include "s2s/policy.h"

enum {
    EKU__TLSA_MAX = 64,        /* records of one host looked at; the rest is ignored */
    EKU__TLSA_ANCHORS_MAX = 8, /* whole certificates in them that are tried as anchors */
};

/* RFC 6698 section 2.1.1, RFC 7218. */
typedef enum eku__tlsa_usage {
    EKU__PKIX_TA = 0,
    EKU__PKIX_EE = 1,
    EKU__DANE_TA = 2,
    EKU__DANE_EE = 3,
} eku__tlsa_usage;

/* What the records of a peer say of its chain. */
typedef enum eku__dane {
    EKU__DANE_SILENT,   /* nobody asked, or there is no usable record: PKIX alone decides */
    EKU__DANE_BY_PKIX,  /* usage 0 or 1 matches on the path that PKIX takes, which decides the rest */
    EKU__DANE_BY_TA,    /* usage 2: the path is the one below the certificate that matches */
    EKU__DANE_BY_EE,    /* usage 3 matches the leaf: nothing else counts (RFC 7671 section 5.1) */
    EKU__DANE_NO_MATCH, /* there are usable records, and none matches */
    EKU__DANE_BOGUS,    /* DNSSEC validation failed */
} eku__dane;

/* The records of one host. Lent. */
typedef struct eku__tlsa {
    const s2s_tlsa *records;
    size_t len;
} eku__tlsa;

/* Whether any record can be used at all: usage, selector, matching type known, data of their length (RFC 7671
 * section 9). */
bool eku__tlsa_usable(eku__tlsa tlsa);
/* Whether a usable record of `usage` names this certificate (DER). */
bool eku__tlsa_names(eku__tlsa tlsa, eku__tlsa_usage usage, s2s_bytes certificate);
/* The certificate itself, if a record of usage 2 holds one whole ("2 0 0"); the `n`th such. False: there are not so many. */
bool eku__tlsa_whole_anchor(eku__tlsa tlsa, size_t n, s2s_bytes *certificate);

#endif
