/* SPDX-License-Identifier: MIT */
/* queue.h: stanzas that wait, in order, bounded by number and bytes. Internal. */
#ifndef S2S_QUEUE_H
#define S2S_QUEUE_H

#include "s2s/env.h"
#include "s2s/stanza.h"

typedef struct s2s__queued s2s__queued;

/* All zero is an empty queue. */
typedef struct s2s__queue {
    s2s__queued *first, *last;
    size_t stanzas, bytes;
    uint64_t added; /* bytes, ever */
} s2s__queue;

/* Copies the stanza. S2S_OK, S2S_E_NOMEM; S2S_E_LIMIT: limits.queue_stanzas or queue_bytes would be passed. */
s2s_err s2s__queue_push(s2s__queue *q, const s2s_env *env, const s2s_stanza *stanza);
/* The same without a limit: for what was taken before and is bounded elsewhere. S2S_OK, S2S_E_NOMEM. */
s2s_err s2s__queue_add(s2s__queue *q, const s2s_env *env, const s2s_stanza *stanza);
/* Puts all of `older` before what `q` holds; `older` is empty then. */
void s2s__queue_put_before(s2s__queue *q, s2s__queue *older);
/* The oldest; valid until _pop. NULL: empty. */
const s2s_stanza *s2s__queue_first(const s2s__queue *q);
void s2s__queue_pop(s2s__queue *q, const s2s_env *env); /* not on an empty queue */
void s2s__queue_clear(s2s__queue *q, const s2s_env *env);
/* How full it is, of `parts` parts, rounded down: 0 to `parts`, more where _add was used. */
size_t s2s__queue_filled(const s2s__queue *q, const s2s_env *env, size_t parts);

#endif
