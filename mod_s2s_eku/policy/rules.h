/* SPDX-License-Identifier: MIT */
/* rules.h: facts, path and names -> the decision. Pure; the whole truth table is a table test. Internal. */
#ifndef EKU_RULES_H
#define EKU_RULES_H

#include "mod_s2s_eku/eku.h"
#include "policy/dane.h"
#include "policy/facts.h"
#include "policy/ocsp.h"

/* What decided. X(name, what the certificate is or does): the words stand after "the certificate of DOMAIN" for the
 * operator and after "Your server's certificate" for the peer, so none of them has room for a host name. */
#define EKU__FINDINGS(X)                                                                           \
    X(EKU__ACCEPTED, "is accepted: valid as a server's")                                           \
    X(EKU__ACCEPTED_BOTH, "is accepted: valid as a server's and as a client's")                    \
    X(EKU__ACCEPTED_CLIENT, "is accepted: valid as a client's alone, which is enough here below this CA") \
    X(EKU__ACCEPTED_DANE_EE, "is accepted: a TLSA record names its key")                           \
    X(EKU__ACCEPTED_DANE_TA, "is accepted: valid as a server's, below a CA that a TLSA record names") \
    X(EKU__ABSENT, "is missing: none was presented")                                               \
    X(EKU__EXPIRED, "has expired, or a CA certificate above it has")                               \
    X(EKU__NOT_YET_VALID, "is not valid yet, or a CA certificate above it is not")                 \
    X(EKU__UNKNOWN_ISSUER, "does not lead to a trusted CA: the issuer is unknown, or an "          \
                           "intermediate certificate was not sent")                                \
    X(EKU__SELF_SIGNED, "is self-signed")                                                          \
    X(EKU__REVOKED, "has been revoked")                                                            \
    X(EKU__BAD_SIGNATURE, "has a signature that does not verify, or a CA certificate above it has") \
    X(EKU__NOT_A_CA, "was issued by a certificate that may not issue any")                             \
    X(EKU__IS_A_CA, "is a CA's own, not a server's")                                               \
    X(EKU__WEAK, "has a key or signature algorithm that is too weak, or a CA certificate above it has") \
    X(EKU__KEY_USAGE, "has a key usage without digitalSignature, which TLS needs")                 \
    X(EKU__CONSTRAINT, "breaks a constraint of its CA (names or path length), or has an unknown "  \
                       "critical extension")                                                       \
    X(EKU__MALFORMED, "cannot be read, or came with too many others")                              \
    X(EKU__INVALID, "fails validation")                                                            \
    X(EKU__LEAF_CLIENT_ONLY, "has the wrong purpose: its extended key usage permits clients only, " \
                             "and serverAuth is required in both directions")                      \
    X(EKU__LEAF_ANY_ONLY, "has no definite purpose: its extended key usage is "                    \
                          "anyExtendedKeyUsage alone, and serverAuth is required")                 \
    X(EKU__LEAF_OTHER, "has the wrong purpose: its extended key usage lacks serverAuth")           \
    X(EKU__CA_PURPOSE, "has the wrong purpose: a CA above it may not issue for serverAuth")        \
    X(EKU__STRICT_LEAF, "has the wrong purpose for a connecting server here: its extended key "    \
                        "usage lacks clientAuth")                                                  \
    X(EKU__STRICT_CA, "has the wrong purpose for a connecting server here: a CA above it may not " \
                      "issue for clientAuth")                                                      \
    X(EKU__NO_NAME, "has no subject alternative name that could prove a domain")                   \
    X(EKU__OTHER_NAME, "is not valid for this domain")                                             \
    X(EKU__NO_EKU, "has no extended key usage, and serverAuth is required")                        \
    X(EKU__OTHER_KEY, "has a public key other than those that are expected here")                  \
    X(EKU__OCSP_MISSING, "came without a current OCSP response, which is required here")           \
    X(EKU__DANE_MISMATCH, "is none that the TLSA records of the domain name")                      \
    X(EKU__DNS_BOGUS, "is not looked at: the DNS answers about it fail DNSSEC validation")         \
    X(EKU__NOT_ALLOWED, "is not looked at: this server does not federate with its domain")

typedef enum eku__finding {
#define EKU__X(name, words) name,
    EKU__FINDINGS(EKU__X)
#undef EKU__X
} eku__finding;

typedef struct eku__case {
    const eku__facts *facts;
    const eku__path *path; /* status S2S_CHAIN_ABSENT or _MALFORMED: there are no facts */
    s2s_identity identity;
    eku_mode mode;
    bool require_eku, any_eku, client_only; /* as eku_options; client_only: and the anchors are such */
    bool allow;
    bool pinned;   /* its key is one of the pins, or there are none */
    eku__dane dane;
    eku__ocsp_answer ocsp;
    bool ocsp_must;
    s2s_role role; /* the peer's */
    int64_t wall;  /* seconds since 1970 */
} eku__case;

#define EKU__NOWHERE SIZE_MAX

typedef struct eku__ruling {
    eku__finding finding;
    size_t where; /* the certificate it is about, an index into facts; or EKU__NOWHERE */
    /* ACCEPTED an initiator whom strict would refuse: why it would; otherwise the finding itself. The mode in force has
     * chosen between the two for `finding`. */
    eku__finding strict_finding;
    size_t strict_where;
} eku__ruling;

/* Fills every field of `out` but `dialback` and the two sentences. tolerant: A. strict: A, and of an initiator B too; with
 * client_only an initiator's B is enough. Own checks only narrow what GnuTLS accepted: a leaf that is a CA, its key usage,
 * times by `wall`, anyExtendedKeyUsage alone, an absent extension, pins,
 * OCSP, TLSA records. A TLSA record of usage 3 alone takes the place of all that; and of pins not. */
eku__ruling eku__rule(const eku__case *c, s2s_verdict *out);

#endif
