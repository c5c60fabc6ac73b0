/* SPDX-License-Identifier: MIT */
/* stream.c: one connection of a federation object: identity, verdict, events, information. */
#include "federation/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol/buf.h"
#include "s2s/addr.h"
#include "transport/address.h"

/* -- making and freeing -------------------------------------------------------------------------------- */

static bool keep(s2s__stream *s, char **slot, s2s_str value)
{
    char *copy = value.ptr ? s2s__strdup(s->f->env, value) : NULL;
    if (value.ptr && !copy)
        return false;
    s2s__free(s->f->env, *slot);
    *slot = copy;
    return true;
}

bool s2s__stream_name(s2s__stream *s, s2s_str local, s2s_str remote)
{
    return keep(s, &s->local, local) && keep(s, &s->remote, remote);
}

s2s__stream *s2s__stream_new(s2s_federation *f, s2s_role role, s2s_str local, s2s_str remote)
{
    s2s__stream *s = s2s__alloc(f->env, sizeof *s);
    if (!s)
        return NULL;
    s->f = f;
    s->role = role;
    s->since = uv_now(f->loop);
    s->verdict.eku = S2S_EKU_OTHER; /* as s2s_verdict_init has it */
    if (!s2s__stream_name(s, local, remote)) {
        s2s__free(f->env, s->local);
        s2s__free(f->env, s);
        return NULL;
    }
    uint64_t *number = role == S2S_INITIATOR ? &f->next_out : &f->next_in;
    (void)snprintf(s->id, sizeof s->id, "%c%" PRIu64, role == S2S_INITIATOR ? 'o' : 'i', *number);
    *number += f->parts;
    s->next = f->streams;
    if (f->streams)
        f->streams->prev = s;
    else
        f->oldest = s;
    f->streams = s;
    f->streams_len++;
    return s;
}

static void forget_question(s2s__stream *s)
{
    s2s__question_drop(s->f, s->ticket);
    s->ticket = 0;
}

void s2s__stream_free(s2s__stream *s)
{
    s2s_federation *f = s->f;
    forget_question(s);
    s2s__taken_drop(s);
    s2s__wait_leave(s);
    if (s->prev)
        s->prev->next = s->next;
    else
        f->streams = s->next;
    if (s->next)
        s->next->prev = s->prev;
    else
        f->oldest = s->prev;
    if (f->turn == s)
        f->turn = s->prev;
    f->streams_len--;
    if (s->role == S2S_ACCEPTOR)
        f->accepted--;
    if (s->role == S2S_ACCEPTOR && !s->established)
        f->preauth--;
    s2s__origin_leave(f, s->origin);
    s2s__rate_leave(s);
    s2s__dial_cancel(s->dial);
    s2s__free(f->env, s->server);
    s2s__free(f->env, s->local);
    s2s__free(f->env, s->remote);
    s2s__free(f->env, s->verdict.reason);
    s2s__free(f->env, s);
    s2s__federation_check_stopped(f);
}

/* -- connecting ----------------------------------------------------------------------------------------- */

/* For SNI and DNS; an IP literal as it is. NULL: there is no such form. */
static const char *wire_name(const s2s__stream *s, char out[S2S_ASCII_DOMAIN_MAX + 1])
{
    s2s_str remote = s2s_str_of(s->remote);
    if (s2s_domain_is_ip(remote))
        return s->remote;
    return s2s_domain_to_ascii(remote, out) == S2S_OK ? out : NULL;
}

/* Where it is to connect instead of asking the DNS; a family of 0: nowhere in particular. */
static s2s_err find_route(const s2s__stream *s, s2s__route *out)
{
    const s2s_federation *f = s->f;
    char address[S2S_ADDRESS_MAX] = "";
    s2s_str remote = s2s_str_of(s->remote);
    if (f->route && f->route(f->user, s2s_str_of(s->local), remote, address, &out->tls)) {
        address[S2S_ADDRESS_MAX - 1] = '\0';
        return s2s__address_parse(s2s_str_of(address), &out->address);
    }
    const s2s__route *route = s2s__routes_find(&f->setup->routes, remote);
    if (route)
        *out = *route;
    return S2S_OK;
}

