/* SPDX-License-Identifier: MIT */
/* test_names.c: presented identifiers against reference identities. */
#include "policy/names.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define U_DOMAIN "b\xc3\xbc" "cher.example" /* its A-label form: xn--bcher-kva.example */

static s2s_identity match(eku__name_type type, const char *presented, const char *remote)
{
    eku__name name = {type, s2s_str_of(presented)};
    return eku__names_match(&name, 1, s2s_str_of(remote), false);
}

Test(names, dns_id_and_srv_id)
{
    static const struct {
        const char *id;
        eku__name_type type;
        const char *presented, *remote;
        bool match;
    } ROWS[] = {
        {"ID-02", EKU__NAME_DNS, "a.example", "a.example", true},
        {"ID-06", EKU__NAME_DNS, "A.EXAMPLE", "a.example", true},
        {"ID-06", EKU__NAME_DNS, "a.example.", "a.example", true},
        {"ID-02", EKU__NAME_DNS, "a.example", "b.a.example", false},
        {"ID-02", EKU__NAME_DNS, "b.a.example", "a.example", false},
        {"ID-02", EKU__NAME_DNS, "xa.example", "a.example", false},
        {"ID-02", EKU__NAME_DNS, "a.example..", "a.example", false},
        {"ID-02", EKU__NAME_DNS, "a.example ", "a.example", false},
        {"ID-06", EKU__NAME_DNS, "xn--bcher-kva.example", U_DOMAIN, true},
        {"ID-06", EKU__NAME_DNS, "XN--BCHER-KVA.example", U_DOMAIN, true},
        {"ID-06", EKU__NAME_DNS, U_DOMAIN, U_DOMAIN, false}, /* a dNSName is ASCII */
        {"ID-06", EKU__NAME_DNS, "xn--bcher-kva.example", "bucher.example", false},
        {"ID-05", EKU__NAME_DNS, "*.b.example", "x.b.example", true},
        {"ID-05", EKU__NAME_DNS, "*.B.example", "x.b.example", true},
        {"ID-05", EKU__NAME_DNS, "*.example", U_DOMAIN, true},
        {"ID-05", EKU__NAME_DNS, "*.xn--bcher-kva.example", "x." U_DOMAIN, true},
        {"ID-05", EKU__NAME_DNS, "*.b.example", "b.example", false},
        {"ID-05", EKU__NAME_DNS, "*.b.example", "y.x.b.example", false},
        {"ID-05", EKU__NAME_DNS, "x*.b.example", "xy.b.example", false},
        {"ID-05", EKU__NAME_DNS, "*y.b.example", "xy.b.example", false},
        {"ID-05", EKU__NAME_DNS, "*.*.example", "x.b.example", false},
        {"ID-05", EKU__NAME_DNS, "a.*.example", "a.b.example", false},
        {"ID-05", EKU__NAME_DNS, "*", "example", false},
        {"ID-05", EKU__NAME_DNS, "*.", "example", false},
        {"ID-05", EKU__NAME_DNS, "*..example", "x.example", false},
        {"ID-05", EKU__NAME_DNS, "xn--*.b.example", "x.b.example", false},
        {"ID-05", EKU__NAME_DNS, "*.b.example", "*.b.example", false}, /* no wildcard in a reference */
        {"ID-02", EKU__NAME_SRV, "_xmpp-server.a.example", "a.example", true},
        {"ID-03", EKU__NAME_SRV, "_XMPP-Server.A.example", "a.example", true},
        {"ID-03", EKU__NAME_SRV, "_xmpp-client.a.example", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "_xmpps-server.a.example", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "_xmpp-server._tcp.a.example", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "_xmpp-server.b.example", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "xmpp-server.a.example", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "a.example", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "_xmpp-server.", "a.example", false},
        {"ID-03", EKU__NAME_SRV, "_xmpp-server", "a.example", false},
        {"ID-03", EKU__NAME_DNS, "_xmpp-server.a.example", "a.example", false},
        {"ID-05", EKU__NAME_SRV, "_xmpp-server.*.b.example", "x.b.example", true},
        {"ID-06", EKU__NAME_SRV, "_xmpp-server.xn--bcher-kva.example", U_DOMAIN, true},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        cr_expect_eq(match(ROWS[i].type, ROWS[i].presented, ROWS[i].remote),
                     ROWS[i].match ? S2S_IDENTITY_MATCH : S2S_IDENTITY_MISMATCH, "%s %s for %s", ROWS[i].id,
                     ROWS[i].presented, ROWS[i].remote);
}

Test(names, xmpp_address_is_a_bare_domain)
{
    static const struct {
        const char *presented, *remote;
        bool match;
    } ROWS[] = {
        {"a.example", "a.example", true},
        {"A.Example.", "a.example", true},
        {U_DOMAIN, U_DOMAIN, true},
        {"xn--bcher-kva.example", U_DOMAIN, true},
        {"B\xc3\x9c" "CHER.example", U_DOMAIN, true},
        {"juliet@a.example", "a.example", false},
        {"a.example/x", "a.example", false},
        {"*.example", "a.example", false},
        {"b.example", "a.example", false},
        {"\xff.example", "a.example", false},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++)
        cr_expect_eq(match(EKU__NAME_XMPP, ROWS[i].presented, ROWS[i].remote),
                     ROWS[i].match ? S2S_IDENTITY_MATCH : S2S_IDENTITY_MISMATCH, "ID-02, ID-06 %s", ROWS[i].presented);
}

/* ID-07: octet for octet, and by no other type of name. */
Test(names, ip_literal_matches_an_ip_address_only)
{
    static const struct {
        eku__name_type type;
        s2s_str presented;
        const char *remote;
        bool match;
    } ROWS[] = {
        {EKU__NAME_IP, {"\xc0\x00\x02\x01", 4}, "192.0.2.1", true},
        {EKU__NAME_IP, {"\xc0\x00\x02\x02", 4}, "192.0.2.1", false},
        {EKU__NAME_IP, {"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16}, "[2001:db8::1]", true},
        {EKU__NAME_IP, {"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16}, "[2001:db8:0:0::1]", true},
        {EKU__NAME_IP, {"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16}, "[2001:db8::2]", false},
        {EKU__NAME_IP, {"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16}, "192.0.2.1", false},
        {EKU__NAME_IP, {"\xc0\x00\x02\x01", 4}, "[2001:db8::1]", false},
        {EKU__NAME_IP, {"\xc0\x00\x02\x01", 4}, "a.example", false},
        {EKU__NAME_DNS, {"192.0.2.1", 9}, "192.0.2.1", false},
        {EKU__NAME_DNS, {"*.0.2.1", 7}, "192.0.2.1", false},
        {EKU__NAME_XMPP, {"192.0.2.1", 9}, "192.0.2.1", false},
        {EKU__NAME_SRV, {"_xmpp-server.192.0.2.1", 22}, "192.0.2.1", false},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        eku__name name = {ROWS[i].type, ROWS[i].presented};
        cr_expect_eq(eku__names_match(&name, 1, s2s_str_of(ROWS[i].remote), false),
                     ROWS[i].match ? S2S_IDENTITY_MATCH : S2S_IDENTITY_MISMATCH, "ID-07 row %zu: %s", i,
                     ROWS[i].remote);
    }
}

Test(names, any_of_several_suffices_and_none_is_absent)
{
    const eku__name names[] = {{EKU__NAME_DNS, S2S_STR("other.example")},
                               {EKU__NAME_SRV, S2S_STR("_xmpp-client.a.example")},
                               {EKU__NAME_XMPP, S2S_STR("a.example")},
                               {EKU__NAME_SRV, S2S_STR("_xmpp-server.b.example")},
                               {EKU__NAME_DNS, S2S_STR("c.example")}};
    size_t len = COUNT(names);
    cr_expect_eq(eku__names_match(names, len, S2S_STR("a.example"), false), S2S_IDENTITY_MATCH, "ID-05");
    cr_expect_eq(eku__names_match(names, len, S2S_STR("b.example"), false), S2S_IDENTITY_MATCH);
    cr_expect_eq(eku__names_match(names, len, S2S_STR("c.example"), false), S2S_IDENTITY_MATCH);
    cr_expect_eq(eku__names_match(names, len, S2S_STR("d.example"), false), S2S_IDENTITY_MISMATCH);
    cr_expect_eq(eku__names_match(names, len, S2S_STR("a.example"), true), S2S_IDENTITY_MISMATCH, "ID-08");
    cr_expect_eq(eku__names_match(names, len, S2S_STR("b.example"), true), S2S_IDENTITY_MISMATCH, "ID-08");
    cr_expect_eq(eku__names_match(names, len, S2S_STR("c.example"), true), S2S_IDENTITY_MATCH);
    cr_expect_eq(eku__names_match(NULL, 0, S2S_STR("a.example"), false), S2S_IDENTITY_ABSENT, "ID-04");
    cr_expect_eq(eku__names_match(names, len, S2S_STR_ABSENT, false), S2S_IDENTITY_MISMATCH);
    cr_expect_eq(eku__names_match(names, len, S2S_STR(""), false), S2S_IDENTITY_MISMATCH);
}
