/* SPDX-License-Identifier: MIT */
/* test_dialback.c: Server Dialback between nodes over real sockets: who gets in, who does not, and that everybody is told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "refuser.h"
#include "two_nodes.h"

/* Criterion runs each test in a process of its own; the nodes are too large for a stack. */
static net n;
static node other; /* another server for a.example */

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* Where `from` goes for `domain` from now on. */
static void reroute(node *from, const char *domain, const char *address)
{
    char why[S2S_TEXT_MAX] = "";
    s2s_err err = s2s_federation_route(from->f, domain, address, S2S_TLS_STARTTLS, why);
    cr_assert_eq(err, S2S_OK, "%s", why);
}

typedef struct seen {
    size_t count;
    char mechanism[16];
    bool trusted, bidi;
    s2s_role role;
} seen;

static void look(void *arg, const s2s_stream_info *info)
{
    seen *s = arg;
    s->count++;
    (void)snprintf(s->mechanism, sizeof s->mechanism, "%s", info->mechanism);
    s->trusted = info->verdict && info->verdict->trusted;
    s->bidi = info->bidi;
    s->role = info->role;
}

static seen streams_of(const node *x)
{
    seen s = {0};
    s2s_federation_streams(x->f, look, &s);
    return s;
}

Test(dialback, an_initiator_without_a_good_certificate_is_called_back)
{
    net_begin(&n);
    n.b.refuses = n.b.falls_back = n.a.falls_back = true;
    net_begin_nodes(&n);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect(has(node_last(&n.b), "one"), "%s", node_last(&n.b));
    seen in = streams_of(&n.b), out = streams_of(&n.a);
    cr_expect_str_eq(in.mechanism, "dialback", "it is recorded as such");
    cr_expect(!in.trusted);
    cr_expect_eq(in.count, 1u, "the call is no stream of its own");
    cr_expect_str_eq(out.mechanism, "dialback");
    cr_expect(out.trusted, "b's certificate is good: EXTERNAL was not offered");
    cr_expect_eq(n.a.established, 1u);
    cr_expect_eq(n.b.established, 1u);
    net_end(&n);
}

Test(dialback, a_receiver_without_a_good_certificate_gets_no_external)
{
    net_begin(&n);
    n.a.refuses = n.a.falls_back = true;
    net_begin_nodes(&n);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(streams_of(&n.a).mechanism, "dialback");
    seen in = streams_of(&n.b);
    cr_expect_str_eq(in.mechanism, "dialback");
    cr_expect(in.trusted, "DB-15: b decided by a's certificate, although it never calls anybody");
    cr_expect_eq(n.b.judged, 2u, "at the handshake, and again when the claim came");
    net_end(&n);
}

/* TP-09: encrypted and unproven is not enough. */
Test(dialback, without_leave_there_is_none)
{
    net_begin(&n);
    n.b.refuses = n.a.falls_back = true; /* a would, b does not */
    net_begin_nodes(&n);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message error one"), "%s", node_last(&n.a));
    cr_expect_eq(n.b.established, 0u);
    cr_expect_eq(n.b.count, 0u);
    net_end(&n);
}

/* A net in which b calls `other` when a.example claims something. */
static void begin_with_other(const char *secret_of_a, const char *secret_of_other)
{
    net_begin(&n);
    n.b.refuses = n.b.falls_back = n.a.falls_back = other.falls_back = true;
    n.a.secret = secret_of_a;
    other.secret = secret_of_other;
    n.route_b_elsewhere = true;
    net_begin_nodes(&n);
    net_begin_node(&n, &other, "a.example");
    reroute(&n.b, "a.example", other.address);
}

Test(dialback, another_server_with_another_secret_denies_the_key)
{
    begin_with_other("one", "two");
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "internal-server-error"), "DB-10: %s", node_last(&n.a));
    cr_expect(n.a.last_end.dialback_invalid);
    cr_expect_eq(n.b.count, 0u);
    cr_expect_eq(n.b.established, 0u);
    net_end_node(&n, &other);
    net_end(&n);
}

Test(dialback, nodes_that_share_a_secret_answer_for_each_other)
{
    begin_with_other("one", "one");
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(streams_of(&n.b).mechanism, "dialback", "DK-02");
    net_end_node(&n, &other);
    net_end(&n);
}

Test(dialback, an_authoritative_server_that_does_not_do_dialback_says_so)
{
    begin_with_other("one", "one");
    other.falls_back = false;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "DB-10 DB-11: %s", node_last(&n.a));
    cr_expect(has(n.a.last_end.text, "remote-server-not-found"), "DB-11: %s", n.a.last_end.text);
    net_end_node(&n, &other);
    net_end(&n);
}

