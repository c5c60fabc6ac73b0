/* SPDX-License-Identifier: MIT */
/* test_wayback.c: stanzas that are answered at once wait, where they come from, for the way back. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "two_nodes.h"

enum { QUEUE = 1024, MANY = 3 * QUEUE };

static net n;
static node x;
static uv_tcp_t silent;

/* b answers each message with an error. */
static void begin(bool is_silent)
{
    char why[S2S_TEXT_MAX], address[NET_ADDRESS];
    signal(SIGPIPE, SIG_IGN);
    net_begin(&n);
    n.a.t.env.limits.close_ms = n.b.t.env.limits.close_ms = 100;
    n.a.t.env.limits.hold_ms = n.b.t.env.limits.hold_ms = 100;
    n.b.t.env.limits.queue_stanzas = QUEUE;
    n.b.t.env.limits.negotiation_ms = n.b.t.env.limits.attempt_ms = 1500;
    n.b.answers = true;
    net_begin_nodes_unrouted(&n);
    memset(&x, 0, sizeof x);
    net_begin_node(&n, &x, "x.example");
    cr_assert_eq(s2s_federation_route(n.a.f, "b.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s_federation_route(x.f, "b.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s_federation_route(n.b.f, "x.example", x.address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
    net_listen_silently(&n, &silent, address);
    cr_assert_eq(s2s_federation_route(n.b.f, "a.example", is_silent ? address : n.a.address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
}

static void finish(void)
{
    uv_close((uv_handle_t *)&silent, NULL);
    net_end_node(&n, &x);
    net_end(&n);
}

static uint64_t dropped(void)
{
    s2s_federation_counts counts = {.size = sizeof counts};
    s2s_federation_count(n.b.f, &counts);
    return counts.dropped;
}

static void flood(void)
{
    char id[16];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        (void)node_send(&n.a, "b.example", id);
    }
}

Test(federation_wayback, all_errors_come_back_though_the_stream_for_them_is_only_being_made, .timeout = 60)
{
    begin(false);
    flood();
    net_until(&n, &n.a.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        char want[40];
        (void)snprintf(want, sizeof want, "message error %zu y@b.example ", i);
        cr_assert_eq(strncmp(n.a.received[i], want, strlen(want)), 0, "SZ-04: %.60s", n.a.received[i]);
    }
    cr_expect_gt(n.b.told, 0u, "half of the queue was full");
    cr_expect_eq(dropped(), 0u);
    finish();
}

Test(federation_wayback, while_the_way_back_cannot_be_made_its_stream_waits_and_no_other_does, .timeout = 60)
{
    begin(true);
    flood();
    net_until(&n, &n.b.told, 1);
    cr_assert_eq(node_send(&x, "b.example", "m"), S2S_OK);
    net_until(&n, &x.count, 1);
    cr_expect(strstr(node_last(&x), "message error m"));
    cr_expect_lt(n.b.count, (size_t)QUEUE, "no more than has room");
    cr_expect_eq(dropped(), 0u, "it is only being made");
    net_until(&n, &n.b.count, MANY + 1);
    cr_expect_eq(dropped(), (uint64_t)MANY, "limits.negotiation_ms is over: an error is not bounced");
    cr_expect_eq(n.a.count, 0u);
    finish();
}

Test(federation_wayback, a_stop_does_not_wait_for_it, .timeout = 60)
{
    begin(true);
    flood();
    net_until(&n, &n.b.told, 1);
    finish();
}

Test(federation_wayback, what_comes_when_it_has_stopped_is_counted_and_has_one_line, .timeout = 60)
{
    s2s_stanza error = {.kind = S2S_MESSAGE, .from = S2S_STR("y@b.example"), .to = S2S_STR("u@a.example"), .type = S2S_STR("error"),
                        .attrs = S2S_STR(""), .inner = S2S_STR("")};
    begin(false);
    n.b.stays = true;
    s2s_federation_stop(n.b.f);
    net_until_true(&n, &n.b.stopped);
    for (uint64_t i = 1; i <= 3; i++) {
        cr_expect_eq(s2s_federation_send(n.b.f, &error), S2S_OK);
        cr_expect_eq(dropped(), i);
        cr_expect_eq(strstr(n.b.t.last_log, "dropped") != NULL, i == 1, "%s", n.b.t.last_log);
        n.b.t.last_log[0] = '\0';
    }
    s2s_federation_free(n.b.f);
    n.b.f = NULL;
    finish();
}
