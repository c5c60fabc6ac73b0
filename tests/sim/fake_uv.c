/* SPDX-License-Identifier: MIT */
/* fake_uv.c: the part of libuv that the library uses, with virtual time: handles, timers, wake-ups, and the loop's turn. TCP is
 * fake_tcp.c, the pool of threads fake_work.c. The program's definitions win over the shared library's, which is left with helpers
 * that touch neither loop nor system. */
#include "sim/fake_uv.h"

#include <stdlib.h>
#include <string.h>

#include "sim/fake_uv_inside.h"

enum { FDS_MAX = 4096, ROUNDS_MAX = 256 };

typedef struct fd_entry {
    sim_fd_readable readable;
    const void *object;
} fd_entry;

static struct {
    sim_rng rng;
    fd_entry fds[FDS_MAX];
} state;

void sim_uv_begin(sim_rng rng)
{
    memset(&state, 0, sizeof state);
    state.rng = rng;
    sim_work_begin();
}

sim_rng *sim_uv_rng(void)
{
    return &state.rng;
}

void sim_uv_wake(void *handle)
{
    sim_host_wake(host_of(handle), sim_now());
}

/* -- handles ------------------------------------------------------------------------------------------- */

void sim_uv_add(uv_loop_t *loop, uv_handle_t *h, uv_handle_type type)
{
    sim_host *host = (sim_host *)loop;
    h->loop = loop;
    h->type = type;
    h->flags = REF;
    h->close_cb = NULL;
    h->handle_queue[0] = host->last;
    h->handle_queue[1] = NULL;
    memset(&h->u, 0, sizeof h->u);
    if (host->last)
        host->last->handle_queue[1] = h;
    else
        host->first = h;
    host->last = h;
}

static void remove_handle(uv_handle_t *h)
{
    sim_host *host = host_of(h);
    uv_handle_t *prev = h->handle_queue[0], *next = h->handle_queue[1];
    if (prev)
        prev->handle_queue[1] = next;
    else
        host->first = next;
    if (next)
        next->handle_queue[0] = prev;
    else
        host->last = prev;
}

int uv_is_closing(const uv_handle_t *h)
{
    return (h->flags & CLOSING) != 0;
}

int uv_is_active(const uv_handle_t *h)
{
    return (h->flags & ACTIVE) != 0;
}

void uv_ref(uv_handle_t *h)
{
    h->flags |= REF;
}

void uv_unref(uv_handle_t *h)
{
    h->flags &= ~(unsigned)REF;
}

void uv_close(uv_handle_t *h, uv_close_cb cb)
{
    if (h->flags & CLOSING)
        abort(); /* libuv asserts it too */
    if (h->type == UV_TIMER)
        uv_timer_stop((uv_timer_t *)h);
    if (h->type == UV_TCP)
        sim_tcp_close((uv_tcp_t *)h);
    h->flags = (h->flags | CLOSING) & ~(unsigned)(ACTIVE | READING);
    h->close_cb = cb;
    h->next_closing = host_of(h)->closing;
    host_of(h)->closing = h;
    sim_host_wake(host_of(h), sim_now());
}

static bool run_closing(sim_host *host)
{
    uv_handle_t *h = host->closing;
    bool any = h != NULL;
    host->closing = NULL;
    while (h) {
        uv_handle_t *next = h->next_closing;
        if (h->type == UV_TCP)
            sim_tcp_closed((uv_tcp_t *)h);
        remove_handle(h);
        if (h->close_cb)
            h->close_cb(h);
        h = next;
    }
    return any;
}

/* -- timers and prepare -------------------------------------------------------------------------------- */

uint64_t uv_now(const uv_loop_t *loop)
{
    return ((const sim_host *)(const void *)loop)->now_ms;
}

void uv_update_time(uv_loop_t *loop)
{
    ((sim_host *)loop)->now_ms = sim_now() / SIM_MS;
}

uint64_t uv_hrtime(void)
{
    return sim_now() * 1000;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *t)
{
    sim_uv_add(loop, (uv_handle_t *)t, UV_TIMER);
    t->heap_node[0] = t->heap_node[1] = NULL;
    return 0;
}

/* heap_node: [0] the one before, [1] the one after. */
int uv_timer_stop(uv_timer_t *t)
{
    sim_host *host = host_of((uv_handle_t *)t);
    if (!(t->flags & ACTIVE))
        return 0;
    uv_timer_t *prev = t->heap_node[0], *next = t->heap_node[1];
    if (prev)
        prev->heap_node[1] = next;
    else
        host->timers = next;
    if (next)
        next->heap_node[0] = prev;
    t->flags &= ~(unsigned)ACTIVE;
    return 0;
}

int uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    sim_host *host = host_of((uv_handle_t *)t);
    if ((t->flags & CLOSING) || !cb)
        return UV_EINVAL;
    uv_timer_stop(t);
    t->timer_cb = cb;
    t->timeout = timeout > UINT64_MAX - host->now_ms ? UINT64_MAX : host->now_ms + timeout;
    t->repeat = repeat;
    t->start_id = host->next_timer_id++;
    uv_timer_t *prev = NULL, *next = host->timers;
    while (next && next->timeout <= t->timeout) {
        prev = next;
        next = next->heap_node[1];
    }
    t->heap_node[0] = prev;
    t->heap_node[1] = next;
    if (prev)
        prev->heap_node[1] = t;
    else
        host->timers = t;
    if (next)
        next->heap_node[0] = t;
    t->flags |= ACTIVE;
    if (t->timeout < UINT64_MAX / SIM_MS)
        sim_host_wake(host, t->timeout * SIM_MS);
    return 0;
}

