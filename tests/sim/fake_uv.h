/* SPDX-License-Identifier: MIT */
/* fake_uv.h: libuv over the simulated network; the world's side of it. */
#ifndef SIM_FAKE_UV_H
#define SIM_FAKE_UV_H

#include "sim/clock.h"

/* One wake-up of a loop, in libuv's order: timers, prepare, I/O, closing; again while there was I/O. Returns when the loop
 * wants to be woken next, UINT64_MAX: not by itself. */
uint64_t sim_uv_turn(sim_host *h);

/* A file descriptor of a faked library (uv_poll_t): whether it can be read. */
typedef bool (*sim_fd_readable)(const void *object);
int sim_fd_new(sim_fd_readable readable, const void *object);
void sim_fd_free(int fd);
void sim_fds_end(void);

/* Inside a function that the product has given to another thread: it may use neither the loop nor the environment. */
bool sim_uv_in_thread(void);

/* How the calls that may fail at any time do so. */
void sim_uv_begin(sim_rng rng);

#endif
