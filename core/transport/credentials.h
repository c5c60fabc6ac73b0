/* SPDX-License-Identifier: MIT */
/* credentials.h: our certificates with their keys, and the TLS settings all pumps share. Internal.
 *
 * Trust is not here: which certificates a peer may have is the policy's affair. */
#ifndef S2S_CREDENTIALS_H
#define S2S_CREDENTIALS_H

#include "s2s/env.h"

/* A chain and its private key, read once and never changed: a reload makes a new one, the old one lives as
 * long as someone holds it. References may be taken and dropped in any thread if `env` allows that. */
typedef struct s2s__identity s2s__identity;

/* A PEM file larger than this is refused. */
#define S2S__PEM_MAX 1048576

/* Reads a chain (leaf first) and its key, which may be in the same file. On failure `why` (may be NULL)
 * names the file and its fault: S2S_E_IO (unreadable), S2S_E_LIMIT (too large), S2S_E_INVAL (no certificate or key in it, or they
 * do not belong together), S2S_E_NOMEM. An expired certificate is no failure: see s2s__identity_expires. */
s2s_err s2s__identity_load(const s2s_env *env, const char *certificate_file, const char *key_file,
                           s2s__identity **out, char why[S2S_TEXT_MAX]);
/* The same of PEM texts, which are lent for the call. `why` calls them "certificate" and "key". */
s2s_err s2s__identity_read(const s2s_env *env, s2s_bytes certificate, s2s_bytes key, s2s__identity **out,
                           char why[S2S_TEXT_MAX]);
s2s__identity *s2s__identity_ref(s2s__identity *identity); /* takes and returns NULL */
void s2s__identity_unref(s2s__identity *identity);         /* takes NULL */

/* True if the leaf has a DNS-ID or an SRV-ID (`_xmpp-server`) for `domain`, in any form: equal, or a
 * wildcard for the left-most label (RFC 9525 section 6.3). The common name and XmppAddr do not count, as
 * many peers do not look there. Never true for an IP literal. */
bool s2s__identity_covers(const s2s__identity *identity, s2s_str domain);

/* The leaf's validity, seconds since 1970. */
int64_t s2s__identity_begins(const s2s__identity *identity);
int64_t s2s__identity_expires(const s2s__identity *identity);

/* What is presented: DER, leaf first, as long as `identity`. Returns how many; no more than fit are told of. */
#define S2S__IDENTITY_CHAIN_MAX 16
size_t s2s__identity_chain(const s2s__identity *identity, s2s_bytes out[S2S__IDENTITY_CHAIN_MAX]);

/* Protocol versions, algorithms and the callback that presents a pump's own identity. Must outlive all pumps
 * made with it. */
typedef struct s2s__credentials s2s__credentials;

/* S2S_E_TLS: this GnuTLS (or its system-wide configuration) does not know the algorithms; `why` says. */
s2s_err s2s__credentials_new(const s2s_env *env, s2s__credentials **out, char why[S2S_TEXT_MAX]);
void s2s__credentials_free(s2s__credentials *credentials); /* takes NULL */

#endif
