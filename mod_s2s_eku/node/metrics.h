/* SPDX-License-Identifier: MIT */
/* metrics.h: the node in numbers, as OpenMetrics 1.0 text. Internal to s2sd. */
#ifndef S2SD_METRICS_H
#define S2SD_METRICS_H

#include "protocol/buf.h"

struct node;
struct reload;

#define METRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_BYTES_MAX 4194304u

/* Labels are ours: words of a verdict, our own domains and components; nothing that a peer chooses. `reload` may be NULL. S2S_OK,
 * S2S_E_NOMEM, S2S_E_LIMIT. */
s2s_err metrics_write(const struct node *n, const struct reload *reload, s2s__buf *out);

#endif
