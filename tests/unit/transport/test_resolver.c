/* SPDX-License-Identifier: MIT */
/* test_resolver.c: from a domain to addresses, against a DNS server on loopback. */
#include "transport/resolver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "dns_server.h"
#include "s2s/addr.h"
#include "support/test_env.h"
#include "transport/address.h"

#define SRV(domain) "_xmpp-server._tcp." domain
#define XMPPS(domain) "_xmpps-server._tcp." domain

static const dns_row zone[] = {
    {SRV("plain.example"), DNS_SRV, "h.plain.example", 10, 5, 5270},
    {"h.plain.example", DNS_A, "192.0.2.1"},
    {"h.plain.example", DNS_AAAA, "2001:db8::1"},

    {SRV("order.example"), DNS_SRV, "c.order.example", 30, 0, 3},
    {SRV("order.example"), DNS_SRV, "a.order.example", 10, 0, 1},
    {SRV("order.example"), DNS_SRV, "b.order.example", 20, 0, 2},
    {"a.order.example", DNS_A, "192.0.2.11"},
    {"a.order.example", DNS_A, "192.0.2.12"},
    {"b.order.example", DNS_AAAA, "2001:db8::2"},
    {"c.order.example", DNS_A, "192.0.2.13"},

    {SRV("refuses.example"), DNS_SRV, "."},
    {"refuses.example", DNS_A, "192.0.2.20"},

    {SRV("mixed.example"), DNS_SRV, ".", 1, 0, 0},
    {SRV("mixed.example"), DNS_SRV, "h.plain.example", 2, 0, 5269},

    {SRV("dead.example"), DNS_SRV, "gone.dead.example", 1, 0, 5269},
    {"dead.example", DNS_A, "192.0.2.30"},

    {SRV("half.example"), DNS_SRV, "gone.half.example", 1, 0, 5269},
    {SRV("half.example"), DNS_SRV, "mute.half.example", 2, 0, 5269},
    {SRV("half.example"), DNS_SRV, "h.plain.example", 3, 0, 5269},
    {"mute.half.example", DNS_ANY, .silent = true},

    {"nosrv.example", DNS_A, "192.0.2.40"},
    {"nosrv.example", DNS_AAAA, "2001:db8::40"},

    {SRV("broken.example"), DNS_ANY, .rcode = DNS_SERVFAIL},
    {"broken.example", DNS_A, "192.0.2.50"},

    {SRV("mute.example"), DNS_ANY, .silent = true},
    {"mute.example", DNS_A, "192.0.2.60"},

    {SRV("silent.example"), DNS_ANY, .silent = true},
    {"silent.example", DNS_ANY, .silent = true},

    {SRV("fails.example"), DNS_ANY, .rcode = DNS_SERVFAIL},
    {"fails.example", DNS_ANY, .rcode = DNS_SERVFAIL},

    {SRV("gone.example"), DNS_ANY, .rcode = DNS_SERVFAIL},

    {"empty.example", DNS_TXT, ""},

    {SRV("junk.example"), DNS_SRV, "not a host.example", 1, 0, 5269},
    {"junk.example", DNS_A, "192.0.2.70"},

    {SRV("alias.example"), DNS_CNAME, SRV("plain.example")},

    {SRV("lab.test"), DNS_SRV, "h.plain.example", 1, 0, 5269},

    {SRV("both.example"), DNS_SRV, "b.order.example", 20, 0, 5269},
    {XMPPS("both.example"), DNS_SRV, "c.order.example", 10, 0, 443},
    {XMPPS("both.example"), DNS_SRV, "h.plain.example", 30, 0, 5270},

    {XMPPS("direct.example"), DNS_SRV, "c.order.example", 1, 0, 5270},
    {"direct.example", DNS_A, "192.0.2.99"},

    {SRV("nodirect.example"), DNS_SRV, "c.order.example", 1, 0, 5269},
    {XMPPS("nodirect.example"), DNS_SRV, "."},

    {SRV("onlydirect.example"), DNS_SRV, "."},
    {XMPPS("onlydirect.example"), DNS_SRV, "c.order.example", 1, 0, 5270},

    {XMPPS("refusesdirect.example"), DNS_SRV, "."},
    {"refusesdirect.example", DNS_A, "192.0.2.99"},

    {SRV("refusesboth.example"), DNS_SRV, "."},
    {XMPPS("refusesboth.example"), DNS_SRV, "."},

    {SRV("muted.example"), DNS_ANY, .silent = true},
    {XMPPS("muted.example"), DNS_SRV, "c.order.example", 1, 0, 5270},

    {SRV("turns.example"), DNS_SRV, "h.turns.example", 1, 0, 1},
    {"h.turns.example", DNS_A, "192.0.2.91"},
    {"h.turns.example", DNS_A, "192.0.2.92"},
    {"h.turns.example", DNS_A, "192.0.2.93"},
    {"h.turns.example", DNS_AAAA, "2001:db8::91"},

    {"signed.example", DNS_A, "192.0.2.80"},
};
enum { ZONE = sizeof zone / sizeof *zone, ENOUGH_MS = 60000, SHORT_MS = 300 };

