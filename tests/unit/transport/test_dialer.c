/* SPDX-License-Identifier: MIT */
/* test_dialer.c: dialer.c with listener.c at the other end: addresses in turn, deadlines, cancelling. */
#include "transport/dialer.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dns_server.h"
#include "support/test_env.h"
#include "transport/address.h"
#include "transport/listener.h"

enum { GUARD_MS = 20000 };

enum { CROWD = 8 };

/* A socket that listens and has no room for more: who connects hears nothing. */
typedef struct deaf {
    int listener, crowd[CROWD];
} deaf;

typedef struct dialing {
    test_env t;
    uv_loop_t loop;
    uv_timer_t guard;
    dns_server dns;
    s2s__resolver *resolver;
    s2s__listener *listener;
    char address[S2S_ADDRESS_MAX]; /* of the listener, 127.0.0.2 */
    uint16_t port;
    size_t accepted, ended, closed;
    s2s__dial_end end;
    char text[S2S_TEXT_MAX];
    s2s__dial *dial;
    bool picky;         /* no connection is good enough */
    char reached[512];  /* "ADDRESS TARGET starttls|direct;" each time it was connected */
} dialing;

static dialing d;

static void on_accepted(void *arg, uv_tcp_t *tcp)
{
    dialing *x = arg;
    x->accepted++;
    s2s__tcp_close(&x->t.env, tcp);
}

/* A picky caller goes on as long as there is something to try. */
static void on_dialed(void *arg, s2s__dial_end end, uv_tcp_t *tcp, const char *text)
{
    dialing *x = arg;
    cr_expect_eq(tcp != NULL, end == S2S__DIAL_CONNECTED);
    if (tcp) {
        struct sockaddr_storage at;
        int len = sizeof at;
        char address[S2S_ADDRESS_MAX];
        size_t used = strlen(x->reached);
        const s2s__target *target = s2s__dial_target(x->dial);
        cr_assert_eq(uv_tcp_getpeername(tcp, (struct sockaddr *)&at, &len), 0);
        s2s__address_print((struct sockaddr *)&at, address);
        (void)snprintf(x->reached + used, sizeof x->reached - used, "%s %s %s;", address, target->srv.target,
                       target->srv.direct ? "direct" : "starttls");
        s2s__tcp_close(&x->t.env, tcp);
        if (x->picky) {
            s2s__dial_note(x->dial, "not good enough");
            s2s__dial_next(x->dial, x);
            return;
        }
        s2s__dial_cancel(x->dial);
    }
    x->ended++;
    x->end = end;
    (void)snprintf(x->text, sizeof x->text, "%s", text);
}

static void on_closed(void *arg)
{
    ((dialing *)arg)->closed++;
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    cr_assert_fail("waited too long");
}

static void until(const size_t *value, size_t want)
{
    uv_timer_start(&d.guard, on_guard, GUARD_MS, 0);
    while (*value < want)
        uv_run(&d.loop, UV_RUN_ONCE);
    uv_timer_stop(&d.guard);
}

static void begin(const dns_row *rows, size_t rows_len)
{
    char why[S2S_TEXT_MAX] = "";
    test_env_init(&d.t);
    uv_loop_init(&d.loop);
    uv_timer_init(&d.loop, &d.guard);
    dns_begin(&d.dns, &d.loop, rows, rows_len);
    const char *servers[] = {d.dns.address};
    cr_assert_eq(s2s__resolver_new(&d.loop, &d.t.env, servers, 1, NULL, 0, &d.resolver, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s__listener_new(&d.t.env, &d.loop, "127.0.0.2:0", false, on_accepted, &d, &d.listener,
                                   d.address, why), S2S_OK, "%s", why);
    struct sockaddr_storage at;
    cr_assert_eq(s2s__address_parse(s2s_str_of(d.address), &at), S2S_OK);
    d.port = ntohs(((struct sockaddr_in *)&at)->sin_port);
}

static void end(void)
{
    s2s__listener_close(d.listener, on_closed);
    s2s__resolver_close(d.resolver, on_closed, &d);
    dns_end(&d.dns);
    until(&d.closed, 2);
    uv_close((uv_handle_t *)&d.guard, NULL);
    uv_run(&d.loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&d.loop), 0);
    cr_expect_eq(d.t.live, 0u);
}

