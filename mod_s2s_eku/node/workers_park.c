/* SPDX-License-Identifier: MIT */
/* workers_park.c: all workers stand still between two turns, and the main loop uses their objects. */
#include "protocol/buf.h"
#include "workers_internal.h"

void workers_park(workers *w)
{
    if (w->parks++ > 0 || w->len == 1)
        return;
    uv_mutex_lock(&w->lock);
    w->halt = true;
    uv_mutex_unlock(&w->lock);
    for (size_t i = 1; i < w->len; i++) {
        if (w->list[i].state == WORKER_RUNS)
            (void)uv_async_send(&w->list[i].wake);
    }
    uv_mutex_lock(&w->lock);
    for (size_t i = 1; i < w->len; i++) {
        while (w->list[i].state == WORKER_RUNS && !w->list[i].parked && !w->list[i].gone)
            uv_cond_wait(&w->parked, &w->lock);
    }
    uv_mutex_unlock(&w->lock);
}

void workers_unpark(workers *w)
{
    if (--w->parks > 0 || w->len == 1)
        return;
    for (size_t i = 0; i < w->len; i++)
        w->list[i].env.level = w->env->level; /* it may have changed */
    uv_mutex_lock(&w->lock);
    w->halt = false;
    uv_cond_broadcast(&w->released);
    uv_mutex_unlock(&w->lock);
}

/* Slot 0 stays empty. */
s2s_err workers_copy_setup(const workers *w, const s2s_setup *setup, s2s_setup ***out)
{
    s2s_setup **list = s2s__alloc(w->env, w->len * sizeof(s2s_setup *));
    s2s_err err = list ? S2S_OK : S2S_E_NOMEM;
    for (size_t i = 1; i < w->len && err == S2S_OK; i++)
        err = s2s_setup_copy(setup, &list[i]);
    if (err == S2S_OK)
        *out = list;
    else if (list)
        workers_drop_setup(w, list);
    return err;
}

void workers_drop_setup(const workers *w, s2s_setup **copies)
{
    for (size_t i = 1; i < w->len; i++)
        s2s_setup_free(copies[i]);
    s2s__free(w->env, copies);
}

void workers_replace(workers *w, s2s_setup *setup, s2s_setup **copies)
{
    workers_park(w);
    s2s_federation_replace(w->list[0].f, setup);
    for (size_t i = 1; i < w->len; i++)
        s2s_federation_replace(w->list[i].f, copies[i]);
    workers_unpark(w);
    s2s__free(w->env, copies);
}

size_t workers_close_remote(workers *w, s2s_str remote)
{
    size_t closed = 0;
    workers_park(w);
    for (size_t i = 0; i < w->len; i++)
        closed += s2s_federation_close_remote(w->list[i].f, remote);
    workers_unpark(w);
    return closed;
}

typedef struct visit {
    void (*each)(void *arg, const s2s_stream_info *info);
    void *arg;
    uint64_t now;
} visit;

static void visit_stream(void *arg, const s2s_stream_info *info)
{
    const visit *v = arg;
    s2s_stream_info seen = *info;
    if (seen.since > v->now)
        seen.since = v->now; /* by a clock that is not ours */
    v->each(v->arg, &seen);
}

void workers_streams(workers *w, void (*each)(void *arg, const s2s_stream_info *info), void *arg)
{
    visit v = {each, arg, uv_now(w->loop)};
    workers_park(w);
    for (size_t i = 0; i < w->len; i++)
        s2s_federation_streams(w->list[i].f, visit_stream, &v);
    workers_unpark(w);
}

static void note_queued(void *arg, const s2s_stream_info *info)
{
    bool *any = arg;
    *any = *any || info->queued_stanzas > 0;
}

bool workers_have_queued(workers *w)
{
    bool any = false;
    workers_park(w); /* what has left a lane is in its pair's queue then */
    workers_streams(w, note_queued, &any);
    for (size_t i = 1; i < w->len; i++)
        any = any || !lane_is_read(&w->list[i].down) || !lane_is_read(&w->list[i].up);
    workers_unpark(w);
    return any;
}

void workers_sum(workers *w, s2s_federation_counts *out)
{
    s2s_federation_counts one = {.size = sizeof one};
    *out = (s2s_federation_counts){.size = sizeof *out};
    workers_park(w);
    for (size_t i = 0; i < w->len; i++) {
        s2s_federation_count(w->list[i].f, &one);
        out->slowed += one.slowed;
        out->turned_away += one.turned_away;
        out->turned_away_preauth += one.turned_away_preauth;
        out->turned_away_address += one.turned_away_address;
        out->dropped += one.dropped;
    }
    workers_unpark(w);
}

void workers_untold(const workers *w, uint64_t *in, uint64_t *out)
{
    *in = *out = 0;
    for (size_t i = 1; i < w->len; i++) {
        *in += atomic_load(&w->list[i].ended_in);
        *out += atomic_load(&w->list[i].ended_out);
    }
}
