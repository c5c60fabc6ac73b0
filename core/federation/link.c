/* SPDX-License-Identifier: MIT */
/* link.c: what goes out for one (local, remote) pair: queue, stream, the memory of a failure. */
#include "federation/internal.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "federation/backoff.h"
#include "protocol/buf.h"
#include "s2s/addr.h"

/* -- the table ----------------------------------------------------------------------------------------- */

static s2s__link *find(s2s_federation *f, s2s_str local, s2s_str remote)
{
    uint64_t hash = s2s__table_hash(&f->links, local, remote);
    for (s2s__slot *slot = s2s__table_first(&f->links, hash); slot; slot = s2s__table_next(slot)) {
        s2s__link *link = (s2s__link *)slot;
        if (s2s_str_eq(s2s_str_of(link->local), local) && s2s_str_eq(s2s_str_of(link->remote), remote))
            return link;
    }
    return NULL;
}

/* Not while it has a stream. */
static void remove_link(s2s__link *link)
{
    s2s_federation *f = link->f;
    s2s__table_remove(&f->links, &link->slot);
    s2s__queue_clear(&link->queue, f->env);
    s2s__hold_end(link);
    s2s__free(f->env, link->local);
    s2s__free(f->env, link->remote);
    s2s__free(f->env, link->failed_text);
    s2s__free(f->env, link);
    s2s__federation_check_stopped(f);
}

/* Forgets the failures whose time is over, and finds the one whose time is over next. */
static void forget_expired(s2s__slot *slot, void *first)
{
    s2s__link *link = (s2s__link *)slot, **next = first;
    if (link->stream || link->bouncing || link->queue.stanzas > 0)
        return;
    if (link->failed_until <= uv_now(link->f->loop))
        remove_link(link);
    else if (!*next || link->failed_until < (*next)->failed_until)
        *next = link;
}

/* Some may only remember a failure. */
static void make_room(s2s_federation *f)
{
    s2s__link *first = NULL;
    size_t before = f->links.len;
    s2s__table_each(&f->links, forget_expired, &first);
    if (first && f->links.len == before)
        remove_link(first);
}

typedef struct visit {
    void (*what)(s2s__link *link);
} visit;

static void visit_link(s2s__slot *slot, void *arg)
{
    ((const visit *)arg)->what((s2s__link *)slot);
}

void s2s__links_each(s2s_federation *f, void (*what)(s2s__link *link))
{
    visit v = {what};
    s2s__table_each(&f->links, visit_link, &v);
}

static s2s__link *add(s2s_federation *f, s2s_str local, s2s_str remote)
{
    if (f->links.len >= f->env->limits.streams_out)
        make_room(f);
    if (f->links.len >= f->env->limits.streams_out)
        return NULL;
    s2s__link *link = s2s__alloc(f->env, sizeof *link);
    if (!link)
        return NULL;
    link->f = f;
    link->local = s2s__strdup(f->env, local);
    link->remote = s2s__strdup(f->env, remote);
    if (!link->local || !link->remote ||
        s2s__table_add(&f->links, &link->slot, s2s__table_hash(&f->links, local, remote)) != S2S_OK) {
        s2s__free(f->env, link->local);
        s2s__free(f->env, link->remote);
        s2s__free(f->env, link);
        return NULL;
    }
    return link;
}

/* -- connecting ---------------------------------------------------------------------------------------- */

/* Bounces all that waits, in order. The link may take new stanzas meanwhile: only what is there now. */
static void bounce_queue(s2s__link *link, s2s_stanza_error error, const char *text)
{
    s2s__queue waiting = link->queue;
    const s2s_stanza *stanza;
    link->resent = 0;
    link->retry_at = 0;
    link->queue = (s2s__queue){0};
    link->bouncing = true;
    while ((stanza = s2s__queue_first(&waiting)) != NULL) {
        s2s__federation_bounce(link->f, stanza, error, text);
        s2s__queue_pop(&waiting, link->f->env);
    }
    link->bouncing = false;
    s2s__hold_end(link);
}

/* A stream that never got a connection is over: there is nothing to close. */
static void not_connected(s2s__stream *s, s2s_stanza_error error, const char *text, const char *tell)
{
    s2s_close close = {.origin = S2S_ORIGIN_TRANSPORT};
    s2s__link *link = s->link;
    s2s__copy_text(close.text, s2s_str_of(text));
    s2s__report_closed(s, &close);
    s->link = NULL;
    s2s__link_closed(link, s, error, tell);
    s2s__stream_free(s);
}

