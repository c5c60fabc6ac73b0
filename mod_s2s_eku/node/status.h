/* SPDX-License-Identifier: MIT */
/* status.h: the node's state as JSON, for `s2sctl status`. Internal to s2sd. */
#ifndef S2SD_STATUS_H
#define S2SD_STATUS_H

#include <jansson.h>

#include "s2s/federation.h"

struct node;

/* A new reference; NULL when out of memory. What is not known (yet) is null. */
json_t *status_of(const struct node *n);
/* One stream; `now` is uv_now(). */
json_t *status_stream(const s2s_stream_info *info, s2s_time now);

#endif
