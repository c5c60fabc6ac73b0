/* SPDX-License-Identifier: MIT */
/* control.h: the control socket: one JSON object a line asks, one answers, and the connection is closed. Internal to s2sd.
 *
 * {"command":"status"}                                  -> see status.h
 * {"command":"peers"}                                   -> see status.h
 * {"command":"census"}                                  -> see census.h
 * {"command":"close","remote":"peer.example"}           -> {"remote","closed"}
 * {"command":"ping","to":"peer.example","from":"d"}     -> {"to","from","ok","milliseconds","condition","text"}
 * {"command":"reload"}                                  -> see reload.h
 * anything else                                         -> {"error":"..."} */
#ifndef S2SD_CONTROL_H
#define S2SD_CONTROL_H

#include <jansson.h>

#include "node.h"

#define CONTROL_REQUEST_MAX 8192u  /* bytes of a request; a longer one is answered with an error */
#define CONTROL_CLIENTS_MAX 16u    /* at once; further ones are closed at once */
#define CONTROL_IO_MS 5000u        /* for the request to come, and for the answer to be taken; then closed */
#define CONTROL_PING_MS 10000u     /* for a ping's answer, after limits.negotiation_ms for the streams of the way there and as much
                                    * for the way back */

typedef struct control control;

/* What the program does on command; may be NULL. */
typedef struct control_ops {
    json_t *(*reload)(void *user); /* a new reference, see reload.h */
    void *user;
} control_ops;

/* Listens at `path` (borrowed) with mode 0600; `ops` are copied. On failure `why` says what is wrong; if `*out` was set all the same,
 * it must be stopped and freed. */
s2s_err control_new(const s2s_env *env, uv_loop_t *loop, node *n, const control_ops *ops, char *path, control **out,
                    char why[S2S_TEXT_MAX]);
/* Listens no more, drops the clients, removes the socket; control_free() may follow when the loop has run dry.
 * Takes NULL. */
void control_stop(control *c);
void control_free(control *c); /* takes NULL */

#endif
