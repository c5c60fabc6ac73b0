/* SPDX-License-Identifier: MIT */
/* component_queue.h: what waits to be sent to a component, stanza by stanza, so that each can still be bounced.
 * Internal to s2sd. */
#ifndef S2SD_COMPONENT_QUEUE_H
#define S2SD_COMPONENT_QUEUE_H

#include <uv.h>

#include "s2s/env.h"
#include "s2s/stanza.h"

typedef struct component_chunk component_chunk;

typedef struct component_queue {
    const s2s_env *env;
    component_chunk *first, *last;
    size_t bytes;      /* not yet sent */
    size_t sent;       /* of the first chunk */
} component_queue;

void component_queue_init(component_queue *q, const s2s_env *env);
void component_queue_free(component_queue *q); /* stanzas in it are lost: pop them first */

/* Copies. S2S_OK or S2S_E_NOMEM. */
s2s_err component_queue_stanza(component_queue *q, const s2s_stanza *stanza);
s2s_err component_queue_text(component_queue *q, s2s_str text); /* what frames the stream: cannot bounce */

/* Lends the unsent bytes of up to `max` chunks; returns how many. Valid until the next call on `q`. */
size_t component_queue_lend(const component_queue *q, uv_buf_t *bufs, size_t max);
/* `len` more bytes went out. */
void component_queue_sent(component_queue *q, size_t len);

/* Takes out the first stanza that has not gone out as a whole; framing stays. `out` has no `inner`, just what a bounce
 * needs; it is valid until component_queue_drop(*held). False: there is none. */
bool component_queue_pop(component_queue *q, s2s_stanza *out, component_chunk **held);
void component_queue_drop(component_queue *q, component_chunk *held);

#endif
