/* SPDX-License-Identifier: MIT */
/* health.c: is the peer still there, and is the stream still needed? (RFC 6120 section 4.6) */
#include "protocol/session/machine.h"

enum { TELL_MS = 15000 }; /* while held: peers wait a minute or more for an answer */

void s2s__health_begin(s2s_session *s)
{
    const s2s_limits *l = &s->env->limits;
    s->health.heard_at = s->now;
    s->health.check_at = l->liveness_ms > 0 ? s->now + l->liveness_ms : S2S_NEVER;
    s->health.idle_at = l->idle_ms > 0 ? s->now + l->idle_ms : S2S_NEVER;
    s->health.before = s->health.stanzas;
}

s2s_time s2s__health_deadline(const s2s_session *s)
{
    if (s->health.held)
        return s->sm.state == SM_ON ? s->health.tell_at : S2S_NEVER;
    return s->health.check_at < s->health.idle_at ? s->health.check_at : s->health.idle_at;
}

/* With stream management the peer must answer, or s2s__sm_deadline ends the stream; else a space makes TCP find out. */
static void check(s2s_session *s)
{
    s2s_time every = s->env->limits.liveness_ms;
    if (s->now - s->health.heard_at < every) {
        s->health.check_at = s->health.heard_at + every;
        return;
    }
    s->health.check_at = s->now + every; /* ST-23: never more often */
    switch (s->sm.state) {
    case SM_EXPECTED:
    case SM_OFF: (void)s2s__ok(s, s2s__buf_puts(&s->out, " ")); return; /* ST-24 */
    case SM_MUTE: return;
    case SM_ASKED: return; /* it owes an answer already */
    case SM_ON: s2s__sm_probe(s); return;
    }
}

/* Stanzas are counted, not timed: the clock is looked at once in limits.idle_ms. */
static void check_idle(s2s_session *s)
{
    bool idle = s->health.stanzas == s->health.before && s2s__sm_unacked(&s->sm) == 0;
    s->health.before = s->health.stanzas;
    s->health.idle_at = s->now + s->env->limits.idle_ms;
    if (idle)
        s2s_session_close(s, s->now, S2S_COND_NONE, "idle");
}

void s2s__health_tick(s2s_session *s)
{
    if (s->health.held) {
        s->health.tell_at = s->now + TELL_MS;
        s2s__sm_repeat(s);
        return;
    }
    if (s->now >= s->health.idle_at)
        check_idle(s);
    if (s->state == ESTABLISHED && s->now >= s->health.check_at)
        check(s);
}

static s2s_time later(s2s_time at, s2s_time ms)
{
    return at == S2S_NEVER ? at : at + ms;
}

void s2s_session_hold(s2s_session *s, s2s_time now, bool hold)
{
    s2s__health *h = &s->health;
    s->now = now;
    if (h->held == hold)
        return;
    h->held = hold;
    if (hold) {
        h->held_at = now;
        h->tell_at = now + TELL_MS - h->untold; /* many short ones without an answer between them are a long one to the peer */
        return;
    }
    h->untold = h->tell_at > now ? TELL_MS - (h->tell_at - now) : TELL_MS;
    s2s_time stood = now - h->held_at;
    h->heard_at += stood;
    h->check_at = later(h->check_at, stood);
    h->idle_at = later(h->idle_at, stood);
    s2s__sm_stood(s, stood);
}
