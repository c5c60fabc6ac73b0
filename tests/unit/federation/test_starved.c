/* SPDX-License-Identifier: MIT */
/* test_starved.c: two nodes that find each other in the DNS, set up a stream for both directions, talk, and part, with an allocation of one of
 * them that fails, each in turn. What was taken arrives or comes back, and nothing is left. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/starve.h"
#include "two_nodes.h"

enum { MESSAGES = 4, PLENTY = 1000000, GUARD = 3000, SOME = 24 };

static net n;
static dns_row rows[2];
static s2s_limits usual;

static void thin_limits(s2s_limits *l)
{
    l->negotiation_ms = 1000;
    l->close_ms = 200;
    l->stall_ms = 1000;
    l->ack_ms = 1000;
    l->reroute_ms = 500;
    l->retry_ms = 0;
}

static void begin_nodes(void)
{
    memset(&n.a, 0, sizeof n.a);
    memset(&n.b, 0, sizeof n.b);
    test_env_init(&n.a.t);
    test_env_init(&n.b.t);
    usual = n.a.t.env.limits;
    thin_limits(&n.a.t.env.limits);
    thin_limits(&n.b.t.env.limits);
    n.a.bidi = n.b.bidi = true;
    net_begin_nodes(&n);
    net_add_domain(&n, &n.b, "c.example");
    rows[0] = (dns_row){.name = "host.example", .type = DNS_A, .data = "127.0.0.1"};
    rows[1] = (dns_row){.name = "_xmpp-server._tcp.c.example", .type = DNS_SRV, .data = "host.example", .priority = 1,
                        .port = (uint16_t)strtoul(strrchr(n.b.address, ':') + 1, NULL, 10)};
    n.dns.rows = rows;
    n.dns.rows_len = 2;
}

/* "message", a type ("error" if it came back), and the number. */
static bool has(const node *x, const char *type, int number)
{
    char start[32];
    int len = snprintf(start, sizeof start, "message %s %d ", type, number);
    for (size_t i = 0; i < x->count; i++) {
        if (strncmp(x->received[i], start, (size_t)len) == 0)
            return true;
    }
    return false;
}

static bool settled(int number)
{
    const node *from = number == MESSAGES ? &n.b : &n.a, *to = number == MESSAGES ? &n.a : &n.b;
    return has(to, "", number) || has(from, "error", number);
}

static void send_all(void)
{
    char id[16];
    for (int i = 1; i < MESSAGES; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        cr_assert_eq(node_send(&n.a, "c.example", id), S2S_OK);
    }
    (void)snprintf(id, sizeof id, "%d", MESSAGES);
    cr_assert_eq(node_send(&n.b, "a.example", id), S2S_OK);
}

/* Returns how many allocations the hungry one made. */
static size_t scenario(test_env *hungry, size_t left)
{
    int done = 0;
    begin_nodes();
    hungry->fail_after = (long)left;
    hungry->fail_once = true;
    send_all();
    for (int turns = 0; turns < GUARD && done < MESSAGES; turns++) {
        (void)uv_run(&n.loop, UV_RUN_ONCE);
        done = 0;
        for (int i = 1; i <= MESSAGES; i++)
            done += settled(i);
    }
    for (int i = 1; i <= MESSAGES; i++)
        cr_expect(settled(i), "%zu: %d was neither delivered nor bounced", left, i);
    size_t used = left - (size_t)(hungry->fail_after < 0 ? 0 : hungry->fail_after);
    hungry->fail_after = -1; /* the rest is not about it, nor about a machine that has much to do */
    n.a.t.env.limits = n.b.t.env.limits = usual;
    cr_assert_eq(node_send(&n.a, "c.example", "9"), S2S_OK);
    for (int turns = 0; turns < GUARD && !has(&n.b, "", 9) && !has(&n.a, "error", 9); turns++)
        (void)uv_run(&n.loop, UV_RUN_ONCE);
    cr_expect(has(&n.b, "", 9), "%zu: with memory again, it does not work again: %s", left, node_last(&n.a));
    net_end_node(&n, &n.a);
    net_end_node(&n, &n.b);
    n.a.count = n.b.count = 0;
    return used;
}

static void starve(test_env *hungry)
{
    signal(SIGPIPE, SIG_IGN); /* libuv writes to who has gone */
    net_begin(&n);
    size_t total = scenario(hungry, PLENTY), runs = 0;
    size_t step = starve_step(total) > 1 ? total / SOME + 1 : 1;
    for (size_t left = 0; left < total; left += step, runs++)
        (void)scenario(hungry, left);
    cr_log_info("%zu runs of %zu allocations", runs, total);
    net_end(&n);
}

Test(starved, who_connects)
{
    starve(&n.a.t);
}

Test(starved, who_is_connected_to)
{
    starve(&n.b.t);
}