static s2s_time deadline(const s2s__stream *s)
{
    return s->since + s->f->env->limits.negotiation_ms;
}

/* An attempt that may not be the last does not get all of the time. */
static s2s_time attempt_deadline(const s2s__stream *s)
{
    s2s_time by = deadline(s), at = uv_now(s->f->loop) + s->f->env->limits.attempt_ms;
    return s2s__dial_has_more(s->dial) && at < by ? at : by;
}

static void connected(s2s__stream *s, uv_tcp_t *tcp)
{
    s2s_session_options options;
    s2s_session_options_init(&options, S2S_INITIATOR);
    options.negotiate_by = attempt_deadline(s);
    options.bidi = s->f->bidi;
    options.dialback_first = s->by_dialback;
    s2s_err err = s2s__stream_dialed(s, tcp, &options);
    if (err != S2S_OK)
        not_connected(s, S2S_SE_REMOTE_SERVER_TIMEOUT, s2s_strerror(err),
                      "no connection to the remote server could be made");
}

static void on_dialed(void *arg, s2s__dial_end end, uv_tcp_t *tcp, const char *text)
{
    s2s__stream *s = arg;
    if (end == S2S__DIAL_CONNECTED) {
        connected(s, tcp);
        return;
    }
    s->dial = NULL;
    switch (end) {
    case S2S__DIAL_CONNECTED: return;
    case S2S__DIAL_NO_ADDRESS: /* SZ-09 */
        not_connected(s, S2S_SE_REMOTE_SERVER_NOT_FOUND, text, "the DNS knows no server for that domain");
        return;
    case S2S__DIAL_DNS_FAILED:
        not_connected(s, S2S_SE_REMOTE_SERVER_TIMEOUT, text,
                      "the DNS gave no answer about the remote server");
        return;
    case S2S__DIAL_FAILED:
        not_connected(s, S2S_SE_REMOTE_SERVER_TIMEOUT, text,
                      "no connection to the remote server could be made");
        return;
    }
}

static s2s__stream *new_stream(s2s__link *link)
{
    s2s__stream *s =
        s2s__stream_new(link->f, S2S_INITIATOR, s2s_str_of(link->local), s2s_str_of(link->remote));
    if (!s)
        return NULL;
    s->link = link;
    link->stream = s;
    return s;
}

static void start_stream(s2s__link *link)
{
    link->reached = S2S__UNREACHED;
    link->turned = false;
    s2s__stream *s = new_stream(link);
    if (!s) {
        s2s__link_closed(link, NULL, S2S_SE_RESOURCE_CONSTRAINT, "out of memory");
        return;
    }
    s2s_err err = s2s__stream_dial(s, deadline(s), on_dialed);
    if (err != S2S_OK)
        not_connected(s, err == S2S_E_SYNTAX ? S2S_SE_REMOTE_SERVER_NOT_FOUND : S2S_SE_RESOURCE_CONSTRAINT,
                      s2s_strerror(err), "the remote server could not be looked up");
}

/* The next address gets a stream of its own, or the same one for dialback; the old one closes by itself. False: out of
 * memory. */
static bool go_on(s2s__link *link, s2s__stream *old)
{
    s2s__stream *s = new_stream(link);
    if (!s)
        return false;
    s->since = old->since; /* one deadline for all */
    s->dial = old->dial;
    old->dial = NULL;
    old->link = NULL;
    s->by_dialback = old->end == S2S__END_TO_DIALBACK;
    if (s->by_dialback)
        s2s__dial_again(s->dial, s);
    else
        s2s__dial_next(s->dial, s);
    return true;
}

/* SA-10, once in a set-up, within its deadline. */
bool s2s__link_turns_to_dialback(const s2s__stream *s, const s2s_close *close)
{
    return close->try_dialback && s->dial && !s->f->stopping && s->link && !s->link->turned;
}

/* -- sending ------------------------------------------------------------------------------------------- */

/* True if it went to the stream (or was answered); false if it has to wait. */
static bool send_now(s2s__link *link, const s2s_stanza *stanza)
{
    s2s__stream *s = link->stream;
    if (!s || !s->established)
        return false;
    s2s_err err = s2s__connection_send(s->connection, stanza);
    if (err == S2S_E_LIMIT || err == S2S_E_STATE)
        return false;
    if (err == S2S_OK)
        s->stanzas_out++;
    else if (err == S2S_E_REFUSED) /* LI-02 */
        s2s__federation_bounce(link->f, stanza, S2S_SE_POLICY_VIOLATION, "the remote server does not take so large a stanza");
    else
        s2s__federation_bounce(link->f, stanza, S2S_SE_RESOURCE_CONSTRAINT, s2s_strerror(err));
    return true;
}

