/* SPDX-License-Identifier: MIT */
/* dialback.c: Server Dialback (XEP-0220) on a stream, in each of its roles: who asks to be believed, who decides, and who
 * answers for its own keys. What is asked and what is answered is told apart by the type, not by who connected. */
#include "protocol/auth/dialback.h"

#include "protocol/session/machine.h"

/* The peer may ask to be believed: it connected, or the stream carries both directions (XEP-0288 section 2.2). */
static bool may_claim(const s2s_session *s)
{
    return s->role == S2S_ACCEPTOR || s->bidi == BIDI_ON;
}

/* Behind TLS and with a header of ours: an answer can be written. */
static bool may_answer(const s2s_session *s)
{
    return s->state == EXPECT_AUTH || s->state == EXPECT_RESPONSE || s->state == EXPECT_DIALBACK ||
           s->state == ESTABLISHED;
}

/* Dialback waits for a third server: more time, but only once as much as there was. */
static void extend(s2s_session *s, s2s_time ms)
{
    s2s_time by = s->now + ms;
    by = by < s->negotiate_at_most ? by : s->negotiate_at_most;
    if (s->negotiate_by < by)
        s->negotiate_by = by;
}

static void answer(s2s_session *s, s2s__dialback_kind kind, s2s_str from, s2s_str to, s2s_str id,
                   s2s_dialback_outcome outcome, s2s_stanza_error error)
{
    (void)s2s__ok(s, s2s__dialback_write_answer(&s->out, kind, from, to, id, outcome, error));
}

/* DB-08: addresses swapped, so that also an unknown domain is echoed as `from`. */
static void refuse(s2s_session *s, const s2s__dialback *m, s2s_stanza_error error)
{
    answer(s, m->kind, s2s_str_of(m->to), s2s_str_of(m->from), m->id, S2S_DIALBACK_ERROR, error);
}

static void raise(s2s_session *s, s2s_event_type type, s2s_str local, s2s_str remote)
{
    s2s__raise(s, type);
    s->event.local = local;
    s->event.remote = remote;
}

/* -- the receiving server ------------------------------------------------------------------------------- */

/* DB-04 to DB-07: the caller decides; meanwhile everything else goes on. */
static void take_claim(s2s_session *s, const s2s__dialback *m)
{
    s2s_str local = s2s_str_of(m->to), remote = s2s_str_of(m->from);
    const s2s__pair *pair = s2s__pairs_find(&s->pairs, local, remote);
    if (!may_claim(s) || m->key.len == 0) {
        refuse(s, m, S2S_SE_NOT_ACCEPTABLE);
        return;
    }
    if (pair) { /* proven: said again. Asked for: one answer will come */
        if (pair->state == PAIR_PROVEN)
            answer(s, DIALBACK_RESULT, local, remote, S2S_STR_ABSENT, S2S_DIALBACK_VALID, S2S_SE_UNDEFINED_CONDITION);
        return;
    }
    s2s_err err = s2s__pairs_ask(&s->pairs, s->env, local, remote);
    if (err == S2S_E_LIMIT) { /* DB-19 */
        refuse(s, m, S2S_SE_RESOURCE_CONSTRAINT);
        return;
    }
    if (!s2s__ok(s, err))
        return;
    pair = s2s__pairs_find(&s->pairs, local, remote);
    extend(s, (s2s_time)s->env->limits.dialback_ms + s->env->limits.close_ms); /* the caller's answer comes first */
    raise(s, S2S_EV_DIALBACK_RESULT, s2s_str_of(pair->local), s2s_str_of(pair->remote));
    s->event.key = m->key;
}

/* The pair is authorised before the reply that announces it. */
static void accept_claim(s2s_session *s, s2s_str local, s2s_str remote)
{
    if (!s2s__ok(s, s2s__pairs_add(&s->pairs, s->env, local, remote)))
        return;
    answer(s, DIALBACK_RESULT, local, remote, S2S_STR_ABSENT, S2S_DIALBACK_VALID, S2S_SE_UNDEFINED_CONDITION);
    if (s->state == CLOSED)
        return;
    const s2s__pair *pair = s2s__pairs_find(&s->pairs, local, remote);
    s2s_event_type type = S2S_EV_PAIR;
    if (s->state != ESTABLISHED) { /* DB-20: no restart, no further features */
        type = S2S_EV_ESTABLISHED;
        s->proof = PROOF_DIALBACK;
        s2s__reader_set_limit(s->reader, s->env->limits.stanza_bytes, s->env->limits.skip_bytes);
        s2s__set_state(s, ESTABLISHED);
        s2s__sm_expect(s);
    }
    raise(s, type, s2s_str_of(pair->local), s2s_str_of(pair->remote));
}

/* DB-09: without any other pair the stream ends; else it is an error for this pair alone. */
static void deny_claim(s2s_session *s, s2s_str local, s2s_str remote)
{
    bool last = s->pairs.len == 1;
    answer(s, DIALBACK_RESULT, local, remote, S2S_STR_ABSENT, last ? S2S_DIALBACK_INVALID : S2S_DIALBACK_ERROR,
           S2S_SE_FORBIDDEN);
    s2s__pairs_drop(&s->pairs, s->env, local, remote);
    if (last)
        s2s_session_close(s, s->now, S2S_COND_NONE, "the authoritative server says that the key is invalid");
}

