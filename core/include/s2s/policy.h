/* SPDX-License-Identifier: MIT */
/* policy.h: the interface of a certificate policy, and the verdict it gives.
 * libs2s asks; a policy answers. The one that ships is libs2s-eku (mod_s2s_eku/eku.h). */
#ifndef S2S_POLICY_H
#define S2S_POLICY_H

#include "s2s/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The words below are the same in logs, JSON and metrics (X(name, word)). */

/* What full path validation says, apart from the purpose. */
#define S2S_CHAIN_STATUSES(X)                                                                      \
    X(S2S_CHAIN_ABSENT, "absent")             /* no certificate was presented */                   \
    X(S2S_CHAIN_VALID, "valid")                                                                    \
    X(S2S_CHAIN_EXPIRED, "expired")                                                                \
    X(S2S_CHAIN_NOT_YET_VALID, "not-yet-valid")                                                    \
    X(S2S_CHAIN_UNKNOWN_ISSUER, "unknown-issuer")                                                  \
    X(S2S_CHAIN_SELF_SIGNED, "self-signed")                                                        \
    X(S2S_CHAIN_REVOKED, "revoked")                                                                \
    X(S2S_CHAIN_BAD_SIGNATURE, "bad-signature")                                                    \
    X(S2S_CHAIN_NOT_A_CA, "not-a-ca")         /* an issuer may not issue */                        \
    X(S2S_CHAIN_IS_A_CA, "is-a-ca")           /* the leaf is itself a CA (RFC 6120 13.7.2) */      \
    X(S2S_CHAIN_WEAK, "weak")                 /* key or signature algorithm */                     \
    X(S2S_CHAIN_KEY_USAGE, "key-usage")       /* leaf without digitalSignature */                  \
    X(S2S_CHAIN_CONSTRAINT, "constraint")     /* name or path length constraint, critical extension */ \
    X(S2S_CHAIN_MALFORMED, "malformed")       /* not parsable, too many, too large */              \
    X(S2S_CHAIN_INVALID, "invalid")           /* anything else that validation refuses */

typedef enum s2s_chain_status {
#define S2S_X(name, word) name,
    S2S_CHAIN_STATUSES(S2S_X)
#undef S2S_X
} s2s_chain_status;

#define S2S_IDENTITIES(X)                                                                          \
    X(S2S_IDENTITY_ABSENT, "absent")     /* no usable name in the certificate, or none */          \
    X(S2S_IDENTITY_MATCH, "match")                                                                 \
    X(S2S_IDENTITY_MISMATCH, "mismatch")

typedef enum s2s_identity {
#define S2S_X(name, word) name,
    S2S_IDENTITIES(S2S_X)
#undef S2S_X
} s2s_identity;

/* Extended Key Usage of the leaf (RFC 5280 section 4.2.1.12). */
#define S2S_EKUS(X)                                                                                \
    X(S2S_EKU_NONE, "none")     /* no EKU extension: unrestricted */                               \
    X(S2S_EKU_SERVER, "server")                                                                    \
    X(S2S_EKU_CLIENT, "client")                                                                    \
    X(S2S_EKU_BOTH, "both")                                                                        \
    X(S2S_EKU_ANY, "any")       /* anyExtendedKeyUsage, and neither of the two */                  \
    X(S2S_EKU_OTHER, "other")   /* only purposes that are not TLS */

typedef enum s2s_eku {
#define S2S_X(name, word) name,
    S2S_EKUS(S2S_X)
#undef S2S_X
} s2s_eku;

#define S2S_REVOCATIONS(X)                                                                         \
    X(S2S_REVOCATION_UNCHECKED, "unchecked")                                                       \
    X(S2S_REVOCATION_GOOD, "good")                                                                 \
    X(S2S_REVOCATION_REVOKED, "revoked")

typedef enum s2s_revocation {
#define S2S_X(name, word) name,
    S2S_REVOCATIONS(S2S_X)
#undef S2S_X
} s2s_revocation;

