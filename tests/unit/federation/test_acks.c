/* SPDX-License-Identifier: MIT */
/* test_acks.c: what happens to stanzas that were sent and not acknowledged when their stream breaks (XEP-0198). */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "relay.h"
#include "two_nodes.h"

enum { MANY = 200 };

static net n;
static relay r;

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* a.example reaches b.example through the relay. */
static void begin(uint32_t reroute_ms)
{
    char why[S2S_TEXT_MAX] = "";
    net_begin(&n);
    n.a.t.env.limits.reroute_ms = reroute_ms;
    net_begin_nodes_unrouted(&n);
    relay_begin(&r, &n.loop, n.b.address);
    cr_assert_eq(s2s_federation_route(n.a.f, "b.example", r.address, n.tls, why), S2S_OK, "%s", why);
    (void)node_send(&n.a, "b.example", "first");
    net_until(&n, &n.b.count, 1);
}

static void finish(void)
{
    relay_end_all(&r);
    net_end(&n);
}

static void send_many(int from, int count)
{
    char id[16];
    for (int i = from; i < from + count; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        s2s_err err = node_send(&n.a, "b.example", id);
        cr_assert(err == S2S_OK || err == S2S_E_AGAIN);
    }
}

/* What b received from its `at`-th on is 0, 1, 2... */
static void expect_numbers(size_t at, int count)
{
    for (int i = 0; i < count; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "message  %d x@a.example <body>%d</body>", i, i);
        cr_assert_str_eq(n.b.received[at + (size_t)i], want, "SZ-04 SM-04");
    }
}

static void look(void *arg, const s2s_stream_info *info)
{
    if (info->role == S2S_INITIATOR)
        *(s2s_stream_info *)arg = *info;
}

static s2s_stream_info outgoing(void)
{
    s2s_stream_info info = {0};
    s2s_federation_streams(n.a.f, look, &info);
    return info;
}

static void until_acknowledged(void)
{
    while (outgoing().unacknowledged > 0 || !outgoing().acks)
        uv_run(&n.loop, UV_RUN_ONCE);
}

Test(acks, what_arrives_is_acknowledged_and_shown)
{
    begin(0);
    send_many(0, MANY);
    net_until(&n, &n.b.count, MANY + 1);
    until_acknowledged();
    s2s_stream_info info = outgoing();
    cr_expect(info.acks);
    cr_expect_eq(info.acknowledged, (uint64_t)MANY + 1, "SM-02");
    cr_expect_eq(info.stanzas_out, (uint64_t)MANY + 1);
    cr_expect_eq(info.resent, 0u);
    finish();
}

Test(acks, what_never_arrived_is_sent_again_in_order_before_what_waits)
{
    begin(30000);
    until_acknowledged();
    r.hold_out = true;
    send_many(0, MANY);
    while (outgoing().unacknowledged < MANY)
        uv_run(&n.loop, UV_RUN_ONCE);
    uv_run(&n.loop, UV_RUN_NOWAIT); /* into the relay, and no further */
    r.hold_out = false;
    relay_cut(&r);
    net_until(&n, &n.a.ended, 1);
    send_many(MANY, MANY);
    net_until(&n, &n.b.count, 2 * MANY + 1);
    expect_numbers(1, 2 * MANY);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    until_acknowledged();
    cr_expect_eq(outgoing().resent, (uint64_t)MANY);
    cr_expect_eq(n.b.count, 2u * MANY + 1, "and nothing came twice");
    finish();
}

Test(acks, what_arrived_without_our_knowing_comes_twice_and_in_order)
{
    begin(30000);
    until_acknowledged();
    r.hold_back = true;
    send_many(0, MANY);
    net_until(&n, &n.b.count, MANY + 1);
    r.hold_back = false;
    relay_cut(&r);
    send_many(MANY, MANY);
    net_until(&n, &n.b.count, 3 * MANY + 1);
    expect_numbers(1, MANY);
    expect_numbers(MANY + 1, 2 * MANY);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    finish();
}

