/* SPDX-License-Identifier: MIT */
/* raw_peer.h: a peer of a pump made of GnuTLS calls alone, to do what a pump never does. */
#ifndef TEST_RAW_PEER_H
#define TEST_RAW_PEER_H

#include <gnutls/gnutls.h>

#include "transport/pump.h"

typedef struct raw_peer {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    s2s__pump *pump; /* whom it talks to */
} raw_peer;

/* `flags` as for gnutls_init, `priority` a GnuTLS priority string. */
void raw_begin(raw_peer *raw, unsigned flags, const char *priority, const char *crt, const char *key,
               s2s__pump *pump);
void raw_end(raw_peer *raw);
/* Runs both sides until both are done or one has failed; the pump's result. */
s2s_err raw_connect(raw_peer *raw);

#endif
