/* SPDX-License-Identifier: MIT */
/* fake_work.c: libuv's pool of threads. */
#include <stdlib.h>

#include "sim/fake_uv.h"
#include "sim/fake_uv_inside.h"

enum { THREADS = 4, WORK_MS_MAX = 40 };

/* What a thread does takes time; all of it happens at the end of that. */
struct sim_work {
    struct sim_work *next;
    uv_work_t *request;
    uint64_t done_at;
};

static bool in_thread;

void sim_work_begin(void)
{
    in_thread = false;
}

unsigned uv_available_parallelism(void)
{
    return THREADS;
}

bool sim_uv_in_thread(void)
{
    return in_thread;
}

int uv_queue_work(uv_loop_t *loop, uv_work_t *request, uv_work_cb work, uv_after_work_cb after)
{
    sim_host *host = (sim_host *)loop;
    struct sim_work *w = malloc(sizeof *w);
    if (!w)
        abort();
    request->type = UV_WORK;
    request->loop = loop;
    request->work_cb = work;
    request->after_work_cb = after;
    *w = (struct sim_work){host->works, request, sim_now() + sim_below(sim_uv_rng(), WORK_MS_MAX * SIM_MS)};
    host->works = w;
    sim_host_wake(host, w->done_at);
    return 0;
}

bool sim_work_run(sim_host *host)
{
    for (struct sim_work **at = &host->works, *w; (w = *at) != NULL; at = &w->next) {
        if (w->done_at > sim_now())
            continue;
        uv_work_t *request = w->request;
        *at = w->next;
        free(w);
        in_thread = true;
        request->work_cb(request);
        in_thread = false;
        request->after_work_cb(request, 0);
        return true;
    }
    return false;
}

uint64_t sim_work_next(const sim_host *host, uint64_t next)
{
    for (const struct sim_work *w = host->works; w; w = w->next)
        next = w->done_at < next ? w->done_at : next;
    return next;
}
