/* SPDX-License-Identifier: MIT */
/* log.h: s2sd's environment: memory, entropy and log lines. Internal to s2sd. */
#ifndef S2SD_LOG_H
#define S2SD_LOG_H

#include <stdio.h>

#include "s2s/env.h"

/* The longest line with its line end; values that do not fit are cut, and those behind them left out. */
#define LOG_LINE_MAX 8192

typedef struct log_sink {
    FILE *file;
    bool json;
    bool journal; /* each line begins with its priority, "<4>", as journald wants it (sd-daemon(3)); log_env_init looks */
} log_sink;

/* Makes `env` ready: malloc, getrandom, lines to `sink`, which must live as long. Limits are the defaults. */
void log_env_init(s2s_env *env, log_sink *sink);

/* One line, ended by '\n', not NUL-terminated; returns its length. Text or one JSON object.
 * `wall_ms` is milliseconds since 1970. A line of text: "TIME LEVEL MESSAGE key=value..."; a value with anything else than
 * plain visible characters stands in double quotes, control characters and what is not UTF-8 are escaped. */
size_t log_format(char out[LOG_LINE_MAX], bool json, int64_t wall_ms, s2s_level level, const char *message,
                  const s2s_field *fields, size_t count);

#endif