s2s_err s2s__stream_dial(s2s__stream *s, s2s_time by, s2s__dialed_cb done)
{
    s2s_federation *f = s->f;
    char ascii[S2S_ASCII_DOMAIN_MAX + 1];
    s2s_remote_rule rule;
    s2s__federation_rule(f, s2s_str_of(s->local), s2s_str_of(s->remote), &rule);
    s2s__route route = {0};
    if (find_route(s, &route) != S2S_OK)
        return S2S_E_SYNTAX;
    s2s__dial_options options = {.env = f->env,
                                 .loop = f->loop,
                                 .resolver = f->resolver,
                                 .domain = wire_name(s, ascii),
                                 .dane = rule.dane,
                                 .fixed = route.address.ss_family ? (const struct sockaddr *)&route.address : NULL,
                                 .fixed_direct = route.tls == S2S_TLS_DIRECT,
                                 .by = by};
    if (!options.domain && !options.fixed)
        return S2S_E_SYNTAX;
    return s2s__dial_start(&options, done, s, &s->dial);
}

s2s_err s2s__stream_dialed(s2s__stream *s, uv_tcp_t *tcp, s2s_session_options *options)
{
    char ascii[S2S_ASCII_DOMAIN_MAX + 1];
    const s2s__target *target = s2s__dial_target(s->dial);
    s->tls_start = target->srv.direct ? S2S_TLS_DIRECT : S2S_TLS_STARTTLS;
    s->server = s2s__server_of(s->f->env, target);
    if (!s->server) {
        s2s__tcp_close(s->f->env, tcp);
        return S2S_E_NOMEM;
    }
    options->local = s2s_str_of(s->local);
    options->remote = s2s_str_of(s->remote);
    options->direct_tls = target->srv.direct;
    options->secret = s2s__federation_secret(s->f);
    return s2s__stream_connect(s, tcp, options, s2s_domain_is_ip(options->remote) ? NULL : wire_name(s, ascii));
}

/* -- the certificate ----------------------------------------------------------------------------------- */

void s2s__stream_keep_verdict(s2s__stream *s, const s2s_verdict *v)
{
    s2s__free(s->f->env, s->verdict.reason);
    s->verdict = (s2s__judgement){.chain = v->chain,
                                  .identity = v->identity,
                                  .eku = v->eku,
                                  .revocation = v->revocation,
                                  .proof = v->proof,
                                  .dane = v->dane,
                                  .trusted = v->trusted,
                                  .dialback = v->dialback,
                                  .purpose_server = v->purpose_server,
                                  .purpose_client = v->purpose_client,
                                  .would_tolerant = v->would_tolerant,
                                  .would_strict = v->would_strict,
                                  .expires = v->expires,
                                  .reason = s2s__strdup(s->f->env, s2s_str_of(v->reason))};
}

/* As it was, but for what the peer was told. */
static const s2s_verdict *told(const s2s__stream *s)
{
    const s2s__judgement *j = &s->verdict;
    s2s_verdict *out = &s->f->told;
    if (!s->judged)
        return NULL;
    *out = (s2s_verdict){.size = sizeof *out,
                         .trusted = j->trusted,
                         .chain = j->chain,
                         .identity = j->identity,
                         .eku = j->eku,
                         .purpose_server = j->purpose_server,
                         .purpose_client = j->purpose_client,
                         .would_tolerant = j->would_tolerant,
                         .would_strict = j->would_strict,
                         .revocation = j->revocation,
                         .proof = j->proof,
                         .dane = j->dane,
                         .dialback = j->dialback,
                         .expires = j->expires};
    s2s__copy_text(out->reason, s2s_str_of(j->reason));
    return out;
}

void s2s__stream_answer(s2s__stream *s, const s2s_verdict *verdict)
{
    forget_question(s);
    if (s->judged) {
        s2s__recheck_answer(s, verdict);
        return;
    }
    s->judged = true;
    s2s__stream_keep_verdict(s, verdict);
    s2s__recheck_note(s);
    s2s__report_verdict(s);
    s2s_verdict told = *verdict;
    if (told.trusted) { /* then the rule alone says whether dialback may be spoken, too */
        s2s_remote_rule rule;
        s2s__federation_rule(s->f, s2s_str_of(s->local), s2s_str_of(s->remote), &rule);
        told.dialback = rule.dialback;
    }
    s2s__connection_verdict(s->connection, &told);
}

