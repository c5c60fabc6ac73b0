/* SPDX-License-Identifier: MIT */
/* test_table.c: the hash table: what is added is found, and nothing else; the hash depends on key and boundaries. */
#include "protocol/table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/test_env.h"

enum { ENTRIES = 1000 };

typedef struct entry {
    s2s__slot slot; /* first: a slot is its entry */
    char name[16];
    unsigned visits;
} entry;

static test_env t;
static s2s__table table;
static entry entries[ENTRIES];

static void set_up(void)
{
    test_env_init(&t);
    cr_assert_eq(s2s__table_init(&table, &t.env), S2S_OK);
    for (size_t i = 0; i < ENTRIES; i++)
        (void)snprintf(entries[i].name, sizeof entries[i].name, "d%zu.example", i);
}

static void tear_down(void)
{
    s2s__table_free(&table);
}

TestSuite(table, .init = set_up, .fini = tear_down);

static entry *find(const char *name)
{
    uint64_t hash = s2s__table_hash(&table, s2s_str_of(name), S2S_STR_ABSENT);
    for (s2s__slot *slot = s2s__table_first(&table, hash); slot; slot = s2s__table_next(slot)) {
        if (strcmp(((entry *)slot)->name, name) == 0)
            return (entry *)slot;
    }
    return NULL;
}

static void add(entry *e)
{
    cr_assert_eq(s2s__table_add(&table, &e->slot, s2s__table_hash(&table, s2s_str_of(e->name), S2S_STR_ABSENT)), S2S_OK);
}

Test(table, empty_finds_nothing)
{
    cr_expect_null(find("d0.example"));
}

Test(table, finds_each_of_many_and_no_other)
{
    for (size_t i = 0; i < ENTRIES; i++)
        add(&entries[i]);
    cr_expect_eq(table.len, ENTRIES);
    for (size_t i = 0; i < ENTRIES; i++)
        cr_expect_eq(find(entries[i].name), &entries[i]);
    cr_expect_null(find("d1000.example"));
    cr_expect_null(find(""));
}

Test(table, what_is_removed_is_gone_and_the_rest_stays)
{
    for (size_t i = 0; i < ENTRIES; i++)
        add(&entries[i]);
    for (size_t i = 0; i < ENTRIES; i += 2)
        s2s__table_remove(&table, &entries[i].slot);
    cr_expect_eq(table.len, ENTRIES / 2);
    for (size_t i = 0; i < ENTRIES; i++)
        cr_expect_eq(find(entries[i].name), i % 2 ? &entries[i] : NULL);
}

Test(table, entries_with_the_same_hash_are_told_apart)
{
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(s2s__table_add(&table, &entries[i].slot, 42), S2S_OK);
    size_t seen = 0;
    for (s2s__slot *slot = s2s__table_first(&table, 42); slot; slot = s2s__table_next(slot))
        seen++;
    cr_expect_eq(seen, 3);
    cr_expect_null(s2s__table_first(&table, 42 + 16));
}

static void visit_and_remove(s2s__slot *slot, void *from)
{
    ((entry *)slot)->visits++;
    s2s__table_remove(from, slot);
}

Test(table, each_entry_is_visited_once_and_may_leave)
{
    for (size_t i = 0; i < ENTRIES; i++)
        add(&entries[i]);
    s2s__table_each(&table, visit_and_remove, &table);
    for (size_t i = 0; i < ENTRIES; i++)
        cr_expect_eq(entries[i].visits, 1);
    cr_expect_eq(table.len, 0);
}

Test(table, strings_do_not_run_together_and_the_key_counts)
{
    uint64_t hash = s2s__table_hash(&table, S2S_STR("ab"), S2S_STR("c"));
    cr_expect_neq(hash, s2s__table_hash(&table, S2S_STR("a"), S2S_STR("bc")));
    cr_expect_neq(hash, s2s__table_hash(&table, S2S_STR("abc"), S2S_STR_ABSENT));
    cr_expect_neq(hash, s2s__table_hash(&table, S2S_STR("abc"), S2S_STR("")));
    cr_expect_eq(hash, s2s__table_hash(&table, S2S_STR("ab"), S2S_STR("c")));
    s2s__table other = table;
    other.key[0]++;
    cr_expect_neq(hash, s2s__table_hash(&other, S2S_STR("ab"), S2S_STR("c")));
}

/* The published vectors are for SipHash-2-4; these are of a separate SipHash-1-3, over the padded words that we feed. */
Test(table, one_word_hash_is_siphash_1_3)
{
    s2s__table fixed = {.key = {0x0706050403020100, 0x0f0e0d0c0b0a0908}};
    cr_expect_eq(s2s__table_hash(&fixed, S2S_STR(""), S2S_STR_ABSENT), UINT64_C(0xabac0158050fc4dc));
}
