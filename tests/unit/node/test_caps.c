/* SPDX-License-Identifier: MIT */
/* test_caps.c: the verification string, by the examples of XEP-0115 sections 5.2 and 5.3. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "node/caps.h"
#include "support/test_env.h"

#define QUERY(inside) "<query xmlns='http://jabber.org/protocol/disco#info'>" inside "</query>"
#define PROTOCOL(name) "<feature var='http://jabber.org/protocol/" name "'/>"
#define FORM_TYPE(type) "<field var='FORM_TYPE'" type "><value>urn:xmpp:dataforms:softwareinfo</value></field>"
#define FORM(type, inside) "<x xmlns='jabber:x:data' type='result'>" FORM_TYPE(type) inside "</x>"
#define SIMPLE "<identity category='client' name='Exodus 0.9.1' type='pc'/>" PROTOCOL("disco#info") PROTOCOL("disco#items") PROTOCOL("muc") \
               PROTOCOL("caps")
#define PSI "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>" \
            "<identity xml:lang='el' category='client' name='\xce\xa8 0.11' type='pc'/>" PROTOCOL("caps") PROTOCOL("disco#info") \
            PROTOCOL("disco#items") PROTOCOL("muc")
#define SOFTWARE "<field var='os_version'><value>10.5.1</value></field><field var='software'><value>Psi</value></field>" \
                 "<field var='ip_version'><value>ipv6</value><value>ipv4</value></field><field var='os'><value>Mac</value></field>" \
                 "<field var='software_version'><value>0.11</value></field>"

static const struct {
    const char *name, *query, *want;
} ROWS[] = {
    {"section 5.2", QUERY(SIMPLE), "QgayPKawpkPSDYmwT/WM94uAlu0="},
    {"section 5.3", QUERY(PSI FORM(" type='hidden'", SOFTWARE)), "q07IKJEyjvHSyhy//CH0CxmKi8w="},
    {"a form that is not hidden does not count", QUERY(SIMPLE FORM("", SOFTWARE)), "QgayPKawpkPSDYmwT/WM94uAlu0="},
    {"nor does what is foreign", QUERY(SIMPLE "<feature xmlns='urn:x' var='y'/>text"), "QgayPKawpkPSDYmwT/WM94uAlu0="},
    {"nothing at all", QUERY(""), "2jmj7l5rSw0yVb/vlWAYkK/YBwk="}, /* SHA-1 of no octets */
};

TestSuite(caps, .timeout = 60);

Test(caps, are_those_of_the_examples) /* DI-04 */
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char ver[CAPS_VER_MAX] = "";
        test_env t;
        test_env_init(&t);
        cr_expect_eq(caps_ver(&t.env, s2s_str_of(ROWS[i].query), ver), S2S_OK, "%s", ROWS[i].name);
        cr_expect_str_eq(ver, ROWS[i].want, "%s: %s", ROWS[i].name, ver);
        cr_expect_eq(t.live, 0);
    }
}

Test(caps, without_memory_there_are_none)
{
    char ver[CAPS_VER_MAX];
    s2s_err err = S2S_E_NOMEM;
    for (long n = 0; err != S2S_OK; n++) {
        test_env t;
        test_env_init(&t);
        t.fail_after = n;
        err = caps_ver(&t.env, s2s_str_of(ROWS[1].query), ver);
        cr_assert(err == S2S_OK || err == S2S_E_NOMEM, "%ld", n);
        cr_expect_eq(t.live, 0);
    }
    cr_expect_str_eq(ver, ROWS[1].want);
}

Test(caps, of_something_else_are_refused)
{
    char ver[CAPS_VER_MAX];
    test_env t;
    test_env_init(&t);
    cr_expect_eq(caps_ver(&t.env, S2S_STR("<query xmlns='urn:x'/>"), ver), S2S_E_INVAL);
    cr_expect_eq(t.live, 0);
}
