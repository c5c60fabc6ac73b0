/* SPDX-License-Identifier: MIT */
/* conclude.h: from what was seen to an answer, findings that say who must do what, and what cannot be known from outside. */
#ifndef PROBE_CONCLUDE_H
#define PROBE_CONCLUDE_H

#include "probe/probe.h"

enum { CONCLUDE_TEXT_MAX = 2048, CONCLUDE_WHY_MAX = 640 }; /* octets of a sentence, of a part of it; the rest is cut */

/* X(name, word, good): the answer to "can we speak with them, with this certificate?" */
#define PROBE_ANSWERS(X)                                                                                               \
    X(ANSWER_ACCEPTS, "accepts", true)          /* they take ours, and theirs holds */                                 \
    X(ANSWER_UNASKED, "unasked", true)          /* theirs holds; ours was not shown */                                 \
    X(ANSWER_UNDECIDED, "undecided", true)      /* the same; the protocol gives no answer on ours */                   \
    X(ANSWER_DIALBACK, "dialback", false)       /* ours does not do; dialback is offered */                            \
    X(ANSWER_REFUSES, "refuses", false)         /* ours does not do, and nothing else is offered */                    \
    X(ANSWER_UNTRUSTED, "untrusted", false)     /* theirs does not hold */                                             \
    X(ANSWER_BROKEN, "broken", false)           /* it answers, but no TLS conversation came about */                   \
    X(ANSWER_UNREACHABLE, "unreachable", false) /* no address, or none answers */

typedef enum probe_answer {
#define X(name, word, good) name,
    PROBE_ANSWERS(X)
#undef X
} probe_answer;
const char *probe_answer_word(probe_answer answer);
/* False for a word that is none. */
bool probe_answer_is_good(const char *word);

/* New reference; NULL: out of memory. */
json_t *conclude(const probe_record *r);

/* findings.c: the array of findings, and that of what stays unknown. */
json_t *findings_of(const probe_record *r, probe_answer answer, const attempt *best);
json_t *unknowns_of(const probe_record *r, const attempt *best);
/* differential.c: does the remote refuse the purpose? An object. */
json_t *differential_of(const probe_record *r);

/* The way that this attempt could have gone on: "external", "dialback" or "none". */
const char *mechanism_of(const attempt *a);
/* True if the peer was shown our certificate, or should have been, and there is an answer. */
bool was_judged(const attempt *a);
/* What the peer said or did about our certificate, in one sentence with its likely cause. */
void explain_outcome(const attempt *a, char out[CONCLUDE_WHY_MAX]);

#endif
