/* SPDX-License-Identifier: MIT */
/* taken.c: stanzas that were delivered to somebody who will only later have them safe: until then no acknowledgement counts them
 * (XEP-0198). Each stream has one mark, set anew when it is reached: what came behind it waits for the next. */
#include "federation/internal.h"

static void set_mark(s2s__stream *s)
{
    s->mark = s->pulled;
    s->mark_delivery = s->delivery;
}

static void enlist(s2s__stream *s)
{
    s2s_federation *f = s->f;
    set_mark(s);
    s->prev_unsafe = NULL;
    s->next_unsafe = f->unsafe;
    if (f->unsafe)
        f->unsafe->prev_unsafe = s;
    f->unsafe = s;
}

static void strike(s2s__stream *s)
{
    if (s->prev_unsafe)
        s->prev_unsafe->next_unsafe = s->next_unsafe;
    else
        s->f->unsafe = s->next_unsafe;
    if (s->next_unsafe)
        s->next_unsafe->prev_unsafe = s->prev_unsafe;
    s->mark = 0;
}

static void tell(s2s__stream *s, bool drive)
{
    uint64_t count = s->pulled - s->safe;
    s2s__connection_unsafe(s->connection, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, drive);
}

void s2s__taken_note(s2s__stream *s)
{
    if (!s->f->taken_later)
        return;
    s->pulled++;
    s->delivery = s->f->delivered;
    if (s->mark == 0)
        enlist(s);
    tell(s, false);
}

void s2s__taken_drop(s2s__stream *s)
{
    if (s->mark != 0)
        strike(s);
}

static void look(s2s__stream *s)
{
    const s2s_federation *f = s->f;
    if (f->taken < s->mark_delivery)
        return;
    s->safe = s->mark;
    set_mark(s);
    if (f->taken >= s->mark_delivery) {
        s->safe = s->pulled;
        strike(s);
    }
    tell(s, true);
}

void s2s_federation_taken(s2s_federation *f, uint64_t count)
{
    f->taken = count;
    for (s2s__stream *s = f->unsafe, *next; s; s = next) {
        next = s->next_unsafe;
        look(s);
    }
}
