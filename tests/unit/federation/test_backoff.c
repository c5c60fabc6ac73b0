/* SPDX-License-Identifier: MIT */
/* test_backoff.c: backoff.c, ST-22. */
#include "federation/backoff.h"

#include <criterion/criterion.h>
#include <limits.h>

Test(backoff, doubles_up_to_its_maximum_and_takes_up_to_half_away)
{
    static const struct {
        uint32_t first, most;
        unsigned failures;
        s2s_time want;
    } ROWS[] = {
        {5000, 300000, 1, 5000},        {5000, 300000, 2, 10000},  {5000, 300000, 7, 300000}, {5000, 300000, 6, 160000},
        {5000, 300000, UINT_MAX, 300000}, {0, 300000, 9, 0},       {5000, 0, 3, 0},           {5000, 1000, 1, 1000},
        {3600000, 86400000, 40, 86400000}, {1, 86400000, 100, 86400000},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s_limits l;
        s2s_limits_init(&l);
        l.retry_ms = ROWS[i].first;
        l.retry_max_ms = ROWS[i].most;
        s2s_time want = ROWS[i].want;
        cr_expect_eq(s2s__backoff(&l, ROWS[i].failures, 0), want, "row %zu", i);
        cr_expect_eq(s2s__backoff(&l, ROWS[i].failures, want / 2), want - want / 2, "row %zu", i);
        for (uint64_t random = 1; random != 0; random <<= 1) {
            s2s_time wait = s2s__backoff(&l, ROWS[i].failures, random);
            cr_expect(wait <= want && wait >= want / 2, "row %zu: %lu", i, (unsigned long)wait);
        }
    }
}
