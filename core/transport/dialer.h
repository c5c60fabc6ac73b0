/* SPDX-License-Identifier: MIT */
/* dialer.h: from a domain (or a fixed address) to a TCP connection, one address after the other. Internal. */
#ifndef S2S_DIALER_H
#define S2S_DIALER_H

#include <uv.h>

#include "transport/resolver.h"

typedef struct s2s__dial s2s__dial;

typedef enum s2s__dial_end {
    S2S__DIAL_CONNECTED,
    S2S__DIAL_NO_ADDRESS, /* the DNS has no server for that domain, or says that there is none (DN-02) */
    S2S__DIAL_DNS_FAILED, /* no usable answer from the DNS */
    S2S__DIAL_FAILED,     /* addresses, but no connection */
} s2s__dial_end;

/* Called once, from the loop. CONNECTED: `tcp` (of s2s__tcp_new) is the callee's, its `data` is free to use, and `direct`
 * says that it begins with TLS; else NULL, and `text` says in a sentence what failed last. The dial is not valid any more. */
typedef void (*s2s__dialed_cb)(void *arg, s2s__dial_end end, uv_tcp_t *tcp, bool direct, const char *text);

typedef struct s2s__dial_options {
    const s2s_env *env;
    uv_loop_t *loop;
    s2s__resolver *resolver;
    const char *domain;           /* A-labels or an IP literal */
    const struct sockaddr *fixed; /* instead of the DNS (DN-10); or NULL. Copied */
    bool fixed_direct;            /* and TLS comes first there (XEP-0368) */
    s2s_time by;                  /* when all of it must be over, uv_now() */
} s2s__dial_options;

/* Each address has limits.connect_ms. S2S_OK, S2S_E_NOMEM, S2S_E_SYNTAX (the domain), S2S_E_STATE. */
s2s_err s2s__dial_start(const s2s__dial_options *options, s2s__dialed_cb done, void *arg, s2s__dial **out);
/* `done` will not be called. Takes NULL. */
void s2s__dial_cancel(s2s__dial *d);
/* "resolving" or "connecting". */
const char *s2s__dial_state(const s2s__dial *d);

/* A TCP handle in memory of its own, and its end. NULL: no memory. */
uv_tcp_t *s2s__tcp_new(const s2s_env *env, uv_loop_t *loop);
void s2s__tcp_close(const s2s_env *env, uv_tcp_t *tcp); /* takes NULL */

#endif
