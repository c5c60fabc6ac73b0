/* SPDX-License-Identifier: MIT */
/* env.c: the environment object and the log line. */
#include "s2s/env.h"

#include "protocol/log.h"
#include "protocol/sized.h"

void (s2s_env_init)(s2s_env *env, size_t size, const s2s_env_ops *ops, void *user)
{
    s2s_env ours = {.ops = ops, .user = user, .level = S2S_LOG_INFO};
    s2s_limits_init(&ours.limits);
    s2s__sized_write(env, size, &ours, sizeof ours);
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
