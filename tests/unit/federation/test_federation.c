/* SPDX-License-Identifier: MIT */
/* test_federation.c: two nodes and what can go wrong between them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "two_nodes.h"

/* Criterion runs each test in a process of its own; the nodes are too large for a stack. */
static net n;

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static void begin(void)
{
    net_begin(&n);
    net_begin_nodes(&n);
}

/* -- there and back ------------------------------------------------------------------------------------ */

typedef struct seen {
    size_t count;
    s2s_stream_info info;
    char state[32], tls[16];
} seen;

static void look(void *arg, const s2s_stream_info *info)
{
    seen *s = arg;
    s->count++;
    s->info = *info;
    (void)snprintf(s->state, sizeof s->state, "%s", info->state);
    (void)snprintf(s->tls, sizeof s->tls, "%s", info->tls_version);
    cr_expect(s2s_str_eq(info->remote, S2S_STR("b.example")) || s2s_str_eq(info->remote, S2S_STR("a.example")));
}

Test(federation, message_there_and_reply_back)
{
    /* TP-10 NA-01: each direction has its own verdict */
    begin();
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(node_last(&n.b), "message  one x@a.example <body>one</body>");
    cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect_str_eq(node_last(&n.a), "message  two x@b.example <body>two</body>");

    seen s = {0};
    s2s_federation_streams(n.a.f, look, &s);
    cr_expect_eq(s.count, 2u, "one stream each way");
    cr_expect_str_eq(s.state, "established");
    cr_expect_str_eq(s.tls, "TLS1.3");
    cr_expect_str_eq(s.info.mechanism, "external");
    cr_assert_not_null(s.info.verdict);
    cr_expect(s.info.verdict->trusted);
    cr_expect_eq(n.a.judged, 2u);
    cr_expect_eq(n.a.judged_chain, 2u, "leaf and issuer were shown");
    cr_expect_eq(n.a.established, 2u);
    net_end(&n);
}

Test(federation, order_is_kept_while_the_stream_is_made_and_after)
{
    enum { EACH = 3000 };
    char id[16];
    begin();
    for (int i = 0; i < EACH; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        s2s_err err = node_send(&n.a, "b.example", id);
        cr_assert(err == S2S_OK || err == S2S_E_AGAIN);
        cr_assert_eq(node_send(&n.b, "a.example", id) == S2S_OK, err == S2S_OK);
        if (i == EACH / 2)
            net_until(&n, &n.b.count, 1);
    }
    net_until(&n, &n.a.count, EACH);
    net_until(&n, &n.b.count, EACH);
    for (int i = 0; i < EACH; i++) {
        char want[64];
        (void)snprintf(want, sizeof want, "message  %d x@a.example <body>%d</body>", i, i);
        cr_assert_str_eq(n.b.received[i], want, "SZ-04");
    }
    cr_expect_eq(n.a.count, (size_t)EACH);
    net_end(&n);
}

Test(federation, senders_are_asked_to_pause_and_to_go_on)
{
    char id[16];
    size_t sent = 0;
    net_begin(&n);
    n.a.t.env.limits.queue_stanzas = 64;
    net_begin_nodes(&n);
    while (sent < 63 && node_send(&n.a, "b.example", "x") == S2S_OK)
        sent++;
    cr_expect_eq(sent, 31u, "half of the queue, then S2S_E_AGAIN: %zu", sent);
    net_until(&n, &n.a.drained, 1);
    net_until(&n, &n.b.count, sent + 1);
    for (int i = 0; i < 64; i++) {
        (void)snprintf(id, sizeof id, "%d", i);
        cr_expect_eq(node_send(&n.a, "b.example", id), S2S_OK);
    }
    net_until(&n, &n.b.count, sent + 1 + 64);
    net_end(&n);
}

Test(federation, a_receiver_that_says_stop_is_not_flooded_and_loses_nothing)
{
    enum { MANY = 2000 };
    begin();
    n.b.hold = true;
    for (int i = 0; i < MANY; i++)
        (void)node_send(&n.a, "b.example", "x");
    net_until(&n, &n.b.count, 1);
    size_t before = n.b.count; /* what had been decrypted by then */
    while (n.b.count < MANY) {
        s2s_federation_resume(n.b.f);
        net_until(&n, &n.b.count, before + 1);
        before = n.b.count;
    }
    cr_expect_eq(n.b.count, (size_t)MANY);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    n.b.hold = false;
    s2s_federation_resume(n.b.f);
    net_end(&n);
}

