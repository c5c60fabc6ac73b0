/* SPDX-License-Identifier: MIT */
/* session.c: what both roles share: feeding, events, output, deadlines, the close handshake. */
#include <stdio.h>
#include <string.h>

#include "protocol/log.h"
#include "protocol/session/machine.h"
#include "protocol/sized.h"
#include "protocol/xml/ns.h"
#include "s2s/addr.h"

enum { OUTPUT_SLACK = 65536 }; /* our own nonzas beside stanzas */

static const char *state_name(s2s__state state)
{
    switch (state) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_STATES(S2S_X)
#undef S2S_X
    }
    return "closed";
}

void s2s__set_state(s2s_session *s, s2s__state to)
{
    if (s->env->level <= S2S_LOG_DEBUG) {
        s2s_field f[] = {{"id", s2s_str_of(s->stream_id)}, {"from", s2s_str_of(state_name(s->state))},
                         {"to", s2s_str_of(state_name(to))}};
        s2s__log(s->env, S2S_LOG_DEBUG, "stream state", f, sizeof f / sizeof *f);
    }
    s->state = to;
    if (to == ESTABLISHED)
        s2s__health_begin(s);
}

void s2s__raise(s2s_session *s, s2s_event_type type)
{
    s->event = (s2s_event){.type = type,
                           .local = s2s__session_local(s),
                           .remote = s2s__session_remote(s)};
}

static void note_close(s2s_session *s, s2s_origin origin, s2s_cond cond, s2s_str text)
{
    if (s->close_known)
        return;
    s->close_known = true;
    s->close.origin = origin;
    s->close.cond = cond;
    s2s__copy_text(s->close.text, text);
}

void s2s__note_close(s2s_session *s, s2s_origin origin, s2s_cond cond, const char *text, const char *more)
{
    char words[S2S_TEXT_MAX];
    (void)snprintf(words, sizeof words, "%s%s", text, more ? more : "");
    note_close(s, origin, cond, s2s_str_of(words));
}

/* SA-10: whoever refuses EXTERNAL may end the stream with it, before dialback has had its turn. Conditions that speak of
 * dialback itself, or of something else, do not count. */
static bool refused_before_dialback(const s2s_session *s)
{
    const s2s_close *c = &s->close;
    if (s->role != S2S_INITIATOR || s->dialback != DIALBACK_ALSO)
        return false;
    if (s->state == EXPECT_SASL_RESULT)
        return c->origin == S2S_ORIGIN_PEER && c->cond == S2S_COND_NOT_AUTHORIZED;
    if (s->state != EXPECT_DIALBACK || s->sasl_failures == 0)
        return false;
    return c->origin == S2S_ORIGIN_TRANSPORT ||
           (c->origin == S2S_ORIGIN_PEER && (c->cond == S2S_COND_NONE || c->cond == S2S_COND_NOT_AUTHORIZED ||
                                             c->cond == S2S_COND_POLICY_VIOLATION));
}

static s2s_event closed(const s2s_session *s, bool graceful)
{
    return (s2s_event){.type = S2S_EV_CLOSED, .close = &s->close, .graceful = graceful};
}

/* The last event; one that waits is pulled before it. */
static void finish(s2s_session *s, bool graceful)
{
    s->close.try_dialback = refused_before_dialback(s);
    s2s__set_state(s, CLOSED);
    if (s->event.type == S2S_EV_STANZA || s->event.type == S2S_EV_REJECTED ||
        s->event.type == S2S_EV_ESTABLISHED || s->event.type == S2S_EV_DIALBACK_ANSWER)
        s->parting = graceful ? PARTING_GRACEFUL : PARTING_CUT;
    else
        s->event = closed(s, graceful);
}

void s2s__cut(s2s_session *s, s2s_origin origin, s2s_cond cond, const char *text)
{
    if (s->state == CLOSED)
        return;
    note_close(s, origin, cond, s2s_str_of(text ? text : ""));
    s2s__sm_abandon(s);
    finish(s, false);
}

