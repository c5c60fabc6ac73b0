/* SPDX-License-Identifier: MIT */
/* component_queue.c: a list of chunks; each is a stanza with its addresses, or framing. */
#include "component_queue.h"

#include <string.h>

#include "protocol/buf.h"

struct component_chunk {
    component_chunk *next;
    bool is_stanza;
    s2s_stanza head; /* slices of `data` behind the wire bytes */
    size_t len;      /* bytes for the wire */
    char data[];
};

void component_queue_init(component_queue *q, const s2s_env *env)
{
    *q = (component_queue){.env = env};
}

static component_chunk *take_first(component_queue *q)
{
    component_chunk *c = q->first;
    q->bytes -= c->len - q->sent;
    q->sent = 0;
    q->first = c->next;
    if (!q->first)
        q->last = NULL;
    return c;
}

void component_queue_free(component_queue *q)
{
    while (q->first)
        s2s__free(q->env, take_first(q));
}

static component_chunk *add(component_queue *q, size_t len, size_t extra)
{
    component_chunk *c = s2s__alloc(q->env, sizeof *c + len + extra);
    if (!c)
        return NULL;
    c->len = len;
    if (q->last)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    q->bytes += len;
    return c;
}

static s2s_str keep(char **at, s2s_str s)
{
    if (!s.ptr)
        return S2S_STR_ABSENT;
    char *copy = *at;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    *at += s.len;
    return (s2s_str){copy, s.len};
}

s2s_err component_queue_stanza(component_queue *q, const s2s_stanza *st)
{
    size_t len = s2s_stanza_write(st, NULL, 0);
    component_chunk *c = add(q, len, st->from.len + st->to.len + st->id.len + st->type.len);
    if (!c)
        return S2S_E_NOMEM;
    s2s_stanza_write(st, c->data, len);
    char *at = c->data + len;
    c->is_stanza = true;
    c->head = (s2s_stanza){.kind = st->kind, .attrs = S2S_STR(""), .inner = S2S_STR("")};
    c->head.from = keep(&at, st->from);
    c->head.to = keep(&at, st->to);
    c->head.id = keep(&at, st->id);
    c->head.type = keep(&at, st->type);
    return S2S_OK;
}

s2s_err component_queue_text(component_queue *q, s2s_str text)
{
    component_chunk *c = text.len ? add(q, text.len, 0) : NULL;
    if (!c)
        return text.len ? S2S_E_NOMEM : S2S_OK;
    memcpy(c->data, text.ptr, text.len);
    return S2S_OK;
}

size_t component_queue_lend(const component_queue *q, uv_buf_t *bufs, size_t max)
{
    size_t n = 0, skip = q->sent;
    for (component_chunk *c = q->first; c && n < max; c = c->next) {
        bufs[n++] = uv_buf_init(c->data + skip, (unsigned)(c->len - skip));
        skip = 0;
    }
    return n;
}

void component_queue_sent(component_queue *q, size_t len)
{
    while (len > 0 && q->first) {
        size_t rest = q->first->len - q->sent;
        if (len < rest) {
            q->sent += len;
            q->bytes -= len;
            return;
        }
        len -= rest;
        s2s__free(q->env, take_first(q));
    }
}

bool component_queue_pop(component_queue *q, s2s_stanza *out, component_chunk **held)
{
    component_chunk *before = NULL, *c = q->first;
    while (c && !c->is_stanza) {
        before = c;
        c = c->next;
    }
    if (!c)
        return false;
    if (!before) {
        take_first(q);
    } else {
        q->bytes -= c->len;
        before->next = c->next;
        if (q->last == c)
            q->last = before;
    }
    *out = c->head;
    *held = c;
    return true;
}

void component_queue_drop(component_queue *q, component_chunk *held)
{
    s2s__free(q->env, held);
}