Test(dialback, an_authoritative_server_that_is_not_there)
{
    net_begin(&n);
    n.b.refuses = n.b.falls_back = n.a.falls_back = n.route_b_elsewhere = true;
    net_begin_nodes(&n);
    reroute(&n.b, "a.example", "127.0.0.1:1");
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "DB-10 DB-11: %s", node_last(&n.a));
    cr_expect(has(n.a.last_end.text, "remote-server-timeout"), "DB-11: it was told at once: %s", n.a.last_end.text);
    cr_expect_eq(n.b.established, 0u);
    net_end(&n);
}

/* -- an authoritative server that never answers -------------------------------------------------------- */

static void on_silent(uv_stream_t *server, int status)
{
    (void)server; /* the kernel takes the connection */
    (void)status;
}

static void listen_silently(uv_tcp_t *silent, char address[32])
{
    struct sockaddr_in at;
    int len = sizeof at;
    uv_tcp_init(&n.loop, silent);
    uv_ip4_addr("127.0.0.1", 0, &at);
    uv_tcp_bind(silent, (const struct sockaddr *)&at, 0);
    cr_assert_eq(uv_listen((uv_stream_t *)silent, 8, on_silent), 0);
    uv_tcp_getsockname(silent, (struct sockaddr *)&at, &len);
    (void)snprintf(address, 32, "127.0.0.1:%d", ntohs(at.sin_port));
}

static void begin_with_silent(uv_tcp_t *silent)
{
    char address[32];
    n.b.refuses = n.b.falls_back = n.a.falls_back = n.route_b_elsewhere = true;
    net_begin_nodes(&n);
    listen_silently(silent, address);
    reroute(&n.b, "*", address);
}

Test(dialback, an_authoritative_server_that_is_mute)
{
    uv_tcp_t silent;
    net_begin(&n);
    n.b.t.env.limits.dialback_ms = 1000;
    begin_with_silent(&silent);
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "%s", node_last(&n.a));
    cr_expect(has(n.a.last_end.text, "dialback: remote-server-timeout"), "DB-19: %s", n.a.last_end.text);
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

Test(dialback, calls_for_one_address_are_bounded)
{
    uv_tcp_t silent;
    net_begin(&n);
    n.b.t.env.limits.dialback_calls_per_address = 1;
    begin_with_silent(&silent);
    net_add_domain(&n, &n.a, "a2.example");
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    n.a.domain = "a2.example";
    cr_assert_eq(node_send(&n.a, "b.example", "m2"), S2S_OK);
    net_until(&n, &n.a.count, 1); /* one of them is refused at once, the other one waits for the mute server */
    cr_expect(has(n.a.last_end.text, "dialback: resource-constraint"), "DB-19 DO-04: %s", n.a.last_end.text);
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

Test(dialback, the_peer_leaves_while_it_is_called_back)
{
    uv_tcp_t silent;
    net_begin(&n);
    begin_with_silent(&silent);
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.b.judged, 1);
    s2s_federation_stop(n.a.f);
    net_until_true(&n, &n.a.stopped);
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

Test(dialback, stopping_answers_what_is_undecided)
{
    uv_tcp_t silent;
    net_begin(&n);
    begin_with_silent(&silent);
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.b.judged, 2);
    s2s_federation_stop(n.b.f);
    net_until_true(&n, &n.b.stopped);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "message error m1"), "%s", node_last(&n.a));
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

Test(dialback, a_verdict_on_a_claim_may_come_later)
{
    s2s_verdict verdict;
    net_begin(&n);
    n.a.refuses = n.a.falls_back = true;
    net_begin_nodes(&n);
    n.b.pends = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    s2s_verdict_init(&verdict);
    verdict.trusted = true;
    for (size_t i = 1; i <= 2; i++) { /* the handshake's, the claim's */
        net_until(&n, &n.b.judged, i);
        cr_expect_eq(n.b.established, 0u);
        cr_assert_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_OK);
    }
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_E_NOTFOUND);
    net_end(&n);
}

