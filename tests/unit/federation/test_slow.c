/* SPDX-License-Identifier: MIT */
/* test_slow.c: a local domain that takes no more holds up who sends to it, and nobody else. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "two_nodes.h"

enum { MANY = 200 };

static net n;
static node x;

static void begin(void)
{
    char why[S2S_TEXT_MAX];
    signal(SIGPIPE, SIG_IGN);
    net_begin(&n);
    n.a.t.env.limits.close_ms = 100; /* who waits for the end of a stream that is not read */
    net_begin_nodes(&n);
    net_add_domain(&n, &n.b, "c.example");
    cr_assert_eq(s2s_federation_route(n.a.f, "c.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
    memset(&x, 0, sizeof x);
    net_begin_node(&n, &x, "x.example");
    x.t.env.limits.close_ms = 100;
    cr_assert_eq(s2s_federation_route(x.f, "b.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
}

static void finish(void)
{
    net_end_node(&n, &x);
    net_end(&n);
}

TestSuite(federation_slow, .init = begin, .fini = finish, .timeout = 60);

static void send_from(node *from, const char *to, int number)
{
    char id[16];
    (void)snprintf(id, sizeof id, "%d", number);
    cr_assert_eq(node_send(from, to, id), S2S_OK);
}

static size_t count_from(const char *from)
{
    char want[64];
    size_t count = 0;
    (void)snprintf(want, sizeof want, " x@%s ", from);
    for (size_t i = 0; i < n.b.count; i++)
        count += strstr(n.b.received[i], want) != NULL;
    return count;
}

Test(federation_slow, only_who_sends_to_it_waits_and_nothing_is_lost)
{
    cr_assert_eq(s2s_federation_pause_to(n.b.f, S2S_STR("B.example")), S2S_OK);
    cr_assert_eq(s2s_federation_pause_to(n.b.f, S2S_STR("b.example")), S2S_OK, "twice is once");
    cr_assert_eq(s2s_federation_pause_to(n.b.f, S2S_STR("not a domain")), S2S_E_SYNTAX);
    send_from(&n.a, "b.example", 0);
    net_until(&n, &n.b.count, 1);
    for (int i = 1; i < MANY; i++)
        send_from(&n.a, "b.example", i);
    for (int i = 0; i < MANY; i++)
        send_from(&n.a, "c.example", i);
    net_until(&n, &n.b.count, 1 + MANY);
    for (size_t i = 1; i <= MANY; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "message  %zu ", i - 1);
        cr_expect_eq(strncmp(n.b.received[i], want, strlen(want)), 0, "to c.example alone: %s", n.b.received[i]);
    }
    send_from(&x, "b.example", 0);
    net_until(&n, &n.b.count, 2 + MANY); /* the first of a stream is delivered: then it is known where it goes */
    s2s_federation_resume_to(n.b.f, S2S_STR("c.example"));
    s2s_federation_resume(n.b.f); /* is about something else */
    send_from(&n.a, "c.example", MANY);
    net_until(&n, &n.b.count, 3 + MANY);
    cr_expect_eq(n.b.count, 3u + MANY);
    s2s_federation_resume_to(n.b.f, S2S_STR("b.example"));
    net_until(&n, &n.b.count, 2 + 2 * MANY);
    for (size_t i = 3 + MANY, number = 1; i < n.b.count; i++, number++) {
        char want[32];
        (void)snprintf(want, sizeof want, "message  %zu ", number);
        cr_expect_eq(strncmp(n.b.received[i], want, strlen(want)), 0, "SZ-04: %s", n.b.received[i]);
    }
}

Test(federation_slow, whoever_makes_it_slow_again_lets_the_others_wait_and_they_take_turns)
{
    n.b.slows = true; /* with each stanza */
    send_from(&n.a, "b.example", 0);
    net_until(&n, &n.b.count, 1);
    send_from(&x, "b.example", 0);
    net_until(&n, &n.b.count, 2);
    for (int i = 1; i < 4; i++) {
        send_from(&n.a, "b.example", i);
        send_from(&x, "b.example", i);
    }
    for (size_t before = n.b.count; before < 8; before = n.b.count) {
        s2s_federation_resume_to(n.b.f, S2S_STR("b.example"));
        net_until(&n, &n.b.count, before + 1);
        size_t of_a = count_from("a.example"), of_x = count_from("x.example");
        cr_expect(of_a <= of_x + 2 && of_x <= of_a + 2, "%zu and %zu: one is read while the other still decrypts", of_a, of_x);
    }
    cr_expect_eq(count_from("a.example"), 4u);
}

Test(federation_slow, a_stream_that_waits_can_break_and_its_stanzas_come_on_the_next)
{
    cr_assert_eq(s2s_federation_pause_to(n.b.f, S2S_STR("b.example")), S2S_OK);
    send_from(&n.a, "b.example", 0);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(s2s_federation_close_remote(n.b.f, S2S_STR("a.example")), 1u);
    net_until(&n, &n.b.ended, 1);
    for (int i = 1; i < 4; i++)
        send_from(&n.a, "b.example", i);
    s2s_federation_resume_to(n.b.f, S2S_STR("b.example"));
    net_until(&n, &n.b.count, 4);
    cr_expect(strstr(node_last(&n.b), "message  3 "));
}

static void send_large(int number)
{
    static char inner[16384]; /* of more than one record */
    char id[16];
    (void)snprintf(id, sizeof id, "%d", number);
    (void)snprintf(inner, sizeof inner, "<body>%016000d</body>", number);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example"), .id = s2s_str_of(id),
                     .attrs = S2S_STR(""), .inner = s2s_str_of(inner)};
    cr_assert_eq(s2s_federation_send(n.a.f, &st), S2S_OK);
}

/* Else who keeps it could neither deliver it nor send it back: we are about to end. */
Test(federation_slow, what_is_held_at_our_end_comes_but_is_not_acknowledged)
{
    enum { SENT = 8 };
    n.a.t.env.limits.reroute_ms = 0; /* what was not acknowledged comes back at once */
    send_from(&n.a, "b.example", 0);
    net_until(&n, &n.b.count, 1);
    cr_assert_eq(s2s_federation_pause_to(n.b.f, S2S_STR("b.example")), S2S_OK);
    for (int i = 1; i < SENT; i++)
        send_large(i);
    net_until(&n, &n.b.count, 2);
    size_t before = n.b.count;
    cr_assert_lt(before, (size_t)SENT);
    s2s_federation_stop(n.b.f);
    net_until(&n, &n.b.count, SENT);
    net_until(&n, &n.a.count, SENT - before);
    cr_expect_eq(n.a.count, SENT - before, "what was delivered before is acknowledged");
    cr_expect(strstr(n.a.received[0], "error") && strstr(n.a.received[0], "remote-server-timeout"), "SM-06: %s", n.a.received[0]);
}

Test(federation_slow, a_pause_of_all_ends_with_the_stop)
{
    send_from(&n.a, "b.example", 0);
    net_until(&n, &n.b.count, 1);
    s2s_federation_pause(n.b.f);
    send_from(&n.a, "b.example", 1);
    send_from(&n.a, "c.example", 1);
    send_from(&n.b, "a.example", 1);
    net_until(&n, &n.a.count, 1);
    cr_expect_leq(n.b.count, 2u, "at most the first one of a new stream");
    s2s_federation_stop(n.b.f);
    net_until(&n, &n.b.count, 3);
}
