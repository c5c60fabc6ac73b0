/* SPDX-License-Identifier: MIT */
/* test_stanza_text.c: text into stanzas and out of them. */
#include "s2s/stanza.h"

#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

#define BAD "\xef\xbf\xbd"

Test(stanza_text, escaped_text_is_xml_whatever_it_was)
{
    static const struct {
        const char *text, *want;
        size_t len; /* 0: up to the NUL */
    } ROWS[] = {
        {"", "", 0},
        {"plain", "plain", 0},
        {"<a b='c'>&\"", "&lt;a b=&apos;c&apos;&gt;&amp;&quot;", 0},
        {"\t\n\r", "&#9;&#10;&#13;", 0},
        {"a\x01z\x1f", "a" BAD "z" BAD, 0},
        {"a\0b", "a" BAD "b", 3},
        {"gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", 0},
        {"\xff<", BAD "&lt;", 0},
        {"\xc3", BAD, 0},               /* cut off */
        {"\xc3<", BAD "&lt;", 0},       /* what follows is not swallowed */
        {"\xc0\xaf", BAD BAD, 0},       /* overlong */
        {"\xed\xa0\x80", BAD BAD BAD, 0}, /* a surrogate */
        {"\xef\xbf\xbe\xef\xbf\xbf", BAD BAD BAD BAD BAD BAD, 0},
        {"\xef\xbf\xbd", BAD, 0},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char out[64];
        s2s_str text = {ROWS[i].text, ROWS[i].len ? ROWS[i].len : strlen(ROWS[i].text)};
        size_t need = s2s_text_escape(text, out, sizeof out), want = strlen(ROWS[i].want);
        cr_assert_eq(need, want, "row %zu: %zu", i, need);
        cr_expect(memcmp(out, ROWS[i].want, want) == 0, "row %zu: %.*s", i, (int)need, out);
        memset(out, '#', sizeof out);
        for (size_t room = 0; room < want; room++) {
            cr_expect_eq(s2s_text_escape(text, out, room), want);
            cr_expect_eq(out[room], '#', "row %zu: nothing behind the room", i);
        }
    }
}

static s2s_stanza message(const char *inner)
{
    return (s2s_stanza){.kind = S2S_MESSAGE, .from = S2S_STR("a@a.example"), .to = S2S_STR("b@b.example"),
                        .attrs = S2S_STR(""), .inner = s2s_str_of(inner)};
}

Test(stanza_text, the_text_of_a_child_is_that_of_a_child)
{
    static const struct {
        const char *inner;
        s2s_err err;
        const char *want;
    } ROWS[] = {
        {"<body>hello</body>", S2S_OK, "hello"},
        {"<subject>s</subject><body xml:lang='de'>a &lt;b&gt; &amp; <i/>c</body><body>d</body>", S2S_OK, "a <b> & c"},
        {"<body/>", S2S_OK, ""},
        {"<body>0123456789abcde</body>", S2S_OK, "0123456789abcde"},
        {"<body>0123456789abcdef</body>", S2S_E_LIMIT, NULL},
        {"", S2S_E_NOTFOUND, NULL},
        /* Another element's, of another namespace, or inside something that is passed on. */
        {"<bodyguard>x</bodyguard>", S2S_E_NOTFOUND, NULL},
        {"<body xmlns='http://www.w3.org/1999/xhtml'>x</body>", S2S_E_NOTFOUND, NULL},
        {"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:server'><body>no</body></message></forwarded>"
         "<body>yes</body>", S2S_OK, "yes"},
        {"<body>", S2S_E_SYNTAX, NULL},
    };
    test_env t;
    test_env_init(&t);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char out[16] = "?";
        s2s_stanza st = message(ROWS[i].inner);
        cr_expect_eq(s2s_stanza_text(&t.env, &st, "body", out, sizeof out), ROWS[i].err, "row %zu", i);
        cr_expect_str_eq(out, ROWS[i].want ? ROWS[i].want : "?", "row %zu", i);
    }
    cr_expect_eq(t.live, 0u);
}

Test(stanza_text, a_check_finds_what_would_end_the_stream)
{
    static const struct {
        s2s_stanza st;
        s2s_err err;
    } ROWS[] = {
        {{.inner = {"<body>x</body>", 14}}, S2S_OK},
        {{.inner = {NULL, 0}}, S2S_OK},
        {{.kind = S2S_IQ, .id = {"1", 1}, .type = {"get", 3}, .attrs = {" xmlns:p='urn:p' p:q='r'", 24}, .inner = {"<p:x/>", 6}}, S2S_OK},
        {{.id = {"<&'\n", 4}}, S2S_OK}, /* is escaped */
        {{.inner = {"<body>", 6}}, S2S_E_SYNTAX},
        {{.inner = {"a & b", 5}}, S2S_E_SYNTAX},
        {{.inner = {"\x01", 1}}, S2S_E_SYNTAX},
        {{.inner = {"\xff", 1}}, S2S_E_SYNTAX},
        {{.inner = {"<p:x/>", 6}}, S2S_E_SYNTAX},
        {{.inner = {"<!-- -->", 8}}, S2S_E_SYNTAX},
        {{.inner = {"<?x y?>", 7}}, S2S_E_SYNTAX},
        {{.inner = {"</message><message>", 19}}, S2S_E_SYNTAX},
        {{.inner = {"</message></stream:stream>", 26}}, S2S_E_SYNTAX},
        {{.id = {"\x02", 1}}, S2S_E_SYNTAX},
        {{.id = {"a\0b", 3}}, S2S_E_SYNTAX},
        {{.lang = {"\xc3", 1}}, S2S_E_SYNTAX},
        {{.attrs = {" id='1' id='2'", 14}}, S2S_E_SYNTAX},
        {{.attrs = {"/><presence", 11}}, S2S_E_SYNTAX},
    };
    test_env t;
    test_env_init(&t);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        cr_expect_eq(s2s_stanza_check(&t.env, &ROWS[i].st), ROWS[i].err, "row %zu", i);
    static char large[20000];
    memset(large, 'x', sizeof large);
    t.env.limits.stanza_bytes = sizeof large;
    s2s_stanza st = {.inner = {large, sizeof large}};
    cr_expect_eq(s2s_stanza_check(&t.env, &st), S2S_E_LIMIT);
    cr_expect_eq(t.live, 0u);
}

Test(stanza_text, no_memory_is_no_verdict)
{
    test_env t;
    char out[16];
    s2s_stanza st = message("<body>hello</body>");
    for (long n = 0;; n++) {
        test_env_init(&t);
        t.fail_after = n;
        s2s_err checked = s2s_stanza_check(&t.env, &st);
        cr_expect(checked == (t.failed ? S2S_E_NOMEM : S2S_OK), "%ld: %s", n, s2s_strerror(checked));
        cr_expect_eq(t.live, 0u);
        if (!t.failed)
            break;
    }
    for (long n = 0;; n++) {
        test_env_init(&t);
        t.fail_after = n;
        s2s_err read = s2s_stanza_text(&t.env, &st, "body", out, sizeof out);
        cr_expect(read == (t.failed ? S2S_E_NOMEM : S2S_OK), "%ld: %s", n, s2s_strerror(read));
        cr_expect_eq(t.live, 0u);
        if (!t.failed)
            break;
    }
}
