/* SPDX-License-Identifier: MIT */
/* test_env.h: an environment for tests: malloc, predictable "entropy", no log; and allocation failure on demand. */
#ifndef TEST_ENV_H
#define TEST_ENV_H

#include "s2s/env.h"

typedef struct test_env {
    s2s_env env;
    uint64_t counter;   /* of the entropy: the same in every run */
    long fail_after;    /* allocations that still succeed; negative: all */
    bool fail_once;     /* just one fails */
    bool failed;        /* one did */
    size_t live;        /* blocks not freed */
    char last_log[512]; /* the last line, "level message key=value..." */
} test_env;

/* `t->env` is then ready; limits are the defaults, the level is debug. */
void test_env_init(test_env *t);

#endif
