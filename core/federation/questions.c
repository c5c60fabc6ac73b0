/* SPDX-License-Identifier: MIT */
/* questions.c: what the policy was asked and has not answered, found by its ticket: a place in a list, and a number that
 * makes each use of the place another one, so that an answer which comes twice or too late finds nothing. */
#include "federation/internal.h"

#include "protocol/buf.h"

enum {
    PLACE_BITS = 24, /* of a ticket; what is above them counts the questions */
    FIRST_ROOM = 16,
};

#define PLACES ((size_t)1 << PLACE_BITS) /* more cannot wait: each belongs to a stream or to a claim on one, which are bounded */

struct s2s__question {
    s2s_ticket ticket;   /* 0: the place is free */
    s2s__stream *stream;
    s2s__claim *claim;   /* NULL: it is about the stream itself */
    size_t next_free;    /* of a free place, one more than the index; 0: none */
};

static bool grow(s2s_federation *f)
{
    s2s__questions *q = &f->questions;
    size_t room = q->room ? 2 * q->room : FIRST_ROOM;
    if (room > PLACES)
        return false;
    s2s__question *list = f->env->ops->resize(f->env->user, q->list, room * sizeof *list);
    if (!list)
        return false;
    q->list = list;
    for (size_t i = room; i-- > q->room;) {
        list[i] = (s2s__question){.next_free = q->free};
        q->free = i + 1;
    }
    q->room = room;
    return true;
}

s2s_ticket s2s__question_add(s2s__stream *stream, s2s__claim *claim)
{
    s2s__questions *q = &stream->f->questions;
    if (q->free == 0 && !grow(stream->f))
        return 0;
    size_t place = q->free - 1;
    s2s__question *it = &q->list[place];
    q->free = it->next_free;
    *it = (s2s__question){.ticket = ++q->asked << PLACE_BITS | place, .stream = stream, .claim = claim};
    return it->ticket;
}

static s2s__question *find(s2s_federation *f, s2s_ticket ticket)
{
    size_t place = ticket & (PLACES - 1);
    if (ticket == 0 || place >= f->questions.room || f->questions.list[place].ticket != ticket)
        return NULL;
    return &f->questions.list[place];
}

void s2s__question_drop(s2s_federation *f, s2s_ticket ticket)
{
    s2s__question *it = find(f, ticket);
    if (!it)
        return;
    *it = (s2s__question){.next_free = f->questions.free};
    f->questions.free = (size_t)(it - f->questions.list) + 1;
}

s2s_err s2s_federation_answer(s2s_federation *f, s2s_ticket ticket, const s2s_verdict *verdict)
{
    const s2s__question *it = find(f, ticket);
    if (!it)
        return S2S_E_NOTFOUND;
    if (it->claim)
        s2s__claim_answer(it->claim, verdict);
    else
        s2s__stream_answer(it->stream, verdict);
    return S2S_OK;
}

void s2s__questions_free(s2s_federation *f)
{
    s2s__free(f->env, f->questions.list);
}
