/* SPDX-License-Identifier: MIT */
/* rate.c: what may be read from one remote domain in a second (limits.rate_bytes). All established streams that it sends on share
 * one bucket. While that is empty none of them is read from: TCP slows the peer down, and nothing is lost. */
#include "federation/internal.h"

#include "protocol/buf.h"

struct s2s__rate {
    s2s__slot slot; /* first: a slot is its rate */
    s2s_federation *f;
    char *remote;
    s2s__bucket bucket;
    s2s__stream *first, *last; /* who share it; first: the next to read after a wait */
    size_t streams;
    s2s__rate *next_held;
    bool held;
    bool slowed; /* it was empty and has not been full since, as far as was looked */
};

static void on_timer(uv_timer_t *timer);

static const s2s__rate_limit *limit_of(const s2s_federation *f)
{
    return &f->setup->rate;
}

/* The peer asks for stream management before its first stanza, and waits limits.ack_ms for the answer: that is read also while the
 * application takes nothing. */
static bool is_new(const s2s__stream *s)
{
    s2s_acks acks;
    s2s__connection_acks(s->connection, &acks);
    return !acks.on && s->stanzas_in == 0 && s->end != S2S__END_BROKE;
}

void s2s__stream_flow(s2s__stream *s)
{
    if (s2s__stream_delivers(s))
        s2s__connection_pause(s->connection, s->waits || (s->f->paused && !is_new(s)) || (s->rate && s->rate->held));
}

/* -- who shares ---------------------------------------------------------------------------------------- */

static s2s__rate *find(const s2s_federation *f, s2s_str remote, uint64_t hash)
{
    for (s2s__slot *slot = s2s__table_first(&f->rates.table, hash); slot; slot = s2s__table_next(slot)) {
        s2s__rate *r = (s2s__rate *)slot;
        if (s2s_str_eq(s2s_str_of(r->remote), remote))
            return r;
    }
    return NULL;
}

static void drop(s2s__rate *r)
{
    s2s_federation *f = r->f;
    s2s__rate **at = &f->rates.held;
    while (*at && *at != r)
        at = &(*at)->next_held;
    if (*at)
        *at = r->next_held;
    s2s__table_remove(&f->rates.table, &r->slot);
    s2s__free(f->env, r->remote);
    s2s__free(f->env, r);
}

/* Nobody's: it is kept until it is full, so that a new connection does not bring a new burst. */
static void drop_if_done(s2s__slot *slot, void *arg)
{
    s2s__rate *r = (s2s__rate *)slot;
    (void)arg;
    const s2s__rate_limit *limit = limit_of(r->f);
    if (r->streams == 0 && (limit->bytes == 0 || s2s__bucket_is_full(&r->bucket, limit, uv_now(r->f->loop))))
        drop(r);
}

static s2s__rate *make(s2s_federation *f, s2s_str remote, uint64_t hash)
{
    if (f->rates.table.len >= f->rates.sweep_at) {
        s2s__table_each(&f->rates.table, drop_if_done, NULL);
        f->rates.sweep_at = 2 * f->rates.table.len + 16;
    }
    s2s__rate *r = s2s__alloc(f->env, sizeof *r);
    if (!r)
        return NULL;
    r->f = f;
    r->remote = s2s__strdup(f->env, remote);
    s2s__bucket_init(&r->bucket, limit_of(f), uv_now(f->loop));
    if (!r->remote || s2s__table_add(&f->rates.table, &r->slot, hash) != S2S_OK) {
        s2s__free(f->env, r->remote);
        s2s__free(f->env, r);
        return NULL;
    }
    return r;
}

static void append(s2s__rate *r, s2s__stream *s)
{
    s->prev_sharer = r->last;
    s->next_sharer = NULL;
    if (r->last)
        r->last->next_sharer = s;
    else
        r->first = s;
    r->last = s;
}

static void take_out(s2s__rate *r, s2s__stream *s)
{
    if (s->prev_sharer)
        s->prev_sharer->next_sharer = s->next_sharer;
    else
        r->first = s->next_sharer;
    if (s->next_sharer)
        s->next_sharer->prev_sharer = s->prev_sharer;
    else
        r->last = s->prev_sharer;
}

bool s2s__rate_join(s2s__stream *s)
{
    s2s_federation *f = s->f;
    bool both = s->role == S2S_ACCEPTOR || s2s__connection_is_bidi(s->connection);
    if (limit_of(f)->bytes == 0 || s->rate || !both)
        return true;
    s2s_str remote = s2s_str_of(s->remote);
    uint64_t hash = s2s__table_hash(&f->rates.table, remote, S2S_STR_ABSENT);
    s2s__rate *r = find(f, remote, hash);
    if (!r)
        r = make(f, remote, hash);
    if (!r)
        return false;
    s->rate = r;
    r->streams++;
    append(r, s);
    return true;
}

