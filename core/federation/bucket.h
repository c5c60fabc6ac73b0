/* SPDX-License-Identifier: MIT */
/* bucket.h: a token bucket of bytes that may run into debt: what has been read can no longer be refused. Internal. */
#ifndef S2S_BUCKET_H
#define S2S_BUCKET_H

#include "s2s/base.h"

typedef struct s2s__bucket {
    s2s_time at;  /* when `left` was true */
    int64_t left; /* thousandths of a byte, so that no millisecond's share is lost; negative: a debt */
} s2s__bucket;

/* Both from 1 to 2^30. */
typedef struct s2s__rate_limit {
    uint32_t bytes; /* per second */
    uint32_t burst; /* what a full bucket holds */
} s2s__rate_limit;

void s2s__bucket_init(s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now); /* full */
/* `bytes` were read. False: the bucket is empty. */
bool s2s__bucket_spend(s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now, size_t bytes);
/* From when on there will be something in it; `now` or before: there is. */
s2s_time s2s__bucket_ready(const s2s__bucket *b, const s2s__rate_limit *limit);
bool s2s__bucket_is_full(const s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now);

#endif
