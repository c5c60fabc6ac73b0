/* SPDX-License-Identifier: MIT */
/* application.h: what the program around the library does: sends in bursts, answers, holds, pauses. */
#ifndef SIM_APPLICATION_H
#define SIM_APPLICATION_H

#include "sim/server.h"

sim_world *sim_world_of(void);

bool application_deliver(void *life, const s2s_stanza *stanza);
void application_drained(void *life);
/* What it had not sent yet is given up. */
void application_forget(sim_life *l);

#endif
