/* SPDX-License-Identifier: MIT */
/* conclude.c: the answer, and the object that holds all. */
#include "probe/conclude.h"

#include <stdio.h>
#include <string.h>

#include "policy/refusal.h"
#include "protocol/buf.h"

static const struct {
    const char *word;
    bool good;
} ANSWERS[] = {
#define X(name, word, good) [name] = {word, good},
    PROBE_ANSWERS(X)
#undef X
};

const char *probe_answer_word(probe_answer answer)
{
    return ANSWERS[answer].word;
}

bool probe_answer_is_good(const char *word)
{
    for (size_t i = 0; word && i < sizeof ANSWERS / sizeof *ANSWERS; i++) {
        if (strcmp(word, ANSWERS[i].word) == 0)
            return ANSWERS[i].good;
    }
    return false;
}

const char *mechanism_of(const attempt *a)
{
    switch (a->outcome) {
    case OUTCOME_ACCEPTED: return "external";
    case OUTCOME_REFUSED:
    case OUTCOME_NOT_OFFERED:
    case OUTCOME_NO_CERTIFICATE:
    case OUTCOME_NOT_ASKED: return attempt_has(a, STAGE_TLS, S2S__OFFERS_DIALBACK) ? "dialback" : "none";
    case OUTCOME_NOT_REACHED:
    case OUTCOME_CUT:
    case OUTCOME_UNDECIDED: return "none";
    }
    return "none";
}

bool was_judged(const attempt *a)
{
    switch (a->outcome) {
    case OUTCOME_ACCEPTED:
    case OUTCOME_REFUSED:
    case OUTCOME_NOT_OFFERED:
    case OUTCOME_CUT: return !a->only_tcp && a->ours;
    case OUTCOME_NO_CERTIFICATE:
    case OUTCOME_NOT_ASKED:
    case OUTCOME_NOT_REACHED:
    case OUTCOME_UNDECIDED: return false;
    }
    return false;
}

void explain_outcome(const attempt *a, char out[CONCLUDE_WHY_MAX])
{
    char why[S2S_TEXT_MAX];
    const char *said = *a->peer_text ? a->peer_text : a->end_text;
    if (a->outcome == OUTCOME_NOT_OFFERED)
        (void)snprintf(out, CONCLUDE_WHY_MAX,
                       "it does not offer EXTERNAL after it has seen the certificate: most likely it does "
                       "not accept it");
    else if (eku__explain_refusal(s2s_str_of(a->peer_text), a->alert, why))
        (void)snprintf(out, CONCLUDE_WHY_MAX, "%s (\"%s\")", why, said);
    else if (a->outcome == OUTCOME_CUT)
        (void)snprintf(out, CONCLUDE_WHY_MAX, "it ended the connection where its answer was due, without a reason (%s)",
                       said);
    else
        (void)snprintf(out, CONCLUDE_WHY_MAX, "it says \"%s\"", said);
}

/* -- the answer ---------------------------------------------------------------------------------------- */

/* How far an attempt says something; the farthest speaks for the domain. STARTTLS before direct TLS, as it comes first. */
static int weight(const attempt *a)
{
    if (a->only_tcp)
        return 0;
    switch (a->outcome) {
    case OUTCOME_ACCEPTED: return 7;
    case OUTCOME_REFUSED: return 6;
    case OUTCOME_NOT_OFFERED: return 6;
    case OUTCOME_CUT: return 5;
    case OUTCOME_UNDECIDED: return 4;
    case OUTCOME_NOT_ASKED: return 4;
    case OUTCOME_NO_CERTIFICATE: return 4;
    case OUTCOME_NOT_REACHED: return a->tls ? 3 : a->steps_len > 0 && a->steps[0].ok ? 2 : 1;
    }
    return 0;
}

/* Of those with the first certificate; NULL: there was none. */
static const attempt *best_attempt(const probe_record *r)
{
    const attempt *best = NULL;
    const probe_ours *first = r->context->ours_len ? &r->context->ours[0] : NULL;
    for (size_t i = 0; i < r->attempts_len; i++) {
        const attempt *a = r->attempts[i];
        if (a->ours == first && weight(a) > (best ? weight(best) : 0))
            best = a;
    }
    return best;
}

static probe_answer answer_of_outcome(const attempt *a)
{
    switch (a->outcome) {
    case OUTCOME_ACCEPTED: return ANSWER_ACCEPTS;
    case OUTCOME_NO_CERTIFICATE: return ANSWER_UNASKED;
    case OUTCOME_UNDECIDED: return ANSWER_UNDECIDED;
    case OUTCOME_REFUSED:
    case OUTCOME_NOT_OFFERED:
    case OUTCOME_NOT_ASKED:
    case OUTCOME_CUT: return strcmp(mechanism_of(a), "dialback") == 0 ? ANSWER_DIALBACK : ANSWER_REFUSES;
    case OUTCOME_NOT_REACHED: return ANSWER_BROKEN;
    }
    return ANSWER_BROKEN;
}

static probe_answer answer_of(const probe_record *r, const attempt *best)
{
    if (!best || weight(best) < 2)
        return ANSWER_UNREACHABLE;
    if (r->context->options->protocol != PROBE_XMPP && best->outcome == OUTCOME_NOT_ASKED)
        return best->judgement.receiver.trusted ? ANSWER_UNDECIDED : ANSWER_UNTRUSTED;
    probe_answer answer = answer_of_outcome(best);
    if (best->judgement.judged && !best->judgement.receiver.trusted && answer != ANSWER_BROKEN)
        return ANSWER_UNTRUSTED;
    return answer;
}

