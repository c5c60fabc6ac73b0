/* SPDX-License-Identifier: MIT */
/* trust.h: a set of trust anchors, immutable once made. Internal. */
#ifndef EKU_TRUST_H
#define EKU_TRUST_H

#include <gnutls/x509.h>

#include "mod_s2s_eku/eku.h"

enum { EKU__CA_FILE_MAX = 16 << 20 }; /* octets; a larger file is refused */

/* On failure `why` (not NULL) says which file, and what is wrong. S2S_E_INVAL, S2S_E_NOMEM. */
s2s_err eku__trust_load(const eku_options *options, gnutls_x509_trust_list_t *out, char why[S2S_TEXT_MAX]);
void eku__trust_free(gnutls_x509_trust_list_t trust); /* takes NULL */

#endif
