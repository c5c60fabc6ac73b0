/* SPDX-License-Identifier: MIT */
/* queue.c: one block of memory per stanza that waits. */
#include "federation/queue.h"

#include "protocol/buf.h"
#include "protocol/stanza_copy.h"

struct s2s__queued {
    s2s__queued *next;
    size_t size; /* of the block: what counts against limits.queue_bytes */
    s2s_stanza stanza;
    char bytes[];
};

s2s_err s2s__queue_push(s2s__queue *q, const s2s_env *env, const s2s_stanza *stanza)
{
    size_t size = sizeof(s2s__queued) + s2s__stanza_text(stanza);
    if (q->stanzas >= env->limits.queue_stanzas || size + q->bytes > env->limits.queue_bytes)
        return S2S_E_LIMIT;
    return s2s__queue_add(q, env, stanza);
}

s2s_err s2s__queue_add(s2s__queue *q, const s2s_env *env, const s2s_stanza *stanza)
{
    size_t size = sizeof(s2s__queued) + s2s__stanza_text(stanza);
    s2s__queued *e = s2s__alloc(env, size);
    if (!e)
        return S2S_E_NOMEM;
    e->size = size;
    s2s__stanza_copy(stanza, e->bytes, &e->stanza);
    if (q->last)
        q->last->next = e;
    else
        q->first = e;
    q->last = e;
    q->stanzas++;
    q->bytes += size;
    q->added += size;
    return S2S_OK;
}

void s2s__queue_put_before(s2s__queue *q, s2s__queue *older)
{
    if (!older->last)
        return;
    older->last->next = q->first;
    q->first = older->first;
    if (!q->last)
        q->last = older->last;
    q->stanzas += older->stanzas;
    q->bytes += older->bytes;
    q->added += older->bytes;
    *older = (s2s__queue){0};
}

const s2s_stanza *s2s__queue_first(const s2s__queue *q)
{
    return q->first ? &q->first->stanza : NULL;
}

void s2s__queue_pop(s2s__queue *q, const s2s_env *env)
{
    s2s__queued *e = q->first;
    q->first = e->next;
    if (!q->first)
        q->last = NULL;
    q->stanzas--;
    q->bytes -= e->size;
    s2s__free(env, e);
}

void s2s__queue_clear(s2s__queue *q, const s2s_env *env)
{
    while (q->first)
        s2s__queue_pop(q, env);
}

size_t s2s__queue_filled(const s2s__queue *q, const s2s_env *env, size_t parts)
{
    size_t by_number = q->stanzas * parts / env->limits.queue_stanzas;
    size_t by_bytes = q->bytes * parts / env->limits.queue_bytes;
    return by_number > by_bytes ? by_number : by_bytes;
}
