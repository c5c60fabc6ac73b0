/* SPDX-License-Identifier: MIT */
/* sm.c: counting, asking, answering, and taking back what was never acknowledged (XEP-0198). */
#include "protocol/session/sm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "protocol/session/machine.h"
#include "protocol/stanza_back.h"
#include "protocol/xml/ns.h"

enum {
    REQUESTS_MAX = 2,      /* <enable/>: the second is refused, the third ends the stream (CX-13) */
    ASK_BYTES = 16384,     /* written between two questions; before <enabled/> no more is sent */
    QUIET_MS = 40,         /* asked when nothing has left for so long, before both sides give back what they need to read... */
    ASK_WITH_MS = 100,     /* ...or with the next stanza so long after the first: in its record, not in one of its own... */
    ASK_MS = 200,          /* ...or so long after it at the latest. Unless something is asked already */
    WINDOW_PART = 2,       /* stanzas between two questions: no more than the window by this */
    ANSWER_ROOM = 32768,   /* no <a/> is written while more than this waits to be sent: the answer stays owed */
    ELEMENT_MAX = 256,     /* our own nonzas */
};

void s2s__sm_init(s2s__sm *m, const s2s_env *env)
{
    *m = (s2s__sm){.asked_at = S2S_NEVER, .ask_by = S2S_NEVER};
    s2s__buf_init(&m->ends, env, (size_t)env->limits.unacked_stanzas * sizeof(uint64_t));
}

size_t s2s__sm_unacked(const s2s__sm *m)
{
    return m->ends.len / sizeof(uint64_t);
}

static uint64_t end_at(const s2s__sm *m, size_t i)
{
    uint64_t end;
    memcpy(&end, s2s__buf_bytes(&m->ends) + i * sizeof end, sizeof end);
    return end;
}

/* The `h` that acknowledges all; wraps as the counters do. */
static uint32_t all(const s2s__sm *m)
{
    return m->acked + (uint32_t)s2s__sm_unacked(m) - m->uncounted;
}

/* How many of them no question is behind. */
static uint32_t unasked(const s2s__sm *m)
{
    return all(m) - m->asked_h;
}

/* -- what goes out ------------------------------------------------------------------------------------- */

/* `len` bytes at the front of the output are of no use any more. */
static void drop(s2s_session *s, size_t len)
{
    s2s__buf_drop(&s->out, len);
    s->sm.base += len;
    s->sm.kept -= len;
    if (s->out.len == 0)
        s2s__buf_emptied(&s->out); /* an idle stream holds no buffer: s2s_session_rest */
}

/* Something that no question is behind. The time to ask is not moved with each stanza: s2s__sm_tick looks. */
static void left(s2s_session *s)
{
    s->sm.left_at = s->now;
    if (s->sm.ask_by != S2S_NEVER)
        return;
    s->sm.unasked_at = s->now;
    s->sm.ask_by = s->now + QUIET_MS;
}

void s2s__sm_sent(s2s_session *s, size_t len)
{
    s->sm.kept += len;
    if (s->sm.asked > 0 && s->sm.asked_at == S2S_NEVER)
        s->sm.asked_at = s->now;
    if (s->sm.state == SM_ON && unasked(&s->sm) > 0)
        left(s);
    if (s->sm.ends.len == 0)
        drop(s, s->sm.kept);
}

/* What is there counts as gone: no connection will take it. */
void s2s__sm_abandon(s2s_session *s)
{
    s2s__sm_sent(s, s->out.len - s->sm.kept);
}

static bool put(s2s_session *s, const char *element)
{
    return s2s__ok(s, s2s__buf_puts(&s->out, element));
}

/* At most limits.unacked_bytes / ASK_BYTES and one more are unanswered at a time. */
static void ask(s2s_session *s)
{
    if (!put(s, "<r xmlns='" NS_SM "'/>"))
        return;
    if (s->sm.asked++ == 0)
        s->sm.asked_at = S2S_NEVER;
    s->sm.asked_to = s->sm.base + s->out.len;
    s->sm.asked_h = all(&s->sm);
    s->sm.ask_by = S2S_NEVER;
}

