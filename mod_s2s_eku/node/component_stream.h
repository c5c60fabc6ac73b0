/* SPDX-License-Identifier: MIT */
/* component_stream.h: one connection of an external component, "accept" side (XEP-0114). Internal to s2sd. */
#ifndef S2SD_COMPONENT_STREAM_H
#define S2SD_COMPONENT_STREAM_H

#include <uv.h>

#include "config.h"
#include "s2s/env.h"
#include "s2s/stanza.h"

/* Unsent bytes of one component from which senders are asked to pause, until half of it is sent. */
#define COMPONENT_SOFT_BYTES 262144u
/* Unsent bytes of one component from which it takes no more, and what comes for it bounces. Senders do not stop at once: what is being
 * read from each of them still comes. A component that takes nothing at all is cut off after limits.stall_ms. */
#define COMPONENT_HARD_BYTES 8388608u

typedef struct component_stream component_stream;

/* None may free the stream; all but `gone` may call it. */
typedef struct component_stream_ops {
    /* The stream header names `to` (may be absent): its account, or NULL. */
    const config_account *(*account)(void *user, s2s_str to);
    /* The handshake was right. False: the account has a stream already. */
    bool (*attach)(void *user, const config_account *account);
    /* From the component, `from` at its domain. Lent. False: taken, but read no more until component_stream_resume(). */
    bool (*stanza)(void *user, const s2s_stanza *stanza);
    /* More than the soft maximum waits, or anything while it drains; or no longer. Also false before `detached`. */
    void (*slow)(void *user, bool slow);
    /* After `attach` said true: nothing can be sent any more. */
    void (*detached)(void *user, const char *why);
    /* After `detached`: a stanza that was taken but has not gone out; without `inner`. */
    void (*undelivered)(void *user, const s2s_stanza *stanza);
    /* We ended the stream with an error. */
    void (*refused)(void *user, const char *address, s2s_cond cond, const char *why);
    /* The last call: the stream is freed. */
    void (*gone)(void *user);
} component_stream_ops;

/* Accepts a connection from `listener` (a TCP or pipe handle). S2S_OK, S2S_E_NOMEM, S2S_E_IO. `read_buf` is lent for as
 * long as the stream lives, shared by all: COMPONENT_READ_BYTES. */
#define COMPONENT_READ_BYTES 65536
s2s_err component_stream_accept(const s2s_env *env, uv_stream_t *listener, char *read_buf,
                                const component_stream_ops *ops, void *user, component_stream **out);

/* Queues a stanza for an attached component. S2S_OK; S2S_E_STATE: not attached; S2S_E_LIMIT: the hard
 * maximum; S2S_E_NOMEM. Taken only if S2S_OK. */
s2s_err component_stream_send(component_stream *s, const s2s_stanza *stanza);
void component_stream_resume(component_stream *s);
/* What it has not taken of all that is queued, limits.close_ms from now, makes it be cut off. False: no stanza is queued. */
bool component_stream_drain(component_stream *s);
bool component_stream_has_unsent(const component_stream *s);
/* The accounts were replaced: asks ops->account for the one that it has once more, and closes if it is gone. The old ones may go
 * then. */
void component_stream_renew(component_stream *s);
/* Sends what is queued, ends the stream, with an error unless `cond` is S2S_COND_NONE, and closes; bounded by
 * limits.close_ms. What the component still says is not taken. */
void component_stream_close(component_stream *s, s2s_cond cond, const char *text);
/* Of the account that the stream names; "" before that. */
const char *component_stream_domain(const component_stream *s);
/* "127.0.0.1:41234", or "unix". */
const char *component_stream_address(const component_stream *s);

#endif