bool s2s__ok(s2s_session *s, s2s_err err)
{
    if (err == S2S_OK)
        return true;
    s2s__cut(s, S2S_ORIGIN_INTERNAL, S2S_COND_INTERNAL_SERVER_ERROR, s2s_strerror(err));
    return false;
}

bool s2s__session_keep(s2s_session *s, char **slot, s2s_str value)
{
    char *copy = s2s__strdup(s->env, value);
    if (!copy)
        return s2s__ok(s, S2S_E_NOMEM);
    s2s__free(s->env, *slot);
    *slot = copy;
    return true;
}

static s2s_err write_header(s2s_session *s)
{
    if (s->role == S2S_INITIATOR)
        return s2s__stream_write_header(&s->out, NS_SERVER, s2s__session_local(s),
                                        s2s__session_remote(s), S2S_STR_ABSENT);
    char id[S2S_STREAM_ID_LEN + 1];
    s2s_err err = s2s__stream_id(s->env, id);
    if (err != S2S_OK)
        return err;
    if (!s2s__session_keep(s, &s->stream_id, s2s_str_of(id)))
        return S2S_E_NOMEM;
    return s2s__stream_write_header(&s->out, NS_SERVER, s->local ? s2s__session_local(s) : S2S_STR(""),
                                    s2s__session_remote(s), s2s_str_of(id));
}

void s2s__send_header(s2s_session *s)
{
    if (s2s__ok(s, write_header(s)))
        s->header_sent = true;
}

bool s2s__restart(s2s_session *s, bool keep_pending)
{
    s->header_sent = false;
    return s2s__ok(s, s2s__reader_restart(s->reader, keep_pending));
}

/* Our end tag, with an error before it if there is one. */
static bool write_end(s2s_session *s, s2s_cond cond, const char *text, const char *detail)
{
    if (!s->header_sent)
        s2s__send_header(s); /* ST-16 */
    if (s->state != CLOSED)
        s2s__sm_before_end(s);
    if (s->state == CLOSED)
        return false;
    if (cond != S2S_COND_NONE)
        s2s__stream_write_error(&s->out, cond, text, detail);
    return s2s__ok(s, s2s__stream_write_end(&s->out));
}

void s2s__fail_detail(s2s_session *s, s2s_cond cond, const char *text, const char *detail)
{
    if (s->state == CLOSED || s->state == DRAINING)
        return;
    bool ended = s->state == CLOSING; /* our end tag is out already */
    note_close(s, cond == S2S_COND_INTERNAL_SERVER_ERROR ? S2S_ORIGIN_INTERNAL : S2S_ORIGIN_LOCAL, cond,
               s2s_str_of(text ? text : ""));
    if (s->state == WAIT_TLS) { /* TL-06: no XML inside a handshake */
        finish(s, false);
        return;
    }
    if (!ended && !write_end(s, cond, text, detail))
        return;
    s->close_by = s->now + s->env->limits.close_ms;
    s2s__set_state(s, DRAINING);
}

void s2s__fail(s2s_session *s, s2s_cond cond, const char *text)
{
    s2s__fail_detail(s, cond, text, NULL);
}

void s2s_session_close(s2s_session *s, s2s_time now, s2s_cond cond, const char *text)
{
    s->now = now;
    if (s->state == CLOSED || s->state == DRAINING || s->state == CLOSING || s->state == WAIT_SAFE)
        return;
    if (cond != S2S_COND_NONE || s->state == WAIT_TLS) {
        s2s__fail(s, cond, text);
        return;
    }
    note_close(s, S2S_ORIGIN_LOCAL, cond, s2s_str_of(text ? text : ""));
    if (s2s__sm_unacked(&s->sm) > 0)
        s2s__sm_probe(s); /* it is answered while we wait for the peer's end */
    if (s->state == CLOSED || !write_end(s, cond, text, NULL))
        return;
    s->close_by = now + s->env->limits.close_ms;
    s2s__set_state(s, CLOSING);
}

void s2s_session_lost(s2s_session *s, s2s_time now, const char *text)
{
    s->now = now;
    if (s->state == CLOSED)
        return;
    note_close(s, S2S_ORIGIN_TRANSPORT, S2S_COND_NONE, s2s_str_of(text ? text : "connection lost"));
    finish(s, false);
}

