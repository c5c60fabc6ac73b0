/* SPDX-License-Identifier: MIT */
/* report.c: the log lines of a stream: established, certificate refused, failed, closed. */
#include "federation/internal.h"

#include <stdio.h>

#include "protocol/log.h"

enum {
    FIELDS_MAX = 24,
    TELL_MS = 10000, /* between two lines about what a flood may cause: it is not to fill the log */
};

bool s2s__report_due(const s2s_federation *f, s2s__told *told, char count[S2S__COUNT_MAX])
{
    s2s_time now = f->loop ? uv_now(f->loop) : S2S_NEVER; /* stopped, it has no time: one more line, at most */
    told->untold++;
    if (now < told->next || told->next == S2S_NEVER)
        return false;
    (void)snprintf(count, S2S__COUNT_MAX, "%llu", (unsigned long long)told->untold);
    *told = (s2s__told){.next = f->loop ? now + TELL_MS : S2S_NEVER};
    return true;
}

typedef struct line {
    s2s_field fields[FIELDS_MAX];
    size_t len;
} line;

/* Nothing for an absent or empty value. */
static void add(line *l, const char *key, s2s_str value)
{
    if (value.len > 0 && l->len < FIELDS_MAX)
        l->fields[l->len++] = (s2s_field){key, value};
}

static void add_word(line *l, const char *key, const char *word)
{
    add(l, key, s2s_str_of(word));
}

static line whose(const s2s_stream_info *info)
{
    line l = {.len = 0};
    add_word(&l, "stream", info->id);
    add_word(&l, "direction", info->role == S2S_INITIATOR ? "out" : "in");
    add(&l, "local", info->local);
    add(&l, "remote", info->remote);
    add_word(&l, "address", info->address);
    add_word(&l, "target", info->target);
    if (info->address[0])
        add_word(&l, "starts", s2s_tls_start_word(info->tls_start));
    return l;
}

static const char *accept_word(bool accept)
{
    return accept ? "accept" : "refuse";
}

static void add_verdict(line *l, const s2s__judgement *v)
{
    add_word(l, "chain", s2s_chain_status_word(v->chain));
    add_word(l, "identity", s2s_identity_word(v->identity));
    add_word(l, "eku", s2s_eku_word(v->eku));
    add_word(l, "tolerant", accept_word(v->would_tolerant));
    add_word(l, "strict", accept_word(v->would_strict));
    if (v->proof != S2S_PROOF_NONE)
        add_word(l, "proof", s2s_proof_word(v->proof));
    if (v->dane != S2S_DANE_NONE)
        add_word(l, "dane", s2s_dane_word(v->dane));
}

static void write_line(const s2s__stream *s, s2s_level level, const char *message, const line *l)
{
    s2s__log(s->f->env, level, message, l->fields, l->len);
}

void s2s__report_established(const s2s__stream *s)
{
    s2s_stream_info info;
    s2s__stream_info(s, &info);
    line l = whose(&info);
    add_word(&l, "tls", info.tls_version);
    add_word(&l, "cipher", info.cipher);
    add_word(&l, "mechanism", info.mechanism);
    add_word(&l, "bidi", info.bidi ? "yes" : "");
    bool by_dialback = s->role == S2S_INITIATOR && s2s_str_eq(s2s_str_of(info.mechanism), S2S_STR("dialback"));
    if (by_dialback && s->verdict.trusted) /* else we did not try EXTERNAL */
        add_word(&l, "reason", "the remote server does not accept our certificate, and took dialback instead");
    add_verdict(&l, &s->verdict);
    write_line(s, S2S_LOG_INFO, "stream established", &l);
}

void s2s__report_verdict(const s2s__stream *s)
{
    s2s_stream_info info;
    s2s__stream_info(s, &info);
    line l = whose(&info);
    add_verdict(&l, &s->verdict);
    add_word(&l, "reason", s->verdict.reason ? s->verdict.reason : "");
    if (s->verdict.trusted)
        write_line(s, S2S_LOG_DEBUG, "certificate accepted", &l);
    else if (s->verdict.dialback)
        write_line(s, S2S_LOG_WARN, "certificate refused, dialback may prove the domain", &l);
    else
        write_line(s, S2S_LOG_WARN, "certificate refused", &l);
}

void s2s__report_slowed(const s2s__stream *s)
{
    s2s_stream_info info;
    s2s__stream_info(s, &info);
    line l = whose(&info);
    write_line(s, S2S_LOG_WARN, "reading is slowed down: the remote domain has reached limits.rate_bytes", &l);
}

void s2s__report_withdrawn(const s2s__stream *s, const char *why)
{
    s2s_stream_info info;
    s2s__stream_info(s, &info);
    line l = whose(&info);
    add_verdict(&l, &s->verdict);
    add_word(&l, "reason", why);
    write_line(s, S2S_LOG_WARN, "stream withdrawn", &l);
}

/* The peer ended a negotiation: was it because of our certificate? False: nothing speaks for that. */
static bool is_refusal(const s2s__stream *s, const s2s_close *close, s2s_refusal *out)
{
    const s2s__pump *pump = s->connection ? s2s__connection_pump(s->connection) : NULL;
    out->alert = pump ? s2s__pump_alert(pump) : -1;
    if (s->established)
        return false;
    if (close->origin == S2S_ORIGIN_PEER)
        out->text = s2s_str_of(close->text);
    if (close->sasl_refused)
        out->by = close->origin == S2S_ORIGIN_PEER ? S2S_REFUSED_BY_SASL : S2S_REFUSED_BY_SILENCE;
    else if (out->alert >= 0)
        out->by = S2S_REFUSED_BY_ALERT;
    else if (close->origin == S2S_ORIGIN_PEER && close->cond != S2S_COND_NONE)
        out->by = S2S_REFUSED_BY_STREAM_ERROR;
    else
        return false;
    return true;
}