struct lookup {
    int calls;
    s2s__resolved status;
    bool from_srv;
    size_t count;
    char endpoints[4096]; /* "address target;" for each */
    char text[S2S_TEXT_MAX];
    s2s__query *query;
};

static test_env t;
static uv_loop_t loop;
static dns_server server;
static s2s__resolver *resolver;
static int closed;

static void begin_with(const char *const *anchors, size_t anchors_len)
{
    char why[S2S_TEXT_MAX];
    test_env_init(&t);
    t.env.limits.dns_ms = ENOUGH_MS;
    cr_assert_eq(uv_loop_init(&loop), 0);
    dns_begin(&server, &loop, zone, ZONE);
    cr_assert_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){server.address}, 1, anchors, anchors_len,
                                   &resolver, why), S2S_OK, "%s", why);
}

static void begin(void)
{
    begin_with(NULL, 0);
}

static void count_closed(void *arg)
{
    ++*(int *)arg;
}

static void end(void)
{
    closed = 0;
    s2s__resolver_close(resolver, count_closed, &closed);
    dns_end(&server);
    cr_expect_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_expect_eq(uv_loop_close(&loop), 0, "a handle was left open");
    cr_expect_eq(closed, 1);
    cr_expect_eq(t.live, 0, "%zu blocks were not freed", t.live);
}

TestSuite(transport_resolver, .init = begin, .fini = end, .timeout = 60);

static void note(void *arg, s2s__resolution *resolution)
{
    struct lookup *l = arg;
    l->calls++;
    l->status = resolution->status;
    l->from_srv = resolution->from_srv;
    l->count = resolution->count;
    (void)snprintf(l->text, sizeof l->text, "%s", resolution->text);
    size_t n = 0;
    for (size_t i = 0; i < resolution->count && n < sizeof l->endpoints; i++) {
        const s2s__endpoint *e = &resolution->endpoints[i];
        char address[S2S_ADDRESS_MAX];
        s2s__address_print((const struct sockaddr *)&e->address, address);
        n += (size_t)snprintf(l->endpoints + n, sizeof l->endpoints - n, "%s %s%s;", address, e->target->srv.target,
                              e->target->srv.direct ? " direct" : "");
    }
    s2s__resolution_free(resolution);
}

