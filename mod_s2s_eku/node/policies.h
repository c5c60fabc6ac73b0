/* SPDX-License-Identifier: MIT */
/* policies.h: the certificate policy, once for each worker. Internal to s2sd. */
#ifndef S2SD_POLICIES_H
#define S2SD_POLICIES_H

#include "node/config.h"

typedef struct policies policies;

/* What the configuration describes: anchors and rules are there once, what is known of chains in each worker (eku_policy_share).
 * As node_policy_new. */
s2s_err policies_new(const s2s_env *env, const config *c, size_t workers, policies **out, char why[S2S_TEXT_MAX]);
/* Another policy in its place, which is not the owner's to free: with several workers its functions are called in their threads, but
 * never two at a time. S2S_OK, S2S_E_NOMEM. */
s2s_err policies_of(const s2s_env *env, s2s_policy other, size_t workers, policies **out);
void policies_free(policies *p); /* takes NULL */

/* One for each worker; as long as `p`. */
const s2s_policy *policies_list(const policies *p);
/* Reload, while the workers stand still: goes on with what `with` was made of (policies_new, as many workers), and frees it. */
void policies_replace(policies *p, policies *with);

#endif
