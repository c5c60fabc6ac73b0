/* SPDX-License-Identifier: MIT */
/* wire.c: libuv's TCP with a pump on it. */
#include "probe/wire.h"

#include <string.h>

#include "protocol/buf.h"

typedef enum state { CONNECTING, CLEAR, HANDSHAKING, SECURE, ENDING, OVER } state;

struct wire {
    const s2s_env *env;
    uv_loop_t *loop;
    wire_room *room;
    const wire_ops *ops;
    void *user;
    state state;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_connect_t connecting;
    uv_shutdown_t shutting;
    s2s__pump *pump;
    size_t received;
    unsigned open_handles;
    int failed; /* libuv's: uv_tcp_connect() itself */
    bool cancelled;
    wire_end how;
    char text[S2S_TEXT_MAX];
};

/* Bytes on their way, behind the request. */
typedef struct writing {
    uv_write_t request;
    const s2s_env *env;
    wire *wire;
    char bytes[];
} writing;

/* -- the end ------------------------------------------------------------------------------------------- */

/* The owner hears of the end from the loop, never from inside one of its own calls. */
static void on_handle_closed(uv_handle_t *handle)
{
    wire *w = handle->data;
    if (--w->open_handles > 0)
        return;
    if (!w->cancelled)
        w->ops->ended(w->user, w->how, w->text);
    s2s__pump_free(w->pump);
    s2s__free(w->env, w);
}

static void end(wire *w, wire_end how, const char *text)
{
    if (w->state == OVER)
        return;
    w->how = w->state == ENDING ? WIRE_OURS : how;
    s2s__copy_text(w->text, s2s_str_of(w->how == WIRE_OURS ? "" : text));
    w->state = OVER;
    uv_close((uv_handle_t *)&w->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&w->timer, on_handle_closed);
}

void wire_cancel(wire *w)
{
    if (!w)
        return;
    w->cancelled = true;
    end(w, WIRE_OURS, "");
}

static void on_deadline(uv_timer_t *timer)
{
    wire *w = timer->data;
    end(w, WIRE_TIMEOUT,
        w->state == CONNECTING    ? "no answer to the TCP connection attempt in time"
        : w->state == HANDSHAKING ? "the TLS handshake was not done in time"
                                  : "no answer in time");
}

void wire_deadline(wire *w, uint64_t milliseconds)
{
    if (w->state != OVER && w->state != ENDING)
        uv_timer_start(&w->timer, on_deadline, milliseconds, 0);
}

/* -- output -------------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *request, int status)
{
    writing *out = request->data;
    wire *w = out->wire;
    s2s__free(out->env, out);
    if (status < 0 && status != UV_ECANCELED)
        end(w, WIRE_LOST, uv_strerror(status));
}

static void write_tcp(wire *w, const uint8_t *bytes, size_t len)
{
    if (w->state == OVER || len == 0)
        return;
    if (len + uv_stream_get_write_queue_size((uv_stream_t *)&w->tcp) > WIRE_OUTPUT_MAX) {
        end(w, WIRE_LIMIT, "the peer does not take what is sent");
        return;
    }
    writing *out = s2s__alloc(w->env, sizeof *out + len);
    if (!out) {
        end(w, WIRE_MEMORY, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    out->env = w->env;
    out->wire = w;
    out->request.data = out;
    memcpy(out->bytes, bytes, len);
    uv_buf_t buf = uv_buf_init(out->bytes, (unsigned)len);
    int r = uv_write(&out->request, (uv_stream_t *)&w->tcp, &buf, 1, on_written);
    if (r < 0) {
        s2s__free(w->env, out);
        end(w, WIRE_LOST, uv_strerror(r));
    }
}

static void flush(wire *w)
{
    const uint8_t *bytes;
    size_t len;
    if (w->pump && w->state != OVER && (len = s2s__pump_output(w->pump, &bytes)) > 0) {
        write_tcp(w, bytes, len);
        s2s__pump_sent(w->pump, len);
    }
}

void wire_write(wire *w, s2s_bytes plain)
{
    if (w->state == OVER || w->state == ENDING)
        return;
    if (!w->pump) {
        write_tcp(w, plain.ptr, plain.len);
        return;
    }
    (void)s2s__pump_write(w->pump, plain); /* a failure shows at the next read */
    flush(w);
}

void wire_puts(wire *w, const char *text)
{
    wire_write(w, (s2s_bytes){(const uint8_t *)text, strlen(text)});
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
    if (status < 0 && status != UV_ECANCELED)
        end(request->data, WIRE_OURS, "");
}

void wire_close(wire *w)
{
    if (w->state == OVER || w->state == ENDING)
        return;
    if (w->state == CONNECTING) {
        w->state = ENDING;
        end(w, WIRE_OURS, "");
        return;
    }
    if (w->state == SECURE)
        s2s__pump_bye(w->pump);
    flush(w);
    if (w->state == OVER)
        return;
    w->state = ENDING;
    uv_timer_start(&w->timer, on_deadline, WIRE_LINGER_MS, 0);
    w->shutting.data = w;
    if (uv_shutdown(&w->shutting, (uv_stream_t *)&w->tcp, on_shutdown) < 0)
        end(w, WIRE_OURS, "");
}