/* Seldom while little is on its way, as an answer costs both sides a record; in time for the window to stay open. `now` is
 * that of the last call that had one: the truth is no earlier. */
static bool ask_now(const s2s_session *s)
{
    const s2s__sm *m = &s->sm;
    if (m->state != SM_ON)
        return false;
    if (m->base + s->out.len - m->asked_to >= ASK_BYTES || unasked(m) >= s->env->limits.unacked_stanzas / WINDOW_PART)
        return true;
    return m->asked == 0 && (!s2s__sm_has_room(s) ||
                             (m->ask_by != S2S_NEVER && s->now >= m->unasked_at + ASK_WITH_MS));
}

bool s2s__sm_has_room(const s2s_session *s)
{
    const s2s_limits *l = &s->env->limits;
    size_t bytes = s->sm.state == SM_ASKED ? ASK_BYTES : l->unacked_bytes;
    return s->sm.state == SM_OFF || s->sm.ends.len == 0 ||
           (s2s__sm_unacked(&s->sm) < l->unacked_stanzas && s->out.len < bytes);
}

s2s_err s2s__sm_reserve(s2s_session *s)
{
    if (s->sm.state == SM_OFF)
        return S2S_OK;
    s2s_err err = s2s__buf_reserve(&s->sm.ends, sizeof(uint64_t));
    s->sm.ends.failed = S2S_OK; /* nothing was written: the list is whole */
    return err;
}

void s2s__sm_wrote(s2s_session *s)
{
    if (s->sm.state == SM_OFF)
        return;
    uint64_t end = s->sm.base + s->out.len;
    (void)s2s__buf_append(&s->sm.ends, &end, sizeof end); /* reserved */
    if (ask_now(s))
        ask(s);
}

void s2s__sm_probe(s2s_session *s)
{
    if (s->sm.state == SM_ON && s->sm.asked == 0)
        ask(s);
}

/* -- answering ----------------------------------------------------------------------------------------- */

static void tell(s2s_session *s, uint32_t h)
{
    char element[ELEMENT_MAX];
    (void)snprintf(element, sizeof element, "<a xmlns='" NS_SM "' h='%" PRIu32 "'/>", h);
    if (put(s, element)) {
        s->sm.told = h;
        s->sm.owed = s->sm.owed_again && h != s->sm.handled;
        s->sm.owed_again = false;
        s->sm.owed_h = s->sm.handled;
        s->health.untold = 0;
    }
}

/* What is safe; never less than was said before. The counts wrap (SM-02). */
static uint32_t safe_count(const s2s__sm *m)
{
    uint32_t since = m->handled - m->told;
    return m->unsafe < since ? m->handled - m->unsafe : m->told;
}

void s2s__sm_repeat(s2s_session *s)
{
    char element[ELEMENT_MAX];
    if (s->sm.state != SM_ON || s->out.len - s->sm.kept >= ANSWER_ROOM)
        return;
    (void)snprintf(element, sizeof element, "<a xmlns='" NS_SM "' h='%" PRIu32 "'/>", s->sm.told);
    (void)put(s, element);
}

void s2s__sm_answer(s2s_session *s)
{
    uint32_t h = safe_count(&s->sm);
    bool enough = s->sm.handled - h <= s->sm.handled - s->sm.owed_h; /* all that came before the question */
    if (s->sm.owed && enough && !s->health.held && s->out.len - s->sm.kept < ANSWER_ROOM)
        tell(s, h);
}

/* SM-06: the last word before our end tag. Where the end is ours, what is not safe yet counts: the caller lives, and would get it
 * twice. Where it is the peer's, there was time. */
void s2s__sm_before_end(s2s_session *s)
{
    uint32_t h = s->state == WAIT_SAFE ? safe_count(&s->sm) : s->sm.handled;
    if (s->sm.state == SM_ON && (s->sm.told != h || s->sm.owed))
        tell(s, h);
}

void s2s__sm_handled(s2s_session *s)
{
    if (s->sm.state == SM_ON)
        s->sm.handled++;
}

/* -- the initiator's beginning ------------------------------------------------------------------------- */

