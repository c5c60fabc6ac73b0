/* SPDX-License-Identifier: MIT */
/* test_starved_dns.c: a domain is looked up in a signed zone, a question is asked, with an allocation that fails, each in turn, libunbound's in our
 * thread too. Each gets one answer; what is found is all that the DNS says, with its TLSA records, or nothing. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "dns_server.h"
#include "support/starve.h"
#include "support/test_env.h"
#include "transport/ask.h"
#include "transport/query.h"

#define SIGNED ".signed.example"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* The domain has addresses of its own, which its SRV records are to be preferred to. */
static const dns_row zone[] = {
    {"_xmpp-server._tcp.full" SIGNED, DNS_SRV, "h1" SIGNED, 1, 0, 5269},
    {"_xmpps-server._tcp.full" SIGNED, DNS_SRV, "h1" SIGNED, 2, 0, 5270},
    {"full" SIGNED, DNS_A, "192.0.2.9"},
    {"h1" SIGNED, DNS_A, "192.0.2.1"},
    {"h1" SIGNED, DNS_AAAA, "2001:db8::1"},
    {"_5269._tcp.h1" SIGNED, DNS_TLSA, "3 1 1 " HASH},
    {"_5270._tcp.h1" SIGNED, DNS_TLSA, "3 1 1 " HASH},
};
enum { ZONE = sizeof zone / sizeof *zone, DNS_MS = 60000, PLENTY = 1000000, TEXT = 512 };

/* libunbound (1.17) forgets its random numbers when it cannot set itself up with its first question. The sanitizer looks for these. */
#define ASKED_FOR __attribute__((visibility("default"))) const char
ASKED_FOR *__lsan_default_suppressions(void);
ASKED_FOR *__asan_default_options(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:ub_resolve_async\n";
}

const char *__asan_default_options(void)
{
    return "fast_unwind_on_malloc=0"; /* else the stack ends in libunbound */
}

static const char *const STARTTLS = "h1" SIGNED " starttls secure secure 1;", *const DIRECT = "h1" SIGNED " direct secure secure 1;";

/* The server is another thread's, which has memory. */
static struct {
    uv_thread_t thread;
    uv_loop_t loop;
    uv_async_t stop;
    dns_server dns;
    dns_signer signer;
} server;

static struct {
    test_env t;
    uv_loop_t loop;
    s2s__resolver *resolver;
    int calls;
    s2s__resolved status;
    char targets[TEXT], text[S2S_TEXT_MAX];
} w;

static void on_stop(uv_async_t *async)
{
    dns_end(&server.dns);
    uv_close((uv_handle_t *)async, NULL);
}

static void serve(void *arg)
{
    (void)arg;
    (void)uv_run(&server.loop, UV_RUN_DEFAULT);
}

static void begin(void)
{
    cr_assert_eq(uv_loop_init(&server.loop), 0);
    dns_signer_begin(&server.signer, "signed.example");
    dns_begin(&server.dns, &server.loop, zone, ZONE);
    server.dns.signer = &server.signer;
    cr_assert_eq(uv_async_init(&server.loop, &server.stop, on_stop), 0);
    cr_assert_eq(uv_thread_create(&server.thread, serve, NULL), 0);
    test_env_init(&w.t);
    w.t.env.limits.dns_ms = DNS_MS;
    cr_assert_eq(uv_loop_init(&w.loop), 0);
}

static void end(void)
{
    (void)uv_async_send(&server.stop);
    (void)uv_thread_join(&server.thread);
    cr_expect_eq(uv_loop_close(&server.loop), 0);
    dns_signer_end(&server.signer);
    cr_expect_eq(uv_loop_close(&w.loop), 0, "a handle was left");
}

TestSuite(starved_dns, .init = begin, .fini = end, .timeout = 3600);

/* "TARGET starttls|direct secure|insecure TLSA-STATE COUNT;" for each. */
static void describe(const s2s__resolution *r)
{
    size_t n = 0;
    w.targets[0] = '\0';
    for (size_t i = 0; i < r->targets_len && n < TEXT; i++) {
        const s2s__target *target = &r->targets[i];
        n += (size_t)snprintf(w.targets + n, TEXT - n, "%s %s %s %s %zu;", target->srv.target,
                              target->srv.direct ? "direct" : "starttls", target->srv.secure ? "secure" : "insecure",
                              s2s_dnssec_word(target->tlsa_state), target->tlsa_len);
    }
}