Test(acks, what_was_sent_again_in_vain_too_often_bounces)
{
    begin(30000);
    n.a.t.env.limits.resend_streams = 1;
    until_acknowledged();
    r.hold_back = true;
    send_many(0, 2);
    net_until(&n, &n.b.count, 3);
    r.hold_back = false;
    relay_cut(&r);
    net_until(&n, &n.a.established, 2);
    r.hold_back = true;
    net_until(&n, &n.b.count, 5);
    send_many(2, 1);
    net_until(&n, &n.b.count, 6);
    r.hold_back = false;
    relay_cut(&r);
    net_until(&n, &n.a.count, 2);
    cr_expect(has(n.a.received[0], "message error 0 y@b.example"), "%s", n.a.received[0]);
    cr_expect(has(n.a.received[1], "message error 1 y@b.example"), "%s", n.a.received[1]);
    cr_expect(has(n.a.received[1], "remote-server-timeout") && has(n.a.received[1], "acknowledge"), "%s", n.a.received[1]);
    net_until(&n, &n.b.count, 7);
    cr_expect(has(node_last(&n.b), "message  2 "), "the third was sent once before: %s", node_last(&n.b));
    finish();
}

/* The peer stops between the set-up and its word that it counts. */
static void begin_without_enabled(uint32_t reroute_ms)
{
    char why[S2S_TEXT_MAX] = "";
    net_begin(&n);
    n.a.t.env.limits.stall_ms = 3000;
    n.a.t.env.limits.close_ms = 100;
    n.a.t.env.limits.reroute_ms = reroute_ms;
    net_begin_nodes_unrouted(&n);
    relay_begin(&r, &n.loop, n.b.address);
    cr_assert_eq(s2s_federation_route(n.a.f, "b.example", r.address, n.tls, why), S2S_OK, "%s", why);
    send_many(0, MANY);
    net_until(&n, &n.a.established, 1);
    r.hold_back = true;
}

Test(acks, a_peer_that_stops_before_it_says_that_it_counts_is_left)
{
    begin_without_enabled(60000);
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.last_end.origin, S2S_ORIGIN_LOCAL);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_CONNECTION_TIMEOUT, "ST-23: %s", n.a.last_end.text);
    cr_expect_eq(n.a.count, 0u, "nothing bounces");
    r.hold_back = false;
    size_t before = n.b.count; /* what it has read all the same */
    net_until(&n, &n.b.count, before + MANY);
    expect_numbers(before, MANY);
    until_acknowledged();
    cr_expect_eq(n.a.count, 0u);
    finish();
}

Test(acks, a_peer_that_is_gone_before_it_said_that_it_counts_bounces_all)
{
    begin_without_enabled(0);
    r.turn_away = true;
    net_until(&n, &n.a.count, MANY);
    cr_expect(has(n.a.received[0], "message error 0 ") && has(n.a.received[0], "remote-server-timeout"), "%s", n.a.received[0]);
    cr_expect(has(node_last(&n.a), "message error 199"), "%s", node_last(&n.a));
    r.hold_back = false;
    finish();
}

Test(acks, what_cannot_be_sent_again_bounces_in_order_when_time_is_up)
{
    begin(1000);
    until_acknowledged();
    r.hold_out = true;
    send_many(0, MANY);
    while (outgoing().unacknowledged < MANY)
        uv_run(&n.loop, UV_RUN_ONCE);
    r.turn_away = true;
    relay_cut(&r);
    net_until(&n, &n.a.count, MANY);
    for (int i = 0; i < MANY; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "message error %d y@b.example", i);
        cr_assert(has(n.a.received[i], want), "%s", n.a.received[i]);
        cr_assert(has(n.a.received[i], "remote-server-timeout"));
    }
    cr_expect_gt(r.accepted, 2u, "it was tried more than once");
    cr_expect_eq(n.a.count, (size_t)MANY);
    finish();
}

Test(acks, a_peer_that_comes_back_is_tried_at_once)
{
    char why[S2S_TEXT_MAX] = "";
    begin(600000);
    until_acknowledged();
    cr_assert_eq(s2s_federation_route(n.b.f, "a.example", n.a.address, n.tls, why), S2S_OK);
    r.turn_away = true;
    relay_cut(&r);
    send_many(0, 3);
    size_t tried = r.accepted;
    net_until(&n, &r.accepted, tried + 4);
    r.turn_away = false;
    (void)node_send(&n.b, "a.example", "here I am");
    net_until(&n, &n.b.count, 4);
    expect_numbers(1, 3);
    finish();
}

static void send_large(int count)
{
    static char inner[16384];
    char id[16];
    (void)snprintf(inner, sizeof inner, "<body>%0*d</body>", 16000, 0);
    for (int i = 0; i < count; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example"), .id = s2s_str_of(id),
                         .attrs = S2S_STR(""), .inner = s2s_str_of(inner)};
        s2s_err err = s2s_federation_send(n.a.f, &st);
        cr_assert(err == S2S_OK || err == S2S_E_AGAIN);
    }
}

