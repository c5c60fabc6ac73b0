/* SPDX-License-Identifier: MIT */
/* pump_pair.c: two pumps that talk to each other in memory. */
#include "pump_pair.h"

#include <string.h>

#include <criterion/criterion.h>

void pair_begin(pump_pair *pair)
{
    char crt[CERTS_PATH], key[CERTS_PATH], why[S2S_TEXT_MAX];
    memset(pair, 0, sizeof *pair);
    test_env_init(&pair->env);
    certs_begin(&pair->certs);
    certs_make(&pair->certs, "a", &(certs_spec){.dns = "example.org"});
    cr_assert_eq(s2s__credentials_new(&pair->env.env, &pair->credentials, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s__identity_load(&pair->env.env, certs_path(&pair->certs, "a.pem", crt),
                                    certs_path(&pair->certs, "a.key", key), &pair->identity, why),
                 S2S_OK, "%s", why);
}

void pair_end(pump_pair *pair)
{
    s2s__pump_free(pair->initiator);
    s2s__pump_free(pair->acceptor);
    s2s__identity_unref(pair->identity);
    s2s__credentials_free(pair->credentials);
    certs_end(&pair->certs);
    cr_expect_eq(pair->env.live, 0, "%zu blocks were not freed", pair->env.live);
}

s2s__pump *pair_pump(pump_pair *pair, s2s_role role, s2s__identity *identity)
{
    s2s__pump *p = NULL;
    s2s__pump_options options = {.role = role,
                                 .credentials = pair->credentials,
                                 .identity = identity,
                                 .sni = role == S2S_INITIATOR ? "example.org" : NULL};
    cr_assert_eq(s2s__pump_new(&pair->env.env, &options, &p), S2S_OK);
    return p;
}

void pair_make(pump_pair *pair, s2s__identity *of_initiator)
{
    s2s__pump_free(pair->initiator);
    s2s__pump_free(pair->acceptor);
    pair->initiator = pair_pump(pair, S2S_INITIATOR, of_initiator);
    pair->acceptor = pair_pump(pair, S2S_ACCEPTOR, pair->identity);
}

void pair_move(s2s__pump *from, s2s__pump *to, size_t step, void (*each)(s2s__pump *to))
{
    const uint8_t *out;
    for (size_t len; (len = s2s__pump_output(from, &out)) > 0;) {
        len = len < step ? len : step;
        cr_assert_eq(s2s__pump_feed(to, (s2s_bytes){out, len}), S2S_OK);
        s2s__pump_sent(from, len);
        if (each)
            each(to);
    }
}

static void shake(s2s__pump *p)
{
    s2s_err err = s2s__pump_handshake(p);
    cr_assert(err == S2S_OK || err == S2S_E_AGAIN, "%s", s2s__pump_error(p));
}

void pair_connect(pump_pair *pair, size_t step)
{
    enum { FLIGHTS = 4 };
    shake(pair->initiator);
    for (int i = 0; i < FLIGHTS; i++) {
        pair_move(pair->initiator, pair->acceptor, step, shake);
        pair_move(pair->acceptor, pair->initiator, step, shake);
    }
    cr_assert_eq(s2s__pump_handshake(pair->initiator), S2S_OK);
    cr_assert_eq(s2s__pump_handshake(pair->acceptor), S2S_OK);
}

void pair_expect_text(s2s__pump *p, const char *text)
{
    uint8_t out[256];
    size_t got = 0;
    s2s_err err = s2s__pump_read(p, out, sizeof out, &got);
    cr_assert_eq(err, S2S_OK, "%s: %s", s2s_strerror(err), s2s__pump_error(p));
    cr_assert_eq(got, strlen(text));
    cr_expect_arr_eq(out, text, got);
}
