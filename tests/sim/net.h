/* SPDX-License-Identifier: MIT */
/* net.h: a simulated TCP: delay, partial writes, small reads, resets, half-open connections, slow peers. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/clock.h"

typedef struct net_end net_end;           /* one side of a connection; lives until net_finish */
typedef struct net_listener net_listener;

/* Something may have changed: look at the end or the listener again. */
typedef void (*net_wake)(void *arg);

/* What a world's wires are like. */
typedef struct net_weather {
    unsigned delay_ms_least, delay_ms_most; /* one way, fixed per pair of machines */
    unsigned jitter_ms;
    unsigned buffer_least, buffer_most;     /* of a socket, each way */
    unsigned tiny_reads;    /* per mille: a read gives a few bytes */
    unsigned partial_writes; /* per mille: a write takes less than would fit */
    unsigned keep_on_reset; /* per mille: what had come before a reset can still be read */
} net_weather;

void net_begin(sim_rng rng, const net_weather *weather);
void net_finish(void);

net_listener *net_listen(sim_host *host, const struct sockaddr *at, net_wake wake, void *arg);
void net_unlisten(net_listener *l);
net_end *net_accept(net_listener *l, net_wake wake, void *arg); /* NULL: nobody waits */
bool net_waiting(const net_listener *l);

net_end *net_connect(sim_host *host, const struct sockaddr *to, net_wake wake, void *arg);
/* 0: connected; -EINPROGRESS; another negative errno. */
int net_connected(const net_end *e);
const struct sockaddr_storage *net_name(const net_end *e, bool peer);

/* A count; -EAGAIN; another negative errno. `net_recv` 0: the peer has ended its direction. */
long net_send(net_end *e, const void *bytes, size_t len);
long net_recv(net_end *e, void *bytes, size_t room);
bool net_readable(const net_end *e);
bool net_writable(const net_end *e);
void net_shutdown(net_end *e);
void net_close(net_end *e); /* with unread input this resets, as a kernel does */
void net_keepalive(net_end *e);

/* -- faults -------------------------------------------------------------------------------------------- */

/* Some connection between the two, if there is one: true. The fault is noted (net_last_fault). */
bool net_reset_one(sim_rng *r, int a, int b);
bool net_darken_one(sim_rng *r, int a, int b); /* half-open: nothing gets through, nobody is told */
/* The machine's process dies: its connections are reset, or (`power`) just go silent until it is back. */
void net_host_off(sim_host *h, bool power);
/* Connection attempts to that machine vanish / are refused. */
void net_host_unreachable(int index, bool unreachable);
/* When a fault last struck a connection between the two; 0: never. */
uint64_t net_last_fault(int a, int b);
void net_note_fault(int a, int b);
size_t net_open_connections(void);

enum { NET_HOSTS_MAX = 512, NET_BUFFER_MAX = 262144 };

#endif