/* What proved the peer's domain (RFC 7712 section 4). Server Dialback is not a policy's proof. */
#define S2S_PROOFS(X)                                                                              \
    X(S2S_PROOF_NONE, "none")                                                                      \
    X(S2S_PROOF_PKIX, "pkix")   /* a path to a trust anchor, perhaps narrowed by TLSA records */   \
    X(S2S_PROOF_DANE, "dane")   /* a TLSA record in place of the trust anchors (usages 2 and 3) */

typedef enum s2s_proof {
#define S2S_X(name, word) name,
    S2S_PROOFS(S2S_X)
#undef S2S_X
} s2s_proof;

/* What TLSA records say of the certificate (RFC 6698). Of an initiator: evidence that decides nothing. */
#define S2S_DANES(X)                                                                               \
    X(S2S_DANE_NONE, "none")    /* not looked at, or no usable record */                           \
    X(S2S_DANE_MATCH, "match")                                                                     \
    X(S2S_DANE_MISMATCH, "mismatch")                                                               \
    X(S2S_DANE_BOGUS, "bogus")  /* the answers fail DNSSEC validation */

typedef enum s2s_dane {
#define S2S_X(name, word) name,
    S2S_DANES(S2S_X)
#undef S2S_X
} s2s_dane;

S2S_API const char *s2s_proof_word(s2s_proof proof);
S2S_API const char *s2s_dane_word(s2s_dane dane);
S2S_API const char *s2s_chain_status_word(s2s_chain_status status);
S2S_API const char *s2s_identity_word(s2s_identity identity);
S2S_API const char *s2s_eku_word(s2s_eku eku);
S2S_API const char *s2s_revocation_word(s2s_revocation revocation);

/* The judgement of one peer at one handshake. Plain data; copy it freely. A policy starts from
 * s2s_verdict_init(): refused, nothing known. */
typedef struct s2s_verdict {
    size_t size;              /* sizeof(s2s_verdict) */
    bool trusted;             /* the decision: the certificate proves the peer's domain under the mode in force */
    s2s_chain_status chain;
    s2s_identity identity;
    s2s_eku eku;              /* of the leaf */
    bool purpose_server;      /* A: the whole path is valid and permits a TLS server */
    bool purpose_client;      /* B: the whole path is valid and permits a TLS client */
    bool would_tolerant;      /* what each mode would decide: true = accept */
    bool would_strict;
    s2s_revocation revocation;
    s2s_proof proof;          /* none unless trusted */
    s2s_dane dane;
    bool dialback;            /* not trusted, but Server Dialback may prove the domain instead (XEP-0220) */
    int64_t expires;          /* earliest end of validity on the path, seconds since 1970; 0 = unknown */
    char reason[S2S_TEXT_MAX]; /* one sentence for the operator: what, and why */
    char tell[S2S_TEXT_MAX];   /* one sentence for the peer (<text/>); without host names */
} s2s_verdict;

S2S_API void s2s_verdict_init(s2s_verdict *verdict);

/* Names one question; unique within a federation object. */
typedef uint64_t s2s_ticket;

/* What DNSSEC says of an answer (RFC 4035 section 4.3). */
#define S2S_DNSSECS(X)                                                                             \
    X(S2S_DNSSEC_UNCHECKED, "unchecked") /* nobody asked */                                        \
    X(S2S_DNSSEC_INSECURE, "insecure")                                                             \
    X(S2S_DNSSEC_SECURE, "secure")                                                                 \
    X(S2S_DNSSEC_BOGUS, "bogus")

typedef enum s2s_dnssec {
#define S2S_X(name, word) name,
    S2S_DNSSECS(S2S_X)
#undef S2S_X
} s2s_dnssec;
S2S_API const char *s2s_dnssec_word(s2s_dnssec state);

/* One TLSA record (RFC 6698 section 2.1). `data` is lent with it. */
typedef struct s2s_tlsa {
    uint8_t usage, selector, matching;
    s2s_bytes data;
} s2s_tlsa;

