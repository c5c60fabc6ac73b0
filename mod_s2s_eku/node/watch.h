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

s2s_err watch_new(const s2s_env *env, uv_loop_t *loop, void (*changed)(void *user), void *user, watch **out);
/* Files from now on (copied). Compares with what there is at this moment: call it before reading them. S2S_E_NOMEM: then those
 * of before are watched. */
s2s_err watch_set(watch *w, const char *const *files, size_t count);
/* From the loop. Takes NULL. */
void watch_stop(watch *w);
void watch_free(watch *w); /* when the loop has run dry; takes NULL */

#endif
