/* SPDX-License-Identifier: MIT */
/* attempt.c: the record of one conversation. */
#include "probe/attempt.h"

#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"

const char *attempt_step_word(attempt_step step)
{
    switch (step) {
    case STEP_TCP: return "tcp";
    case STEP_GREETING: return "greeting";
    case STEP_STARTTLS: return "starttls";
    case STEP_TLS: return "tls";
    case STEP_FEATURES: return "features";
    case STEP_EXTERNAL: return "external";
    case STEP_QUESTIONS: return "questions";
    case STEP_CLOSE: return "close";
    }
    return "close";
}

const char *attempt_outcome_word(attempt_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_NOT_REACHED: return "not-reached";
    case OUTCOME_NO_CERTIFICATE: return "no-certificate";
    case OUTCOME_NOT_ASKED: return "not-asked";
    case OUTCOME_ACCEPTED: return "accepted";
    case OUTCOME_REFUSED: return "refused";
    case OUTCOME_NOT_OFFERED: return "not-offered";
    case OUTCOME_CUT: return "cut";
    case OUTCOME_UNDECIDED: return "undecided";
    }
    return "not-reached";
}

void attempt_init(attempt *a, const probe_context *context, const dns_endpoint *endpoint, const probe_ours *ours,
                  const char *remote, const char *sni)
{
    *a = (attempt){.context = context, .endpoint = *endpoint, .ours = ours, .remote = remote, .sni = sni, .alert = -1};
    a->began = a->step_began = uv_now(context->loop);
}

void attempt_clear(attempt *a)
{
    json_decref(a->chain);
    json_decref(a->disco);
    a->chain = a->disco = NULL;
}

static void end_step(attempt *a, bool ok)
{
    uint64_t now = uv_now(a->context->loop);
    if (a->steps_len < ATTEMPT_STEPS_MAX) {
        a->steps[a->steps_len].step = a->step;
        a->steps[a->steps_len].at = (uint32_t)(a->step_began - a->began);
        a->steps[a->steps_len].took = (uint32_t)(now - a->step_began);
        a->steps[a->steps_len++].ok = ok;
    }
    a->step_began = now;
}

void attempt_done(attempt *a, attempt_step next)
{
    end_step(a, true);
    a->step = next;
}

void attempt_failed(attempt *a, const char *text)
{
    end_step(a, false);
    if (a->end_text[0] == '\0')
        s2s__copy_text(a->end_text, s2s_str_of(text));
}

/* -- TLS ----------------------------------------------------------------------------------------------- */

static void on_request(void *arg, bool tls13, s2s_bytes message)
{
    attempt *a = arg;
    request_read(tls13, message, &a->request);
}

s2s__pump_options attempt_tls_options(attempt *a)
{
    return (s2s__pump_options){.role = S2S_INITIATOR,
                               .credentials = a->context->credentials,
                               .identity = a->ours ? a->ours->identity : NULL,
                               .sni = a->sni,
                               .alpn = a->endpoint.direct && a->context->options->protocol == PROBE_XMPP,
                               .requested = on_request,
                               .requested_arg = a};
}

static void copy_word(char out[ATTEMPT_WORD_MAX], s2s_str word)
{
    (void)snprintf(out, ATTEMPT_WORD_MAX, "%.*s", S2S_FMT(word));
}

bool attempt_connected(attempt *a, wire *w)
{
    if (a->only_tcp) {
        attempt_done(a, STEP_CLOSE);
        wire_close(w);
        return false;
    }
    attempt_done(a, a->endpoint.direct ? STEP_TLS : STEP_GREETING);
    wire_deadline(w, PROBE_DIALOG_MS);
    return true;
}

void attempt_read_tls(attempt *a, const s2s__pump *pump)
{
    s2s_bytes chain[S2S__ANSWER_MAX];
    size_t len = s2s__pump_peer_chain(pump, chain, S2S__ANSWER_MAX);
    const dns_tlsa *tlsa = a->endpoint.tlsa;
    bool dane = tlsa && tlsa->dnssec == S2S_DNSSEC_SECURE;
    judge_case which = {.remote = s2s_str_of(a->remote),
                        .target = a->endpoint.secure_target ? a->endpoint.target : NULL,
                        .tlsa_state = tlsa ? tlsa->dnssec : S2S_DNSSEC_UNCHECKED,
                        .tlsa = dane ? tlsa->records : NULL,
                        .tlsa_len = dane ? tlsa->len : 0,
                        .chain = chain,
                        .staple = s2s__pump_staple(pump),
                        .chain_len = len < S2S__ANSWER_MAX ? len : S2S__ANSWER_MAX};
    a->tls = true;
    copy_word(a->tls_version, s2s_str_of(s2s__pump_version(pump)));
    copy_word(a->cipher, s2s_str_of(s2s__pump_cipher(pump)));
    copy_word(a->alpn, s2s__pump_alpn(pump));
    a->sent_certificate = a->ours && s2s__pump_sent_certificate(pump);
    judge_chain(a->context, &which, &a->judgement);
    a->chain = judge_facts(a->context->env, chain, which.chain_len);
}

