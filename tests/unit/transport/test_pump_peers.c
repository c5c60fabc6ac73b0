/* SPDX-License-Identifier: MIT */
/* test_pump_peers.c: TLS over memory against peers that do what a pump never does. */
#include "transport/pump.h"

#include <string.h>

#include <criterion/criterion.h>
#include <gnutls/crypto.h>

#include "pump_pair.h"
#include "raw_peer.h"

static pump_pair pair;
static char crt[CERTS_PATH], key[CERTS_PATH];

static void begin(void)
{
    pair_begin(&pair);
    (void)certs_path(&pair.certs, "a.pem", crt);
    (void)certs_path(&pair.certs, "a.key", key);
    pair_make(&pair, pair.identity);
}

static void end(void)
{
    pair_end(&pair);
}

TestSuite(transport_pump_peers, .init = begin, .fini = end);

static s2s_err read_some(s2s__pump *p)
{
    uint8_t out[256];
    size_t got;
    return s2s__pump_read(p, out, sizeof out, &got);
}

Test(transport_pump_peers, a_refusal_after_the_handshake_shows_its_alert)
{
    raw_peer raw;
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.3", crt, key, pair.initiator);
    cr_assert_eq(raw_connect(&raw), S2S_OK);
    cr_expect(s2s__pump_sent_certificate(pair.initiator));
    cr_expect_eq(read_some(pair.initiator), S2S_E_AGAIN);
    cr_assert_eq(gnutls_alert_send(raw.session, GNUTLS_AL_FATAL, GNUTLS_A_UNSUPPORTED_CERTIFICATE), 0);
    s2s__pump_eof(pair.initiator);
    cr_expect_eq(read_some(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), 43);
    cr_expect_not_null(strstr(s2s__pump_error(pair.initiator), "43"));
    cr_expect_eq(read_some(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), 43, "the first failure stays");
    raw_end(&raw);
}

/* Stands for an OCSP response: the pump hands on what came. */
static const uint8_t STAPLE[] = {0x30, 0x03, 0x0a, 0x01, 0x00};

static int staple(gnutls_session_t session, void *asked, gnutls_datum_t *out)
{
    (void)session;
    ++*(size_t *)asked;
    out->data = gnutls_malloc(sizeof STAPLE);
    cr_assert_not_null(out->data);
    memcpy(out->data, STAPLE, sizeof STAPLE);
    out->size = sizeof STAPLE;
    return 0;
}

Test(transport_pump_peers, a_stapled_response_is_asked_for_and_handed_on)
{
    static const char *const PRIORITY[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"};
    for (size_t i = 0; i < 2; i++) {
        raw_peer raw;
        size_t asked = 0;
        pair_make(&pair, pair.identity);
        cr_expect_eq(s2s__pump_staple(pair.initiator).len, 0u, "before the handshake");
        raw_begin(&raw, GNUTLS_SERVER, PRIORITY[i], crt, key, pair.initiator);
        gnutls_certificate_set_ocsp_status_request_function(raw.credentials, staple, &asked);
        cr_assert_eq(raw_connect(&raw), S2S_OK);
        s2s_bytes der = s2s__pump_staple(pair.initiator);
        cr_expect_eq(asked, 1u, "CE-01: %s", PRIORITY[i]);
        cr_assert_eq(der.len, sizeof STAPLE, "%s", PRIORITY[i]);
        cr_expect_eq(memcmp(der.ptr, STAPLE, sizeof STAPLE), 0);
        raw_end(&raw);
        pair_make(&pair, pair.identity);
        raw_begin(&raw, GNUTLS_SERVER, PRIORITY[i], crt, key, pair.initiator);
        cr_assert_eq(raw_connect(&raw), S2S_OK, "a peer that staples nothing");
        cr_expect_eq(s2s__pump_staple(pair.initiator).len, 0u);
        raw_end(&raw);
    }
}

Test(transport_pump_peers, a_refusal_during_the_handshake_shows_its_alert)
{
    raw_peer raw;
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL", crt, key, pair.initiator);
    cr_assert_eq(s2s__pump_handshake(pair.initiator), S2S_E_AGAIN);
    cr_assert_eq(gnutls_alert_send(raw.session, GNUTLS_AL_FATAL, GNUTLS_A_UNRECOGNIZED_NAME), 0);
    cr_expect_eq(s2s__pump_handshake(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), 112);
    raw_end(&raw);
}

Test(transport_pump_peers, an_alert_without_a_known_name_keeps_its_number)
{
    raw_peer raw;
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.3", crt, key, pair.initiator);
    cr_assert_eq(raw_connect(&raw), S2S_OK);
    cr_assert_eq(gnutls_alert_send(raw.session, GNUTLS_AL_FATAL, (gnutls_alert_description_t)199), 0);
    cr_expect_eq(read_some(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), 199);
    raw_end(&raw);
}

/* The acceptor has sent its flight, and expects an encrypted one. */
static s2s__pump *awaiting_finished(void)
{
    pair_make(&pair, pair.identity);
    cr_assert_eq(s2s__pump_handshake(pair.initiator), S2S_E_AGAIN);
    pair_move(pair.initiator, pair.acceptor, 1 << 30, NULL);
    cr_assert_eq(s2s__pump_handshake(pair.acceptor), S2S_E_AGAIN);
    return pair.acceptor;
}

Test(transport_pump_peers, an_alert_in_the_clear_says_why_the_handshake_failed)
{
    /* as OpenSSL's client sends it in TLS 1.3: legacy version, two octets, fatal, unknown_ca */
    static const uint8_t alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x30};
    for (size_t first = 0; first <= sizeof alert; first++) {
        s2s__pump *p = awaiting_finished();
        cr_assert_eq(s2s__pump_feed(p, (s2s_bytes){alert, first}), S2S_OK);
        if (first < sizeof alert)
            cr_expect_eq(s2s__pump_handshake(p), S2S_E_AGAIN, "%zu", first);
        cr_expect_eq(s2s__pump_alert(p), -1, "%zu: it has not failed yet", first);
        cr_assert_eq(s2s__pump_feed(p, (s2s_bytes){alert + first, sizeof alert - first}), S2S_OK);
        cr_expect_eq(s2s__pump_handshake(p), S2S_E_TLS, "%zu", first);
        cr_expect_eq(s2s__pump_alert(p), 48, "%zu", first);
        cr_expect_str_eq(s2s__pump_error(p), "the peer sent TLS alert 48 (CA is unknown), in the clear", "%zu", first);
    }
    s2s__pump *p = awaiting_finished();
    for (size_t i = 0; i < sizeof alert; i++) {
        cr_assert_eq(s2s__pump_feed(p, (s2s_bytes){alert + i, 1}), S2S_OK);
        cr_expect_eq(s2s__pump_handshake(p), i + 1 < sizeof alert ? S2S_E_AGAIN : S2S_E_TLS, "%zu", i);
    }
    cr_expect_eq(s2s__pump_alert(p), 48);
    cr_expect_eq(s2s__pump_handshake(p), S2S_E_TLS, "nothing helps any more");
}

