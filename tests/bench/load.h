/* SPDX-License-Identifier: MIT */
/* load.h: what the load driver's parts share: one component's connection, flows, and the counts. */
#ifndef S2S_BENCH_LOAD_H
#define S2S_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NAME_MAX_BYTES = 256, INPUT_BYTES = 262144, WATCHES_MAX = 8 };

typedef enum stage { CONNECTING, EXPECT_HEADER, EXPECT_HANDSHAKE, ATTACHED } stage;

typedef struct load load;

/* One component (XEP-0114) attached to a server. */
typedef struct component {
    load *owner;
    int fd;
    stage stage;
    bool echoes, wants_out;
    char domain[NAME_MAX_BYTES];
    char *in, *out;
    size_t in_len, out_len, out_sent, out_room;
} component;

/* One (from, to) pair: one stream between the servers. */
typedef struct flow {
    component *from;
    char *stanza;      /* ready to go, but for the sequence number in its id */
    size_t len, number_at;
    uint32_t next;     /* sequence number of the next stanza */
    uint32_t highest;  /* that arrived */
    uint8_t *seen;     /* one bit per sequence number */
} flow;

typedef struct options {
    const char *a, *b, *secret;
    int domains, targets, flows, size;
    long count, window, warm;
    double hold, timeout;
} options;

struct load {
    options opt;
    int poll;
    component *senders, *receivers;
    flow *flows;
    long per_flow; /* sequence numbers of one flow */
    int turn;      /* the flow that sends next */
    long sent, received, twice, reordered, errors, strange;
    long long bytes;
};

/* load_component.c */
void component_open(load *l, component *c, const char *pattern, int index, const char *address);
void component_put(component *c, const char *bytes, size_t len);
void component_flush(component *c);
/* Handles what has happened within `ms`. */
void load_turn(load *l, int ms);
/* A stanza that came: [p, end). */
void load_arrived(component *c, const char *p, const char *end);
/* The value of an attribute within a start tag [p, end); NULL if it is not there. */
const char *load_attribute(const char *p, const char *end, const char *name, size_t *len);

/* load_watch.c: the processes under load. */
typedef struct watch {
    const char *name;
    int pid;
    double cpu[2];
    long rss[3]; /* kB: components attached, before the measured part, at the end */
} watch;
bool watch_parse(watch *w, char *text); /* NAME=PID */
double watch_cpu(const watch *w);
long watch_rss(const watch *w);

double load_now(void);
_Noreturn void load_die(const char *format, ...);

#endif
