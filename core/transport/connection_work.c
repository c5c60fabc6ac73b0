/* SPDX-License-Identifier: MIT */
/* connection_work.c: steps of TLS handshakes in libuv's threads, when so many are in flight that the streams that stand
 * would wait for them.
 *
 * A step is the whole of gnutls_handshake() between two packets: GnuTLS cannot put off a signature alone. While another thread has
 * the pump, the connection reads nothing (the kernel keeps what comes), sends nothing, and stays in memory. All else, the policy's
 * judgement too, happens on the loop. */
#include "transport/connection_inside.h"

#include <string.h>

/* Steps that one thread does in a row: waking it up and hearing of it costs a tenth of one. */
enum { BATCH = 8 };

struct s2s__conn_work {
    uv_work_t request;
    s2s__io *io;
    s2s__connection *batch[BATCH];
    unsigned len; /* 0: it is free */
};

static bool is_shaking(s2s__tls_stage stage)
{
    return stage == S2S__TLS_PEER || stage == S2S__TLS_WAITING || stage == S2S__TLS_AT_WORK;
}

void s2s__conn_set_tls(s2s__connection *c, s2s__tls_stage stage)
{
    c->io->shaking += is_shaking(stage);
    c->io->shaking -= is_shaking(c->tls);
    c->tls = stage;
}

/* -- the line -------------------------------------------------------------------------------------------- */

static void put_last(s2s__io *io, s2s__connection *c)
{
    c->next_waiting = NULL;
    c->prev_waiting = io->waiting_end;
    *io->waiting_end = c;
    io->waiting_end = &c->next_waiting;
}

static void take_out(s2s__io *io, s2s__connection *c)
{
    *c->prev_waiting = c->next_waiting;
    if (c->next_waiting)
        c->next_waiting->prev_waiting = c->prev_waiting;
    else
        io->waiting_end = c->prev_waiting;
}

/* -- the work -------------------------------------------------------------------------------------------- */

/* In another thread. */
static void on_work(uv_work_t *request)
{
    const s2s__conn_work *w = request->data;
    for (unsigned i = 0; i < w->len; i++)
        s2s__pump_work(w->batch[i]->pump);
}

static void on_worked(uv_work_t *request, int status);

static void begin_more(s2s__io *io, s2s__conn_work *w)
{
    for (s2s__connection *c; w->len < BATCH && (c = io->waiting) != NULL; w->batch[w->len++] = c) {
        take_out(io, c);
        s2s__conn_set_tls(c, S2S__TLS_AT_WORK);
    }
    if (w->len > 0)
        (void)uv_queue_work(io->loop, &w->request, on_work, on_worked); /* fails without a function alone */
}

static void go_on(s2s__connection *c, s2s_err err)
{
    s2s__conn_note_use(c);
    if (err == S2S_E_LIMIT)
        s2s__conn_handshake(c);
    else
        s2s__conn_handshook(c, err);
    if (c->tls != S2S__TLS_WAITING && c->tls != S2S__TLS_AT_WORK && s2s__conn_read_start(c) < 0)
        s2s_session_lost(c->session, s2s__conn_now(c), "the connection cannot be read");
    s2s__conn_after_handshake(c);
}

/* The pump is the loop's again. */
static void come_back(s2s__connection *c)
{
    s2s_err err = s2s__pump_worked(c->pump);
    s2s__conn_set_tls(c, S2S__TLS_PEER);
    if (!s2s__conn_is_over(c))
        go_on(c, err);
    else if (c->life != S2S__LIFE_CLOSING)
        (void)s2s__conn_read_start(c); /* to see the end */
    s2s__conn_release(c);
}

static void on_worked(uv_work_t *request, int status)
{
    s2s__conn_work *w = request->data;
    s2s__connection *done[BATCH];
    unsigned len = w->len;
    (void)status; /* nobody cancels it */
    memcpy(done, w->batch, len * sizeof *done);
    w->len = 0;
    begin_more(w->io, w); /* first, so that the thread has something to do meanwhile */
    for (unsigned i = 0; i < len; i++)
        come_back(done[i]);
}

bool s2s__conn_work_begin(s2s__connection *c)
{
    s2s__io *io = c->io;
    if (io->shaking <= io->env->limits.handshakes_on_loop || io->works_len == 0 || c->eof ||
        s2s__pump_begin(c->pump) != S2S_OK)
        return false;
    c->open_handles++;
    uv_read_stop((uv_stream_t *)c->tcp);
    s2s__conn_set_tls(c, S2S__TLS_WAITING);
    put_last(io, c);
    for (unsigned i = 0; i < io->works_len; i++) {
        if (io->works[i].len == 0) {
            begin_more(io, &io->works[i]);
            break;
        }
    }
    return true;
}

void s2s__conn_work_cancel(s2s__connection *c)
{
    if (c->tls != S2S__TLS_WAITING)
        return;
    take_out(c->io, c);
    come_back(c);
}

/* -- as many as are useful -------------------------------------------------------------------------------- */

s2s_err s2s__conn_works_new(s2s__io *io)
{
    unsigned others = uv_available_parallelism() - 1; /* processors that the loop leaves */
    unsigned most = io->env->limits.handshakes_at_work;
    if (most > others && most > 1)
        most = others > 0 ? others : 1;
    io->waiting_end = &io->waiting;
    io->works = s2s__alloc(io->env, most * sizeof *io->works);
    if (!io->works)
        return S2S_E_NOMEM;
    io->works_len = most;
    for (unsigned i = 0; i < most; i++) {
        io->works[i].io = io;
        io->works[i].request.data = &io->works[i];
    }
    return S2S_OK;
}

void s2s__conn_works_free(s2s__io *io)
{
    s2s__free(io->env, io->works);
    io->works = NULL;
    io->works_len = 0;
}