static s2s__dial *dial(const char *domain, const char *fixed, s2s_time within)
{
    struct sockaddr_storage at;
    s2s__dial *out = NULL;
    if (fixed)
        cr_assert_eq(s2s__address_parse(s2s_str_of(fixed), &at), S2S_OK);
    s2s__dial_options o = {.env = &d.t.env,
                           .loop = &d.loop,
                           .resolver = d.resolver,
                           .domain = domain,
                           .fixed = fixed ? (const struct sockaddr *)&at : NULL,
                           .by = uv_now(&d.loop) + within};
    cr_assert_eq(s2s__dial_start(&o, on_dialed, &d, &out), S2S_OK);
    d.dial = out;
    return out;
}

Test(dialer, srv_targets_are_tried_until_one_answers)
{
    static dns_row rows[] = {
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "dead.example", .priority = 1, .port = 1},
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "live.example", .priority = 2},
        {.name = "dead.example", .type = DNS_A, .data = "127.0.0.3"},
        {.name = "dead.example", .type = DNS_AAAA, .data = "::1"},
        {.name = "live.example", .type = DNS_A, .data = "127.0.0.2"},
    };
    begin(rows, sizeof rows / sizeof *rows);
    rows[1].port = d.port;
    s2s__dial *dialed = dial("peer.example", NULL, 10000);
    cr_expect_str_eq(s2s__dial_state(dialed), "resolving");
    until(&d.ended, 1);
    cr_expect_eq(d.end, S2S__DIAL_CONNECTED, "DN-01: %s", d.text);
    until(&d.accepted, 1);
    end();
}

static void deafen(deaf *x, const char *address)
{
    struct sockaddr_storage at;
    cr_assert_eq(s2s__address_parse(s2s_str_of(address), &at), S2S_OK);
    socklen_t len = at.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    x->listener = socket(at.ss_family, SOCK_STREAM, 0);
    cr_assert_geq(x->listener, 0);
    cr_assert_eq(bind(x->listener, (struct sockaddr *)&at, len), 0, "%s: %s", address, strerror(errno));
    cr_assert_eq(listen(x->listener, 0), 0);
    for (size_t i = 0; i < CROWD; i++) {
        x->crowd[i] = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(x->crowd[i], (struct sockaddr *)&at, len);
    }
}

static void close_deaf(deaf *x)
{
    for (size_t i = 0; i < CROWD; i++)
        (void)close(x->crowd[i]);
    (void)close(x->listener);
}

Test(dialer, a_slow_address_does_not_hold_up_the_others)
{
    static dns_row rows[] = {
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "host.example", .priority = 1},
        {.name = "host.example", .type = DNS_A, .data = "127.0.0.2"},
        {.name = "host.example", .type = DNS_AAAA, .data = "::1"},
    };
    deaf slow;
    char address[S2S_ADDRESS_MAX];
    begin(rows, sizeof rows / sizeof *rows);
    rows[0].port = d.port;
    d.t.env.limits.connect_ms = 120000; /* far more than the guard: only a race gets there */
    (void)snprintf(address, sizeof address, "[::1]:%u", (unsigned)d.port);
    deafen(&slow, address);
    (void)dial("peer.example", NULL, 120000);
    until(&d.ended, 1);
    cr_expect_eq(d.end, S2S__DIAL_CONNECTED, "DN-09: %s", d.text);
    cr_expect_eq(strncmp(d.reached, "127.0.0.2:", 10), 0, "%s", d.reached);
    close_deaf(&slow);
    end(); /* finds the loser's socket if it is still there */
}

Test(dialer, another_priority_waits_until_the_first_has_failed)
{
    static dns_row rows[] = {
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "slow.example", .priority = 1},
        {.name = "_xmpps-server._tcp.peer.example", .type = DNS_SRV, .data = "live.example", .priority = 2},
        {.name = "slow.example", .type = DNS_A, .data = "127.0.0.3"},
        {.name = "live.example", .type = DNS_A, .data = "127.0.0.2"},
    };
    enum { CONNECT_MS = 900 };
    deaf slow;
    char address[S2S_ADDRESS_MAX];
    begin(rows, sizeof rows / sizeof *rows);
    rows[0].port = rows[1].port = d.port;
    d.t.env.limits.connect_ms = CONNECT_MS;
    (void)snprintf(address, sizeof address, "127.0.0.3:%u", (unsigned)d.port);
    deafen(&slow, address);
    uv_update_time(&d.loop);
    s2s_time before = uv_now(&d.loop);
    (void)dial("peer.example", NULL, 120000);
    until(&d.ended, 1);
    cr_expect_geq(uv_now(&d.loop) - before, (s2s_time)CONNECT_MS, "DN-01");
    cr_expect_not_null(strstr(d.reached, " live.example direct;"), "DN-04: %s", d.reached);
    close_deaf(&slow);
    end();
}

