/* SPDX-License-Identifier: MIT */
/* claims.c: what remote servers want to be believed by dialback (XEP-0220, XEP-0344): the policy's word on the
 * certificate first, then a call to the authoritative server, on a connection of its own. Every way ends in an answer. */
#include "federation/internal.h"

#include <string.h>

#include "protocol/buf.h"

/* One pair that a stream's peer claims. It lives until it is answered, or the stream ends. */
struct s2s__claim {
    s2s__claim *next;    /* of the same stream */
    s2s__stream *stream; /* that carried it, and will carry the answer */
    s2s__stream *call;   /* to the authoritative server; NULL: none yet */
    char *local, *remote, *key;
    char *id; /* of the stream when it was claimed: the key is for that one */
    s2s_ticket ticket; /* of the question that the policy has not answered; 0: none */
};

static s2s_remote_rule rule_of(const s2s_federation *f, s2s_str local, s2s_str remote)
{
    s2s_remote_rule rule;
    s2s__federation_rule(f, local, remote, &rule);
    return rule;
}

/* -- making and ending --------------------------------------------------------------------------------- */

static void free_claim(s2s__claim *c)
{
    const s2s_env *env = c->stream->f->env;
    for (s2s__claim **at = &c->stream->claims; *at; at = &(*at)->next) {
        if (*at == c) {
            *at = c->next;
            break;
        }
    }
    s2s__question_drop(c->stream->f, c->ticket);
    if (c->call)
        c->stream->f->calls--;
    s2s__free(env, c->local);
    s2s__free(env, c->remote);
    s2s__free(env, c->key);
    s2s__free(env, c->id);
    s2s__free(env, c);
}

/* The answer, and the end of the claim. The stream may close. */
static void answer(s2s__claim *c, s2s_dialback_outcome outcome, s2s_stanza_error error)
{
    s2s__stream *s = c->stream;
    char local[S2S_DOMAIN_MAX + 1], remote[S2S_DOMAIN_MAX + 1];
    (void)stpcpy(local, c->local);
    (void)stpcpy(remote, c->remote);
    free_claim(c);
    s2s__connection_dialback(s->connection, s2s_str_of(local), s2s_str_of(remote), outcome, error);
}

static void refuse(s2s__claim *c, s2s_stanza_error error, const char *why)
{
    s2s__report_claim(c->stream, c->local, c->remote, S2S_DIALBACK_ERROR, why);
    answer(c, S2S_DIALBACK_ERROR, error);
}

/* -- the call to the authoritative server -------------------------------------------------------------- */

/* The call is over without an answer: the peer gets one all the same (DB-11). */
static void call_failed(s2s__stream *call, s2s_stanza_error error, const char *why)
{
    s2s__claim *c = call->call;
    if (!c)
        return;
    call->call = NULL;
    c->call = NULL;
    call->f->calls--;
    refuse(c, error, why);
}

static s2s__stream *new_call(s2s__claim *c)
{
    s2s__stream *call = s2s__stream_new(c->stream->f, S2S_INITIATOR, s2s_str_of(c->local), s2s_str_of(c->remote));
    if (!call)
        return NULL;
    call->is_call = true;
    call->call = c;
    c->call = call;
    return call;
}

/* The next address gets a stream of its own; the old one closes by itself. False: out of memory. */
static bool go_on(s2s__stream *old, const char *why)
{
    s2s__stream *call = new_call(old->call);
    if (!call)
        return false;
    call->since = old->since; /* one deadline for all */
    call->dial = old->dial;
    old->dial = NULL;
    old->call = NULL;
    s2s__dial_note(call->dial, why);
    s2s__dial_next(call->dial, call);
    return true;
}

void s2s__claim_call_closed(s2s__stream *call, const s2s_close *close)
{
    bool more = call->call && call->dial && !call->f->stopping && s2s__dial_has_more(call->dial);
    if (!more || !go_on(call, close->text))
        call_failed(call, S2S_SE_REMOTE_SERVER_TIMEOUT, close->text);
}

