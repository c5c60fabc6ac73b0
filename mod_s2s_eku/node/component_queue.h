/* SPDX-License-Identifier: MIT */
/* component_queue.h: what waits to be sent to a component, stanza by stanza, so that each can still be bounced.
 * Internal to s2sd. */
#ifndef S2SD_COMPONENT_QUEUE_H
#define S2SD_COMPONENT_QUEUE_H

#include <uv.h>

#include "s2s/env.h"
#include "s2s/stanza.h"

#define COMPONENT_BLOCK_BYTES 8192u /* of memory at a time; a larger stanza has a block of its own */

typedef struct component_block component_block;

typedef struct component_queue {
    const s2s_env *env;
    component_block *first, *last;
    size_t bytes;      /* not yet sent */
} component_queue;

void component_queue_init(component_queue *q, const s2s_env *env);
void component_queue_free(component_queue *q); /* stanzas in it are lost: pop them first */

/* Copies. S2S_OK or S2S_E_NOMEM. */
s2s_err component_queue_stanza(component_queue *q, const s2s_stanza *stanza);
s2s_err component_queue_text(component_queue *q, s2s_str text); /* what frames the stream: cannot bounce */

/* Lends the unsent bytes, in up to `max` pieces; returns how many. What is lent does not move, also when more is queued, until it is
 * sent. */
size_t component_queue_lend(const component_queue *q, uv_buf_t *bufs, size_t max);
/* The same for what is unsent of the first stanza (or framing) alone. False: there is nothing. */
bool component_queue_lend_first(const component_queue *q, uv_buf_t *buf);
/* `len` more bytes went out. */
void component_queue_sent(component_queue *q, size_t len);
/* The first one has gone out in part. */
bool component_queue_in_the_middle(const component_queue *q);

/* Takes out the first stanza that has not gone out as a whole; framing stays. `out` has just what a bounce needs, no `inner`; it is
 * valid until component_queue_drop(*held). False: there is none. */
bool component_queue_pop(component_queue *q, s2s_stanza *out, component_block **held);
void component_queue_drop(component_queue *q, component_block *held);

#endif
