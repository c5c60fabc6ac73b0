/* SPDX-License-Identifier: MIT */
/* test_bidi.c: one connection for both directions (XEP-0288) between nodes over real sockets. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "two_nodes.h"

/* Criterion runs each test in a process of its own; the nodes are too large for a stack. */
static net n;

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void begin(bool a, bool b)
{
    net_begin(&n);
    n.a.bidi = a;
    n.b.bidi = b;
    net_begin_nodes(&n);
}

typedef struct seen {
    size_t streams, bidi;
} seen;

static void look(void *arg, const s2s_stream_info *info)
{
    seen *s = arg;
    s->streams++;
    s->bidi += info->bidi;
}

static seen streams_of(const node *x)
{
    seen s = {0};
    s2s_federation_streams(x->f, look, &s);
    return s;
}

Test(bidi, the_reply_comes_on_the_same_connection)
{
    begin(true, true);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect_str_eq(node_last(&n.a), "message  two x@b.example <body>two</body>");
    for (const node *x = &n.a; x; x = x == &n.a ? &n.b : NULL) {
        seen s = streams_of(x);
        cr_expect_eq(s.streams, 1u, "BD-07: one route per pair");
        cr_expect_eq(s.bidi, 1u);
        cr_expect_eq(x->established, 1u);
    }
    net_end(&n);
}

Test(bidi, both_have_to_want_it)
{
    for (int only_a = 0; only_a < 2; only_a++) {
        begin(only_a, !only_a);
        cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
        net_until(&n, &n.b.count, 1);
        cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK);
        net_until(&n, &n.a.count, 1);
        cr_expect_eq(streams_of(&n.a).streams, 2u);
        cr_expect_eq(streams_of(&n.a).bidi, 0u);
        net_end(&n);
    }
}

Test(bidi, another_pair_has_a_connection_of_its_own)
{
    begin(true, true);
    net_add_domain(&n, &n.b, "b2.example");
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    n.b.domain = "b2.example";
    cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "x@b2.example"), "BD-04: %s", node_last(&n.a));
    cr_expect_eq(streams_of(&n.a).streams, 2u);
    net_end(&n);
}

Test(bidi, order_is_kept_in_both_directions)
{
    enum { EACH = 2000 };
    char id[16];
    begin(true, true);
    for (int i = 0; i < EACH; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        (void)node_send(&n.a, "b.example", id);
        (void)node_send(&n.b, "a.example", id);
    }
    net_until(&n, &n.a.count, EACH);
    net_until(&n, &n.b.count, EACH);
    for (int i = 0; i < EACH; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "message  %d x@a.example <body>%d</body>", i, i);
        cr_assert_str_eq(n.b.received[i], want, "SZ-04");
        (void)snprintf(want, sizeof want, "message  %d x@b.example <body>%d</body>", i, i);
        cr_assert_str_eq(n.a.received[i], want, "SZ-04");
    }
    net_end(&n);
}

/* b looks for a server of a.example and waits; then a connects. */
Test(bidi, what_waits_for_a_connection_takes_the_one_that_came)
{
    static const dns_row MUTE[] = {{.name = "_xmpp-server._tcp.a.example", .type = DNS_ANY, .silent = true},
                                   {.name = "_xmpps-server._tcp.a.example", .type = DNS_ANY, .silent = true},
                                   {.name = "a.example", .type = DNS_ANY, .silent = true}};
    net_begin(&n);
    n.a.bidi = n.b.bidi = true;
    n.route_b_elsewhere = true;
    n.dns.rows = MUTE;
    n.dns.rows_len = sizeof MUTE / sizeof *MUTE;
    net_begin_nodes(&n);
    cr_assert_eq(node_send(&n.b, "a.example", "waits"), S2S_OK);
    net_until(&n, &n.dns.questions, 1);
    cr_assert_eq(node_send(&n.a, "b.example", "opens"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message  waits"), "%s", node_last(&n.a));
    cr_expect_eq(streams_of(&n.b).streams, 1u, "the lookup has ended");
    net_end(&n);
}

Test(bidi, the_accepting_side_stops_and_sends_what_it_has)
{
    enum { MANY = 2000 };
    begin(true, true);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    for (int i = 0; i < MANY; i++)
        (void)node_send(&n.b, "a.example", "x");
    s2s_federation_stop(n.b.f);
    net_until_true(&n, &n.b.stopped);
    net_until(&n, &n.a.count, MANY);
    cr_expect_eq(n.b.count, 1u, "nothing bounced");
    net_end(&n);
}

Test(bidi, a_connection_that_ends_is_made_again_from_either_side)
{
    begin(true, true);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_assert_gt(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 0u);
    net_until(&n, &n.b.ended, 1);
    net_until(&n, &n.a.ended, 1);
    cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK); /* the other way round this time */
    net_until(&n, &n.a.count, 1);
    cr_assert_eq(node_send(&n.a, "b.example", "three"), S2S_OK);
    net_until(&n, &n.b.count, 2);
    cr_expect_eq(streams_of(&n.a).streams, 1u);
    cr_expect_eq(streams_of(&n.a).bidi, 1u);
    net_end(&n);
}

Test(bidi, the_side_that_connected_may_ask_for_a_pause)
{
    enum { MANY = 2000 };
    begin(true, true);
    n.a.hold = true;
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    for (int i = 0; i < MANY; i++)
        (void)node_send(&n.b, "a.example", "x");
    net_until(&n, &n.a.count, 1);
    while (n.a.count < MANY) {
        size_t before = n.a.count;
        s2s_federation_resume(n.a.f);
        net_until(&n, &n.a.count, before + 1);
    }
    cr_expect_eq(n.b.count, 1u, "nothing bounced");
    n.a.hold = false;
    s2s_federation_resume(n.a.f);
    net_end(&n);
}
