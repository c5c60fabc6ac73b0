/* SPDX-License-Identifier: MIT */
/* test_pairs.c: authorised pairs. */
#include "protocol/session/pairs.h"

#include <criterion/criterion.h>

#include "support/test_env.h"

Test(pairs, match_both_domains_in_any_form)
{
    static const struct {
        const char *id, *local, *remote;
        s2s__pair_match want;
    } rows[] = {
        {"SZ-02 the pair", "b.example", "a.example", PAIR_OK},
        {"AD-07 other spellings", "B.EXAMPLE.", "A.example", PAIR_OK},
        {"SZ-02 other remote", "b.example", "c.example", PAIR_REMOTE_UNKNOWN},
        {"SZ-02 subdomain of the remote", "b.example", "x.a.example", PAIR_REMOTE_UNKNOWN},
        {"SZ-03 other local", "rooms.b.example", "a.example", PAIR_LOCAL_UNKNOWN},
        {"SZ-02 both wrong", "c.example", "d.example", PAIR_REMOTE_UNKNOWN},
        {"SZ-02 swapped", "a.example", "b.example", PAIR_REMOTE_UNKNOWN},
        {"SZ-02 not a domain", "b.example", "a..example", PAIR_REMOTE_UNKNOWN},
    };
    test_env env;
    s2s__pairs pairs = {0};
    test_env_init(&env);
    cr_expect_eq(s2s__pairs_match(&pairs, S2S_STR("b.example"), S2S_STR("a.example")), PAIR_REMOTE_UNKNOWN,
                 "ST-15: nothing is authorised at first");
    cr_assert_eq(s2s__pairs_add(&pairs, &env.env, S2S_STR("b.example"), S2S_STR("a.example")), S2S_OK);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(s2s__pairs_match(&pairs, s2s_str_of(rows[i].local), s2s_str_of(rows[i].remote)), rows[i].want,
                     "%s", rows[i].id);
    cr_expect_eq(pairs.proven, 1u, "SA-11: exactly one");
    s2s__pairs_free(&pairs, &env.env);
    cr_expect_eq(s2s__pairs_match(&pairs, S2S_STR("b.example"), S2S_STR("a.example")), PAIR_REMOTE_UNKNOWN);
    cr_expect_eq(env.live, 0);
}

Test(pairs, what_is_asked_for_is_not_proven)
{
    test_env env;
    s2s__pairs pairs = {0};
    s2s_str b = S2S_STR("b.example"), a = S2S_STR("a.example"), c = S2S_STR("c.example");
    test_env_init(&env);
    cr_assert_eq(s2s__pairs_add(&pairs, &env.env, b, a), S2S_OK);
    cr_assert_eq(s2s__pairs_ask(&pairs, &env.env, b, c), S2S_OK);
    cr_assert_eq(s2s__pairs_ask(&pairs, &env.env, b, c), S2S_OK, "once more");
    cr_expect_eq(s2s__pairs_asked(&pairs), 1u);
    cr_expect_eq(s2s__pairs_match(&pairs, b, c), PAIR_REMOTE_UNKNOWN, "DB-03: not before it is valid");
    cr_expect_eq(s2s__pairs_match(&pairs, b, a), PAIR_OK, "DB-03 DB-07: the others go on");
    cr_assert_eq(s2s__pairs_add(&pairs, &env.env, b, c), S2S_OK);
    cr_expect_eq(s2s__pairs_match(&pairs, b, c), PAIR_OK);
    s2s__pairs_drop(&pairs, &env.env, b, c);
    cr_expect_eq(s2s__pairs_match(&pairs, b, c), PAIR_OK, "only what is undecided can be dropped");
    cr_assert_eq(s2s__pairs_ask(&pairs, &env.env, c, a), S2S_OK);
    s2s__pairs_drop(&pairs, &env.env, c, a);
    cr_expect_null(s2s__pairs_find(&pairs, c, a));
    cr_expect_eq(s2s__pairs_asked(&pairs), 0u);
    s2s__pairs_free(&pairs, &env.env);
    cr_expect_eq(env.live, 0u);
}

Test(pairs, both_numbers_are_bounded)
{
    test_env env;
    s2s__pairs pairs = {0};
    s2s_str b = S2S_STR("b.example");
    test_env_init(&env);
    env.env.limits.stream_pairs = 3;
    env.env.limits.dialback_asked = 2;
    cr_assert_eq(s2s__pairs_ask(&pairs, &env.env, b, S2S_STR("1.example")), S2S_OK);
    cr_assert_eq(s2s__pairs_ask(&pairs, &env.env, b, S2S_STR("2.example")), S2S_OK);
    cr_expect_eq(s2s__pairs_ask(&pairs, &env.env, b, S2S_STR("3.example")), S2S_E_LIMIT, "DB-19: undecided");
    cr_assert_eq(s2s__pairs_add(&pairs, &env.env, b, S2S_STR("1.example")), S2S_OK);
    cr_assert_eq(s2s__pairs_ask(&pairs, &env.env, b, S2S_STR("3.example")), S2S_OK);
    cr_expect_eq(s2s__pairs_ask(&pairs, &env.env, b, S2S_STR("4.example")), S2S_E_LIMIT);
    cr_expect_eq(s2s__pairs_add(&pairs, &env.env, b, S2S_STR("4.example")), S2S_E_LIMIT, "all of them");
    s2s__pairs_free(&pairs, &env.env);
    cr_expect_eq(env.live, 0u);
}

Test(pairs, every_allocation_may_fail)
{
    test_env env;
    s2s__pairs pairs = {0};
    test_env_init(&env);
    for (long n = 0; n < 3; n++) {
        env.fail_after = n;
        cr_expect_eq(s2s__pairs_add(&pairs, &env.env, S2S_STR("b"), S2S_STR("a")), S2S_E_NOMEM);
        cr_expect_eq(pairs.len, 0, "nothing is authorised by half");
        s2s__pairs_free(&pairs, &env.env);
        cr_expect_eq(env.live, 0);
    }
}
