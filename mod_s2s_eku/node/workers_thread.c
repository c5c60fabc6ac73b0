/* SPDX-License-Identifier: MIT */
/* workers_thread.c: the side of the thread: its loop, its federation's callbacks, and where it stands still. */
#include "protocol/buf.h"
#include "workers_internal.h"

/* What the main loop has made safe is looked at in each turn, and so long after the last news of it where the loop does not turn: under
 * load it does, and to wake it up for that alone put a thread to sleep and woke it once more for some 500 stanzas. */
enum { LOOK_MS = 5 };

static bool is_first(const worker *one)
{
    return one->number == 0;
}

/* -- the federation's callbacks ------------------------------------------------------------------------ */

/* No memory to pass it on: its sender gets it back from here, whosever remote domain it is at. */
static void no_memory(worker *one, const s2s_stanza *stanza)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (s2s_stanza_bounce(stanza, S2S_SE_RESOURCE_CONSTRAINT, "out of memory", buf, sizeof buf, &answer))
        (void)s2s_federation_send(one->f, &answer);
}

static bool on_deliver(void *user, const s2s_stanza *stanza)
{
    worker *one = user;
    if (is_first(one))
        return one->w->ops->deliver(one->w->user, stanza);
    if (lane_write(&one->up, stanza, true) == S2S_OK) {
        one->written++;
    } else {
        one->unwritten++;
        no_memory(one, stanza);
    }
    return !lane_is_full(&one->up);
}

static void on_drained(void *user)
{
    worker *one = user;
    if (is_first(one)) {
        one->w->ops->drained(one->w->user);
        return;
    }
    workers__held_look(one);
    atomic_fetch_or(&one->up_bits, WORKER_DRAINED);
    (void)uv_async_send(&one->main_wake);
}

static void on_stream(void *user, const s2s_stream_info *info, const s2s_close *end)
{
    worker *one = user;
    if (is_first(one))
        workers__event(one, info, end);
    else
        workers__event_write(one, info, end);
}

static void on_stopped(void *user)
{
    worker *one = user;
    if (is_first(one))
        workers__ended(one);
    else
        uv_stop(&one->loop);
}

static bool owns(void *user, s2s_str remote)
{
    worker *one = user;
    return workers__owner(one->w, remote) == one;
}

const s2s_federation_ops WORKERS__OPS = {.abi = S2S_FEDERATION_ABI,
                                         .deliver = on_deliver,
                                         .drained = on_drained,
                                         .stream = on_stream,
                                         .stopped = on_stopped,
                                         .owns = owns};

/* -- the thread ---------------------------------------------------------------------------------------- */

static bool send_out(void *arg, const s2s_stanza *stanza)
{
    worker *one = arg;
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    s2s_err err = s2s_federation_send(one->f, stanza);
    if (err == S2S_E_AGAIN)
        workers__held_note(one, stanza);
    if (err == S2S_OK || err == S2S_E_AGAIN)
        return true;
    const char *text;
    s2s_stanza_error error = workers_send_error(err, &text);
    if (s2s_stanza_bounce(stanza, error, text, buf, sizeof buf, &answer))
        (void)lane_write(&one->up, &answer, false); /* an error: without memory it is gone, like the stanza's own would be */
    return true;
}

static void tell_room(void *arg)
{
    worker *one = arg;
    atomic_fetch_or(&one->up_bits, WORKER_ROOM);
    (void)uv_async_send(&one->main_wake);
}

static void park(worker *one)
{
    workers *w = one->w;
    uv_mutex_lock(&w->lock);
    while (w->halt) {
        one->parked = true;
        uv_cond_signal(&w->parked);
        uv_cond_wait(&w->released, &w->lock);
    }
    one->parked = false;
    uv_mutex_unlock(&w->lock);
}