void s2s__claim_call_answered(s2s__stream *call, s2s_dialback_outcome outcome, s2s_stanza_error error)
{
    s2s__claim *c = call->call;
    (void)error; /* DB-11: any error there is one and the same here */
    if (!c)
        return;
    if (outcome == S2S_DIALBACK_ERROR) {
        call_failed(call, S2S_SE_REMOTE_SERVER_NOT_FOUND, "the authoritative server gave an error");
        return;
    }
    call->call = NULL;
    c->call = NULL;
    call->f->calls--;
    s2s__report_claim(c->stream, c->local, c->remote, outcome,
                      outcome == S2S_DIALBACK_VALID ? "the authoritative server knows the key"
                                                    : "the authoritative server does not know the key");
    answer(c, outcome, S2S_SE_UNDEFINED_CONDITION);
}

/* An attempt that may not be the last does not get all of the time. */
static s2s_time call_deadline(const s2s__stream *call)
{
    const s2s_limits *limits = &call->f->env->limits;
    s2s_time by = call->since + limits->dialback_ms, at = uv_now(call->f->loop) + limits->attempt_ms;
    return s2s__dial_has_more(call->dial) && at < by ? at : by;
}

static void call_connected(s2s__stream *call, uv_tcp_t *tcp)
{
    s2s_session_options options;
    s2s_session_options_init(&options, S2S_INITIATOR);
    options.negotiate_by = call_deadline(call);
    options.verify_id = s2s_str_of(call->call->id);
    options.verify_key = s2s_str_of(call->call->key);
    if (s2s__stream_dialed(call, tcp, &options) == S2S_OK)
        return;
    call_failed(call, S2S_SE_RESOURCE_CONSTRAINT, "no connection could be made");
    s2s__stream_free(call);
}

static void call_dialed(void *arg, s2s__dial_end end, uv_tcp_t *tcp, const char *text)
{
    s2s__stream *call = arg;
    if (end == S2S__DIAL_CONNECTED) {
        call_connected(call, tcp);
        return;
    }
    call->dial = NULL;
    call_failed(call, end == S2S__DIAL_NO_ADDRESS ? S2S_SE_REMOTE_SERVER_NOT_FOUND : S2S_SE_REMOTE_SERVER_TIMEOUT,
                text);
    s2s__stream_free(call);
}

/* How long the address without its port is. */
static size_t host_len(const char *address)
{
    const char *port = strrchr(address, ':');
    return port ? (size_t)(port - address) : strlen(address);
}

/* DO-04: calls under way for peers at the address of `s`. */
static size_t calls_for(const s2s__stream *s)
{
    const char *mine = s2s__connection_address(s->connection);
    size_t len = host_len(mine), calls = 0;
    for (const s2s__stream *o = s->f->streams; o; o = o->next) {
        if (!o->call || !o->call->stream)
            continue;
        const char *theirs = s2s__connection_address(o->call->stream->connection);
        calls += host_len(theirs) == len && memcmp(theirs, mine, len) == 0;
    }
    return calls;
}

static void start_call(s2s__claim *c)
{
    s2s__stream *s = c->stream;
    s2s_federation *f = s->f;
    if (f->calls >= f->env->limits.dialback_calls || calls_for(s) >= f->env->limits.dialback_calls_per_address) {
        refuse(c, S2S_SE_RESOURCE_CONSTRAINT, "too many calls to authoritative servers");
        return;
    }
    s2s__stream *call = new_call(c);
    if (!call) {
        refuse(c, S2S_SE_RESOURCE_CONSTRAINT, "out of memory");
        return;
    }
    f->calls++;
    s2s_err err = s2s__stream_dial(call, call->since + f->env->limits.dialback_ms, call_dialed);
    if (err == S2S_OK)
        return;
    call_failed(call, S2S_SE_REMOTE_SERVER_NOT_FOUND, s2s_strerror(err));
    s2s__stream_free(call);
}

/* -- deciding ------------------------------------------------------------------------------------------- */

/* DB-15: the certificate decides if it can, by the same policy as for SASL EXTERNAL; else DNS does, if the policy says so. */
void s2s__claim_answer(s2s__claim *c, const s2s_verdict *verdict)
{
    s2s__question_drop(c->stream->f, c->ticket);
    c->ticket = 0;
    if (verdict->trusted) {
        s2s__report_claim(c->stream, c->local, c->remote, S2S_DIALBACK_VALID, "the certificate proves it");
        answer(c, S2S_DIALBACK_VALID, S2S_SE_UNDEFINED_CONDITION);
    } else if (verdict->dialback) {
        start_call(c);
    } else {
        refuse(c, S2S_SE_NOT_AUTHORIZED, verdict->reason);
    }
}

