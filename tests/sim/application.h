/* SPDX-License-Identifier: MIT */
/* application.h: what the program around the library does: sends in bursts, answers, holds, pauses. */
#ifndef SIM_APPLICATION_H
#define SIM_APPLICATION_H

#include "sim/server.h"

sim_world *sim_world_of(void);

bool application_deliver(void *life, const s2s_stanza *stanza);
void application_drained(void *life);
/* Who was told to pause, and is held no longer, has been told to go on. */
void application_audit(sim_life *l);
/* It has more to send, and was told to pause. */
bool application_waits(sim_life *l);
/* What it had not sent yet is given up. */
void application_forget(sim_life *l);

#endif