static struct lookup look_up(const char *domain)
{
    struct lookup l = {0};
    cr_assert_eq(s2s__resolver_query(resolver, domain, false, note, &l, &l.query), S2S_OK, "%s", domain);
    cr_assert_eq(l.calls, 0, "never called from the function itself");
    while (l.calls == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    return l;
}

Test(transport_resolver, answers_as_rfc_6120_says)
{
    static const struct {
        const char *domain;
        s2s__resolved status;
        const char *endpoints, *id;
    } row[] = {
        {"plain.example", S2S__RESOLVED_FOUND,
         "[2001:db8::1]:5270 h.plain.example;192.0.2.1:5270 h.plain.example;", "DN-01"},
        {"mixed.example", S2S__RESOLVED_FOUND,
         "[2001:db8::1]:5269 h.plain.example;192.0.2.1:5269 h.plain.example;", "DN-02, not the sole one"},
        {"alias.example", S2S__RESOLVED_FOUND,
         "[2001:db8::1]:5270 h.plain.example;192.0.2.1:5270 h.plain.example;", "SRV behind a CNAME"},
        {"refuses.example", S2S__RESOLVED_NOT_OFFERED, "", "DN-02"},
        {"both.example", S2S__RESOLVED_FOUND,
         "192.0.2.13:443 c.order.example direct;[2001:db8::2]:5269 b.order.example;"
         "[2001:db8::1]:5270 h.plain.example direct;192.0.2.1:5270 h.plain.example direct;", "DN-04"},
        {"direct.example", S2S__RESOLVED_FOUND, "192.0.2.13:5270 c.order.example direct;", "DN-04, one kind alone"},
        {"nodirect.example", S2S__RESOLVED_FOUND, "192.0.2.13:5269 c.order.example;", "DN-07"},
        {"onlydirect.example", S2S__RESOLVED_FOUND, "192.0.2.13:5270 c.order.example direct;", "DN-02, direct alone"},
        {"refusesdirect.example", S2S__RESOLVED_NOT_OFFERED, "", "DN-07, no fall-back"},
        {"refusesboth.example", S2S__RESOLVED_NOT_OFFERED, "", "DN-07"},
        {"dead.example", S2S__RESOLVED_NOT_FOUND, "", "DN-03, no fall-back"},
        {"junk.example", S2S__RESOLVED_NOT_FOUND, "", "DN-03, no fall-back"},
        {"nosrv.example", S2S__RESOLVED_FOUND,
         "[2001:db8::40]:5269 nosrv.example;192.0.2.40:5269 nosrv.example;", "DN-03, no SRV"},
        {"broken.example", S2S__RESOLVED_FOUND, "192.0.2.50:5269 broken.example;", "DN-03, SERVFAIL"},
        {"fails.example", S2S__RESOLVED_FAILED, "", "SERVFAIL everywhere"},
        {"nowhere.example", S2S__RESOLVED_NOT_FOUND, "", "NXDOMAIN"},
        {"gone.example", S2S__RESOLVED_NOT_FOUND, "", "NXDOMAIN, whatever the SRV question got"},
        {"empty.example", S2S__RESOLVED_NOT_FOUND, "", "no data"},
        {"lab.test", S2S__RESOLVED_FOUND,
         "[2001:db8::1]:5269 h.plain.example;192.0.2.1:5269 h.plain.example;", "the named server decides"},
        {"192.0.2.9", S2S__RESOLVED_FOUND, "192.0.2.9:5269 ;", "AD-06"},
        {"[2001:db8::9]", S2S__RESOLVED_FOUND, "[2001:db8::9]:5269 ;", "AD-06"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct lookup l = look_up(row[i].domain);
        cr_expect_eq(l.status, row[i].status, "%s (%s): %d, %s", row[i].domain, row[i].id, l.status, l.text);
        cr_expect_str_eq(l.endpoints, row[i].endpoints, "%s (%s): %s", row[i].domain, row[i].id, l.endpoints);
        cr_expect_eq(l.text[0] == '\0', row[i].status == S2S__RESOLVED_FOUND, "%s: %s", row[i].domain, l.text);
        cr_expect_eq(l.calls, 1);
    }
}

Test(transport_resolver, targets_come_by_priority)
{
    struct lookup l = look_up("order.example");
    cr_assert_eq(l.count, 4, "%s", l.endpoints);
    cr_expect(l.from_srv);
    const char *a = strstr(l.endpoints, ":1 a.order.example;"), *b = strstr(l.endpoints, ":2 b.order.example;"),
               *c = strstr(l.endpoints, ":3 c.order.example;");
    cr_expect(a && b && c && a < b && b < c, "DN-01: %s", l.endpoints);
}

Test(transport_resolver, a_hosts_addresses_come_by_turns)
{
    struct lookup l = look_up("turns.example");
    cr_assert_eq(l.count, 4, "%s", l.endpoints);
    cr_expect_eq(strncmp(l.endpoints, "[2001:db8::91]:1 ", 17), 0, "DN-09, RFC 8305 section 4: %s", l.endpoints);
}

/* What has a weight is chosen across both kinds of records. */
Test(transport_resolver, both_kinds_share_one_priority)
{
    static const dns_row rows[] = {
        {SRV("shared.example"), DNS_SRV, "h.shared.example", 1, 50, 5269},
        {XMPPS("shared.example"), DNS_SRV, "h.shared.example", 1, 50, 5270},
        {"h.shared.example", DNS_A, "192.0.2.1"},
    };
    size_t direct_first = 0;
    server.rows = rows;
    server.rows_len = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < 64; i++) {
        struct lookup l = look_up("shared.example");
        cr_assert_eq(l.count, 2);
        direct_first += strncmp(l.endpoints, "192.0.2.1:5270", 14) == 0;
    }
    cr_expect(direct_first > 0 && direct_first < 64, "DN-04 CX-10: %zu of 64", direct_first);
}

static void keep(void *arg, s2s__resolution *resolution)
{
    *(s2s__resolution **)arg = resolution;
}

Test(transport_resolver, a_resolution_outlives_its_query_and_knows_its_addresses)
{
    s2s__resolution *kept = NULL;
    s2s__query *query;
    struct sockaddr_storage at;
    cr_assert_eq(s2s__resolver_query(resolver, "plain.example", true, keep, &kept, &query), S2S_OK);
    while (!kept)
        (void)uv_run(&loop, UV_RUN_ONCE);
    static const struct {
        const char *address;
        bool has;
    } row[] = {{"192.0.2.1:5270", true}, {"[2001:db8::1]:5270", true}, {"192.0.2.1:5269", false}, {"192.0.2.2:5270", false}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        cr_assert_eq(s2s__address_parse(s2s_str_of(row[i].address), &at), S2S_OK);
        cr_expect_eq(s2s__resolution_has(kept, (struct sockaddr *)&at), row[i].has, "DB-14: %s", row[i].address);
    }
    cr_expect_eq(kept->targets[0].tlsa_state, S2S_DNSSEC_INSECURE, "DA-01: asked, but no trust anchor");
    s2s__resolution_free(kept);
    s2s__resolution_free(NULL);
}

Test(transport_resolver, limits_bound_targets_and_addresses)
{
    t.env.limits.dns_targets = 2;
    t.env.limits.dns_addresses = 1;
    struct lookup l = look_up("order.example");
    cr_expect_eq(l.count, 2, "%s", l.endpoints);
    cr_expect_null(strstr(l.endpoints, "c.order.example"));
}

Test(transport_resolver, silence_ends_by_our_timer)
{
    t.env.limits.dns_ms = SHORT_MS;
    struct lookup l = look_up("silent.example");
    cr_expect_eq(l.status, S2S__RESOLVED_TIMEOUT, "%s", l.text);
    cr_expect_not_null(strstr(l.text, "300 ms"));
    l = look_up("mute.example");
    cr_expect_str_eq(l.endpoints, "192.0.2.60:5269 mute.example;", "no SRV answer: fall-back (DN-03)");
    l = look_up("muted.example");
    cr_expect_str_eq(l.endpoints, "192.0.2.13:5270 c.order.example direct;", "DN-04: one kind of SRV is enough");
    l = look_up("half.example");
    cr_expect_str_eq(l.endpoints, "[2001:db8::1]:5269 h.plain.example;192.0.2.1:5269 h.plain.example;",
                     "one silent target does not spoil the others");
}

Test(transport_resolver, many_at_once)
{
    enum { MANY = 50 };
    static struct lookup l[MANY];
    static const char *const domains[] = {"plain.example", "nosrv.example", "refuses.example", "dead.example"};
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(s2s__resolver_query(resolver, domains[i % 4], false, note, &l[i], &l[i].query), S2S_OK);
    for (size_t i = 0; i < MANY; i++) {
        while (l[i].calls == 0)
            (void)uv_run(&loop, UV_RUN_ONCE);
        cr_expect_eq(l[i].count, i % 4 < 2 ? 2 : 0);
    }
}

Test(transport_resolver, a_cancelled_query_never_calls_back)
{
    struct lookup first = {0}, asked = {0};
    cr_assert_eq(s2s__resolver_query(resolver, "plain.example", false, note, &first, &first.query), S2S_OK);
    s2s__resolver_cancel(first.query);
    s2s__resolver_cancel(NULL);
    cr_assert_eq(s2s__resolver_query(resolver, "silent.example", false, note, &asked, &asked.query), S2S_OK);
    while (server.questions == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    s2s__resolver_cancel(asked.query);
    cr_assert_eq(s2s__resolver_query(resolver, "nosrv.example", false, note, &asked, &asked.query), S2S_OK);
    s2s__resolver_cancel(asked.query);
    struct lookup other = look_up("plain.example");
    cr_expect_eq(other.count, 2);
    cr_expect_eq(first.calls + asked.calls, 0);
}

Test(transport_resolver, closing_cancels_what_is_under_way)
{
    struct lookup l[3] = {0};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(s2s__resolver_query(resolver, "silent.example", false, note, &l[i], &l[i].query), S2S_OK);
    while (server.questions == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    int gone = 0;
    s2s__resolver *other = resolver;
    s2s__resolver_close(other, count_closed, &gone);
    cr_expect_eq(s2s__resolver_query(other, "plain.example", false, note, &l[0], &l[0].query), S2S_E_STATE);
    while (gone == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    for (size_t i = 0; i < 3; i++)
        cr_expect_eq(l[i].calls, 0);
    cr_assert_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){server.address}, 1, NULL, 0, &resolver, NULL),
                 S2S_OK); /* for end() */
}

static void close_in_callback(void *arg, s2s__resolution *resolution)
{
    note(arg, resolution);
    s2s__resolver_close(resolver, count_closed, &closed);
}

Test(transport_resolver, may_be_closed_from_a_callback)
{
    struct lookup l = {0}, other = {0};
    closed = 0;
    cr_assert_eq(s2s__resolver_query(resolver, "silent.example", false, note, &other, &other.query), S2S_OK);
    cr_assert_eq(s2s__resolver_query(resolver, "plain.example", false, close_in_callback, &l, &l.query), S2S_OK);
    while (closed == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    cr_expect_eq(l.count, 2);
    cr_expect_eq(other.calls, 0);
    cr_assert_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){server.address}, 1, NULL, 0, &resolver, NULL),
                 S2S_OK); /* for end() */
}

