/* SPDX-License-Identifier: MIT */
/* attempt.h: one conversation with one address: what was seen, step by step, and how it ended. */
#ifndef PROBE_ATTEMPT_H
#define PROBE_ATTEMPT_H

#include "probe/context.h"
#include "probe/dns.h"
#include "probe/judge.h"
#include "probe/request.h"
#include "probe/wire.h"
#include "protocol/stream/features.h"

enum { ATTEMPT_STEPS_MAX = 16, ATTEMPT_WORD_MAX = 32 };

typedef enum attempt_step {
    STEP_TCP,
    STEP_GREETING, /* the stream header and features, or a mail server's greeting, in the clear */
    STEP_STARTTLS,
    STEP_TLS,
    STEP_FEATURES, /* after TLS */
    STEP_EXTERNAL,
    STEP_QUESTIONS, /* software and features, where they may be asked */
    STEP_CLOSE,
} attempt_step;
const char *attempt_step_word(attempt_step step);

/* What became of our certificate. */
typedef enum attempt_outcome {
    OUTCOME_NOT_REACHED,    /* it ended before */
    OUTCOME_NO_CERTIFICATE, /* we showed none */
    OUTCOME_NOT_ASKED,      /* the peer's TLS did not ask for one */
    OUTCOME_ACCEPTED,
    OUTCOME_REFUSED,     /* with words or an alert about it */
    OUTCOME_NOT_OFFERED, /* XMPP: EXTERNAL was not offered after we showed it */
    OUTCOME_CUT,         /* the connection ended without a word where the answer was due */
    OUTCOME_UNDECIDED,   /* it goes on, and would without a certificate too, as far as is known */
} attempt_outcome;
const char *attempt_outcome_word(attempt_outcome outcome);

typedef enum attempt_stage { STAGE_CLEAR, STAGE_TLS, STAGE_AUTHENTICATED, STAGES } attempt_stage;

typedef struct attempt {
    const probe_context *context;
    const probe_ours *ours; /* NULL: without a certificate */
    const char *remote;     /* normal form */
    const char *sni;        /* A-labels; NULL: none */
    dns_endpoint endpoint;
    bool only_tcp; /* nothing but: does it answer? */

    uint64_t began, step_began; /* milliseconds, of the loop */
    attempt_step step;
    struct {
        attempt_step step;
        uint32_t at, took;
        bool ok;
    } steps[ATTEMPT_STEPS_MAX];
    size_t steps_len;

    char tls_version[ATTEMPT_WORD_MAX], cipher[ATTEMPT_WORD_MAX], alpn[ATTEMPT_WORD_MAX];
    bool tls, sent_certificate;
    request_facts request;
    judgement judgement;
    json_t *chain; /* NULL: none */

    bool have_features[STAGES];
    s2s__features features[STAGES];
    attempt_outcome outcome;
    bool went_on; /* other protocols than XMPP: after TLS the conversation went on, or no alert came */
    wire_end end;
    int alert;                    /* -1: none */
    char end_text[S2S_TEXT_MAX];  /* how it ended, if not as it should */
    char peer_text[S2S_TEXT_MAX]; /* what the peer said about it: condition and text */
    char software[S2S_TEXT_MAX];  /* "Prosody 13.0.1"; "" unknown */
    char greeting[S2S_TEXT_MAX];  /* a mail server's */
    json_t *disco;                /* features of the bare domain; NULL: not asked or no answer */
} attempt;

/* Zeroes it and starts its clock. */
void attempt_init(attempt *a, const probe_context *context, const dns_endpoint *endpoint, const probe_ours *ours,
                  const char *remote, const char *sni);
void attempt_clear(attempt *a);
/* Ends the step at work, and begins `next`. */
void attempt_done(attempt *a, attempt_step next);
void attempt_failed(attempt *a, const char *text);
/* TCP is there: ends that step and gives the dialog its deadline. False: nothing but TCP was asked for, and `w` is being closed. */
bool attempt_connected(attempt *a, wire *w);
/* Reads what TLS agreed on and judges the peer's chain. */
void attempt_read_tls(attempt *a, const s2s__pump *pump);
/* The pump that the attempt starts with. */
s2s__pump_options attempt_tls_options(attempt *a);
/* New reference. */
json_t *attempt_json(const attempt *a);

static inline bool attempt_has(const attempt *a, attempt_stage stage, s2s__feature feature)
{
    return a->have_features[stage] && s2s__features_have(&a->features[stage], feature);
}

/* Runs `a` to its end; `done` is called once, from the loop. S2S_OK or S2S_E_NOMEM. */
typedef struct conversation conversation;
s2s_err xmpp_start(attempt *a, void (*done)(void *arg), void *arg, conversation **out);
s2s_err lines_start(attempt *a, void (*done)(void *arg), void *arg, conversation **out);
/* Before `done`: stops it; `done` is not called. Takes NULL. */
void xmpp_cancel(conversation *c);
void lines_cancel(conversation *c);

#endif
