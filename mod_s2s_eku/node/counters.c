/* SPDX-License-Identifier: MIT */
/* counters.c: one call for each stream that is established, and one for each that ends. */
#include "counters.h"

#include <string.h>

static void count_verdict(counters *c, s2s_role role, const s2s_verdict *v)
{
    c->chain[role][v->trusted][v->chain]++;
    c->eku[role][v->eku]++;
    c->would_refuse[role][0] += !v->would_tolerant;
    c->would_refuse[role][1] += !v->would_strict;
}

void counters_note(counters *c, const s2s_stream_info *info, const s2s_close *end)
{
    bool established = strcmp(info->mechanism, "none") != 0;
    if (info->verdict && (!end || !established)) /* the end of an established stream tells of it again */
        count_verdict(c, info->role, info->verdict);
    if (!end) {
        c->established[info->role]++;
        return;
    }
    if (established)
        c->closed[info->role][end->origin]++;
    else
        c->failed[info->role][end->origin]++;
    if (!established && (*info->cause || end->sasl_refused))
        c->peer_refused[info->role]++;
    c->stanzas_in += info->stanzas_in;
    c->stanzas_out += info->stanzas_out;
}