s2s_err s2s_session_dialback(s2s_session *s, s2s_time now, s2s_str local, s2s_str remote,
                             s2s_dialback_outcome outcome, s2s_stanza_error error)
{
    const s2s__pair *pair = s2s__pairs_find(&s->pairs, local, remote);
    s->now = now;
    if (!pair || pair->state != PAIR_ASKED)
        return S2S_E_NOTFOUND;
    if (!may_answer(s)) {
        s2s__pairs_drop(&s->pairs, s->env, local, remote);
        return S2S_E_STATE;
    }
    switch (outcome) {
    case S2S_DIALBACK_VALID: accept_claim(s, local, remote); break;
    case S2S_DIALBACK_INVALID: deny_claim(s, local, remote); break;
    case S2S_DIALBACK_ERROR:
        answer(s, DIALBACK_RESULT, local, remote, S2S_STR_ABSENT, S2S_DIALBACK_ERROR, error);
        s2s__pairs_drop(&s->pairs, s->env, local, remote);
        break;
    }
    return S2S_OK;
}

/* -- the authoritative server --------------------------------------------------------------------------- */

static void take_question(s2s_session *s, const s2s__dialback *m)
{
    if (m->id.len == 0 || m->key.len == 0) {
        refuse(s, m, S2S_SE_BAD_REQUEST);
        return;
    }
    if (!s2s__session_keep(s, &s->asked_local, s2s_str_of(m->to)) ||
        !s2s__session_keep(s, &s->asked_remote, s2s_str_of(m->from)))
        return;
    raise(s, S2S_EV_DIALBACK_VERIFY, s2s_str_of(s->asked_local), s2s_str_of(s->asked_remote));
    s->event.id = m->id;
    s->event.key = m->key;
}

s2s_err s2s_session_dialback_verified(s2s_session *s, s2s_time now, s2s_str local, s2s_str remote, s2s_str id,
                                      s2s_dialback_outcome outcome, s2s_stanza_error error)
{
    s->now = now;
    if (!may_answer(s))
        return S2S_E_STATE;
    answer(s, DIALBACK_VERIFY, local, remote, id, outcome, error);
    return S2S_OK;
}

/* -- the initiating server ------------------------------------------------------------------------------ */

void s2s__dialback_start(s2s_session *s)
{
    char key[S2S_DIALBACK_KEY_LEN + 1];
    s2s_str local = s2s__session_local(s), remote = s2s__session_remote(s), id = s2s_str_of(s->stream_id);
    if (id.len == 0) {
        s2s__fail(s, S2S_COND_BAD_FORMAT, "the peer's header has no stream id");
        return;
    }
    if (!s2s__ok(s, s2s_dialback_key(s->env, s->secret, remote, local, id, key)) ||
        !s2s__ok(s, s2s__dialback_write_request(&s->out, DIALBACK_RESULT, local, remote, S2S_STR_ABSENT,
                                                s2s_str_of(key))))
        return;
    extend(s, s->env->limits.negotiation_ms);
    s2s__set_state(s, EXPECT_DIALBACK);
}

static void refused(s2s_session *s, const s2s__dialback *m)
{
    bool invalid = m->outcome == S2S_DIALBACK_INVALID;
    s->close.dialback_invalid = invalid;
    s2s__note_close(s, S2S_ORIGIN_PEER, S2S_COND_NOT_AUTHORIZED, invalid ? "dialback: the key is invalid"
                                                                        : "dialback: ",
                    invalid ? NULL : s2s_stanza_error_name(m->error));
    s2s_session_close(s, s->now, S2S_COND_NONE, NULL);
}

/* -- asking an authoritative server --------------------------------------------------------------------- */

void s2s__dialback_ask(s2s_session *s)
{
    if (s2s__ok(s, s2s__dialback_write_request(&s->out, DIALBACK_VERIFY, s2s__session_local(s),
                                               s2s__session_remote(s), s2s_str_of(s->verify_id),
                                               s2s_str_of(s->verify_key))))
        s2s__set_state(s, EXPECT_VERIFIED);
}

static void verified(s2s_session *s, const s2s__dialback *m)
{
    s2s__raise(s, S2S_EV_DIALBACK_ANSWER);
    s->event.outcome = m->outcome;
    s->event.error = m->error;
    s2s_session_close(s, s->now, S2S_COND_NONE, "the question was answered");
}

/* DB-06: an answer counts only if it answers what was asked on this very stream. */
static void take_answer(s2s_session *s, const s2s__dialback *m)
{
    bool ours = s2s_str_eq(s2s_str_of(m->from), s2s__session_remote(s)) &&
                s2s_str_eq(s2s_str_of(m->to), s2s__session_local(s));
    if (s->state == EXPECT_VERIFIED && m->kind == DIALBACK_VERIFY && ours &&
        s2s_str_eq(m->id, s2s_str_of(s->verify_id))) {
        verified(s, m);
        return;
    }
    if (s->state != EXPECT_DIALBACK || m->kind != DIALBACK_RESULT || !ours)
        return; /* nobody asked: it means nothing */
    if (m->outcome != S2S_DIALBACK_VALID) {
        refused(s, m);
        return;
    }
    s->proof = PROOF_DIALBACK;
    s2s__initiator_established(s);
}

/* -- what arrives --------------------------------------------------------------------------------------- */

void s2s__dialback_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    s2s__dialback m;
    s2s__dialback_read(t, n, &m);
    switch (m.form) {
    case DIALBACK_NONSENSE: return;
    case DIALBACK_UNADDRESSED:
        s2s__fail(s, S2S_COND_IMPROPER_ADDRESSING, "dialback needs valid 'from' and 'to'");
        return;
    case DIALBACK_ANSWER: take_answer(s, &m); return;
    case DIALBACK_REQUEST: break;
    }
    if (s->state == EXPECT_STARTTLS) /* never in the clear (DB-12, DB-18) */
        refuse(s, &m, S2S_SE_POLICY_VIOLATION);
    else if (m.kind == DIALBACK_RESULT)
        take_claim(s, &m);
    else
        take_question(s, &m);
}