/* No acknowledgement is missed, and still the stream is not waited for. */
Test(acks, a_peer_that_takes_nothing_any_more_is_left_after_a_while)
{
    enum { LARGE = 800 }; /* more than the kernel buffers */
    (void)signal(SIGPIPE, SIG_IGN);
    begin(600000);
    until_acknowledged();
    n.a.t.env.limits.stall_ms = 500;
    n.a.t.env.limits.ack_ms = 600000;
    n.a.t.env.limits.unacked_bytes = n.a.t.env.limits.queue_bytes = 64 << 20;
    r.stop_out = true;
    send_large(LARGE);
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.last_end.origin, S2S_ORIGIN_TRANSPORT);
    cr_expect_str_eq(n.a.last_end.text, "the peer does not take what we send");
    r.stop_out = false;
    net_until(&n, &n.b.count, LARGE + 1);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    finish();
}

Test(acks, a_full_window_makes_the_queue_and_then_the_senders_wait)
{
    net_begin(&n);
    n.a.t.env.limits.unacked_stanzas = 8;
    n.a.t.env.limits.queue_stanzas = 64;
    net_begin_nodes(&n);
    (void)node_send(&n.a, "b.example", "first");
    net_until(&n, &n.b.count, 1);
    until_acknowledged();
    int sent = 0;
    while (node_send(&n.a, "b.example", "x") == S2S_OK)
        sent++;
    cr_expect_eq(sent, 8 + 31, "the window and half of the queue: %d", sent);
    net_until(&n, &n.a.drained, 1);
    net_until(&n, &n.b.count, (size_t)sent + 2);
    net_end(&n);
}

Test(acks, stop_bounces_what_the_peer_never_acknowledges)
{
    begin(30000);
    until_acknowledged();
    r.hold_out = r.hold_back = true;
    send_many(0, 3);
    s2s_federation_stop(n.a.f);
    net_until_true(&n, &n.a.stopped);
    cr_expect_eq(n.a.count, 3u);
    cr_expect(has(node_last(&n.a), "message error 2"), "%s", node_last(&n.a));
    finish();
}

Test(acks, stop_while_a_new_stream_is_tried_bounces)
{
    begin(600000);
    until_acknowledged();
    r.turn_away = true;
    relay_cut(&r);
    send_many(0, 3);
    net_until(&n, &r.accepted, 3);
    s2s_federation_stop(n.a.f);
    net_until_true(&n, &n.a.stopped);
    cr_expect_eq(n.a.count, 3u);
    finish();
}

/* -- a receiver that says stop ------------------------------------------------------------------------- */

/* What b got for the first time is 0, 1, 2... up to `count`; it may have got some again. */
static void expect_all_in_order(int count)
{
    int next = 0;
    for (size_t i = 1; i < n.b.count; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "message  %d x@a.example <body>%d</body>", next, next);
        next += strcmp(n.b.received[i], want) == 0;
    }
    cr_expect_eq(next, count, "SZ-04: %d of %d", next, count);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
}

static bool has_all(int count)
{
    char want[64];
    (void)snprintf(want, sizeof want, "message  %d x@a.example <body>%d</body>", count - 1, count - 1);
    for (size_t i = n.b.count; i > 0; i--) {
        if (strcmp(n.b.received[i - 1], want) == 0)
            return true;
    }
    return false;
}

static void run_until_b_has(int count)
{
    while (!has_all(count)) {
        if (n.b.hold)
            s2s_federation_resume(n.b.f);
        uv_run(&n.loop, UV_RUN_ONCE);
    }
}

/* b.example holds while 2000 stanzas are on their way, more than fit into the pipe. */
static void fill_a_receiver_that_holds(int count)
{
    net_begin(&n);
    n.a.t.env.limits.close_ms = n.b.t.env.limits.close_ms = 200;
    net_begin_nodes(&n);
    (void)node_send(&n.a, "b.example", "first");
    net_until(&n, &n.b.count, 1);
    n.b.hold = true;
    send_many(0, count);
    net_until(&n, &n.b.count, 2);
}

Test(acks, a_sender_that_closes_while_the_receiver_holds_loses_nothing)
{
    fill_a_receiver_that_holds(10 * MANY);
    cr_expect_eq(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 1u);
    net_until(&n, &n.a.ended, 1);
    run_until_b_has(10 * MANY);
    expect_all_in_order(10 * MANY);
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    net_end(&n);
}