static s2s_session_options default_options(s2s_role role)
{
    return (s2s_session_options){.role = role, .negotiate_by = S2S_NEVER};
}

void (s2s_session_options_init)(s2s_session_options *options, size_t size, s2s_role role)
{
    s2s_session_options ours = default_options(role);
    s2s__sized_write(options, size, &ours, sizeof ours);
}

static bool is_normal(s2s_str domain)
{
    char normal[S2S_DOMAIN_MAX + 1];
    return s2s_domain_normalise(domain, normal) == S2S_OK && s2s_str_eq(domain, s2s_str_of(normal));
}

s2s_err s2s_session_new(const s2s_env *env, const s2s_session_options *given, s2s_time now, s2s_session **out)
{
    s2s_session_options read = default_options(S2S_ACCEPTOR), *options = &read;
    if (!out || !s2s__env_known(env) || !s2s__sized_read(options, sizeof *options, given))
        return S2S_E_INVAL;
    if (options->role == S2S_INITIATOR && (!is_normal(options->local) || !is_normal(options->remote)))
        return S2S_E_INVAL;
    s2s_err err = S2S_E_NOMEM;
    s2s_session *s = s2s__alloc(env, sizeof *s);
    if (!s)
        return S2S_E_NOMEM;
    s->env = env;
    s->role = options->role;
    s->now = now;
    s->close_by = S2S_NEVER;
    s->negotiate_by = options->negotiate_by != S2S_NEVER ? options->negotiate_by
                                                         : now + env->limits.negotiation_ms;
    s2s__buf_init(&s->out, env, (size_t)env->limits.output_bytes + 8 * (size_t)env->limits.stanza_bytes +
                                    env->limits.unacked_bytes + OUTPUT_SLACK);
    s2s__sm_init(&s->sm, env);
    if ((err = s2s__reader_new(env, NS_SERVER, &s->reader)) != S2S_OK)
        goto fail;
    if (s->role == S2S_INITIATOR) {
        err = S2S_E_NOMEM;
        s->local = s2s__strdup(env, options->local);
        s->remote = s2s__strdup(env, options->remote);
        if (!s->local || !s->remote || (!options->direct_tls && (err = write_header(s)) != S2S_OK))
            goto fail;
        s->header_sent = !options->direct_tls;
    }
    s->negotiate_at_most = s->negotiate_by + env->limits.negotiation_ms;
    s->secret = options->secret;
    s->bidi = options->bidi ? BIDI_POSSIBLE : BIDI_NEVER;
    s->dialback_first = options->dialback_first;
    if (options->verify_key.ptr) {
        err = S2S_E_NOMEM;
        s->verify_id = s2s__strdup(env, options->verify_id);
        s->verify_key = s2s__strdup(env, options->verify_key);
        if (!s->verify_id || !s->verify_key)
            goto fail;
    }
    if (options->direct_tls) { /* DN-05 */
        s2s__set_state(s, WAIT_TLS);
        s2s__raise(s, S2S_EV_START_TLS);
    }
    *out = s;
    return S2S_OK;
fail:
    s2s_session_free(s);
    return err;
}

void s2s_session_free(s2s_session *s)
{
    if (!s)
        return;
    s2s__reader_free(s->reader);
    s2s__rested_free(s->rested);
    s2s__buf_free(&s->out);
    s2s__sm_free(&s->sm);
    s2s__pairs_free(&s->pairs, s->env);
    s2s__free(s->env, s->local);
    s2s__free(s->env, s->remote);
    s2s__free(s->env, s->stream_id);
    s2s__free(s->env, s->verify_id);
    s2s__free(s->env, s->verify_key);
    s2s__free(s->env, s->asked_local);
    s2s__free(s->env, s->asked_remote);
    s2s__free(s->env, s->caps);
    s2s__free(s->env, s);
}

static bool authenticated(const s2s_session *s)
{
    return s->pairs.proven > 0;
}

static bool wake(s2s_session *s)
{
    if (s->rested && (s->reader = s2s__reader_wake(s->rested)) != NULL)
        s->rested = NULL;
    return s->reader != NULL;
}