Test(transport_resolver, refuses_what_is_no_domain)
{
    static const char *const row[] = {"", ".", "a..example", ".example", "example.", "a b.example", "a\\.example",
                                      "b\xc3\xbc" "cher.example", "*.example", "[::1", "::1",
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        s2s__query *query;
        cr_expect_eq(s2s__resolver_query(resolver, row[i], false, note, NULL, &query), S2S_E_SYNTAX, "'%s'", row[i]);
    }
}

Test(transport_resolver, a_domain_too_long_for_srv_is_still_looked_up)
{
    char domain[S2S_ASCII_DOMAIN_MAX + 1];
    memset(domain, 'a', sizeof domain);
    for (size_t i = 50; i < sizeof domain; i += 51)
        domain[i] = '.';
    memcpy(domain + 240, ".example", sizeof ".example");
    struct lookup l = look_up(domain);
    cr_expect_eq(l.status, S2S__RESOLVED_NOT_FOUND, "%s", l.text);
}

Test(transport_resolver, failing_memory_ends_each_query)
{
    s2s__query *query;
    t.fail_after = 0;
    cr_expect_eq(s2s__resolver_query(resolver, "plain.example", false, note, NULL, &query), S2S_E_NOMEM);
    t.fail_after = 1;
    cr_expect_eq(s2s__resolver_query(resolver, "plain.example", false, note, NULL, &query), S2S_E_NOMEM);
    for (long n = 2; n <= 6; n++) {
        t.fail_after = n;
        struct lookup l = look_up("plain.example");
        cr_expect_eq(l.status, n < 6 ? S2S__RESOLVED_FAILED : S2S__RESOLVED_FOUND, "%ld: %s", n, l.text);
    }
    t.fail_after = -1;
}