int uv_timer_again(uv_timer_t *t)
{
    return t->timer_cb ? t->repeat ? uv_timer_start(t, t->timer_cb, t->repeat, t->repeat) : 0 : UV_EINVAL;
}

uint64_t uv_timer_get_due_in(const uv_timer_t *t)
{
    uint64_t at = host_of((const uv_handle_t *)t)->now_ms;
    return t->timeout > at ? t->timeout - at : 0;
}

static void run_timers(sim_host *host)
{
    uv_timer_t *t;
    while ((t = host->timers) != NULL && t->timeout <= host->now_ms) {
        uv_timer_stop(t);
        if (t->repeat)
            uv_timer_start(t, t->timer_cb, t->repeat, t->repeat);
        t->timer_cb(t);
    }
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *p)
{
    sim_uv_add(loop, (uv_handle_t *)p, UV_PREPARE);
    return 0;
}

int uv_prepare_start(uv_prepare_t *p, uv_prepare_cb cb)
{
    p->prepare_cb = cb;
    p->flags |= ACTIVE;
    return 0;
}

int uv_prepare_stop(uv_prepare_t *p)
{
    p->flags &= ~(unsigned)ACTIVE;
    return 0;
}

static void run_prepare(sim_host *host)
{
    for (uv_handle_t *h = host->first; h; h = h->handle_queue[1]) {
        if (h->type == UV_PREPARE && (h->flags & ACTIVE))
            ((uv_prepare_t *)h)->prepare_cb((uv_prepare_t *)h);
    }
}

/* -- descriptors of other libraries -------------------------------------------------------------------- */

int sim_fd_new(sim_fd_readable readable, const void *object)
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (!state.fds[fd].object) {
            state.fds[fd] = (fd_entry){readable, object};
            return fd;
        }
    }
    abort();
}

void sim_fd_free(int fd)
{
    state.fds[fd] = (fd_entry){0};
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *p, int fd)
{
    sim_uv_add(loop, (uv_handle_t *)p, UV_POLL);
    p->io_watcher.fd = fd;
    return 0;
}

int uv_poll_start(uv_poll_t *p, int events, uv_poll_cb cb)
{
    (void)events;
    p->poll_cb = cb;
    p->flags |= ACTIVE;
    return 0;
}

int uv_poll_stop(uv_poll_t *p)
{
    p->flags &= ~(unsigned)ACTIVE;
    return 0;
}

static bool run_poll(uv_poll_t *p)
{
    const fd_entry *fd = &state.fds[p->io_watcher.fd];
    if (!(p->flags & ACTIVE) || !fd->object || !fd->readable(fd->object))
        return false;
    p->poll_cb(p, 0, UV_READABLE);
    return true;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *a, uv_async_cb cb)
{
    sim_uv_add(loop, (uv_handle_t *)a, UV_ASYNC);
    a->async_cb = cb;
    a->pending = 0;
    a->flags |= ACTIVE;
    return 0;
}

int uv_async_send(uv_async_t *a)
{
    a->pending = 1;
    sim_uv_wake(a);
    return 0;
}

static bool run_async(uv_async_t *a)
{
    if (!a->pending)
        return false;
    a->pending = 0;
    a->async_cb(a);
    return true;
}

/* -- a turn -------------------------------------------------------------------------------------------- */

static bool run_handle(uv_handle_t *h)
{
    if (h->flags & CLOSING)
        return false;
    if (h->type == UV_TCP)
        return sim_tcp_run((uv_tcp_t *)h);
    if (h->type == UV_POLL)
        return run_poll((uv_poll_t *)h);
    return h->type == UV_ASYNC && run_async((uv_async_t *)h);
}

/* The kernel reports ready descriptors in no particular order. */
static bool run_io(sim_host *host)
{
    bool any = false, backwards = sim_chance(&state.rng, 500);
    while (host->calls) {
        sim_call *call = host->calls;
        host->calls = call->next;
        if (!host->calls)
            host->calls_end = &host->calls;
        call->what(call->arg);
        free(call);
        any = true;
    }
    any = sim_work_run(host) || any;
    for (uv_handle_t *h = backwards ? host->last : host->first; h; h = h->handle_queue[!backwards])
        any = run_handle(h) || any;
    return any;
}

static uint64_t next_wake(const sim_host *host)
{
    const uv_timer_t *t = host->timers;
    uint64_t next = t && t->timeout < UINT64_MAX / SIM_MS ? t->timeout * SIM_MS : UINT64_MAX;
    return sim_work_next(host, next);
}

uint64_t sim_uv_turn(sim_host *host)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        host->now_ms = sim_now() / SIM_MS;
        run_timers(host);
        run_prepare(host);
        bool any = run_io(host);
        if (!run_closing(host) && !any)
            return next_wake(host);
    }
    return sim_now() + SIM_MS; /* a loop that never rests: time passes for it too */
}