/* The answer may end what held its sender, or the link: asked afterwards. */
static s2s_err no_room(const s2s__link *link, const s2s_stanza *stanza)
{
    char local[S2S_DOMAIN_MAX + 1], remote[S2S_DOMAIN_MAX + 1];
    s2s_federation *f = link->f;
    (void)snprintf(local, sizeof local, "%s", link->local);
    (void)snprintf(remote, sizeof remote, "%s", link->remote);
    s2s__federation_bounce(f, stanza, S2S_SE_RESOURCE_CONSTRAINT, "too much waits for the remote server");
    return s2s__link_holds(f, s2s_str_of(local), s2s_str_of(remote)) ? S2S_E_AGAIN : S2S_OK;
}

static s2s_err send_or_queue(s2s__link *link, const s2s_stanza *stanza)
{
    const s2s_federation *f = link->f;
    if (link->queue.stanzas == 0 && send_now(link, stanza))
        return S2S_OK;
    if (s2s__queue_push(&link->queue, f->env, stanza) != S2S_OK) {
        s2s__hold_bringer(link);
        return no_room(link, stanza);
    }
    if (link->stream || link->retry_at != 0)
        return s2s__hold_pushed(link);
    start_stream(link); /* may end the link at once: this one holds nobody */
    return S2S_OK;
}

s2s_err s2s__link_send(s2s_federation *f, s2s_str local, s2s_str remote, const s2s_stanza *stanza)
{
    s2s__link *link = find(f, local, remote);
    if (f->stopping && (!link || !link->stream || !link->stream->established)) {
        s2s__federation_bounce(f, stanza, S2S_SE_REMOTE_SERVER_TIMEOUT, "this server is shutting down");
        return S2S_OK;
    }
    s2s_remote_rule rule;
    if (!link || !link->stream) { /* nothing is done for a remote that may not be: no DNS, no connection */
        s2s__federation_rule(f, local, remote, &rule);
        if (!rule.allow) {
            s2s__federation_bounce(f, stanza, S2S_SE_NOT_ALLOWED, "this server does not talk to that domain");
            return S2S_OK;
        }
    }
    if (!link && !(link = add(f, local, remote))) {
        s2s__federation_bounce(f, stanza, S2S_SE_RESOURCE_CONSTRAINT, "too many remote servers");
        return S2S_OK;
    }
    link->setup = f->setups;
    if (!link->stream && link->failed_until > uv_now(f->loop)) {
        s2s__federation_bounce(f, stanza, link->failed_error, link->failed_text);
        return S2S_OK;
    }
    return send_or_queue(link, stanza);
}

bool s2s__link_holds(s2s_federation *f, s2s_str local, s2s_str remote)
{
    const s2s__link *link = find(f, local, remote);
    return link && link->hold == S2S__HOLDS;
}

s2s__link *s2s__link_known(s2s_federation *f, s2s_str local, s2s_str remote)
{
    s2s__link *link = find(f, local, remote);
    return link && link->setup == f->setups && link->stream && link->stream->established ? link : NULL;
}

s2s_err s2s__link_send_on(s2s__link *link, const s2s_stanza *stanza)
{
    return send_or_queue(link, stanza);
}

void s2s__link_progress(s2s__link *link)
{
    const s2s_stanza *stanza;
    while ((stanza = s2s__queue_first(&link->queue)) != NULL && send_now(link, stanza)) {
        s2s__queue_pop(&link->queue, link->f->env);
        if (link->resent > 0) {
            link->resent--;
            link->stream->resent++;
        }
    }
    s2s__hold_popped(link);
    if (link->f->stopping && link->queue.stanzas == 0 && link->stream && link->stream->established)
        s2s__connection_close(link->stream->connection, S2S_COND_NONE, NULL);
}

void s2s__link_established(s2s__link *link)
{
    link->failed_until = link->reroute_until = 0;
    link->failures = link->tries = 0;
    s2s__link_progress(link);
}

void s2s__link_adopt(s2s__stream *s)
{
    s2s_federation *f = s->f;
    s2s_str local = s2s_str_of(s->local), remote = s2s_str_of(s->remote);
    s2s__link *link = find(f, local, remote);
    if (!link && !(link = add(f, local, remote)))
        return; /* limits.streams_out: without it there is no route at all */
    s2s__stream *old = link->stream;
    if (old && old->connection)
        return; /* the peer has seen it: both sides must not drop the one that the other keeps */
    if (old) {
        s2s__dial_cancel(old->dial);
        old->dial = NULL;
        old->link = NULL;
        s2s__stream_free(old);
    }
    link->stream = s;
    s->link = link;
    s2s__link_established(link);
}

