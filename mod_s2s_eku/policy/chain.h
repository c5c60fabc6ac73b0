/* SPDX-License-Identifier: MIT */
/* chain.h: a presented chain as GnuTLS objects, for facts and verification. Internal. */
#ifndef EKU_CHAIN_H
#define EKU_CHAIN_H

#include <gnutls/x509.h>

#include "s2s/env.h"

typedef struct eku__chain {
    const s2s_env *env;
    gnutls_x509_crt_t *crt;
    size_t len;
} eku__chain;

/* Whether certificates presented are within limits.chain_certificates and limits.chain_bytes. */
bool eku__chain_in_limits(const s2s_env *env, const s2s_bytes *der, size_t len);
/* S2S_E_LIMIT: more than limits.chain_certificates or limits.chain_bytes. S2S_E_SYNTAX: not X.509. S2S_E_NOMEM. */
s2s_err eku__chain_import(const s2s_env *env, const s2s_bytes *der, size_t len, eku__chain *out);
void eku__chain_free(eku__chain *c); /* takes an empty one */

/* True if `crt` carries the extension `oid`, readable or not. */
bool eku__crt_has(gnutls_x509_crt_t crt, const char *oid);

#define EKU__OID_NAME_CONSTRAINTS "2.5.29.30"

#endif
