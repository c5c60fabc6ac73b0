/* SPDX-License-Identifier: MIT */
/* test_explain.c: the sentences: names for the operator, none for the peer, and the true cause in both. */
#include "policy/explain.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "s2s/addr.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define REMOTE "secret-host.example"

static const struct {
    eku__finding finding;
    const char *name;
} FINDINGS[] = {
#define EKU__X(name, words) {name, #name},
    EKU__FINDINGS(EKU__X)
#undef EKU__X
};

static eku__name names[5] = {
    {EKU__NAME_DNS, {"leaf-host.example", 17}},
    {EKU__NAME_SRV, {"_xmpp-server.srv-host.example", 29}},
    {EKU__NAME_IP, {"\xc0\0\x02\x01", 4}},
    {EKU__NAME_DNS, {"four.example", 12}},
    {EKU__NAME_DNS, {"five.example", 12}},
};
static eku__cert certs[2] = {
    {.subject = "CN=leaf-host.example", .issuer = "CN=Some CA", .names = names, .names_len = 5, .not_after = 86399,
     .not_before = 0},
    {.subject = "CN=Some CA", .issuer = "CN=Root", .not_after = 1767225600, .not_before = 1735689600},
};
static const eku__facts FACTS = {.certs = certs, .len = 2};
static const eku__path PATH = {.index = {0, 1}, .len = 2};
static const eku__case CASE = {.facts = &FACTS, .path = &PATH};

static s2s_verdict explain(eku__finding finding, size_t where, bool trusted, eku__finding strict)
{
    eku__ruling r = {finding, where, strict, where};
    s2s_verdict v;
    s2s_verdict_init(&v);
    v.trusted = trusted;
    eku__explain(&CASE, &r, S2S_STR(REMOTE), &v);
    return v;
}

Test(explain, every_finding_tells_the_peer_its_cause_without_names)
{
    for (size_t i = 0; i < COUNT(FINDINGS); i++) {
        for (size_t n = 0; n < 3; n++) {
            s2s_verdict v = explain(FINDINGS[i].finding, n < 2 ? n : EKU__NOWHERE, false, FINDINGS[i].finding);
            const char *words = eku__finding_words(FINDINGS[i].finding);
            cr_expect_not_null(strstr(v.reason, REMOTE), "%s: %s", FINDINGS[i].name, v.reason);
            cr_expect_not_null(strstr(v.reason, words), "%s", FINDINGS[i].name);
            cr_expect_not_null(strstr(v.tell, words), "%s: whole, not cut", FINDINGS[i].name);
            cr_expect_null(strstr(v.tell, "example"), "%s: %s", FINDINGS[i].name, v.tell);
            cr_expect_null(strstr(v.tell, "CA\""), "%s: %s", FINDINGS[i].name, v.tell);
            cr_expect_null(strchr(words, '%'), "%s", FINDINGS[i].name);
        }
    }
}

Test(explain, accepted_says_nothing_to_the_peer)
{
    s2s_verdict v = explain(EKU__ACCEPTED_BOTH, 0, true, EKU__ACCEPTED_BOTH);
    cr_expect_str_eq(v.tell, "");
    cr_expect_null(strstr(v.reason, "strict"));
    v = explain(EKU__ACCEPTED, 1, true, EKU__STRICT_CA);
    cr_expect_str_eq(v.tell, "");
    cr_expect_not_null(strstr(v.reason, "strict would refuse it"), "%s", v.reason);
    cr_expect_not_null(strstr(v.reason, "clientAuth"), "%s", v.reason);
    cr_expect_not_null(strstr(v.reason, "CN=Some CA"), "%s", v.reason);
}

Test(explain, operator_reads_which_certificate_and_why)
{
    static const struct {
        eku__finding finding;
        size_t where;
        const char *want;
    } ROWS[] = {
        {EKU__EXPIRED, 0, "leaf \"CN=leaf-host.example\", until 1970-01-01 23:59:59Z"},
        {EKU__EXPIRED, 1, "CA \"CN=Some CA\", until 2026-01-01 00:00:00Z"},
        {EKU__NOT_YET_VALID, 1, "CA \"CN=Some CA\", from 2025-01-01 00:00:00Z"},
        {EKU__UNKNOWN_ISSUER, 1, "issuer \"CN=Root\""},
        {EKU__CA_PURPOSE, 1, "CA \"CN=Some CA\""},
        {EKU__OTHER_NAME, 0, "its names: leaf-host.example, _xmpp-server.srv-host.example, 192.0.2.1 and 2 more"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_verdict v = explain(ROWS[i].finding, ROWS[i].where, false, ROWS[i].finding);
        cr_expect_not_null(strstr(v.reason, ROWS[i].want), "%s", v.reason);
    }
}

Test(explain, hostile_names_stay_within_one_clean_line)
{
    static char longest[EKU__SUBJECT_MAX];
    memset(longest, 'x', sizeof longest - 1);
    memcpy(longest, "CN=a\nb\x1b[31m", 11);
    eku__cert cert = {.names_len = 2};
    memcpy(cert.subject, longest, sizeof longest);
    memcpy(cert.issuer, longest, sizeof longest);
    eku__name bad[2] = {{EKU__NAME_XMPP, {longest, 127}}, {EKU__NAME_DNS, {"\x07", 1}}};
    cert.names = bad;
    eku__facts facts = {.certs = &cert, .len = 1};
    eku__case c = {.facts = &facts, .path = &PATH};
    char remote[S2S_DOMAIN_MAX];
    memset(remote, 'r', sizeof remote);
    for (size_t i = 0; i < COUNT(FINDINGS); i++) {
        eku__ruling r = {FINDINGS[i].finding, 0, FINDINGS[i].finding, 0};
        s2s_verdict v;
        s2s_verdict_init(&v);
        eku__explain(&c, &r, (s2s_str){remote, sizeof remote}, &v);
        cr_expect_lt(strlen(v.reason), S2S_TEXT_MAX);
        for (const char *at = v.reason; *at; at++)
            cr_expect((unsigned char)*at >= 0x20, "%s", FINDINGS[i].name);
        eku__explain(&c, &r, S2S_STR("a"), &v);
        for (const char *at = v.reason; *at; at++)
            cr_expect((unsigned char)*at >= 0x20, "%s", FINDINGS[i].name);
    }
}
