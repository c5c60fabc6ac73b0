/* SPDX-License-Identifier: MIT */
/* clock.h: virtual time, chance, and the machines of a simulated world. Everything that happens is an event here. */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

enum { SIM_MS = 1000, SIM_SECOND = 1000 * 1000 }; /* in units of sim_now() */
#define SIM_WALL_BASE INT64_C(1795000000) /* the wall clock at sim_now() 0: November 2026 */

/* -- chance: the same seed, the same sequence ---------------------------------------------------------- */

typedef struct sim_rng {
    uint64_t state;
} sim_rng;

uint64_t sim_next(sim_rng *r);
uint64_t sim_below(sim_rng *r, uint64_t n);              /* 0 to n - 1; n 0: 0 */
uint64_t sim_between(sim_rng *r, uint64_t low, uint64_t high); /* both included */
bool sim_chance(sim_rng *r, unsigned per_mille);

/* -- events -------------------------------------------------------------------------------------------- */

void sim_clock_begin(void);
void sim_clock_end(void);
uint64_t sim_now(void); /* microseconds since the beginning */
/* Calls `what(arg)` then; what has the same time comes in the order of the calls. `arg` outlives the world. */
void sim_at(uint64_t when, void (*what)(void *arg), void *arg);
/* Runs the next event; false: there is none, or the next one is after `until` (then the time is `until`). */
bool sim_step(uint64_t until);
uint64_t sim_steps(void); /* how many so far */

/* -- machines ------------------------------------------------------------------------------------------ */

typedef struct sim_call {
    struct sim_call *next;
    void (*what)(void *arg);
    void *arg;
} sim_call;

/* One machine with one loop. Made by sim_host_new, lives until sim_hosts_end. */
typedef struct sim_host {
    uv_loop_t loop; /* first: a uv_loop_t * of the product is a sim_host * */
    struct sim_host *next;
    int index;      /* its address: 10.0.0.0 + index, fd00:: + index */
    uint64_t now_ms; /* uv_now() */
    int64_t wall_skew; /* seconds added to the true wall clock */
    uint64_t asleep_until; /* the process gets no time before that */
    uint64_t wake_at;
    bool off;       /* without network and without life: after a crash */
    uv_handle_t *first, *last; /* all handles between _init and the end of _close */
    uv_timer_t *timers; /* started, in the order in which they go off */
    uv_handle_t *closing;
    struct sim_work *works; /* with other threads */
    sim_call *calls, **calls_end; /* for the next turn */
    uint64_t next_timer_id;
} sim_host;

sim_host *sim_host_new(int index);
void sim_hosts_end(void);
sim_host *sim_host_current(void); /* whose code runs; NULL: nobody's */
/* The loop has something to do. */
void sim_host_wake(sim_host *h, uint64_t when);
/* Calls `what(arg)` inside the loop's next turn, as the program around the library would. */
void sim_host_call(sim_host *h, void (*what)(void *arg), void *arg);
size_t sim_host_handles(const sim_host *h); /* not closed yet */
void sim_host_address(int index, int family, uint16_t port, struct sockaddr_storage *out);
int sim_host_index(const struct sockaddr *address); /* -1: nobody's */
int64_t sim_wall(const sim_host *h);

#endif
