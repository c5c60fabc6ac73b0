/* SPDX-License-Identifier: MIT */
/* test_stream.c: headers and stream errors. */
#include "protocol/stream/stream.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "support/test_env.h"

static test_env env;
static s2s__buf out;

static void begin(void)
{
    test_env_init(&env);
    s2s__buf_init(&out, &env.env, 10000);
}

static void end(void)
{
    s2s__buf_free(&out);
    cr_expect_eq(env.live, 0, "%zu blocks were not freed", env.live);
}

TestSuite(stream, .init = begin, .fini = end);

static void expect_out(const char *id, const char *want)
{
    s2s_str have = s2s__buf_view(&out);
    cr_expect(s2s_str_eq(have, s2s_str_of(want)), "%s\nwant %s\nhave %.*s", id, want, S2S_FMT(have));
    s2s__buf_clear(&out);
}

static s2s_err no_entropy(void *user, void *to, size_t len)
{
    (void)user;
    (void)to;
    (void)len;
    return S2S_E_IO;
}

Test(stream, ids_differ_and_are_names)
{
    enum { COUNT = 1000 };
    static char ids[COUNT][S2S_STREAM_ID_LEN + 1];
    for (int i = 0; i < COUNT; i++) {
        cr_assert_eq(s2s__stream_id(&env.env, ids[i]), S2S_OK);
        cr_assert_eq(strlen(ids[i]), S2S_STREAM_ID_LEN);
        cr_assert_eq(strspn(ids[i], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     S2S_STREAM_ID_LEN, "ST-04 CX-12 %s", ids[i]);
        for (int k = 0; k < i; k++)
            cr_assert_str_neq(ids[i], ids[k], "ST-04");
    }
}

Test(stream, without_entropy_there_is_no_id)
{
    s2s_env_ops ops = *env.env.ops;
    s2s_env broken = env.env;
    char id[S2S_STREAM_ID_LEN + 1] = "untouched";
    ops.random = no_entropy;
    broken.ops = &ops;
    cr_expect_eq(s2s__stream_id(&broken, id), S2S_E_IO);
    cr_expect_str_eq(id, "untouched");
}

Test(stream, headers)
{
    s2s_str none = S2S_STR_ABSENT;
    s2s__stream_write_header(&out, NS_SERVER, S2S_STR("a"), S2S_STR("b"), none);
    expect_out("ST-02 ST-05 XM-07",
               "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
               "xmlns:stream='http://etherx.jabber.org/streams' from='a' to='b' version='1.0' xml:lang='en'>");
    s2s__stream_write_header(&out, NS_SERVER, S2S_STR(""), none, S2S_STR("i<d"));
    expect_out("ST-03 ST-09",
               "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
               "xmlns:stream='http://etherx.jabber.org/streams' from='' id='i&lt;d' version='1.0' xml:lang='en'>");
    s2s__stream_write_header(&out, NS_COMPONENT, S2S_STR("c"), none, S2S_STR("1"));
    expect_out("CO-01", "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
                        "xmlns:stream='http://etherx.jabber.org/streams' from='c' id='1'>");
    s2s__stream_write_end(&out);
    expect_out("ST-19", "</stream:stream>");
}

Test(stream, errors_have_one_condition_and_an_optional_text)
{
    s2s__stream_write_error(&out, S2S_COND_RESET, NULL, NULL);
    expect_out("ST-18", "<stream:error><reset xmlns='" NS_STREAM_ERRORS "'/></stream:error>");
    s2s__stream_write_error(&out, S2S_COND_RESET, "", NULL);
    expect_out("ST-18", "<stream:error><reset xmlns='" NS_STREAM_ERRORS "'/></stream:error>");
    s2s__stream_write_error(&out, S2S_COND_CONFLICT, "a<b", NULL);
    expect_out("ST-18", "<stream:error><conflict xmlns='" NS_STREAM_ERRORS "'/><text xmlns='" NS_STREAM_ERRORS
                        "' xml:lang='en'>a&lt;b</text></stream:error>");
}

static s2s_cond read_error(const char *inside, char text[S2S_TEXT_MAX])
{
    s2s__tree *t;
    cr_assert_eq(s2s__tree_new(&env.env, &t), S2S_OK);
    s2s__buf_clear(&out);
    s2s__buf_puts(&out, "<stream:error>");
    s2s__buf_puts(&out, inside);
    s2s__buf_puts(&out, "</stream:error>");
    cr_assert_eq(s2s__tree_parse(t, s2s__buf_view(&out), NS_SERVER), S2S_OK);
    s2s_cond cond = s2s__stream_read_error(t, s2s__tree_root(t)->first, text);
    s2s__tree_free(t);
    return cond;
}

Test(stream, every_condition_is_read_back)
{
    char text[S2S_TEXT_MAX];
    for (s2s_cond c = S2S_COND_BAD_FORMAT; c <= S2S_COND_UNSUPPORTED_VERSION; c++) {
        char inside[256];
        (void)snprintf(inside, sizeof inside, "<%s xmlns='" NS_STREAM_ERRORS "'/>", s2s_cond_name(c));
        cr_expect_eq(read_error(inside, text), c, "ST-18 %s", inside);
        cr_expect_str_eq(text, "");
    }
}

Test(stream, errors_of_others_are_read_leniently)
{
    static const struct {
        const char *id, *inside;
        s2s_cond cond;
        const char *text;
    } rows[] = {
        {"ST-18 unknown", "<zzz xmlns='" NS_STREAM_ERRORS "'/>", S2S_COND_UNDEFINED_CONDITION, ""},
        {"section 2: legacy", "<xml-not-well-formed xmlns='" NS_STREAM_ERRORS "'/>", S2S_COND_UNDEFINED_CONDITION, ""},
        {"section 2: legacy", "<invalid-id xmlns='" NS_STREAM_ERRORS "'/>", S2S_COND_UNDEFINED_CONDITION, ""},
        {"ST-18 empty", "", S2S_COND_UNDEFINED_CONDITION, ""},
        {"ST-18 bare text", "gone", S2S_COND_UNDEFINED_CONDITION, ""},
        {"ST-18 other namespace", "<reset xmlns='urn:x'/>", S2S_COND_UNDEFINED_CONDITION, ""},
        {"ST-18 text first, a detail last",
         "<text xmlns='" NS_STREAM_ERRORS "' xml:lang='en'>too\nbig</text><policy-violation xmlns='" NS_STREAM_ERRORS
         "'/><stanza-too-big xmlns='urn:xmpp:errors'/>", S2S_COND_POLICY_VIOLATION, "too?big"},
        {"ST-25 not followed", "<see-other-host xmlns='" NS_STREAM_ERRORS "'>evil:1</see-other-host>",
         S2S_COND_SEE_OTHER_HOST, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[S2S_TEXT_MAX] = "old";
        cr_expect_eq(read_error(rows[i].inside, text), rows[i].cond, "%s", rows[i].id);
        cr_expect_str_eq(text, rows[i].text, "%s", rows[i].id);
    }
}

Test(stream, versions_are_two_integers)
{
    static const struct {
        const char *text;
        unsigned major;
    } rows[] = {
        {"1.0", 1}, {"1.9", 1}, {"01.0", 1}, {"0001.00", 1}, {"2.0", 2}, {"2.13", 2}, {"11.0", 11}, {"9999.1", 9999},
        {"10000.0", 0}, {"0.9", 0}, {".5", 0}, {"1", 0}, {"1.", 0}, {"", 0}, {"1.x", 0}, {"x.1", 0}, {"-1.0", 0},
        {"1.0 ", 0}, {" 1.0", 0}, {"1,0", 0}, {"1.0.0", 0}, {"99999999999999999999.0", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(s2s__stream_version(s2s_str_of(rows[i].text)), rows[i].major, "ST-06 '%s'", rows[i].text);
    cr_expect_eq(s2s__stream_version(S2S_STR_ABSENT), 0, "ST-07");
}
