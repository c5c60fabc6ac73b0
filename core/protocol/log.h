/* SPDX-License-Identifier: MIT */
/* log.h: writing a log line through the environment. Internal. */
#ifndef S2S_LOG_H
#define S2S_LOG_H

#include "s2s/env.h"

void s2s__log(const s2s_env *env, s2s_level level, const char *message, const s2s_field *fields,
              size_t count);

#endif
