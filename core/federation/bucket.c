/* SPDX-License-Identifier: MIT */
/* bucket.c: what may be read from a remote domain. A byte per second is a thousandth of a byte per millisecond. */
#include "federation/bucket.h"

enum { PARTS = 1000 };

static int64_t left_at(const s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now)
{
    int64_t most = (int64_t)limit->burst * PARTS;
    if (b->left >= most) /* also one that was larger before a reload */
        return most;
    uint64_t passed = now > b->at ? now - b->at : 0, missing = (uint64_t)(most - b->left);
    return passed > missing / limit->bytes ? most : b->left + (int64_t)(passed * limit->bytes);
}

void s2s__bucket_init(s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now)
{
    *b = (s2s__bucket){.at = now, .left = (int64_t)limit->burst * PARTS};
}

bool s2s__bucket_spend(s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now, size_t bytes)
{
    b->left = left_at(b, limit, now) - (int64_t)bytes * PARTS;
    b->at = now;
    return b->left > 0;
}

s2s_time s2s__bucket_ready(const s2s__bucket *b, const s2s__rate_limit *limit)
{
    return b->left > 0 ? b->at : b->at + (uint64_t)-b->left / limit->bytes + 1;
}

bool s2s__bucket_is_full(const s2s__bucket *b, const s2s__rate_limit *limit, s2s_time now)
{
    return left_at(b, limit, now) == (int64_t)limit->burst * PARTS;
}