s2s_err s2s_session_feed(s2s_session *s, s2s_time now, s2s_bytes in)
{
    s->now = s->health.heard_at = now;
    if (s->state == CLOSED)
        return S2S_E_CLOSED;
    if (in.len > S2S_FEED_MAX)
        return S2S_E_LIMIT;
    if (s->state == DRAINING || s->state == WAIT_SAFE)
        return S2S_OK; /* a stream error was sent, or the peer has ended its stream: the rest does not count */
    if (s->event.type != S2S_EV_NONE)
        return S2S_E_STATE; /* what it lends would move */
    if (s->state == WAIT_TLS)
        return S2S_E_STATE; /* these are TLS records, or an attack (TL-05) */
    if (!authenticated(s)) {
        s->preauth_bytes += (uint32_t)in.len;
        if (s->preauth_bytes > s->env->limits.preauth_bytes) {
            s2s__fail(s, S2S_COND_POLICY_VIOLATION, "too much before authentication");
            return S2S_OK;
        }
    }
    s2s_err err = wake(s) ? s2s__reader_feed(s->reader, in) : S2S_E_NOMEM;
    if (err == S2S_E_LIMIT)
        s2s__fail(s, S2S_COND_POLICY_VIOLATION, "too much input at once");
    else
        (void)s2s__ok(s, err);
    return S2S_OK;
}

static void end_in_kind(s2s_session *s)
{
    if (s->state != CLOSING && !write_end(s, S2S_COND_NONE, NULL, NULL))
        return;
    finish(s, true);
}

/* The peer ends its stream: answer in kind if we have not (RFC 6120 section 4.4). The last acknowledgement goes before it, so
 * it waits for what is to be counted. */
static void peer_ended(s2s_session *s)
{
    note_close(s, S2S_ORIGIN_PEER, S2S_COND_NONE, S2S_STR("the peer closed the stream"));
    if (s->state != ESTABLISHED || s->sm.state != SM_ON || s->sm.unsafe == 0) {
        end_in_kind(s);
        return;
    }
    s->close_by = s->now + s->env->limits.close_ms;
    s2s__set_state(s, WAIT_SAFE);
}

static void peer_error(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    char text[S2S_TEXT_MAX];
    s2s_cond cond = s2s__stream_read_error(t, n, text);
    note_close(s, S2S_ORIGIN_PEER, cond, s2s_str_of(text));
    if (s->state != CLOSING && !write_end(s, S2S_COND_NONE, NULL, NULL))
        return;
    finish(s, true); /* fatal (ST-16); nothing behind it counts */
}

static bool over_budget(s2s_session *s)
{
    if (authenticated(s) || ++s->preauth_elements <= s->env->limits.preauth_elements)
        return false;
    s2s__fail(s, S2S_COND_POLICY_VIOLATION, "too many elements before authentication");
    return true;
}

static void take_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (over_budget(s))
        return;
    if (s2s__node_is(n, NS_STREAMS, "error"))
        peer_error(s, n, t);
    else if (s2s__str_is(n->ns, "jabber:client"))
        s2s__fail(s, S2S_COND_INVALID_NAMESPACE, "the content namespace must be jabber:server"); /* NS-02 */
    else if (s2s__sm_nonza(s, n))
        return;
    else if (s->role == S2S_INITIATOR)
        s2s__initiator_nonza(s, n, t);
    else
        s2s__acceptor_nonza(s, n, t);
}

static void take_item(s2s_session *s, const s2s__item *item)
{
    switch (item->type) {
    case ITEM_NONE: return;
    case ITEM_OPEN:
        if (s->role == S2S_INITIATOR)
            s2s__initiator_open(s, item->header);
        else
            s2s__acceptor_open(s, item->header);
        return;
    case ITEM_STANZA: s2s__incoming_stanza(s, item->stanza, false); return;
    case ITEM_OVERSIZE: s2s__incoming_stanza(s, item->stanza, true); return;
    case ITEM_NONZA: take_nonza(s, item->node, item->tree); return;
    case ITEM_CLOSE: peer_ended(s); return;
    case ITEM_ERROR: s2s__fail(s, item->cond, item->why); return;
    }
}

