/* SPDX-License-Identifier: MIT */
/* http.h: health, metrics, the status page and the same objects as the control socket, over HTTP. Internal to s2sd.
 *
 * Read-only: GET and HEAD. Nothing here changes the node, and there are no secrets and no stanzas in it; but it tells who talks to whom:
 * listen on loopback, or put something in front of it that knows its users. */
#ifndef S2SD_HTTP_H
#define S2SD_HTTP_H

#include "node.h"

struct reload;

#define HTTP_CONNECTIONS_MAX 32u /* at once; further ones wait in the kernel */
#define HTTP_IDLE_SECONDS 15u    /* without progress; then closed */
#define HTTP_MEMORY_MAX 16384u   /* for the head of a request; larger ones are refused */
#define HTTP_BODY_MAX 67108864u  /* of an answer; a larger one is an error 500 */
#define HTTP_TICK_MS 1000u       /* at least this often libmicrohttpd looks at its connections */
#define HTTP_HOST_MAX 255u       /* bytes of the Host field that are looked at */

typedef struct http http;

typedef struct http_options {
    const s2s_env *env;
    uv_loop_t *loop;
    const node *node;
    const struct reload *reload; /* may be NULL */
    const char *address;         /* "ADDRESS:PORT"; port 0 picks one */
} http_options;

/* `bound` takes the real address. S2S_E_IO, S2S_E_SYNTAX, S2S_E_NOMEM with `why`. */
s2s_err http_new(const http_options *options, http **out, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);
/* Cuts all connections; from the loop. Takes NULL. */
void http_stop(http *h);
void http_free(http *h); /* when the loop has run dry; takes NULL */

#endif