/* Those that did not get into the lane count once it is empty. */
static void take(worker *one)
{
    uint64_t taken = atomic_load(&one->taken);
    if (taken == one->written)
        one->unwritten_taken = one->unwritten;
    if (taken + one->unwritten_taken == one->safe)
        return;
    one->safe = taken + one->unwritten_taken;
    uv_timer_stop(&one->look); /* on_flush() starts it anew */
    s2s_federation_taken(one->f, one->safe);
}

static void on_turn(uv_check_t *turn)
{
    take(turn->data);
}

static void on_look(uv_timer_t *look)
{
    take(look->data);
}

static void halt(worker *one)
{
    one->halted = true;
    s2s_federation_pause(one->f);
}

static void on_wake(uv_async_t *wake)
{
    worker *one = wake->data;
    park(one);
    atomic_fetch_add(&one->turns, 1);
    unsigned bits = atomic_exchange(&one->down_bits, 0); /* first: what was written before them is read before they count */
    (void)lane_read(&one->down, send_out, tell_room, one);
    if (bits & WORKER_SLOW)
        workers__slow_look(one);
    if (bits & WORKER_HALT)
        halt(one);
    if ((bits & WORKER_RESUME) && !one->halted)
        s2s_federation_resume(one->f);
    if (bits & WORKER_STOP)
        s2s_federation_stop(one->f);
}

static void on_flush(uv_prepare_t *prepare)
{
    worker *one = prepare->data;
    lane_flush(&one->up);
    if (one->safe != one->written + one->unwritten && !uv_is_active((const uv_handle_t *)&one->look))
        uv_timer_start(&one->look, on_look, LOOK_MS, 0);
}

void workers__run(worker *one)
{
    workers *w = one->w;
    uv_run(&one->loop, UV_RUN_DEFAULT);
    lane_flush(&one->up);
    uv_mutex_lock(&w->lock);
    one->gone = true;
    uv_cond_signal(&w->parked);
    uv_mutex_unlock(&w->lock);
    atomic_fetch_or(&one->up_bits, WORKER_ENDED);
    (void)uv_async_send(&one->main_wake);
}

static void run(void *arg)
{
    workers__run(arg);
}

static void on_main_wake(uv_async_t *wake)
{
    workers__read(wake->data);
}

void workers__close(worker *one)
{
    uv_close((uv_handle_t *)&one->wake, NULL);
    uv_close((uv_handle_t *)&one->flush, NULL);
    uv_close((uv_handle_t *)&one->turn, NULL);
    uv_close((uv_handle_t *)&one->look, NULL);
}

s2s_err workers__begin(worker *one)
{
    if (uv_loop_init(&one->loop) < 0)
        return S2S_E_NOMEM;
    one->has_loop = true;
    if (lane_init(&one->down, &one->env, &one->wake) != S2S_OK)
        return S2S_E_NOMEM;
    if (workers__held_begin(one) != S2S_OK)
        return S2S_E_NOMEM;
    if (lane_init(&one->up, &one->env, &one->main_wake) != S2S_OK || uv_async_init(&one->loop, &one->wake, on_wake) < 0)
        return S2S_E_NOMEM;
    uv_prepare_init(&one->loop, &one->flush);
    uv_prepare_start(&one->flush, on_flush);
    uv_check_init(&one->loop, &one->turn);
    uv_check_start(&one->turn, on_turn);
    uv_timer_init(&one->loop, &one->look);
    if (uv_async_init(one->w->loop, &one->main_wake, on_main_wake) < 0) {
        workers__close(one);
        return S2S_E_NOMEM;
    }
    one->wake.data = one->flush.data = one->turn.data = one->look.data = one->main_wake.data = one;
    one->has_handles = true;
    return S2S_OK;
}

s2s_err workers__start(worker *one)
{
    uv_thread_options_t options = {.flags = UV_THREAD_NO_FLAGS};
    one->state = WORKER_RUNS;
    one->has_thread = uv_thread_create_ex(&one->thread, &options, run, one) == 0;
    return one->has_thread ? S2S_OK : S2S_E_NOMEM;
}
