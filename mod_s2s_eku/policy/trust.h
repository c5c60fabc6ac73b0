/* SPDX-License-Identifier: MIT */
/* trust.h: a set of trust anchors, immutable once made. Internal. */
#ifndef EKU_TRUST_H
#define EKU_TRUST_H

#include <gnutls/x509.h>

#include "mod_s2s_eku/eku.h"

enum { EKU__CA_FILE_MAX = 16 << 20 }; /* octets; a larger file is refused */

/* Where anchors come from. Lent. */
typedef struct eku__anchors {
    bool system; /* the system's CA store */
    const char *const *files;
    size_t files_len;
} eku__anchors;

typedef struct eku__trust {
    const s2s_env *env;
    gnutls_x509_trust_list_t list;
    bool system; /* the system's CA store is among them */
} eku__trust;

/* On failure `why` (not NULL) says which file, and what is wrong. S2S_E_INVAL, S2S_E_NOMEM. */
s2s_err eku__trust_new(const s2s_env *env, const eku__anchors *from, eku__trust **out, char why[S2S_TEXT_MAX]);
/* The one certificate (DER), whatever it says of itself. S2S_E_SYNTAX: it is none. S2S_E_NOMEM. */
s2s_err eku__trust_of(const s2s_env *env, s2s_bytes certificate, eku__trust **out);
void eku__trust_free(eku__trust *trust); /* takes NULL */

#endif
