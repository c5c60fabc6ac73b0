/* SPDX-License-Identifier: MIT */
/* crl.h: a set of certificate revocation lists, immutable once made (RFC 5280 section 5). Internal. */
#ifndef EKU_CRL_H
#define EKU_CRL_H

#include "policy/chain.h"
#include "policy/facts.h"

enum {
    EKU__CRL_FILE_MAX = 16 << 20, /* octets; a larger file is refused */
    EKU__CRLS_MAX = 1024,         /* lists in all files; more are refused */
    EKU__CRL_URIS_MAX = 8,        /* distribution points of one list; a list with more proves nothing good */
};

typedef struct eku__crls eku__crls;

/* PEM (any number of lists) or DER. Refused, with the file in `why`: what cannot be read, a delta or an indirect list. An
 * expired list is taken, since whom it revoked stays revoked, and the log says so. S2S_E_INVAL, S2S_E_NOMEM. */
s2s_err eku__crls_new(const s2s_env *env, const char *const *files, size_t len, eku__crls **out,
                      char why[S2S_TEXT_MAX]);
void eku__crls_free(eku__crls *crls); /* takes NULL */

/* Looks every certificate of a valid path up in the lists of its issuer, whose signatures are verified with the issuer's
 * key. Sets `crl` and `revoked_at`; a revoked certificate makes the path's status that.
 * S2S_OK, S2S_E_NOMEM. */
s2s_err eku__crls_check(const eku__crls *crls, const eku__chain *chain, int64_t wall, eku__path *path);

#endif