/* -- the end ------------------------------------------------------------------------------------------- */

static s2s_time back_off(s2s__link *link)
{
    const s2s_env *env = link->f->env;
    uint64_t random = 0;
    if (link->failed_until + env->limits.retry_max_ms < uv_now(link->f->loop))
        link->failures = 0; /* long ago */
    if (link->failures < UINT_MAX)
        link->failures++;
    if (env->ops->random(env->user, &random, sizeof random) != S2S_OK)
        random = 0; /* no spread, then */
    return s2s__backoff(&env->limits, link->failures, random);
}

/* Of several attempts the one that came furthest explains most; of equal ones the last. */
static void remember(s2s__link *link, s2s__reach reached, s2s_stanza_error error, const char *text)
{
    if (reached < link->reached)
        return;
    link->reached = reached;
    link->failed_error = error;
    s2s__free(link->f->env, link->failed_text);
    link->failed_text = s2s__strdup(link->f->env, s2s_str_of(text));
}

void s2s__link_closed(s2s__link *link, s2s__stream *s, s2s_stanza_error error, const char *text)
{
    s2s_federation *f = link->f;
    bool was_connected = s && s->connection;
    if (s && s->established)
        s2s__reroute_take(link, s);
    if (s && (s->established || s->begins_anew) && !f->stopping) {
        s->link = NULL; /* the connection closes on its own */
        link->stream = NULL;
        if (link->queue.stanzas > 0)
            start_stream(link); /* SZ-04: what waits goes on, in order */
        else if (s->end != S2S__END_BROKE) /* else it remembers until when a new stream is tried */
            remove_link(link);
        return;
    }
    remember(link, was_connected ? S2S__NOT_ESTABLISHED : S2S__NO_CONNECTION, error, text);
    bool turns = s && s->end == S2S__END_TO_DIALBACK;
    link->turned |= turns;
    if (was_connected && !f->stopping && s->dial && (turns || s2s__dial_has_more(s->dial)) && go_on(link, s))
        return;
    if (was_connected)
        s->link = NULL;
    link->stream = NULL;
    bool refused = s && s->judged && !s->verdict.trusted; /* it will not do in a moment either */
    if (!refused && s2s__reroute_again(link))
        return;
    link->failed_until = uv_now(f->loop) + back_off(link);
    bounce_queue(link, link->failed_error, link->failed_text);
    if (f->stopping)
        remove_link(link);
}

void s2s__link_forgive(s2s_federation *f, s2s_str local, s2s_str remote)
{
    s2s__link *link = find(f, local, remote);
    if (!link)
        return;
    link->failed_until = 0;
    link->failures = 0;
    s2s__reroute_hurry(link);
}

static void forgive_remote(s2s__slot *slot, void *remote)
{
    s2s__link *link = (s2s__link *)slot;
    if (!s2s_str_eq(s2s_str_of(link->remote), *(const s2s_str *)remote))
        return;
    link->failed_until = 0;
    link->failures = 0;
    s2s__reroute_hurry(link);
}

void s2s__links_forgive(s2s_federation *f, s2s_str remote)
{
    s2s__table_each(&f->links, forgive_remote, &remote);
}

void s2s__link_reset(s2s__link *link, const char *why)
{
    s2s__stream *s = link->stream;
    s2s__dial_cancel(s->dial); /* no other address, either */
    s->dial = NULL;
    if (s->connection) {
        s2s__connection_close(s->connection, S2S_COND_NONE, NULL);
        return;
    }
    not_connected(s, S2S_SE_REMOTE_SERVER_TIMEOUT, why, why);
}

void s2s__link_retry(s2s__link *link)
{
    link->retry_at = 0;
    if (!link->stream && link->queue.stanzas > 0)
        start_stream(link);
}

void s2s__link_stop(s2s__link *link)
{
    s2s__stream *s = link->stream;
    if (!s) {
        bounce_queue(link, S2S_SE_REMOTE_SERVER_TIMEOUT, "this server is shutting down");
        remove_link(link);
    } else if (s->established) {
        s2s__link_progress(link);
    } else {
        s2s__link_reset(link, "this server is shutting down");
    }
}

void s2s__link_give_up(s2s__link *link)
{
    bounce_queue(link, S2S_SE_REMOTE_SERVER_TIMEOUT, "this server is shutting down");
    s2s__link_progress(link);
}