/* What the DNS said about the server that we are connected to (RFC 7673). */
static void add_dns_evidence(const s2s__stream *s, s2s_peer *peer, char host[S2S_DOMAIN_MAX + 1])
{
    const s2s__server *server = s->server;
    if (!server)
        return;
    if (server->secure && s2s_domain_normalise(s2s_str_of(server->host), host) == S2S_OK)
        peer->target = s2s_str_of(host);
    peer->tlsa_state = server->tlsa_state;
    peer->tlsa = server->tlsa;
    peer->tlsa_len = server->tlsa_len;
}

/* One more certificate than allowed is passed on, so that the policy sees that there are too many. */
s2s_err s2s__stream_ask_policy(s2s__stream *s, s2s_str local, s2s_str remote, s2s_ticket ticket, s2s_verdict *out)
{
    s2s_federation *f = s->f;
    char host[S2S_DOMAIN_MAX + 1];
    size_t room = (size_t)f->env->limits.chain_certificates + 1;
    s2s_bytes *chain = s2s__alloc(f->env, room * sizeof *chain);
    s2s_verdict_init(out);
    if (!chain || ticket == 0) {
        s2s__free(f->env, chain);
        (void)snprintf(out->reason, sizeof out->reason, "out of memory");
        return S2S_E_NOMEM;
    }
    size_t count = s2s__pump_peer_chain(s2s__connection_pump(s->connection), chain, room);
    s2s_peer peer = {.size = sizeof peer,
                     .role = s->role == S2S_INITIATOR ? S2S_ACCEPTOR : S2S_INITIATOR,
                     .local = local,
                     .remote = remote,
                     .chain = chain,
                     .chain_len = count < room ? count : room,
                     .wall = (int64_t)time(NULL),
                     .staple = s2s__pump_staple(s2s__connection_pump(s->connection))};
    if (s2s_str_eq(remote, s2s_str_of(s->remote))) /* it is about that domain alone */
        add_dns_evidence(s, &peer, host);
    s2s_err err = f->policy.ops->judge(f->policy.self, &peer, ticket, out);
    s2s__free(f->env, chain);
    if (err == S2S_OK || err == S2S_E_PENDING)
        return err;
    s2s_verdict_init(out); /* fail closed, whatever it wrote */
    (void)snprintf(out->reason, sizeof out->reason, "the certificate could not be judged: %s", s2s_strerror(err));
    return err;
}

void s2s__stream_judge(s2s__stream *s)
{
    s2s_verdict verdict;
    forget_question(s);
    s->ticket = s2s__question_add(s, NULL);
    if (s2s__stream_ask_policy(s, s2s_str_of(s->local), s2s_str_of(s->remote), s->ticket, &verdict) != S2S_E_PENDING)
        s2s__stream_answer(s, &verdict);
}

/* -- the connection's events --------------------------------------------------------------------------- */

static void on_open(void *owner, s2s_str local, s2s_str remote)
{
    s2s__accepting_open(owner, local, remote);
}

static s2s__identity *on_identity(void *owner, s2s_str local)
{
    const s2s__stream *s = owner;
    return s2s__federation_identity(s->f, local); /* absent: direct TLS without SNI */
}

static void on_verify(void *owner, s2s_str local, s2s_str remote)
{
    (void)local; /* s2s__accepting_open has them, or they are ours */
    (void)remote;
    s2s__stream_judge(owner);
}

bool s2s__stream_delivers(const s2s__stream *s)
{
    return s->established && (s->role == S2S_ACCEPTOR || s2s__connection_is_bidi(s->connection));
}

static void on_established(void *owner, s2s_str local, s2s_str remote)
{
    s2s__stream *s = owner;
    s2s_stream_info info;
    bool renamed = !s2s_str_eq(local, s2s_str_of(s->local)) || !s2s_str_eq(remote, s2s_str_of(s->remote));
    if ((renamed && !s2s__stream_name(s, local, remote)) || !s2s__rate_join(s)) { /* dialback may prove another pair than the header's */
        s2s__connection_close(s->connection, S2S_COND_RESOURCE_CONSTRAINT, NULL);
        return;
    }
    s->established = true;
    if (s->role == S2S_ACCEPTOR)
        s->f->preauth--;
    s2s__report_established(s);
    if (s->f->ops->stream) {
        s2s__stream_info(s, &info);
        s->f->ops->stream(s->f->user, &info, NULL);
    }
    s2s__stream_flow(s);
    if (s->role == S2S_INITIATOR) {
        s2s__dial_cancel(s->dial);
        s->dial = NULL;
        s2s__link_established(s->link);
        return;
    }
    s2s__link_forgive(s->f, s2s_str_of(s->local), s2s_str_of(s->remote));
    if (s2s__connection_is_bidi(s->connection) && !s->f->stopping && s2s__federation_owns(s->f, remote))
        s2s__link_adopt(s);
}

