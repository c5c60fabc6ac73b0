/* SPDX-License-Identifier: MIT */
/* lane.h: stanzas and notes on their way from one thread to another, in order, in batches. Internal to s2sd.
 *
 * One thread writes, one reads. What is written is handed over when lane_flush() is called or a chunk is full, with one wake-up
 * of the reader's loop; a stanza is copied once, into the chunk, and read from there. */
#ifndef S2SD_LANE_H
#define S2SD_LANE_H

#include <stdatomic.h>
#include <uv.h>

#include "s2s/env.h"
#include "s2s/stanza.h"

enum { LANE_CHUNK_BYTES = 32768 }; /* a larger stanza gets a chunk of its own */
/* A lane is full at this part of limits.queue_bytes or queue_stanzas, whichever comes first: half of what makes a pair's queue ask
 * its senders to pause, so that what is under way then still finds room there. A full lane asks its writer to pause; what comes all
 * the same (answers, bounces: each takes the place of a stanza that was counted before) is taken. */
enum { LANE_PART = 4 };

typedef struct lane_chunk lane_chunk;

typedef struct lane {
    const s2s_env *env;
    uv_async_t *reader; /* of the reader's loop */
    size_t full, least; /* weight at which it is full; of one entry */
    /* the writer's */
    lane_chunk *open;
    size_t written; /* weight of all so far; it may wrap */
    /* the reader's */
    lane_chunk *reading;
    size_t at;
    /* between the two */
    _Atomic size_t taken;   /* weight of the chunks that were read */
    _Atomic uint64_t count; /* of counted stanzas in them */
    _Atomic size_t waits;   /* the writer waits for room since `written` was this; 0: it does not */
    uv_mutex_t lock;        /* of the rest */
    lane_chunk *first, *last, *spare;
} lane;

/* `reader` must be a handle of the reader's loop as long as anything is written. S2S_OK, S2S_E_NOMEM. */
s2s_err lane_init(lane *l, const s2s_env *env, uv_async_t *reader);
void lane_free(lane *l); /* only with neither thread in it; what it holds is dropped, a note's `arg` included */

/* -- the writer's thread -- */
/* Copies the stanza; `counted`: lane_count() goes up when it was read. S2S_OK, S2S_E_NOMEM. */
s2s_err lane_write(lane *l, const s2s_stanza *stanza, bool counted);
uint64_t lane_count(const lane *l);
/* `note(arg)` is called in the reader's thread when its turn comes. S2S_OK, S2S_E_NOMEM. */
typedef void lane_note(void *arg);
s2s_err lane_write_note(lane *l, lane_note *note, void *arg);
/* True: the writer pauses; lane_read() will say when there is room. */
bool lane_is_full(lane *l);
/* Whether all that was written has been read. */
bool lane_is_read(const lane *l);
/* Hands over what was written. */
void lane_flush(lane *l);

/* -- the reader's thread -- */
/* A stanza, lent for the call. False: not another one until lane_read() is called again. */
typedef bool lane_each(void *arg, const s2s_stanza *stanza);
/* All that was handed over; true when nothing is left. `room` is called if the writer waits and there is room again. */
bool lane_read(lane *l, lane_each *each, void (*room)(void *arg), void *arg);

#endif
