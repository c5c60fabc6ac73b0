/* SPDX-License-Identifier: MIT */
/* test_pump_direct.c: what direct TLS needs of TLS (XEP-0368): ALPN, and the certificate by SNI. */
#include "transport/pump.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "pump_pair.h"
#include "raw_peer.h"

static pump_pair pair;
static s2s__identity *other; /* for example.net */
static char crt[CERTS_PATH], key[CERTS_PATH], asked[S2S_TEXT_MAX];

static void begin(void)
{
    char cert[CERTS_PATH], own[CERTS_PATH], why[S2S_TEXT_MAX];
    pair_begin(&pair);
    certs_make(&pair.certs, "b", &(certs_spec){.dns = "example.net"});
    cr_assert_eq(s2s__identity_load(&pair.env.env, certs_path(&pair.certs, "b.pem", cert),
                                    certs_path(&pair.certs, "b.key", own), &other, why), S2S_OK, "%s", why);
    (void)certs_path(&pair.certs, "a.pem", crt);
    (void)certs_path(&pair.certs, "a.key", key);
}

static void end(void)
{
    s2s__identity_unref(other);
    pair_end(&pair);
}

TestSuite(transport_pump_direct, .init = begin, .fini = end);

/* example.org and, for those who ask for nothing, as well; example.net; nobody else. */
static s2s__identity *choose(void *arg, s2s_str sni)
{
    (void)arg;
    (void)snprintf(asked, sizeof asked, "%s%.*s", sni.ptr ? "" : "(none)", S2S_FMT(sni));
    if (!sni.ptr || s2s_str_eq(sni, S2S_STR("example.org")))
        return s2s__identity_ref(pair.identity);
    return s2s_str_eq(sni, S2S_STR("example.net")) ? s2s__identity_ref(other) : NULL;
}

static s2s__pump *make(s2s_role role, const char *sni)
{
    s2s__pump *p = NULL;
    s2s__pump_options options = {.role = role,
                                 .credentials = pair.credentials,
                                 .identity = role == S2S_INITIATOR ? pair.identity : NULL,
                                 .choose = role == S2S_ACCEPTOR ? choose : NULL,
                                 .sni = sni,
                                 .alpn = true};
    cr_assert_eq(s2s__pump_new(&pair.env.env, &options, &p), S2S_OK);
    return p;
}

Test(transport_pump_direct, the_certificate_is_the_one_of_the_domain_asked_for)
{
    static const struct {
        const char *id, *sni, *asked;
        bool is_other;
    } ROWS[] = {
        {"TL-09", "example.org", "example.org", false},
        {"TL-09", "example.net", "example.net", true},
        {"CX-9", NULL, "(none)", false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s_bytes shown[4], leaf[4];
        pair.initiator = make(S2S_INITIATOR, ROWS[i].sni);
        pair.acceptor = make(S2S_ACCEPTOR, NULL);
        pair_connect(&pair, 1 << 30);
        cr_expect_str_eq(asked, ROWS[i].asked, "%s", ROWS[i].id);
        cr_assert_eq(s2s__pump_peer_chain(pair.initiator, shown, 4), 2);
        cr_assert_eq(s2s__pump_peer_chain(pair.acceptor, leaf, 4), 2); /* example.org's, from the initiator */
        bool same = shown[0].len == leaf[0].len && memcmp(shown[0].ptr, leaf[0].ptr, leaf[0].len) == 0;
        cr_expect_eq(same, !ROWS[i].is_other, "%s", ROWS[i].id);
        s2s__pump_free(pair.initiator);
        s2s__pump_free(pair.acceptor);
        pair.initiator = pair.acceptor = NULL;
    }
}

Test(transport_pump_direct, a_domain_that_is_not_served_ends_the_handshake)
{
    pair.initiator = make(S2S_INITIATOR, "example.com");
    pair.acceptor = make(S2S_ACCEPTOR, NULL);
    cr_assert_eq(s2s__pump_handshake(pair.initiator), S2S_E_AGAIN);
    pair_move(pair.initiator, pair.acceptor, 1 << 30, NULL);
    cr_expect_eq(s2s__pump_handshake(pair.acceptor), S2S_E_TLS, "TP-07");
    cr_expect_not_null(strstr(s2s__pump_error(pair.acceptor), "not served"), "%s", s2s__pump_error(pair.acceptor));
    pair_move(pair.acceptor, pair.initiator, 1 << 30, NULL);
    cr_expect_eq(s2s__pump_handshake(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), 112, "unrecognized_name: %s", s2s__pump_error(pair.initiator));
}

static void set_alpn(gnutls_session_t session, const char *name, unsigned flags)
{
    gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)name, (unsigned)strlen(name)};
    if (*name)
        cr_assert_eq(gnutls_alpn_set_protocols(session, &protocol, 1, flags), 0);
}

