/* SPDX-License-Identifier: MIT */
/* test_ask.c: single questions, against a DNS server on loopback. */
#include "transport/ask.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "dns_server.h"
#include "support/test_env.h"

static const dns_row zone[] = {
    {"two.example", DNS_A, "192.0.2.1"},
    {"two.example", DNS_A, "192.0.2.2"},
    {"_xmpps-server._tcp.two.example", DNS_SRV, "h.two.example", 10, 5, 5270},
    {"fails.example", DNS_ANY, .rcode = DNS_SERVFAIL},
    {"mute.example", DNS_ANY, .silent = true},
};
enum { ZONE = sizeof zone / sizeof *zone, ENOUGH_MS = 60000, SHORT_MS = 300 };

struct outcome {
    int calls;
    s2s__resolved status;
    s2s_dnssec dnssec;
    bool exists;
    size_t count, bytes;
    char text[S2S_TEXT_MAX];
};

static test_env t;
static uv_loop_t loop;
static dns_server server;
static s2s__resolver *resolver;

static void begin(void)
{
    char why[S2S_TEXT_MAX];
    test_env_init(&t);
    t.env.limits.dns_ms = ENOUGH_MS;
    cr_assert_eq(uv_loop_init(&loop), 0);
    dns_begin(&server, &loop, zone, ZONE);
    cr_assert_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){server.address}, 1, NULL, 0, &resolver, why),
                 S2S_OK, "%s", why);
}

static void end(void)
{
    s2s__resolver_close(resolver, NULL, NULL);
    dns_end(&server);
    cr_expect_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_expect_eq(uv_loop_close(&loop), 0, "a handle was left open");
    cr_expect_eq(t.live, 0, "%zu blocks were not freed", t.live);
}

TestSuite(transport_ask, .init = begin, .fini = end, .timeout = 60);

static void note(void *arg, const s2s__answer *a)
{
    struct outcome *o = arg;
    o->calls++;
    o->status = a->status;
    o->dnssec = a->dnssec;
    o->exists = a->exists;
    o->count = a->count;
    for (size_t i = 0; i < a->count; i++)
        o->bytes += a->data[i].len;
    (void)snprintf(o->text, sizeof o->text, "%s", a->text);
}

static struct outcome ask(const char *name, int type)
{
    struct outcome o = {0};
    s2s__ask *handle;
    cr_assert_eq(s2s__ask_start(resolver, name, type, note, &o, &handle), S2S_OK, "%s", name);
    cr_assert_eq(o.calls, 0, "never called from the function itself");
    while (o.calls == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    return o;
}

Test(transport_ask, answers)
{
    static const struct {
        const char *name;
        int type;
        s2s__resolved status;
        bool exists;
        size_t count, bytes;
    } ROWS[] = {
        {"two.example", S2S__RR_A, S2S__RESOLVED_FOUND, true, 2, 8},
        {"two.example", S2S__RR_AAAA, S2S__RESOLVED_NOT_FOUND, true, 0, 0},
        {"_xmpps-server._tcp.two.example", S2S__RR_SRV, S2S__RESOLVED_FOUND, true, 1, 6 + 15},
        {"nobody.example", S2S__RR_A, S2S__RESOLVED_NOT_FOUND, false, 0, 0},
        {"fails.example", S2S__RR_A, S2S__RESOLVED_FAILED, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct outcome o = ask(ROWS[i].name, ROWS[i].type);
        cr_expect_eq(o.status, ROWS[i].status, "row %zu", i);
        cr_expect_eq(o.count, ROWS[i].count, "row %zu", i);
        cr_expect_eq(o.bytes, ROWS[i].bytes, "row %zu: %zu", i, o.bytes);
        cr_expect_eq(o.exists, ROWS[i].exists, "row %zu", i);
        cr_expect_eq(*o.text != '\0', ROWS[i].status == S2S__RESOLVED_FAILED, "row %zu: %s", i, o.text);
        cr_expect_neq(o.dnssec, S2S_DNSSEC_SECURE, "no anchor, no proof");
    }
}

Test(transport_ask, silence_is_a_timeout)
{
    t.env.limits.dns_ms = SHORT_MS;
    struct outcome o = ask("mute.example", S2S__RR_A);
    cr_expect_eq(o.status, S2S__RESOLVED_TIMEOUT);
    cr_expect_eq(o.calls, 1);
}

Test(transport_ask, a_cancelled_question_says_nothing)
{
    struct outcome o = {0};
    s2s__ask *handle;
    s2s__ask_cancel(NULL);
    cr_assert_eq(s2s__ask_start(resolver, "mute.example", S2S__RR_A, note, &o, &handle), S2S_OK);
    s2s__ask_cancel(handle);
    (void)ask("two.example", S2S__RR_A);
    cr_expect_eq(o.calls, 0);
}

Test(transport_ask, without_memory_nothing_is_asked)
{
    struct outcome o = {0};
    s2s__ask *handle = NULL;
    t.fail_after = 0;
    cr_expect_eq(s2s__ask_start(resolver, "two.example", S2S__RR_A, note, &o, &handle), S2S_E_NOMEM);
    t.fail_after = -1;
    cr_expect_null(handle);
}