static void on_resolved(void *arg, s2s__resolution *resolution)
{
    (void)arg;
    w.calls++;
    w.status = resolution->status;
    (void)snprintf(w.text, sizeof w.text, "%s", resolution->text);
    describe(resolution);
    s2s__resolution_free(resolution);
}

static void on_answer(void *arg, const s2s__answer *answer)
{
    (void)arg;
    w.calls++;
    w.status = answer->status;
    if (answer->status == S2S__RESOLVED_FOUND)
        cr_expect(answer->count == 1 && answer->dnssec == S2S_DNSSEC_SECURE && answer->data[0].len == 35);
}

/* Until it is answered. False: libunbound has failed and is not listened to, so that only its time could end it. */
static bool answered(s2s_err err)
{
    while (err == S2S_OK && w.calls == 0 && uv_is_active((uv_handle_t *)&w.resolver->asker->poll))
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    cr_expect(err != S2S_OK || w.calls > 0 || w.resolver->failed);
    return err != S2S_OK || w.calls > 0;
}

static s2s_err look_up(void)
{
    s2s__query *query = NULL;
    s2s_err err = s2s__resolver_query(w.resolver, "full" SIGNED, true, on_resolved, NULL, &query);
    if (!answered(err))
        s2s__resolver_cancel(query);
    return err;
}

static s2s_err ask(void)
{
    s2s__ask *one = NULL;
    s2s_err err = s2s__ask_start(w.resolver, "_5269._tcp.h1" SIGNED, DNS_TLSA, on_answer, NULL, &one);
    if (!answered(err))
        s2s__ask_cancel(one);
    return err;
}

/* A kind of SRV record that could not be asked for leaves the other; a target is whole, or not there; and nothing stands in for both. */
static bool as_the_dns_says(void)
{
    char both[TEXT];
    (void)snprintf(both, sizeof both, "%s%s", STARTTLS, DIRECT);
    return strcmp(w.targets, both) == 0 || strcmp(w.targets, STARTTLS) == 0 || strcmp(w.targets, DIRECT) == 0;
}

static void forget(void)
{
    w.calls = 0;
    w.targets[0] = '\0';
    w.status = S2S__RESOLVED_FAILED;
}

/* Returns how many allocations there were. */
static size_t scenario(size_t left, bool once, s2s_err (*what)(void))
{
    const char *servers[] = {server.dns.address}, *anchors[] = {server.signer.anchor};
    char why[S2S_TEXT_MAX] = "";
    cr_assert_eq(s2s__resolver_new(&w.loop, &w.t.env, servers, 1, anchors, 1, &w.resolver, why), S2S_OK, "%s", why);
    forget();
    starve_begin(left, once);
    (void)what();
    size_t used = left - starve_left();
    bool failed = starve_end();
    cr_expect_leq(w.calls, 1, "%zu", left);
    if (w.calls == 1 && w.status == S2S__RESOLVED_FOUND && what == look_up)
        cr_expect(as_the_dns_says(), "%zu: DA-01: %s", left, w.targets);
    cr_expect(failed || w.status == S2S__RESOLVED_FOUND, "%zu: %s", left, w.text);
    forget();
    while (what() == S2S_E_DNS) /* until what waited for the old one is gone */
        (void)uv_run(&w.loop, UV_RUN_ONCE);
    cr_expect_eq(w.status, S2S__RESOLVED_FOUND, "%zu: with memory again: %s", left, w.text);
    s2s__resolver_close(w.resolver, NULL, NULL);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    cr_expect_eq(w.t.live, 0u, "%zu: %zu blocks were not freed", left, w.t.live);
    return used;
}

static void starve(bool once, s2s_err (*what)(void))
{
    (void)scenario(PLENTY, once, what); /* what is made once and kept */
    size_t total = scenario(PLENTY, once, what), runs = 0;
    cr_assert_gt(total, 0u);
    for (size_t left = 0; left < total; left += starve_step(total), runs++)
        (void)scenario(left, once, what);
    cr_log_info("%zu runs of %zu allocations", runs, total);
}

Test(starved_dns, one_allocation_of_a_look_up_fails)
{
    starve(true, look_up);
}

Test(starved_dns, all_of_a_look_up_fail_from_one_on)
{
    starve(false, look_up);
}

Test(starved_dns, one_allocation_of_a_question_fails)
{
    starve(true, ask);
    starve(false, ask);
}
