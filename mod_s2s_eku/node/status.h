/* SPDX-License-Identifier: MIT */
/* status.h: the node's state as JSON, for `s2sctl status`. Internal to s2sd. */
#ifndef S2SD_STATUS_H
#define S2SD_STATUS_H

#include <jansson.h>

#include "s2s/federation.h"

struct node;

/* A new reference; NULL when out of memory. What is not known (yet) is null. */
json_t *status_of(const struct node *n);
/* Adds the words of a verdict to `out`; all null before there is one, but for `trusted`, which is false. 0, or -1: out of
 * memory. */
int status_add_verdict(json_t *out, const s2s_verdict *verdict);
/* {"peers": [...]}: for each remote domain and direction its streams now, and its record (census.h). */
json_t *status_peers(const struct node *n);
/* One stream; `now` is uv_now(). */
json_t *status_stream(const s2s_stream_info *info, s2s_time now);

#endif
