/* SPDX-License-Identifier: MIT */
/* test_connecting.c: which server of a domain a node gets to, how, and what happens when one is no good. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "two_nodes.h"

#define SRV "_xmpp-server._tcp.c.example"
#define XMPPS "_xmpps-server._tcp.c.example"

enum { ROWS_MAX = 8, FAR_MS = 3600000 };

/* c.example is served by node b, and node a has to ask the DNS about it. */
static net n;
static dns_row rows[ROWS_MAX];
static char direct[S2S_ADDRESS_MAX];

static uint16_t port_of(const char *address)
{
    return (uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static void begin(void)
{
    char why[S2S_TEXT_MAX] = "";
    net_begin_nodes(&n);
    net_add_domain(&n, &n.b, "c.example");
    cr_assert_eq(s2s_federation_listen(n.b.f, "127.0.0.1:0", S2S_TLS_DIRECT, direct, why), S2S_OK, "%s", why);
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < ROWS_MAX; i++)
        rows[i] = (dns_row){.name = "unused.example", .type = DNS_TXT, .data = ""};
    rows[0] = (dns_row){.name = "host.example", .type = DNS_A, .data = "127.0.0.1"};
    n.dns.rows = rows;
    n.dns.rows_len = ROWS_MAX;
}

static void srv(size_t row, const char *name, uint16_t priority, uint16_t port)
{
    rows[row] = (dns_row){.name = name, .type = DNS_SRV, .data = "host.example", .priority = priority, .port = port};
}

typedef struct outgoing {
    size_t count;
    s2s_tls_start tls_start;
    char target[64], address[S2S_ADDRESS_MAX];
} outgoing;

static void look(void *arg, const s2s_stream_info *info)
{
    outgoing *o = arg;
    if (info->role != S2S_INITIATOR || strcmp(info->state, "established") != 0)
        return;
    o->count++;
    o->tls_start = info->tls_start;
    (void)snprintf(o->target, sizeof o->target, "%s", info->target);
    (void)snprintf(o->address, sizeof o->address, "%s", info->address);
}

/* The one stream of node a. */
static outgoing established(void)
{
    outgoing o = {0};
    s2s_federation_streams(n.a.f, look, &o);
    cr_expect_eq(o.count, 1u);
    return o;
}

Test(connecting, direct_tls_is_found_in_the_dns)
{
    net_begin(&n);
    begin();
    srv(1, XMPPS, 1, port_of(direct));
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(n.a.judged_name, "c.example", "DN-06: SNI is the domain");
    outgoing o = established();
    cr_expect_eq(o.tls_start, S2S_TLS_DIRECT, "DN-04");
    cr_expect_str_eq(o.address, direct);
    cr_expect_str_eq(o.target, "host.example");
    cr_expect_str_eq(n.a.judged_target, "", "ID-01: not a name to look for, DNSSEC did not vouch for it");
    net_end(&n);
}

/* Where there should be TLS at once is a server that wants STARTTLS. */
Test(connecting, a_failed_handshake_leads_to_the_next_target)
{
    net_begin(&n);
    begin();
    srv(1, XMPPS, 1, port_of(n.b.address));
    srv(2, SRV, 2, port_of(n.b.address));
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    cr_assert_eq(node_send(&n.a, "c.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 2);
    cr_expect_not_null(strstr(n.b.received[0], " one "), "in order: %s", n.b.received[0]);
    cr_expect_eq(established().tls_start, S2S_TLS_STARTTLS);
    cr_expect_eq(n.a.ended, 1u, "the first attempt");
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    net_end(&n);
}

Test(connecting, a_refused_certificate_leads_to_the_next_target)
{
    net_begin(&n);
    n.a.refuses_first = 2;
    begin();
    srv(1, SRV, 1, port_of(n.b.address));
    srv(2, SRV, 2, port_of(n.b.address));
    srv(3, XMPPS, 3, port_of(direct));
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(n.a.judged, 3u);
    cr_expect_eq(established().tls_start, S2S_TLS_DIRECT);
    net_end(&n);
}

Test(connecting, a_stream_error_leads_to_the_next_target)
{
    net_begin(&n);
    n.b.refuses_first = 1; /* offers no EXTERNAL, says not-authorized */
    begin();
    srv(1, SRV, 1, port_of(n.b.address));
    srv(2, SRV, 2, port_of(n.b.address));
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(n.b.judged, 2u);
    net_end(&n);
}

static int listen_in_silence(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(fd, 8), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

Test(connecting, a_silent_server_does_not_use_up_the_time_of_the_next_one)
{
    uint16_t silent;
    int fd = listen_in_silence(&silent);
    net_begin(&n);
    n.a.t.env.limits.negotiation_ms = 600000;
    n.a.t.env.limits.attempt_ms = 500;
    begin();
    srv(1, SRV, 1, silent);
    srv(2, XMPPS, 2, silent);
    srv(3, SRV, 3, port_of(n.b.address));
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(n.a.ended, 2u);
    net_end(&n);
    (void)close(fd);
}

Test(connecting, one_deadline_holds_for_all_targets)
{
    uint16_t silent;
    int fd = listen_in_silence(&silent);
    net_begin(&n);
    n.a.t.env.limits.negotiation_ms = 1000;
    begin();
    for (size_t i = 1; i < ROWS_MAX; i++)
        srv(i, SRV, (uint16_t)i, silent);
    (void)node_send(&n.a, "c.example", "one");
    net_until(&n, &n.a.count, 1);
    cr_expect_not_null(strstr(node_last(&n.a), "remote-server-timeout"), "%s", node_last(&n.a));
    cr_expect_lt(n.a.ended, (size_t)ROWS_MAX - 1, "no time for the rest");
    net_end(&n);
    (void)close(fd);
}

Test(connecting, the_bounce_tells_of_the_attempt_that_came_furthest)
{
    net_begin(&n);
    n.a.refuses = true;
    begin();
    srv(1, SRV, 1, port_of(n.b.address));
    srv(2, SRV, 2, 1); /* nobody there */
    (void)node_send(&n.a, "c.example", "one");
    net_until(&n, &n.a.count, 1);
    cr_expect_not_null(strstr(node_last(&n.a), "certificate was refused"), "%s", node_last(&n.a));
    cr_expect_not_null(strstr(n.a.last_end.text, "the test says so; 127.0.0.1:1: connection refused"), "%s",
                       n.a.last_end.text);
    net_end(&n);
}

Test(connecting, works_over_ipv6)
{
    char why[S2S_TEXT_MAX] = "", v6[S2S_ADDRESS_MAX];
    net_begin(&n);
    begin();
    cr_assert_eq(s2s_federation_listen(n.b.f, "[::1]:0", S2S_TLS_STARTTLS, v6, why), S2S_OK, "%s", why);
    srv(1, SRV, 1, port_of(v6)); /* nobody at that port of 127.0.0.1 */
    rows[2] = (dns_row){.name = "host.example", .type = DNS_AAAA, .data = "::1"};
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(established().address, v6);
    net_end(&n);
}

/* -- what the policy is told --------------------------------------------------------------------------- */

Test(connecting, the_policy_gets_what_dnssec_says)
{
    static const struct {
        const char *id, *domain, *host, *target;
        s2s_dnssec state;
        size_t records;
    } ROWS[] = {
        {"DA-02", "d.signed.example", "h1.signed.example", "h1.signed.example", S2S_DNSSEC_SECURE, 1},
        {"DA-02", "e.signed.example", "h2.signed.example", "h2.signed.example", S2S_DNSSEC_SECURE, 0},
        {"DA-02", "f.signed.example", "host.example", "host.example", S2S_DNSSEC_INSECURE, 0},
        {"ID-01", "c.example", "h1.signed.example", "", S2S_DNSSEC_INSECURE, 0},
    };
    enum { COUNT = sizeof ROWS / sizeof *ROWS };
    static char names[COUNT][64], tlsa[64];
    net_begin(&n);
    begin();
    for (size_t i = 0; i < COUNT; i++) {
        (void)snprintf(names[i], sizeof names[i], "_xmpp-server._tcp.%s", ROWS[i].domain);
        rows[1 + i] = (dns_row){.name = names[i], .type = DNS_SRV, .data = ROWS[i].host, .port = port_of(n.b.address)};
        if (strcmp(ROWS[i].domain, "c.example") != 0)
            net_add_domain(&n, &n.b, ROWS[i].domain);
    }
    (void)snprintf(tlsa, sizeof tlsa, "_%u._tcp.h1.signed.example", (unsigned)port_of(n.b.address));
    rows[5] = (dns_row){.name = "h1.signed.example", .type = DNS_A, .data = "127.0.0.1"};
    rows[6] = (dns_row){.name = "h2.signed.example", .type = DNS_A, .data = "127.0.0.1"};
    rows[7] = (dns_row){.name = tlsa, .type = DNS_TLSA, .data = "3 1 1 00112233"};
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(node_send(&n.a, ROWS[i].domain, "one"), S2S_OK);
        net_until(&n, &n.b.count, i + 1);
        cr_expect_str_eq(n.a.judged_target, ROWS[i].target, "%s %s", ROWS[i].id, ROWS[i].domain);
        cr_expect_eq(n.a.judged_tlsa_state, ROWS[i].state, "%s %s", ROWS[i].id, ROWS[i].domain);
        cr_expect_eq(n.a.judged_tlsa, ROWS[i].records, "%s %s", ROWS[i].id, ROWS[i].domain);
    }
    net_end(&n);
}

Test(connecting, a_forged_zone_reaches_nobody)
{
    net_begin(&n);
    begin();
    net_add_domain(&n, &n.b, "d.signed.example");
    rows[1] = (dns_row){.name = "_xmpp-server._tcp.d.signed.example", .type = DNS_SRV, .data = "host.example",
                        .port = port_of(n.b.address), .forged = true};
    (void)node_send(&n.a, "d.signed.example", "one");
    net_until(&n, &n.a.count, 1);
    cr_expect_not_null(strstr(n.a.last_end.text, "DNSSEC"), "DA-01: %s", n.a.last_end.text);
    cr_expect_eq(n.b.established, 0u);
    net_end(&n);
}

/* -- back-off ------------------------------------------------------------------------------------------ */

Test(connecting, what_comes_while_backing_off_bounces_at_once_with_the_reason)
{
    net_begin(&n);
    n.a.t.env.limits.retry_ms = FAR_MS;
    n.a.t.env.limits.retry_max_ms = FAR_MS;
    begin();
    srv(1, SRV, 1, 1);
    (void)node_send(&n.a, "c.example", "one");
    net_until(&n, &n.a.count, 1);
    size_t questions = n.dns.questions;
    (void)node_send(&n.a, "c.example", "two");
    cr_assert_eq(n.a.count, 2u, "ST-22: not even a turn of the loop");
    cr_expect_not_null(strstr(node_last(&n.a), "no connection to the remote server could be made"));
    cr_expect_eq(n.dns.questions, questions);
    net_end(&n);
}

Test(connecting, a_peer_that_contacts_us_is_tried_again_at_once)
{
    char why[S2S_TEXT_MAX] = "";
    net_begin(&n);
    n.a.t.env.limits.retry_ms = FAR_MS;
    n.a.t.env.limits.retry_max_ms = FAR_MS;
    begin();
    srv(1, SRV, 1, 1);
    (void)node_send(&n.a, "c.example", "one");
    net_until(&n, &n.a.count, 1);
    rows[1].port = port_of(n.b.address);
    s2s_stanza there = {.kind = S2S_MESSAGE, .from = S2S_STR("y@c.example"), .to = S2S_STR("x@a.example"),
                        .id = S2S_STR("in"), .attrs = S2S_STR(""), .inner = S2S_STR("")};
    cr_assert_eq(s2s_federation_send(n.b.f, &there), S2S_OK);
    net_until(&n, &n.a.count, 2);
    cr_assert_eq(s2s_federation_route(n.a.f, "c.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK,
                 "libunbound has the old port in its cache");
    cr_assert_eq(node_send(&n.a, "c.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    net_end(&n);
}

Test(connecting, a_remembered_failure_makes_room_for_another_domain)
{
    net_begin(&n);
    n.a.t.env.limits.streams_out = 1;
    n.a.t.env.limits.retry_ms = FAR_MS;
    n.a.t.env.limits.retry_max_ms = FAR_MS;
    begin();
    srv(1, SRV, 1, 1);
    (void)node_send(&n.a, "c.example", "one");
    net_until(&n, &n.a.count, 1);
    cr_assert_eq(node_send(&n.a, "b.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    net_end(&n);
}

/* -- memory -------------------------------------------------------------------------------------------- */

static void count_outgoing(void *arg, const s2s_stream_info *info)
{
    *(size_t *)arg += info->role == S2S_INITIATOR;
}

static size_t outgoing_streams(void)
{
    size_t count = 0;
    s2s_federation_streams(n.a.f, count_outgoing, &count);
    return count;
}

/* The n-th allocation fails, for each n until a stream is established: the stanza comes back, once, and nothing is left. */
Test(connecting, failing_memory_while_connecting_ends_in_a_bounce, .timeout = 120)
{
    enum { MOST = 2000 };
    long k = 0;
    net_begin(&n);
    n.a.t.env.limits.retry_ms = 0;
    begin();
    srv(1, XMPPS, 1, port_of(n.b.address));
    srv(2, SRV, 2, port_of(n.b.address));
    for (; k < MOST && n.a.established == 0; k++) {
        size_t before = n.a.count;
        n.a.t.fail_after = k;
        (void)node_send(&n.a, "c.example", "one");
        while (n.a.count == before && n.a.established == 0)
            uv_run(&n.loop, UV_RUN_ONCE);
        n.a.t.fail_after = -1;
        (void)s2s_federation_close_remote(n.a.f, S2S_STR("c.example"));
        while (outgoing_streams() > 0)
            uv_run(&n.loop, UV_RUN_ONCE);
        cr_assert_leq(n.a.count, before + 1, "allocation %ld", k);
    }
    cr_expect(k > 10 && k < MOST, "%ld", k);
    net_end(&n);
}

/* -- a route of the program's own ----------------------------------------------------------------------- */

static const char *told; /* where it says that b.example is; NULL: it does not know */
static size_t routed;

static bool route(void *user, s2s_str local, s2s_str remote, char address[S2S_ADDRESS_MAX], s2s_tls_start *tls)
{
    cr_expect_eq(user, &n.a);
    cr_expect(s2s_str_eq(local, S2S_STR("a.example")) && s2s_str_eq(remote, S2S_STR("b.example")));
    routed++;
    if (!told)
        return false;
    (void)snprintf(address, S2S_ADDRESS_MAX, "%s", told);
    *tls = n.tls;
    return true;
}

Test(connecting, the_program_says_where_a_domain_is)
{
    for (int at_once = 0; at_once < 2; at_once++) {
        net_begin(&n);
        n.a.route = route;
        n.tls = at_once ? S2S_TLS_DIRECT : S2S_TLS_STARTTLS;
        net_begin_nodes_unrouted(&n);
        told = n.b.address;
        cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
        net_until(&n, &n.b.count, 1);
        cr_expect_eq(n.dns.questions, 0u);
        cr_expect_eq(routed, 1u + (size_t)at_once);
        net_end(&n);
    }
}

Test(connecting, what_the_program_says_stands_before_static_routes_and_the_dns)
{
    net_begin(&n);
    n.a.route = route;
    n.a.t.env.limits.retry_ms = 0;
    net_begin_nodes(&n); /* with a static route */
    told = "nowhere";
    (void)node_send(&n.a, "b.example", "one");
    net_until(&n, &n.a.count, 1);
    cr_expect_not_null(strstr(node_last(&n.a), "remote-server-not-found"), "%s", node_last(&n.a));
    cr_expect_eq(n.dns.questions, 0u);
    told = NULL;
    (void)node_send(&n.a, "b.example", "two");
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(routed, 2u);
    net_end(&n);
}

/* -- who has no right to our work ---------------------------------------------------------------------- */

Test(connecting, a_forbidden_domain_costs_no_question_and_no_connection)
{
    net_begin(&n);
    n.a.forbids = true;
    begin();
    srv(1, SRV, 1, port_of(n.b.address));
    (void)node_send(&n.a, "c.example", "one");
    cr_assert_eq(n.a.count, 1u, "at once");
    cr_expect_not_null(strstr(node_last(&n.a), "not-allowed"), "%s", node_last(&n.a));
    cr_expect_eq(n.dns.questions, 0u);
    cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(n.b.last_end.cond, S2S_COND_POLICY_VIOLATION, "and it is not let in: %s", n.b.last_end.text);
    cr_expect_eq(n.a.count, 1u);
    net_end(&n);
}

/* Whoever comes and is not authenticated makes us neither ask the DNS nor connect. */
Test(connecting, an_unproven_peer_causes_no_dns_and_no_connection)
{
    net_begin(&n);
    n.b.refuses = true;
    begin();
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK); /* by its static route */
    net_until(&n, &n.a.count, 1);
    cr_expect_eq(n.b.judged, 1u);
    cr_expect_eq(n.dns.questions, 0u);
    cr_expect_eq(n.a.judged_role, S2S_ACCEPTOR, "nobody came to a");
    net_end(&n);
}
