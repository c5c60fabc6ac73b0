/* SPDX-License-Identifier: MIT */
/* verify.h: full path validation by GnuTLS. Internal. */
#ifndef EKU_VERIFY_H
#define EKU_VERIFY_H

#include "policy/chain.h"
#include "policy/facts.h"

/* Finds the path from the leaf to an anchor and validates it: for the purpose serverAuth, and, where that fails,
 * without a purpose, for the true reason, and if that holds for clientAuth. GnuTLS judges times by the machine's clock; rules judge them again by
 * the caller's. `chain` is not empty. S2S_E_NOMEM or S2S_OK. */
s2s_err eku__verify(gnutls_x509_trust_list_t trust, const eku__chain *chain, eku__path *out);

#endif
