/* SPDX-License-Identifier: MIT */
/* world.h: one simulated world from its seed to its end. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim/plan.h"

typedef struct sim_outcome {
    bool ok;
    uint64_t trace; /* equal for equal plans */
} sim_outcome;

/* Between authority_begin and authority_end. After a failure the process is good for nothing else. */
sim_outcome sim_world_run(const sim_plan *plan, bool verbose);

#endif
