/* SPDX-License-Identifier: MIT */
/* test_limits.c: defaults and ranges of the limits. */
#include "s2s/limits.h"

#include <string.h>

#include <criterion/criterion.h>

Test(limits, defaults_are_within_their_ranges)
{
    s2s_limits limits;
    s2s_limits_init(&limits);
    cr_expect_null(s2s_limits_check(&limits));
    cr_expect_geq(limits.stanza_bytes, 10000, "DO-01");
    cr_expect(limits.sasl_attempts >= 2 && limits.sasl_attempts <= 5, "SA-09");
}

Test(limits, each_is_checked_at_both_ends)
{
    s2s_limits limits;
    const char *bad;
#define S2S_X(field, value, least, most, unit, words)                                              \
    s2s_limits_init(&limits);                                                                      \
    cr_expect_eq(limits.field, (uint32_t)(value), #field);                                         \
    limits.field = (least);                                                                        \
    cr_expect_null(s2s_limits_check(&limits), #field);                                             \
    limits.field = (most);                                                                         \
    cr_expect_null(s2s_limits_check(&limits), #field);                                             \
    limits.field = (uint32_t)(most) + 1;                                                           \
    bad = s2s_limits_check(&limits);                                                               \
    cr_expect(bad && strcmp(bad, #field) == 0, #field " above its range");                         \
    limits.field = UINT32_MAX;                                                                     \
    bad = s2s_limits_check(&limits);                                                               \
    cr_expect(bad && strcmp(bad, #field) == 0, #field " at the type's maximum");                   \
    limits.field = (uint32_t)(least) - 1; /* UINT32_MAX where the least is 0 */                    \
    bad = s2s_limits_check(&limits);                                                               \
    cr_expect(bad && strcmp(bad, #field) == 0, #field " below its range");
    S2S_LIMITS(S2S_X)
#undef S2S_X
}

Test(limits, the_first_bad_one_is_named)
{
    s2s_limits limits;
    s2s_limits_init(&limits);
    limits.chain_bytes = limits.xml_depth = 0;
    cr_expect_str_eq(s2s_limits_check(&limits), "xml_depth");
}
