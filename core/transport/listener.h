/* SPDX-License-Identifier: MIT */
/* listener.h: a listening TCP socket on a libuv loop. Internal. */
#ifndef S2S_LISTENER_H
#define S2S_LISTENER_H

#include <uv.h>

#include "s2s/federation.h"

typedef struct s2s__listener s2s__listener;

/* A connection came in: `tcp` (of s2s__tcp_new) is the callee's. */
typedef void (*s2s__accepted_cb)(void *arg, uv_tcp_t *tcp);

/* `address` as in s2s_federation_listen; "[::]" takes IPv4 as well, where the system does so by default. `shared`: several
 * listen there, each with a queue of its own.
 * `bound` and `why` may be NULL. S2S_OK; S2S_E_SYNTAX, S2S_E_IO, S2S_E_NOMEM, each with `why`. */
s2s_err s2s__listener_new(const s2s_env *env, uv_loop_t *loop, const char *address, bool shared, s2s__accepted_cb accepted,
                          void *arg, s2s__listener **out, char bound[S2S_ADDRESS_MAX],
                          char why[S2S_TEXT_MAX]);
/* The same on a TCP socket that listens already. `fd` is taken over in any case: closed on failure, else with the listener.
 * S2S_OK; S2S_E_INVAL: it is no such socket; S2S_E_IO, S2S_E_NOMEM, each with `why`. */
s2s_err s2s__listener_adopt(const s2s_env *env, uv_loop_t *loop, int fd, s2s__accepted_cb accepted, void *arg,
                            s2s__listener **out, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);
/* `closed` (may be NULL) is called from the loop; the listener is gone then. */
void s2s__listener_close(s2s__listener *l, void (*closed)(void *arg));

#endif
