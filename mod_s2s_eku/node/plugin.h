/* SPDX-License-Identifier: MIT */
/* plugin.h: loads a certificate policy from a shared object. Internal to s2sd. */
#ifndef S2SD_PLUGIN_H
#define S2SD_PLUGIN_H

#include "mod_s2s_eku/plugin.h"

typedef struct plugin plugin;

/* S2S_E_INVAL with `why`: it cannot be loaded, is no policy, is for another version, or does not open. */
s2s_err plugin_open(const s2s_env *env, const char *file, plugin **out, char why[S2S_TEXT_MAX]);
s2s_policy plugin_policy(const plugin *p);
const char *plugin_name(const plugin *p);
void plugin_close(plugin *p); /* takes NULL */

#endif
