/* SPDX-License-Identifier: MIT */
/* credentials_gnutls.h: what the pump sees of the credentials. For this directory only. */
#ifndef S2S_CREDENTIALS_GNUTLS_H
#define S2S_CREDENTIALS_GNUTLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "transport/credentials.h"

struct s2s__credentials {
    const s2s_env *env;
    gnutls_certificate_credentials_t certificates;
    gnutls_priority_t priority;
};

/* Sets priority, credentials and the identity that `session` presents (NULL: none), which must outlive it.
 * Takes the session's user pointer. A GnuTLS error code. */
int s2s__credentials_apply(const s2s__credentials *credentials, s2s__identity *identity,
                           gnutls_session_t session);

#endif
