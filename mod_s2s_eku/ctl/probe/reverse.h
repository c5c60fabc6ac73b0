/* SPDX-License-Identifier: MIT */
/* reverse.h: the other way: a running node pings the domain, and its streams say how the domain connected to us. */
#ifndef PROBE_REVERSE_H
#define PROBE_REVERSE_H

#include <jansson.h>

#include "probe/context.h"

enum {
    REVERSE_WAIT_MS = 120000, /* for the node's answer to one question */
    REVERSE_ANSWER_MAX = 67108864,
};

typedef struct reverse reverse;

/* Adds "reverse" to `result` (a reference that it takes over, and gives to `done` with it, once, from the loop). S2S_OK; S2S_E_NOMEM:
 * `result` stays the caller's. */
s2s_err reverse_start(const probe_context *c, json_t *result, void (*done)(void *arg, json_t *result), void *arg,
                      reverse **out);
/* `done` is not called; `result` is given back. Takes NULL. */
void reverse_cancel(reverse *r);

/* What the node's answers to ping and status mean; for tests. New reference. */
json_t *reverse_read(const char *domain, const json_t *ping, const json_t *status);

#endif