static void judge(s2s__claim *c)
{
    s2s__stream *s = c->stream;
    s2s_verdict verdict;
    c->ticket = s2s__question_add(s, c);
    if (s2s__stream_ask_policy(s, s2s_str_of(c->local), s2s_str_of(c->remote), c->ticket, &verdict) != S2S_E_PENDING)
        s2s__claim_answer(c, &verdict);
}

static s2s__claim *new_claim(s2s__stream *s, s2s_str local, s2s_str remote, s2s_str key)
{
    const s2s_env *env = s->f->env;
    s2s__claim *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return NULL;
    c->stream = s;
    c->local = s2s__strdup(env, local);
    c->remote = s2s__strdup(env, remote);
    c->key = s2s__strdup(env, key);
    c->id = s2s__strdup(env, s2s__connection_stream_id(s->connection));
    c->next = s->claims;
    s->claims = c;
    if (c->local && c->remote && c->key && c->id)
        return c;
    free_claim(c);
    return NULL;
}

void s2s__claim_take(s2s__stream *s, s2s_str local, s2s_str remote, s2s_str key)
{
    s2s__claim *c = new_claim(s, local, remote, key);
    if (!c)
        s2s__connection_dialback(s->connection, local, remote, S2S_DIALBACK_ERROR, S2S_SE_RESOURCE_CONSTRAINT);
    else if (s->f->stopping)
        refuse(c, S2S_SE_REMOTE_SERVER_TIMEOUT, "this server is shutting down");
    else if (!s2s__federation_domain(s->f, local)) /* DB-08 */
        refuse(c, S2S_SE_ITEM_NOT_FOUND, "not served here");
    else if (s2s__federation_domain(s->f, remote))
        refuse(c, S2S_SE_FORBIDDEN, "that domain is served here");
    else if (!rule_of(s->f, local, remote).allow)
        refuse(c, S2S_SE_FORBIDDEN, "the configuration does not allow this remote domain");
    else
        judge(c);
}

/* -- the authoritative server --------------------------------------------------------------------------- */

/* Only the key counts, never who asks (XEP-0220 section 2.3); where dialback is off, no key is ours. */
void s2s__claim_verify(s2s__stream *s, const s2s_event *asked)
{
    const s2s_federation *f = s->f;
    s2s_dialback_outcome outcome = S2S_DIALBACK_ERROR;
    s2s_stanza_error error = S2S_SE_ITEM_NOT_FOUND;
    if (s2s__federation_domain(f, asked->local)) {
        error = S2S_SE_FORBIDDEN;
        if (s2s__federation_secret(f) && rule_of(f, asked->local, asked->remote).dialback)
            outcome = s2s_dialback_key_ok(f->env, &f->secret, asked->remote, asked->local, asked->id, asked->key)
                          ? S2S_DIALBACK_VALID
                          : S2S_DIALBACK_INVALID;
    }
    s2s__report_question(s, asked->local, asked->remote, outcome);
    s2s__connection_verified(s->connection, asked, outcome, error);
}

/* -- the end of a stream -------------------------------------------------------------------------------- */

/* Its claim has gone, or nobody must wait any more. It may free itself. */
static void end_call(s2s__stream *call)
{
    if (call->connection) {
        s2s__connection_close(call->connection, S2S_COND_NONE, NULL);
        return;
    }
    s2s__dial_cancel(call->dial);
    call->dial = NULL;
    call_failed(call, S2S_SE_REMOTE_SERVER_TIMEOUT, "this server is shutting down");
    s2s__stream_free(call);
}

void s2s__claims_drop(s2s__stream *s)
{
    while (s->claims) {
        s2s__claim *c = s->claims;
        s2s__stream *call = c->call;
        free_claim(c);
        if (!call)
            continue;
        call->call = NULL;
        end_call(call);
    }
}

void s2s__claims_stop(s2s_federation *f)
{
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (!s->is_call)
            continue;
        bool freed = !s->connection; /* with it what its answer sets off: begin anew */
        end_call(s);
        if (freed)
            next = f->streams;
    }
}
