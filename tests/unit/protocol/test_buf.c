/* SPDX-License-Identifier: MIT */
/* test_buf.c: the bounded buffer, and memory through the environment. */
#include "protocol/buf.h"

#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

static test_env env;

static void begin(void)
{
    test_env_init(&env);
}

static void end(void)
{
    cr_expect_eq(env.live, 0, "%zu blocks were not freed", env.live);
}

TestSuite(buf, .init = begin, .fini = end);

static void expect_holds(const s2s__buf *b, const char *want)
{
    s2s_str have = s2s__buf_view(b);
    cr_expect(s2s_str_eq(have, s2s_str_of(want)), "want %s, have %.*s", want, S2S_FMT(have));
}

Test(buf, takes_no_memory_before_the_first_byte)
{
    s2s__buf b;
    s2s__buf_init(&b, &env.env, 10);
    cr_expect_eq(s2s__buf_append(&b, NULL, 0), S2S_OK);
    cr_expect_eq(env.live, 0);
    expect_holds(&b, "");
    cr_expect_not_null(s2s__buf_bytes(&b));
    s2s__buf_free(&b);
}

Test(buf, holds_its_maximum_and_not_a_byte_more)
{
    s2s__buf b;
    s2s__buf_init(&b, &env.env, 5);
    cr_expect_eq(s2s__buf_append(&b, "12345", 5), S2S_OK);
    cr_expect_eq(s2s__buf_append(&b, "6", 1), S2S_E_LIMIT);
    expect_holds(&b, "12345");
    cr_expect_eq(s2s__buf_append(&b, "", 0), S2S_E_LIMIT, "the first failure sticks");
    s2s__buf_drop(&b, 5);
    cr_expect_eq(s2s__buf_puts(&b, "x"), S2S_E_LIMIT);
    s2s__buf_clear(&b);
    cr_expect_eq(s2s__buf_puts(&b, "x"), S2S_OK);
    s2s__buf_clear(&b);
    cr_expect_eq(s2s__buf_reserve(&b, SIZE_MAX), S2S_E_LIMIT, "no overflow");
    s2s__buf_free(&b);
    expect_holds(&b, "");
    cr_expect_eq(s2s__buf_puts(&b, "usable"), S2S_E_LIMIT, "and as large as before");
    s2s__buf_free(&b);
    cr_expect_eq(s2s__buf_puts(&b, "again"), S2S_OK);
    s2s__buf_free(&b);
}

Test(buf, is_a_queue_that_moves_its_bytes_only_when_it_must)
{
    enum { STEP = 100, STEPS = 50 };
    s2s__buf b;
    char block[STEP], next = 0, first = 0;
    s2s__buf_init(&b, &env.env, 4 * STEP);
    for (int i = 0; i < STEPS; i++) {
        for (int k = 0; k < STEP; k++)
            block[k] = next++;
        cr_assert_eq(s2s__buf_append(&b, block, STEP), S2S_OK);
        if (i < 2)
            continue;
        for (int k = 0; k < STEP; k++)
            cr_assert_eq((char)s2s__buf_bytes(&b)[k], first++);
        s2s__buf_drop(&b, STEP);
    }
    cr_expect_eq(b.len, 2 * STEP);
    cr_expect_leq(b.room, 2 * 4 * STEP);
    s2s__buf_free(&b);
}

Test(buf, escapes_for_text_and_for_either_quote)
{
    s2s__buf b;
    s2s__buf_init(&b, &env.env, 1000);
    s2s__buf_escape(&b, S2S_STR("a&b<c>d'e\"f\tg\nh\ri"));
    expect_holds(&b, "a&amp;b&lt;c&gt;d&apos;e&quot;f&#9;g&#10;h&#13;i");
    s2s__buf_clear(&b);
    s2s__buf_escape(&b, S2S_STR(""));
    s2s__buf_escape(&b, S2S_STR_ABSENT);
    s2s__buf_str(&b, S2S_STR_ABSENT);
    expect_holds(&b, "");
    s2s__buf_attr(&b, "x", S2S_STR("it's"));
    s2s__buf_attr(&b, "y", S2S_STR_ABSENT);
    s2s__buf_attr(&b, "z", S2S_STR(""));
    expect_holds(&b, " x='it&apos;s' z=''");
    s2s__buf_free(&b);
}

Test(buf, copies_text_for_humans)
{
    static const struct {
        const char *name;
        size_t fill; /* 'x' before `in` */
        const char *in, *want_end;
        size_t want_len;
    } rows[] = {
        {"plain", 0, "why not", "why not", 7},
        {"controls", 0, "a\tb\nc\x1b[1m\x7f", "a?b?c?[1m?", 10},
        {"umlaut", 0, "\xc3\xa4", "\xc3\xa4", 2},
        {"fits exactly", S2S_TEXT_MAX - 2, "y", "y", S2S_TEXT_MAX - 1},
        {"one too long", S2S_TEXT_MAX - 2, "yz", "y", S2S_TEXT_MAX - 1},
        {"character fits", S2S_TEXT_MAX - 3, "\xc3\xa4", "\xc3\xa4", S2S_TEXT_MAX - 1},
        {"character would be cut", S2S_TEXT_MAX - 2, "\xc3\xa4", "x", S2S_TEXT_MAX - 2},
        {"long character would be cut", S2S_TEXT_MAX - 3, "\xf0\x9f\x98\x80", "x", S2S_TEXT_MAX - 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char in[2 * S2S_TEXT_MAX], out[S2S_TEXT_MAX];
        size_t len = strlen(rows[i].in), end_len = strlen(rows[i].want_end);
        memset(in, 'x', rows[i].fill);
        memcpy(in + rows[i].fill, rows[i].in, len);
        s2s__copy_text(out, (s2s_str){in, rows[i].fill + len});
        cr_assert_eq(strlen(out), rows[i].want_len, "%s", rows[i].name);
        cr_expect_str_eq(out + rows[i].want_len - end_len, rows[i].want_end, "%s", rows[i].name);
    }
}

static s2s_err fill_and_copy(void)
{
    s2s__buf b;
    s2s__buf_init(&b, &env.env, 100000);
    s2s_err err = S2S_OK;
    for (int i = 0; i < 1000 && err == S2S_OK; i++)
        err = s2s__buf_puts(&b, "0123456789<&");
    char *copy = s2s__strdup(&env.env, s2s__buf_view(&b));
    if (err == S2S_OK && !copy)
        err = S2S_E_NOMEM;
    if (copy && err == S2S_OK)
        cr_expect_eq(strlen(copy), 12000);
    s2s__free(&env.env, copy);
    s2s__buf_free(&b);
    return err;
}

Test(buf, every_allocation_may_fail)
{
    s2s_err err = S2S_E_NOMEM;
    long n = 0;
    for (; err == S2S_E_NOMEM && n < 100; n++) {
        env.fail_after = n;
        err = fill_and_copy();
        cr_assert_eq(env.live, 0, "allocation %ld", n);
    }
    cr_expect_eq(err, S2S_OK);
    cr_expect_gt(n, 3);
}

Test(buf, memory_is_zeroed_and_absent_text_is_copied_as_empty)
{
    static const uint8_t zero[64];
    uint8_t *p = s2s__alloc(&env.env, sizeof zero);
    char *s = s2s__strdup(&env.env, S2S_STR_ABSENT);
    cr_assert(p && s);
    cr_expect_arr_eq(p, zero, sizeof zero);
    cr_expect_str_eq(s, "");
    s2s__free(&env.env, p);
    s2s__free(&env.env, s);
    s2s__free(&env.env, NULL);
}
