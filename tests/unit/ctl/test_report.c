/* SPDX-License-Identifier: MIT */
/* test_report.c: reports against what they were when somebody read them. GOLDEN_WRITE=1 in the environment writes them anew. */
#include "probe/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

static char *read_file(const char *name)
{
    char path[512], *text = NULL;
    size_t len = 0;
    (void)snprintf(path, sizeof path, GOLDEN_DIR "/%s", name);
    FILE *f = fopen(path, "r");
    if (!f)
        return strdup("");
    (void)getdelim(&text, &len, '\0', f);
    (void)fclose(f);
    return text ? text : strdup("");
}

static void expect_golden(const char *name, const char *have)
{
    if (getenv("GOLDEN_WRITE")) {
        char path[512];
        (void)snprintf(path, sizeof path, GOLDEN_DIR "/%s", name);
        FILE *f = fopen(path, "w");
        cr_assert_not_null(f);
        (void)fputs(have, f);
        (void)fclose(f);
    }
    char *want = read_file(name);
    size_t at = 0;
    while (want[at] && want[at] == have[at])
        at++;
    cr_expect(want[at] == have[at], "%s differs at octet %zu: \"%.60s\" instead of \"%.60s\"", name, at, have + at,
              want + at);
    free(want);
}

static json_t *load_list(void)
{
    json_t *list = json_array();
    char *text = read_file("list.jsonl"), *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (*line)
            cr_assert_eq(json_array_append_new(list, json_loads(line, 0, NULL)), 0);
    }
    free(text);
    return list;
}

static json_t *summaries(void)
{
    size_t i;
    json_t *r, *all = load_list(), *out = json_array();
    json_array_foreach(all, i, r) json_array_append_new(out, report_summary_of(r));
    json_decref(all);
    all = report_sorted(out);
    json_decref(out);
    return all;
}

Test(ctl_report, text_of_each_domain)
{
    static const char *const NAMES[] = {"refused.txt", "accepted.txt", "untrusted.txt", "unreachable.txt"};
    json_t *list = load_list();
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        report_text(out, json_array_get(list, i));
        (void)fclose(out);
        expect_golden(NAMES[i], text);
        free(text);
    }
    json_decref(list);
}

Test(ctl_report, table_and_page)
{
    json_t *list = summaries();
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    report_table(out, list);
    (void)fclose(out);
    expect_golden("list.txt", text);
    free(text);
    out = open_memstream(&text, &len);
    report_html(out, list, "Federation probe", "2026-11-25 09:00 UTC");
    (void)fclose(out);
    expect_golden("list.html", text);
    cr_expect_null(strstr(text, "<script"), "no script");
    cr_expect_null(strstr(text, "http://"), "nothing from outside");
    cr_expect_null(strstr(text, "https://"), "nothing from outside");
    free(text);
    json_decref(list);
}

Test(ctl_report, what_peers_say_is_text)
{
    json_t *r = json_pack("{s:s, s:s, s:s}", "domain", "<b>&\"x.example", "answer", "accepts", "summary",
                          "a\x1b[31mb\xc2\x9b"
                          "c");
    json_t *list = json_pack("[o]", r);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    report_html(out, list, "t", "now");
    report_text(out, r);
    (void)fclose(out);
    cr_expect_not_null(strstr(text, "&lt;b&gt;&amp;&quot;x.example"));
    cr_expect_null(strchr(text, '\x1b'), "no escape sequence reaches page or terminal");
    cr_expect_not_null(strstr(text, "a?[31mb?c"));
    free(text);
    json_decref(list);
}

Test(ctl_report, an_empty_list_is_a_page_too)
{
    json_t *list = json_array();
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    report_html(out, list, "t", "now");
    report_table(out, list);
    (void)fclose(out);
    cr_expect_not_null(strstr(text, "0 of 0 domains"));
    free(text);
    json_decref(list);
}

Test(ctl_report, counting_knows_an_end)
{
    enum { KINDS = REPORT_SHARES_MAX + 5 };
    report_share shares[REPORT_SHARES_MAX];
    json_t *list = json_array();
    for (int i = 0; i < KINDS; i++) {
        char word[16];
        (void)snprintf(word, sizeof word, "w%d", i);
        json_array_append_new(list, json_pack("{s:s}", "answer", word));
    }
    cr_expect_eq(report_count(list, "answer", NULL, shares), (size_t)REPORT_SHARES_MAX);
    cr_expect_eq(report_count(list, "tls", NULL, shares), 1);
    cr_expect_str_eq(shares[0].word, "unknown");
    cr_expect_eq(shares[0].count, (size_t)KINDS);
    json_decref(list);
}
