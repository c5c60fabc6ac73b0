/* SPDX-License-Identifier: MIT */
/* rested.c: from a reader to what an idle stream keeps of it, and back. */
#include "protocol/xml/rested.h"

#include <string.h>

s2s__rested *s2s__reader_rest(s2s__reader *r)
{
    s2s_str root = s2s__reader_root(r);
    s2s__rested bounds = s2s__reader_bounds(r);
    s2s__rested *rested = root.len > 0 ? s2s__alloc(bounds.env, sizeof *rested + root.len) : NULL;
    if (!rested)
        return NULL;
    *rested = bounds;
    rested->len = root.len;
    memcpy(rested + 1, root.ptr, root.len);
    s2s__reader_free(r);
    return rested;
}

/* The new parser sees the stream's start tag, as the old one had: same namespaces, same end tag to come. It was read before, so that
 * only memory can be missing. */
s2s__reader *s2s__reader_wake(s2s__rested *rested)
{
    s2s__reader *r;
    s2s__item item;
    if (s2s__reader_new(rested->env, rested->content_ns, &r) != S2S_OK)
        return NULL;
    s2s__reader_set_limit(r, S2S__ROOT_TAG_MAX, 0);
    if (s2s__reader_feed(r, (s2s_bytes){(const uint8_t *)(rested + 1), rested->len}) != S2S_OK ||
        s2s__reader_next(r, &item) != ITEM_OPEN || s2s__reader_next(r, &item) != ITEM_NONE) {
        s2s__reader_free(r);
        return NULL;
    }
    s2s__reader_set_limit(r, rested->limit, rested->skip_limit);
    s2s__rested_free(rested);
    return r;
}

void s2s__rested_free(s2s__rested *rested)
{
    if (rested)
        s2s__free(rested->env, rested);
}