Test(dialback, what_is_not_allowed_any_more_is_closed)
{
    net_begin(&n);
    n.b.refuses = n.b.falls_back = n.a.falls_back = true;
    net_begin_nodes(&n);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    s2s_federation_recheck(n.b.f);
    cr_assert_eq(node_send(&n.a, "b.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 2);
    cr_expect_eq(n.b.ended, 0u, "the rule still stands");
    n.b.falls_back = false;
    s2s_federation_recheck(n.b.f);
    net_until(&n, &n.b.ended, 1);
    cr_expect_eq(n.b.last_end.cond, S2S_COND_POLICY_VIOLATION);
    net_end(&n);
}

Test(dialback, the_next_address_of_the_authoritative_server_is_asked)
{
    uv_tcp_t silent;
    char address[32];
    dns_row rows[] = {{.name = "_xmpp-server._tcp.a.example", .type = DNS_SRV, .data = "h.example", .priority = 1},
                      {.name = "_xmpp-server._tcp.a.example", .type = DNS_SRV, .data = "h.example", .priority = 2},
                      {.name = "h.example", .type = DNS_A, .data = "127.0.0.1"}};
    net_begin(&n);
    n.b.t.env.limits.attempt_ms = 500;
    n.b.refuses = n.b.falls_back = n.a.falls_back = n.route_b_elsewhere = true;
    net_begin_nodes(&n);
    listen_silently(&silent, address);
    rows[0].port = (uint16_t)strtoul(strchr(address, ':') + 1, NULL, 10);
    rows[1].port = (uint16_t)strtoul(strchr(n.a.address, ':') + 1, NULL, 10);
    n.dns.rows = rows;
    n.dns.rows_len = sizeof rows / sizeof *rows;
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(streams_of(&n.b).mechanism, "dialback");
    uv_close((uv_handle_t *)&silent, NULL);
    net_end(&n);
}

/* -- a peer that refuses EXTERNAL and closes ----------------------------------------------------------- */

static refuser strange;

/* b.example is that peer. */
static void begin_strange(bool falls_back)
{
    char cert[CERTS_PATH], key[CERTS_PATH];
    net_begin(&n);
    n.a.falls_back = falls_back;
    net_begin_nodes_unrouted(&n);
    certs_make(&n.certs, "strange", &(certs_spec){.dns = "b.example"});
    certs_path(&n.certs, "strange.pem", cert);
    certs_path(&n.certs, "strange.key", key);
    refuser_begin(&strange, &n.loop, &n.b.t.env, "b.example", "a.example", cert, key);
    reroute(&n.a, "b.example", strange.address);
}

static void end_strange(void)
{
    refuser_end(&strange);
    uv_run(&n.loop, UV_RUN_NOWAIT); /* its handles close */
    refuser_free(&strange);
    net_end(&n);
}

Test(dialback, who_refuses_external_and_closes_gets_dialback_on_a_new_connection)
{
    begin_strange(true);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    cr_assert_eq(node_send(&n.a, "b.example", "two"), S2S_OK);
    net_until(&n, &strange.stanzas, 1);
    cr_expect_eq(strange.accepted, 2u, "SA-10");
    cr_expect_eq(strange.refused, 1u);
    cr_expect_eq(strange.claims, 1u);
    seen out = streams_of(&n.a);
    cr_expect_str_eq(out.mechanism, "dialback", "it is recorded as such");
    cr_expect(out.trusted, "their certificate is good");
    cr_expect_eq(n.a.established, 1u);
    cr_expect_eq(n.a.ended, 1u);
    cr_expect(n.a.last_end.try_dialback);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    end_strange();
}

Test(dialback, who_refuses_external_and_dialback_is_asked_once)
{
    begin_strange(true);
    strange.denies = true;
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "remote-server-timeout"), "%s", node_last(&n.a));
    cr_expect_eq(strange.accepted, 2u);
    cr_expect_eq(strange.refused, 1u);
    cr_expect_eq(strange.claims, 1u);
    end_strange();
}

Test(dialback, who_refuses_external_is_left_alone_where_dialback_is_not_allowed)
{
    begin_strange(false);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(has(node_last(&n.a), "refused our certificate"), "%s", node_last(&n.a));
    cr_expect_eq(strange.accepted, 1u);
    cr_expect_eq(strange.claims, 0u);
    end_strange();
}

/* -- two servers of one domain ------------------------------------------------------------------------- */

/* ST-21: neither stream is closed for the other, and nothing is lost. */
Test(dialback, a_second_stream_for_the_same_pair_lives_beside_the_first)
{
    net_begin(&n);
    net_begin_nodes(&n);
    net_begin_node(&n, &other, "a.example");
    reroute(&other, "b.example", n.b.address);
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_assert_eq(node_send(&other, "b.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 2);
    cr_assert_eq(node_send(&n.a, "b.example", "three"), S2S_OK);
    net_until(&n, &n.b.count, 3);
    cr_expect_eq(streams_of(&n.b).count, 2u);
    cr_expect_eq(n.b.ended, 0u);
    net_end_node(&n, &other);
    net_end(&n);
}