/* -- certificates -------------------------------------------------------------------------------------- */

Test(federation, a_refused_receiver_bounces_and_is_remembered)
{
    begin();
    n.a.refuses = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message error m1 y@b.example"), "%s", node_last(&n.a));
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "SZ-09");
    cr_expect(has(node_last(&n.a), "the remote server's certificate was refused: for another domain") ||
              has(node_last(&n.a), "the remote server&apos;s certificate was refused: for another domain"),
              "%s", node_last(&n.a));
    cr_expect_eq(n.a.judged_role, S2S_ACCEPTOR);
    cr_expect_eq(n.b.count, 0u);

    size_t judged = n.a.judged;
    n.a.refuses = false;
    cr_assert_eq(node_send(&n.a, "b.example", "m2"), S2S_OK);
    cr_expect_eq(n.a.count, 2u, "bounced at once, retry_ms has not passed");
    cr_expect_eq(n.a.judged, judged);

    cr_assert_eq(node_send(&n.b, "a.example", "hello"), S2S_OK); /* the peer contacts us: try again */
    net_until(&n, &n.a.count, 3);
    cr_assert_eq(node_send(&n.a, "b.example", "m3"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect(has(node_last(&n.b), "m3"));
    net_end(&n);
}

Test(federation, a_refused_initiator_gets_no_external_and_learns_why)
{
    begin();
    n.b.refuses = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"));
    cr_expect_eq(n.b.judged_role, S2S_INITIATOR);
    cr_expect_eq(n.b.established, 0u);
    cr_expect_str_eq(n.a.explained, "-1 told by the test", "the policy explains the peer's words");
    cr_expect_eq(n.a.last_end.origin, S2S_ORIGIN_PEER);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_POLICY_VIOLATION);
    net_end(&n);
}

Test(federation, a_verdict_may_come_later)
{
    s2s_verdict verdict;
    begin();
    n.b.pends = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.b.judged, 1);
    cr_expect_eq(n.b.established, 0u);
    s2s_verdict_init(&verdict);
    verdict.trusted = true;
    cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked + 1, &verdict), S2S_E_NOTFOUND);
    cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_E_NOTFOUND, "only once");
    cr_expect_eq(s2s_federation_answer(n.b.f, 0, &verdict), S2S_E_NOTFOUND);
    net_end(&n);
}

Test(federation, an_answer_that_comes_after_the_stream_is_for_nobody)
{
    enum { STREAMS = 20 }; /* more than the first room for questions */
    s2s_ticket first;
    s2s_verdict verdict;
    s2s_verdict_init(&verdict);
    verdict.trusted = true;
    begin();
    n.b.pends = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.b.judged, 1);
    first = n.b.asked;
    for (unsigned i = 1; i <= STREAMS; i++) { /* what waits makes a new stream after each that is closed */
        net_until(&n, &n.b.judged, i);
        cr_expect(i == 1 || n.b.asked != first, "another question, another ticket");
        if (i < STREAMS) {
            cr_assert_eq(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 1u);
            net_until(&n, &n.b.ended, i);
            cr_expect_eq(n.b.last_end.origin, S2S_ORIGIN_PEER, "its end is seen while the policy thinks: %s", n.b.last_end.text);
            cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_E_NOTFOUND);
        }
    }
    cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect(has(node_last(&n.b), "m1"));
    net_end(&n);
}

Test(federation, a_verdict_that_never_comes_is_a_refusal)
{
    net_begin(&n);
    n.b.t.env.limits.negotiation_ms = 1000;
    net_begin_nodes(&n);
    n.b.pends = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"));
    cr_expect_eq(n.b.established, 0u);
    net_end(&n);
}

/* -- no connection ------------------------------------------------------------------------------------- */

Test(federation, a_domain_without_a_server_is_not_found)
{
    begin();
    cr_assert_eq(node_send(&n.a, "nowhere.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-not-found"), "SZ-09: %s", node_last(&n.a));
    net_end(&n);
}

