/* SPDX-License-Identifier: MIT */
/* test_pump.c: TLS over memory, pump against pump. */
#include "transport/pump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "pump_pair.h"

enum { ALL = 1 << 30, MEGABYTE = 1 << 20, CHUNK = 65536 };

static pump_pair pair;

static void begin(void)
{
    pair_begin(&pair);
}

static void end(void)
{
    pair_end(&pair);
}

TestSuite(transport_pump, .init = begin, .fini = end);

static s2s_err read_some(s2s__pump *p)
{
    uint8_t out[256];
    size_t got;
    return s2s__pump_read(p, out, sizeof out, &got);
}

Test(transport_pump, both_sides_see_each_others_chain)
{
    /* EK-05 */
    s2s_bytes ours[4], theirs[4];
    pair_make(&pair, pair.identity);
    cr_expect_str_eq(s2s__pump_version(pair.initiator), "");
    cr_expect_eq(s2s__pump_peer_chain(pair.initiator, theirs, 4), 0);
    pair_connect(&pair, ALL);
    cr_expect_str_eq(s2s__pump_version(pair.initiator), "TLS1.3");
    cr_expect_str_eq(s2s__pump_cipher(pair.initiator), s2s__pump_cipher(pair.acceptor));
    cr_expect_str_eq(s2s__pump_cipher(pair.acceptor), "AES-128-GCM");
    cr_assert_eq(s2s__pump_peer_chain(pair.initiator, theirs, 4), 2);
    cr_assert_eq(s2s__pump_peer_chain(pair.acceptor, ours, 4), 2, "TL-08");
    cr_expect_eq(s2s__pump_peer_chain(pair.acceptor, ours, 1), 2, "counted beyond the room");
    cr_assert_eq(ours[0].len, theirs[0].len);
    cr_expect_arr_eq(ours[0].ptr, theirs[0].ptr, ours[0].len);
    cr_expect(s2s__pump_sent_certificate(pair.initiator));
    cr_expect(s2s__pump_sent_certificate(pair.acceptor));
    cr_expect_str_eq(s2s__pump_error(pair.initiator), "");
    cr_expect_eq(s2s__pump_alert(pair.initiator), -1);
}

Test(transport_pump, records_are_read_however_they_are_cut)
{
    enum { LONG = 600, SHORT = 256 }; /* as read_some() has it: three reads for the long record */
    uint8_t text[LONG] = {0};
    const uint8_t *out;
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){text, LONG}), S2S_OK);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){text, SHORT}), S2S_OK);
    pair_move(pair.initiator, pair.acceptor, ALL, NULL);
    for (int i = 0; i < 4; i++)
        cr_expect_eq(read_some(pair.acceptor), S2S_OK, "part %d", i);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){text, SHORT}), S2S_OK);
    size_t len = s2s__pump_output(pair.initiator, &out);
    for (size_t i = 0; i < len; i++) {
        cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN, "byte %zu", i);
        cr_assert_eq(s2s__pump_feed(pair.acceptor, (s2s_bytes){out + i, 1}), S2S_OK);
    }
    s2s__pump_sent(pair.initiator, len);
    cr_expect_eq(read_some(pair.acceptor), S2S_OK);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN);
}

Test(transport_pump, an_initiator_without_certificate_is_let_in)
{
    s2s_bytes chain[4];
    pair_make(&pair, NULL);
    pair_connect(&pair, ALL);
    cr_expect_eq(s2s__pump_peer_chain(pair.acceptor, chain, 4), 0, "TL-08");
    cr_expect_not(s2s__pump_sent_certificate(pair.initiator));
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"hello", 5}), S2S_OK);
    pair_move(pair.initiator, pair.acceptor, ALL, NULL);
    pair_expect_text(pair.acceptor, "hello");
}

