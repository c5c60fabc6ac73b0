/* SPDX-License-Identifier: MIT */
/* oracle.h: what must hold in every world, whatever happens in it. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "s2s/base.h"
#include "sim/plan.h"

enum { ORACLE_NO_DOMAIN = -1 };

/* A stanza as it was offered to a federation object. */
typedef struct sim_offer {
    int from, to;    /* domains; ORACLE_NO_DOMAIN: one that does not exist */
    int server;      /* whose application sends it */
    int life;        /* of that server */
    bool may_bounce;
    size_t size;
    uint64_t hash;   /* of the inside */
} sim_offer;

/* Sums over all runs since oracle_reset_totals. */
typedef struct oracle_totals {
    uint64_t runs, offered, delivered, bounced, again, died, dropped, reordered, refused, streams, breaks, steps,
        virtual_seconds, judged;
} oracle_totals;

void oracle_begin(const sim_plan *plan, int domains, bool verbose);
void oracle_end(void);
bool oracle_failed(void);
S2S_PRINTF(1, 2) void oracle_fail(const char *format, ...);
S2S_PRINTF(1, 2) void oracle_note(const char *format, ...); /* into the trace, and printed with -v */
uint64_t oracle_trace(void); /* a hash of all notes: the same seed gives the same */

/* Before s2s_federation_send: a number for the stanza. Then what that said, if it did not take it. */
size_t oracle_offer(const sim_offer *offer);
void oracle_not_taken(size_t number);

/* It came out at `server`, which serves `to` for certain (`owner`) or only says so. */
void oracle_delivered(size_t number, int from, int to, int server, bool owner, size_t size, uint64_t hash);
/* `due`: in this world it should have been delivered. */
void oracle_bounced(size_t number, int server, int life, bool due);

/* A stream over which stanzas of that pair may go, established or not, has ended now; it began at `since`. */
typedef struct sim_ending {
    int from, to, at_server, to_server;
    uint64_t since;
    bool established, graceful;
    bool excused;      /* something that the wires do not show may have ended it: memory, time */
    bool held;         /* a receiver that holds may have: it breaks, but that excuses nothing else */
    uint64_t handed;   /* stanzas that were handed to it */
    const char *text;
} sim_ending;
void oracle_stream_ended(const sim_ending *e);
/* The process of that life is dead: what it held is gone with it. */
void oracle_died(int server, int life);

/* True if nothing waits any more. `all`: what still does is a violation unless an excuse is found. */
bool oracle_settled(void);
void oracle_settle(void);
/* Nothing has happened for long: whatever still waits, and did not go down with a stream, waits for ever. */
void oracle_check_stuck(void);

oracle_totals *oracle_sums(void);
uint64_t sim_hash(const void *bytes, size_t len);

#endif
