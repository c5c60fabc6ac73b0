/* SPDX-License-Identifier: MIT */
/* clock_watch.c: the distance of two clocks, every ten seconds; what changes it slowly is no jump. */
#include "clock_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "protocol/log.h"

enum { NS_PER_SECOND = 1000000000, NUMBER_ROOM = 24 };

bool clock_watch_look(clock_watch *w, int64_t wall, int64_t steady, int64_t *seconds)
{
    int64_t offset = wall - steady;
    *seconds = offset - w->offset;
    w->offset = offset;
    return *seconds > CLOCK_WATCH_JUMP_SECONDS || *seconds < -CLOCK_WATCH_JUMP_SECONDS;
}

static int64_t steady_now(void)
{
    return (int64_t)(uv_hrtime() / NS_PER_SECOND);
}

static void on_timer(uv_timer_t *timer)
{
    clock_watch *w = timer->data;
    char number[NUMBER_ROOM];
    int64_t seconds;
    if (!clock_watch_look(w, (int64_t)time(NULL), steady_now(), &seconds))
        return;
    (void)snprintf(number, sizeof number, "%+" PRId64, seconds);
    s2s_field field = {"seconds", s2s_str_of(number)};
    s2s__log(w->env, S2S_LOG_WARN, "the clock has jumped, or this machine slept: certificates are judged by the new time; timedatectl "
             "says whether it is right", &field, 1);
    w->jumped(w->user);
}

void clock_watch_start(clock_watch *w, const s2s_env *env, uv_loop_t *loop, void (*jumped)(void *user), void *user)
{
    *w = (clock_watch){.env = env, .jumped = jumped, .user = user, .started = true};
    w->offset = (int64_t)time(NULL) - steady_now();
    uv_timer_init(loop, &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_timer, CLOCK_WATCH_LOOK_MS, CLOCK_WATCH_LOOK_MS);
    uv_unref((uv_handle_t *)&w->timer);
}

void clock_watch_stop(clock_watch *w)
{
    if (w->started)
        uv_close((uv_handle_t *)&w->timer, NULL);
    w->started = false;
}
