/* SPDX-License-Identifier: MIT */
/* test_starved_tls.c: credentials, identities and two pumps that talk, with an allocation that fails, each in turn, GnuTLS's too. Nothing may leak
 * or crash; what fails says so; what arrives is what was sent, and nobody is taken for who he has not proven to be. */
#include <string.h>

#include <criterion/criterion.h>

#include "certs.h"
#include "support/starve.h"
#include "support/test_env.h"
#include "transport/pump.h"

#define DOMAIN "example.org"
#define HELLO "<stream:stream xmlns='jabber:server'>"

enum { FLIGHTS = 8, PLENTY = 1000000 };

/* GnuTLS (3.7.9) forgets 2 KiB of a ServerHello that it has begun when there is no memory for the rest. The sanitizer looks for these. */
#define ASKED_FOR __attribute__((visibility("default"))) const char
ASKED_FOR *__lsan_default_suppressions(void);
ASKED_FOR *__asan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:gnutls_buffer_append_data\n";
}

const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0"; /* else the stack ends in GnuTLS */
}

static struct {
    test_env t;
    certs certs;
    char crt[CERTS_PATH], key[CERTS_PATH], other[CERTS_PATH];
    s2s__credentials *credentials;
    s2s__identity *identity;
    s2s__pump *initiator, *acceptor;
    unsigned requests; /* for a certificate, that the initiator saw */
} w;

static void begin(void)
{
    memset(&w, 0, sizeof w);
    test_env_init(&w.t);
    certs_begin(&w.certs);
    certs_make(&w.certs, "a", &(certs_spec){.dns = DOMAIN});
    certs_make(&w.certs, "b", &(certs_spec){.dns = DOMAIN});
    (void)certs_path(&w.certs, "a.pem", w.crt);
    (void)certs_path(&w.certs, "a.key", w.key);
    (void)certs_path(&w.certs, "b.key", w.other);
}

static void end(void)
{
    certs_end(&w.certs);
}

TestSuite(starved_tls, .init = begin, .fini = end, .timeout = 3600);

static s2s__identity *choose(void *arg, s2s_str sni)
{
    (void)arg;
    cr_expect(!sni.ptr || s2s_str_eq(sni, S2S_STR(DOMAIN)));
    return s2s__identity_ref(w.identity);
}

static void requested(void *arg, bool tls13, s2s_bytes message)
{
    (void)arg;
    w.requests += tls13 && message.len > 0;
}

static bool load(void)
{
    char why[S2S_TEXT_MAX] = "";
    if (s2s__credentials_new(&w.t.env, &w.credentials, why) != S2S_OK ||
        s2s__identity_load(&w.t.env, w.crt, w.key, &w.identity, why) != S2S_OK) {
        cr_expect_neq(why[0], '\0');
        return false;
    }
    cr_expect_not(s2s__identity_covers(w.identity, S2S_STR("other.example")));
    (void)s2s__identity_covers(w.identity, S2S_STR(DOMAIN));
    return true;
}

static bool make_pumps(void)
{
    s2s__pump_options i = {.role = S2S_INITIATOR, .credentials = w.credentials, .identity = w.identity, .sni = DOMAIN,
                           .alpn = true, .requested = requested};
    s2s__pump_options a = {.role = S2S_ACCEPTOR, .credentials = w.credentials, .choose = choose, .alpn = true};
    return s2s__pump_new(&w.t.env, &i, &w.initiator) == S2S_OK && s2s__pump_new(&w.t.env, &a, &w.acceptor) == S2S_OK;
}

/* False: what was to arrive does not, so that the connection is over. */
static bool move(s2s__pump *from, s2s__pump *to)
{
    const uint8_t *out;
    size_t len = s2s__pump_output(from, &out);
    if (len > 0 && s2s__pump_feed(to, (s2s_bytes){out, len}) != S2S_OK)
        return false;
    s2s__pump_sent(from, len);
    return true;
}

/* One step, as another thread would do it where `apart`. */
static s2s_err shake(s2s__pump *p, bool apart)
{
    s2s_err err = S2S_E_LIMIT;
    if (!apart || s2s__pump_begin(p) != S2S_OK)
        return s2s__pump_handshake(p);
    for (;;) {
        s2s__pump_work(p);
        err = s2s__pump_worked(p);
        if (err != S2S_E_LIMIT || s2s__pump_begin(p) != S2S_OK)
            return err;
    }
}

