/* SPDX-License-Identifier: MIT */
/* clock_watch.h: notices that the wall clock, by which certificates are judged, has jumped. Internal to s2sd. */
#ifndef S2SD_CLOCK_WATCH_H
#define S2SD_CLOCK_WATCH_H

#include <uv.h>

#include "s2s/env.h"

/* How often it looks, and what counts as a jump: more than that against the clock that only counts on. */
enum { CLOCK_WATCH_LOOK_MS = 10000, CLOCK_WATCH_JUMP_SECONDS = 60 };

typedef struct clock_watch {
    const s2s_env *env;
    uv_timer_t timer;
    void (*jumped)(void *user);
    void *user;
    int64_t offset; /* wall clock minus the one that counts on, seconds */
    bool started;
} clock_watch;

/* A jump is a line in the log, then `jumped` is called, from the loop. Does not keep the loop running. */
void clock_watch_start(clock_watch *w, const s2s_env *env, uv_loop_t *loop, void (*jumped)(void *user), void *user);
/* The loop closes the handle. May be called twice, and without a start. */
void clock_watch_stop(clock_watch *w);

/* A look: `wall` and `steady` in seconds; true: there was a jump, of `*seconds`. */
bool clock_watch_look(clock_watch *w, int64_t wall, int64_t steady, int64_t *seconds);

#endif
