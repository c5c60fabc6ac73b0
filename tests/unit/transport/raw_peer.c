/* SPDX-License-Identifier: MIT */
/* raw_peer.c: a peer of a pump made of GnuTLS calls alone. */
#include "raw_peer.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>

static ssize_t pull(gnutls_transport_ptr_t user, void *out, size_t room)
{
    raw_peer *raw = user;
    const uint8_t *waiting;
    size_t len = s2s__pump_output(raw->pump, &waiting);
    if (len == 0) {
        gnutls_transport_set_errno(raw->session, EAGAIN);
        return -1;
    }
    len = len < room ? len : room;
    memcpy(out, waiting, len);
    s2s__pump_sent(raw->pump, len);
    return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t user, const void *data, size_t len)
{
    raw_peer *raw = user;
    cr_assert_eq(s2s__pump_feed(raw->pump, (s2s_bytes){data, len}), S2S_OK);
    return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t user, unsigned ms)
{
    raw_peer *raw = user;
    const uint8_t *waiting;
    (void)ms;
    return s2s__pump_output(raw->pump, &waiting) > 0;
}

void raw_begin(raw_peer *raw, unsigned flags, const char *priority, const char *crt, const char *key,
               s2s__pump *pump)
{
    raw->pump = pump;
    cr_assert_eq(gnutls_init(&raw->session, flags | GNUTLS_NONBLOCK), 0);
    cr_assert_eq(gnutls_certificate_allocate_credentials(&raw->credentials), 0);
    cr_assert_eq(gnutls_certificate_set_x509_key_file(raw->credentials, crt, key, GNUTLS_X509_FMT_PEM),
                 0);
    cr_assert_eq(gnutls_priority_set_direct(raw->session, priority, NULL), 0);
    gnutls_credentials_set(raw->session, GNUTLS_CRD_CERTIFICATE, raw->credentials);
    if (flags & GNUTLS_SERVER)
        gnutls_certificate_server_set_request(raw->session, GNUTLS_CERT_REQUEST);
    gnutls_handshake_set_timeout(raw->session, 0);
    gnutls_transport_set_ptr(raw->session, raw);
    gnutls_transport_set_pull_function(raw->session, pull);
    gnutls_transport_set_pull_timeout_function(raw->session, pull_timeout);
    gnutls_transport_set_push_function(raw->session, push);
}

void raw_end(raw_peer *raw)
{
    gnutls_deinit(raw->session);
    gnutls_certificate_free_credentials(raw->credentials);
}

s2s_err raw_connect(raw_peer *raw)
{
    enum { ROUNDS = 8 };
    s2s_err ours = S2S_E_AGAIN;
    int theirs = GNUTLS_E_AGAIN;
    for (int i = 0; i < ROUNDS; i++) {
        if (ours == S2S_E_AGAIN)
            ours = s2s__pump_handshake(raw->pump);
        if (theirs == GNUTLS_E_AGAIN)
            theirs = gnutls_handshake(raw->session);
        if (ours != S2S_E_AGAIN && theirs != GNUTLS_E_AGAIN)
            break;
    }
    return ours;
}
