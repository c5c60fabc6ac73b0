/* SPDX-License-Identifier: MIT */
/* component_queue.c: a list of chunks; each is a stanza with its addresses, or framing. */
#include "component_queue.h"

#include <string.h>

#include "protocol/buf.h"

enum { TAG_ROOM = 128 }; /* names, quotes and brackets around a stanza's values */

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

static void link_last(component_queue *q, component_chunk *c)
{
    c->next = NULL;
    if (q->last)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    q->bytes += c->len;
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

/* A chunk with the stanza's bytes for the wire, and room for `extra` behind them. */
static component_chunk *write_chunk(const s2s_env *env, const s2s_stanza *st, size_t extra)
{
    size_t room = extra + st->lang.len + st->attrs.len + st->inner.len + TAG_ROOM;
    component_chunk *c = env->ops->resize(env->user, NULL, sizeof *c + room + extra);
    if (!c)
        return NULL;
    c->len = s2s_stanza_write(st, c->data, room);
    if (c->len <= room)
        return c;
    room = c->len; /* much had to be escaped */
    component_chunk *wider = env->ops->resize(env->user, c, sizeof *c + room + extra);
    if (!wider) {
        s2s__free(env, c);
        return NULL;
    }
    wider->len = s2s_stanza_write(st, wider->data, room);
    return wider;
}

s2s_err component_queue_stanza(component_queue *q, const s2s_stanza *st)
{
    component_chunk *c = write_chunk(q->env, st, st->from.len + st->to.len + st->id.len + st->type.len);
    if (!c)
        return S2S_E_NOMEM;
    char *at = c->data + c->len;
    c->is_stanza = true;
    c->head = (s2s_stanza){.kind = st->kind, .attrs = S2S_STR(""), .inner = S2S_STR("")};
    c->head.from = keep(&at, st->from);
    c->head.to = keep(&at, st->to);
    c->head.id = keep(&at, st->id);
    c->head.type = keep(&at, st->type);
    link_last(q, c);
    return S2S_OK;
}

s2s_err component_queue_text(component_queue *q, s2s_str text)
{
    if (text.len == 0)
        return S2S_OK;
    component_chunk *c = s2s__alloc(q->env, sizeof *c + text.len);
    if (!c)
        return S2S_E_NOMEM;
    memcpy(c->data, text.ptr, text.len);
    c->len = text.len;
    link_last(q, c);
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