Test(transport_pump_direct, alpn_is_offered_and_a_foreign_protocol_refused)
{
    static const char *const VERSIONS[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    static const struct {
        const char *id, *alpn; /* "": none */
        s2s_err as_acceptor;
    } ROWS[] = {
        {"DN-06", "xmpp-server", S2S_OK},
        {"DN-06", "", S2S_OK},
        {"TP-07", "h2", S2S_E_TLS},
        {"TP-07", "xmpp-client", S2S_E_TLS},
    };
    for (size_t i = 0; i < 2 * sizeof ROWS / sizeof *ROWS; i++) {
        raw_peer raw;
        pair.acceptor = make(S2S_ACCEPTOR, NULL);
        raw_begin(&raw, GNUTLS_CLIENT, VERSIONS[i % 2], crt, key, pair.acceptor);
        set_alpn(raw.session, ROWS[i / 2].alpn, 0);
        cr_expect_eq(raw_connect(&raw), ROWS[i / 2].as_acceptor, "%s %s: %s", ROWS[i / 2].id, ROWS[i / 2].alpn,
                     s2s__pump_error(pair.acceptor));
        if (ROWS[i / 2].as_acceptor != S2S_OK)
            cr_expect_eq(gnutls_alert_get(raw.session), GNUTLS_A_NO_APPLICATION_PROTOCOL);
        raw_end(&raw);
        s2s__pump_free(pair.acceptor);
        pair.acceptor = NULL;
    }
}

Test(transport_pump_direct, the_initiator_offers_xmpp_server_and_names_the_domain)
{
    raw_peer raw;
    gnutls_datum_t chosen;
    char name[64];
    size_t len = sizeof name;
    unsigned type;
    pair.initiator = make(S2S_INITIATOR, "example.org");
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL", crt, key, pair.initiator);
    set_alpn(raw.session, "xmpp-server", GNUTLS_ALPN_MANDATORY);
    cr_assert_eq(raw_connect(&raw), S2S_OK, "%s", s2s__pump_error(pair.initiator));
    cr_assert_eq(gnutls_alpn_get_selected_protocol(raw.session, &chosen), 0, "DN-06");
    cr_expect_eq(chosen.size, strlen("xmpp-server"));
    cr_assert_eq(gnutls_server_name_get(raw.session, name, &len, &type, 0), 0, "DN-06");
    cr_expect_str_eq(name, "example.org");
    raw_end(&raw);
}

Test(transport_pump_direct, a_server_without_alpn_is_taken)
{
    raw_peer raw;
    pair.initiator = make(S2S_INITIATOR, "example.org");
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL", crt, key, pair.initiator);
    cr_expect_eq(raw_connect(&raw), S2S_OK, "DN-06: %s", s2s__pump_error(pair.initiator));
    raw_end(&raw);
}

struct request {
    int calls;
    bool tls13;
    size_t len;
};

static void note_request(void *arg, bool tls13, s2s_bytes message)
{
    struct request *r = arg;
    r->calls++;
    r->tls13 = tls13;
    r->len = message.len;
}

Test(transport_pump_direct, the_initiator_tells_that_it_was_asked_for_a_certificate_and_what_alpn_chose)
{
    static const struct {
        const char *version;
        bool asks, tls13;
    } ROWS[] = {
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", true, true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", true, false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", false, true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2", false, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        raw_peer raw;
        struct request request = {0};
        s2s__pump_options options = {.role = S2S_INITIATOR, .credentials = pair.credentials, .sni = "example.org",
                                     .alpn = true, .requested = note_request, .requested_arg = &request};
        cr_assert_eq(s2s__pump_new(&pair.env.env, &options, &pair.initiator), S2S_OK);
        raw_begin(&raw, GNUTLS_SERVER, ROWS[i].version, crt, key, pair.initiator);
        gnutls_certificate_server_set_request(raw.session, ROWS[i].asks ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
        set_alpn(raw.session, ROWS[i].asks ? "xmpp-server" : "", 0);
        cr_assert_eq(raw_connect(&raw), S2S_OK, "%s", s2s__pump_error(pair.initiator));
        cr_expect_eq(request.calls, ROWS[i].asks, "row %zu", i);
        if (ROWS[i].asks) {
            cr_expect_eq(request.tls13, ROWS[i].tls13, "row %zu", i);
            cr_expect_gt(request.len, 0);
        }
        s2s_str chosen = s2s__pump_alpn(pair.initiator);
        cr_expect(s2s_str_eq(chosen, ROWS[i].asks ? S2S_STR("xmpp-server") : S2S_STR_ABSENT), "row %zu", i);
        raw_end(&raw);
        s2s__pump_free(pair.initiator);
        pair.initiator = NULL;
    }
}
