/* SPDX-License-Identifier: MIT */
/* limits.c: defaults and ranges of the limits, from their one table. */
#include "s2s/limits.h"

void s2s_limits_init(s2s_limits *limits)
{
#define S2S_X(field, value, least, most, unit, words) limits->field = (value);
    S2S_LIMITS(S2S_X)
#undef S2S_X
}

const char *s2s_limits_check(const s2s_limits *limits)
{
#define S2S_X(field, value, least, most, unit, words)                                              \
    if (limits->field > (most) || limits->field + 1u < (least) + 1u)                               \
        return #field;
    S2S_LIMITS(S2S_X)
#undef S2S_X
    return NULL;
}
