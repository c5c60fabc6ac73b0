/* SPDX-License-Identifier: MIT */
/* file.h: reading the files that a policy is made of, and saying what is wrong with them. Internal. */
#ifndef EKU_FILE_H
#define EKU_FILE_H

#include <gnutls/gnutls.h>

#include "protocol/why.h"

/* s2s__refuse() for what GnuTLS said of `what`; running out of memory is S2S_E_NOMEM, anything else S2S_E_INVAL. */
s2s_err eku__refuse_gnutls(char why[S2S_TEXT_MAX], const char *what, int gnutls);
s2s_err eku__refuse_nomem(char why[S2S_TEXT_MAX]);

/* All of a regular file of at most `max` octets; free `out->data` with gnutls_free. S2S_E_INVAL. */
s2s_err eku__file_load(const char *file, size_t max, gnutls_datum_t *out, char why[S2S_TEXT_MAX]);

#endif
