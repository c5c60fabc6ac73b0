/* SPDX-License-Identifier: MIT */
/* judge.h: what certificates say, as JSON: the peer's with the policy's verdicts, and our own. */
#ifndef PROBE_JUDGE_H
#define PROBE_JUDGE_H

#include <jansson.h>

#include "probe/context.h"

/* The verdicts on one chain: as that of the receiver that it is, and as if it came from an initiator: many servers present the
 * same certificate when they connect. */
typedef struct judgement {
    bool judged;
    s2s_verdict receiver, initiator;
} judgement;

typedef struct judge_case {
    s2s_str remote;     /* reference identity, normal form */
    const char *target; /* of a DNSSEC-secure SRV record; or NULL */
    s2s_dnssec tlsa_state;
    const s2s_tlsa *tlsa;
    size_t tlsa_len;
    const s2s_bytes *chain;
    size_t chain_len;
    s2s_bytes staple; /* the OCSP response that came with it */
} judge_case;

/* Without a chain the verdict says so. */
void judge_chain(const probe_context *c, const judge_case *which, judgement *out);

/* The chain as an array of objects, leaf first; NULL if it cannot be read. New reference. */
json_t *judge_facts(const s2s_env *env, const s2s_bytes *chain, size_t len);

enum { JUDGE_FINGERPRINT_LEN = 64 };
/* The certificates in a PEM text, as above, and the SHA-256 of the first in hexadecimal digits; NULL: there are none that can be
 * read. New reference. */
json_t *judge_pem(const s2s_env *env, const char *pem, size_t len, char fingerprint[JUDGE_FINGERPRINT_LEN + 1]);

/* Fills in what the certificate file of `ours` says of purposes. */
s2s_err judge_file(const s2s_env *env, probe_ours *ours, char why[S2S_TEXT_MAX]);

/* "2026-11-25T09:30:00Z"; NULL for 0. New reference. */
json_t *judge_time(int64_t seconds);

#endif
