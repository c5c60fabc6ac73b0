/* SPDX-License-Identifier: MIT */
/* notify.h: tells the service manager how the node is (sd_notify(3)), and that it lives. Internal to s2sd. */
#ifndef S2SD_NOTIFY_H
#define S2SD_NOTIFY_H

#include <uv.h>

#include "s2s/env.h"

/* All zero: nobody listens, and nothing is sent. */
typedef struct notify {
    const s2s_env *env;
    const char *path; /* NOTIFY_SOCKET; NULL: nobody listens */
    uv_timer_t watchdog;
    bool beats; /* `watchdog` is a handle of the loop */
    bool (*lives)(void *arg); /* set after notify_start(), asked before each sign of life; NULL: while the loop runs */
    void *arg;
} notify;

/* Looks at NOTIFY_SOCKET, and at WATCHDOG_USEC and WATCHDOG_PID: then "I live" is sent from the loop, at half of that time.
 * Sockets other than paths and abstract names are refused with a line in the log. The environment stays as it is, and must. */
void notify_start(notify *n, const s2s_env *env, uv_loop_t *loop);
/* `state` as in sd_notify(3), such as "READY=1"; further lines behind '\n'. What is not taken at once is a line in the log. */
void notify_send(const notify *n, const char *state);
/* A reload begins, with the time that the manager wants of it; "READY=1" ends it. */
void notify_reloading(const notify *n);
/* No more signs of life; the loop closes the handle. May be called twice. */
void notify_stop(notify *n);

#endif
