/* SPDX-License-Identifier: MIT */
/* fake_uv_inside.h: what fake_uv.c (handles and the loop), fake_tcp.c and fake_work.c know of each other. */
#ifndef SIM_FAKE_UV_INSIDE_H
#define SIM_FAKE_UV_INSIDE_H

#include "sim/clock.h"

/* uv_handle_t.flags */
enum { ACTIVE = 1, REF = 2, CLOSING = 4, READING = 8 };

static inline sim_host *host_of(const uv_handle_t *h)
{
    return (sim_host *)h->loop;
}

/* fake_uv.c */
sim_rng *sim_uv_rng(void);
void sim_uv_add(uv_loop_t *loop, uv_handle_t *h, uv_handle_type type);
void sim_uv_wake(void *handle); /* its loop has something to do */

/* fake_tcp.c */
bool sim_tcp_run(uv_tcp_t *h);    /* true: something happened */
void sim_tcp_close(uv_tcp_t *h);  /* uv_close: nothing comes or goes any more */
void sim_tcp_closed(uv_tcp_t *h); /* what waited is called back before the handle's end */

/* fake_work.c */
void sim_work_begin(void);
bool sim_work_run(sim_host *host); /* one that is done; true: there was one */
uint64_t sim_work_next(const sim_host *host, uint64_t next); /* when the next is done, `next` if that is sooner */

#endif
