/* SPDX-License-Identifier: MIT */
/* query.h: what resolver.c and query.c share. For these two only. */
#ifndef S2S_QUERY_H
#define S2S_QUERY_H

#include <unbound.h>

#include "transport/resolver.h"

struct s2s__resolver {
    const s2s_env *env;
    uv_loop_t *loop;
    struct ub_ctx *dns;
    uv_poll_t poll;
    s2s__query *queries;
    size_t handles; /* uv handles that are not closed yet: `poll`, and one timer for each query */
    bool closing;
    void (*closed)(void *arg);
    void *arg;
};

/* A handle of `r` was closed; frees the resolver with the last one. */
void s2s__resolver_handle_closed(s2s__resolver *r);

#endif
