/* SPDX-License-Identifier: MIT */
/* test_start_tag.c: attributes and namespaces of the header and of stanzas. */
#include "protocol/xml/start_tag.h"

#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "support/test_env.h"

enum { TAG_BYTES = 128 }; /* more than any tag here takes */

static test_env env;
static s2s__start_tag tag;

static void begin(void)
{
    test_env_init(&env);
    s2s__start_tag_init(&tag, &env.env, NS_SERVER);
}

static void end(void)
{
    s2s__start_tag_free(&tag);
    cr_expect_eq(env.live, 0, "%zu blocks were not freed", env.live);
}

TestSuite(start_tag, .init = begin, .fini = end);

Test(start_tag, only_three_elements_are_stanzas)
{
    static const struct {
        const char *local;
        bool is;
        s2s_kind kind;
    } rows[] = {{"message", true, S2S_MESSAGE}, {"presence", true, S2S_PRESENCE}, {"iq", true, S2S_IQ},
                {"Message", false, S2S_IQ},     {"messages", false, S2S_IQ},      {"", false, S2S_IQ}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s2s_kind kind = S2S_IQ;
        cr_expect_eq(s2s__start_tag_kind(s2s_str_of(rows[i].local), &kind), rows[i].is, "NS-08 %s", rows[i].local);
        cr_expect_eq(kind, rows[i].kind);
    }
}

Test(start_tag, the_root_tells_whom_and_which_language)
{
    const char *atts[] = {"from", "a", "to", "b", "id", "", "version", "1.0", NS_XML "\nlang\nxml", "de",
                          "urn:x\nfrom\nx", "evil", "other", "1", NULL};
    cr_expect_eq(s2s__start_tag_declare(&tag, 1, NULL, NS_SERVER), S2S_OK);
    cr_expect_eq(s2s__start_tag_root(&tag, atts), S2S_OK);
    s2s__header h = s2s__start_tag_header(&tag);
    cr_expect(s2s__str_is(h.from, "a"), "a qualified attribute is another one");
    cr_expect(s2s__str_is(h.to, "b"));
    cr_expect(h.id.ptr && h.id.len == 0, "empty is not absent");
    cr_expect(s2s__str_is(h.version, "1.0"));
    cr_expect(s2s__str_is(h.lang, "de"));
    cr_expect(h.content_ns_ok);
    s2s__start_tag_forget(&tag);
    h = s2s__start_tag_header(&tag);
    cr_expect_null(h.from.ptr, "ST-13");
    cr_expect_eq(env.live, 0);
}