static bool connect_pumps(void)
{
    for (int i = 0; i < FLIGHTS; i++) {
        s2s_err one = shake(w.initiator, false);
        if (one == S2S_E_TLS || !move(w.initiator, w.acceptor))
            return false;
        s2s_err two = shake(w.acceptor, true);
        if (two == S2S_E_TLS || !move(w.acceptor, w.initiator))
            return false;
        if (one == S2S_OK && two == S2S_OK)
            return true;
    }
    return false;
}

/* A peer without a certificate has proven nothing; one with a certificate has shown that one. */
static void check_chain(const s2s__pump *p)
{
    s2s_bytes seen[S2S__IDENTITY_CHAIN_MAX], ours[S2S__IDENTITY_CHAIN_MAX];
    size_t len = s2s__pump_peer_chain(p, seen, S2S__IDENTITY_CHAIN_MAX);
    size_t own = s2s__identity_chain(w.identity, ours);
    cr_expect_eq(len, own);
    for (size_t i = 0; i < len && i < own; i++)
        cr_expect(seen[i].len == ours[i].len && memcmp(seen[i].ptr, ours[i].ptr, ours[i].len) == 0);
}

static bool talk(s2s__pump *from, s2s__pump *to)
{
    uint8_t out[256];
    size_t got = 0;
    if (s2s__pump_write(from, (s2s_bytes){(const uint8_t *)HELLO, sizeof HELLO - 1}) != S2S_OK || !move(from, to))
        return false;
    s2s_err err = s2s__pump_read(to, out, sizeof out, &got);
    if (err == S2S_OK)
        cr_expect(got == sizeof HELLO - 1 && memcmp(out, HELLO, got) == 0);
    return err == S2S_OK;
}

static bool part(void)
{
    uint8_t out[16];
    size_t got = 0;
    s2s__pump_bye(w.initiator);
    return move(w.initiator, w.acceptor) && s2s__pump_read(w.acceptor, out, sizeof out, &got) == S2S_E_CLOSED;
}

static bool all(void)
{
    if (!load() || !make_pumps() || !connect_pumps())
        return false;
    check_chain(w.initiator);
    check_chain(w.acceptor);
    cr_expect(s2s__pump_sent_certificate(w.initiator) && w.requests == 1);
    cr_expect(s2s_str_eq(s2s__pump_alpn(w.initiator), S2S_STR("xmpp-server")));
    return talk(w.initiator, w.acceptor) && talk(w.acceptor, w.initiator) && part();
}

/* Returns how many allocations there were. */
static size_t scenario(size_t left, bool once, bool (*what)(void))
{
    w.requests = 0;
    starve_begin(left, once);
    bool done = what();
    size_t used = left - starve_left();
    bool failed = starve_end();
    cr_expect(done || failed, "%zu: failed without a reason", left);
    s2s__pump_free(w.initiator);
    s2s__pump_free(w.acceptor);
    s2s__identity_unref(w.identity);
    s2s__credentials_free(w.credentials);
    w.initiator = w.acceptor = NULL;
    w.identity = NULL;
    w.credentials = NULL;
    cr_expect_eq(w.t.live, 0u, "%zu: %zu blocks were not freed", left, w.t.live);
    return used;
}

static void starve(bool once, bool (*what)(void))
{
    (void)scenario(PLENTY, once, what); /* what is made once and kept */
    size_t total = scenario(PLENTY, once, what), runs = 0;
    cr_assert_gt(total, 0u);
    for (size_t left = 0; left < total; left += starve_step(total), runs++)
        (void)scenario(left, once, what);
    cr_log_info("%zu runs of %zu allocations", runs, total);
}

Test(starved_tls, one_allocation_fails)
{
    starve(true, all);
}

Test(starved_tls, all_allocations_fail_from_one_on)
{
    starve(false, all);
}

static bool load_another_key(void)
{
    s2s__identity *identity = NULL;
    s2s_err err = s2s__identity_load(&w.t.env, w.crt, w.other, &identity, NULL);
    cr_expect(err != S2S_OK && !identity, "a key that does not belong to the certificate");
    return true;
}

Test(starved_tls, a_key_of_another_certificate_is_never_taken)
{
    starve(true, load_another_key);
    starve(false, load_another_key);
}
