/* SPDX-License-Identifier: MIT */
/* relay.h: a TCP relay on the test's loop, between two nodes, that can hold bytes back, and break. */
#ifndef TEST_RELAY_H
#define TEST_RELAY_H

#include <stdbool.h>
#include <uv.h>

#define RELAY_BYTES 65536

typedef struct relay_end relay_end;

typedef struct relay {
    uv_loop_t *loop;
    uv_tcp_t listener;
    struct sockaddr_storage target;
    char address[64];
    relay_end *ends;      /* of open connections */
    bool hold_out;        /* what the connecting side sends is not passed on */
    bool hold_back;       /* what comes back is not */
    bool stop_out;        /* it is not even read: the kernel's buffers fill */
    bool turn_away;       /* new connections are closed at once */
    size_t accepted;
} relay;

/* Listens on loopback for connections to `target`, "ADDRESS:PORT". */
void relay_begin(relay *r, uv_loop_t *loop, const char *target);
/* Breaks all connections, as a process that is killed does. */
void relay_cut(relay *r);
/* Closes all; run the loop then. */
void relay_end_all(relay *r);

#endif
