/* SPDX-License-Identifier: MIT */
/* workers.c: the side of the main loop. */
#include "workers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "workers_internal.h"

enum { SECRET_BYTES = 32 };

/* -- what comes up ------------------------------------------------------------------------------------- */

static bool deliver(void *arg, const s2s_stanza *stanza)
{
    const workers *w = ((worker *)arg)->w;
    (void)w->ops->deliver(w->user, stanza);
    return true;
}

static void tell_resume(void *arg)
{
    worker *one = arg;
    if (one->state != WORKER_RUNS)
        return;
    atomic_fetch_or(&one->down_bits, WORKER_RESUME);
    (void)uv_async_send(&one->wake);
}

typedef struct reached {
    worker *owner;
    char remote[];
} reached;

static void run_reached(void *arg)
{
    reached *r = arg;
    s2s_federation_reachable(r->owner->f, s2s_str_of(r->remote));
    s2s__free(r->owner->w->env, r);
}

/* The remote server has contacted another worker: whoever sends to it need not wait any more. No memory: it waits. */
static void tell_owner(worker *one, s2s_str remote)
{
    worker *owner = workers__owner(one->w, remote);
    if (owner == one)
        return;
    if (owner->number == 0) {
        s2s_federation_reachable(owner->f, remote);
        return;
    }
    reached *r = s2s__alloc(one->w->env, sizeof *r + remote.len + 1);
    if (!r)
        return;
    r->owner = owner;
    memcpy(r->remote, remote.ptr, remote.len);
    if (owner->state != WORKER_RUNS || lane_write_note(&owner->down, run_reached, r) != S2S_OK)
        s2s__free(one->w->env, r);
}

void workers__event(worker *one, const s2s_stream_info *info, const s2s_close *end)
{
    workers *w = one->w;
    if (!end && info->role == S2S_ACCEPTOR && info->remote.ptr)
        tell_owner(one, info->remote);
    if (w->ops->stream)
        w->ops->stream(w->user, info, end);
}

static void tell_lost(worker *one)
{
    char count[16];
    unsigned lost = atomic_exchange(&one->events_lost, 0);
    if (lost == 0)
        return;
    (void)snprintf(count, sizeof count, "%u", lost);
    s2s_field field = {"events", s2s_str_of(count)};
    s2s__log(one->w->env, S2S_LOG_WARN, "events of streams are missing in counters and census: there were too many", &field, 1);
}

static void main_handle_closed(uv_handle_t *handle)
{
    workers *w = handle->data;
    if (--w->closing == 0)
        w->ops->stopped(w->user);
}

static void close_here(workers *w, uv_handle_t *handle)
{
    handle->data = w;
    w->closing++;
    uv_close(handle, main_handle_closed);
}

/* All workers have stopped. */
static void all_ended(workers *w)
{
    for (size_t i = 1; i < w->len; i++) {
        if (w->list[i].has_handles)
            close_here(w, (uv_handle_t *)&w->list[i].main_wake);
    }
    close_here(w, (uv_handle_t *)&w->turn);
    close_here(w, (uv_handle_t *)&w->flush); /* there is one at least */
}

void workers__ended(worker *one)
{
    workers *w = one->w;
    if (--w->running == 0)
        all_ended(w);
}

static bool bounce(void *arg, const s2s_stanza *stanza)
{
    worker *one = arg;
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (s2s_stanza_bounce(stanza, S2S_SE_REMOTE_SERVER_TIMEOUT, "this server is shutting down", buf, sizeof buf, &answer))
        (void)one->w->ops->deliver(one->w->user, &answer);
    return true;
}

static void no_room(void *arg)
{
    (void)arg; /* nobody writes any more */
}

/* What is open on the loop of a worker that has no federation (any more). */
static void close_loop(worker *one)
{
    if (one->has_handles)
        workers__close(one);
    if (one->has_loop)
        uv_run(&one->loop, UV_RUN_DEFAULT);
}

/* The thread has ended. What it did not take is answered here; its loop closes what is left. */
static void thread_ended(worker *one)
{
    if (one->has_thread)
        uv_thread_join(&one->thread);
    one->state = WORKER_OVER;
    lane_flush(&one->down);
    (void)lane_read(&one->down, bounce, no_room, one);
    close_loop(one);
    one->w->ops->drained(one->w->user);
    workers__ended(one);
}

void workers__read(worker *one)
{
    workers *w = one->w;
    if (one->state == WORKER_OVER || one->reading)
        return;
    unsigned bits = atomic_exchange(&one->up_bits, 0); /* before the lane, as they count after it */
    one->bits |= bits;
    if (bits & WORKER_ROOM)
        one->sender_waits_room = false;
    one->reading = true;
    bool empty = lane_read(&one->up, deliver, tell_resume, one);
    one->reading = false;
    tell_lost(one);
    if (empty && (one->bits & WORKER_ENDED)) {
        thread_ended(one);
    } else if (one->bits & (WORKER_ROOM | WORKER_DRAINED)) {
        one->bits &= WORKER_ENDED;
        w->ops->drained(w->user);
    }
}