static bool explain(const s2s__stream *s, const s2s_close *close, char out[S2S_TEXT_MAX])
{
    const s2s_policy *policy = &s->f->policy;
    s2s_bytes chain[S2S__IDENTITY_CHAIN_MAX];
    s2s_refusal refusal = {.size = sizeof refusal, .role = s->role, .local = s2s_str_of(s->local),
                           .remote = s2s_str_of(s->remote), .text = S2S_STR(""), .chain = chain};
    if (!policy->ops->explain_refusal || !is_refusal(s, close, &refusal))
        return false;
    const s2s__domain *domain = s->local ? s2s__federation_domain(s->f, refusal.local) : NULL;
    if (domain)
        refusal.chain_len = s2s__identity_chain(domain->identity, chain);
    return policy->ops->explain_refusal(policy->self, &refusal, out);
}

/* An attempt among several. */
static bool goes_on(const s2s__stream *s)
{
    return s->dial && s->connection && !s->f->stopping && (s->end == S2S__END_TO_DIALBACK || s2s__dial_has_more(s->dial));
}

static const char *outcome_word(s2s_dialback_outcome outcome)
{
    switch (outcome) {
    case S2S_DIALBACK_VALID: return "valid";
    case S2S_DIALBACK_INVALID: return "invalid";
    case S2S_DIALBACK_ERROR: return "error";
    }
    return "error";
}

void s2s__report_claim(const s2s__stream *s, const char *local, const char *remote, s2s_dialback_outcome outcome,
                       const char *why)
{
    line l = {.len = 0};
    add_word(&l, "stream", s->id);
    add_word(&l, "direction", s->role == S2S_INITIATOR ? "out" : "in");
    add_word(&l, "local", local);
    add_word(&l, "remote", remote);
    add_word(&l, "outcome", outcome_word(outcome));
    add_word(&l, "reason", why);
    write_line(s, outcome == S2S_DIALBACK_VALID ? S2S_LOG_INFO : S2S_LOG_WARN, "dialback decided", &l);
}

void s2s__report_question(const s2s__stream *s, s2s_str local, s2s_str remote, s2s_dialback_outcome outcome)
{
    line l = {.len = 0};
    add_word(&l, "stream", s->id);
    add(&l, "local", local);
    add(&l, "remote", remote);
    add_word(&l, "outcome", outcome_word(outcome));
    write_line(s, S2S_LOG_INFO, "dialback key asked about", &l);
}

/* Its peer spoke TLS, but did not get as far as to say who it is: perhaps our certificate does not please it, or has nothing that both sides speak. */
static bool is_nameless_in_tls(const s2s__stream *s)
{
    const s2s__pump *pump = s->connection && !s->remote ? s2s__connection_pump(s->connection) : NULL;
    return pump && s2s__pump_heard(pump);
}

/* One line per failure: a refused certificate has had its own, and a connection that never said anything is not worth one. */
static s2s_level level_of(const s2s__stream *s)
{
    if (s->established)
        return S2S_LOG_INFO;
    if (!s->remote || (s->judged && !s->verdict.trusted && !s->verdict.dialback))
        return S2S_LOG_DEBUG;
    return s->role == S2S_INITIATOR && !goes_on(s) ? S2S_LOG_WARN : S2S_LOG_INFO;
}

void s2s__report_closed(const s2s__stream *s, const s2s_close *close)
{
    char cause[S2S_TEXT_MAX], count[S2S__COUNT_MAX], since[S2S__COUNT_MAX];
    s2s_stream_info info;
    s2s__stream_info(s, &info);
    (void)snprintf(count, sizeof count, "%zu", info.unacknowledged);
    line l = whose(&info);
    add_word(&l, "by", s2s_origin_name(close->origin));
    add_word(&l, "condition", s2s_cond_name(close->cond));
    add_word(&l, "text", close->text);
    if (info.unacknowledged > 0)
        add_word(&l, "unacknowledged", count);
    if (explain(s, close, cause)) {
        info.cause = cause;
        add_word(&l, "cause", cause);
    }
    if (s->end == S2S__END_TO_DIALBACK)
        add_word(&l, "next", "dialback is tried on a new connection");
    else if (goes_on(s))
        add_word(&l, "next", "another address is tried");
    else if (s->dial && s2s__dial_failures(s->dial) > 1)
        add_word(&l, "tried", s2s__dial_tried(s->dial));
    s2s_level level = level_of(s);
    if (is_nameless_in_tls(s) && s2s__report_due(s->f, &s->f->told_nameless, since)) {
        add_word(&l, "count", since);
        level = S2S_LOG_INFO;
    }
    write_line(s, level, s->established ? "stream closed" : "stream failed", &l);
    if (s->f->ops->stream)
        s->f->ops->stream(s->f->user, &info, close);
}

void s2s__report_dropped(s2s_federation *f, const s2s_stanza *stanza, const char *why)
{
    char count[S2S__COUNT_MAX];
    s2s_jid from = {0}, to = {0};
    f->counts.dropped++;
    if (!s2s__report_due(f, &f->told_dropped, count))
        return;
    (void)s2s_jid_split(stanza->from, &from);
    (void)s2s_jid_split(stanza->to, &to);
    line l = {.len = 0};
    add(&l, "local", from.domain);
    add(&l, "remote", to.domain);
    add_word(&l, "why", why);
    add_word(&l, "count", count);
    s2s__log(f->env, S2S_LOG_WARN, "errors or results dropped: they cannot be sent, and nothing may be sent back for them", l.fields, l.len);
}
