/* SPDX-License-Identifier: MIT */
/* facts.h: what stands in a chain of certificates, as plain data: no X.509 beyond this point. Internal. */
#ifndef EKU_FACTS_H
#define EKU_FACTS_H

#include "s2s/env.h"
#include "s2s/policy.h"

enum {
    EKU__NAMES_MAX = 1024,  /* names read from one certificate; further ones are ignored */
    EKU__PATH_MAX = 16,     /* certificates below the anchor; a longer path is S2S_CHAIN_INVALID */
    EKU__SUBJECT_MAX = 128, /* octets of a distinguished name kept for humans; the rest is cut */
    EKU__SPKI_HASH = 32,
};

typedef enum eku__name_type {
    EKU__NAME_DNS,  /* dNSName */
    EKU__NAME_SRV,  /* id-on-dnsSRV, "_service.domain" (RFC 4985) */
    EKU__NAME_XMPP, /* id-on-xmppAddr (RFC 6120 section 13.7.1.4) */
    EKU__NAME_IP,   /* iPAddress: 4 or 16 octets */
} eku__name_type;

typedef struct eku__name {
    eku__name_type type;
    s2s_str value; /* as in the certificate; without NUL, unless an IP address */
} eku__name;

/* Extended Key Usage (RFC 5280 section 4.2.1.12). */
typedef struct eku__purposes {
    bool present; /* the extension is there; absent = unrestricted */
    bool server, client, any, other;
} eku__purposes;

/* What they come to. */
s2s_eku eku__eku(const eku__purposes *purposes);

typedef struct eku__cert {
    char subject[EKU__SUBJECT_MAX], issuer[EKU__SUBJECT_MAX]; /* for humans; "" if empty */
    eku__purposes purposes;
    bool key_usage;         /* the extension is there */
    bool digital_signature; /* and has this bit */
    bool cert_sign;         /* and this one: keyCertSign */
    bool ca;                /* basicConstraints */
    int path_len;           /* -1: none */
    bool name_constraints;
    int64_t not_before, not_after; /* seconds since 1970 */
    const char *key_algorithm, *signature_algorithm; /* static */
    unsigned key_bits;
    bool signature_strong;  /* the algorithm is one that certificates may be signed with today */
    uint8_t spki_sha256[EKU__SPKI_HASH];
    eku__name *names;
    size_t names_len;
    size_t names_unusable;  /* with a NUL inside, of a wrong ASN.1 type, or of a kind that proves no domain */
} eku__cert;

typedef struct eku__facts {
    const s2s_env *env;
    eku__cert *certs; /* as presented, leaf first */
    size_t len;
} eku__facts;

typedef enum eku__crl_state {
    EKU__CRL_NONE,    /* no list would name it */
    EKU__CRL_CURRENT, /* one would, and does not */
    EKU__CRL_LISTED,  /* revoked */
    EKU__CRL_EXPIRED, /* one would and does not, but its time is over, or has not come */
    EKU__CRL_FORGED,  /* one would, but its signature does not verify */
} eku__crl_state;

/* What the revocation lists say of one certificate. */
typedef struct eku__crl_answer {
    eku__crl_state state;
    int64_t until; /* the next update of that list, seconds since 1970; 0: unknown */
} eku__crl_answer;

/* What verification adds; the only other input that rules take from certificates. Owned by whoever had it filled. */
typedef struct eku__path {
    const s2s_env *env;
    s2s_chain_status status; /* full validation without a purpose */
    bool server;             /* A: full validation for the purpose serverAuth */
    bool client_alone;       /* not A, but full validation for the purpose clientAuth */
    bool constrained;        /* name constraints, on the path or its anchor */
    size_t index[EKU__PATH_MAX]; /* into eku__facts.certs: leaf first, up to below the anchor */
    size_t len;
    uint8_t *anchor;         /* the certificate above the path, DER; NULL: none was found */
    size_t anchor_len;
    eku__crl_answer crl;     /* about the leaf, or about the one that is revoked */
    size_t revoked_at;       /* the step, if that is the status */
} eku__path;
void eku__path_free(eku__path *path); /* takes an empty one */

struct eku__chain;
/* S2S_E_SYNTAX: an extension that matters cannot be read. S2S_E_NOMEM. */
s2s_err eku__facts_read(const struct eku__chain *chain, eku__facts *out);
void eku__facts_free(eku__facts *f); /* takes an empty one */

#endif