/* Whom to judge. Everything is lent for the call. */
typedef struct s2s_peer {
    size_t size;           /* sizeof(s2s_peer) */
    s2s_role role;         /* the peer's: S2S_INITIATOR = it is the TLS client */
    s2s_str local;         /* our domain, normal form */
    s2s_str remote;        /* its domain, normal form: the reference identity */
    const s2s_bytes *chain; /* DER, as presented, leaf first; may be empty */
    size_t chain_len;
    int64_t wall;          /* seconds since 1970 */
    s2s_bytes staple;      /* the OCSP response (DER) that a receiver stapled; empty: none */
    s2s_str target;        /* the host that a DNSSEC-secure SRV record named, normal form (RFC 7673); else absent */
    s2s_dnssec tlsa_state; /* of the TLSA records of that host and port */
    const s2s_tlsa *tlsa;  /* only if secure */
    size_t tlsa_len;
} s2s_peer;

/* What holds for a remote domain before any connection with it is made. */
typedef struct s2s_remote_rule {
    size_t size;   /* sizeof(s2s_remote_rule) */
    bool allow;    /* false: no stream either way */
    bool dialback; /* Server Dialback may prove the domain where the certificate does not (XEP-0220) */
    bool dane;     /* ask for TLSA records (RFC 7673) */
} s2s_remote_rule;

/* How a peer said that it does not take *our* certificate. */
typedef enum s2s_refused_by {
    S2S_REFUSED_BY_ALERT,       /* TLS; in TLS 1.3 the alert may come after our handshake (RFC 8446 section 4.4.2.4) */
    S2S_REFUSED_BY_SASL,        /* <failure/> to EXTERNAL */
    S2S_REFUSED_BY_SILENCE,     /* it did not offer EXTERNAL (XEP-0178 section 3) */
    S2S_REFUSED_BY_STREAM_ERROR, /* perhaps for another reason: the text has to say so */
} s2s_refused_by;

/* Everything is lent for the call. */
typedef struct s2s_refusal {
    size_t size;      /* sizeof(s2s_refusal) */
    s2s_role role;    /* ours: S2S_INITIATOR = we were the TLS client */
    s2s_str local, remote; /* normal form; `remote` may be absent */
    s2s_refused_by by;
    s2s_str text;     /* what the peer said; may be empty */
    int alert;        /* the TLS alert number (RFC 8446 section 6), -1: none */
    const s2s_bytes *chain; /* what we presented: DER, leaf first; may be empty */
    size_t chain_len;
} s2s_refusal;

#define S2S_POLICY_ABI 1u
/* All functions are called from the thread of the federation object that asks. */
typedef struct s2s_policy_ops {
    uint32_t abi; /* S2S_POLICY_ABI */
    /* Judges `peer`. S2S_OK: `*out` is the verdict. S2S_E_PENDING: it comes later, once, through
     * s2s_federation_answer(..., ticket, ...). Until then nothing of the peer's is read but its end, which is answered at once. Any
     * other error counts as refused. */
    s2s_err (*judge)(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out);
    /* Optional (NULL: the peer's words are logged alone). The peer refused *our* certificate. Writes one sentence with
     * the likely cause into `out` and returns true, or returns false if nothing is known about it. */
    bool (*explain_refusal)(void *self, const s2s_refusal *refusal, char out[S2S_TEXT_MAX]);
    /* Optional (NULL: allowed, without dialback and DANE). Fills `out`, whose `size` is set. */
    void (*remote_rule)(void *self, s2s_str local, s2s_str remote, s2s_remote_rule *out);
} s2s_policy_ops;

/* A policy as the library takes it: `self` belongs to the caller and outlives its users. */
typedef struct s2s_policy {
    const s2s_policy_ops *ops;
    void *self;
} s2s_policy;

#ifdef __cplusplus
}
#endif
#endif