void s2s__sm_enable(s2s_session *s)
{
    if (!put(s, "<enable xmlns='" NS_SM "'/>"))
        return;
    s->sm.state = SM_ASKED;
    s->sm.began = s->sm.base + s->out.len;
    s->sm.asked = 1;
    s->sm.asked_at = S2S_NEVER;
}

/* Every question, or only the oldest. A peer may answer several at once. */
static void answered(s2s_session *s, bool every)
{
    if (s->sm.asked == 0 || s->sm.asked_at == S2S_NEVER)
        return;
    if (s->sm.asked == 1)
        s->sm.rtt = s->now - s->sm.asked_at;
    s->sm.asked = every ? 0 : s->sm.asked - 1;
    s->sm.asked_at = s->sm.asked > 0 ? s->now : S2S_NEVER;
}

/* Nothing is asked, although something is kept. */
static void ask_soon(s2s_session *s, bool moves)
{
    if (moves && ask_now(s))
        ask(s);
    else if (s->sm.ask_by == S2S_NEVER)
        left(s);
}

static void enabled(s2s_session *s)
{
    answered(s, true);
    s->sm.state = SM_ON;
    s->sm.asked_to = s->sm.base;
    if (s->sm.ends.len == 0 || s->state != ESTABLISHED)
        return;
    ask_soon(s, true);
    s2s__raise(s, S2S_EV_ACKED); /* none of them, but there is more room */
}

/* What was kept counts as delivered: without acknowledgements nobody will know better. */
static void go_without(s2s_session *s)
{
    s->sm.state = SM_OFF;
    s2s__buf_free(&s->sm.ends);
    drop(s, s->sm.kept);
    s2s__raise(s, S2S_EV_ACKED);
}

static void refused(s2s_session *s)
{
    answered(s, true);
    go_without(s);
}

/* -- the acceptor's ------------------------------------------------------------------------------------ */

void s2s__sm_expect(s2s_session *s)
{
    if (s->bidi != BIDI_ON)
        return; /* nothing goes out that could be acknowledged */
    s->sm.state = SM_EXPECTED;
    s->sm.began = s->sm.base + s->out.len;
    s->sm.expect_by = s->now + s->env->limits.ack_ms;
}

/* Who will acknowledge asks for it first. s2s__sm_tick goes on, as this event is another's. */
void s2s__sm_not_first(s2s_session *s)
{
    if (s->sm.state != SM_EXPECTED)
        return;
    if (s->sm.ends.len == 0)
        s->sm.state = SM_OFF;
    else
        s->sm.expect_by = s->now;
}

static void fail_request(s2s_session *s, const char *condition)
{
    char element[ELEMENT_MAX];
    (void)snprintf(element, sizeof element,
                   "<failed xmlns='" NS_SM "'><%s xmlns='" NS_STANZA_ERRORS "'/></failed>", condition);
    (void)put(s, element);
}

static void take_enable(s2s_session *s)
{
    if (s->state != ESTABLISHED) { /* SM-01 */
        fail_request(s, "unexpected-request");
        return;
    }
    if (++s->sm.requests > REQUESTS_MAX) {
        s2s__fail(s, S2S_COND_POLICY_VIOLATION, "stream management is enabled already");
        return;
    }
    if (s->sm.state == SM_ON) {
        fail_request(s, "unexpected-request");
        return;
    }
    if (!put(s, "<enabled xmlns='" NS_SM "'/>")) /* no id: a stream cannot be resumed here (SM-05) */
        return;
    s->sm.state = SM_ON;
    if (s->sm.ends.len == 0) {
        s->sm.began = s->sm.base + s->out.len;
        return;
    }
    s->sm.uncounted = (uint32_t)s2s__sm_unacked(&s->sm);
    ask(s); /* whoever answers has read <enabled/>, and so all that was before it */
}

/* -- what came ----------------------------------------------------------------------------------------- */

