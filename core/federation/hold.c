/* SPDX-License-Identifier: MIT */
/* hold.c: back-pressure of one pair. Who sends to a link that is half full is held until it has room, but only for a while,
 * and not again before the link has moved: no remote stops the traffic with others. A stream that brings what is answered there is not
 * read on meanwhile, nor while the way back is being made. */
#include "federation/internal.h"

enum {
    HOLDS_FROM = 2,         /* parts: half full */
    RELIEVED_BELOW = 4,     /* parts: a quarter */
    MOVES_BYTES = 65536,    /* a link that takes less in limits.hold_ms holds nobody */
};

/* What has left the link since it is there. Counted in bytes that the kernel has taken, as a queue may move in large steps. */
static uint64_t taken(const s2s__link *link)
{
    const s2s__stream *s = link->stream;
    return link->queue.added - link->queue.bytes - (s && s->connection ? s2s__connection_pending(s->connection) : 0);
}

static bool moved(const s2s__link *link)
{
    return (int64_t)(taken(link) - link->hold_mark) >= MOVES_BYTES;
}

static void on_timer(uv_timer_t *timer);

/* A window of time in which it has to move. */
static void open_window(s2s__link *link)
{
    link->hold_mark = taken(link);
    link->hold_until = uv_now(link->f->loop) + link->f->env->limits.hold_ms;
}

static void watch(s2s_federation *f)
{
    uv_timer_t *timer = &f->hold_timer;
    if (!uv_is_closing((uv_handle_t *)timer) && !uv_is_active((uv_handle_t *)timer)) /* else it comes sooner, and looks again */
        uv_timer_start(timer, on_timer, f->env->limits.hold_ms, 0);
}

/* Its streams go on in a turn of their own, as what they bring may make and end links. */
static void wake(s2s__link *link)
{
    s2s_federation *f = link->f;
    if (!link->waiters.first)
        return;
    for (s2s__stream *s; (s = link->waiters.first) != NULL; s2s__wait_join(&f->woken, s))
        s2s__wait_leave(s);
    if (!uv_is_closing((uv_handle_t *)&f->hold_timer))
        uv_timer_start(&f->hold_timer, on_timer, 0, 0);
}

/* A stream that is being made has its own deadline; one that stands still is not waited for: the other end may wait for us. */
static bool being_made(const s2s__link *link)
{
    return !link->stream || !link->stream->established;
}

static bool full(const s2s__link *link)
{
    return s2s__queue_filled(&link->queue, link->f->env, HOLDS_FROM) > 0;
}

void s2s__hold_bringer(s2s__link *link)
{
    s2s__stream *s = link->f->bringing;
    bool holds = link->hold == S2S__HOLDS || (link->hold == S2S__STUCK && full(link) && being_made(link));
    if (!s || !holds || s->waits || s->link == link || link->f->stopping) /* bidi: it brings acknowledgements, too */
        return;
    s2s__wait_join(&link->waiters, s);
    s2s__stream_flow(s);
    watch(link->f);
}

static void hold(s2s__link *link)
{
    link->hold = S2S__HOLDS;
    open_window(link);
    watch(link->f);
}

static s2s_err pushed(s2s__link *link)
{
    s2s_time now = uv_now(link->f->loop);
    switch (link->hold) {
    case S2S__FLOWS:
        if (!full(link))
            return S2S_OK;
        hold(link);
        return S2S_E_AGAIN;
    case S2S__HOLDS: return S2S_E_AGAIN;
    case S2S__STUCK:
        if (full(link) && moved(link)) {
            hold(link);
            return S2S_E_AGAIN;
        }
        if (now >= link->hold_until)
            open_window(link);
        return S2S_OK;
    }
    return S2S_OK;
}

s2s_err s2s__hold_pushed(s2s__link *link)
{
    s2s_err err = pushed(link);
    s2s__hold_bringer(link);
    return err;
}

void s2s__hold_popped(s2s__link *link)
{
    if ((link->hold != S2S__FLOWS || link->waiters.first) && s2s__queue_filled(&link->queue, link->f->env, RELIEVED_BELOW) == 0)
        s2s__hold_end(link);
}

/* What the senders say now, nobody has brought. */
static void tell(s2s_federation *f)
{
    s2s__stream *outer = f->bringing;
    f->bringing = NULL;
    f->ops->drained(f->user);
    f->bringing = outer;
}

void s2s__hold_end(s2s__link *link)
{
    bool held = link->hold == S2S__HOLDS;
    link->hold = S2S__FLOWS;
    wake(link);
    if (held)
        tell(link->f);
}

/* -- time is up ---------------------------------------------------------------------------------------- */

typedef struct look {
    s2s_time now, next;
    bool released;
} look;

static void look_at(s2s__slot *slot, void *arg)
{
    s2s__link *link = (s2s__link *)slot;
    look *l = arg;
    if (link->hold != S2S__HOLDS && !link->waiters.first)
        return;
    if (link->hold_until <= l->now) {
        l->released |= link->hold == S2S__HOLDS;
        link->hold = moved(link) ? S2S__FLOWS : S2S__STUCK; /* if it moves, the next stanza holds its sender again */
        open_window(link);
        if (link->hold == S2S__STUCK && !being_made(link))
            wake(link);
        if (!link->waiters.first)
            return;
    }
    l->next = link->hold_until < l->next ? link->hold_until : l->next;
}

/* Tells the senders when all links have been looked at: they may make and end links. */
static void on_timer(uv_timer_t *timer)
{
    s2s_federation *f = timer->data;
    look l = {.now = uv_now(f->loop), .next = S2S_NEVER};
    s2s__table_each(&f->links, look_at, &l);
    if (l.next != S2S_NEVER)
        uv_timer_start(timer, on_timer, l.next - l.now, 0);
    if (l.released)
        tell(f);
    for (s2s__stream *s; (s = f->woken.first) != NULL;) {
        s2s__wait_leave(s);
        s2s__stream_flow(s);
    }
}

void s2s__hold_timer_begin(s2s_federation *f)
{
    uv_timer_init(f->loop, &f->hold_timer);
    f->hold_timer.data = f;
}

void s2s__hold_timer_end(s2s_federation *f, uv_close_cb closed)
{
    s2s__links_each(f, wake);
    for (s2s__stream *s; (s = f->woken.first) != NULL;)
        s2s__wait_leave(s); /* s2s_federation_stop() reads on from all */
    uv_close((uv_handle_t *)&f->hold_timer, closed);
}
