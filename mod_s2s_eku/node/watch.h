/* SPDX-License-Identifier: MIT */
/* watch.h: notices that files have changed, once they have stopped changing. Internal to s2sd. */
#ifndef S2SD_WATCH_H
#define S2SD_WATCH_H

#include <uv.h>

#include "s2s/env.h"

/* Between two looks; in a worker thread, as a network file system may let one wait. What has changed counts when the next look sees
 * nothing new: a client that renews certificates replaces several files. */
#define WATCH_MS 2500u

typedef struct watch watch;
typedef struct watch_files watch_files;

/* Files (copied), and what state they are in at this moment: call it before reading them. S2S_E_NOMEM. */
s2s_err watch_look(const s2s_env *env, const char *const *files, size_t count, watch_files **out);
void watch_files_free(watch_files *f); /* takes NULL */

s2s_err watch_new(const s2s_env *env, uv_loop_t *loop, void (*changed)(void *user), void *user, watch **out);
/* Watches `files`, which it owns from now on, and no others: what has changed since they were looked at counts. Who reads them and
 * fails does not call it: those of before are watched on, and what has changed in them meanwhile is told. */
void watch_take(watch *w, watch_files *files);
/* From the loop. Takes NULL. */
void watch_stop(watch *w);
void watch_free(watch *w); /* when the loop has run dry; takes NULL */

#endif
