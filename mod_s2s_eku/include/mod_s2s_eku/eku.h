/* SPDX-License-Identifier: MIT */
/* eku.h: the certificate policy of libs2s-eku: names, chain and Extended Key Usage, in two modes. */
#ifndef MOD_S2S_EKU_EKU_H
#define MOD_S2S_EKU_EKU_H

#include "s2s/env.h"
#include "s2s/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What an initiating server's certificate must permit. The receiver's is always judged as a server's. */
typedef enum eku_mode {
    EKU_TOLERANT, /* valid as a TLS server's, whichever side opened the connection */
    EKU_STRICT,   /* the same, and of an initiator also valid as a TLS client's (RFC 5280 by TLS role) */
} eku_mode;
S2S_API const char *eku_mode_word(eku_mode mode); /* "tolerant", "strict" */

/* What becomes of the OCSP response that a receiving server stapled (RFC 6066 section 8). */
typedef enum eku_ocsp {
    EKU_OCSP_OFF,  /* it is not looked at */
    EKU_OCSP_SOFT, /* "revoked" refuses; without a usable response revocation stays unchecked */
    EKU_OCSP_MUST, /* no certificate without a current response that says "good" */
} eku_ocsp;
S2S_API const char *eku_ocsp_word(eku_ocsp ocsp); /* "off", "soft", "must" */

/* What a policy is made of; lent for the call that makes it, `env` for the policy's life. What a remote (below)
 * leaves out comes from here. */
typedef struct eku_options {
    size_t size; /* set by _init; s2s/base.h says how such structs grow */
    const s2s_env *env; /* memory, and the limits chain_certificates and chain_bytes */
    eku_mode mode;
    bool require_eku;            /* a certificate without Extended Key Usage is refused */
    bool any_eku;                /* anyExtendedKeyUsage of a leaf stands for every purpose */
    bool client_only;            /* an initiator's certificate may be valid as a client's alone, where the anchors
                                  * exclude the system's store: no public CA vouches for a domain that way */
    eku_ocsp ocsp;
    bool dane;                   /* TLSA records count (RFC 7673), unless a remote has anchors of its own */
    bool dialback;               /* Server Dialback may be the proof where the certificate is none (XEP-0220) */
    bool allow;                  /* false: only remotes that say so themselves */
    bool system_trust;           /* the system's CA store */
    const char *const *ca_files; /* PEM files of further anchors */
    size_t ca_files_len;
    const char *const *crl_files; /* PEM or DER files of revocation lists */
    size_t crl_files_len;
} eku_options;
/* tolerant, the system's store, no files; OCSP soft, DANE on; everybody is allowed; the rest off. */
S2S_API void eku_options_init(eku_options *options, size_t size, const s2s_env *env);
#define eku_options_init(options, env) eku_options_init((options), sizeof *(options), (env))

/* Of a remote: what the policy's options say, or one of the two. */
typedef enum eku_choice { EKU_INHERIT, EKU_NO, EKU_YES } eku_choice;

/* Rules for remote domains that match. Lent for the call. */
typedef struct eku_remote {
    size_t size;        /* set by _init */
    const char *match;  /* "peer.example", "*.peer.example" (one or more labels), "*" */
    const eku_mode *mode; /* NULL: inherited */
    eku_choice allow, dialback;
    const char *const *ca_files; /* PEM; the only anchors that count for it; none: inherited */
    size_t ca_files_len;
    const char *const *pins; /* "sha256/BASE64" of the SubjectPublicKeyInfo: the leaf has one of these keys, besides
                              * a valid chain; none: any key */
    size_t pins_len;
} eku_remote;
/* Everything inherited. */
S2S_API void eku_remote_init(eku_remote *remote, size_t size, const char *match);
#define eku_remote_init(remote, match) eku_remote_init((remote), sizeof *(remote), (match))

enum { EKU_PIN_BYTES = 32 };
/* The hash in a pin's text. S2S_E_SYNTAX: not "sha256/" and the base64 of 32 octets. */
S2S_API s2s_err eku_pin_decode(const char *pin, uint8_t hash[EKU_PIN_BYTES]);

/* Trust anchors and rules. The files are read once. GnuTLS judges times by the machine's clock, and the policy judges
 * them again by the caller's (s2s_peer.wall): a chain must hold by both. */
typedef struct eku_policy eku_policy;

/* Refuses an unreadable file and an empty set of anchors (`why` names which): an empty store would make every peer look
 * bad. `why` may be NULL. S2S_OK, S2S_E_INVAL, S2S_E_NOMEM. One policy belongs to one thread. */
S2S_API s2s_err eku_policy_new(const eku_options *options, eku_policy **out, char why[S2S_TEXT_MAX]);
/* The first added that matches wins. S2S_OK, S2S_E_INVAL (`why`, unless NULL, says what is wrong), S2S_E_STATE (shared),
 * S2S_E_NOMEM; then nothing was added. */
S2S_API s2s_err eku_policy_add_remote(eku_policy *policy, const eku_remote *remote, char why[S2S_TEXT_MAX]);
/* The same anchors and rules as one policy more, for another thread: they are shared and read only, so that nothing can be added to
 * either; what is known of chains is its own. `env`'s resize must work in all of these threads. Freed like any other, in any
 * order. S2S_OK, S2S_E_NOMEM. */
S2S_API s2s_err eku_policy_share(eku_policy *policy, eku_policy **out);
/* Reload: `policy` goes on with what `with` was made of, at once and as a whole, and `with` is freed. Its interface stays
 * valid, and verdicts that were given stay as they are. Never fails: what could fail did when `with` was made. */
S2S_API void eku_policy_replace(eku_policy *policy, eku_policy *with);
S2S_API void eku_policy_free(eku_policy *policy); /* takes NULL */

/* As libs2s takes it; valid as long as `policy`. */
S2S_API s2s_policy eku_policy_interface(eku_policy *policy);

#ifdef __cplusplus
}
#endif
#endif
