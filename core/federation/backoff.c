/* SPDX-License-Identifier: MIT */
/* backoff.c: how long a remote server that could not be reached is left alone. */
#include "federation/backoff.h"

s2s_time s2s__backoff(const s2s_limits *limits, unsigned failures, uint64_t random)
{
    s2s_time wait = limits->retry_ms, most = limits->retry_max_ms;
    for (unsigned i = 1; i < failures && wait > 0 && wait < most; i++)
        wait *= 2;
    if (wait > most)
        wait = most;
    return wait - random % (wait / 2 + 1);
}
