/* SPDX-License-Identifier: MIT */
/* test_conditions.c: errors that need real sockets, or the want of memory, to come about; and which way they go. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "two_nodes.h"

enum { TAKES = 10000 /* the least that XEP-0478 and RFC 6120 section 13.12 have one take */, ALLOCATIONS = 400 };

static net n;

static void begin(void)
{
    signal(SIGPIPE, SIG_IGN);
    net_begin(&n);
    n.b.t.env.limits.stanza_bytes = TAKES;
    n.a.t.env.limits.retry_ms = 0;
    net_begin_nodes(&n);
}

static void finish(void)
{
    net_end(&n);
}

TestSuite(federation_conditions, .init = begin, .fini = finish, .timeout = 120);

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* A message of `size` bytes in all, as it goes out. */
static void send_sized(const char *id, size_t size)
{
    static char inner[2 * TAKES];
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example"), .id = s2s_str_of(id),
                     .attrs = S2S_STR(""), .inner = S2S_STR("<body></body>")};
    char line[256];
    size_t bare = s2s_stanza_write(&st, line, sizeof line);
    cr_assert(bare < sizeof line && size >= bare && size - bare < sizeof inner - 32);
    (void)snprintf(inner, sizeof inner, "<body>%0*d</body>", (int)(size - bare), 0);
    st.inner = s2s_str_of(inner);
    cr_assert_eq(s2s_federation_send(n.a.f, &st), S2S_OK);
}

Test(federation_conditions, what_the_peer_does_not_take_comes_back_at_once_and_the_stream_lives)
{
    (void)node_send(&n.a, "b.example", "first");
    net_until(&n, &n.b.count, 1);
    send_sized("large", TAKES + 1); /* LI-02 */
    cr_assert_eq(n.a.count, 1u, "it does not get as far as the peer");
    cr_expect(has(node_last(&n.a), "message error large y@b.example"), "%s", node_last(&n.a));
    cr_expect(has(node_last(&n.a), "policy-violation") && has(node_last(&n.a), "type='modify'"), "LI-02: %s", node_last(&n.a));
    cr_expect(!has(node_last(&n.a), " by="), "LI-02: nobody in between has refused it");
    send_sized("fits", TAKES);
    net_until(&n, &n.b.count, 2);
    cr_expect(has(node_last(&n.b), "message  fits "));
    cr_expect_eq(n.a.established, 1u);
    cr_expect_eq(n.a.ended, 0u);
}

Test(federation_conditions, what_waits_and_is_too_large_once_the_peer_has_said_so_comes_back_in_its_turn)
{
    (void)node_send(&n.a, "b.example", "first");
    send_sized("large", TAKES + 1); /* LI-02: nothing is known of the peer yet */
    (void)node_send(&n.a, "b.example", "last");
    cr_expect_eq(n.a.count, 0u);
    net_until(&n, &n.b.count, 2);
    cr_expect(has(n.b.received[0], " first ") && has(n.b.received[1], " last "), "SZ-04");
    cr_assert_eq(n.a.count, 1u);
    cr_expect(has(node_last(&n.a), "message error large ") && has(node_last(&n.a), "policy-violation"), "%s", node_last(&n.a));
}

static void count_out(void *arg, const s2s_stream_info *info)
{
    uint64_t *out = arg;
    if (info->role == S2S_INITIATOR)
        out[0] += info->stanzas_out;
    else
        out[1] += info->stanzas_out;
}

Test(federation_conditions, an_error_goes_back_on_the_stream_to_the_peer)
{
    char buf[S2S_BOUNCE_MAX];
    uint64_t out[2] = {0, 0};
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example"), .id = S2S_STR("m"),
                     .attrs = S2S_STR(""), .inner = S2S_STR("")}, answer;
    cr_assert_eq(s2s_federation_send(n.a.f, &st), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_assert(s2s_stanza_bounce(&st, S2S_SE_SERVICE_UNAVAILABLE, NULL, buf, sizeof buf, &answer));
    cr_assert_eq(s2s_federation_send(n.b.f, &answer), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message error m y@b.example") && has(node_last(&n.a), "service-unavailable"));
    s2s_federation_streams(n.b.f, count_out, out);
    cr_expect_eq(out[0], 1u, "ST-17: on b's own connection");
    cr_expect_eq(out[1], 0u, "ST-17: not on the one that the message came by");
}

/* An acceptor that has no memory for the peer's names says so, instead of vanishing. */
Test(federation_conditions, an_acceptor_without_memory_says_resource_constraint)
{
    bool said = false;
    long k = 0;
    n.a.t.env.limits.negotiation_ms = 2000; /* where it cannot even accept */
    n.a.t.env.limits.reroute_ms = 0;
    for (; k < ALLOCATIONS && !said; k++) {
        size_t bounced = n.a.count, arrived = n.b.count, ended = n.a.ended;
        n.b.t.fail_once = true;
        n.b.t.fail_after = k;
        (void)node_send(&n.a, "b.example", "m");
        while (n.a.count == bounced && n.b.count == arrived)
            uv_run(&n.loop, UV_RUN_ONCE);
        n.b.t.fail_after = -1;
        if (n.a.ended > ended)
            said = n.a.last_end.origin == S2S_ORIGIN_PEER && n.a.last_end.cond == S2S_COND_RESOURCE_CONSTRAINT;
        if (n.b.count > arrived && s2s_federation_close_remote(n.a.f, S2S_STR("b.example")) > 0)
            net_until(&n, &n.a.ended, ended + 1);
    }
    cr_expect(said, "%ld allocations", k);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "SZ-09: %s", node_last(&n.a));
}
