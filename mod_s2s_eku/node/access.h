/* SPDX-License-Identifier: MIT */
/* access.h: which component may talk to whom. Internal to s2sd. */
#ifndef S2SD_ACCESS_H
#define S2SD_ACCESS_H

#include "component.h"

/* True if some account has a rule at all. */
bool access_has_rules(const config *c);
/* Whether the stanza may pass: the rules of the component at `from`, if one is there, and of that at `to` both permit the other
 * domain. A domain may always talk to itself. Addresses that are none pass: they are refused later, with a better reason. */
bool access_permits(const components *c, const s2s_stanza *stanza);

#endif
