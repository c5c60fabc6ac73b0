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

/* What a policy is made of; lent for the call that makes it, `env` for the policy's life. */
typedef struct eku_options {
    size_t size; /* set by eku_options_init */
    const s2s_env *env; /* memory, and the limits chain_certificates and chain_bytes */
    eku_mode mode;               /* for remote domains without a mode of their own */
    bool system_trust;           /* the system's CA store */
    const char *const *ca_files; /* PEM files of further anchors */
    size_t ca_files_len;
} eku_options;
/* tolerant, the system's store, no files. */
S2S_API void eku_options_init(eku_options *options, const s2s_env *env);

/* Trust anchors and modes. The anchors are read once. GnuTLS judges times by the machine's clock, and the policy judges
 * them again by the caller's (s2s_peer.wall): a chain must hold by both. Revocation is not checked, and the verdict
 * says so. */
typedef struct eku_policy eku_policy;

/* Refuses an unreadable file and an empty set of anchors (`why` names which): an empty store would make every peer look
 * bad. `why` may be NULL. S2S_OK, S2S_E_INVAL, S2S_E_NOMEM. One policy belongs to one thread. */
S2S_API s2s_err eku_policy_new(const eku_options *options, eku_policy **out, char why[S2S_TEXT_MAX]);
/* Another mode for remote domains that match: "peer.example", "*.peer.example" (one or more labels), "*". The first
 * added that matches wins. `match` is copied. S2S_OK, S2S_E_INVAL, S2S_E_NOMEM. */
S2S_API s2s_err eku_policy_add_remote(eku_policy *policy, const char *match, eku_mode mode);
S2S_API void eku_policy_free(eku_policy *policy); /* takes NULL */

/* As libs2s takes it; valid as long as `policy`. */
S2S_API s2s_policy eku_policy_interface(eku_policy *policy);

#ifdef __cplusplus
}
#endif
#endif
