/* SPDX-License-Identifier: MIT */
/* test_config_yaml.c: the YAML that is taken, and the place of each fault in the rest. */
#include "config_rows.h"
#include "node/config_tree.h"

TestSuite(config_yaml, .init = config_fixture_make, .fini = config_fixture_remove);

Test(config_yaml, takes_plain_documents)
{
    static const config_row row[] = {
        {DOMAINS, ""},
        {"# a comment\n---\n" DOMAINS "...\n", ""},
        {"%YAML 1.2\n---\n" DOMAINS, ""},
        {"\xef\xbb\xbf" DOMAINS, ""}, /* a byte order mark, as some editors write it */
        {"domains:\n- name: a.example\n  certificate: a.pem\n  key: a.key\n", ""},
        {"domains:\r\n  - name: 'a.example'\r\n    certificate: \"a.pem\"\r\n    key: a.key\r\n", ""},
        {"{\"domains\": [{\"name\": \"a.example\", \"certificate\": \"a.pem\", \"key\": \"a.key\"}]}", ""},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_yaml, says_where_the_syntax_breaks)
{
    static const config_row row[] = {
        {"domains: [\n", AT(2, 1) "not valid YAML: did not find expected node content (while parsing "
                         "a flow node, line 2)\n"},
        {"domains:\n\t- a\n", AT(2, 1) "not valid YAML: found character that cannot start any token "
                              "(while scanning for the next token, line 2)\n"},
        {"a: 1\n b: 2\n", AT(2, 3) "not valid YAML: mapping values are not allowed in this context\n"},
        {"log: \"x\n", AT(2, 1) "not valid YAML: found unexpected end of stream (while scanning a quoted "
                       "scalar, line 1)\n"},
        {"log: \"\\q\"\n", AT(1, 7) "not valid YAML: found unknown escape character (while parsing a "
                           "quoted scalar, line 1)\n"},
        {"a: 1\nb: \xc3\xa4\x01\n", AT(2, 5) "not valid YAML: control characters are not allowed\n"},
        {"a: *nowhere b\n", AT(1, 13) "not valid YAML: did not find expected key (while parsing a block "
                            "mapping, line 1)\n"},
        {"%YAML 3.0\n---\na: 1\n", AT(1, 1) "not valid YAML: found incompatible YAML document\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_yaml, refuses_what_is_not_one_mapping)
{
    static const config_row row[] = {
        {"", AT(1, 1) "the file is empty\n"},
        {"\n\n  \n", AT(1, 1) "the file is empty\n"},
        {"# only a comment\n", AT(1, 1) "the file is empty\n"},
        {"---\n", AT(1, 1) "the file is empty\n"},
        {"---\n...\n", AT(1, 1) "the file is empty\n"},
        {"~\n", AT(1, 1) "must be a mapping, not nothing\n"},
        {"hello\n", AT(1, 1) "must be a mapping, not text\n"},
        {"- a\n- b\n", AT(1, 1) "must be a mapping, not a list\n"},
        {DOMAINS "---\n" DOMAINS, AT(2, 1) "a second YAML document; a configuration is one\n"},
        {DOMAINS "...\n---\n", AT(3, 1) "a second YAML document; a configuration is one\n"},
        {DOMAINS "? [a, b]\n: c\n", AT(2, 3) "a key must be a plain word\n"},
        {DOMAINS "? {a: b}\n: c\n", AT(2, 3) "a key must be a plain word\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_yaml, refuses_anchors_aliases_and_tags_with_their_key)
{
    static const config_row row[] = {
        {DOMAINS "log: &l {level: info}\n",
         AT(2, 6) "log: anchors are not used here: write the value out\n"},
        {DOMAINS "log: {level: !!str info, format: !x text}\n",
         AT(2, 14) "log.level: tags are not used here: write the value out\n"
         AT(2, 34) "log.format: tags are not used here: write the value out\n"},
        {DOMAINS "control: &c /run/c\nhttp: *c\n",
         AT(2, 10) "control: anchors are not used here: write the value out\n"
         AT(3, 7) "http: aliases are not used here: write the value out\n"},
        {"&root\n" DOMAINS, AT(1, 1) "anchors are not used here: write the value out\n"},
        {DOMAINS "&k control: /run/c\n",
         AT(2, 13) "control: anchors are not used here: write the value out\n"},
        {DOMAINS "listen: [&x {address: '1.2.3.4:1'}, *x]\n",
         AT(2, 10) "listen[0]: anchors are not used here: write the value out\n"
         AT(2, 37) "listen[1]: aliases are not used here: write the value out\n"},
        {DOMAINS "control: &c /run/c\n*c : 1\n",
         AT(3, 1) "aliases are not used here: write the value out\n"},
        {"domains: *d\n", AT(1, 10) "domains: aliases are not used here: write the value out\n"},
        {DOMAINS "log: &l {level: info}\ndns:\n  <<: *l\n",
         AT(2, 6) "log: anchors are not used here: write the value out\n"
         AT(4, 3) "dns.<<: unknown key\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_yaml, refuses_bytes_that_are_not_text)
{
    static const struct {
        const char *text;
        size_t len;
        const char *problems;
    } row[] = {
        {"a: \xc3\xa4\xff", 6, AT(1, 5) "not valid UTF-8\n"},
        {"a: 1\nb: \xc3", 9, AT(2, 5) "not valid UTF-8\n"},      /* cut short: at the byte that is missing */
        {"a: \xed\xa0\x80", 6, AT(1, 5) "not valid UTF-8\n"},    /* a surrogate: at its second byte */
        {"\xff\xfe" "a\0:\0", 6, AT(1, 1) "not valid UTF-8\n"},  /* UTF-16 */
        {"a\0:\0 \0", 6, AT(1, 2) "a NUL byte\n"},
        {"a: 1\n\0", 6, AT(2, 1) "a NUL byte\n"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *got = config_fixture_problems((s2s_str){row[i].text, row[i].len}, NULL);
        cr_expect_str_eq(got, row[i].problems, "row %zu: %s", i, got);
        free(got);
    }
}

/* `before`, then `unit` so many times, then `after`. */
static char *repeat(const char *before, const char *unit, size_t times, const char *after)
{
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    fputs(before, f);
    while (times-- > 0)
        fputs(unit, f);
    fputs(after, f);
    fclose(f);
    return out;
}

static void expect_repeated(const char *before, const char *unit, size_t times, const char *after,
                            const char *problems)
{
    char *text = repeat(before, unit, times, after);
    char *got = config_fixture_problems(s2s_str_of(text), NULL);
    cr_expect_str_eq(got, problems, "%s", got);
    free(got);
    free(text);
}

Test(config_yaml, bounds_nesting)
{
    expect_repeated(DOMAINS "x: ", "[", CONFIG_DEPTH_MAX - 1, "]]]]]]]]]]]]]]]\n",
                    AT(2, 1) "x: unknown key\n");
    expect_repeated(DOMAINS "x: ", "[", CONFIG_DEPTH_MAX, "]]]]]]]]]]]]]]]]\n",
                    AT(2, 19) "nested deeper than 16 levels\n");
    expect_repeated("", "[", 100000, "", AT(1, 17) "nested deeper than 16 levels\n");
    expect_repeated("", "{a: ", 100000, "", AT(1, 65) "nested deeper than 16 levels\n");
}

Test(config_yaml, bounds_the_number_of_values)
{
    expect_repeated("x:\n", "- 1\n", CONFIG_NODES_MAX, "",
                    "s2sd.yaml:32768:3: more than 32768 values in one file\n");
}
