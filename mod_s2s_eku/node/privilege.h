/* SPDX-License-Identifier: MIT */
/* privilege.h: giving up root once everything is bound. Internal to s2sd. */
#ifndef S2SD_PRIVILEGE_H
#define S2SD_PRIVILEGE_H

#include "config.h"

/* Becomes config->user for good, groups included, with no way back and none to gain more (PR_SET_NO_NEW_PRIVS). Nothing happens,
 * but for a warning, where s2sd is root and no user is configured. S2S_E_INVAL, with a reason: there is no such user, it is
 * root, or s2sd is not root and another; S2S_E_IO: the system refused. After failure the process must end. */
s2s_err privilege_drop(const s2s_env *env, const config *c, const char *file, char why[S2S_TEXT_MAX]);

#endif
