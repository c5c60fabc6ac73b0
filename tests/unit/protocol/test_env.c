/* SPDX-License-Identifier: MIT */
/* test_env.c: the environment object and the log line. */
#include "protocol/log.h"

#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

Test(env, starts_with_the_default_limits_and_level)
{
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI};
    int user;
    s2s_env env;
    s2s_limits limits;
    memset(&env, 0xff, sizeof env);
    s2s_env_init(&env, &ops, &user);
    s2s_limits_init(&limits);
    cr_expect_eq(env.size, sizeof env);
    cr_expect_eq(env.ops, &ops);
    cr_expect_eq(env.user, &user);
    cr_expect_eq(env.level, S2S_LOG_INFO);
    cr_expect(memcmp(&env.limits, &limits, sizeof limits) == 0);
}

Test(env, levels_have_names)
{
    cr_expect_str_eq(s2s_level_name(S2S_LOG_DEBUG), "debug");
    cr_expect_str_eq(s2s_level_name(S2S_LOG_INFO), "info");
    cr_expect_str_eq(s2s_level_name(S2S_LOG_WARN), "warn");
    cr_expect_str_eq(s2s_level_name(S2S_LOG_ERROR), "error");
}

Test(env, what_is_below_the_level_is_not_logged)
{
    test_env t;
    const s2s_field fields[] = {{"a", S2S_STR("1")}, {"b", S2S_STR_ABSENT}};
    test_env_init(&t);
    t.env.level = S2S_LOG_WARN;
    s2s__log(&t.env, S2S_LOG_INFO, "hidden", NULL, 0);
    cr_expect_str_eq(t.last_log, "");
    s2s__log(&t.env, S2S_LOG_WARN, "shown", fields, 2);
    cr_expect_str_eq(t.last_log, "warn shown a=1 b=");
}

Test(env, a_missing_log_function_is_silence)
{
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI};
    s2s_env env;
    s2s_env_init(&env, &ops, NULL);
    s2s__log(&env, S2S_LOG_ERROR, "nobody hears it", NULL, 0);
}
