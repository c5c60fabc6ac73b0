/* SPDX-License-Identifier: MIT */
/* counters.h: what has happened since the start, for metrics. Internal to s2sd. */
#ifndef S2SD_COUNTERS_H
#define S2SD_COUNTERS_H

#include "s2s/federation.h"

enum { COUNTERS_WAYS = 2, COUNTERS_ORIGINS = 4 };

/* Indexed by our role (S2S_INITIATOR: out), and the words of a verdict. */
typedef struct counters {
    uint64_t established[COUNTERS_WAYS];
    uint64_t failed[COUNTERS_WAYS][COUNTERS_ORIGINS]; /* streams that were not established, by who ended them */
    uint64_t closed[COUNTERS_WAYS][COUNTERS_ORIGINS]; /* streams that were */
    uint64_t chain[COUNTERS_WAYS][2][S2S_CHAIN_INVALID + 1]; /* verdicts: refused, trusted */
    uint64_t eku[COUNTERS_WAYS][S2S_EKU_OTHER + 1];
    uint64_t would_refuse[COUNTERS_WAYS][2];          /* verdicts that tolerant, strict would give so */
    uint64_t peer_refused[COUNTERS_WAYS];             /* the peer did not take our certificate */
    uint64_t stanzas_in, stanzas_out;                 /* of streams that have ended */
} counters;

/* As s2s_federation_ops.stream. */
void counters_note(counters *c, const s2s_stream_info *info, const s2s_close *end);

#endif