Test(transport_pump, works_one_octet_at_a_time)
{
    pair_make(&pair, pair.identity);
    pair_connect(&pair, 1);
    cr_assert_eq(s2s__pump_write(pair.acceptor, (s2s_bytes){(const uint8_t *)"<a/>", 4}), S2S_OK);
    const uint8_t *out;
    for (size_t len; (len = s2s__pump_output(pair.acceptor, &out)) > 0;) {
        cr_assert_eq(read_some(pair.initiator), S2S_E_AGAIN);
        cr_assert_eq(s2s__pump_feed(pair.initiator, (s2s_bytes){out, 1}), S2S_OK);
        s2s__pump_sent(pair.acceptor, 1);
    }
    pair_expect_text(pair.initiator, "<a/>");
    cr_expect_eq(read_some(pair.initiator), S2S_E_AGAIN);
}

/* Sends `len` bytes through; what is fed at once is what one socket read may bring. */
static void send_bulk(s2s__pump *from, s2s__pump *to, const uint8_t *data, size_t len)
{
    uint8_t *received = malloc(len);
    const uint8_t *out;
    size_t at = 0, got;
    cr_assert_not_null(received);
    cr_assert_eq(s2s__pump_write(from, (s2s_bytes){data, len}), S2S_OK);
    for (size_t n; (n = s2s__pump_output(from, &out)) > 0;) {
        n = n < CHUNK ? n : CHUNK;
        cr_assert_eq(s2s__pump_feed(to, (s2s_bytes){out, n}), S2S_OK);
        s2s__pump_sent(from, n);
        while (at < len && s2s__pump_read(to, received + at, len - at, &got) == S2S_OK)
            at += got;
    }
    cr_expect_eq(at, len);
    cr_expect(memcmp(received, data, len) == 0);
    free(received);
}

static void rest_both(void)
{
    s2s__pump_rest(pair.initiator);
    s2s__pump_rest(pair.acceptor);
}

Test(transport_pump, carries_a_megabyte_each_way_and_keeps_no_buffer)
{
    uint8_t *data = malloc(MEGABYTE);
    cr_assert_not_null(data);
    for (size_t i = 0; i < MEGABYTE; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN);
    cr_expect_eq(read_some(pair.initiator), S2S_E_AGAIN);
    rest_both();
    size_t idle = pair.env.live;
    send_bulk(pair.initiator, pair.acceptor, data, MEGABYTE);
    send_bulk(pair.acceptor, pair.initiator, data, MEGABYTE);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_AGAIN);
    cr_expect_eq(read_some(pair.initiator), S2S_E_AGAIN);
    rest_both();
    cr_expect_eq(pair.env.live, idle);
    free(data);
}

/* Lent ciphertext is used where it stands; what was not read is kept, at every place where that may be cut. */
Test(transport_pump, reads_what_is_lent_and_keeps_the_rest)
{
    const uint8_t *out;
    uint8_t cipher[256], got[8];
    size_t len = 0;
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    for (size_t cut = 0;; cut++) {
        cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"abcdefgh", 8}), S2S_OK);
        cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"ijklmnop", 8}), S2S_OK);
        size_t all = s2s__pump_output(pair.initiator, &out);
        cr_assert_leq(all, sizeof cipher);
        memcpy(cipher, out, all);
        s2s__pump_sent(pair.initiator, all);
        if (cut > all)
            break; /* the last is not read */
        s2s__pump_lend(pair.acceptor, (s2s_bytes){cipher, cut});
        s2s_err first = s2s__pump_read(pair.acceptor, got, sizeof got, &len);
        cr_assert_eq(s2s__pump_keep(pair.acceptor), S2S_OK);
        memset(cipher, 0, cut); /* it is the caller's again */
        s2s__pump_lend(pair.acceptor, (s2s_bytes){cipher + cut, all - cut});
        if (first == S2S_E_AGAIN)
            cr_assert_eq(s2s__pump_read(pair.acceptor, got, sizeof got, &len), S2S_OK);
        cr_assert_eq(len, 8);
        cr_expect_eq(memcmp(got, "abcdefgh", 8), 0, "cut at %zu", cut);
        cr_assert_eq(s2s__pump_read(pair.acceptor, got, sizeof got, &len), S2S_OK);
        cr_expect_eq(memcmp(got, "ijklmnop", 8), 0, "cut at %zu", cut);
        cr_expect_eq(s2s__pump_read(pair.acceptor, got, sizeof got, &len), S2S_E_AGAIN);
        cr_assert_eq(s2s__pump_keep(pair.acceptor), S2S_OK);
    }
}

