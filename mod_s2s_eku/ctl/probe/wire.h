/* SPDX-License-Identifier: MIT */
/* wire.h: one outgoing TCP connection, in the clear or in TLS, that shows its owner each step. */
#ifndef PROBE_WIRE_H
#define PROBE_WIRE_H

#include <uv.h>

#include "transport/pump.h"

enum {
    WIRE_READ_MAX = 16384,    /* bytes of one read */
    WIRE_INPUT_MAX = 1048576, /* bytes that a peer may send in all; then the wire ends */
    WIRE_OUTPUT_MAX = 65536,  /* bytes that may wait to be sent; then the wire ends */
    WIRE_LINGER_MS = 1000,    /* wait for the peer's end after ours */
};

typedef struct wire wire;

/* What all wires of a loop read into: nothing in it outlives a callback. */
typedef struct wire_room {
    char cipher[WIRE_READ_MAX], plain[WIRE_READ_MAX];
} wire_room;

typedef enum wire_end {
    WIRE_OURS,    /* after wire_close() */
    WIRE_CLOSED,  /* the peer ended it */
    WIRE_LOST,    /* TCP failed */
    WIRE_TLS,     /* TLS failed: see s2s__pump_alert() too */
    WIRE_TIMEOUT, /* the deadline passed */
    WIRE_LIMIT,   /* too much came, or waits */
    WIRE_MEMORY,
} wire_end;

/* All are called from the loop. The wire may be closed or cancelled in any of them. */
typedef struct wire_ops {
    void (*connected)(void *user);
    void (*secured)(void *user);
    void (*bytes)(void *user, s2s_bytes in); /* decrypted, if TLS is on */
    /* The last call, never from inside one of the owner's own: how it ended, and a sentence. wire_pump() can be read in it for
     * the last time. */
    void (*ended)(void *user, wire_end how, const char *text);
} wire_ops;

/* Connects. `env`, `room` and `ops` outlive the wire. S2S_OK or S2S_E_NOMEM; a connection that fails at once is reported from the loop. */
s2s_err wire_new(const s2s_env *env, uv_loop_t *loop, wire_room *room, const struct sockaddr *address,
                 const wire_ops *ops, void *user, wire **out);
/* The deadline, in milliseconds from now; it replaces the one before. */
void wire_deadline(wire *w, uint64_t milliseconds);
/* TLS from here on; what was written before goes out in the clear. S2S_OK or as s2s__pump_new. */
s2s_err wire_secure(wire *w, const s2s__pump_options *options);
void wire_write(wire *w, s2s_bytes plain);
void wire_puts(wire *w, const char *text);
/* Sends what waits, ends TLS and TCP politely; `ended` follows. */
void wire_close(wire *w);
/* At once; nothing is called any more. Takes NULL. */
void wire_cancel(wire *w);
/* NULL before TLS. */
const s2s__pump *wire_pump(const wire *w);

#endif
