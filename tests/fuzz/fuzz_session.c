/* SPDX-License-Identifier: MIT */
/* fuzz_session.c: one session (FUZZ_ROLE) against any peer. The first byte: how the caller answers; the second: chunk size;
 * 0xff in the rest: the next byte is a step of the caller's. */
#include "fuzz/driver.h"

enum { STEP = 0xff };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = {data, size};
    static driver d; /* one at a time, and large */
    uint8_t how = fuzz_byte(&in), chunk = fuzz_byte(&in);
    driver_begin(&d, FUZZ_ROLE, how);
    while (in.left > 0) {
        size_t n = 0, most = chunk ? chunk : in.left;
        while (n < in.left && n < most && in.at[n] != STEP)
            n++;
        driver_feed(&d, fuzz_take(&in, n));
        if (in.left > 0 && in.at[0] == STEP) {
            (void)fuzz_byte(&in);
            driver_act(&d, fuzz_byte(&in));
        }
    }
    /* Whatever came, time ends it. */
    for (int i = 0; i < 4 && !d.over && !d.established; i++)
        driver_act(&d, DRIVER_WAIT_LONG);
    fuzz_must(d.over || d.established);
    driver_end(&d);
    return 0;
}
