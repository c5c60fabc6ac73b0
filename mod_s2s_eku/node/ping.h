/* SPDX-License-Identifier: MIT */
/* ping.h: pings that we send for the operator (XEP-0199), until their answers come. Internal to s2sd. */
#ifndef S2SD_PING_H
#define S2SD_PING_H

#include <uv.h>

#include "s2s/env.h"
#include "s2s/stanza.h"

typedef struct ping ping;

#define PING_CONDITION_MAX 64
typedef struct ping_result {
    bool ok; /* answered with a result */
    s2s_time milliseconds;
    char condition[PING_CONDITION_MAX]; /* the stanza error's, if not ok */
    char text[S2S_TEXT_MAX];
} ping_result;

/* The answer is here; the ping has ended. */
typedef void ping_done(void *user, const ping_result *result);

typedef struct pings {
    const s2s_env *env;
    uv_loop_t *loop;
    ping *first;
    ping *ended; /* the stanza of a ping may still be in use further up when its answer comes: freed later */
} pings;

/* Makes a ping from `from` (a domain of ours, normal form) to `to`. `*stanza` is what must be sent; it is valid until the
 * next ping_new or pings_free. The ping ends by ping_done or ping_cancel. */
s2s_err ping_new(pings *p, s2s_str from, s2s_str to, ping_done *done, void *user, ping **out, s2s_stanza *stanza);
void ping_cancel(pings *p, ping *one); /* takes NULL */
void pings_free(pings *p); /* without telling anybody */
/* True if `stanza` is an answer to one of them, which is then told; nobody else should see it. */
bool pings_take(pings *p, const s2s_stanza *stanza);

#endif
