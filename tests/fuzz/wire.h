/* SPDX-License-Identifier: MIT */
/* wire.h: the other end of a socket that a node listens on, in the thread of its loop. */
#ifndef FUZZ_WIRE_H
#define FUZZ_WIRE_H

#include <uv.h>

#include "fuzz/fuzz.h"

enum { WIRE_TEXT_MAX = 1 << 18, WIRE_TURNS = 4 };

typedef struct wire {
    uv_loop_t *loop;
    int fd;
    bool over;                /* the other side has closed */
    size_t len;
    char text[WIRE_TEXT_MAX + 1]; /* what came, as far as there is room; NUL-terminated */
} wire;

/* A directory for sockets, removed at exit; the name of a file in it. */
const char *wire_path(void);
bool wire_connect_unix(wire *w, uv_loop_t *loop, const char *path);
bool wire_connect_tcp(wire *w, uv_loop_t *loop, const char *address); /* "127.0.0.1:PORT" */
/* Sends as much as is taken, and turns the loop. */
void wire_send(wire *w, s2s_bytes bytes);
void wire_turn(wire *w); /* some turns that do not wait; takes in what came */
void wire_end(wire *w);  /* nothing more will be sent */
void wire_close(wire *w);

#endif
