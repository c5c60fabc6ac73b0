/* SPDX-License-Identifier: MIT */
/* test_dane.c: what DNSSEC says of a domain's servers, and their TLSA records (RFC 7673), offline: the test signs its zone. */
#include "transport/resolver.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "dns_server.h"
#include "protocol/buf.h"
#include "support/test_env.h"

#define SRV(domain) "_xmpp-server._tcp." domain
#define XMPPS(domain) "_xmpps-server._tcp." domain
#define SIGNED ".signed.example"
#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static const dns_row zone[] = {
    {"h1" SIGNED, DNS_A, "192.0.2.1"},
    {"h1" SIGNED, DNS_AAAA, "2001:db8::1"},
    {"_5269._tcp.h1" SIGNED, DNS_TLSA, "3 1 1 " HASH},
    {"_5269._tcp.h1" SIGNED, DNS_TLSA, "2 0 1 " HASH},
    {"h2" SIGNED, DNS_A, "192.0.2.2"},
    {"plain.example", DNS_A, "192.0.2.3"},
    {"_5269._tcp.plain.example", DNS_TLSA, "3 1 1 " HASH},
    {"forged-a" SIGNED, DNS_A, "192.0.2.4", .forged = true},
    {"forged-tlsa" SIGNED, DNS_A, "192.0.2.5"},
    {"_5269._tcp.forged-tlsa" SIGNED, DNS_TLSA, "3 1 1 " HASH, .forged = true},
    {"fails-tlsa" SIGNED, DNS_A, "192.0.2.6"},
    {"_5269._tcp.fails-tlsa" SIGNED, DNS_ANY, .rcode = DNS_SERVFAIL},
    {"short-tlsa" SIGNED, DNS_A, "192.0.2.7"},
    {"_5269._tcp.short-tlsa" SIGNED, DNS_TLSA, "3 1 1 "},

    {SRV("full" SIGNED), DNS_SRV, "h1" SIGNED, 1, 0, 5269},
    {SRV("none" SIGNED), DNS_SRV, "h2" SIGNED, 1, 0, 5269},
    {SRV("otherport" SIGNED), DNS_SRV, "h1" SIGNED, 1, 0, 5280},
    {XMPPS("direct" SIGNED), DNS_SRV, "h1" SIGNED, 1, 0, 5269},
    {SRV("abroad" SIGNED), DNS_SRV, "plain.example", 1, 0, 5269},
    {SRV("forged" SIGNED), DNS_SRV, "h1" SIGNED, 1, 0, 5269, .forged = true},
    {XMPPS("halfforged" SIGNED), DNS_SRV, "h1" SIGNED, 1, 0, 5269, .forged = true},
    {SRV("halfforged" SIGNED), DNS_SRV, "h1" SIGNED, 1, 0, 5269},
    {SRV("skips" SIGNED), DNS_SRV, "forged-a" SIGNED, 1, 0, 5269},
    {SRV("skips" SIGNED), DNS_SRV, "forged-tlsa" SIGNED, 2, 0, 5269},
    {SRV("skips" SIGNED), DNS_SRV, "fails-tlsa" SIGNED, 3, 0, 5269},
    {SRV("skips" SIGNED), DNS_SRV, "h2" SIGNED, 4, 0, 5269},
    {SRV("onlybad" SIGNED), DNS_SRV, "forged-tlsa" SIGNED, 1, 0, 5269},
    {SRV("onlyfails" SIGNED), DNS_SRV, "fails-tlsa" SIGNED, 1, 0, 5269},
    {SRV("short" SIGNED), DNS_SRV, "short-tlsa" SIGNED, 1, 0, 5269},
    {SRV("insecure.example"), DNS_SRV, "h1" SIGNED, 1, 0, 5269},
    {"nosrv" SIGNED, DNS_A, "192.0.2.8"},
    {"_5269._tcp.nosrv" SIGNED, DNS_TLSA, "3 1 1 " HASH},
};
enum { ZONE = sizeof zone / sizeof *zone, ENOUGH_MS = 60000 };

static test_env t;
static uv_loop_t loop;
static dns_server server;
static dns_signer signer;
static s2s__resolver *resolver;

static void begin(void)
{
    char why[S2S_TEXT_MAX];
    test_env_init(&t);
    t.env.limits.dns_ms = ENOUGH_MS;
    cr_assert_eq(uv_loop_init(&loop), 0);
    dns_signer_begin(&signer, "signed.example");
    dns_begin(&server, &loop, zone, ZONE);
    server.signer = &signer;
    cr_assert_eq(s2s__resolver_new(&loop, &t.env, (const char *[]){server.address}, 1,
                                   (const char *[]){signer.anchor}, 1, &resolver, why), S2S_OK, "%s", why);
}

static void end(void)
{
    s2s__resolver_close(resolver, NULL, NULL);
    dns_end(&server);
    cr_expect_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_expect_eq(uv_loop_close(&loop), 0);
    dns_signer_end(&signer);
    cr_expect_eq(t.live, 0u);
}