Test(dialer, goes_on_when_a_connection_was_no_good)
{
    static dns_row rows[] = {
        {.name = "_xmpps-server._tcp.peer.example", .type = DNS_SRV, .data = "a.example", .priority = 1},
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "dead.example", .priority = 2, .port = 1},
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "b.example", .priority = 3},
        {.name = "a.example", .type = DNS_A, .data = "127.0.0.2"},
        {.name = "b.example", .type = DNS_A, .data = "127.0.0.2"},
        {.name = "dead.example", .type = DNS_A, .data = "127.0.0.3"},
    };
    begin(rows, sizeof rows / sizeof *rows);
    rows[0].port = rows[2].port = d.port;
    d.picky = true;
    (void)dial("peer.example", NULL, 120000);
    until(&d.ended, 1);
    char want[512];
    (void)snprintf(want, sizeof want, "127.0.0.2:%u a.example direct;127.0.0.2:%u b.example starttls;", d.port, d.port);
    cr_expect_str_eq(d.reached, want, "each once, by priority");
    cr_expect_eq(d.end, S2S__DIAL_FAILED);
    (void)snprintf(want, sizeof want,
                   "no connection: 127.0.0.2:%u (direct TLS): not good enough; 127.0.0.3:1: connection refused; "
                   "127.0.0.2:%u: not good enough", d.port, d.port);
    cr_expect_str_eq(d.text, want);
    end();
}

Test(dialer, a_loser_of_the_race_is_tried_when_the_winner_was_no_good)
{
    static dns_row rows[] = {
        {.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "host.example", .priority = 1},
        {.name = "host.example", .type = DNS_A, .data = "127.0.0.2"},
        {.name = "host.example", .type = DNS_AAAA, .data = "::1"},
    };
    deaf slow;
    char address[S2S_ADDRESS_MAX];
    begin(rows, sizeof rows / sizeof *rows);
    rows[0].port = d.port;
    d.t.env.limits.connect_ms = 1000;
    d.picky = true;
    (void)snprintf(address, sizeof address, "[::1]:%u", (unsigned)d.port);
    deafen(&slow, address);
    (void)dial("peer.example", NULL, 120000);
    until(&d.ended, 1);
    cr_expect_not_null(strstr(d.text, "not good enough; ["), "%s", d.text);
    cr_expect_not_null(strstr(d.text, "timed out"), "%s", d.text);
    close_deaf(&slow);
    end();
}

Test(dialer, more_failures_than_the_text_holds_are_counted)
{
    static dns_row rows[16];
    begin(rows, 16);
    for (size_t i = 0; i < 15; i++)
        rows[i] = (dns_row){.name = "_xmpp-server._tcp.peer.example", .type = DNS_SRV, .data = "dead.example",
                            .port = (uint16_t)(i + 1)};
    rows[15] = (dns_row){.name = "dead.example", .type = DNS_A, .data = "127.0.0.3"};
    (void)dial("peer.example", NULL, 120000);
    until(&d.ended, 1);
    size_t told = 0;
    for (const char *at = d.text; (at = strstr(at, "127.0.0.3:")) != NULL; at++)
        told++;
    char want[32];
    (void)snprintf(want, sizeof want, "; and %zu more", 15 - told);
    cr_expect(told > 0 && told < 15);
    cr_expect_not_null(strstr(d.text, want), "%s", d.text);
    end();
}

