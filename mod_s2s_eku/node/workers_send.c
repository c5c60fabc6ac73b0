/* SPDX-License-Identifier: MIT */
/* workers_send.c: from the main loop to the worker that a remote domain belongs to, and which pairs of domains hold their senders there. */
#include <string.h>

#include "protocol/buf.h"
#include "s2s/addr.h"
#include "workers_internal.h"

/* -- pairs that hold their senders --------------------------------------------------------------------- */

/* In the worker's table, under its lock: the worker notes it, the main loop looks. */
typedef struct held_pair {
    s2s__slot slot; /* first: a slot is its pair */
    char *local, *remote; /* normal form; in `text` */
    char text[];
} held_pair;

s2s_err workers__held_begin(worker *one)
{
    if (uv_mutex_init(&one->held_lock) < 0)
        return S2S_E_NOMEM;
    one->has_held = true;
    return s2s__table_init(&one->held, one->w->env);
}

static void free_pair(s2s__slot *slot, void *arg)
{
    s2s__free(((const worker *)arg)->w->env, slot);
}

void workers__held_end(worker *one)
{
    if (!one->has_held)
        return;
    s2s__table_each(&one->held, free_pair, one);
    s2s__table_free(&one->held);
    uv_mutex_destroy(&one->held_lock);
}

static held_pair *find(const worker *one, s2s_str local, s2s_str remote)
{
    s2s__slot *slot = s2s__table_first(&one->held, s2s__table_hash(&one->held, local, remote));
    for (; slot; slot = s2s__table_next(slot)) {
        held_pair *p = (held_pair *)slot;
        if (s2s_str_eq(s2s_str_of(p->local), local) && s2s_str_eq(s2s_str_of(p->remote), remote))
            break;
    }
    return (held_pair *)slot;
}

static void add(worker *one, s2s_str local, s2s_str remote)
{
    held_pair *p = s2s__alloc(one->w->env, sizeof *p + local.len + remote.len + 2);
    if (!p)
        return;
    p->local = memcpy(p->text, local.ptr, local.len);
    p->remote = memcpy(p->text + local.len + 1, remote.ptr, remote.len);
    if (s2s__table_add(&one->held, &p->slot, s2s__table_hash(&one->held, local, remote)) != S2S_OK)
        s2s__free(one->w->env, p);
    atomic_store(&one->held_len, one->held.len);
}

/* One for each pair with a link, so bounded as these are. No memory: it does not hold its senders, and what has no room bounces. */
void workers__held_note(worker *one, const s2s_stanza *stanza)
{
    s2s_jid from, to;
    char local[S2S_DOMAIN_MAX + 1], remote[S2S_DOMAIN_MAX + 1];
    if (s2s_jid_split(stanza->from, &from) != S2S_OK || s2s_jid_split(stanza->to, &to) != S2S_OK ||
        s2s_domain_normalise(from.domain, local) != S2S_OK || s2s_domain_normalise(to.domain, remote) != S2S_OK)
        return;
    uv_mutex_lock(&one->held_lock);
    if (!find(one, s2s_str_of(local), s2s_str_of(remote)) &&
        s2s_federation_holds(one->f, s2s_str_of(local), s2s_str_of(remote))) /* it may have been over at once */
        add(one, s2s_str_of(local), s2s_str_of(remote));
    uv_mutex_unlock(&one->held_lock);
}

static void drop_if_over(s2s__slot *slot, void *arg)
{
    worker *one = arg;
    held_pair *p = (held_pair *)slot;
    if (s2s_federation_holds(one->f, s2s_str_of(p->local), s2s_str_of(p->remote)))
        return;
    s2s__table_remove(&one->held, slot);
    s2s__free(one->w->env, p);
}

void workers__held_look(worker *one)
{
    uv_mutex_lock(&one->held_lock);
    s2s__table_each(&one->held, drop_if_over, one);
    atomic_store(&one->held_len, one->held.len);
    uv_mutex_unlock(&one->held_lock);
}

static bool holds(worker *one, s2s_str local, s2s_str remote)
{
    if (one->sender_waits_room)
        return true;
    if (atomic_load(&one->held_len) == 0)
        return false;
    uv_mutex_lock(&one->held_lock);
    bool held = find(one, local, remote) != NULL;
    uv_mutex_unlock(&one->held_lock);
    return held;
}

bool workers_holds(const workers *w, s2s_str local, s2s_str remote)
{
    char ours[S2S_DOMAIN_MAX + 1], theirs[S2S_DOMAIN_MAX + 1];
    if (w->len == 1)
        return s2s_federation_holds(w->list[0].f, local, remote);
    if (s2s_domain_normalise(local, ours) != S2S_OK || s2s_domain_normalise(remote, theirs) != S2S_OK)
        return false;
    worker *one = workers__owner(w, s2s_str_of(theirs));
    if (one->number == 0)
        return s2s_federation_holds(one->f, local, remote);
    return one->state != WORKER_OVER && holds(one, s2s_str_of(ours), s2s_str_of(theirs));
}

/* -- sending ------------------------------------------------------------------------------------------- */

s2s_stanza_error workers_send_error(s2s_err err, const char **text)
{
    switch (err) {
    case S2S_E_NOMEM: *text = "out of memory"; return S2S_SE_RESOURCE_CONSTRAINT;
    case S2S_E_INVAL: *text = NULL; return S2S_SE_JID_MALFORMED;
    case S2S_OK:
    case S2S_E_AGAIN:
    case S2S_E_STATE:
    case S2S_E_LIMIT:
    case S2S_E_SYNTAX:
    case S2S_E_CLOSED:
    case S2S_E_PENDING:
    case S2S_E_NOTFOUND:
    case S2S_E_EXISTS:
    case S2S_E_TLS:
    case S2S_E_IO:
    case S2S_E_DNS:
    case S2S_E_TIMEOUT:
    case S2S_E_REFUSED: break;
    }
    *text = "this server does not send now";
    return S2S_SE_SERVICE_UNAVAILABLE;
}

/* The domain of an address that may be in normal form, or not; absent: it cannot be said. */
static s2s_str local_of(const s2s_stanza *stanza, char buf[S2S_DOMAIN_MAX + 1])
{
    s2s_jid from;
    if (s2s_jid_split(stanza->from, &from) != S2S_OK || s2s_domain_normalise(from.domain, buf) != S2S_OK)
        return S2S_STR_ABSENT;
    return s2s_str_of(buf);
}

s2s_err workers_send(workers *w, s2s_str remote, const s2s_stanza *stanza)
{
    char local[S2S_DOMAIN_MAX + 1];
    worker *one = w->len == 1 ? w->list : workers__owner(w, remote);
    if (one->number == 0)
        return s2s_federation_send(one->f, stanza);
    if (one->state == WORKER_OVER)
        return S2S_E_STATE;
    s2s_err err = lane_write(&one->down, stanza, false);
    if (err != S2S_OK)
        return err;
    one->sender_waits_room = lane_is_full(&one->down) || one->sender_waits_room;
    if (one->sender_waits_room)
        return S2S_E_AGAIN;
    return atomic_load(&one->held_len) > 0 && holds(one, local_of(stanza, local), remote) ? S2S_E_AGAIN : S2S_OK;
}