Test(federation, a_closed_port_is_a_timeout_without_names_in_the_text)
{
    begin();
    char why[S2S_TEXT_MAX] = "";
    cr_assert_eq(s2s_federation_route(n.a.f, "*.closed.example", "127.0.0.1:1", S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
    cr_assert_eq(node_send(&n.a, "deep.er.closed.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "SZ-09: %s", node_last(&n.a));
    cr_expect(!has(strstr(node_last(&n.a), "<text"), "127.0.0.1"), "SZ-11");
    cr_expect(!has(strstr(node_last(&n.a), "<text"), "closed.example"), "SZ-11");
    cr_expect(has(n.a.last_end.text, "127.0.0.1:1"), "the operator sees the address");
    net_end(&n);
}

Test(federation, a_silent_server_costs_no_more_than_the_deadline)
{
    uv_tcp_t silent;
    char why[S2S_TEXT_MAX] = "", address[NET_ADDRESS];
    net_begin(&n);
    n.a.t.env.limits.negotiation_ms = 1000;
    n.a.t.env.limits.close_ms = 100;
    net_begin_nodes(&n);
    net_listen_silently(&n, &silent, address);
    cr_assert_eq(s2s_federation_route(n.a.f, "*", address, S2S_TLS_STARTTLS, why), S2S_OK, "%s", why);
    cr_assert_eq(node_send(&n.a, "silent.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"));
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

/* -- limits and bad addresses -------------------------------------------------------------------------- */

Test(federation, a_full_queue_bounces_what_comes_on_top)
{
    net_begin(&n);
    n.a.t.env.limits.queue_stanzas = 4;
    net_begin_nodes(&n);
    for (int i = 0; i < 6; i++)
        (void)node_send(&n.a, "b.example", i < 4 ? "fits" : "over");
    cr_expect_eq(n.a.count, 2u);
    cr_expect(has(node_last(&n.a), "message error over"));
    cr_expect(has(node_last(&n.a), "resource-constraint"), "SZ-12");
    net_until(&n, &n.b.count, 4);
    net_end(&n);
}

Test(federation, too_many_remote_domains_bounce)
{
    net_begin(&n);
    n.a.t.env.limits.streams_out = 1;
    net_begin_nodes(&n);
    (void)node_send(&n.a, "b.example", "m1");
    (void)node_send(&n.a, "c.example", "m2");
    cr_expect_eq(n.a.count, 1u);
    cr_expect(has(node_last(&n.a), "message error m2"));
    net_until(&n, &n.b.count, 1);
    net_end(&n);
}

Test(federation, too_many_connections_are_turned_away)
{
    /* DO-02 */
    net_begin(&n);
    n.b.t.env.limits.connections = 1;
    net_begin_nodes(&n);
    net_add_domain(&n, &n.a, "a2.example");
    (void)node_send(&n.a, "b.example", "m1");
    net_until(&n, &n.b.count, 1);
    n.a.domain = "a2.example"; /* another pair, so another connection */
    (void)node_send(&n.a, "b.example", "m2");
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message error m2"));
    cr_expect(has(node_last(&n.a), "remote-server-timeout"));
    net_end(&n);
}

Test(federation, addresses_that_are_not_ours_to_send_are_not_taken)
{
    static const struct {
        const char *from, *to;
    } ROWS[] = {
        {"x@a.example", "y@a.example"}, /* local */
        {"x@c.example", "y@b.example"}, /* not served here */
        {"x@a.example", "y@"},
        {"@a.example", "y@b.example"},
    };
    begin();
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s_stanza st = {.kind = S2S_MESSAGE,
                         .from = s2s_str_of(ROWS[i].from),
                         .to = s2s_str_of(ROWS[i].to),
                         .attrs = S2S_STR(""),
                         .inner = S2S_STR("")};
        cr_expect_eq(s2s_federation_send(n.a.f, &st), S2S_E_INVAL, "%s -> %s", ROWS[i].from, ROWS[i].to);
    }
    net_end(&n);
}

Test(federation, a_domain_that_the_peer_does_not_serve_bounces)
{
    char why[S2S_TEXT_MAX] = "";
    begin();
    cr_assert_eq(s2s_federation_route(n.a.f, "other.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK);
    (void)node_send(&n.a, "other.example", "m1");
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"));
    cr_expect_eq(n.a.last_end.cond, S2S_COND_HOST_UNKNOWN);
    net_end(&n);
}

Test(federation, a_peer_that_claims_one_of_our_domains_is_refused)
{
    begin();
    net_add_domain(&n, &n.b, "a.example");
    (void)node_send(&n.a, "b.example", "m1");
    net_until(&n, &n.a.count, 1);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_INVALID_FROM);
    cr_expect_eq(n.b.count, 0u);
    net_end(&n);
}

/* -- the end ------------------------------------------------------------------------------------------- */

Test(federation, stop_delivers_what_an_open_stream_holds_and_bounces_the_rest)
{
    enum { MANY = 2000 };
    char why[S2S_TEXT_MAX] = "";
    begin();
    cr_assert_eq(s2s_federation_route(n.a.f, "closed.example", "127.0.0.1:1", S2S_TLS_STARTTLS, why), S2S_OK);
    (void)node_send(&n.a, "b.example", "first");
    net_until(&n, &n.b.count, 1);
    for (int i = 0; i < MANY; i++)
        (void)node_send(&n.a, "b.example", "x");
    (void)node_send(&n.a, "closed.example", "never");
    s2s_federation_stop(n.a.f);
    net_until_true(&n, &n.a.stopped);
    net_until(&n, &n.b.count, MANY + 1);
    cr_expect_eq(n.a.count, 1u, "%zu: %s", n.a.count, node_last(&n.a));
    cr_expect(has(node_last(&n.a), "message error never"));
    net_until(&n, &n.b.ended, 1);
    cr_expect_eq(n.b.last_end.origin, S2S_ORIGIN_PEER);
    cr_expect_eq(n.b.last_end.cond, S2S_COND_NONE, "closed in XML, no error");
    net_end(&n);
}

Test(federation, stop_before_anything_happened)
{
    begin();
    net_end(&n);
}

Test(federation, a_stream_that_the_peer_closed_is_made_again)
{
    begin();
    (void)node_send(&n.a, "b.example", "m1");
    net_until(&n, &n.b.count, 1);
    s2s_federation_stop(n.b.f);
    net_until_true(&n, &n.b.stopped);
    net_until(&n, &n.a.ended, 1);
    (void)node_send(&n.a, "b.example", "m2");
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message error m2"), "nobody listens any more");
    net_end(&n);
}

/* -- options and domains ------------------------------------------------------------------------------- */

Test(federation, bad_domains_and_addresses_are_named)
{
    char why[S2S_TEXT_MAX] = "", cert[CERTS_PATH], key[CERTS_PATH];
    begin();
    certs_make(&n.certs, "c", &(certs_spec){.dns = "c.example"});
    certs_path(&n.certs, "c.pem", cert);
    certs_path(&n.certs, "c.key", key);
    cr_expect_eq(s2s_federation_add_domain(n.a.f, S2S_STR("d.example"), cert, key, why), S2S_E_INVAL);
    cr_expect(has(why, cert) && has(why, "d.example"), "%s", why);
    cr_expect_eq(s2s_federation_add_domain(n.a.f, S2S_STR("a.example"), cert, key, why), S2S_E_EXISTS);
    cr_expect(has(why, "a.example"), "%s", why);
    cr_expect_eq(s2s_federation_add_domain(n.a.f, S2S_STR("c.example"), "/nonexistent.pem", key, why), S2S_E_INVAL);
    cr_expect(has(why, "/nonexistent.pem"), "%s", why);
    cr_expect_eq(s2s_federation_add_domain(n.a.f, S2S_STR("not a domain"), cert, key, why), S2S_E_INVAL);
    cr_expect_neq(s2s_federation_listen(n.a.f, n.b.address, S2S_TLS_STARTTLS, NULL, why), S2S_OK);
    cr_expect(has(why, n.b.address), "%s", why);
    cr_expect_neq(s2s_federation_listen(n.a.f, "localhost:5269", S2S_TLS_STARTTLS, NULL, why), S2S_OK);
    cr_expect_neq(s2s_federation_route(n.a.f, "*.*.example", "127.0.0.1:1", S2S_TLS_STARTTLS, why), S2S_OK);
    cr_expect_neq(s2s_federation_route(n.a.f, "x.example", "127.0.0.1", S2S_TLS_STARTTLS, why), S2S_OK);
    cr_expect(s2s_federation_serves(n.a.f, S2S_STR("A.Example.")));
    cr_expect(!s2s_federation_serves(n.a.f, S2S_STR("b.example")));
    net_end(&n);
}

static s2s_bytes read_pem(const char *file)
{
    static char text[2][16384];
    static size_t next;
    char path[CERTS_PATH], *into = text[next++ % 2];
    FILE *f = fopen(certs_path(&n.certs, file, path), "r");
    cr_assert_not_null(f);
    size_t len = fread(into, 1, sizeof text[0], f);
    (void)fclose(f);
    return (s2s_bytes){(const uint8_t *)into, len};
}

static void expect_from_memory(void *arg, const s2s_domain_info *info)
{
    if (!s2s_str_eq(info->domain, S2S_STR("c.example")))
        return;
    ++*(size_t *)arg;
    cr_expect_str_eq(info->certificate_file, "");
    cr_expect_eq(info->chain_len, 2u);
}

Test(federation, a_certificate_may_come_from_memory)
{
    char why[S2S_TEXT_MAX] = "";
    size_t count = 0;
    begin();
    certs_make(&n.certs, "c", &(certs_spec){.dns = "c.example"});
    s2s_bytes cert = read_pem("c.pem"), key = read_pem("c.key"), none = {0};
    cr_expect_eq(s2s_federation_add_domain_pem(n.a.f, S2S_STR("d.example"), cert, key, why), S2S_E_INVAL);
    cr_expect(has(why, "is not for d.example"), "%s", why);
    cr_expect_eq(s2s_federation_add_domain_pem(n.a.f, S2S_STR("c.example"), key, key, why), S2S_E_INVAL);
    cr_expect(has(why, "certificate: there is no certificate in it"), "%s", why);
    cr_expect_eq(s2s_federation_add_domain_pem(n.a.f, S2S_STR("c.example"), cert, none, why), S2S_E_INVAL);
    cr_expect(has(why, "key: there is none"), "%s", why);
    cr_expect_eq(s2s_federation_add_domain(n.a.f, S2S_STR("c.example"), NULL, NULL, why), S2S_E_INVAL);
    cr_expect(has(why, "are needed"), "%s", why);
    cr_assert_eq(s2s_federation_add_domain_pem(n.a.f, S2S_STR("c.example"), cert, key, why), S2S_OK, "%s", why);
    memset((void *)(uintptr_t)cert.ptr, 0, cert.len);
    s2s_federation_domains(n.a.f, expect_from_memory, &count);
    cr_expect_eq(count, 1u);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@c.example"), .to = S2S_STR("y@b.example"), .attrs = S2S_STR(""),
                     .inner = S2S_STR("<body/>")};
    cr_expect_eq(s2s_federation_send(n.a.f, &st), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(n.b.judged_name, "c.example");
    net_end(&n);
}

Test(federation, nothing_new_is_accepted_while_it_stops)
{
    char why[S2S_TEXT_MAX];
    begin();
    s2s_federation_stop(n.a.f);
    s2s_federation_recheck(n.a.f);
    cr_expect_eq(s2s_federation_listen(n.a.f, "127.0.0.1:0", S2S_TLS_STARTTLS, NULL, why), S2S_E_CLOSED);
    cr_expect(strstr(why, "stopping"), "%s", why);
    cr_expect_eq(s2s_federation_listen_fd(n.a.f, socket(AF_INET, SOCK_STREAM, 0), S2S_TLS_STARTTLS, NULL, why), S2S_E_CLOSED);
    net_end(&n);
}

Test(federation, it_is_not_freed_while_the_loop_has_its_handles)
{
    begin();
    s2s_federation_free(n.a.f);
    cr_expect(strstr(n.a.t.last_log, "before ops->stopped"), "%s", n.a.t.last_log);
    s2s_federation_stop(n.a.f);
    s2s_federation_free(n.a.f);
    net_end(&n); /* all of it is there, and is freed */
}
