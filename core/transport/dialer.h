/* SPDX-License-Identifier: MIT */
/* dialer.h: from a domain (or a fixed address) to a TCP connection, and on to the next one if that was no good. Internal.
 *
 * The addresses of one priority are raced (RFC 8305, XEP-0495): the next one starts when limits.race_ms have passed or
 * one has failed; the first to answer wins, the others are closed and count as not tried. */
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

/* Called from the loop. CONNECTED: `tcp` (of s2s__tcp_new) is the callee's, its `data` is free to use, and the dial waits for
 * s2s__dial_next or _cancel, which may be called in here. Else `tcp` is NULL, `text` says in a sentence what was tried and
 * how it failed, and the dial is not valid any more. */
typedef void (*s2s__dialed_cb)(void *arg, s2s__dial_end end, uv_tcp_t *tcp, const char *text);

typedef struct s2s__dial_options {
    const s2s_env *env;
    uv_loop_t *loop;
    s2s__resolver *resolver;
    const char *domain;           /* A-labels or an IP literal */
    bool dane;                    /* ask for TLSA records (RFC 7673) */
    const struct sockaddr *fixed; /* instead of the DNS (DN-10); or NULL. Copied */
    bool fixed_direct;            /* and TLS comes first there (XEP-0368) */
    s2s_time by;                  /* when all of it must be over, uv_now() */
} s2s__dial_options;

/* Each connection attempt has limits.connect_ms. S2S_OK, S2S_E_NOMEM, S2S_E_SYNTAX (the domain), S2S_E_STATE, S2S_E_DNS. */
s2s_err s2s__dial_start(const s2s__dial_options *options, s2s__dialed_cb done, void *arg, s2s__dial **out);
/* `done` will not be called. Takes NULL. */
void s2s__dial_cancel(s2s__dial *d);

/* While it is connected: the target that it has reached. Lives as long as the dial. */
const s2s__target *s2s__dial_target(const s2s__dial *d);
/* True if there is another address, and time for it. */
bool s2s__dial_has_more(const s2s__dial *d);
/* The connection was no good: `why` is a sentence. */
void s2s__dial_note(s2s__dial *d, const char *why);
/* Goes on with the next address; `done` is called with `arg` from the loop, never from here. After s2s__dial_note. */
void s2s__dial_next(s2s__dial *d, void *arg);

/* The same, and the address that was reached may be taken once more. */
void s2s__dial_again(s2s__dial *d, void *arg);

/* "resolving" or "connecting". */
const char *s2s__dial_state(const s2s__dial *d);
/* What was tried and how it failed, as far as it fits; "" if nothing has. */
const char *s2s__dial_tried(const s2s__dial *d);
size_t s2s__dial_failures(const s2s__dial *d); /* how many addresses have failed so far */

/* A TCP handle in memory of its own, and its end. NULL: no memory. */
uv_tcp_t *s2s__tcp_new(const s2s_env *env, uv_loop_t *loop);
void s2s__tcp_close(const s2s_env *env, uv_tcp_t *tcp); /* takes NULL */

#endif
