/* SPDX-License-Identifier: MIT */
/* zone.h: what the simulated DNS says, truth and lies. */
#ifndef SIM_ZONE_H
#define SIM_ZONE_H

#include "sim/server.h"

typedef enum zone_trouble {
    ZONE_WELL,
    ZONE_LIE,     /* the domain is said to be at another server */
    ZONE_SERVFAIL,
    ZONE_SILENT,
    ZONE_MISSING, /* NXDOMAIN */
    ZONE_GARBAGE,
    ZONE_SLOW,
    ZONE_TROUBLES,
} zone_trouble;

void zone_begin(const sim_world *w, sim_rng rng);
void zone_set(int domain, zone_trouble trouble, int liar);
void zone_heal(void);

#endif