Test(start_tag, the_default_namespace_of_the_root_is_judged)
{
    static const struct {
        const char *id, *uri;
        bool ok;
    } rows[] = {
        {"NS-02 jabber:server", NS_SERVER, true}, {"NS-03 prefix-free", NS_STREAMS, true},
        {"NS-02 none declared", NULL, true},      {"NS-02 jabber:client", "jabber:client", false},
        {"NS-02 undeclared", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *none[] = {NULL};
        s2s__start_tag_forget(&tag);
        if (rows[i].uri)
            cr_expect_eq(s2s__start_tag_declare(&tag, 1, NULL, rows[i].uri), S2S_OK);
        cr_expect_eq(s2s__start_tag_declare(&tag, 1, "stream", NS_STREAMS), S2S_OK);
        cr_expect_eq(s2s__start_tag_root(&tag, none), S2S_OK);
        cr_expect_eq(s2s__start_tag_header(&tag).content_ns_ok, rows[i].ok, "%s", rows[i].id);
    }
}

/* A stanza with one child, under a root that declares stream, db and p. */
static s2s_stanza with_child(const char **atts, const char *child, bool says_content)
{
    const char *none[] = {NULL};
    s2s_stanza st = {0};
    s2s__start_tag_forget(&tag);
    (void)s2s__start_tag_declare(&tag, 1, NULL, NS_SERVER);
    (void)s2s__start_tag_declare(&tag, 1, "stream", NS_STREAMS);
    (void)s2s__start_tag_declare(&tag, 1, "p", "urn:p");
    cr_assert_eq(s2s__start_tag_root(&tag, none), S2S_OK);
    cr_assert_eq(s2s__start_tag_stanza(&tag, atts, TAG_BYTES), S2S_OK);
    if (says_content)
        cr_assert_eq(s2s__start_tag_declare(&tag, 3, NULL, NS_SERVER), S2S_OK);
    s2s__start_tag_inside(&tag, 3, s2s__qname_split(child), none);
    s2s__start_tag_inside_end(&tag, 3);
    cr_assert_eq(s2s__start_tag_fill(&tag, S2S_STR("en"), &st), S2S_OK);
    return st;
}

Test(start_tag, says_when_the_inside_must_be_written_anew)
{
    static const struct {
        const char *id, *child;
        bool says_content, rewrite;
        const char *attrs;
    } rows[] = {
        {"SZ-05 content", NS_SERVER "\nbody", false, false, ""},
        {"NS-07 content, said", NS_SERVER "\nbody", true, true, ""},
        {"NS-05 content, prefixed", NS_SERVER "\nbody\ns", false, true, " xmlns:p='urn:p'"},
        {"SZ-05 foreign", "urn:x\nx", false, false, ""},
        {"NS-06 foreign, prefixed", "urn:p\nx\np", false, false, " xmlns:p='urn:p'"},
        {"NS-07 foreign that mentions the content namespace", "urn:x\nx", true, false, ""},
        {"NS-07 in no namespace", "x", false, false, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *none[] = {NULL};
        s2s_stanza st = with_child(none, rows[i].child, rows[i].says_content);
        cr_expect_eq(tag.rewrite, rows[i].rewrite, "%s", rows[i].id);
        cr_expect(s2s_str_eq(st.attrs, s2s_str_of(rows[i].attrs)), "%s: %.*s", rows[i].id, S2S_FMT(st.attrs));
        cr_expect(s2s__str_is(st.lang, "en"), "ST-09: the stream's");
    }
}

Test(start_tag, keeps_attributes_it_does_not_know)
{
    const char *atts[] = {"from", "u@a", "to", "v@b", "id", "1", "type", "chat", NS_XML "\nlang\nxml", "",
                          "odd", "a'<\n", "urn:p\nx\np", "1", NS_XML "\nspace\nxml", "preserve", NULL};
    s2s_stanza st = with_child(atts, "urn:x\nx", false);
    cr_expect(s2s__str_is(st.from, "u@a") && s2s__str_is(st.to, "v@b"));
    cr_expect(s2s__str_is(st.id, "1") && s2s__str_is(st.type, "chat"));
    cr_expect(st.lang.ptr && st.lang.len == 0, "ST-09: its own, although empty");
    cr_expect(s2s__str_is(st.attrs, " odd='a&apos;&lt;&#10;' p:x='1' xml:space='preserve' xmlns:p='urn:p'"),
              "NS-06: %.*s", S2S_FMT(st.attrs));
}

Test(start_tag, a_prefix_declared_again_hides_the_roots)
{
    const char *none[] = {NULL};
    s2s_stanza st;
    s2s_str scope;
    cr_assert_eq(s2s__start_tag_declare(&tag, 1, "p", "urn:p"), S2S_OK);
    cr_assert_eq(s2s__start_tag_declare(&tag, 1, "db", NS_DIALBACK), S2S_OK);
    cr_assert_eq(s2s__start_tag_root(&tag, none), S2S_OK);
    cr_assert_eq(s2s__start_tag_declare(&tag, 2, "p", "urn:q"), S2S_OK);
    cr_assert_eq(s2s__start_tag_stanza(&tag, none, TAG_BYTES), S2S_OK);
    s2s__start_tag_inside(&tag, 3, s2s__qname_split("urn:q\nx\np"), none);
    cr_assert_eq(s2s__start_tag_fill(&tag, S2S_STR_ABSENT, &st), S2S_OK);
    cr_expect(s2s__str_is(st.attrs, " xmlns:p='urn:q' xmlns:db='" NS_DIALBACK "'"), "%.*s", S2S_FMT(st.attrs));
    cr_expect_null(st.lang.ptr);
    cr_assert_eq(s2s__start_tag_scope(&tag, &scope), S2S_OK);
    cr_expect(s2s__str_is(scope, " xmlns:p='urn:q' xmlns:db='" NS_DIALBACK "' xmlns:stream='" NS_STREAMS "'"),
              "%.*s", S2S_FMT(scope));
    s2s__start_tag_done(&tag);
    cr_assert_eq(s2s__start_tag_stanza(&tag, none, TAG_BYTES), S2S_OK);
    s2s__start_tag_inside(&tag, 3, s2s__qname_split("urn:p\nx\np"), none);
    cr_assert_eq(s2s__start_tag_fill(&tag, S2S_STR_ABSENT, &st), S2S_OK);
    cr_expect(s2s__str_is(st.attrs, " xmlns:p='urn:p' xmlns:db='" NS_DIALBACK "'"), "the next stanza's own");
}

Test(start_tag, every_allocation_may_fail)
{
    const char *atts[] = {"from", "a", "odd", "1", NULL};
    s2s_err err = S2S_E_NOMEM;
    long n = 0;
    for (; err == S2S_E_NOMEM && n < 20; n++) {
        s2s_stanza st;
        s2s_str scope;
        s2s__start_tag_forget(&tag);
        env.fail_after = n;
        err = s2s__start_tag_declare(&tag, 1, "p", "urn:p");
        if (err == S2S_OK)
            err = s2s__start_tag_root(&tag, atts);
        if (err == S2S_OK)
            err = s2s__start_tag_declare(&tag, 2, "q", "urn:q");
        if (err == S2S_OK)
            err = s2s__start_tag_stanza(&tag, atts, TAG_BYTES);
        if (err == S2S_OK)
            err = s2s__start_tag_fill(&tag, S2S_STR("de"), &st);
        if (err == S2S_OK)
            err = s2s__start_tag_scope(&tag, &scope);
        env.fail_after = -1;
        cr_assert(err == S2S_OK || err == S2S_E_NOMEM);
    }
    cr_expect_eq(err, S2S_OK);
    cr_expect_gt(n, 5);
}
