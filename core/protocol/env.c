/* SPDX-License-Identifier: MIT */
/* env.c: the environment object and the log line. */
#include "s2s/env.h"

#include "protocol/log.h"

void s2s_env_init(s2s_env *env, const s2s_env_ops *ops, void *user)
{
    *env = (s2s_env){.size = sizeof *env, .ops = ops, .user = user, .level = S2S_LOG_INFO};
    s2s_limits_init(&env->limits);
}

const char *s2s_level_name(s2s_level level)
{
    switch (level) {
    case S2S_LOG_DEBUG: return "debug";
    case S2S_LOG_INFO: return "info";
    case S2S_LOG_WARN: return "warn";
    case S2S_LOG_ERROR: return "error";
    }
    return "error";
}

void s2s__log(const s2s_env *env, s2s_level level, const char *message, const s2s_field *fields,
              size_t count)
{
    if (level >= env->level && env->ops->log)
        env->ops->log(env->user, level, message, fields, count);
}
