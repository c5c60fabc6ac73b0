/* SPDX-License-Identifier: MIT */
/* plan.h: what one run is made of: all of it follows from the seed, each part can be overruled to make a failing run
 * smaller. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "sim/clock.h"

/* X(name, word, what happens) */
#define SIM_FAULTS(X)                                                                              \
    X(FAULT_RESET, "reset", "a connection is reset")                                               \
    X(FAULT_DARK, "dark", "a connection goes half-open")                                           \
    X(FAULT_CRASH, "crash", "a server's process dies, another comes up")                           \
    X(FAULT_POWER, "power", "the same, and its peers are not told")                                \
    X(FAULT_STOP, "stop", "a server stops in good order and starts again")                         \
    X(FAULT_LIE, "lie", "the DNS leads to an impostor or to a wrong server")                       \
    X(FAULT_DNS, "dns", "the DNS fails, is slow, or says nonsense")                                \
    X(FAULT_CLOCK, "clock", "a wall clock jumps")                                                  \
    X(FAULT_SLEEP, "sleep", "a process gets no time for a while")                                  \
    X(FAULT_VANISH, "vanish", "a machine cannot be reached for a while")                           \
    X(FAULT_MANAGE, "manage", "an operator has peers judged again, closes streams, exchanges certificates") \
    X(FAULT_PAPERS, "papers", "some certificates are bad, or become so")                           \
    X(FAULT_LATE, "late", "verdicts come late")                                                    \
    X(FAULT_HOLD, "hold", "receivers say stop, and go on later")                                   \
    X(FAULT_RUDE, "rude", "senders do not pause when asked")                                       \
    X(FAULT_BIG, "big", "some stanzas are large")                                                  \
    X(FAULT_SMALL, "small", "small limits")                                                        \
    X(FAULT_KEYS, "keys", "some servers take dialback where a certificate is none")                \
    X(FAULT_BIDI, "bidi", "some servers offer streams for both directions")                        \
    X(FAULT_MEMORY, "memory", "allocations fail now and then")

typedef enum sim_fault {
#define S2S_X(name, word, what) name,
    SIM_FAULTS(S2S_X)
#undef S2S_X
    FAULTS
} sim_fault;

typedef struct sim_plan {
    uint64_t seed;
    int servers, impostors;
    int stanzas;
    int seconds;     /* how long things happen */
    int happenings;  /* how many faults */
    unsigned faults; /* bit n: sim_fault n */
} sim_plan;

const char *sim_fault_word(sim_fault f);
/* FAULTS: no such word. */
sim_fault sim_fault_named(const char *word, size_t len);
sim_plan sim_plan_of(uint64_t seed);
static inline bool sim_has(const sim_plan *p, sim_fault f)
{
    return (p->faults >> f & 1) != 0;
}
/* The command line that runs it again. */
void sim_plan_print(const sim_plan *p, char *out, size_t room);

#endif
