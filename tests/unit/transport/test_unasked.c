/* SPDX-License-Identifier: MIT */
/* test_unasked.c: questions that libunbound does not take say nothing about the DNS: what could not be asked is not "not there". */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <unbound.h>

#include "dns_server.h"
#include "support/test_env.h"
#include "transport/resolver.h"

#define SRV(domain) "_xmpp-server._tcp." domain
#define XMPPS(domain) "_xmpps-server._tcp." domain

enum { RR_A = 1, RR_AAAA = 28, RR_SRV = 33, RR_ANY = 0 };

/* Each has an address of its own, which nothing but the lack of SRV records makes its servers'. */
static const dns_row zone[] = {
    {SRV("both.example"), DNS_SRV, "h.example", 1, 0, 5269},
    {XMPPS("both.example"), DNS_SRV, "h.example", 1, 0, 5270},
    {"both.example", DNS_A, "192.0.2.9"},
    {"plain.example", DNS_A, "192.0.2.8"},
    {"plain.example", DNS_AAAA, "2001:db8::8"},
    {"h.example", DNS_A, "192.0.2.1"},
    {"h.example", DNS_AAAA, "2001:db8::1"},
};

/* What is not taken: questions of this type (RR_ANY: all) about names that begin so. */
static const char *untaken;
static int untaken_type;

/* In the place of libunbound's, whose it calls. */
int ub_resolve_async(struct ub_ctx *ctx, const char *name, int rrtype, int rrclass, void *mydata, ub_callback_type callback,
                     int *async_id)
{
    typedef int function(struct ub_ctx *, const char *, int, int, void *, ub_callback_type, int *);
    static function *next;
    if (untaken && strncmp(name, untaken, strlen(untaken)) == 0 && (untaken_type == RR_ANY || untaken_type == rrtype))
        return UB_NOMEM;
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "ub_resolve_async");
    return next(ctx, name, rrtype, rrclass, mydata, callback, async_id);
}

static struct {
    int calls;
    s2s__resolved status;
    size_t endpoints;
    char text[S2S_TEXT_MAX];
} got;

static void on_resolved(void *arg, s2s__resolution *r)
{
    (void)arg;
    got.calls++;
    got.status = r->status;
    got.endpoints = r->count;
    (void)snprintf(got.text, sizeof got.text, "%s", r->text);
    s2s__resolution_free(r);
}

static void look_up(s2s__resolver *resolver, uv_loop_t *loop, const char *domain)
{
    s2s__query *query;
    memset(&got, 0, sizeof got);
    cr_assert_eq(s2s__resolver_query(resolver, domain, false, on_resolved, NULL, &query), S2S_OK);
    while (got.calls == 0)
        (void)uv_run(loop, UV_RUN_ONCE);
    untaken = NULL;
}

Test(unasked, what_could_not_be_asked_is_not_missing)
{
    static const struct {
        const char *domain, *untaken;
        int type;
        s2s__resolved status;
        size_t endpoints;
        const char *what;
    } ROWS[] = {
        {"both.example", NULL, 0, S2S__RESOLVED_FOUND, 4, "all is taken"},
        {"plain.example", NULL, 0, S2S__RESOLVED_FOUND, 2, "all is taken, and there is no SRV record"},
        {"both.example", "", RR_ANY, S2S__RESOLVED_FAILED, 0, "nothing is taken"},
        {"both.example", "", RR_SRV, S2S__RESOLVED_FAILED, 0, "no SRV question: its address does not stand in"},
        {"both.example", "_xmpps-", RR_SRV, S2S__RESOLVED_FOUND, 2, "one SRV question of two: the other's counts"},
        {"plain.example", "_xmpp-", RR_SRV, S2S__RESOLVED_FAILED, 0, "one SRV question of two, the other has none"},
        {"both.example", "h.", RR_ANY, S2S__RESOLVED_FAILED, 0, "no address of its targets"},
        {"plain.example", "plain.", RR_ANY, S2S__RESOLVED_FAILED, 0, "no address of its own"},
        {"plain.example", "plain.", RR_AAAA, S2S__RESOLVED_FOUND, 1, "one of its addresses: the other counts"},
    };
    test_env t;
    uv_loop_t loop;
    dns_server server;
    test_env_init(&t);
    cr_assert_eq(uv_loop_init(&loop), 0);
    t.env.limits.dns_ms = 60000;
    dns_begin(&server, &loop, zone, sizeof zone / sizeof *zone);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s__resolver *resolver;
        char why[S2S_TEXT_MAX];
        cr_assert_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){server.address}, 1, NULL, 0, &resolver, why), S2S_OK);
        untaken = ROWS[i].untaken;
        untaken_type = ROWS[i].type;
        look_up(resolver, &loop, ROWS[i].domain);
        cr_expect_eq(got.status, ROWS[i].status, "%s: %d, %s", ROWS[i].what, got.status, got.text);
        cr_expect_eq(got.endpoints, ROWS[i].endpoints, "%s: %zu", ROWS[i].what, got.endpoints);
        cr_expect((got.status == S2S__RESOLVED_FAILED) == (strstr(got.text, "the DNS resolver failed") == got.text), "%s: %s",
                  ROWS[i].what, got.text);
        s2s__resolver_close(resolver, NULL, NULL);
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    dns_end(&server);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&loop), 0);
    cr_expect_eq(t.live, 0u);
}