/* -- input --------------------------------------------------------------------------------------------- */

static void tls_failed(wire *w, bool eof)
{
    if (eof && w->state == SECURE && s2s__pump_alert(w->pump) < 0)
        end(w, WIRE_CLOSED, "the peer closed the connection without a word");
    else
        end(w, WIRE_TLS, s2s__pump_error(w->pump));
}

static void handshake(wire *w, bool eof)
{
    s2s_err err = s2s__pump_handshake(w->pump);
    flush(w);
    if (w->state != HANDSHAKING || err == S2S_E_AGAIN)
        return;
    if (err != S2S_OK) {
        tls_failed(w, eof);
        return;
    }
    w->state = SECURE;
    w->ops->secured(w->user);
}

static void read_tls(wire *w, bool eof)
{
    while (w->state == SECURE || w->state == ENDING) {
        size_t got = 0;
        s2s_err err = s2s__pump_read(w->pump, (uint8_t *)w->room->plain, WIRE_READ_MAX, &got);
        flush(w);
        if (err == S2S_E_AGAIN || w->state == OVER)
            return;
        if (err == S2S_E_CLOSED)
            end(w, WIRE_CLOSED, "the peer closed TLS");
        else if (err != S2S_OK)
            tls_failed(w, eof);
        else if (w->state == SECURE)
            w->ops->bytes(w->user, (s2s_bytes){(uint8_t *)w->room->plain, got});
    }
}

static void take(wire *w, size_t len)
{
    s2s_bytes in = {(uint8_t *)w->room->cipher, len};
    w->received += len;
    if (w->received > WIRE_INPUT_MAX) {
        end(w, WIRE_LIMIT, "the peer sends more than a probe takes");
        return;
    }
    if (!w->pump) {
        if (w->state == CLEAR)
            w->ops->bytes(w->user, in);
        return;
    }
    if (s2s__pump_feed(w->pump, in) != S2S_OK) {
        end(w, WIRE_MEMORY, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    if (w->state == HANDSHAKING)
        handshake(w, false);
    read_tls(w, false);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    wire *w = handle->data;
    (void)suggested;
    *buf = uv_buf_init(w->room->cipher, WIRE_READ_MAX);
}

static void on_eof(wire *w)
{
    if (w->pump && w->state != ENDING) { /* an alert may have come just before */
        s2s__pump_eof(w->pump);
        if (w->state == HANDSHAKING)
            handshake(w, true);
        read_tls(w, true);
    }
    end(w, WIRE_CLOSED, "the peer closed the connection without a word");
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    wire *w = stream->data;
    (void)buf;
    if (w->state == OVER)
        return;
    if (n > 0)
        take(w, (size_t)n);
    else if (n == UV_EOF)
        on_eof(w);
    else if (n < 0)
        end(w, WIRE_LOST, uv_strerror((int)n));
}

/* -- the start ----------------------------------------------------------------------------------------- */

static void on_connected(uv_connect_t *request, int status)
{
    wire *w = request->data;
    if (w->state != CONNECTING)
        return;
    if (status < 0 || (status = uv_read_start((uv_stream_t *)&w->tcp, on_alloc, on_read)) < 0) {
        end(w, WIRE_LOST, uv_strerror(status));
        return;
    }
    w->state = CLEAR;
    w->ops->connected(w->user);
}

static void on_failed_at_once(uv_timer_t *timer)
{
    wire *w = timer->data;
    end(w, WIRE_LOST, uv_strerror(w->failed));
}

s2s_err wire_new(const s2s_env *env, uv_loop_t *loop, wire_room *room, const struct sockaddr *address,
                 const wire_ops *ops, void *user, wire **out)
{
    wire *w = s2s__alloc(env, sizeof *w);
    if (!w)
        return S2S_E_NOMEM;
    w->env = env;
    w->loop = loop;
    w->room = room;
    w->ops = ops;
    w->user = user;
    (void)uv_timer_init(loop, &w->timer);
    if (uv_tcp_init(loop, &w->tcp) < 0) {
        w->open_handles = 1;
        w->timer.data = w;
        w->cancelled = true;
        w->state = OVER;
        uv_close((uv_handle_t *)&w->timer, on_handle_closed);
        return S2S_E_NOMEM;
    }
    w->open_handles = 2;
    w->tcp.data = w->timer.data = w->connecting.data = w;
    w->failed = uv_tcp_connect(&w->connecting, &w->tcp, address, on_connected);
    if (w->failed < 0)
        uv_timer_start(&w->timer, on_failed_at_once, 0, 0);
    *out = w;
    return S2S_OK;
}

s2s_err wire_secure(wire *w, const s2s__pump_options *options)
{
    if (w->state != CLEAR)
        return S2S_E_STATE;
    s2s_err err = s2s__pump_new(w->env, options, &w->pump);
    if (err != S2S_OK)
        return err;
    w->state = HANDSHAKING;
    handshake(w, false);
    return S2S_OK;
}

const s2s__pump *wire_pump(const wire *w)
{
    return w->pump;
}