void s2s__rate_leave(s2s__stream *s)
{
    s2s__rate *r = s->rate;
    if (!r)
        return;
    s->rate = NULL;
    take_out(r, s);
    r->streams--;
    bool many = r->f->rates.table.len > r->f->env->limits.connections; /* of those who have just gone */
    if (r->streams == 0 && many)
        drop(r);
    else
        drop_if_done(&r->slot, NULL);
}

/* -- holding ------------------------------------------------------------------------------------------- */

static void wake_at(s2s_federation *f, s2s_time at)
{
    s2s_time now = uv_now(f->loop), wait = at > now ? at - now : 0;
    if (uv_is_closing((uv_handle_t *)&f->rates.timer))
        return;
    if (!uv_is_active((uv_handle_t *)&f->rates.timer) || uv_timer_get_due_in(&f->rates.timer) > wait)
        uv_timer_start(&f->rates.timer, on_timer, wait, 0);
}

static void hold(s2s__rate *r)
{
    s2s_federation *f = r->f;
    r->held = true;
    r->next_held = f->rates.held;
    f->rates.held = r;
    for (s2s__stream *s = r->first; s; s = s->next_sharer)
        s2s__stream_flow(s);
    wake_at(f, s2s__bucket_ready(&r->bucket, limit_of(f)));
}

/* The others come first when it is empty again. What is read may close a stream, but frees none. */
static void release(s2s__rate *r)
{
    r->held = false;
    for (size_t left = r->streams; left > 0 && !r->held; left--) {
        s2s__stream *s = r->first;
        take_out(r, s);
        append(r, s);
        s2s__stream_flow(s);
    }
}

/* Takes all off the list first: one that is empty again at once comes onto it anew. */
static void look(s2s_federation *f, bool all)
{
    s2s_time now = uv_now(f->loop);
    s2s__rate *list = f->rates.held;
    f->rates.held = NULL;
    for (s2s__rate *r = list, *next; r; r = next) {
        next = r->next_held;
        if (all || s2s__bucket_ready(&r->bucket, limit_of(f)) <= now) {
            release(r);
            continue;
        }
        r->next_held = f->rates.held;
        f->rates.held = r;
        wake_at(f, s2s__bucket_ready(&r->bucket, limit_of(f)));
    }
}

static void on_timer(uv_timer_t *timer)
{
    look(timer->data, false);
}

/* An episode lasts until the bucket is full again: one line and one count for each. */
void s2s__rate_heard(s2s__stream *s, size_t bytes)
{
    s2s__rate *r = s->rate;
    s2s_federation *f = s->f;
    s2s_time now = uv_now(f->loop);
    if (!r || f->stopping)
        return;
    if (r->slowed && s2s__bucket_is_full(&r->bucket, limit_of(f), now))
        r->slowed = false;
    if (s2s__bucket_spend(&r->bucket, limit_of(f), now, bytes) || r->held)
        return;
    if (!r->slowed) {
        r->slowed = true;
        f->counts.slowed++;
        s2s__report_slowed(s);
    }
    hold(r);
}

bool s2s__rate_slows(const s2s__stream *s)
{
    const s2s__rate *r = s->rate;
    return r && r->slowed && !s2s__bucket_is_full(&r->bucket, limit_of(s->f), uv_now(s->f->loop));
}

/* -- life ---------------------------------------------------------------------------------------------- */

s2s_err s2s__rates_init(s2s_federation *f)
{
    return s2s__table_init(&f->rates.table, f->env);
}

void s2s__rates_begin(s2s_federation *f)
{
    uv_timer_init(f->loop, &f->rates.timer);
    f->rates.timer.data = f;
}

/* All leave before any reads on: what was held back is read at once, and there is no rate to count it by. */
static void switch_off(s2s_federation *f)
{
    for (s2s__stream *s = f->streams; s; s = s->next)
        s2s__rate_leave(s);
    s2s__table_each(&f->rates.table, drop_if_done, NULL);
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        s2s__stream_flow(s);
    }
}

void s2s__rates_changed(s2s_federation *f)
{
    if (f->setup->rate.bytes == 0) {
        switch_off(f);
        return;
    }
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (s2s__stream_delivers(s) && !s2s__rate_join(s))
            s2s__connection_close(s->connection, S2S_COND_RESOURCE_CONSTRAINT, NULL);
    }
    look(f, false); /* by the new rate */
}

void s2s__rates_end(s2s_federation *f, uv_close_cb closed)
{
    look(f, true);
    uv_close((uv_handle_t *)&f->rates.timer, closed);
}

static void drop_any(s2s__slot *slot, void *arg)
{
    (void)arg;
    drop((s2s__rate *)slot);
}

void s2s__rates_free(s2s_federation *f)
{
    s2s__table_each(&f->rates.table, drop_any, NULL);
    s2s__table_free(&f->rates.table);
}
