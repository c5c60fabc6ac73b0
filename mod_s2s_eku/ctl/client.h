/* SPDX-License-Identifier: MIT */
/* client.h: one question to a running node over its control socket. */
#ifndef S2SCTL_CLIENT_H
#define S2SCTL_CLIENT_H

#include <jansson.h>

/* The largest answer taken. */
#define CLIENT_ANSWER_MAX 67108864u
/* For the node to take the request, and for the next bytes of its answer. Longer than the node waits for a ping, with the largest
 * limits.negotiation_ms that it can have. */
#define CLIENT_WAIT_SECONDS 1260

/* Sends `request` (its reference is taken over) and returns the answer: an object, a new reference. NULL: a line on standard error
 * has said why; also if the node answered with {"error": ...}. */
json_t *client_ask(const char *control, json_t *request);

#endif