/* -- listening ----------------------------------------------------------------------------------------- */

s2s_err workers_listen(workers *w, const char *address, s2s_tls_start tls, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    s2s_err err = s2s_federation_listen(w->list[0].f, address, tls, bound, why);
    for (size_t i = 1; i < w->len && err == S2S_OK; i++)
        err = s2s_federation_listen(w->list[i].f, bound, tls, NULL, why);
    return err;
}

s2s_err workers_listen_fd(workers *w, int fd, s2s_tls_start tls, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    s2s_err err = S2S_OK;
    for (size_t i = 1; i < w->len && err == S2S_OK; i++) {
        int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (again < 0) {
            (void)snprintf(why, S2S_TEXT_MAX, "no descriptor for another worker");
            err = S2S_E_IO;
        } else {
            err = s2s_federation_listen_fd(w->list[i].f, again, tls, NULL, why);
        }
    }
    if (err == S2S_OK)
        return s2s_federation_listen_fd(w->list[0].f, fd, tls, bound, why);
    (void)close(fd);
    return err;
}

/* -- life ---------------------------------------------------------------------------------------------- */

/* What was delivered before on_turn() has gone to its component's socket or queue by now (component_stream.c flushes in between), or to
 * another lane: it may be acknowledged. Earlier, a peer could drop what dies here unseen with the process. The worker looks for it. */
static void tell_taken(worker *one)
{
    if (one->flushed == one->told)
        return;
    one->told = one->flushed;
    atomic_store(&one->taken, one->flushed);
}

static void on_flush(uv_prepare_t *prepare)
{
    workers *w = prepare->data;
    for (size_t i = 1; i < w->len; i++) {
        if (w->list[i].state != WORKER_RUNS)
            continue;
        lane_flush(&w->list[i].down);
        tell_taken(&w->list[i]);
    }
}

/* After the loop has waited; idle handles, which components flush in, and then on_flush() come next. */
static void on_turn(uv_check_t *turn)
{
    workers *w = turn->data;
    for (size_t i = 1; i < w->len; i++)
        w->list[i].flushed = lane_count(&w->list[i].up);
}

static uint32_t part_of(uint32_t limit, size_t parts)
{
    return (uint32_t)((limit + parts - 1) / parts);
}

/* One federation object. The limits on how many there are of something in all are divided. */
static s2s_err make(worker *one, const workers_options *o, const s2s_federation_options *common, char why[S2S_TEXT_MAX])
{
    workers *w = one->w;
    s2s_federation_options fo = *common;
    s2s_limits *limits = &one->env.limits;
    one->env = *w->env;
    limits->connections = part_of(limits->connections, w->len);
    limits->preauth_connections = part_of(limits->preauth_connections, w->len);
    limits->streams_out = part_of(limits->streams_out, w->len);
    limits->dialback_calls = part_of(limits->dialback_calls, w->len);
    s2s_err err = one->number > 0 ? workers__begin(one) : S2S_OK;
    if (err != S2S_OK)
        return err;
    fo.env = w->len == 1 ? w->env : &one->env;
    fo.loop = one->number > 0 ? &one->loop : w->loop;
    fo.policy = &o->policies[one->number];
    fo.ops = w->len == 1 ? w->ops : &WORKERS__OPS;
    fo.user = w->len == 1 ? w->user : one;
    fo.part = one->number;
    fo.parts = (uint32_t)w->len;
    fo.taken_later = one->number > 0;
    err = s2s_federation_new(&fo, &one->f, why);
    if (err == S2S_OK)
        w->running++;
    return err;
}

/* For several workers: the key that says whose a remote domain is, and one secret of dialback, so that each knows a key that
 * another has made. */
static s2s_err begin_several(workers *w, s2s_federation_options *common, uint8_t secret[SECRET_BYTES])
{
    s2s_err err = s2s__table_init(&w->key, w->env);
    if (err == S2S_OK && common->dialback_secret.len == 0) {
        err = w->env->ops->random(w->env->user, secret, SECRET_BYTES);
        common->dialback_secret = (s2s_bytes){secret, SECRET_BYTES};
    }
    if (err == S2S_OK && (uv_mutex_init(&w->lock) < 0 || uv_cond_init(&w->parked) < 0 || uv_cond_init(&w->released) < 0))
        err = S2S_E_NOMEM;
    if (err != S2S_OK)
        return err;
    w->has_lock = true;
    if (workers__slow_begin(w) != S2S_OK)
        return S2S_E_NOMEM;
    uv_prepare_init(w->loop, &w->flush);
    w->flush.data = w;
    uv_prepare_start(&w->flush, on_flush);
    uv_unref((uv_handle_t *)&w->flush);
    uv_check_init(w->loop, &w->turn);
    w->turn.data = w;
    uv_check_start(&w->turn, on_turn);
    uv_unref((uv_handle_t *)&w->turn);
    w->has_flush = true;
    return S2S_OK;
}

