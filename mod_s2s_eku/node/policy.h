/* SPDX-License-Identifier: MIT */
/* policy.h: the certificate policy that a configuration describes. Internal to s2sd. */
#ifndef S2SD_POLICY_H
#define S2SD_POLICY_H

#include "node/config.h"

/* Reads the files that `c` names; `env` for the policy's life. S2S_OK, or S2S_E_INVAL or S2S_E_NOMEM with what is wrong
 * in `why`. For a reload: eku_policy_replace(). */
s2s_err node_policy_new(const s2s_env *env, const config *c, eku_policy **out, char why[S2S_TEXT_MAX]);

#endif
