/* SPDX-License-Identifier: MIT */
/* floor.h: what TLS and XML parsing cost alone, with the same libraries: shared by the two measurements. */
#ifndef S2S_BENCH_FLOOR_H
#define S2S_BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

#include <gnutls/gnutls.h>

#define FLOOR_HEADER                                                                               \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' "                                   \
    "xmlns:stream='http://etherx.jabber.org/streams' from='a.example' to='b.example' version='1.0'>"

typedef struct floor_tls {
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priority;
} floor_tls;

/* `pki` has ca.pem and SIDE.crt, SIDE.key. */
void floor_tls_init(floor_tls *tls, const char *pki, const char *side);
gnutls_session_t floor_session(const floor_tls *tls, int fd, bool server, bool nonblocking);
/* The peer's chain and name, valid for serverAuth. */
void floor_verify(gnutls_session_t session, const char *name);
int floor_listen(const char *address);
int floor_connect(const char *address);
int floor_accept(int listener);
_Noreturn void floor_die(const char *what, int gnutls_error);

/* floor_relay.c; never returns */
void floor_relay(const char *pki, const char *component, const char *tls_address, bool side_b);
/* floor_pki.c; `rsa_bits` 0: P-256 */
void floor_pki(const char *dir, long count, unsigned rsa_bits);
/* floor_streams.c */
void floor_streams(const char *pki, long count, bool keep);

#endif