Test(transport_pump, closes_one_direction_at_a_time)
{
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"last", 4}), S2S_OK);
    s2s__pump_bye(pair.initiator);
    s2s__pump_bye(pair.initiator);
    cr_expect_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"x", 1}), S2S_E_STATE);
    pair_move(pair.initiator, pair.acceptor, ALL, NULL);
    pair_expect_text(pair.acceptor, "last");
    cr_expect_eq(read_some(pair.acceptor), S2S_E_CLOSED);

    cr_assert_eq(s2s__pump_write(pair.acceptor, (s2s_bytes){(const uint8_t *)"answer", 6}), S2S_OK);
    s2s__pump_bye(pair.acceptor);
    pair_move(pair.acceptor, pair.initiator, ALL, NULL);
    s2s__pump_eof(pair.initiator);
    pair_expect_text(pair.initiator, "answer");
    cr_expect_eq(read_some(pair.initiator), S2S_E_CLOSED);
    cr_expect_eq(read_some(pair.initiator), S2S_E_CLOSED);
    cr_expect_str_eq(s2s__pump_error(pair.initiator), "");
}

Test(transport_pump, tells_a_cut_from_a_close)
{
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"last", 4}), S2S_OK);
    pair_move(pair.initiator, pair.acceptor, ALL, NULL);
    s2s__pump_eof(pair.acceptor);
    pair_expect_text(pair.acceptor, "last");
    cr_expect_eq(read_some(pair.acceptor), S2S_E_TLS);
    cr_expect_not_null(strstr(s2s__pump_error(pair.acceptor), "cut off without close_notify"));
    cr_expect_eq(s2s__pump_alert(pair.acceptor), -1);
    cr_expect_eq(s2s__pump_write(pair.acceptor, (s2s_bytes){(const uint8_t *)"x", 1}), S2S_E_TLS);
    s2s__pump_bye(pair.acceptor);
}

Test(transport_pump, tells_a_cut_inside_a_record)
{
    const uint8_t *out;
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"last", 4}), S2S_OK);
    size_t len = s2s__pump_output(pair.initiator, &out);
    cr_assert_eq(s2s__pump_feed(pair.acceptor, (s2s_bytes){out, len - 1}), S2S_OK);
    s2s__pump_eof(pair.acceptor);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_TLS);
    cr_expect_not_null(strstr(s2s__pump_error(pair.acceptor), "cut off"));
}

Test(transport_pump, an_end_during_the_handshake_is_a_failure)
{
    pair_make(&pair, pair.identity);
    s2s__pump_eof(pair.initiator);
    cr_expect_eq(s2s__pump_handshake(pair.initiator), S2S_E_TLS);
    cr_expect_not_null(strstr(s2s__pump_error(pair.initiator), "during the TLS handshake"));
    cr_expect_eq(s2s__pump_handshake(pair.initiator), S2S_E_TLS);
}

