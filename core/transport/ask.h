/* SPDX-License-Identifier: MIT */
/* ask.h: one question to the DNS, of any type, with what DNSSEC says of the answer. Internal.
 *
 * For those who want to see the records themselves; a dialer takes s2s__resolver_query. */
#ifndef S2S_ASK_H
#define S2S_ASK_H

#include "s2s/policy.h"
#include "transport/resolver.h"

enum { S2S__RR_A = 1, S2S__RR_AAAA = 28, S2S__RR_SRV = 33, S2S__RR_TLSA = 52 };

/* Records of one answer beyond this are ignored. */
enum { S2S__ANSWER_MAX = 64 };

typedef struct s2s__ask s2s__ask;

typedef struct s2s__answer {
    s2s__resolved status;  /* FOUND, NOT_FOUND (no such name, or no such record), BOGUS, TIMEOUT, FAILED */
    bool exists;           /* NOT_FOUND: the name is there, the type is not */
    s2s_dnssec dnssec;     /* INSECURE where no trust anchor was given */
    const s2s_bytes *data; /* the records' data, uncompressed */
    size_t count;          /* not 0 if and only if FOUND */
    const char *text;      /* one sentence if BOGUS, TIMEOUT or FAILED, else "" */
} s2s__answer;

/* All of `answer` is lent for the call. The question is over: its handle is not valid any more. */
typedef void (*s2s__answered_cb)(void *arg, const s2s__answer *answer);

/* `name` in A-labels, underscore labels allowed. `done` is called once, from the loop, never from here, within limits.dns_ms.
 * The resolver must not be closed before that, or before the question is cancelled. S2S_OK, S2S_E_NOMEM, S2S_E_DNS (it cannot
 * be asked: a malformed name, or libunbound has failed), S2S_E_STATE (closing). */
s2s_err s2s__ask_start(s2s__resolver *r, const char *name, int rrtype, s2s__answered_cb done, void *arg,
                       s2s__ask **out);
/* `done` will not be called. Takes NULL. */
void s2s__ask_cancel(s2s__ask *ask);

#endif