TestSuite(transport_resolver_set_up, .timeout = 60);

Test(transport_resolver_set_up, unsigned_answers_below_an_anchor_are_bogus)
{
    static const char ds[] = "signed.example. IN DS 12345 13 2 "
                             "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    char file[] = "/tmp/s2s-anchor-XXXXXX";
    int fd = mkstemp(file);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, ds, sizeof ds - 1), (ssize_t)sizeof ds - 1);
    (void)close(fd);
    begin_with((const char *[]){file}, 1);
    struct lookup l = look_up("signed.example");
    cr_expect_eq(l.status, S2S__RESOLVED_BOGUS, "%d %s %s", l.status, l.text, l.endpoints);
    cr_expect_not_null(strstr(l.text, "DNSSEC"));
    l = look_up("plain.example");
    cr_expect_eq(l.count, 2, "others are taken as they come: %s", l.text);
    end();
    (void)unlink(file);
}

Test(transport_resolver_set_up, names_the_bad_server_or_file)
{
    char why[S2S_TEXT_MAX] = "";
    test_env_init(&t);
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_expect_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){"localhost"}, 1, NULL, 0, &resolver, why), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "localhost"), "%s", why);
    cr_expect_eq(s2s__resolver_new(&loop, &t.env, NULL, 0, (const char *[]){"/nonexistent/anchor"}, 1, &resolver, why),
                 S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "/nonexistent/anchor"), "%s", why);
    s2s__resolver_close(NULL, NULL, NULL);
    cr_expect_eq(uv_loop_close(&loop), 0);
    cr_expect_eq(t.live, 0);
}

Test(transport_resolver_set_up, takes_the_systems_servers_by_default)
{
    char why[S2S_TEXT_MAX] = "";
    struct lookup l = {0};
    test_env_init(&t);
    closed = 0;
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(s2s__resolver_new(&loop, &t.env, NULL, 0, NULL, 0, &resolver, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s__resolver_query(resolver, "127.0.0.1", false, note, &l, &l.query), S2S_OK); /* asks nobody */
    while (l.calls == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    s2s__resolver_close(resolver, count_closed, &closed);
    cr_expect_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_expect_eq(uv_loop_close(&loop), 0);
    cr_expect_eq(closed, 1);
    cr_expect_eq(t.live, 0);
}