Test(transport_pump, plain_text_is_not_tls)
{
    static const char xml[] = "<?xml version='1.0'?><stream:stream xmlns='jabber:server'>";
    static const char http[] = "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
    const s2s_bytes junk[] = {{(const uint8_t *)xml, sizeof xml - 1}, {(const uint8_t *)http, sizeof http - 1}};
    for (size_t i = 0; i < 2; i++) {
        pair_make(&pair, pair.identity);
        (void)s2s__pump_handshake(pair.initiator);
        cr_expect_eq(s2s__pump_feed(pair.initiator, junk[i]), S2S_OK);
        cr_expect_eq(s2s__pump_handshake(pair.initiator), S2S_E_TLS, "TL-06");
        cr_expect_eq(s2s__pump_feed(pair.acceptor, junk[i]), S2S_OK);
        cr_expect_eq(s2s__pump_handshake(pair.acceptor), S2S_E_TLS, "TL-06");
        cr_expect_neq(s2s__pump_error(pair.acceptor)[0], '\0');
        s2s__pump_free(pair.initiator);
        s2s__pump_free(pair.acceptor);
        pair.initiator = pair.acceptor = NULL;
    }
}

Test(transport_pump, a_changed_record_breaks_the_session)
{
    const uint8_t *out;
    uint8_t copy[256];
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"pay 1", 5}), S2S_OK);
    size_t len = s2s__pump_output(pair.initiator, &out);
    cr_assert_leq(len, sizeof copy);
    memcpy(copy, out, len);
    copy[len - 1] ^= 1;
    cr_assert_eq(s2s__pump_feed(pair.acceptor, (s2s_bytes){copy, len}), S2S_OK);
    cr_expect_eq(read_some(pair.acceptor), S2S_E_TLS);
    pair_move(pair.acceptor, pair.initiator, ALL, NULL);
    cr_expect_eq(read_some(pair.initiator), S2S_E_TLS);
    cr_expect_eq(s2s__pump_alert(pair.initiator), 20, "bad_record_mac reaches the peer");
}

Test(transport_pump, does_things_in_their_state_only)
{
    static uint8_t zero[S2S__PUMP_INPUT_MAX + 1];
    pair_make(&pair, pair.identity);
    cr_expect_eq(read_some(pair.initiator), S2S_E_STATE);
    cr_expect_eq(s2s__pump_write(pair.initiator, (s2s_bytes){zero, 1}), S2S_E_STATE);
    s2s__pump_bye(pair.initiator);
    cr_expect_eq(s2s__pump_feed(pair.initiator, (s2s_bytes){zero, sizeof zero}), S2S_E_LIMIT);
    pair_connect(&pair, ALL);
}

Test(transport_pump, output_has_a_maximum)
{
    static uint8_t zero[CHUNK];
    s2s_limits *limits = &pair.env.env.limits;
    limits->output_bytes = limits->queue_bytes = 65536;
    limits->stanza_bytes = 10000;
    pair_make(&pair, pair.identity);
    pair_connect(&pair, ALL);
    s2s_err err = S2S_OK;
    for (int i = 0; i < 8 && err == S2S_OK; i++)
        err = s2s__pump_write(pair.initiator, (s2s_bytes){zero, sizeof zero});
    cr_expect_eq(err, S2S_E_TLS);
    cr_expect_str_eq(s2s__pump_error(pair.initiator), "too much waits to be sent");
}

Test(transport_pump, failing_memory_ends_in_an_error)
{
    s2s__pump_options options = {.role = S2S_INITIATOR, .credentials = pair.credentials, .identity = pair.identity,
                                 .alpn = true};
    s2s_err err = S2S_E_NOMEM;
    for (long n = 0; err != S2S_OK && n < 20; n++) {
        pair.env.fail_after = n;
        err = s2s__pump_new(&pair.env.env, &options, &pair.initiator);
        if (err == S2S_OK)
            err = s2s__pump_handshake(pair.initiator) == S2S_E_AGAIN ? S2S_OK : S2S_E_NOMEM;
        s2s__pump_free(pair.initiator);
        pair.initiator = NULL;
    }
    pair.env.fail_after = -1;
    cr_expect_eq(err, S2S_OK);
}

/* -- a step in parts ----------------------------------------------------------------------------------- */

