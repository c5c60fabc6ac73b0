/* SPDX-License-Identifier: MIT */
/* test_rate.c: what one remote domain may send in a second: it is slowed down, loses nothing, and harms nobody else. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "two_nodes.h"

enum { BYTES = 100000, BURST = 20000, MANY = 1200 };

static net n;

static s2s_federation_counts counts_of(const node *x)
{
    s2s_federation_counts c = {.size = sizeof c};
    s2s_federation_count(x->f, &c);
    return c;
}

static void count_slowed(void *arg, const s2s_stream_info *info)
{
    *(size_t *)arg += info->slowed;
}

static size_t slowed_streams(const node *x)
{
    size_t count = 0;
    s2s_federation_streams(x->f, count_slowed, &count);
    return count;
}

static void flood(node *x, const char *to, int from, int count)
{
    char id[16];
    for (int i = from; i < from + count; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        s2s_err err = node_send(x, to, id);
        cr_assert(err == S2S_OK || err == S2S_E_AGAIN);
    }
}

/* Those of `sender`, each once, in order. */
static size_t in_order(const node *x, const char *sender)
{
    size_t next = 0;
    for (size_t i = 0; i < x->count; i++) {
        char want[96];
        (void)snprintf(want, sizeof want, "message  %zu %s <body>%zu</body>", next, sender, next);
        next += strcmp(x->received[i], want) == 0;
    }
    return next;
}

static void begin(void)
{
    net_begin(&n);
    n.b.t.env.limits.rate_bytes = BYTES;
    n.b.t.env.limits.rate_burst_bytes = BURST;
    net_begin_nodes(&n);
}

static void add_sender(node *x, const char *domain)
{
    char why[S2S_TEXT_MAX] = "";
    net_begin_node(&n, x, domain);
    cr_assert_eq(s2s_federation_route(x->f, "b.example", n.b.address, n.tls, why), S2S_OK, "%s", why);
}

/* A lower bound on the time is safe on a busy machine: a token bucket never lets more through. */
Test(rate, a_flood_is_slowed_down_and_all_of_it_arrives_in_order)
{
    static node c;
    begin();
    add_sender(&c, "c.example");
    (void)node_send(&n.a, "b.example", "0");
    net_until(&n, &n.b.count, 1);
    s2s_time start = uv_now(&n.loop);
    flood(&n.a, "b.example", 1, MANY - 1);
    while (counts_of(&n.b).slowed == 0)
        uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect_eq(slowed_streams(&n.b), 1u);
    cr_expect_not_null(strstr(n.b.t.last_log, "limits.rate_bytes"), "%s", n.b.t.last_log);
    cr_expect_not_null(strstr(n.b.t.last_log, "remote=a.example"), "%s", n.b.t.last_log);
    size_t before = n.b.count;
    cr_assert_lt(before, (size_t)MANY);
    (void)node_send(&c, "b.example", "0");
    while (in_order(&n.b, "x@c.example") == 0)
        uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect_lt(n.b.count, (size_t)MANY, "another remote is not behind the flood");
    net_until(&n, &n.b.count, MANY + 1);
    cr_expect_eq(in_order(&n.b, "x@a.example"), (size_t)MANY);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    cr_expect_eq(counts_of(&n.b).slowed, 1u, "one episode");
    size_t least = (size_t)MANY * strlen("<message from='x@a.example' to='y@b.example' id='9'><body>9</body></message>");
    cr_expect_geq(uv_now(&n.loop) - start + 1, (least - BURST - 16384) * 1000 / BYTES);
    net_end_node(&n, &c);
    net_end(&n);
}

