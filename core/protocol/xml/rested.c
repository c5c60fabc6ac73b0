/* SPDX-License-Identifier: MIT */
/* rested.c: from a reader to what an idle stream keeps of it, and back. A reader that goes on has no parser before it needs one. */
#include "protocol/xml/reader_inside.h"

#include <string.h>

static s2s_str put(char **at, s2s_str text)
{
    if (!text.ptr)
        return text;
    memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return (s2s_str){*at - text.len, text.len};
}

/* NULL: the start tag is too long to be kept, or there is no memory. */
static s2s__rested *describe(const s2s__reader *r)
{
    s2s_str root = s2s__buf_view(&r->root), lang = r->header.lang;
    s2s__rested *rested = root.len > 0 ? s2s__alloc(r->env, sizeof *rested + root.len + lang.len) : NULL;
    if (!rested)
        return NULL;
    char *at = (char *)(rested + 1);
    rested->env = r->env;
    rested->content_ns = r->content_ns;
    rested->root = put(&at, root);
    rested->lang = put(&at, lang);
    rested->default_content = r->tag.default_content;
    return rested;
}

s2s__rested *s2s__reader_rest(s2s__reader *r)
{
    bool between = r->depth == 1 && r->buf.len == 0 && !r->suspended && !r->open_ready && !r->element_ready;
    if (!between || r->bad != UTF8_OK || r->cond != S2S_COND_NONE)
        return NULL;
    s2s__rested *rested = r->rested ? r->rested : describe(r);
    if (!rested)
        return NULL;
    rested->limit = r->limit;
    rested->skip_limit = r->skip_limit;
    r->rested = NULL;
    s2s__reader_free(r);
    return rested;
}

s2s__reader *s2s__reader_wake(s2s__rested *rested)
{
    s2s__reader *r = s2s__reader_make(rested->env, rested->content_ns);
    if (!r)
        return NULL;
    r->rested = rested;
    r->header.lang = rested->lang;
    r->tag.default_content = rested->default_content;
    r->depth = 1;
    r->began = true;
    r->base = r->given = r->done = r->tag_end = rested->root.len;
    s2s__reader_set_limit(r, rested->limit, rested->skip_limit);
    return r;
}

void s2s__rested_free(s2s__rested *rested)
{
    if (rested)
        s2s__free(rested->env, rested);
}