static bool read_count(s2s_str h, uint32_t *out)
{
    uint64_t value = 0;
    if (h.len == 0 || h.len > 10)
        return false;
    for (size_t i = 0; i < h.len; i++) {
        if (h.ptr[i] < '0' || h.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(h.ptr[i] - '0');
    }
    if (value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* SM-03. What has not left cannot have been handled either. */
static void too_high(s2s_session *s, uint32_t h)
{
    char detail[ELEMENT_MAX];
    size_t i = s->sm.uncounted;
    while (i < s2s__sm_unacked(&s->sm) && end_at(&s->sm, i) <= s->sm.base + s->sm.kept)
        i++;
    uint32_t sent = s->sm.acked + (uint32_t)(i - s->sm.uncounted);
    (void)snprintf(detail, sizeof detail,
                   "<handled-count-too-high xmlns='" NS_SM "' h='%" PRIu32 "' send-count='%" PRIu32 "'/>", h,
                   sent);
    s2s__fail_detail(s, S2S_COND_UNDEFINED_CONDITION, "more was acknowledged than was sent", detail);
}

static void take_ack(s2s_session *s, const s2s__node *n)
{
    uint32_t h;
    if (!read_count(s2s__node_attr(n, "h"), &h)) {
        s2s__fail(s, S2S_COND_BAD_FORMAT, "<a/> without a number");
        return;
    }
    uint32_t counted = h - s->sm.acked; /* wraps as the counters do */
    size_t count = (size_t)counted + s->sm.uncounted;
    if (count > s2s__sm_unacked(&s->sm) ||
        (count > 0 && end_at(&s->sm, count - 1) > s->sm.base + s->sm.kept)) {
        too_high(s, h);
        return;
    }
    answered(s, counted >= s->sm.asked_h - s->sm.acked);
    s->sm.acked = h;
    s->sm.uncounted = 0;
    s->sm.acknowledged += count;
    if (count > 0) {
        size_t done = (size_t)(end_at(&s->sm, count - 1) - s->sm.base);
        s2s__buf_drop(&s->sm.ends, count * sizeof(uint64_t));
        if (s->sm.ends.len == 0)
            s2s__buf_emptied(&s->sm.ends);
        drop(s, s->sm.ends.len == 0 ? s->sm.kept : done);
        s2s__raise(s, S2S_EV_ACKED);
        s->event.acked = count;
    }
    if (s->sm.asked > 0)
        return;
    s->sm.asked_h = s->sm.acked;
    s->sm.asked_to = s->sm.base;
    if (s->sm.ends.len == 0)
        s->sm.ask_by = S2S_NEVER;
    else if (s->state == ESTABLISHED)
        ask_soon(s, count > 0); /* a peer that acknowledges nothing is not asked without pause */
}

static void take_question(s2s_session *s)
{
    if (s->sm.owed) {
        s->sm.owed_again = true;
        return;
    }
    s->sm.owed = s->state == ESTABLISHED; /* CLOSING: our stream has ended */
    s->sm.owed_h = s->sm.handled;
}

static bool take_common(s2s_session *s, const s2s__node *n)
{
    if (s->sm.state != SM_ON)
        return false;
    if (s2s__node_is(n, NS_SM, "a"))
        take_ack(s, n);
    else if (s2s__node_is(n, NS_SM, "r"))
        take_question(s);
    else
        return false;
    return true;
}

bool s2s__sm_nonza(s2s_session *s, const s2s__node *n)
{
    if (!s2s__str_is(n->ns, NS_SM))
        return false;
    if (s->sm.state == SM_MUTE)
        return true; /* what was kept goes another way, and nothing can be answered */
    if (take_common(s, n))
        return true;
    if (s->sm.state == SM_ASKED && s2s__node_is(n, NS_SM, "enabled"))
        enabled(s);
    else if (s->sm.state == SM_ASKED && s2s__node_is(n, NS_SM, "failed"))
        refused(s);
    else if (s->state == CLOSING)
        return true; /* ST-19: nothing can be answered any more */
    else if (s->role == S2S_ACCEPTOR && s2s__node_is(n, NS_SM, "enable"))
        take_enable(s);
    else if (s->role == S2S_ACCEPTOR && s2s__node_is(n, NS_SM, "resume"))
        fail_request(s, s->state == ESTABLISHED ? "feature-not-implemented" : "unexpected-request"); /* SM-05 */
    else
        return false;
    return true;
}

/* -- time ---------------------------------------------------------------------------------------------- */

/* An <a/> may wait for what it counts to be taken; <enabled/> waits for nothing, so that who does not say it does not read. */
static s2s_time patience(const s2s_session *s)
{
    const s2s_limits *l = &s->env->limits;
    return s->sm.state == SM_ASKED && l->stall_ms < l->ack_ms ? l->stall_ms : l->ack_ms;
}

static s2s_time overdue_at(const s2s_session *s)
{
    if (s->sm.asked == 0 || s->sm.asked_at == S2S_NEVER)
        return S2S_NEVER; /* what does not leave is the transport's to notice */
    return s->sm.asked_at + patience(s);
}

s2s_time s2s__sm_deadline(const s2s_session *s)
{
    if (s->sm.state == SM_EXPECTED)
        return s->sm.expect_by;
    return s->sm.asked == 0 ? s->sm.ask_by : overdue_at(s);
}

void s2s__sm_tick(s2s_session *s)
{
    if (s->now < s2s__sm_deadline(s))
        return;
    if (s->sm.state == SM_EXPECTED) {
        if (s->event.type == S2S_EV_NONE) /* else when it has been pulled */
            go_without(s);
        return;
    }
    s2s_time quiet_at = s->sm.left_at + QUIET_MS, most = s->sm.unasked_at + ASK_MS;
    if (s->sm.asked == 0 && s->now < quiet_at && s->now < most)
        s->sm.ask_by = quiet_at < most ? quiet_at : most;
    else if (s->sm.asked == 0)
        ask(s);
    else
        s2s__fail(s, S2S_COND_CONNECTION_TIMEOUT, /* ST-23 */
                  s->sm.state == SM_ASKED ? "the peer does not answer <enable/>" : "the peer does not acknowledge");
}

void s2s__sm_stood(s2s_session *s, s2s_time ms)
{
    s->sm.expect_by += ms; /* <enable/> has not been read */
    if (s->sm.asked_at != S2S_NEVER)
        s->sm.asked_at = s->sm.asked_at + ms < s->now ? s->sm.asked_at + ms : s->now;
}

/* -- taking back --------------------------------------------------------------------------------------- */

void s2s__sm_free(s2s__sm *m)
{
    s2s__buf_free(&m->ends);
    s2s__buf_free(&m->back);
}

void s2s_session_mute(s2s_session *s)
{
    if (s->state == CLOSED || s->sm.state == SM_MUTE)
        return;
    s->sm.state = SM_MUTE;
    s->sm.asked = 0;
    s->sm.asked_at = s->sm.ask_by = S2S_NEVER;
    s->sm.owed = s->sm.owed_again = false;
    s->sm.back = s->out; /* what is still written, and never leaves, must not move it */
    s->sm.kept = 0;
    s2s__buf_init(&s->out, s->env, s->sm.back.max);
}

const s2s_stanza *s2s_session_unacknowledged(s2s_session *s)
{
    s2s__buf *kept = s->sm.state == SM_MUTE ? &s->sm.back : &s->out;
    bool found = false;
    while (!found && (s->state == CLOSED || s->sm.state == SM_MUTE) && s2s__sm_unacked(&s->sm) > 0) {
        uint64_t from = s->sm.began > s->sm.base ? s->sm.began : s->sm.base, to = end_at(&s->sm, 0);
        char *bytes = (char *)kept->data + kept->start; /* lent to nobody: nothing goes out any more */
        size_t at = (size_t)(from - s->sm.base), len = (size_t)(to - from);
        s2s__buf_drop(&s->sm.ends, sizeof(uint64_t));
        s->sm.began = to;
        found = s2s__stanza_read_back(bytes + at, len, &s->sm.taken);
    }
    if (!found)
        s2s__buf_free(&s->sm.back);
    return found ? &s->sm.taken : NULL;
}

void s2s_session_unsafe(s2s_session *s, uint32_t count)
{
    s->sm.unsafe = count;
}

void s2s_session_acks(const s2s_session *s, s2s_acks *out)
{
    *out = (s2s_acks){.on = s->sm.state == SM_ON,
                      .acknowledged = s->sm.acknowledged,
                      .unacknowledged = s2s__sm_unacked(&s->sm),
                      .rtt = s->sm.rtt};
}
