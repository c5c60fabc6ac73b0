/* SPDX-License-Identifier: MIT */
/* test_hold.c: whom a remote server that does not take what is sent to it holds up, and for how long. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "two_nodes.h"

enum { QUEUE = 64, LARGE = 16384, ROUNDS = 400 };

static net n;
static uv_tcp_t silent;

/* Connections to silent.example are made by the kernel, and then nothing comes. */
static void begin(uint32_t hold_ms)
{
    char why[S2S_TEXT_MAX], address[NET_ADDRESS];
    net_begin(&n);
    n.a.t.env.limits.queue_stanzas = QUEUE;
    n.a.t.env.limits.hold_ms = hold_ms;
    n.a.t.env.limits.close_ms = 100;
    net_begin_nodes(&n);
    net_listen_silently(&n, &silent, address);
    cr_assert_eq(s2s_federation_route(n.a.f, "silent.example", address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
}

static void finish(void)
{
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

static bool holds(const char *remote)
{
    return s2s_federation_holds(n.a.f, S2S_STR("a.example"), s2s_str_of(remote));
}

static s2s_err send_large(int number)
{
    static char inner[LARGE + 64];
    char id[16];
    (void)snprintf(id, sizeof id, "%d", number);
    (void)snprintf(inner, sizeof inner, "<body>%0*d</body>", LARGE, number);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example"), .id = s2s_str_of(id),
                     .attrs = S2S_STR(""), .inner = s2s_str_of(inner)};
    return s2s_federation_send(n.a.f, &st);
}

static void expect_in_order(int count)
{
    for (int i = 0; i < count; i++) {
        char want[32];
        int len = snprintf(want, sizeof want, "message  %d x@a.example ", i);
        cr_assert_eq(strncmp(n.b.received[i], want, (size_t)len), 0, "SZ-04: %.40s", n.b.received[i]);
    }
}

Test(federation_hold, a_silent_server_holds_its_senders_briefly_and_the_others_not_at_all)
{
    begin(200);
    int sent = 0;
    while (node_send(&n.a, "silent.example", "x") == S2S_OK)
        sent++;
    cr_expect_eq(sent, QUEUE / 2 - 1, "half of the queue: %d", sent);
    cr_expect(holds("SILENT.example"));
    cr_expect_eq(node_send(&n.a, "b.example", "m"), S2S_OK, "not held");
    cr_expect(!holds("b.example"));
    net_until(&n, &n.b.count, 1);
    net_until(&n, &n.a.drained, 1);
    cr_expect(!holds("silent.example"));
    for (sent++; sent < QUEUE; sent++)
        cr_assert_eq(node_send(&n.a, "silent.example", "x"), S2S_OK, "not again: it has not moved");
    cr_expect_eq(n.a.count, 0u);
    cr_expect_eq(node_send(&n.a, "silent.example", "over"), S2S_OK);
    cr_assert_eq(n.a.count, 1u, "SZ-12");
    cr_expect(strstr(node_last(&n.a), "message error over") && strstr(node_last(&n.a), "resource-constraint"));
    cr_expect_eq(node_send(&n.a, "b.example", "m"), S2S_OK);
    net_until(&n, &n.b.count, 2);
    finish();
}

Test(federation_hold, a_remote_that_stops_taking_holds_nobody_until_it_goes_on)
{
    begin(200);
    n.b.hold = true;
    int sent = 0;
    while (send_large(sent) == S2S_OK) {
        sent++;
        uv_run(&n.loop, UV_RUN_NOWAIT);
    }
    net_until(&n, &n.a.drained, 1);
    cr_expect(!holds("b.example"));
    for (sent++; n.a.count == 0; sent++)
        cr_assert_eq(send_large(sent), S2S_OK);
    cr_expect(strstr(node_last(&n.a), "resource-constraint"), "SZ-12");
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    sent--; /* the last one came back */
    net_until(&n, &n.b.count, (size_t)sent);
    expect_in_order(sent);
    size_t drained = n.a.drained;
    while (send_large(0) == S2S_OK)
        continue;
    cr_expect(holds("b.example"), "it has gone on");
    net_until(&n, &n.a.drained, drained + 1);
    finish();
}

/* One stanza a turn, in the order in which they were sent; a sender that waits when it is told to gets none back. */
Test(federation_hold, a_slow_remote_gets_all_from_a_sender_that_waits)
{
    begin(200);
    n.b.hold = true;
    int sent = 0;
    size_t seen = 0, told = 0;
    while (n.b.count < ROUNDS) {
        cr_assert_eq(n.a.count, 0u, "nothing bounced");
        while (sent < ROUNDS && !holds("b.example"))
            told += send_large(sent++) == S2S_E_AGAIN;
        uv_run(&n.loop, UV_RUN_NOWAIT);
        if (n.b.count > seen) {
            seen = n.b.count;
            s2s_federation_resume(n.b.f); /* may deliver at once */
        }
    }
    cr_expect_gt(told, 0u);
    cr_expect_eq(n.a.count, 0u);
    expect_in_order(ROUNDS);
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    finish();
}