/* While the caller owes an answer, input waits; but for the end of the peer's stream where the answer may take its time. */
static bool may_read(const s2s_session *s)
{
    switch (s->state) {
    case WAIT_VERDICT: return s2s__reader_at_end(s->reader);
    case WAIT_ACCEPT_PLAIN:
    case WAIT_ACCEPT_TLS:
    case WAIT_TLS:
    case WAIT_SAFE:
    case DRAINING:
    case CLOSED: return false;
    case EXPECT_HEADER_PLAIN:
    case EXPECT_FEATURES_PLAIN:
    case EXPECT_STARTTLS:
    case EXPECT_PROCEED:
    case EXPECT_HEADER_TLS:
    case EXPECT_FEATURES_TLS:
    case EXPECT_AUTH:
    case EXPECT_RESPONSE:
    case EXPECT_SASL_RESULT:
    case EXPECT_DIALBACK:
    case EXPECT_VERIFIED:
    case EXPECT_HEADER_AUTH:
    case EXPECT_FEATURES_AUTH:
    case ESTABLISHED:
    case CLOSING: return true;
    }
    return false;
}

s2s_event_type s2s_session_next_event(s2s_session *s, s2s_event *out)
{
    while (s->event.type == S2S_EV_NONE && may_read(s)) {
        s2s__item item;
        if (!s->reader || s2s__reader_next(s->reader, &item) == ITEM_NONE)
            break;
        take_item(s, &item);
    }
    if (s->state == WAIT_SAFE && s->sm.unsafe == 0)
        end_in_kind(s);
    if (s->event.type == S2S_EV_STANZA || s->event.type == S2S_EV_REJECTED) {
        s->health.stanzas++;
        s2s__sm_handled(s);
    } else if (s->event.type == S2S_EV_NONE && s->state == ESTABLISHED) {
        s2s__sm_answer(s);
    }
    *out = s->event;
    s->event = (s2s_event){.type = S2S_EV_NONE};
    if (s->parting != PARTING_NONE)
        s->event = closed(s, s->parting == PARTING_GRACEFUL);
    s->parting = PARTING_NONE;
    return out->type;
}

size_t s2s_session_output(const s2s_session *s, const uint8_t **out)
{
    *out = s2s__buf_bytes(&s->out) + s->sm.kept;
    return s->out.len - s->sm.kept;
}

void s2s_session_sent(s2s_session *s, s2s_time now, size_t len)
{
    s->now = now;
    s2s__sm_sent(s, len);
}

void s2s_session_rest(s2s_session *s)
{
    if (s->state == ESTABLISHED && s->event.type == S2S_EV_NONE && s->reader && (s->rested = s2s__reader_rest(s->reader)) != NULL)
        s->reader = NULL;
    if (s->out.len == 0)
        s2s__buf_free(&s->out);
    if (s->sm.ends.len == 0)
        s2s__buf_free(&s->sm.ends);
}

s2s_time s2s_session_deadline(const s2s_session *s)
{
    if (s->state == CLOSED)
        return S2S_NEVER;
    if (s->state == ESTABLISHED) {
        s2s_time ack = s2s__sm_deadline(s), health = s2s__health_deadline(s);
        return s->health.held || health < ack ? health : ack;
    }
    return s->state == CLOSING || s->state == WAIT_SAFE || s->state == DRAINING ? s->close_by : s->negotiate_by;
}

void s2s_session_tick(s2s_session *s, s2s_time now)
{
    s->now = now;
    if (now < s2s_session_deadline(s))
        return;
    if (s->state == CLOSING || s->state == DRAINING) {
        note_close(s, S2S_ORIGIN_LOCAL, S2S_COND_NONE, S2S_STR("the peer did not close"));
        finish(s, false);
    } else if (s->state == WAIT_SAFE) {
        end_in_kind(s);
    } else if (s->state == ESTABLISHED) {
        if (!s->health.held)
            s2s__sm_tick(s);
        s2s__health_tick(s);
    } else {
        s2s__fail(s, S2S_COND_CONNECTION_TIMEOUT, "negotiation took too long");
        if (s->role == S2S_INITIATOR && s->state == DRAINING)
            finish(s, false); /* who is silent will not close either, and another address may wait */
    }
}

