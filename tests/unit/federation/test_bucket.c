/* SPDX-License-Identifier: MIT */
/* test_bucket.c: bucket.c, by a clock of its own. */
#include "federation/bucket.h"

#include <criterion/criterion.h>

static const s2s__rate_limit SLOW = {.bytes = 1000, .burst = 5000};

Test(bucket, a_burst_passes_at_once_and_then_only_what_flows_in)
{
    s2s__bucket b;
    s2s__bucket_init(&b, &SLOW, 100);
    cr_expect(s2s__bucket_is_full(&b, &SLOW, 100));
    cr_expect(s2s__bucket_spend(&b, &SLOW, 100, 4999));
    cr_expect(!s2s__bucket_spend(&b, &SLOW, 100, 1));
    cr_expect_eq(s2s__bucket_ready(&b, &SLOW), 101u);
    cr_expect(!s2s__bucket_spend(&b, &SLOW, 101, 1));
    cr_expect(s2s__bucket_spend(&b, &SLOW, 1100, 998));
}

Test(bucket, a_debt_is_paid_first)
{
    s2s__bucket b;
    s2s__bucket_init(&b, &SLOW, 0);
    cr_expect(!s2s__bucket_spend(&b, &SLOW, 0, 15000));
    cr_expect_eq(s2s__bucket_ready(&b, &SLOW), 10001u);
    cr_expect(!s2s__bucket_spend(&b, &SLOW, 9999, 0));
    cr_expect(!s2s__bucket_spend(&b, &SLOW, 10000, 0));
    cr_expect(s2s__bucket_spend(&b, &SLOW, 10001, 0));
}

Test(bucket, never_holds_more_than_its_burst)
{
    s2s__bucket b;
    s2s__bucket_init(&b, &SLOW, 0);
    cr_expect(s2s__bucket_spend(&b, &SLOW, UINT64_MAX / 2, 4999));
    cr_expect(!s2s__bucket_spend(&b, &SLOW, UINT64_MAX / 2, 1));
    cr_expect(!s2s__bucket_is_full(&b, &SLOW, UINT64_MAX / 2 + 4999));
    cr_expect(s2s__bucket_is_full(&b, &SLOW, UINT64_MAX / 2 + 5000));
}

Test(bucket, no_share_of_a_millisecond_is_lost_at_any_rate)
{
    static const s2s__rate_limit ROWS[] = {{1, 1}, {3, 100}, {999, 70000}, {1001, 1}, {1u << 30, 1u << 30}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s__bucket b;
        s2s_time now = 0, end = 3600000;
        uint64_t spent = 0;
        s2s__bucket_init(&b, &ROWS[i], 0);
        while (now < end) { /* one read of 16 KiB each time, as soon as it may */
            spent += 16384;
            if (!s2s__bucket_spend(&b, &ROWS[i], now, 16384) || ROWS[i].bytes > 1u << 20)
                now = s2s__bucket_ready(&b, &ROWS[i]) > now ? s2s__bucket_ready(&b, &ROWS[i]) : now + 1;
        }
        uint64_t may = ROWS[i].burst + ROWS[i].bytes * (end / 1000);
        cr_expect_leq(spent, may + 16384, "row %zu: %llu", i, (unsigned long long)spent);
        if (ROWS[i].bytes <= 1u << 20)
            cr_expect_geq(spent + 16384, may, "row %zu: %llu", i, (unsigned long long)spent);
    }
}

Test(bucket, a_clock_that_stands_gives_nothing_and_a_smaller_burst_holds_at_once)
{
    static const s2s__rate_limit SMALLER = {.bytes = 1000, .burst = 10};
    s2s__bucket b;
    s2s__bucket_init(&b, &SLOW, 50);
    cr_expect(!s2s__bucket_spend(&b, &SMALLER, 50, 10));
    cr_expect(!s2s__bucket_spend(&b, &SMALLER, 40, 0), "and one that goes back");
}