static void on_stanza(void *owner, const s2s_stanza *stanza)
{
    s2s__stream *s = owner;
    s->stanzas_in++;
    bool before = s->f->paused;
    s2s__stream *outer = s->f->bringing;
    s->f->bringing = s;
    s2s__federation_deliver(s->f, stanza);
    s->f->bringing = outer;
    s2s__slow_look(s, stanza);
    if (s->stanzas_in == 1)
        s2s__stream_flow(s); /* it is not new any more */
    if (s->f->paused && !before)
        s->f->turn = s->prev; /* the others come first when it goes on */
    s2s__taken_note(s);
}

static void on_rejected(void *owner, const s2s_stanza *stanza, s2s_stanza_error error)
{
    s2s__stream *s = owner, *outer = s->f->bringing;
    s->f->bringing = s;
    s2s__accepting_rejected(s, stanza, error);
    s->f->bringing = outer;
    s2s__taken_note(s);
}

static void on_dialback(void *owner, const s2s_event *e)
{
    s2s__stream *s = owner;
    if (e->type == S2S_EV_PAIR)
        s2s__link_forgive(s->f, e->local, e->remote);
    else if (e->type == S2S_EV_DIALBACK_RESULT)
        s2s__claim_take(s, e->local, e->remote, e->key);
    else if (e->type == S2S_EV_DIALBACK_VERIFY)
        s2s__claim_verify(s, e);
    else if (e->type == S2S_EV_DIALBACK_ANSWER)
        s2s__claim_call_answered(s, e->outcome, e->error);
}

static void on_heard(void *owner, size_t bytes)
{
    s2s__rate_heard(owner, bytes);
}

static void on_progress(void *owner)
{
    s2s__stream *s = owner;
    if (s->link)
        s2s__link_progress(s->link);
}

/* The alerts that speak of a certificate (RFC 8446 section 6.2), or of there being none. */
static bool refused_in_tls(const s2s__stream *s)
{
    enum { BAD_CERTIFICATE = 42, UNKNOWN_CERTIFICATE = 46, UNKNOWN_CA = 48, ACCESS_DENIED = 49, REQUIRED = 116 };
    const s2s__pump *pump = s->connection ? s2s__connection_pump(s->connection) : NULL;
    int alert = pump ? s2s__pump_alert(pump) : -1;
    return (alert >= BAD_CERTIFICATE && alert <= UNKNOWN_CERTIFICATE) || alert == UNKNOWN_CA ||
           alert == ACCESS_DENIED || alert == REQUIRED;
}

/* What the senders of queued stanzas are told: no names, no addresses (SZ-11). */
static void bounce_text(const s2s__stream *s, const s2s_close *close, char out[S2S_TEXT_MAX])
{
    const s2s__judgement *v = &s->verdict;
    const char *what = "no connection to the remote server could be made", *why = NULL;
    if (s->judged && !v->trusted && !v->dialback) {
        what = "the remote server's certificate was refused";
        why = v->dane == S2S_DANE_MISMATCH || v->dane == S2S_DANE_BOGUS ? "DANE"
              : v->chain != S2S_CHAIN_VALID       ? s2s_chain_status_word(v->chain)
              : v->identity != S2S_IDENTITY_MATCH ? "for another domain"
                                                  : "purpose";
    } else if (close->dialback_invalid) {
        what = "the remote server could not verify us";
    } else if (close->sasl_refused || refused_in_tls(s)) {
        what = "the remote server refused our certificate";
    } else if (close->origin == S2S_ORIGIN_PEER && close->cond != S2S_COND_NONE) {
        what = "the remote server refused the stream";
        why = s2s_cond_name(close->cond);
    }
    (void)snprintf(out, S2S_TEXT_MAX, "%s%s%s", what, why ? ": " : "", why ? why : "");
}