TestSuite(dane, .init = begin, .fini = end, .timeout = 60);

static void keep(void *arg, s2s__resolution *resolution)
{
    *(s2s__resolution **)arg = resolution;
}

static s2s__resolution *look_up(const char *domain, bool dane)
{
    s2s__resolution *r = NULL;
    s2s__query *query;
    cr_assert_eq(s2s__resolver_query(resolver, domain, dane, keep, &r, &query), S2S_OK);
    while (!r)
        (void)uv_run(&loop, UV_RUN_ONCE);
    return r;
}

/* "TARGET secure|insecure TLSA-STATE COUNT;" for each target that is left. */
static void describe(const s2s__resolution *r, char *out, size_t room)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < r->targets_len; i++) {
        const s2s__target *target = &r->targets[i];
        n += (size_t)snprintf(out + n, room - n, "%s %s %s %zu;", target->srv.target,
                              target->srv.secure ? "secure" : "insecure", s2s_dnssec_word(target->tlsa_state),
                              target->tlsa_len);
    }
}

Test(dane, as_rfc_7673_says)
{
    static const struct {
        const char *domain;
        s2s__resolved status;
        const char *targets, *id;
    } row[] = {
        {"full" SIGNED, S2S__RESOLVED_FOUND, "h1.signed.example secure secure 2;", "DA-01"},
        {"direct" SIGNED, S2S__RESOLVED_FOUND, "h1.signed.example secure secure 2;", "DA-01, xmpps"},
        {"none" SIGNED, S2S__RESOLVED_FOUND, "h2.signed.example secure secure 0;", "DA-02, provably no TLSA"},
        {"otherport" SIGNED, S2S__RESOLVED_FOUND, "h1.signed.example secure secure 0;", "DA-01, by port"},
        {"abroad" SIGNED, S2S__RESOLVED_FOUND, "plain.example secure insecure 0;", "DA-01, addresses not secure"},
        {"insecure.example", S2S__RESOLVED_FOUND, "h1.signed.example insecure insecure 0;", "DA-01, SRV not secure"},
        {"forged" SIGNED, S2S__RESOLVED_BOGUS, "", "DA-01, bogus SRV"},
        {"halfforged" SIGNED, S2S__RESOLVED_BOGUS, "", "DA-01, one bogus SRV answer is enough"},
        {"skips" SIGNED, S2S__RESOLVED_FOUND, "h2.signed.example secure secure 0;", "DA-01, bad targets skipped"},
        {"onlybad" SIGNED, S2S__RESOLVED_BOGUS, "", "DA-01"},
        {"onlyfails" SIGNED, S2S__RESOLVED_FAILED, "", "RFC 7673 3.3: no answer is no denial"},
        {"short" SIGNED, S2S__RESOLVED_FOUND, "short-tlsa.signed.example secure secure 0;", "a record without data"},
        {"nosrv" SIGNED, S2S__RESOLVED_FOUND, "nosrv.signed.example secure secure 1;", "provably no SRV"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char targets[512];
        s2s__resolution *r = look_up(row[i].domain, true);
        describe(r, targets, sizeof targets);
        cr_expect_eq(r->status, row[i].status, "%s (%s): %d %s", row[i].domain, row[i].id, (int)r->status, r->text);
        cr_expect_str_eq(targets, row[i].targets, "%s (%s): %s; %s", row[i].domain, row[i].id, targets, r->text);
        s2s__resolution_free(r);
    }
}

Test(dane, is_not_asked_for_unless_it_is_wanted)
{
    char targets[512];
    s2s__resolution *r = look_up("full" SIGNED, false);
    describe(r, targets, sizeof targets);
    cr_expect_str_eq(targets, "h1.signed.example secure unchecked 0;");
    cr_expect_eq(r->count, 2u);
    s2s__resolution_free(r);
}

Test(dane, records_are_copied_whole)
{
    s2s__resolution *r = look_up("full" SIGNED, true);
    cr_assert_eq(r->targets_len, 1u);
    s2s__server *copy = s2s__server_of(&t.env, &r->targets[0]);
    s2s__resolution_free(r);
    cr_assert_not_null(copy);
    cr_assert_eq(copy->tlsa_len, 2u);
    unsigned usages = 0;
    for (size_t i = 0; i < copy->tlsa_len; i++) {
        usages |= 1u << copy->tlsa[i].usage;
        cr_expect_eq(copy->tlsa[i].matching, 1);
        cr_assert_eq(copy->tlsa[i].data.len, 32u);
        cr_expect_eq(copy->tlsa[i].data.ptr[31], 0xff);
    }
    cr_expect_eq(usages, 1u << 3 | 1u << 2);
    cr_expect_str_eq(copy->host, "h1.signed.example");
    s2s__free(&t.env, copy);
    r = look_up("full" SIGNED, true);
    t.fail_after = 0;
    cr_expect_null(s2s__server_of(&t.env, &r->targets[0]));
    t.fail_after = -1;
    s2s__resolution_free(r);
}
