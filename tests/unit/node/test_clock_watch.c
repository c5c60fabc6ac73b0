/* SPDX-License-Identifier: MIT */
/* test_clock_watch.c: what is a jump of the clock, and what is not. */
#include <criterion/criterion.h>

#include "node/clock_watch.h"

TestSuite(clock_watch, .timeout = 60);

Test(clock_watch, jumps_are_told_once_and_slow_changes_never)
{
    static const struct {
        const char *name;
        int64_t wall, steady;
        int64_t want; /* 0: no jump */
    } ROWS[] = {
        {"time passes", 1010, 10, 0},           {"it is corrected a little", 1049, 20, 0},
        {"a second, each time", 1060, 30, 0},   {"ahead", 5000, 40, 3930},
        {"it stays there", 5010, 50, 0},        {"back", 1110, 60, -3910},
        {"a minute is none yet", 1180, 70, 0},  {"61 seconds are", 1251, 80, 61},
        {"the loop stood still", 2251, 1080, 0}, {"before 1970", -5, 1090, -2266},
    };
    clock_watch w = {.offset = 1000};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        int64_t seconds = 0;
        bool jump = clock_watch_look(&w, ROWS[i].wall, ROWS[i].steady, &seconds);
        cr_expect_eq(jump ? seconds : 0, ROWS[i].want, "%s: %ld", ROWS[i].name, (long)seconds);
    }
}