s2s_err s2s_session_accept(s2s_session *s, s2s_time now)
{
    s->now = now;
    if (s->state != WAIT_ACCEPT_PLAIN && s->state != WAIT_ACCEPT_TLS)
        return S2S_E_STATE;
    s2s__acceptor_accept(s);
    return S2S_OK;
}

void s2s_session_offer_bidi(s2s_session *s, bool offer)
{
    if (s->bidi != BIDI_ON)
        s->bidi = offer ? BIDI_POSSIBLE : BIDI_NEVER;
}

s2s_err s2s_session_refuse(s2s_session *s, s2s_time now, s2s_cond cond, const char *text)
{
    s->now = now;
    if (s->state != WAIT_ACCEPT_PLAIN && s->state != WAIT_ACCEPT_TLS)
        return S2S_E_STATE;
    if (cond == S2S_COND_HOST_UNKNOWN) { /* ST-03: our header must not claim the host either */
        s2s__free(s->env, s->local);
        s->local = NULL;
    }
    s2s__fail(s, cond, text);
    return S2S_OK;
}

s2s_err s2s_session_tls_up(s2s_session *s, s2s_time now)
{
    s->now = now;
    if (s->state != WAIT_TLS)
        return S2S_E_STATE;
    if (s->role == S2S_INITIATOR)
        s2s__initiator_tls_up(s);
    else
        s2s__acceptor_tls_up(s);
    return S2S_OK;
}

s2s_err s2s_session_verdict(s2s_session *s, s2s_time now, const s2s_verdict *verdict)
{
    s->now = now;
    if (s->state != WAIT_VERDICT)
        return S2S_E_STATE;
    if (s->secret && verdict->dialback)
        s->dialback = verdict->trusted && !s->dialback_first ? DIALBACK_ALSO : DIALBACK_ONLY;
    if (s->role == S2S_INITIATOR)
        s2s__initiator_verdict(s, verdict);
    else
        s2s__acceptor_verdict(s, verdict);
    return S2S_OK;
}

s2s_err s2s_session_send(s2s_session *s, const s2s_stanza *stanza)
{
    if ((s->role != S2S_INITIATOR && s->bidi != BIDI_ON) || s->state != ESTABLISHED || s->sm.state == SM_MUTE)
        return S2S_E_STATE;
    if (!s2s__sm_has_room(s))
        return S2S_E_AGAIN;
    s2s_err err = s2s__sm_reserve(s);
    if (err != S2S_OK)
        return err;
    size_t guess = stanza->inner.len + stanza->attrs.len + stanza->from.len + stanza->to.len +
                   stanza->id.len + 256;
    for (;;) {
        err = s2s__buf_reserve(&s->out, guess);
        if (err != S2S_OK) {
            s->out.failed = S2S_OK; /* nothing was written: the stream is whole */
            return err;
        }
        char *at = (char *)s->out.data + s->out.start + s->out.len;
        size_t need = s2s_stanza_write(stanza, at, guess);
        if (s->peer_max_bytes > 0 && need > s->peer_max_bytes) /* LI-02 */
            return S2S_E_REFUSED;
        if (need <= guess) {
            s->out.len += (uint32_t)need;
            s->health.stanzas++;
            s2s__sm_wrote(s);
            return S2S_OK;
        }
        guess = need;
    }
}

bool s2s_session_is_open(const s2s_session *s)
{
    return s->state == ESTABLISHED;
}

const char *s2s_session_mechanism(const s2s_session *s)
{
    switch (s->proof) {
    case PROOF_NONE: return "none";
    case PROOF_EXTERNAL: return "external";
    case PROOF_DIALBACK: return "dialback";
    }
    return "none";
}

bool s2s_session_is_bidi(const s2s_session *s)
{
    return s->bidi == BIDI_ON && s->proof != PROOF_NONE;
}

const char *s2s_session_state(const s2s_session *s)
{
    return state_name(s->state);
}

s2s_str s2s_session_stream_id(const s2s_session *s)
{
    return s2s_str_of(s->stream_id);
}
