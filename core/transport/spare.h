/* SPDX-License-Identifier: MIT */
/* spare.h: takes the connection that there is no memory for, and closes it. libuv stops listening once a connection has come that
 * nobody accepts, for good: so one handle is kept for that case. Internal. */
#ifndef S2S_SPARE_H
#define S2S_SPARE_H

#include <uv.h>

#include "s2s/env.h"

typedef struct s2s__spare s2s__spare;

/* For one listening handle, TCP or pipe. NULL: no memory. */
s2s__spare *s2s__spare_new(const s2s_env *env);
/* From the listener's callback, in the place of uv_accept(). While the one before is still being closed, as soon as it is. */
void s2s__spare_turn_away(s2s__spare *spare, uv_stream_t *listener);
/* When the listener is closed, or closing. Takes NULL. */
void s2s__spare_free(s2s__spare *spare);

#endif