Test(transport_pump_peers, what_is_no_fatal_alert_in_the_clear_is_not_called_one)
{
    static const struct {
        const char *what;
        uint8_t bytes[16];
        size_t len;
    } ROWS[] = {
        {"a warning", {0x15, 0x03, 0x03, 0x00, 0x02, 0x01, 0x30}, 7},
        {"three octets", {0x15, 0x03, 0x03, 0x00, 0x03, 0x02, 0x30, 0x30}, 8},
        {"one octet", {0x15, 0x03, 0x03, 0x00, 0x01, 0x02}, 6},
        {"a record of another type", {0x17, 0x03, 0x03, 0x00, 0x02, 0x02, 0x30}, 7},
        {"an alert behind what failed", {0x17, 0x03, 0x03, 0x00, 0x01, 0x00, 0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x30}, 13},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s__pump *p = awaiting_finished();
        cr_assert_eq(s2s__pump_feed(p, (s2s_bytes){ROWS[i].bytes, ROWS[i].len}), S2S_OK);
        cr_expect_eq(s2s__pump_handshake(p), S2S_E_TLS, "%s", ROWS[i].what);
        cr_expect_eq(s2s__pump_alert(p), -1, "%s", ROWS[i].what);
        cr_expect_not_null(strstr(s2s__pump_error(p), "TLS failure during the TLS handshake: "), "%s: %s", ROWS[i].what,
                           s2s__pump_error(p));
    }
}

Test(transport_pump_peers, an_alert_in_the_clear_is_believed_of_a_handshake_only_and_by_the_acceptor_only)
{
    static const uint8_t alert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x30};
    const uint8_t *flight;
    (void)awaiting_finished();
    size_t len = s2s__pump_output(pair.acceptor, &flight);
    size_t hello = 5 + ((size_t)flight[3] << 8 | flight[4]); /* the ServerHello's record: the keys come with it */
    cr_assert_lt(hello, len);
    cr_assert_eq(s2s__pump_feed(pair.initiator, (s2s_bytes){flight, hello}), S2S_OK);
    cr_assert_eq(s2s__pump_handshake(pair.initiator), S2S_E_AGAIN);
    cr_assert_eq(s2s__pump_feed(pair.initiator, (s2s_bytes){alert, sizeof alert}), S2S_OK);
    cr_expect_eq(s2s__pump_handshake(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), -1, "%s", s2s__pump_error(pair.initiator));

    pair_make(&pair, pair.identity);
    pair_connect(&pair, 1 << 30);
    cr_assert_eq(s2s__pump_feed(pair.acceptor, (s2s_bytes){alert, sizeof alert}), S2S_OK);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.acceptor), -1, "%s", s2s__pump_error(pair.acceptor));
}

