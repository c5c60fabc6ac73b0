/* SPDX-License-Identifier: MIT */
/* connection.h: one TCP connection with its TLS and its session, driven by libuv. Internal. */
#ifndef S2S_CONNECTION_H
#define S2S_CONNECTION_H

#include "s2s/session.h"
#include "transport/address.h"
#include "transport/credentials.h"
#include "transport/pump.h"

#include <uv.h>

typedef struct s2s__connection s2s__connection;
typedef struct s2s__conn_work s2s__conn_work;

/* What all connections of one federation object share. */
typedef struct s2s__io {
    const s2s_env *env;
    uv_loop_t *loop;
    s2s__credentials *credentials;
    uv_prepare_t flush;          /* sends what a loop turn has produced, once */
    s2s__connection *dirty;      /* have something to send */
    uv_close_cb closed;          /* of s2s__io_close */
    char *read_buf;              /* lent to libuv for each read; S2S_FEED_MAX */
    uv_timer_t rest;             /* looks for idle connections, while there are any that were not */
    s2s__connection *awake;      /* have received or sent something and may hold memory for more; who woke up last is first */
    unsigned looks;
    uint8_t *plain_buf;          /* lent to TLS for each read; S2S_FEED_MAX */
    size_t shaking;              /* TLS handshakes in flight */
    s2s__connection *waiting, **waiting_end; /* of these, for a thread; in the order they came */
    s2s__conn_work *works;       /* what libuv's threads may do at once for us */
    unsigned works_len;
} s2s__io;

s2s_err s2s__io_init(s2s__io *io, const s2s_env *env, uv_loop_t *loop, char why[S2S_TEXT_MAX]);
/* Closes the handles; `closed` (may be NULL) is called from the loop. Then s2s__io_free. */
void s2s__io_close(s2s__io *io, uv_close_cb closed);
void s2s__io_free(s2s__io *io);

/* The owner's side. All but `gone` may call back into the connection; none may free it. */
typedef struct s2s__connection_ops {
    /* The peer's header (acceptor): answer with s2s__connection_accept or _refuse. */
    void (*open)(void *owner, s2s_str local, s2s_str remote);
    /* TLS starts: whose certificate do we present for `local`? Absent: a peer that connects with direct TLS did not say.
     * Called in any thread, so that it must not look at what only the loop's may. Gives a reference away; NULL ends the
     * connection. */
    s2s__identity *(*identity)(void *owner, s2s_str local);
    /* Answer with s2s__connection_verdict, now or later. */
    void (*verify)(void *owner, s2s_str local, s2s_str remote);
    void (*established)(void *owner, s2s_str local, s2s_str remote);
    void (*stanza)(void *owner, const s2s_stanza *stanza);
    void (*rejected)(void *owner, const s2s_stanza *stanza, s2s_stanza_error error);
    /* S2S_EV_PAIR and S2S_EV_DIALBACK_*: answer with s2s__connection_dialback or _verified. */
    void (*dialback)(void *owner, const s2s_event *event);
    /* So many bytes came through TLS; what they were is done. */
    void (*heard)(void *owner, size_t bytes);
    /* Bytes went out. */
    void (*progress)(void *owner);
    /* Nothing can be sent any more, and limits.close_ms has not been enough to read what came before: that goes on, and what was sent
     * may be taken back (s2s__connection_unacknowledged). Once at most, and not with a peer that acknowledges: there the stream is over. */
    void (*broken)(void *owner);
    /* The stream is over; only `gone` follows. */
    void (*closed)(void *owner, const s2s_close *close);
    /* The connection is freed. */
    void (*gone)(void *owner);
} s2s__connection_ops;

/* Takes over `tcp` (connected or accepted; of s2s__tcp_new, dialer.h) also on failure. `sni`: the initiator's (copied),
 * NULL for none. */
s2s_err s2s__connection_new(s2s__io *io, uv_tcp_t *tcp, const s2s_session_options *options,
                            const char *sni, const s2s__connection_ops *ops, void *owner,
                            s2s__connection **out);

/* `bidi`: it may be offered, whatever the options were. `caps_node` and `caps_ver`: of the domain that was asked for; absent: they are
 * not told. */
void s2s__connection_accept(s2s__connection *c, bool bidi, s2s_str caps_node, s2s_str caps_ver);
void s2s__connection_refuse(s2s__connection *c, s2s_cond cond, const char *text);
void s2s__connection_verdict(s2s__connection *c, const s2s_verdict *verdict);
void s2s__connection_dialback(s2s__connection *c, s2s_str local, s2s_str remote, s2s_dialback_outcome outcome,
                              s2s_stanza_error error);
/* Answers the S2S_EV_DIALBACK_VERIFY at hand. */
void s2s__connection_verified(s2s__connection *c, const s2s_event *asked, s2s_dialback_outcome outcome,
                              s2s_stanza_error error);
/* S2S_E_STATE: not established. S2S_E_LIMIT: no room now; _progress will come. */
s2s_err s2s__connection_send(s2s__connection *c, const s2s_stanza *stanza);
/* Stream management, as s2s_session_acks and, after `broken` or `closed` was called, s2s_session_unacknowledged. */
void s2s__connection_acks(const s2s__connection *c, s2s_acks *out);
const s2s_stanza *s2s__connection_unacknowledged(s2s__connection *c);
/* The close handshake; `cond` S2S_COND_NONE for a plain close. */
void s2s__connection_close(s2s__connection *c, s2s_cond cond, const char *text);
/* As s2s_session_unsafe; `drive`: an answer may go out now. */
void s2s__connection_unsafe(s2s__connection *c, uint32_t count, bool drive);
/* Stops or goes on reading from an established stream's peer. A stream that is closed, by either side, is read to its end. */
void s2s__connection_pause(s2s__connection *c, bool pause);

size_t s2s__connection_pending(const s2s__connection *c); /* bytes not yet taken by the kernel */
bool s2s__connection_is_open(const s2s__connection *c);
const char *s2s__connection_state(const s2s__connection *c);
/* Valid until the next call; see s2s_session_stream_id(). */
s2s_str s2s__connection_stream_id(const s2s__connection *c);
const char *s2s__connection_mechanism(const s2s__connection *c);
bool s2s__connection_is_bidi(const s2s__connection *c);
const char *s2s__connection_address(const s2s__connection *c);
/* NULL before TLS. */
const s2s__pump *s2s__connection_pump(const s2s__connection *c);

#endif
