/* SPDX-License-Identifier: MIT */
/* test_config_schema.c: the table of keys holds together. */
#include "node/schema.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "s2s/limits.h"

TestSuite(config_schema);

static const config_key *row_of(const char *path)
{
    for (size_t i = 0; i < config_schema_len; i++) {
        if (strcmp(config_schema[i].path, path) == 0)
            return &config_schema[i];
    }
    return NULL;
}

/* The row that `row` stands in: "a.b" is in "a", "a[]" in "a". */
static const config_key *parent_of(const config_key *row)
{
    char path[128];
    size_t len = strlen(row->path);
    cr_assert_lt(len, sizeof path);
    memcpy(path, row->path, len + 1);
    if (len > 2 && strcmp(path + len - 2, "[]") == 0) {
        path[len - 2] = '\0';
    } else {
        char *dot = strrchr(path, '.');
        *(dot ? dot : path) = '\0';
    }
    return row_of(path);
}

Test(config_schema, has_each_path_once_and_its_parent)
{
    cr_assert_str_eq(config_schema[0].path, "");
    for (size_t i = 1; i < config_schema_len; i++) {
        const config_key *row = &config_schema[i], *parent = parent_of(row);
        cr_expect_eq(row_of(row->path), row, "%s is there twice", row->path);
        cr_assert_not_null(parent, "%s", row->path);
        if (row->path[strlen(row->path) - 1] == ']') {
            cr_expect_eq(parent->type, CONFIG_LIST, "%s", row->path);
            cr_expect_eq(config_schema_item(parent), row, "%s", row->path);
        } else {
            cr_expect_eq(parent->type, CONFIG_MAPPING, "%s", row->path);
            cr_expect_eq(config_schema_child(parent, config_schema_name(row)), row, "%s", row->path);
        }
    }
}

Test(config_schema, says_all_that_each_type_needs)
{
    for (size_t i = 0; i < config_schema_len; i++) {
        const config_key *row = &config_schema[i];
        cr_expect_eq(row->type == CONFIG_WORD, row->words != NULL, "%s", row->path);
        cr_expect_eq(row->type == CONFIG_LIST, config_schema_item(row) != NULL, "%s", row->path);
        cr_expect(row->type != CONFIG_NUMBER || (row->unit && row->least < row->most), "%s", row->path);
        cr_expect(!row->now || row->type != CONFIG_LIST || strcmp(row->now, "[]") == 0, "%s", row->path);
    }
}

Test(config_schema, has_every_limit_with_its_range)
{
#define S2S_X(field, value, lowest, highest, name, what)                                           \
    do {                                                                                           \
        const config_key *row = row_of("limits." #field);                                          \
        cr_assert_not_null(row, #field);                                                           \
        cr_expect_eq(row->least, (uint32_t)(lowest), #field);                                      \
        cr_expect_eq(row->most, (uint32_t)(highest), #field);                                      \
        cr_expect_str_eq(row->unit, name, #field);                                                 \
    } while (0);
    S2S_LIMITS(S2S_X)
#undef S2S_X
}

Test(config_schema, finds_the_key_that_was_meant)
{
    static const struct {
        const char *of, *key, *nearest;
    } row[] = {
        {"", "domain", "domains"}, {"", "Listen", "listen"}, {"", "routse", "routes"},
        {"", "component", "components"}, {"", "components", "components"}, {"", "lgo", "log"},
        {"", "", NULL}, {"", "x", NULL}, {"", "zzzzzzz", NULL}, {"", "hash", NULL},
        {"policy", "requireeku", "require_eku"}, {"policy", "any-eku", "any_eku"},
        {"policy.remotes[]", "pin", "pins"}, {"policy", "match", NULL},
        {"", "domainsdomainsdomainsdomainsdomains", NULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const char *got = config_schema_nearest(row_of(row[i].of), row[i].key);
        if (row[i].nearest)
            cr_expect_str_eq(got ? got : "none", row[i].nearest, "%s", row[i].key);
        else
            cr_expect_null(got, "%s: %s", row[i].key, got);
    }
}