/* One step of the handshake in three parts; how often its output did not fit. */
static size_t step_in_parts(s2s__pump *p, s2s_err *last)
{
    size_t more = 0;
    for (*last = S2S_E_LIMIT; *last == S2S_E_LIMIT; more += *last == S2S_E_LIMIT) {
        const uint8_t *out;
        cr_assert_eq(s2s__pump_begin(p), S2S_OK);
        cr_expect_eq(s2s__pump_begin(p), S2S_E_STATE);
        cr_expect_eq(s2s__pump_handshake(p), S2S_E_STATE);
        cr_expect_eq(s2s__pump_output(p, &out), 0u, "it is the other thread's");
        cr_expect_eq(s2s__pump_feed(p, (s2s_bytes){(const uint8_t *)"x", 1}), S2S_E_STATE);
        cr_expect_eq(s2s__pump_write(p, (s2s_bytes){(const uint8_t *)"x", 1}), S2S_E_STATE);
        cr_expect_eq(s2s__pump_peer_chain(p, NULL, 0), 0u);
        s2s__pump_rest(p);
        pair.env.fail_after = 0; /* no memory at all */
        s2s__pump_work(p);
        pair.env.fail_after = -1;
        *last = s2s__pump_worked(p);
    }
    return more;
}

/* TL-03 and the like are the same; a chain that is longer than the room comes in pieces. */
Test(transport_pump, a_handshake_in_parts_takes_no_memory_at_work)
{
    enum { COPIES = 36 };
    char crt[CERTS_PATH], key[CERTS_PATH], why[S2S_TEXT_MAX], *pem = NULL;
    size_t len = 0, more = 0;
    s2s__identity *large = NULL;
    s2s_err initiator = S2S_E_AGAIN, acceptor = S2S_E_AGAIN;
    FILE *from = fopen(certs_path(&pair.certs, "a.pem", crt), "re"), *to = open_memstream(&pem, &len);
    cr_assert(from && to);
    char text[8192];
    size_t got = fread(text, 1, sizeof text, from);
    (void)fclose(from);
    for (int i = 0; i < COPIES; i++)
        (void)fwrite(text, 1, got, to);
    (void)fclose(to);
    certs_write(&pair.certs, "large.pem", pem, len);
    free(pem);
    cr_assert_eq(s2s__identity_load(&pair.env.env, certs_path(&pair.certs, "large.pem", crt),
                                    certs_path(&pair.certs, "a.key", key), &large, why), S2S_OK, "%s", why);
    pair.initiator = pair_pump(&pair, S2S_INITIATOR, large);
    pair.acceptor = pair_pump(&pair, S2S_ACCEPTOR, large);
    for (int i = 0; i < 4 && (initiator != S2S_OK || acceptor != S2S_OK); i++) {
        if (initiator == S2S_E_AGAIN)
            more += step_in_parts(pair.initiator, &initiator);
        pair_move(pair.initiator, pair.acceptor, 1 << 30, NULL);
        if (acceptor == S2S_E_AGAIN)
            more += step_in_parts(pair.acceptor, &acceptor);
        pair_move(pair.acceptor, pair.initiator, 1 << 30, NULL);
    }
    cr_expect_eq(initiator, S2S_OK, "%s", s2s__pump_error(pair.initiator));
    cr_expect_eq(acceptor, S2S_OK, "%s", s2s__pump_error(pair.acceptor));
    cr_expect_geq(more, 2u, "each side's chain: %zu", more);
    cr_expect_eq(s2s__pump_peer_chain(pair.initiator, NULL, 0), 2u * COPIES);
    cr_assert_eq(s2s__pump_write(pair.initiator, (s2s_bytes){(const uint8_t *)"hello", 5}), S2S_OK);
    pair_move(pair.initiator, pair.acceptor, 1 << 30, NULL);
    pair_expect_text(pair.acceptor, "hello");
    s2s__identity_unref(large);
}
