/* SPDX-License-Identifier: MIT */
/* connection_rest.c: connections without traffic give back what is kept ready for more. */
#include "transport/connection_inside.h"

enum {
    LOOK_MS = 2,    /* between two looks for connections without traffic */
    LOOKS_ALL = 10, /* one look in so many is at all of them, the others are at those that have woken up since */
    SILENT_MAX = 6, /* silent looks at all in a row before one rests, or one more than it had busy ones before. Waking up again
                     * costs some microseconds; staying awake costs the memory of all that are set up in the meantime */
};

static void on_rest(uv_timer_t *timer);

void s2s__conn_note_use(s2s__connection *c)
{
    s2s__io *io = c->io;
    c->heard = true;
    if (c->prev_awake)
        return;
    c->next_awake = io->awake;
    c->prev_awake = &io->awake;
    if (io->awake)
        io->awake->prev_awake = &c->next_awake;
    io->awake = c;
    if (!uv_is_active((const uv_handle_t *)&io->rest) && !uv_is_closing((const uv_handle_t *)&io->rest))
        uv_timer_start(&io->rest, on_rest, LOOK_MS, LOOK_MS);
}

void s2s__conn_forget_awake(s2s__connection *c)
{
    if (!c->prev_awake)
        return;
    *c->prev_awake = c->next_awake;
    if (c->next_awake)
        c->next_awake->prev_awake = c->prev_awake;
    c->prev_awake = NULL;
}

static void note_busy(s2s__connection *c)
{
    c->silent = 0;
    if (c->busy_looks < SILENT_MAX)
        c->busy_looks++;
}

static void rest(s2s__connection *c)
{
    s2s_session_rest(c->session);
    if (c->pump)
        s2s__pump_rest(c->pump);
    s2s__conn_forget_awake(c);
    c->silent = c->busy_looks = 0;
}

static void look(s2s__connection *c, bool all)
{
    bool heard = c->heard;
    c->heard = false;
    if (heard && all)
        note_busy(c);
    else if (!heard && (++c->silent > c->busy_looks || c->silent == SILENT_MAX))
        rest(c);
}

/* Those that have woken up since the last look at all come first in the list: only they have not been found busy. */
static void on_rest(uv_timer_t *timer)
{
    s2s__io *io = timer->data;
    bool all = ++io->looks % LOOKS_ALL == 0;
    for (s2s__connection *c = io->awake, *next; c && (all || c->busy_looks == 0); c = next) {
        next = c->next_awake;
        look(c, all);
    }
    if (!io->awake)
        uv_timer_stop(timer);
}
