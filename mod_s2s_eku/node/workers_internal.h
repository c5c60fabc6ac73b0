/* SPDX-License-Identifier: MIT */
/* workers_internal.h: one worker, shared by the files that make up workers.h. */
#ifndef S2SD_WORKERS_INTERNAL_H
#define S2SD_WORKERS_INTERNAL_H

#include "lane.h"
#include "protocol/table.h"
#include "workers.h"

/* What one side tells the other besides the lane. */
enum {
    WORKER_ROOM = 1u,    /* to the main loop: the lane down has room again */
    WORKER_ENDED = 2u,   /* to the main loop: the last word */
    WORKER_RESUME = 4u,  /* to the worker: go on reading */
    WORKER_STOP = 8u,    /* to the worker */
    WORKER_DRAINED = 16u, /* to the main loop: a pair holds its senders no more */
    WORKER_SLOW = 32u,   /* to the worker: workers__slow_look() */
    WORKER_HALT = 64u,   /* to the worker: read no more */
};

typedef struct slow_domain slow_domain;

typedef enum worker_state { WORKER_MADE, WORKER_RUNS, WORKER_OVER } worker_state;

typedef struct worker {
    workers *w;
    uint32_t number;
    s2s_env env; /* as everybody's, with its part of the limits that are divided */
    s2s_federation *f;
    worker_state state; /* the main loop's, of a thread */
    /* -- only of those with a thread -- */
    uv_thread_t thread;
    uv_loop_t loop;
    uv_prepare_t flush;
    uv_check_t turn;
    uv_timer_t look;      /* at `taken`, while something is not safe and nothing else makes the loop turn */
    uv_async_t wake;      /* on its loop */
    uv_async_t main_wake; /* on the main loop */
    lane down, up;        /* from the main loop, and to it */
    _Atomic unsigned down_bits, up_bits;
    uv_mutex_t held_lock; /* of the pairs that hold their senders */
    s2s__table held;
    _Atomic size_t held_len;
    _Atomic unsigned events; /* in the lane up */
    _Atomic unsigned events_lost;
    _Atomic uint64_t ended_in, ended_out; /* stanzas of streams whose end is in the lane up, or was lost */
    bool has_loop, has_handles, has_thread, has_held;
    bool parked, gone; /* under w->lock */
    _Atomic unsigned turns;  /* times that it has woken up */
    _Atomic uint64_t taken; /* of the deliveries in the lane up, those that are safe */
    /* the worker's */
    bool halted;
    uint64_t written;                    /* deliveries into the lane up */
    uint64_t unwritten, unwritten_taken; /* those that did not get into it; and of these, those that no unsafe one came before */
    uint64_t safe;                       /* of all: what the federation was told */
    /* the main loop's */
    unsigned bits; /* of up_bits, kept until the lane up is empty */
    bool sender_waits_room;
    uint64_t flushed, told; /* lane_count() of the lane up: at the last on_turn(); and what the worker was told */
    bool reading; /* its lane up: not from within */
    bool asked_to_turn;
    unsigned turns_seen;
} worker;

struct workers {
    const s2s_env *env;
    uv_loop_t *loop;
    const s2s_federation_ops *ops;
    void *user;
    s2s__table key; /* empty: for the key of its hash */
    worker *list;
    size_t len;
    uv_prepare_t flush; /* hands over what a turn of the main loop has written */
    uv_check_t turn;    /* and this notes what it has read */
    bool has_flush;
    bool stopping;
    size_t running;    /* workers that have not stopped */
    unsigned closing;  /* handles of the main loop */
    unsigned parks;
    uv_mutex_t lock;
    uv_cond_t parked, released;
    bool halt; /* under the lock */
    bool has_lock;
    uv_mutex_t slow_lock;
    slow_domain *slow; /* under it */
    bool has_slow;
};

static inline worker *workers__owner(const workers *w, s2s_str remote)
{
    return &w->list[s2s__table_hash(&w->key, remote, S2S_STR_ABSENT) % w->len];
}

/* workers_thread.c */
extern const s2s_federation_ops WORKERS__OPS; /* with several workers; the user is the worker */
s2s_err workers__begin(worker *one);          /* lanes and handles of one that will have a thread */
s2s_err workers__start(worker *one);
void workers__close(worker *one);             /* the handles of its loop */
void workers__run(worker *one);               /* what the thread does, until the federation has stopped */
/* workers.c */
void workers__ended(worker *one);  /* worker 0 has stopped */
void workers__event(worker *one, const s2s_stream_info *info, const s2s_close *end);
void workers__read(worker *one);   /* the lane up, and what came with it */

/* workers_send.c. The worker's thread: a stanza was sent, and its pair asks to pause; some pair does not any more. _end takes what
 * _begin has left. */
s2s_err workers__held_begin(worker *one);
void workers__held_end(worker *one);
void workers__held_note(worker *one, const s2s_stanza *stanza);
void workers__held_look(worker *one);

/* workers_slow.c. The worker's thread: pauses and resumes as it stands now. _end takes what _begin has left. */
s2s_err workers__slow_begin(workers *w);
void workers__slow_end(workers *w);
void workers__slow_look(worker *one);

/* workers_event.c: an event as a note in the lane up. */
void workers__event_write(worker *one, const s2s_stream_info *info, const s2s_close *end);

#endif
