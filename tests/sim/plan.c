/* SPDX-License-Identifier: MIT */
/* plan.c: from a seed to the shape of a run. */
#include "sim/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const WORDS[] = {
#define S2S_X(name, word, what) word,
    SIM_FAULTS(S2S_X)
#undef S2S_X
};

const char *sim_fault_word(sim_fault f)
{
    return f < FAULTS ? WORDS[f] : "?";
}

sim_fault sim_fault_named(const char *word, size_t len)
{
    unsigned f = 0;
    while (f < FAULTS && (strlen(WORDS[f]) != len || memcmp(WORDS[f], word, len) != 0))
        f++;
    return (sim_fault)f;
}

/* Most worlds are small and wild; one in sixteen is large, one in eight has no fault at all. */
sim_plan sim_plan_of(uint64_t seed)
{
    sim_rng r = {seed * 2 + 1};
    sim_plan p = {.seed = seed};
    bool large = sim_chance(&r, 62);
    p.servers = (int)(large ? sim_between(&r, 40, 200) : sim_between(&r, 2, 10));
    p.impostors = (int)sim_below(&r, 3);
    p.stanzas = (int)sim_between(&r, 200, 2000);
    p.seconds = (int)sim_between(&r, 20, 1800);
    p.happenings = (int)sim_between(&r, 1, large ? 60 : 25);
    for (unsigned f = 0; f < FAULTS; f++)
        p.faults |= (unsigned)sim_chance(&r, 300) << f;
    if (sim_chance(&r, 125))
        p.faults = 0;
    if (sim_chance(&r, 125)) { /* few servers, much to say, receivers that hold: queues are full when streams break */
        p.servers = (int)sim_between(&r, 2, 4);
        p.stanzas = (int)sim_between(&r, 1500, 3000);
        p.seconds = (int)sim_between(&r, 30, 120);
        p.happenings = (int)sim_between(&r, 20, 60);
        p.faults |= 1u << FAULT_RESET | 1u << FAULT_HOLD | 1u << FAULT_BIG;
    }
    if (!sim_chance(&r, 100)) /* rare: it blurs what was accepted */
        p.faults &= ~(1u << FAULT_MEMORY);
    if (sim_has(&p, FAULT_KEYS)) /* dialback believes the DNS: a lie of the DNS is then no fault of a server */
        p.faults &= ~(1u << FAULT_LIE);
    return p;
}

void sim_plan_print(const sim_plan *p, char *out, size_t room)
{
    int n = snprintf(out, room, "--seed %" PRIu64 " --servers %d --impostors %d --stanzas %d --seconds %d "
                                "--happenings %d --faults ",
                     p->seed, p->servers, p->impostors, p->stanzas, p->seconds, p->happenings);
    bool any = false;
    for (unsigned f = 0; f < FAULTS; f++) {
        if (!sim_has(p, (sim_fault)f) || n < 0 || (size_t)n >= room)
            continue;
        n += snprintf(out + n, room - (size_t)n, "%s%s", any ? "," : "", WORDS[f]);
        any = true;
    }
    if (!any && n > 0 && (size_t)n < room)
        (void)snprintf(out + n, room - (size_t)n, "none");
}
