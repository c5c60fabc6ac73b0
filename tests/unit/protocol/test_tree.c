/* SPDX-License-Identifier: MIT */
/* test_tree.c: a small element tree. */
#include "protocol/xml/tree.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "support/test_env.h"

static test_env env;
static s2s__tree *tree;
static s2s__buf out;

static void begin(void)
{
    test_env_init(&env);
    cr_assert_eq(s2s__tree_new(&env.env, &tree), S2S_OK);
    s2s__buf_init(&out, &env.env, 1 << 20);
}

static void end(void)
{
    s2s__tree_free(tree);
    s2s__tree_free(NULL);
    s2s__buf_free(&out);
    cr_expect_eq(env.live, 0, "%zu blocks were not freed", env.live);
}

TestSuite(tree, .init = begin, .fini = end);

static s2s_err write_fragment(const char *fragment)
{
    s2s__buf_clear(&out);
    s2s_err err = s2s__tree_parse(tree, s2s_str_of(fragment), NS_SERVER);
    if (err != S2S_OK)
        return err;
    for (const s2s__node *n = s2s__tree_root(tree)->first; n && err == S2S_OK; n = n->next)
        err = s2s__tree_write(&out, n, NS_SERVER);
    return err;
}

Test(tree, is_written_prefix_free_for_another_content_namespace)
{
    static const struct {
        const char *id, *in, *want;
    } rows[] = {
        {"NS-07 content", "<body>hi</body>", "<body>hi</body>"},
        {"NS-07 content said", "<body xmlns='jabber:server'><b/></body>", "<body><b/></body>"},
        {"NS-05 content prefixed", "<s:body xmlns:s='jabber:server'/>", "<body/>"},
        {"NS-07 foreign", "<x xmlns='urn:x'><y/></x>", "<x xmlns='urn:x'><y/></x>"},
        {"NS-06 foreign prefixed", "<p:x xmlns:p='urn:x'><p:y/><z/></p:x>",
         "<x xmlns='urn:x'><y/><z xmlns='jabber:server'/></x>"},
        {"NS-07 content inside foreign keeps its namespace",
         "<f xmlns='urn:f'><message xmlns='jabber:server'><body/></message></f>",
         "<f xmlns='urn:f'><message xmlns='jabber:server'><body/></message></f>"},
        {"NS-07 no namespace", "<x xmlns=''><y/></x>", "<x xmlns=''><y/></x>"},
        {"NS-07 no namespace inside foreign", "<x xmlns='urn:x'><y xmlns=''/></x>", "<x xmlns='urn:x'><y xmlns=''/></x>"},
        {"SZ-05 attributes", "<x a='1' xml:lang='de' xmlns:p='urn:p' p:b='2' xmlns:q='urn:q' q:b='3'/>",
         "<x a='1' xml:lang='de' xmlns:naaa='urn:p' naaa:b='2' xmlns:nbaa='urn:q' nbaa:b='3'/>"},
        {"SZ-05 text", "a &amp; b<c/>&#9;<![CDATA[<d>]]>", "a &amp; b<c/>&#9;&lt;d&gt;"},
        {"NS-07 the namespace that cannot be the default", "<xml:x><y/><z xmlns='urn:z'><xml:a xml:b='1'>c</xml:a></z></xml:x>",
         "<xml:x><y/><z xmlns='urn:z'><xml:a xml:b='1'>c</xml:a></z></xml:x>"},
        {"NS-03 the stream prefix", "<stream:x/>", "<x xmlns='" NS_STREAMS "'/>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_assert_eq(write_fragment(rows[i].in), S2S_OK, "%s", rows[i].id);
        s2s_str have = s2s__buf_view(&out);
        cr_expect(s2s_str_eq(have, s2s_str_of(rows[i].want)), "%s\nwant %s\nhave %.*s", rows[i].id, rows[i].want,
                  S2S_FMT(have));
    }
}

Test(tree, any_number_of_qualified_attributes_keep_distinct_prefixes)
{
    enum { COUNT = 1024 };
    static char in[64 * COUNT], again[64 * COUNT];
    size_t n = (size_t)snprintf(in, sizeof in, "<x");
    for (int i = 0; i < COUNT; i++)
        n += (size_t)snprintf(in + n, sizeof in - n, " xmlns:p%d='urn:%d' p%d:a='%d'", i, i, i, i);
    (void)snprintf(in + n, sizeof in - n, "/>");
    cr_assert_eq(write_fragment(in), S2S_OK);
    s2s_str have = s2s__buf_view(&out);
    (void)snprintf(again, sizeof again, "%.*s", S2S_FMT(have));
    cr_assert_eq(s2s__tree_parse(tree, s2s_str_of(again), NS_SERVER), S2S_OK, "XM-06: well-formed");
    size_t count = 0;
    for (const s2s__attr *a = s2s__tree_root(tree)->first->attrs; a; a = a->next)
        count += s2s__str_is(a->name, "a") && a->ns.len > 4;
    cr_expect_eq(count, COUNT);
}

Test(tree, finds_children_attributes_and_text)
{
    cr_assert_eq(s2s__tree_parse(tree, S2S_STR("t<a x='1' xmlns:p='urn:p' p:x='2' xml:lang='de'>one<b/>two</a>"
                                               "<a xmlns='urn:a'/><c/>"), NS_SERVER), S2S_OK);
    const s2s__node *root = s2s__tree_root(tree), *a = s2s__node_next_element(root->first);
    cr_assert_not_null(a);
    cr_expect(s2s__node_is(a, NS_SERVER, "a"));
    cr_expect(s2s__node_is(a, NULL, "a"));
    cr_expect_not(s2s__node_is(a, "urn:a", "a"));
    cr_expect_not(s2s__node_is(root->first, NULL, "a"), "text");
    cr_expect_not(s2s__node_is(NULL, NULL, "a"));
    cr_expect(s2s__str_is(s2s__node_attr(a, "x"), "1"), "the unqualified one");
    cr_expect_null(s2s__node_attr(a, "y").ptr);
    cr_expect_null(s2s__node_attr(NULL, "x").ptr);
    cr_expect(s2s__str_is(s2s__node_lang(a), "de"));
    cr_expect_null(s2s__node_lang(s2s__node_child(root, NULL, "c")).ptr);
    cr_expect(s2s__str_is(s2s__node_text(tree, a), "onetwo"));
    cr_expect(s2s__str_is(s2s__node_text(tree, s2s__node_child(a, NULL, "b")), ""));
    cr_expect(s2s__str_is(s2s__node_text(tree, NULL), ""));
    cr_expect_not_null(s2s__node_child(root, "urn:a", "a"));
    cr_expect_null(s2s__node_child(root, "urn:z", "a"));
    cr_expect_null(s2s__node_child(NULL, NULL, "a"));
    cr_expect_null(s2s__node_next_element(s2s__node_child(root, NULL, "c")->next));
}

Test(tree, refuses_what_is_not_a_fragment_and_stays_usable)
{
    static const char *const bad[] = {"<a>", "</a>", "</fragment><fragment>", "<p:a/>", "&nbsp;", "<a b='1' b='2'/>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_expect_eq(s2s__tree_parse(tree, s2s_str_of(bad[i]), NS_SERVER), S2S_E_SYNTAX, "%s", bad[i]);
        cr_expect_null(s2s__tree_root(tree));
    }
    cr_expect_eq(s2s__tree_parse_within(tree, S2S_STR(" xmlns:p='urn:p'"), S2S_STR("<p:a/>"), NS_SERVER), S2S_OK);
    cr_expect(s2s__node_is(s2s__tree_root(tree)->first, "urn:p", "a"));
    cr_expect_eq(s2s__tree_parse(tree, S2S_STR_ABSENT, NS_SERVER), S2S_OK);
    cr_expect_null(s2s__tree_root(tree)->first);
    cr_expect_eq(s2s__tree_text(tree, "x", 1), S2S_E_STATE, "text needs an open element");
}

Test(tree, output_beyond_the_maximum_is_an_error)
{
    s2s__buf small;
    s2s__buf_init(&small, &env.env, 16);
    cr_assert_eq(s2s__tree_parse(tree, S2S_STR("<a>0123456789</a>"), NS_SERVER), S2S_OK);
    cr_expect_eq(s2s__tree_write(&small, s2s__tree_root(tree)->first, NS_SERVER), S2S_E_LIMIT);
    s2s__buf_free(&small);
}

Test(tree, every_allocation_may_fail)
{
    static char fragment[20000];
    size_t n = (size_t)snprintf(fragment, sizeof fragment, "<a xmlns:p='urn:p' p:x='1' y='2'>");
    memset(fragment + n, 'x', 10000);
    (void)snprintf(fragment + n + 10000, sizeof fragment - n - 10000, "<b/></a>");
    s2s_err err = S2S_E_NOMEM;
    long k = 0;
    for (; err == S2S_E_NOMEM && k < 200; k++) {
        env.fail_after = k;
        s2s__buf_free(&out);
        err = write_fragment(fragment);
        env.fail_after = -1;
        if (err != S2S_OK)
            s2s__tree_clear(tree);
        cr_assert(err == S2S_OK || err == S2S_E_NOMEM);
    }
    cr_expect_eq(err, S2S_OK);
    cr_expect_gt(k, 5);
    s2s__tree *other = NULL;
    env.fail_after = 0;
    cr_expect_eq(s2s__tree_new(&env.env, &other), S2S_E_NOMEM);
    cr_expect_null(other);
    env.fail_after = -1;
}
