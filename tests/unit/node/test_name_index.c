/* SPDX-License-Identifier: MIT */
/* test_name_index.c: each name is found, a prefix or a longer name is not, and of two items the first counts. */
#include "node/name_index.h"

#include <criterion/criterion.h>

#include "support/test_env.h"

typedef struct item {
    int other;
    const char *name;
} item;

static const item ITEMS[] = {{0, "m.example"}, {1, "a.example"}, {2, "z.example"}, {3, "a.example"}, {4, "a"}};
enum { LEN = sizeof ITEMS / sizeof *ITEMS };

Test(name_index, finds_what_is_there)
{
    test_env t;
    name_index index;
    test_env_init(&t);
    cr_assert_eq(name_index_init(&index, &t.env, &ITEMS[0].name, sizeof *ITEMS, LEN), S2S_OK);
    cr_expect_eq(name_index_find(&index, S2S_STR("m.example")), 0);
    cr_expect_eq(name_index_find(&index, S2S_STR("a.example")), 1, "the first of two");
    cr_expect_eq(name_index_find(&index, S2S_STR("z.example")), 2);
    cr_expect_eq(name_index_find(&index, S2S_STR("a")), 4);
    cr_expect_eq(name_index_find(&index, S2S_STR("a.")), LEN);
    cr_expect_eq(name_index_find(&index, S2S_STR("zz.example")), LEN);
    cr_expect_eq(name_index_find(&index, S2S_STR("")), LEN);
    name_index_free(&index);
    cr_expect_eq(t.live, 0);
}

Test(name_index, empty)
{
    test_env t;
    name_index index;
    test_env_init(&t);
    cr_assert_eq(name_index_init(&index, &t.env, NULL, sizeof(item), 0), S2S_OK);
    cr_expect_eq(name_index_find(&index, S2S_STR("a")), 0);
    name_index_free(&index);
}

Test(name_index, every_allocation_may_fail)
{
    test_env t;
    name_index index;
    test_env_init(&t);
    for (long n = 0; n < 3; n++) {
        t.fail_after = n;
        cr_expect_eq(name_index_init(&index, &t.env, &ITEMS[0].name, sizeof *ITEMS, LEN), S2S_E_NOMEM);
        cr_expect_eq(t.live, 0);
    }
}
