/* SPDX-License-Identifier: MIT */
/* slow.c: local domains whose owner takes no more for now. A stream that brings a stanza to one is not read on until the owner does
 * again; other streams are. */
#include "federation/internal.h"

#include <string.h>

#include "protocol/buf.h"

typedef enum slow_state {
    SLOW,
    RESUMING,   /* its streams go on, one after the other */
    SLOW_AGAIN, /* while they did: the rest waits on */
} slow_state;

struct s2s__slow {
    s2s__slot slot; /* first: a slot is its domain */
    slow_state state;
    s2s__waiters waiters;
    char local[]; /* normal form */
};

static s2s__slow *find(const s2s_federation *f, s2s_str local)
{
    s2s__slot *slot = s2s__table_first(&f->slow, s2s__table_hash(&f->slow, local, S2S_STR_ABSENT));
    while (slot && !s2s_str_eq(s2s_str_of(((s2s__slow *)slot)->local), local))
        slot = s2s__table_next(slot);
    return (s2s__slow *)slot;
}

s2s_err s2s_federation_pause_to(s2s_federation *f, s2s_str local)
{
    char name[S2S_DOMAIN_MAX + 1];
    s2s_err err = s2s_domain_normalise(local, name);
    if (err != S2S_OK)
        return err;
    s2s__slow *slow = find(f, s2s_str_of(name));
    if (slow) {
        slow->state = slow->state == SLOW ? SLOW : SLOW_AGAIN;
        return S2S_OK;
    }
    size_t size = strlen(name) + 1;
    slow = s2s__alloc(f->env, sizeof *slow + size);
    if (!slow)
        return S2S_E_NOMEM;
    memcpy(slow->local, name, size);
    err = s2s__table_add(&f->slow, &slow->slot, s2s__table_hash(&f->slow, s2s_str_of(name), S2S_STR_ABSENT));
    if (err != S2S_OK)
        s2s__free(f->env, slow);
    return err;
}

void s2s__wait_join(s2s__waiters *list, s2s__stream *s)
{
    s->waits = list;
    s->prev_waiting = list->last;
    if (list->last)
        list->last->next_waiting = s;
    else
        list->first = s;
    list->last = s;
}

void s2s__wait_leave(s2s__stream *s)
{
    s2s__waiters *list = s->waits;
    if (!list)
        return;
    if (s->prev_waiting)
        s->prev_waiting->next_waiting = s->next_waiting;
    else
        list->first = s->next_waiting;
    if (s->next_waiting)
        s->next_waiting->prev_waiting = s->prev_waiting;
    else
        list->last = s->prev_waiting;
    s->next_waiting = s->prev_waiting = NULL;
    s->waits = NULL;
}

void s2s_federation_resume_to(s2s_federation *f, s2s_str local)
{
    char name[S2S_DOMAIN_MAX + 1];
    s2s__slow *slow = s2s_domain_normalise(local, name) == S2S_OK ? find(f, s2s_str_of(name)) : NULL;
    if (!slow)
        return;
    if (slow->state != SLOW) { /* called from within what follows */
        slow->state = RESUMING;
        return;
    }
    slow->state = RESUMING;
    while (slow->waiters.first && slow->state == RESUMING) {
        s2s__stream *s = slow->waiters.first;
        s2s__wait_leave(s);
        s2s__stream_flow(s); /* may deliver, and so make the domain slow again */
    }
    if (slow->state == SLOW_AGAIN) {
        slow->state = SLOW;
        return;
    }
    s2s__table_remove(&f->slow, &slow->slot);
    s2s__free(f->env, slow);
}

void s2s__slow_look(s2s__stream *s, const s2s_stanza *brought)
{
    s2s_jid to;
    char name[S2S_DOMAIN_MAX + 1];
    if (s->f->slow.len == 0 || s->waits || s2s_jid_split(brought->to, &to) != S2S_OK ||
        s2s_domain_normalise(to.domain, name) != S2S_OK)
        return;
    s2s__slow *slow = find(s->f, s2s_str_of(name));
    if (!slow || slow->state == RESUMING)
        return;
    s2s__wait_join(&slow->waiters, s);
    s2s__stream_flow(s);
}

static void free_slow(s2s__slot *slot, void *arg)
{
    s2s__free(((const s2s_federation *)arg)->env, slot);
}

void s2s__slow_free(s2s_federation *f)
{
    s2s__table_each(&f->slow, free_slow, f);
    s2s__table_free(&f->slow);
}