/* a.example has a stream to each of two domains of one node. */
Test(rate, streams_of_one_remote_share_its_rate_and_take_turns)
{
    enum { EACH = MANY / 2 };
    char why[S2S_TEXT_MAX] = "";
    begin();
    net_add_domain(&n, &n.b, "b2.example");
    cr_assert_eq(s2s_federation_route(n.a.f, "b2.example", n.b.address, n.tls, why), S2S_OK, "%s", why);
    (void)node_send(&n.a, "b.example", "first");
    (void)node_send(&n.a, "b2.example", "first");
    net_until(&n, &n.b.count, 2);
    s2s_time start = uv_now(&n.loop);
    flood(&n.a, "b.example", 0, EACH);
    flood(&n.a, "b2.example", 0, EACH);
    while (slowed_streams(&n.b) < 2)
        uv_run(&n.loop, UV_RUN_ONCE);
    net_until(&n, &n.b.count, 2 + MANY);
    cr_expect_eq(counts_of(&n.b).slowed, 1u, "one bucket, one episode");
    size_t least = (size_t)MANY * strlen("<message from='x@a.example' to='y@b.example' id='9'><body>9</body></message>");
    cr_expect_geq(uv_now(&n.loop) - start + 1, (least - BURST - 2 * 16384) * 1000 / BYTES);
    cr_expect_eq(n.a.count, 0u);
    net_end(&n);
}

static void replace_rate(node *x, uint32_t bytes)
{
    s2s_setup *setup = NULL;
    cr_assert_eq(s2s_setup_new(&x->t.env, &setup), S2S_OK);
    cr_assert_eq(s2s_setup_keep_domain(setup, x->f, s2s_str_of(x->domain)), S2S_OK);
    s2s_setup_limit_rate(setup, bytes, 1);
    s2s_federation_replace(x->f, setup);
}

/* At the rate that holds first it would take days. */
Test(rate, another_rate_holds_at_once_for_streams_that_are_there)
{
    net_begin(&n);
    net_begin_nodes(&n);
    (void)node_send(&n.a, "b.example", "0");
    net_until(&n, &n.b.count, 1);
    replace_rate(&n.b, 1);
    flood(&n.a, "b.example", 1, MANY - 1);
    while (slowed_streams(&n.b) == 0)
        uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect_lt(n.b.count, (size_t)MANY);
    replace_rate(&n.b, 0);
    cr_expect_eq(slowed_streams(&n.b), 0u);
    net_until(&n, &n.b.count, MANY);
    cr_expect_eq(in_order(&n.b, "x@a.example"), (size_t)MANY);
    net_end(&n);
}

Test(rate, a_stop_reads_what_has_come)
{
    enum { FEW = 300 };
    begin();
    (void)node_send(&n.a, "b.example", "0");
    net_until(&n, &n.b.count, 1);
    replace_rate(&n.b, 1);
    flood(&n.a, "b.example", 1, FEW - 1);
    while (slowed_streams(&n.b) == 0)
        uv_run(&n.loop, UV_RUN_ONCE);
    s2s_federation_stop(n.b.f);
    net_until_true(&n, &n.b.stopped);
    cr_expect_eq(in_order(&n.b, "x@a.example"), n.b.count);
    s2s_federation_stop(n.a.f);
    net_until_true(&n, &n.a.stopped);
    cr_expect_geq(n.b.count + n.a.count, (size_t)FEW, "what did not arrive came back");
    net_end(&n);
}

/* What it was in debt with is not forgotten with its stream. */
Test(rate, a_new_connection_brings_no_new_burst)
{
    begin();
    (void)node_send(&n.a, "b.example", "0");
    net_until(&n, &n.b.count, 1);
    replace_rate(&n.b, 1);
    flood(&n.a, "b.example", 1, 9);
    while (slowed_streams(&n.b) == 0)
        uv_run(&n.loop, UV_RUN_ONCE);
    size_t ended = n.b.ended;
    cr_assert_eq(s2s_federation_close_remote(n.b.f, S2S_STR("a.example")), 1u);
    net_until(&n, &n.b.ended, ended + 1);
    net_until(&n, &n.b.count, 10);
    size_t established = n.b.established;
    (void)node_send(&n.a, "b.example", "again");
    net_until(&n, &n.b.established, established + 1);
    while (slowed_streams(&n.b) == 0)
        uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect_eq(counts_of(&n.b).slowed, 1u, "the episode goes on");
    replace_rate(&n.b, 0);
    net_until(&n, &n.b.count, 11);
    net_end(&n);
}