static void summarise(const probe_record *r, probe_answer answer, const attempt *best, const json_t *findings,
                      char out[CONCLUDE_TEXT_MAX])
{
    const char *first = json_string_value(json_object_get(json_array_get(findings, 0), "what"));
    const char *domain = r->domain;
    switch (answer) {
    case ANSWER_ACCEPTS:
        (void)snprintf(out, CONCLUDE_TEXT_MAX, "%s accepts our certificate, and its own is accepted", domain);
        return;
    case ANSWER_UNASKED:
        (void)snprintf(out, CONCLUDE_TEXT_MAX, "the certificate of %s is accepted; none of ours was shown to it",
                       domain);
        return;
    case ANSWER_UNDECIDED:
        (void)snprintf(out, CONCLUDE_TEXT_MAX, "the certificate of %s is accepted; %s", domain,
                       best->outcome == OUTCOME_NOT_ASKED
                           ? "it asks for none of ours"
                           : "whether it accepts ours does not show: it would go on without one too");
        return;
    case ANSWER_DIALBACK:
    case ANSWER_REFUSES:
    case ANSWER_UNTRUSTED:
    case ANSWER_BROKEN:
    case ANSWER_UNREACHABLE: (void)snprintf(out, CONCLUDE_TEXT_MAX, "%s", first && *first ? first : domain); return;
    }
}

/* -- the object ---------------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    json_t *out = text && *text ? json_string(text) : NULL;
    return out ? out : json_null();
}

static const char *decision(bool accept)
{
    return accept ? "accept" : "refuse";
}

/* `would` is of the certificate as an initiator's: what our node would say if the domain presents it when it connects. */
static json_t *verdict_json(const attempt *best)
{
    if (!best || !best->judgement.judged)
        return json_pack("{s:b, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "trusted", 0, "chain", "identity", "eku",
                         "purpose", "would", "revocation", "dane", "reason", "expires");
    const s2s_verdict *v = &best->judgement.receiver, *i = &best->judgement.initiator;
    return json_pack("{s:b, s:s, s:s, s:s, s:{s:b, s:b}, s:{s:s, s:s}, s:s, s:s, s:o, s:o}", "trusted", v->trusted,
                     "chain", s2s_chain_status_word(v->chain), "identity", s2s_identity_word(v->identity), "eku",
                     s2s_eku_word(v->eku), "purpose", "server", i->purpose_server, "client", i->purpose_client, "would",
                     "tolerant", decision(i->would_tolerant), "strict", decision(i->would_strict), "revocation",
                     s2s_revocation_word(v->revocation), "dane", s2s_dane_word(v->dane), "reason",
                     text_or_null(v->reason), "expires", judge_time(v->expires));
}

static json_t *ours_json(const probe_record *r)
{
    json_t *out = json_array();
    for (size_t i = 0; i < r->context->ours_len; i++) {
        const probe_ours *ours = &r->context->ours[i];
        for (size_t k = 0; k < r->attempts_len; k++) {
            const attempt *a = r->attempts[k];
            char why[CONCLUDE_WHY_MAX] = "";
            if (a->ours != ours || a->only_tcp)
                continue;
            if (was_judged(a) && a->outcome != OUTCOME_ACCEPTED)
                explain_outcome(a, why);
            json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:o}", "certificate", ours->file,
                                                 "eku", s2s_eku_word(ours->eku), "client_purpose", ours->chain_client,
                                                 "transport", a->endpoint.direct ? "direct" : "starttls", "outcome",
                                                 attempt_outcome_word(a->outcome), "mechanism", mechanism_of(a), "why",
                                                 text_or_null(why)));
        }
    }
    return out;
}

json_t *conclude(const probe_record *r)
{
    const attempt *best = best_attempt(r);
    probe_answer answer = answer_of(r, best);
    json_t *findings = findings_of(r, answer, best), *attempts = json_array();
    char summary[CONCLUDE_TEXT_MAX];
    summarise(r, answer, best, findings, summary);
    for (size_t i = 0; i < r->attempts_len; i++)
        json_array_append_new(attempts, attempt_json(r->attempts[i]));
    json_t *out = json_pack("{s:o, s:s, s:o, s:I, s:o, s:s, s:o}", "domain", text_or_null(r->domain), "protocol",
                            probe_protocol_word(r->context->options->protocol), "time", judge_time(r->wall),
                            "milliseconds", (json_int_t)r->milliseconds, "from", text_or_null(r->context->from),
                            "answer", probe_answer_word(answer), "summary", text_or_null(summary));
    json_object_update_new(out, verdict_json(best));
    json_object_update_new(
        out, json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "mechanism",
                       best ? mechanism_of(best) : "none", "tls", text_or_null(best ? best->tls_version : ""),
                       "software", text_or_null(best ? best->software : ""), "certificate",
                       best && best->chain ? json_incref(best->chain) : json_null(), "dns",
                       r->dns ? dns_json(r->dns) : json_null(), "attempts", attempts, "ours", ours_json(r),
                       "differential", differential_of(r), "findings", findings, "unknown", unknowns_of(r, best)));
    if (r->port)
        json_object_set_new(out, "port", json_integer(r->port));
    return out;
}