Test(dialer, the_end_says_what_failed)
{
    static const dns_row ROWS[] = {
        {.name = "_xmpp-server._tcp.closed.example", .type = DNS_SRV, .data = "host.example", .port = 1},
        {.name = "host.example", .type = DNS_A, .data = "127.0.0.3"},
        {.name = "_xmpp-server._tcp.none.example", .type = DNS_SRV, .data = "."},
        {.name = "broken.example", .type = DNS_ANY, .rcode = DNS_SERVFAIL},
        {.name = "_xmpp-server._tcp.broken.example", .type = DNS_ANY, .rcode = DNS_SERVFAIL},
    };
    static const struct {
        const char *id, *domain, *fixed;
        s2s__dial_end want;
        const char *word;
    } CASES[] = {
        {"DN-01", "unknown.example", NULL, S2S__DIAL_NO_ADDRESS, ""},
        {"DN-02", "none.example", NULL, S2S__DIAL_NO_ADDRESS, ""},
        {"DN-03", "broken.example", NULL, S2S__DIAL_DNS_FAILED, ""},
        {"DN-03", "closed.example", NULL, S2S__DIAL_FAILED, "127.0.0.3:1"},
        {"DN-10", "closed.example", "127.0.0.4:1", S2S__DIAL_FAILED, "127.0.0.4:1"},
        {"AD-06", "127.0.0.5", "127.0.0.5:1", S2S__DIAL_FAILED, "127.0.0.5:1"},
    };
    begin(ROWS, sizeof ROWS / sizeof *ROWS);
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        (void)dial(CASES[i].domain, CASES[i].fixed, 10000);
        until(&d.ended, i + 1);
        cr_expect_eq(d.end, CASES[i].want, "%s %s: %d %s", CASES[i].id, CASES[i].domain, (int)d.end, d.text);
        cr_expect_not_null(strstr(d.text, CASES[i].word), "%s", d.text);
        cr_expect_neq(d.text[0], '\0');
    }
    end();
}

Test(dialer, a_silent_dns_costs_no_more_than_the_deadline)
{
    static const dns_row ROWS[] = {
        {.name = "slow.example", .type = DNS_ANY, .silent = true},
        {.name = "_xmpp-server._tcp.slow.example", .type = DNS_ANY, .silent = true},
    };
    begin(ROWS, 2);
    s2s_time before = uv_now(&d.loop);
    (void)dial("slow.example", NULL, 300);
    until(&d.ended, 1);
    cr_expect_eq(d.end, S2S__DIAL_DNS_FAILED);
    cr_expect_lt(uv_now(&d.loop) - before, (s2s_time)GUARD_MS / 2);
    end();
}

Test(dialer, a_cancelled_dial_says_nothing)
{
    begin(NULL, 0);
    s2s__dial_cancel(NULL);
    s2s__dial_cancel(dial("unknown.example", NULL, 10000));
    s2s__dial *connecting = dial("x.example", d.address, 10000);
    while (strcmp(s2s__dial_state(connecting), "connecting") != 0)
        uv_run(&d.loop, UV_RUN_ONCE);
    s2s__dial_cancel(connecting);
    end();
    cr_expect_eq(d.ended, 0u);
}

Test(dialer, a_bad_name_is_refused_at_once)
{
    begin(NULL, 0);
    s2s__dial *out = NULL;
    s2s__dial_options o = {.env = &d.t.env, .loop = &d.loop, .resolver = d.resolver, .domain = "..", .by = S2S_NEVER};
    cr_expect_eq(s2s__dial_start(&o, on_dialed, &d, &out), S2S_E_SYNTAX);
    cr_expect_null(out);
    d.t.fail_after = 0;
    cr_expect_eq(s2s__dial_start(&o, on_dialed, &d, &out), S2S_E_NOMEM);
    d.t.fail_after = -1;
    end();
}

Test(listener, an_address_that_cannot_be_is_named)
{
    static const char *const BAD[] = {"host:5269", "127.0.0.1", "127.0.0.1:70000", "[::1]", "192.0.2.1:0"};
    begin(NULL, 0);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        char why[S2S_TEXT_MAX] = "";
        s2s__listener *l = NULL;
        cr_expect_neq(s2s__listener_new(&d.t.env, &d.loop, BAD[i], false, on_accepted, &d, &l, NULL, why), S2S_OK, "%s", BAD[i]);
        cr_expect_not_null(strstr(why, BAD[i]), "%s", why);
        cr_expect_null(l);
    }
    end();
}
