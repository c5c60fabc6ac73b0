/* SPDX-License-Identifier: MIT */
/* setup.h: from the configuration's domains, accounts and routes to what a federation object serves. Internal to s2sd. */
#ifndef S2SD_SETUP_H
#define S2SD_SETUP_H

#include "config.h"
#include "s2s/federation.h"

/* Reads all certificates and keys. Each fault is a line on `problems`. A certificate that cannot be used is replaced by the
 * one that `running` (may be NULL) has for the domain, so that a half-written pair of files harms nobody; `*kept` counts these.
 * Any other fault is a failure: S2S_E_INVAL, or S2S_E_NOMEM; `*out` is then untouched. */
s2s_err node_setup_new(const s2s_env *env, const config *c, const s2s_federation *running, FILE *problems, size_t *kept,
                       s2s_setup **out);

#endif
