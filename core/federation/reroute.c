/* SPDX-License-Identifier: MIT */
/* reroute.c: what a broken stream leaves behind. Stanzas that the peer did not acknowledge (XEP-0198) go ahead of the
 * pair's queue, and a new stream is tried for limits.reroute_ms before anything bounces. */
#include "federation/internal.h"

enum {
    FIRST_WAIT_MS = 100, /* before the second attempt; each further one doubles it ... */
    LAST_WAIT_MS = 5000, /* ... up to this */
};

/* What was sent before on a stream that broke is not sent for ever: a stream may break because of what it carries. */
void s2s__reroute_take(s2s__link *link, s2s__stream *s)
{
    s2s_federation *f = link->f;
    s2s_acks acks;
    s2s__queue older = {0};
    const s2s_stanza *stanza;
    s2s__connection_acks(s->connection, &acks);
    uint64_t twice = s->resent > acks.acknowledged ? s->resent - acks.acknowledged : 0;
    if (acks.acknowledged > 0)
        link->barren = 0;
    else if (acks.unacknowledged > 0 && link->barren < f->env->limits.resend_streams)
        link->barren++;
    if (link->barren < f->env->limits.resend_streams)
        twice = 0;
    while ((stanza = s2s__connection_unacknowledged(s->connection)) != NULL) {
        if (twice > 0 || f->stopping || s2s__queue_add(&older, f->env, stanza) != S2S_OK)
            s2s__federation_bounce(f, stanza, S2S_SE_REMOTE_SERVER_TIMEOUT,
                                   "the remote server did not acknowledge it; it may have it all the same");
        if (twice > 0)
            twice--;
    }
    link->resent += older.stanzas;
    s2s__queue_put_before(&link->queue, &older);
    link->reroute_until = uv_now(f->loop) + f->env->limits.reroute_ms;
}

/* -- trying again -------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void wake_at(s2s_federation *f, s2s_time at)
{
    s2s_time now = uv_now(f->loop), wait = at > now ? at - now : 0;
    if (uv_is_closing((uv_handle_t *)&f->reroute_timer))
        return;
    if (!uv_is_active((uv_handle_t *)&f->reroute_timer) || uv_timer_get_due_in(&f->reroute_timer) > wait)
        uv_timer_start(&f->reroute_timer, on_timer, wait, 0);
}

static void retry(s2s__link *link)
{
    if (link->retry_at == 0)
        return;
    if (link->retry_at > uv_now(link->f->loop))
        wake_at(link->f, link->retry_at);
    else
        s2s__link_retry(link);
}

static void on_timer(uv_timer_t *timer)
{
    s2s__links_each(timer->data, retry);
}

/* Half to whole of the wait: many links that break at once do not come back at once. */
static s2s_time jitter(const s2s_federation *f, s2s_time wait)
{
    uint16_t random = 0;
    (void)f->env->ops->random(f->env->user, &random, sizeof random);
    return wait / 2 + wait / 2 * random / UINT16_MAX;
}

bool s2s__reroute_again(s2s__link *link)
{
    s2s_federation *f = link->f;
    s2s_time now = uv_now(f->loop), wait = LAST_WAIT_MS;
    if (f->stopping || link->queue.stanzas == 0 || now >= link->reroute_until)
        return false;
    if (link->tries < 16 && (s2s_time)FIRST_WAIT_MS << link->tries < LAST_WAIT_MS)
        wait = (s2s_time)FIRST_WAIT_MS << link->tries++;
    wait = jitter(f, wait);
    link->retry_at = now + wait < link->reroute_until ? now + wait : link->reroute_until;
    wake_at(f, link->retry_at);
    return true;
}

void s2s__reroute_hurry(s2s__link *link)
{
    if (link->retry_at == 0)
        return;
    link->retry_at = uv_now(link->f->loop);
    wake_at(link->f, link->retry_at);
}

void s2s__reroute_begin(s2s_federation *f)
{
    uv_timer_init(f->loop, &f->reroute_timer);
    f->reroute_timer.data = f;
}

void s2s__reroute_end(s2s_federation *f, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&f->reroute_timer, closed);
}
