/* SPDX-License-Identifier: MIT */
/* workers_slow.c: local domains that take no more for now, told to all workers. */
#include <string.h>

#include "protocol/buf.h"
#include "workers_internal.h"

/* Stays once it is there: there are no more than accounts that were ever slow. The main loop writes, under w->slow_lock. */
struct slow_domain {
    slow_domain *next;
    bool slow;
    char name[];
};

s2s_err workers__slow_begin(workers *w)
{
    w->has_slow = uv_mutex_init(&w->slow_lock) == 0;
    return w->has_slow ? S2S_OK : S2S_E_NOMEM;
}

void workers__slow_end(workers *w)
{
    while (w->slow) {
        slow_domain *next = w->slow->next;
        s2s__free(w->env, w->slow);
        w->slow = next;
    }
    if (w->has_slow)
        uv_mutex_destroy(&w->slow_lock);
}

static slow_domain *find(const workers *w, s2s_str local)
{
    slow_domain *d = w->slow;
    while (d && !s2s_str_eq(s2s_str_of(d->name), local))
        d = d->next;
    return d;
}

static slow_domain *add(workers *w, s2s_str local)
{
    slow_domain *d = s2s__alloc(w->env, sizeof *d + local.len + 1);
    if (!d)
        return NULL;
    memcpy(d->name, local.ptr, local.len);
    d->next = w->slow;
    w->slow = d;
    return d;
}

/* No memory: nothing pauses, and what has no room bounces. */
static void tell(workers *w, s2s_str local, bool slow)
{
    if (w->len == 1)
        return;
    uv_mutex_lock(&w->slow_lock);
    slow_domain *d = find(w, local);
    if (!d && slow)
        d = add(w, local);
    if (d)
        d->slow = slow;
    uv_mutex_unlock(&w->slow_lock);
    for (size_t i = 1; d && i < w->len; i++) {
        if (w->list[i].state == WORKER_OVER)
            continue;
        atomic_fetch_or(&w->list[i].down_bits, WORKER_SLOW);
        (void)uv_async_send(&w->list[i].wake);
    }
}

void workers_pause_to(workers *w, s2s_str local)
{
    tell(w, local, true);
    (void)s2s_federation_pause_to(w->list[0].f, local);
}

void workers_resume_to(workers *w, s2s_str local)
{
    tell(w, local, false);
    s2s_federation_resume_to(w->list[0].f, local);
}

void workers__slow_look(worker *one)
{
    workers *w = one->w;
    uv_mutex_lock(&w->slow_lock);
    for (const slow_domain *d = w->slow; d; d = d->next) {
        if (d->slow)
            (void)s2s_federation_pause_to(one->f, s2s_str_of(d->name));
        else
            s2s_federation_resume_to(one->f, s2s_str_of(d->name));
    }
    uv_mutex_unlock(&w->slow_lock);
}
