/* SPDX-License-Identifier: MIT */
/* connection_read.c: libuv -> TLS -> session: the handshake, what is read, and its end. */
#include "transport/connection_inside.h"

#include <stdio.h>

static const char THEIR_END[] = "the peer closed the connection";

static void tls_lost(s2s__connection *c, const char *when)
{
    char text[S2S_TEXT_MAX];
    (void)snprintf(text, sizeof text, "TLS %s: %s", when, s2s__pump_error(c->pump));
    s2s_session_lost(c->session, s2s__conn_now(c), text);
}

void s2s__conn_handshook(s2s__connection *c, s2s_err err)
{
    if (err == S2S_E_AGAIN)
        return;
    s2s__conn_set_tls(c, err == S2S_OK ? S2S__TLS_UP : S2S__TLS_NONE);
    if (err == S2S_OK)
        (void)s2s_session_tls_up(c->session, s2s__conn_now(c));
    else
        tls_lost(c, "handshake failed");
}

void s2s__conn_handshake(s2s__connection *c)
{
    if (!s2s__conn_work_begin(c))
        s2s__conn_handshook(c, s2s__pump_handshake(c->pump));
}

void s2s__conn_read_plain(s2s__connection *c)
{
    while (!s2s__conn_is_over(c) && c->in != S2S__IN_PAUSED) {
        size_t got = 0;
        s2s_err err = s2s__pump_read(c->pump, c->io->plain_buf, S2S_FEED_MAX, &got);
        if (err == S2S_E_AGAIN)
            return;
        if (err == S2S_E_CLOSED)
            s2s_session_lost(c->session, s2s__conn_now(c), "the peer closed TLS without closing the stream");
        else if (err != S2S_OK)
            tls_lost(c, "connection failed");
        else
            (void)s2s_session_feed(c->session, s2s__conn_now(c), (s2s_bytes){c->io->plain_buf, got});
        s2s__conn_drive(c);
        if (err != S2S_OK)
            return;
        if (!s2s__conn_is_over(c))
            c->ops->heard(c->owner, got);
    }
}

void s2s__conn_after_handshake(s2s__connection *c)
{
    s2s__conn_drive(c);
    if (c->tls == S2S__TLS_UP)
        s2s__conn_read_plain(c);
    s2s__conn_mark_dirty(c);
}

static void take_cipher(s2s__connection *c)
{
    if (c->tls != S2S__TLS_UP) {
        s2s__conn_handshake(c);
        s2s__conn_after_handshake(c);
        return;
    }
    s2s__conn_read_plain(c);
    s2s__conn_mark_dirty(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    s2s__connection *c = handle->data;
    (void)suggested;
    *buf = uv_buf_init(c->io->read_buf, S2S_FEED_MAX);
}

/* All that has come is read, and its end was `why`, or what broke the other direction. */
static void input_done(s2s__connection *c, const char *why)
{
    s2s_session_lost(c->session, s2s__conn_now(c), c->out == S2S__OUT_BROKEN ? c->broken : why);
}

void s2s__conn_read_on(s2s__connection *c)
{
    if (c->tls == S2S__TLS_UP)
        s2s__conn_read_plain(c); /* what TLS still holds */
    s2s__conn_drive(c);          /* acknowledgements that were held back */
    if (c->eof && !s2s__conn_is_over(c) && c->in != S2S__IN_PAUSED) {
        input_done(c, THEIR_END);
        s2s__conn_drive(c);
    }
}

static void input_ended(s2s__connection *c, ssize_t why)
{
    uv_read_stop((uv_stream_t *)c->tcp);
    c->eof = true;
    if (s2s__conn_is_over(c)) {
        if (c->life == S2S__LIFE_SHUT)
            s2s__conn_close_handles(c);
        return;
    }
    if (c->pump && why == UV_EOF) {
        s2s__pump_eof(c->pump);
        take_cipher(c);
    }
    if (!s2s__conn_is_over(c) && c->in != S2S__IN_PAUSED)
        input_done(c, why == UV_EOF ? THEIR_END : uv_strerror((int)why));
    s2s__conn_drive(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    s2s__connection *c = stream->data;
    if (n < 0) {
        input_ended(c, n);
        return;
    }
    if (n == 0 || s2s__conn_is_over(c))
        return;
    s2s__conn_note_use(c);
    s2s_bytes in = {(const uint8_t *)buf->base, (size_t)n};
    if (!c->pump) {
        if (s2s_session_feed(c->session, s2s__conn_now(c), in) == S2S_E_STATE)
            s2s_session_lost(c->session, s2s__conn_now(c), "bytes before TLS could start");
        s2s__conn_drive(c);
        return;
    }
    s2s__pump_lend(c->pump, in);
    take_cipher(c);
    s2s_err err = s2s__pump_keep(c->pump); /* paused in the middle of it */
    if (err != S2S_OK && !s2s__conn_is_over(c)) {
        s2s_session_lost(c->session, s2s__conn_now(c), s2s_strerror(err));
        s2s__conn_drive(c);
    }
}

int s2s__conn_read_start(s2s__connection *c)
{
    return uv_read_start((uv_stream_t *)c->tcp, on_alloc, on_read);
}
