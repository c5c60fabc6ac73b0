/* SPDX-License-Identifier: MIT */
/* stanza_copy.c: what was lent is kept, for a queue or another thread. */
#include "protocol/stanza_copy.h"

#include <string.h>

size_t s2s__stanza_text(const s2s_stanza *st)
{
    return st->from.len + st->to.len + st->id.len + st->type.len + st->lang.len + st->attrs.len + st->inner.len;
}

s2s_str s2s__str_copy(char **at, s2s_str s)
{
    if (!s.ptr)
        return s;
    s2s_str copy = {memcpy(*at, s.ptr, s.len), s.len};
    *at += s.len;
    return copy;
}

void s2s__stanza_copy(const s2s_stanza *st, char *text, s2s_stanza *out)
{
    *out = (s2s_stanza){.kind = st->kind,
                        .from = s2s__str_copy(&text, st->from),
                        .to = s2s__str_copy(&text, st->to),
                        .id = s2s__str_copy(&text, st->id),
                        .type = s2s__str_copy(&text, st->type),
                        .lang = s2s__str_copy(&text, st->lang),
                        .attrs = s2s__str_copy(&text, st->attrs),
                        .inner = s2s__str_copy(&text, st->inner)};
}
