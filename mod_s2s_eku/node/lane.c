/* SPDX-License-Identifier: MIT */
/* lane.c: chunks of memory that wander from the writer to the reader, and one back. */
#include "lane.h"

#include <stdalign.h>
#include <stddef.h>

#include "protocol/buf.h"
#include "protocol/stanza_copy.h"

struct lane_chunk {
    lane_chunk *next;
    size_t len, room, weight, counted;
    alignas(max_align_t) char bytes[];
};

/* The slices of `stanza` point behind it: a chunk never moves. */
typedef struct entry {
    size_t size; /* with what follows, a multiple of the alignment */
    lane_note *note; /* NULL: it is a stanza */
    void *arg;
    s2s_stanza stanza;
    char text[];
} entry;

s2s_err lane_init(lane *l, const s2s_env *env, uv_async_t *reader)
{
    const s2s_limits *limits = &env->limits;
    *l = (lane){.env = env, .reader = reader, .full = limits->queue_bytes / LANE_PART,
                .least = limits->queue_bytes / limits->queue_stanzas + 1, .written = 1};
    atomic_init(&l->taken, 1); /* 0 is for "does not wait" */
    return uv_mutex_init(&l->lock) < 0 ? S2S_E_NOMEM : S2S_OK;
}

static void free_all(const s2s_env *env, lane_chunk *c)
{
    while (c) {
        lane_chunk *next = c->next;
        s2s__free(env, c);
        c = next;
    }
}

void lane_free(lane *l)
{
    if (!l->env)
        return;
    free_all(l->env, l->open);
    free_all(l->env, l->reading);
    free_all(l->env, l->first);
    free_all(l->env, l->spare);
    uv_mutex_destroy(&l->lock);
    l->env = NULL;
}

/* -- writing ------------------------------------------------------------------------------------------- */

static lane_chunk *new_chunk(lane *l, size_t size)
{
    lane_chunk *c = NULL;
    if (size <= LANE_CHUNK_BYTES) {
        uv_mutex_lock(&l->lock);
        c = l->spare;
        l->spare = NULL;
        uv_mutex_unlock(&l->lock);
        size = LANE_CHUNK_BYTES;
    }
    if (!c)
        c = l->env->ops->resize(l->env->user, NULL, sizeof *c + size);
    if (c)
        *c = (lane_chunk){.room = size};
    return c;
}

void lane_flush(lane *l)
{
    if (!l->open)
        return;
    uv_mutex_lock(&l->lock);
    if (l->last)
        l->last->next = l->open;
    else
        l->first = l->open;
    l->last = l->open;
    uv_mutex_unlock(&l->lock);
    l->open = NULL;
    (void)uv_async_send(l->reader);
}

static entry *append(lane *l, size_t text)
{
    size_t align = alignof(max_align_t), size = (sizeof(entry) + text + align - 1) / align * align;
    if (l->open && l->open->len + size > l->open->room)
        lane_flush(l);
    if (!l->open && !(l->open = new_chunk(l, size)))
        return NULL;
    entry *e = (entry *)(void *)(l->open->bytes + l->open->len);
    size_t weight = size > l->least ? size : l->least;
    l->open->len += size;
    l->open->weight += weight;
    l->written += weight;
    e->size = size;
    return e;
}

uint64_t lane_count(const lane *l)
{
    return atomic_load(&l->count);
}

s2s_err lane_write(lane *l, const s2s_stanza *st, bool counted)
{
    entry *e = append(l, s2s__stanza_text(st));
    if (!e)
        return S2S_E_NOMEM;
    l->open->counted += counted;
    e->note = NULL;
    s2s__stanza_copy(st, e->text, &e->stanza);
    return S2S_OK;
}

s2s_err lane_write_note(lane *l, lane_note *note, void *arg)
{
    entry *e = append(l, 0);
    if (!e)
        return S2S_E_NOMEM;
    e->note = note;
    e->arg = arg;
    return S2S_OK;
}

bool lane_is_full(lane *l)
{
    if (atomic_load(&l->waits) != 0)
        return true; /* the reader will say when not */
    if (l->written - atomic_load(&l->taken) < l->full)
        return false;
    lane_flush(l); /* what is waited for must be under way */
    atomic_store(&l->waits, l->written);
    /* The reader may have taken the last of it before it could see that. Then one of the two takes the word back. */
    if (l->written - atomic_load(&l->taken) < l->full / 2 && atomic_exchange(&l->waits, 0) != 0)
        return false;
    return true;
}

bool lane_is_read(const lane *l)
{
    return l->written == atomic_load(&l->taken);
}

/* -- reading ------------------------------------------------------------------------------------------- */

/* Entries of the chunk at hand, while `each` wants more. */
static bool read_chunk(lane *l, lane_each *each, void *arg)
{
    lane_chunk *c = l->reading;
    while (l->at < c->len) {
        entry *e = (entry *)(void *)(c->bytes + l->at);
        l->at += e->size;
        if (e->note)
            e->note(e->arg);
        else if (!each(arg, &e->stanza))
            return false;
    }
    return true;
}

static void chunk_done(lane *l)
{
    lane_chunk *c = l->reading;
    l->reading = c->next;
    l->at = 0;
    atomic_store(&l->taken, atomic_load(&l->taken) + c->weight);
    if (c->counted > 0)
        atomic_fetch_add(&l->count, c->counted);
    c->next = NULL;
    uv_mutex_lock(&l->lock);
    bool keep_it = !l->spare && c->room == LANE_CHUNK_BYTES;
    if (keep_it)
        l->spare = c;
    uv_mutex_unlock(&l->lock);
    if (!keep_it)
        s2s__free(l->env, c);
}

static bool next_chunk(lane *l)
{
    if (l->reading)
        return true;
    uv_mutex_lock(&l->lock);
    l->reading = l->first;
    l->first = l->last = NULL;
    uv_mutex_unlock(&l->lock);
    return l->reading != NULL;
}

bool lane_read(lane *l, lane_each *each, void (*room)(void *arg), void *arg)
{
    while (next_chunk(l)) {
        bool more = read_chunk(l, each, arg);
        if (l->at == l->reading->len) {
            chunk_done(l);
            size_t since = atomic_load(&l->waits);
            if (since != 0 && since - atomic_load(&l->taken) < l->full / 2 && atomic_exchange(&l->waits, 0) != 0)
                room(arg);
        }
        if (!more)
            return false;
    }
    return true;
}