s2s_err workers_new(const workers_options *o, workers **out, char why[S2S_TEXT_MAX])
{
    uint8_t secret[SECRET_BYTES];
    s2s_federation_options common = *o->federation;
    workers *w = s2s__alloc(o->env, sizeof *w);
    if (!w)
        return S2S_E_NOMEM;
    *out = w;
    w->env = o->env;
    w->loop = o->loop;
    w->ops = o->ops;
    w->user = o->user;
    w->list = s2s__alloc(o->env, o->len * sizeof *w->list);
    if (!w->list)
        return S2S_E_NOMEM;
    w->len = o->len;
    s2s_err err = o->len > 1 ? begin_several(w, &common, secret) : S2S_OK;
    for (size_t i = 0; i < o->len && err == S2S_OK; i++) {
        w->list[i].w = w;
        w->list[i].number = (uint32_t)i;
        err = make(&w->list[i], o, &common, why);
    }
    explicit_bzero(secret, sizeof secret);
    return err;
}

s2s_err workers_start(workers *w)
{
    s2s_err err = S2S_OK;
    for (size_t i = 1; i < w->len && err == S2S_OK; i++)
        err = workers__start(&w->list[i]);
    return err;
}

void workers_halt(workers *w)
{
    s2s_federation_pause(w->list[0].f);
    for (size_t i = 1; i < w->len; i++) {
        atomic_fetch_or(&w->list[i].down_bits, WORKER_HALT);
        (void)uv_async_send(&w->list[i].wake);
    }
}

static void stop_one(worker *one)
{
    if (one->number == 0) {
        s2s_federation_stop(one->f);
        return;
    }
    bool here = one->state == WORKER_MADE && workers__start(one) != S2S_OK; /* no thread to be had: in this one, then */
    lane_flush(&one->down);
    atomic_fetch_or(&one->down_bits, WORKER_STOP);
    (void)uv_async_send(&one->wake);
    if (here)
        workers__run(one);
}

/* Nothing to wait for but what is open on the loops. */
static void stop_without_federations(workers *w)
{
    for (size_t i = 1; i < w->len; i++) {
        if (w->list[i].has_handles)
            uv_close((uv_handle_t *)&w->list[i].main_wake, NULL);
        close_loop(&w->list[i]);
    }
    if (w->has_flush) {
        uv_close((uv_handle_t *)&w->turn, NULL);
        uv_close((uv_handle_t *)&w->flush, NULL);
    }
    w->ops->stopped(w->user);
}

void workers_stop(workers *w)
{
    if (w->stopping)
        return;
    w->stopping = true;
    if (w->running == 0) {
        stop_without_federations(w);
        return;
    }
    for (size_t i = 0; i < w->len; i++) {
        if (w->list[i].f)
            stop_one(&w->list[i]);
        else
            close_loop(&w->list[i]);
    }
}

static void free_one(worker *one)
{
    s2s_federation_free(one->f);
    lane_free(&one->down);
    lane_free(&one->up);
    workers__held_end(one);
    if (one->has_loop)
        uv_loop_close(&one->loop);
}

void workers_free(workers *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->len; i++)
        free_one(&w->list[i]);
    if (w->has_lock) {
        uv_mutex_destroy(&w->lock);
        uv_cond_destroy(&w->parked);
        uv_cond_destroy(&w->released);
    }
    workers__slow_end(w);
    s2s__table_free(&w->key);
    s2s__free(w->env, w->list);
    s2s__free(w->env, w);
}

static bool has_turned(worker *one)
{
    unsigned turns = atomic_load(&one->turns);
    if (one->state != WORKER_RUNS)
        return true; /* it has not begun, or has ended */
    if (one->asked_to_turn && turns == one->turns_seen)
        return false;
    one->asked_to_turn = true;
    one->turns_seen = turns;
    (void)uv_async_send(&one->wake);
    return true;
}

bool workers_turn(workers *w)
{
    bool all = true;
    for (size_t i = 1; i < w->len; i++)
        all = has_turned(&w->list[i]) && all;
    return all;
}

size_t workers_count(const workers *w)
{
    return w->len;
}

const s2s_federation *workers_first(const workers *w)
{
    return w->list[0].f;
}
