/* SPDX-License-Identifier: MIT */
/* connection_write.c: session -> TLS -> libuv: what a loop turn has produced is sent once, and then waited for. */
#include "transport/connection_inside.h"

void s2s__conn_forget_dirty(s2s__connection *c)
{
    if (c->out != S2S__OUT_DIRTY)
        return;
    s2s__connection **at = &c->io->dirty;
    while (*at != c)
        at = &(*at)->next_dirty;
    *at = c->next_dirty;
    c->out = S2S__OUT_IDLE;
}

size_t s2s__conn_unsent(const s2s__connection *c)
{
    const uint8_t *bytes;
    size_t n = s2s_session_output(c->session, &bytes) + c->clear.len;
    return n + (c->pump ? s2s__pump_output(c->pump, &bytes) : 0);
}

void s2s__conn_mark_dirty(s2s__connection *c)
{
    if (c->out != S2S__OUT_IDLE || c->life == S2S__LIFE_CLOSING || s2s__conn_unsent(c) == 0)
        return;
    c->out = S2S__OUT_DIRTY;
    c->next_dirty = c->io->dirty;
    c->io->dirty = c;
}

void s2s__conn_collect(s2s__connection *c)
{
    const uint8_t *bytes;
    size_t len = s2s_session_output(c->session, &bytes);
    if (len == 0)
        return;
    s2s_err err = c->pump ? s2s__pump_write(c->pump, (s2s_bytes){bytes, len})
                          : s2s__buf_append(&c->clear, bytes, len);
    s2s_session_sent(c->session, s2s__conn_now(c), len);
    if (err != S2S_OK)
        s2s_session_lost(c->session, s2s__conn_now(c), "could not encrypt or keep the output");
}

static void on_written(uv_write_t *req, int status)
{
    s2s__connection *c = req->data;
    c->out = S2S__OUT_IDLE;
    s2s__buf_free(&c->writing);
    if (c->life == S2S__LIFE_CLOSING)
        return;
    if (status < 0) {
        s2s__conn_broken(c, uv_strerror(status));
        s2s__conn_drive(c);
        return;
    }
    if (s2s__conn_is_over(c))
        s2s__conn_flush(c);
    else /* the rest goes with the turn's output: an acknowledgement must not overtake what its stanzas were passed on to */
        c->ops->progress(c->owner);
    s2s__conn_drive(c);
    s2s__conn_finish_if_sent(c);
}

/* Seldom needed, and large. False: out of memory. */
static bool make_request(s2s__connection *c)
{
    if (!c->request)
        c->request = s2s__alloc(c->io->env, sizeof *c->request);
    return c->request != NULL;
}

/* Hands `bytes` to the kernel, the rest to libuv. Returns how many are out of our hands. */
static size_t write_out(s2s__connection *c, const uint8_t *bytes, size_t len)
{
    uv_stream_t *stream = (uv_stream_t *)c->tcp;
    /* libuv's type is not const, but it only reads */
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)bytes, (unsigned)len);
    int n = uv_try_write(stream, &buf, 1);
    if (n < 0 && n != UV_EAGAIN) {
        s2s__conn_broken(c, uv_strerror(n));
        return len;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    if (sent == len)
        return len;
    if (!make_request(c) || s2s__buf_append(&c->writing, bytes + sent, len - sent) != S2S_OK) {
        s2s_session_lost(c->session, s2s__conn_now(c), "out of memory");
        return len;
    }
    buf = uv_buf_init((char *)c->writing.data + c->writing.start, (unsigned)c->writing.len);
    c->request->write.data = c;
    n = uv_write(&c->request->write, stream, &buf, 1, on_written);
    if (n < 0) {
        s2s__conn_broken(c, uv_strerror(n));
        return len;
    }
    c->out = S2S__OUT_WRITING;
    s2s__conn_note_progress(c);
    return len;
}

void s2s__conn_flush(s2s__connection *c)
{
    const uint8_t *bytes;
    size_t len;
    s2s__conn_forget_dirty(c);
    if (c->out != S2S__OUT_IDLE || c->life == S2S__LIFE_CLOSING)
        return;
    s2s__conn_note_use(c);
    s2s__conn_collect(c);
    if (c->clear.len > 0) {
        len = write_out(c, s2s__buf_bytes(&c->clear), c->clear.len);
        s2s__buf_drop(&c->clear, len);
        s2s__buf_free(&c->clear);
    }
    if (c->pump && c->out == S2S__OUT_IDLE && (len = s2s__pump_output(c->pump, &bytes)) > 0)
        s2s__pump_sent(c->pump, write_out(c, bytes, len));
}

void s2s__conn_flush_all(s2s__io *io)
{
    for (s2s__connection *c; (c = io->dirty) != NULL;) {
        s2s__conn_flush(c);
        if (!s2s__conn_is_over(c) && c->out != S2S__OUT_WRITING)
            c->ops->progress(c->owner);
        s2s__conn_drive(c);
    }
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    s2s__connection *c = req->data;
    if (status < 0 || c->eof)
        s2s__conn_close_handles(c);
    else
        c->life = S2S__LIFE_SHUT;
}

void s2s__conn_finish_if_sent(s2s__connection *c)
{
    if (c->life != S2S__LIFE_OVER || c->out == S2S__OUT_WRITING)
        return;
    if (c->out == S2S__OUT_BROKEN) {
        s2s__conn_close_handles(c);
        return;
    }
    c->life = S2S__LIFE_SHUTTING;
    if (c->in == S2S__IN_PAUSED && !c->eof)
        (void)s2s__conn_read_start(c); /* to see the end */
    if (!make_request(c)) {
        s2s__conn_close_handles(c);
        return;
    }
    c->request->shutdown.data = c;
    if (uv_shutdown(&c->request->shutdown, (uv_stream_t *)c->tcp, on_shutdown) < 0)
        s2s__conn_close_handles(c);
}
