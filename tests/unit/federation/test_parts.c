/* SPDX-License-Identifier: MIT */
/* test_parts.c: an object that is one of several for the same domains: stanzas that are safe only later, remote domains of another. */
#include <criterion/criterion.h>

#include "two_nodes.h"

enum { WHILE_MS = 300 /* longer than a sender waits before it asks */ };

static net n;

static void start(void)
{
    net_begin(&n);
}

static void finish(void)
{
    net_end(&n);
}

TestSuite(federation_parts, .init = start, .fini = finish, .timeout = 60);

static void look(void *arg, const s2s_stream_info *info)
{
    *(s2s_stream_info *)arg = *info;
}

static s2s_stream_info stream_of(const node *x)
{
    s2s_stream_info info = {0};
    s2s_federation_streams(x->f, look, &info);
    return info;
}

static void on_timer(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* What must not happen has time to. */
static void run_a_while(void)
{
    bool over = false;
    uv_timer_t timer;
    uv_timer_init(&n.loop, &timer);
    timer.data = &over;
    uv_timer_start(&timer, on_timer, WHILE_MS, 0);
    net_until_true(&n, &over);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&n.loop, UV_RUN_NOWAIT);
}

static void send_three(void)
{
    (void)node_send(&n.a, "b.example", "1");
    (void)node_send(&n.a, "b.example", "2");
    (void)node_send(&n.a, "b.example", "3");
    net_until(&n, &n.b.count, 3);
}

Test(federation_parts, what_is_delivered_is_acknowledged_when_it_is_safe)
{
    n.b.taken_later = true;
    net_begin_nodes(&n);
    send_three();
    run_a_while();
    s2s_stream_info info = stream_of(&n.a);
    cr_expect(info.acks);
    cr_expect_eq(info.acknowledged, 0u, "SM-02");
    s2s_federation_taken(n.b.f, 2);
    run_a_while();
    cr_expect_leq(stream_of(&n.a).acknowledged, 2u);
    s2s_federation_taken(n.b.f, 3);
    while (stream_of(&n.a).acknowledged < 3)
        uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect_eq(stream_of(&n.a).unacknowledged, 0u);
}

Test(federation_parts, the_end_of_a_stream_waits_for_what_is_not_safe)
{
    n.b.taken_later = true;
    net_begin_nodes(&n);
    send_three();
    cr_expect_eq(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 1u);
    run_a_while();
    cr_expect_eq(n.b.ended, 0u, "SM-06");
    s2s_federation_taken(n.b.f, 3);
    net_until(&n, &n.a.ended, 1);
    net_until(&n, &n.b.ended, 1);
    run_a_while();
    cr_expect_eq(n.b.count, 3u, "nothing came twice");
    cr_expect_eq(n.a.count, 0u, "nothing came back");
}

Test(federation_parts, who_does_not_own_the_remote_domain_accepts_its_streams_but_offers_no_way_back)
{
    n.a.bidi = n.b.bidi = true;
    n.b.secret = "the same for both parts";
    n.b.part = 1;
    n.b.parts = 2;
    net_begin_nodes(&n);
    send_three();
    cr_expect_not(stream_of(&n.a).bidi, "BD-03");
    s2s_stream_info info = stream_of(&n.b);
    cr_expect_not(info.bidi);
    cr_expect_str_eq(info.id, "i2", "no other part gives it");
}
