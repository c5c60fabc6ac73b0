/* SPDX-License-Identifier: MIT */
/* backoff.h: truncated exponential back-off with jitter (RFC 6120 section 3.3). Internal. */
#ifndef S2S_BACKOFF_H
#define S2S_BACKOFF_H

#include "s2s/limits.h"

/* After the n-th failure in a row (`failures`, 1 or more): limits.retry_ms, doubled for each one before, at most
 * limits.retry_max_ms, less up to half of it by `random`, so that many pairs do not come back at once. Milliseconds. */
s2s_time s2s__backoff(const s2s_limits *limits, unsigned failures, uint64_t random);

#endif
