/* SPDX-License-Identifier: MIT */
/* routes.h: static routes, in the order they were added. Internal. */
#ifndef S2S_ROUTES_H
#define S2S_ROUTES_H

#include <sys/socket.h>

#include "s2s/federation.h"

typedef struct s2s__route {
    char *match; /* normal form */
    struct sockaddr_storage address;
    s2s_tls_start tls;
} s2s__route;

/* All zero is empty. */
typedef struct s2s__routes {
    s2s__route *list;
    size_t len;
} s2s__routes;

/* S2S_OK, S2S_E_NOMEM; S2S_E_SYNTAX with `why` (may be NULL). */
s2s_err s2s__routes_add(s2s__routes *r, const s2s_env *env, const char *match, const char *address,
                        s2s_tls_start tls, char why[S2S_TEXT_MAX]);
/* Into an empty one, which is to be freed also on failure. S2S_OK, S2S_E_NOMEM. */
s2s_err s2s__routes_copy(const s2s__routes *from, const s2s_env *env, s2s__routes *out);
/* The first that matches; NULL: none. Valid until the next _add. */
const s2s__route *s2s__routes_find(const s2s__routes *r, s2s_str domain);
void s2s__routes_free(s2s__routes *r, const s2s_env *env);

#endif