Test(transport_pump_peers, tickets_and_key_updates_do_not_hide_data)
{
    raw_peer raw;
    gnutls_datum_t ticket_key;
    uint8_t out[256];
    size_t got, total = 0;
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.3", crt, key, pair.initiator);
    cr_assert_eq(gnutls_session_ticket_key_generate(&ticket_key), 0);
    cr_assert_eq(gnutls_session_ticket_enable_server(raw.session, &ticket_key), 0);
    cr_assert_eq(raw_connect(&raw), S2S_OK);

    cr_assert_eq(gnutls_session_ticket_send(raw.session, 2, 0), 0);
    cr_assert_eq(gnutls_record_send(raw.session, "one", 3), 3);
    cr_assert_eq(gnutls_session_key_update(raw.session, GNUTLS_KU_PEER), 0);
    cr_assert_eq(gnutls_record_send(raw.session, "two", 3), 3);
    cr_assert_eq(gnutls_session_key_update(raw.session, 0), 0);
    cr_assert_eq(gnutls_record_send(raw.session, "three", 5), 5);
    while (s2s__pump_read(pair.initiator, out + total, sizeof out - total, &got) == S2S_OK)
        total += got;
    cr_expect_eq(total, 11, "%s", s2s__pump_error(pair.initiator));
    cr_expect_arr_eq(out, "onetwothree", 11);

    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"back", 4}), S2S_OK);
    ssize_t r;
    while ((r = gnutls_record_recv(raw.session, out, sizeof out)) == GNUTLS_E_AGAIN &&
           s2s__pump_output(pair.initiator, &(const uint8_t *){NULL}) > 0)
        ;
    cr_expect_eq(r, 4, "the requested key update was answered");
    gnutls_free(ticket_key.data);
    raw_end(&raw);
}

/* GnuTLS sends no empty record in TLS 1.2: it is made by hand (RFC 5246 section 6.2.3.3, RFC 5288 section 3) with the
 * session's own keys. */
static void send_empty_tls12(raw_peer *raw)
{
    enum { SALT = 4, SEQ = 8, TAG = 16, HEADER = 5, APPLICATION_DATA = 23 };
    uint8_t seq[SEQ], nonce[SALT + SEQ], aad[SEQ + HEADER] = {0};
    uint8_t record[HEADER + SEQ + TAG] = {APPLICATION_DATA, 3, 3, 0, SEQ + TAG};
    size_t tag_len = TAG;
    gnutls_datum_t mac, salt, cipher_key;
    gnutls_aead_cipher_hd_t aead;
    cr_assert_eq(gnutls_record_get_state(raw->session, 0, &mac, &salt, &cipher_key, seq), 0);
    cr_assert_eq(salt.size, SALT);
    memcpy(nonce, salt.data, SALT);
    memcpy(nonce + SALT, seq, SEQ);
    memcpy(aad, seq, SEQ);
    memcpy(aad + SEQ, record, 3); /* and a length of 0 */
    memcpy(record + HEADER, seq, SEQ);
    cr_assert_eq(gnutls_aead_cipher_init(&aead, gnutls_cipher_get(raw->session), &cipher_key), 0);
    cr_assert_eq(gnutls_aead_cipher_encrypt(aead, nonce, sizeof nonce, aad, sizeof aad, TAG, "", 0,
                                            record + HEADER + SEQ, &tag_len), 0);
    gnutls_aead_cipher_deinit(aead);
    cr_assert_eq(s2s__pump_feed(raw->pump, (s2s_bytes){record, sizeof record}), S2S_OK);
    seq[SEQ - 1]++;
    cr_assert_eq(gnutls_record_set_state(raw->session, 0, seq), 0);
}

/* In TLS 1.3 an empty record needs padding to be sent at all (RFC 8446 section 5.4). */
static void send_empty(raw_peer *raw)
{
    enum { PADDING = 16 };
    if (gnutls_protocol_get_version(raw->session) == GNUTLS_TLS1_3)
        cr_assert_eq(gnutls_record_send2(raw->session, "", 0, PADDING, 0), 0);
    else
        send_empty_tls12(raw);
}

Test(transport_pump_peers, an_empty_record_is_not_the_end)
{
    static const char *const versions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2"};
    for (size_t i = 0; i < 2; i++) {
        raw_peer raw;
        raw_begin(&raw, GNUTLS_CLIENT, versions[i], crt, key, pair.acceptor);
        cr_assert_eq(raw_connect(&raw), S2S_OK, "%s", s2s__pump_error(pair.acceptor));
        send_empty(&raw);
        cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN, "%s", versions[i]);
        send_empty(&raw);
        cr_assert_eq(gnutls_record_send(raw.session, "data", 4), 4);
        pair_expect_text(pair.acceptor, "data");
        raw_end(&raw);
        s2s__pump_free(pair.acceptor);
        pair.acceptor = pair_pump(&pair, S2S_ACCEPTOR, pair.identity);
    }
}

