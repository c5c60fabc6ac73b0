/* SPDX-License-Identifier: MIT */
/* test_addr.c: splitting addresses, and domains in comparable form. */
#include "s2s/addr.h"

#include <string.h>

#include <criterion/criterion.h>

Test(addr, splits_before_anything_else)
{
    static const struct {
        const char *id, *jid, *local, *domain, *resource; /* domain NULL: refused */
    } rows[] = {
        {"AD-01 bare domain", "a.example", NULL, "a.example", NULL},
        {"AD-01 account", "u@a.example", "u", "a.example", NULL},
        {"AD-01 full", "u@a.example/r", "u", "a.example", "r"},
        {"AD-01 domain and resource", "a.example/r", NULL, "a.example", "r"},
        {"AD-01 slash first", "a.example/b@c.example", NULL, "a.example", "b@c.example"},
        {"AD-01 slash in the resource", "u@a.example/b/c@d", "u", "a.example", "b/c@d"},
        {"AD-01 two at signs", "a@b@c.example", NULL, NULL, NULL},
        {"AD-02 empty", "", NULL, NULL, NULL},
        {"AD-02 empty local", "@a.example", NULL, NULL, NULL},
        {"AD-02 empty domain", "u@", NULL, NULL, NULL},
        {"AD-02 empty domain before a resource", "u@/r", NULL, NULL, NULL},
        {"AD-02 empty resource", "u@a.example/", NULL, NULL, NULL},
        {"AD-02 only a slash", "/", NULL, NULL, NULL},
        {"AD-06 IPv6", "u@[::1]/r", "u", "[::1]", "r"},
        {"AD-08 quote", "a\"b@x", NULL, NULL, NULL},
        {"AD-08 ampersand", "a&b@x", NULL, NULL, NULL},
        {"AD-08 apostrophe", "a'b@x", NULL, NULL, NULL},
        {"AD-08 colon", "a:b@x", NULL, NULL, NULL},
        {"AD-08 less", "a<b@x", NULL, NULL, NULL},
        {"AD-08 greater", "a>b@x", NULL, NULL, NULL},
        {"AD-08 space", " @x", NULL, NULL, NULL},
        {"AD-08 control", "a\tb@x", NULL, NULL, NULL},
        {"AD-08 delete", "a\x7f@x", NULL, NULL, NULL},
        {"AD-08 others are the owner's business", "\xc3\xa4!#$%*+-=?^_`{|}~@x", "\xc3\xa4!#$%*+-=?^_`{|}~", "x",
         NULL},
        {"AD-08 a resource may hold anything", "x/a \"&'<>@/:", NULL, "x", "a \"&'<>@/:"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s2s_jid j = {.domain = S2S_STR("untouched")};
        s2s_err err = s2s_jid_split(s2s_str_of(rows[i].jid), &j);
        cr_expect_eq(err, rows[i].domain ? S2S_OK : S2S_E_SYNTAX, "%s", rows[i].id);
        cr_expect(s2s_str_eq(j.domain, s2s_str_of(rows[i].domain ? rows[i].domain : "untouched")), "%s",
                  rows[i].id);
        cr_expect(s2s_str_eq(j.local, s2s_str_of(rows[i].local)), "%s", rows[i].id);
        cr_expect(s2s_str_eq(j.resource, s2s_str_of(rows[i].resource)), "%s", rows[i].id);
    }
    s2s_jid j;
    cr_expect_eq(s2s_jid_split(S2S_STR_ABSENT, &j), S2S_E_SYNTAX);
    cr_expect_eq(s2s_jid_split((s2s_str){"u\0v@x", 5}, &j), S2S_E_SYNTAX, "NUL");
    cr_expect_eq(s2s_jid_split((s2s_str){"x/u\0v", 5}, &j), S2S_E_SYNTAX, "NUL");
}

Test(addr, parts_have_1023_octets_at_most)
{
    enum { MAX = S2S_JID_PART_MAX };
    char jid[3 * MAX + 8];
    for (int longer = 0; longer < 4; longer++) { /* which part has one too many: 0 none */
        size_t n = 0, parts[] = {MAX + (longer == 1), MAX + (longer == 2), MAX + (longer == 3)};
        for (int k = 0; k < 3; k++) {
            memset(jid + n, 'x', parts[k]);
            n += parts[k];
            jid[n++] = k == 0 ? '@' : '/';
        }
        s2s_jid j;
        cr_expect_eq(s2s_jid_split((s2s_str){jid, n - 1}, &j), longer ? S2S_E_SYNTAX : S2S_OK,
                     "AD-02 part %d", longer);
    }
}

#define L63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0"

static const struct {
    const char *id, *in, *native, *ascii; /* NULL: refused */
} DOMAINS[] = {
    {"AD-04 as it is", "a.example", "a.example", "a.example"},
    {"AD-04 ASCII case", "A.ExAmPlE", "a.example", "a.example"},
    {"AD-03 one trailing dot", "a.example.", "a.example", "a.example"},
    {"AD-03 two trailing dots", "a.example..", NULL, NULL},
    {"AD-02 only a dot", ".", NULL, NULL},
    {"AD-02 empty", "", NULL, NULL},
    {"AD-02 empty label", "a..example", NULL, NULL},
    {"AD-02 leading dot", ".example", NULL, NULL},
    {"AD-02 label of 63", L63 ".example", L63 ".example", L63 ".example"},
    {"AD-02 label of 64", L63 "x.example", NULL, NULL},
    {"AD-02 253 octets", L63 "." L63 "." L63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy",
     L63 "." L63 "." L63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy",
     L63 "." L63 "." L63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxy"},
    {"AD-02 254 octets", L63 "." L63 "." L63 "." "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
     NULL, NULL},
    {"AD-04 U-label", "b\xc3\xbc" "cher.example", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
    {"AD-04 upper case U-label", "B\xc3\x9c" "CHER.example", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
    {"AD-04 A-label", "xn--bcher-kva.example", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
    {"AD-04 upper case A-label", "XN--BCHER-KVA.EXAMPLE", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
    {"AD-04 not NFC", "bu\xcc\x88" "cher.example", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
    {"AD-04 full width", "\xef\xbd\x81.example", "a.example", "a.example"},
    {"AD-04 ideographic full stop", "a\xe3\x80\x82" "example", "a.example", "a.example"},
    {"AD-03 A-label and dot", "xn--bcher-kva.example.", "b\xc3\xbc" "cher.example", "xn--bcher-kva.example"},
    {"AD-04 in the second label", "a.b\xc3\xbc" "cher", "a.b\xc3\xbc" "cher", "a.xn--bcher-kva"},
    {"AD-05 sharp s stays", "fa\xc3\x9f.example", "fa\xc3\x9f.example", "xn--fa-hia.example"},
    {"AD-05 ss is another domain", "fass.example", "fass.example", "fass.example"},
    {"AD-04 an A-label that says nothing", "xn--.example", NULL, NULL},
    {"AD-04 an A-label that is none", "xn--\xc3\xa4.example", NULL, NULL},
    {"AD-04 an emoji is not IDNA2008", "\xf0\x9f\x98\x80.example", NULL, NULL},
    {"AD-04 bad UTF-8", "\xff.example", NULL, NULL},
    {"AD-02 hyphen first", "-a.example", NULL, NULL},
    {"AD-02 hyphen last", "a-.example", NULL, NULL},
    {"AD-02 underscore", "_a.example", NULL, NULL},
    {"AD-02 space", "a .example", NULL, NULL},
    {"AD-02 port", "a.example:5269", NULL, NULL},
    {"SA-03 an account is not a domain", "u@a.example", NULL, NULL},
    {"SA-03 nor is a full one", "a.example/r", NULL, NULL},
    {"AD-06 single label", "localhost", "localhost", "localhost"},
    {"AD-06 IPv4", "192.0.2.1", "192.0.2.1", NULL},
    {"AD-06 IPv6", "[2001:DB8::1]", "[2001:db8::1]", NULL},
    {"AD-06 IPv6 without brackets", "::1", NULL, NULL},
    {"AD-06 brackets around a name", "[a.example]", NULL, NULL},
    {"AD-06 IPv6 with a zone", "[fe80::1%eth0]", NULL, NULL},
};
enum { DOMAINS_LEN = sizeof DOMAINS / sizeof *DOMAINS };

Test(addr, domains_have_one_native_form)
{
    for (size_t i = 0; i < DOMAINS_LEN; i++) {
        char out[S2S_DOMAIN_MAX + 1] = "untouched", again[S2S_DOMAIN_MAX + 1];
        s2s_err err = s2s_domain_normalise(s2s_str_of(DOMAINS[i].in), out);
        cr_expect_eq(err, DOMAINS[i].native ? S2S_OK : S2S_E_SYNTAX, "%s", DOMAINS[i].id);
        cr_expect_str_eq(out, DOMAINS[i].native ? DOMAINS[i].native : "untouched", "%s", DOMAINS[i].id);
        if (!DOMAINS[i].native || err != S2S_OK)
            continue;
        cr_expect_eq(s2s_domain_normalise(s2s_str_of(out), again), S2S_OK);
        cr_expect_str_eq(again, out, "%s: the native form is its own", DOMAINS[i].id);
    }
}

Test(addr, domains_have_one_form_for_the_dns)
{
    for (size_t i = 0; i < DOMAINS_LEN; i++) {
        char out[S2S_ASCII_DOMAIN_MAX + 1] = "untouched";
        s2s_err err = s2s_domain_to_ascii(s2s_str_of(DOMAINS[i].in), out);
        cr_expect_eq(err, DOMAINS[i].ascii ? S2S_OK : S2S_E_SYNTAX, "%s", DOMAINS[i].id);
        cr_expect_str_eq(out, DOMAINS[i].ascii ? DOMAINS[i].ascii : "untouched", "%s", DOMAINS[i].id);
    }
}

Test(addr, absent_and_overlong_domains_are_refused)
{
    char big[2 * S2S_DOMAIN_MAX], out[S2S_DOMAIN_MAX + 1];
    memset(big, 'a', sizeof big);
    cr_expect_eq(s2s_domain_normalise(S2S_STR_ABSENT, out), S2S_E_SYNTAX);
    cr_expect_eq(s2s_domain_normalise((s2s_str){big, S2S_DOMAIN_MAX + 1}, out), S2S_E_SYNTAX, "AD-02");
    cr_expect_eq(s2s_domain_normalise((s2s_str){big, S2S_DOMAIN_MAX}, out), S2S_E_SYNTAX, "AD-02: the DNS's");
    cr_expect_eq(s2s_domain_normalise((s2s_str){"a\0b", 3}, out), S2S_E_SYNTAX, "NUL");
}

Test(addr, domains_compare_in_any_form)
{
    static const struct {
        const char *id, *domain, *normal;
        bool same;
    } rows[] = {
        {"AD-07 octets", "a.example", "a.example", true},
        {"AD-03", "a.example.", "a.example", true},
        {"AD-04", "xn--bcher-kva.example", "b\xc3\xbc" "cher.example", true},
        {"AD-05", "fass.example", "fa\xc3\x9f.example", false},
        {"SZ-02 a subdomain is another domain", "x.a.example", "a.example", false},
        {"SZ-02 so is its parent", "example", "a.example", false},
        {"SZ-02 prefix", "a.example.evil", "a.example", false},
        {"AD-02 nonsense equals nothing", "..", "a.example", false},
        {"AD-02 absent", NULL, "a.example", false},
        {"AD-02 nothing equals nothing is false", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(s2s_domain_is(s2s_str_of(rows[i].domain), s2s_str_of(rows[i].normal)), rows[i].same,
                     "%s", rows[i].id);
}

Test(addr, address_literals_are_recognised)
{
    static const struct {
        const char *domain;
        bool ip;
    } rows[] = {
        {"192.0.2.1", true}, {"255.255.255.255", true}, {"256.0.2.1", false}, {"1.2.3", false},
        {"1.2.3.4.5", false}, {"1.2.3.", false}, {".1.2.3", false}, {"1.2..3", false}, {"0001.2.3.4", false},
        {"[::1]", true}, {"[::]", true}, {"::1", false}, {"[::1", false}, {"[:]", false}, {"[1.2.3.4]", false},
        {"[::ffff:1.2.3.4]", true}, {"[g::1]", false}, {"[1:2:3:4:5:6:7:8:9]", false}, {"a.example", false}, {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(s2s_domain_is_ip(s2s_str_of(rows[i].domain)), rows[i].ip, "AD-06 %s", rows[i].domain);
    cr_expect_not(s2s_domain_is_ip(S2S_STR_ABSENT));
}
