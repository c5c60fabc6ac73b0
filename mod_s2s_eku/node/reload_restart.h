/* SPDX-License-Identifier: MIT */
/* reload_restart.h: what cannot change while the node runs. Internal to s2sd. */
#ifndef S2SD_RELOAD_RESTART_H
#define S2SD_RELOAD_RESTART_H

#include <jansson.h>

#include "config.h"

/* The keys that differ and need a restart: a new array of strings. `new_plugin`: the plugin's file does. NULL when out of memory. */
json_t *reload_restart_keys(const config *started, const config *now, bool new_plugin);

#endif