/* For the text about all that was tried. */
static void note_failure(s2s__stream *s, const s2s_close *close)
{
    if (s->judged && !s->verdict.trusted)
        s2s__dial_note(s->dial, s->verdict.reason ? s->verdict.reason : "the certificate was refused");
    else if (close->text[0])
        s2s__dial_note(s->dial, close->text);
    else
        s2s__dial_note(s->dial, close->cond == S2S_COND_NONE ? "closed" : s2s_cond_name(close->cond));
}

/* Its receiver holds up what it brought: what goes out does not wait for that. */
static void on_broken(void *owner)
{
    s2s__stream *s = owner;
    s->end = S2S__END_BROKE;
    if (s->f->stopping)
        s2s__connection_close(s->connection, S2S_COND_NONE, NULL);
    else if (s->link)
        s2s__link_closed(s->link, s, S2S_SE_REMOTE_SERVER_TIMEOUT, "no connection to the remote server could be made");
}

static void on_closed(void *owner, const s2s_close *close)
{
    s2s__stream *s = owner;
    forget_question(s);
    s2s__claims_drop(s);
    if (s->is_call) {
        s2s__claim_call_closed(s, close);
        return;
    }
    s->end = s2s__link_turns_to_dialback(s, close)   ? S2S__END_TO_DIALBACK
             : close->origin == S2S_ORIGIN_TRANSPORT ? S2S__END_BROKE
                                                     : S2S__END_NONE;
    if (s->dial)
        note_failure(s, close);
    s2s__report_closed(s, close);
    if (!s->link)
        return;
    char text[S2S_TEXT_MAX];
    bounce_text(s, close, text);
    s2s__link_closed(s->link, s, /* DB-10 */
                     close->dialback_invalid ? S2S_SE_INTERNAL_SERVER_ERROR : S2S_SE_REMOTE_SERVER_TIMEOUT, text);
}

static void on_gone(void *owner)
{
    s2s__stream_free(owner);
}

s2s_err s2s__stream_connect(s2s__stream *s, uv_tcp_t *tcp, const s2s_session_options *options,
                            const char *sni)
{
    static const s2s__connection_ops OPS = {on_open,        on_identity, on_verify,
                                            on_established, on_stanza,   on_rejected,
                                            on_dialback,    on_heard,    on_progress, on_broken, on_closed, on_gone};
    return s2s__connection_new(&s->f->io, tcp, options, sni, &OPS, s, &s->connection);
}

/* -- information --------------------------------------------------------------------------------------- */

void s2s__stream_info(const s2s__stream *s, s2s_stream_info *out)
{
    const s2s__pump *pump = s->connection ? s2s__connection_pump(s->connection) : NULL;
    s2s_acks acks = {0};
    if (s->connection)
        s2s__connection_acks(s->connection, &acks);
    *out = (s2s_stream_info){
        .size = sizeof *out,
        .id = s->id,
        .role = s->role,
        .local = s2s_str_of(s->local),
        .remote = s2s_str_of(s->remote),
        .state = s->connection ? s2s__connection_state(s->connection)
                 : s->dial     ? s2s__dial_state(s->dial)
                               : "connecting",
        .address = s->connection ? s2s__connection_address(s->connection) : "",
        .target = s->server ? s->server->host : "",
        .tls_start = s->tls_start,
        .tls_version = pump ? s2s__pump_version(pump) : "",
        .cipher = pump ? s2s__pump_cipher(pump) : "",
        .mechanism = s->established ? s2s__connection_mechanism(s->connection) : "none",
        .bidi = s->established && s2s__connection_is_bidi(s->connection),
        .verdict = told(s),
        .since = s->since,
        .stanzas_in = s->stanzas_in,
        .stanzas_out = s->stanzas_out,
        .queued_stanzas = s->link ? s->link->queue.stanzas : 0,
        .acks = acks.on,
        .acknowledged = acks.acknowledged,
        .unacknowledged = acks.unacknowledged,
        .resent = s->resent,
        .rtt = acks.rtt,
        .cause = "",
        .slowed = s2s__rate_slows(s),
        .alpn = pump ? s2s__pump_alpn(pump) : S2S_STR_ABSENT,
    };
}
