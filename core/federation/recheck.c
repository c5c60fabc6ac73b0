/* SPDX-License-Identifier: MIT */
/* recheck.c: a peer's certificate is judged again while its stream lives, and ends it when it expires or is refused
 * (CE-04, RFC 6120 section 13.7.2.3). */
#include "federation/internal.h"

#include <time.h>

enum {
    SLICE = 8,            /* streams judged in one turn of the loop, so that traffic goes on */
    DAY_MS = 86400000,    /* between two rounds that nobody asked for: revocation is looked at again */
    LOOK_MS = 60000,      /* at most this long without a look at the wall clock, which may be set */
    MS_PER_SECOND = 1000,
};

/* Whether its certificate is what the stream rests on: not before the verdict, nor where dialback was the proof. */
static bool rests_on_certificate(const s2s__stream *s)
{
    return s->established && s->verdict.trusted;
}

static void withdraw(s2s__stream *s, s2s_cond cond, const char *why)
{
    s2s__report_withdrawn(s, why);
    s->verdict.trusted = s->verdict.dialback = false;
    s2s__connection_close(s->connection, cond, NULL);
}

static void on_timer(uv_timer_t *timer);

static void wake_within(s2s_federation *f, s2s_time ms)
{
    uv_timer_t *timer = &f->recheck.timer;
    if (uv_is_closing((uv_handle_t *)timer))
        return;
    if (!uv_is_active((uv_handle_t *)timer) || uv_timer_get_due_in(timer) > ms)
        uv_timer_start(timer, on_timer, ms, 0);
}

void s2s__recheck_note(s2s__stream *s)
{
    s->checked = s->f->recheck.round;
    if (!s->verdict.trusted || s->verdict.expires == 0)
        return;
    int64_t left = s->verdict.expires - (int64_t)time(NULL);
    if (left < LOOK_MS / MS_PER_SECOND)
        wake_within(s->f, left > 0 ? (s2s_time)left * MS_PER_SECOND : 0);
}

/* Whether DNS is what it rests on: the policy's rule may take that away, too. */
static bool rests_on_dialback(const s2s__stream *s)
{
    return s->established && !s->verdict.trusted && s->verdict.dialback;
}

static s2s_remote_rule rule_of(const s2s__stream *s)
{
    s2s_remote_rule rule;
    s2s__federation_rule(s->f, s2s_str_of(s->local), s2s_str_of(s->remote), &rule);
    return rule;
}

void s2s__recheck_answer(s2s__stream *s, const s2s_verdict *verdict)
{
    if (!rests_on_certificate(s))
        return; /* it was closed meanwhile */
    s2s__stream_keep_verdict(s, verdict);
    s2s__recheck_note(s);
    if (!verdict->trusted)
        withdraw(s, S2S_COND_RESET, verdict->reason);
}

static void check(s2s__stream *s, int64_t wall)
{
    s->checked = s->f->recheck.round;
    s2s_remote_rule rule = rule_of(s);
    if (s->verdict.expires != 0 && s->verdict.expires <= wall)
        withdraw(s, S2S_COND_RESET, "the peer's certificate, or a CA's above it, has expired");
    else if (!rule.allow)
        withdraw(s, S2S_COND_POLICY_VIOLATION, "the configuration does not allow this remote domain any more");
    else
        s2s__stream_judge(s);
}

static void check_dialback(s2s__stream *s)
{
    s2s_remote_rule rule = rule_of(s);
    s->checked = s->f->recheck.round;
    if (!rule.allow || !rule.dialback)
        withdraw(s, S2S_COND_POLICY_VIOLATION, "the configuration does not allow dialback with this remote domain any more");
}

/* One slice of the streams that wait; returns how long until the next look. */
static s2s_time look(s2s_federation *f)
{
    int64_t wall = (int64_t)time(NULL), nearest = LOOK_MS / MS_PER_SECOND;
    unsigned judged = 0;
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (rests_on_dialback(s) && s->checked != f->recheck.round)
            check_dialback(s);
        if (!rests_on_certificate(s))
            continue;
        int64_t left = s->verdict.expires != 0 ? s->verdict.expires - wall : nearest;
        if (left > 0 && s->checked == f->recheck.round) {
            nearest = left < nearest ? left : nearest;
            continue;
        }
        if (judged++ == SLICE)
            return 0;
        check(s, wall);
    }
    return (s2s_time)nearest * MS_PER_SECOND;
}

static void on_timer(uv_timer_t *timer)
{
    s2s_federation *f = timer->data;
    if (uv_now(f->loop) >= f->recheck.next) {
        f->recheck.round++;
        f->recheck.next = uv_now(f->loop) + DAY_MS;
    }
    s2s_time wait = look(f);
    wake_within(f, wait);
}

void s2s_federation_recheck(s2s_federation *f)
{
    if (f->stopping)
        return;
    f->recheck.round++;
    f->recheck.next = uv_now(f->loop) + DAY_MS;
    wake_within(f, 0);
}

void s2s__recheck_begin(s2s_federation *f)
{
    uv_timer_init(f->loop, &f->recheck.timer);
    f->recheck.timer.data = f;
    f->recheck.next = uv_now(f->loop) + DAY_MS;
    uv_timer_start(&f->recheck.timer, on_timer, LOOK_MS, 0);
    uv_unref((uv_handle_t *)&f->recheck.timer);
}

void s2s__recheck_end(s2s_federation *f, uv_close_cb closed)
{
    uv_close((uv_handle_t *)&f->recheck.timer, closed);
}