Test(transport_pump_peers, the_initiator_names_the_server_and_gets_no_ticket)
{
    /* TP-05: nothing to resume */
    raw_peer raw;
    char name[64];
    size_t len = sizeof name;
    unsigned type;
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.3", crt, key, pair.initiator);
    cr_assert_eq(raw_connect(&raw), S2S_OK);
    cr_assert_eq(gnutls_server_name_get(raw.session, name, &len, &type, 0), 0);
    cr_expect_str_eq(name, "example.org");
    raw_end(&raw);

    raw_begin(&raw, GNUTLS_CLIENT, "NORMAL:-VERS-ALL:+VERS-TLS1.3", crt, key, pair.acceptor);
    cr_assert_eq(raw_connect(&raw), S2S_OK);
    cr_expect_eq(gnutls_record_recv(raw.session, name, sizeof name), GNUTLS_E_AGAIN);
    cr_expect_eq(gnutls_session_get_flags(raw.session) & GNUTLS_SFLAGS_SESSION_TICKET, 0);
    raw_end(&raw);
}

Test(transport_pump_peers, a_tls12_peer_works_and_may_not_renegotiate)
{
    raw_peer raw;
    raw_begin(&raw, GNUTLS_SERVER, "NORMAL:-VERS-ALL:+VERS-TLS1.2", crt, key, pair.initiator);
    cr_assert_eq(raw_connect(&raw), S2S_OK, "%s", s2s__pump_error(pair.initiator));
    cr_expect_str_eq(s2s__pump_version(pair.initiator), "TLS1.2");
    cr_expect(s2s__pump_sent_certificate(pair.initiator));
    cr_assert_eq(gnutls_record_send(raw.session, "hello", 5), 5);
    pair_expect_text(pair.initiator, "hello");
    cr_assert_eq(gnutls_alert_send(raw.session, GNUTLS_AL_WARNING, GNUTLS_A_USER_CANCELED), 0);
    cr_assert_eq(gnutls_record_send(raw.session, "again", 5), 5);
    pair_expect_text(pair.initiator, "again");
    cr_assert_eq(gnutls_rehandshake(raw.session), 0);
    cr_expect_eq(read_some(pair.initiator), S2S_E_TLS, "TL-11");
    cr_expect_not_null(strstr(s2s__pump_error(pair.initiator), "renegotiation"));
    raw_end(&raw);
}

Test(transport_pump_peers, an_initiator_may_not_renegotiate_either)
{
    raw_peer raw;
    raw_begin(&raw, GNUTLS_CLIENT, "NORMAL:-VERS-ALL:+VERS-TLS1.2", crt, key, pair.acceptor);
    cr_assert_eq(raw_connect(&raw), S2S_OK, "%s", s2s__pump_error(pair.acceptor));
    cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN);
    cr_assert_eq(gnutls_handshake(raw.session), GNUTLS_E_AGAIN);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_TLS, "TL-11");
    raw_end(&raw);
}

Test(transport_pump_peers, old_versions_and_weak_ciphers_are_refused)
{
    /* TP-01 TP-02 TP-03; CX-1: the suite that RFC 6120 makes mandatory is one of these */
    static const char *const weak[] = {
        "NORMAL:-VERS-ALL:+VERS-TLS1.1",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC:+MAC-ALL",
        "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA",
    };
    for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
        raw_peer raw;
        raw_begin(&raw, GNUTLS_CLIENT, weak[i], crt, key, pair.acceptor);
        cr_expect_eq(raw_connect(&raw), S2S_E_TLS, "%s", weak[i]);
        raw_end(&raw);
        s2s__pump_free(pair.acceptor);
        pair.acceptor = pair_pump(&pair, S2S_ACCEPTOR, pair.identity);
    }
}

Test(transport_pump_peers, a_chain_beyond_the_limit_fails_the_handshake)
{
    raw_peer raw;
    s2s__pump_free(pair.acceptor);
    pair.acceptor = NULL;
    pair.env.env.limits.chain_bytes = 256;
    pair.acceptor = pair_pump(&pair, S2S_ACCEPTOR, pair.identity);
    raw_begin(&raw, GNUTLS_CLIENT, "NORMAL:-VERS-ALL:+VERS-TLS1.3", crt, key, pair.acceptor);
    cr_expect_eq(raw_connect(&raw), S2S_E_TLS);
    raw_end(&raw);
}
