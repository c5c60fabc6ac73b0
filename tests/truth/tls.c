/* SPDX-License-Identifier: MIT */
/* tls.c: a chain through TLS: the pumps of libs2s, joined in memory. */
#include <string.h>

#include "transport/credentials_gnutls.h"
#include "transport/pump.h"
#include "truth.h"

#define ONLY_TLS12                                                                                 \
    "SECURE128:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:-MAC-ALL:+AEAD:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA"

enum { FLIGHTS = 6 };

/* All that `from` has to say, and what `to` makes of it. */
static void move(s2s__pump *from, s2s__pump *to)
{
    const uint8_t *out;
    for (size_t len; (len = s2s__pump_output(from, &out)) > 0;) {
        TRUTH_NEED(s2s__pump_feed(to, (s2s_bytes){out, len}) == S2S_OK, "feed");
        s2s__pump_sent(from, len);
        s2s_err err = s2s__pump_handshake(to);
        TRUTH_NEED(err == S2S_OK || err == S2S_E_AGAIN, "handshake: %s", s2s__pump_error(to));
    }
}

static s2s__pump *make(truth *t, const s2s__credentials *credentials, s2s_role role, s2s__identity *identity, bool direct)
{
    s2s__pump *p = NULL;
    s2s__pump_options o = {.role = role, .credentials = credentials, .identity = identity, .alpn = direct,
                           .sni = role == S2S_INITIATOR ? TRUTH_DOMAIN : NULL};
    TRUTH_NEED(s2s__pump_new(&t->env.env, &o, &p) == S2S_OK, "pump");
    return p;
}

/* `from` presents the chain in `role`; what the other side then holds is judged. */
static void one(truth *t, const truth_chain *c, const s2s__credentials *credentials, s2s__identity *id, s2s_role role, bool tls12,
                bool direct, truth_arrived judge, void *arg)
{
    s2s__pump *initiator = make(t, credentials, S2S_INITIATOR, id, direct);
    s2s__pump *acceptor = make(t, credentials, S2S_ACCEPTOR, id, direct);
    s2s__pump *other = role == S2S_INITIATOR ? acceptor : initiator;
    s2s_bytes der[TRUTH_CERTS_MAX];
    (void)s2s__pump_handshake(initiator);
    for (size_t i = 0; i < FLIGHTS; i++) {
        move(initiator, acceptor);
        move(acceptor, initiator);
    }
    TRUTH_NEED(s2s__pump_handshake(initiator) == S2S_OK && s2s__pump_handshake(acceptor) == S2S_OK, "no end of the handshake");
    TRUTH_NEED(strcmp(s2s__pump_version(other), tls12 ? "TLS1.2" : "TLS1.3") == 0, "version %s", s2s__pump_version(other));
    TRUTH_NEED((s2s__pump_alpn(other).len > 0) == direct, "ALPN");
    char way[32];
    (void)snprintf(way, sizeof way, "%s %s", s2s__pump_version(other), direct ? "direct" : "STARTTLS");
    size_t len = s2s__pump_peer_chain(other, der, TRUTH_CERTS_MAX);
    TRUTH_NEED(len > 0 && len <= TRUTH_CERTS_MAX, "%zu certificates arrived", len);
    judge(arg, c, role, way, der, len);
    s2s__pump_free(initiator);
    s2s__pump_free(acceptor);
}

void truth_send(truth *t, const truth_chain *c, truth_arrived judge, void *arg)
{
    char why[S2S_TEXT_MAX] = "";
    const char *cert = pki_write_chain(t->pki, "tls.pem", c->certs), *key = pki_write_key(t->pki, "tls.key", c->certs[0]);
    s2s__identity *id = NULL;
    TRUTH_NEED(s2s__identity_load(&t->env.env, cert, key, &id, why) == S2S_OK, "%s", why);
    for (size_t i = 0; i < 8; i++) {
        s2s__credentials *credentials = NULL;
        TRUTH_NEED(s2s__credentials_new(&t->env.env, &credentials, why) == S2S_OK, "%s", why);
        if (i & 1) {
            gnutls_priority_deinit(credentials->priority);
            TRUTH_NEED(gnutls_priority_init(&credentials->priority, ONLY_TLS12, NULL) == 0, "priority");
        }
        one(t, c, credentials, id, i & 4 ? S2S_ACCEPTOR : S2S_INITIATOR, i & 1, i & 2, judge, arg);
        s2s__credentials_free(credentials);
    }
    s2s__identity_unref(id);
}
