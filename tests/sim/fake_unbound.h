/* SPDX-License-Identifier: MIT */
/* fake_unbound.h: libunbound over a zone that the world makes up; the world's side of it. */
#ifndef SIM_FAKE_UNBOUND_H
#define SIM_FAKE_UNBOUND_H

#include "sim/clock.h"

enum { SIM_RECORDS_MAX = 8, SIM_RDATA_MAX = 300 };

typedef struct sim_answer {
    int rcode;      /* 0, 2 SERVFAIL, 3 NXDOMAIN */
    bool never;     /* no answer comes */
    bool secure, bogus;
    unsigned delay_ms;
    size_t records;
    size_t len[SIM_RECORDS_MAX];
    uint8_t rdata[SIM_RECORDS_MAX][SIM_RDATA_MAX];
} sim_answer;

/* What `asker` is told. */
typedef void (*sim_zone)(void *arg, const sim_host *asker, const char *name, int type, sim_answer *out);

void sim_dns_begin(sim_zone zone, void *arg);
size_t sim_dns_contexts(void); /* not deleted */

#endif
