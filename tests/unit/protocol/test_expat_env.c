/* SPDX-License-Identifier: MIT */
/* test_expat_env.c: how we set expat up. */
#include "protocol/xml/expat_env.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

Test(expat_env, names_are_split)
{
    static const struct {
        const char *name, *ns, *local, *prefix;
    } rows[] = {
        {"local", NULL, "local", NULL},
        {"urn:x\nlocal", "urn:x", "local", NULL},
        {"urn:x\nlocal\np", "urn:x", "local", "p"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s2s__qname q = s2s__qname_split(rows[i].name);
        cr_expect(s2s_str_eq(q.ns, s2s_str_of(rows[i].ns)), "%s", rows[i].name);
        cr_expect(s2s_str_eq(q.local, s2s_str_of(rows[i].local)), "%s", rows[i].name);
        cr_expect(s2s_str_eq(q.prefix, s2s_str_of(rows[i].prefix)), "%s", rows[i].name);
    }
}

static void XMLCALL count_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    (void)name;
    (void)atts;
    ++*(int *)user;
}

static int parse_all(test_env *t, const char *xml)
{
    int count = 0;
    XML_Parser p = s2s__expat_new(&t->env);
    if (!p)
        return -1;
    XML_SetUserData(p, &count);
    XML_SetStartElementHandler(p, count_start);
    if (s2s__expat_parse(&t->env, p, xml, strlen(xml), false) != XML_STATUS_OK)
        count = -1;
    s2s__expat_free(&t->env, p);
    return count;
}

Test(expat_env, a_tag_is_seen_when_it_is_complete)
{
    test_env t;
    test_env_init(&t);
    const char *xml = "<a x='1'><b/></a>";
    XML_Parser p = s2s__expat_new(&t.env);
    int count = 0;
    cr_assert_not_null(p);
    XML_SetUserData(p, &count);
    XML_SetStartElementHandler(p, count_start);
    for (size_t i = 0; xml[i]; i++) {
        cr_assert_eq(s2s__expat_parse(&t.env, p, xml + i, 1, false), XML_STATUS_OK);
        cr_expect_eq(count, i < 8 ? 0 : i < 12 ? 1 : 2, "XM-10: octet %zu", i);
    }
    s2s__expat_free(&t.env, p);
    s2s__expat_free(&t.env, NULL);
    cr_expect_eq(t.live, 0);
}

Test(expat_env, all_memory_comes_from_the_environment_and_may_fail)
{
    test_env t;
    test_env_init(&t);
    static const char xml[] = "<a xmlns='urn:x' xmlns:p='urn:p' p:y='z'><p:b/><c xmlns='urn:c'>text</c></a>";
    int count = -1;
    long n = 0;
    for (; count < 0 && n < 200; n++) {
        t.fail_after = n;
        count = parse_all(&t, xml);
        cr_assert_eq(t.live, 0, "allocation %ld", n);
    }
    cr_expect_eq(count, 3);
    cr_expect_gt(n, 5);
}

/* Expat itself would go on, with xmlns:p for an attribute. */
Test(expat_env, no_lack_of_memory_goes_unnoticed)
{
    test_env t;
    bool failed = true;
    long n = 0;
    for (; failed && n < 200; n++) {
        test_env_init(&t);
        t.fail_once = true;
        t.fail_after = n;
        int count = parse_all(&t, "<a xmlns:p='urn:p' q='' xml:lang='de'/>");
        failed = t.failed;
        cr_expect_eq(count, failed ? -1 : 1, "allocation %ld", n);
        cr_expect_eq(t.live, 0);
    }
    cr_expect(n > 5 && n < 200);
}

typedef struct nested {
    test_env *inner;
    int count;
} nested;

static void XMLCALL parse_inside(void *user, const XML_Char *name, const XML_Char **atts)
{
    nested *n = user;
    (void)name;
    (void)atts;
    n->count += parse_all(n->inner, "<x><y/></x>");
}

Test(expat_env, a_parser_may_run_inside_anothers_handler)
{
    test_env outer, inner;
    test_env_init(&outer);
    test_env_init(&inner);
    nested n = {&inner, 0};
    XML_Parser p = s2s__expat_new(&outer.env);
    cr_assert_not_null(p);
    XML_SetUserData(p, &n);
    XML_SetStartElementHandler(p, parse_inside);
    size_t before = outer.live;
    cr_expect_gt(before, 0);
    cr_expect_eq(s2s__expat_parse(&outer.env, p, "<a><b/></a>", 11, true), XML_STATUS_OK);
    cr_expect_eq(n.count, 4);
    cr_expect_eq(inner.live, 0, "each frees what is its own");
    s2s__expat_free(&outer.env, p);
    cr_expect_eq(outer.live, 0);
}