/* -- JSON ---------------------------------------------------------------------------------------------- */

static json_t *text_or_null(const char *text)
{
    json_t *out = *text ? json_string(text) : NULL;
    return out ? out : json_null(); /* a peer's bytes may be anything */
}

static json_t *steps_json(const attempt *a)
{
    json_t *out = json_array();
    for (size_t i = 0; i < a->steps_len; i++)
        json_array_append_new(out, json_pack("{s:s, s:i, s:i, s:b}", "step", attempt_step_word(a->steps[i].step), "at",
                                             (int)a->steps[i].at, "took", (int)a->steps[i].took, "ok", a->steps[i].ok));
    return out;
}

static json_t *features_json(const attempt *a, attempt_stage stage)
{
    if (!a->have_features[stage])
        return json_null();
    json_t *out = json_array();
    for (s2s__feature f = 0; f <= S2S__OFFERS_OTHER; f++) {
        if (s2s__features_have(&a->features[stage], f))
            json_array_append_new(out, json_string(s2s__feature_word(f)));
    }
    return out;
}

/* The last that was said of it counts. */
static const s2s__features *last_features(const attempt *a)
{
    for (size_t s = STAGES; s > 0; s--) {
        if (a->have_features[s - 1])
            return &a->features[s - 1];
    }
    return NULL;
}

static json_t *limits_json(const attempt *a)
{
    const s2s__features *f = last_features(a);
    if (!f || !s2s__features_have(f, S2S__OFFERS_LIMITS))
        return json_null();
    return json_pack("{s:o, s:o}", "max_bytes", f->max_bytes ? json_integer(f->max_bytes) : json_null(), "idle_seconds",
                     f->idle_seconds ? json_integer(f->idle_seconds) : json_null());
}

static json_t *tls_json(const attempt *a)
{
    if (!a->tls)
        return json_null();
    json_t *cas = json_array();
    for (size_t i = 0; i < a->request.cas_len; i++)
        json_array_append_new(cas, text_or_null(a->request.cas[i]));
    return json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:i, s:b}", "version", a->tls_version, "cipher", a->cipher, "alpn",
                     text_or_null(a->alpn), "sni", text_or_null(a->sni ? a->sni : ""), "certificate_requested",
                     a->request.asked, "cas", cas, "cas_total", (int)a->request.cas_total, "certificate_sent",
                     a->sent_certificate);
}

json_t *attempt_json(const attempt *a)
{
    char address[S2S_ADDRESS_MAX];
    bool xmpp = a->context->options->protocol == PROBE_XMPP;
    s2s__address_print((const struct sockaddr *)&a->endpoint.address, address);
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s}", "transport", a->endpoint.direct ? "direct" : "starttls",
                  "target", a->endpoint.target, "address", address, "certificate",
                  a->ours ? json_string(a->ours->file) : json_null(), "steps", steps_json(a), "tls", tls_json(a),
                  "outcome", a->only_tcp ? "tcp-only" : attempt_outcome_word(a->outcome));
    if (xmpp)
        json_object_update_new(out, json_pack("{s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o}", "features", "clear",
                                              features_json(a, STAGE_CLEAR), "tls", features_json(a, STAGE_TLS),
                                              "authenticated", features_json(a, STAGE_AUTHENTICATED), "mechanisms",
                                              text_or_null(a->features[STAGE_TLS].mechanisms), "limits", limits_json(a),
                                              "software", text_or_null(a->software), "disco",
                                              a->disco ? json_incref(a->disco) : json_null()));
    else
        json_object_set_new(out, "greeting", text_or_null(a->greeting));
    json_object_set_new(out, "end", text_or_null(a->end_text));
    json_object_set_new(out, "peer_text", text_or_null(a->peer_text));
    json_object_set_new(out, "alert", a->alert < 0 ? json_null() : json_integer(a->alert));
    return out;
}