Test(acks, a_receiver_that_closes_while_it_holds_takes_what_has_come)
{
    fill_a_receiver_that_holds(10 * MANY);
    cr_expect_eq(s2s_federation_close_remote(n.b.f, S2S_STR("a.example")), 1u);
    net_until(&n, &n.b.ended, 1);
    cr_expect_eq(n.b.last_end.cond, S2S_COND_NONE);
    cr_expect_neq(n.b.last_end.origin, S2S_ORIGIN_TRANSPORT, "ST-19: both have said that it ends: %s", n.b.last_end.text);
    run_until_b_has(10 * MANY);
    expect_all_in_order(10 * MANY);
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    net_end(&n);
}

Test(acks, a_stop_while_the_receiver_holds_loses_nothing)
{
    fill_a_receiver_that_holds(10 * MANY);
    s2s_federation_stop(n.b.f);
    net_until_true(&n, &n.b.stopped);
    size_t bounced = n.a.count;
    while (n.a.count + n.b.count - 1 < 10 * MANY)
        uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect_leq(bounced, (size_t)10 * MANY);
    net_end(&n);
}

/* b.example writes meanwhile, and so gets to know that its connection is none any more. */
Test(acks, what_a_receiver_that_holds_has_not_read_when_the_stream_breaks_comes_once)
{
    char why[S2S_TEXT_MAX] = "";
    (void)signal(SIGPIPE, SIG_IGN); /* as a program has it */
    net_begin(&n);
    n.a.bidi = n.b.bidi = true;
    n.b.t.env.limits.close_ms = 100;
    net_begin_nodes_unrouted(&n);
    relay_begin(&r, &n.loop, n.b.address);
    cr_assert_eq(s2s_federation_route(n.a.f, "b.example", r.address, n.tls, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s_federation_route(n.b.f, "a.example", n.a.address, n.tls, why), S2S_OK, "%s", why);
    (void)node_send(&n.a, "b.example", "first");
    net_until(&n, &n.b.count, 1);
    until_acknowledged();
    n.b.hold = true;
    send_many(0, 10 * MANY);
    net_until(&n, &n.b.count, 2);
    size_t delivered = n.b.count; /* what had been read already */
    cr_assert_lt(delivered, (size_t)10 * MANY);
    relay_cut(&r);
    for (int i = 0; i < 20; i++) {
        (void)node_send(&n.b, "a.example", "are you there?");
        uv_run(&n.loop, UV_RUN_ONCE);
    }
    net_until(&n, &n.b.ended, 1);
    cr_expect_eq(n.b.last_end.origin, S2S_ORIGIN_TRANSPORT, "%s", n.b.last_end.text);
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    net_until(&n, &n.b.count, delivered + 10 * MANY);
    until_acknowledged();
    cr_expect_eq(n.b.count, delivered + 10 * MANY, "the rest came once");
    expect_numbers(delivered, 10 * MANY);
    finish();
}

/* Three senders; the receiver says stop after each delivery: each of them gets its turn. */
Test(federation_pause, every_stream_gets_its_turn)
{
    enum { EACH = 300 };
    node c = {0};
    size_t of_a = 0, of_c = 0;
    net_begin(&n);
    net_begin_nodes(&n);
    net_begin_node(&n, &c, "c.example");
    char why[S2S_TEXT_MAX] = "";
    cr_assert_eq(s2s_federation_route(c.f, "b.example", n.b.address, n.tls, why), S2S_OK, "%s", why);
    (void)node_send(&n.a, "b.example", "a");
    (void)node_send(&c, "b.example", "c");
    net_until(&n, &n.b.count, 2);
    n.b.hold = true;
    for (int i = 0; i < EACH; i++) {
        (void)node_send(&n.a, "b.example", "a");
        (void)node_send(&c, "b.example", "c");
    }
    while (n.b.count < 2 + 2 * EACH) {
        s2s_federation_resume(n.b.f);
        uv_run(&n.loop, UV_RUN_ONCE);
    }
    for (size_t i = 0; i < n.b.count; i++) {
        of_a += has(n.b.received[i], "x@a.example");
        of_c += has(n.b.received[i], "x@c.example");
    }
    cr_expect_eq(of_a, (size_t)EACH + 1);
    cr_expect_eq(of_c, (size_t)EACH + 1);
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    net_end_node(&n, &c);
    net_end(&n);
}
