/* SPDX-License-Identifier: MIT */
/* component_stream.c: header, handshake, stanzas, close; one connection on libuv. */
#include "component_stream.h"

#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "component_queue.h"
#include "protocol/log.h"
#include "protocol/stream/stream.h"
#include "protocol/xml/ns.h"
#include "s2s/addr.h"
#include "transport/address.h"
#include "transport/socket.h"

enum { SHA1_BYTES = 20, KEEPALIVE_SECONDS = 120, WRITE_PIECES = 64, FRAME_MAX = 4096 };
enum { GATHERED_MAX = 32768 }; /* what a loop turn brings is sent when it is over, or when so much is there: before a component with
                              * much traffic counts as slow, and while it is in the processor's cache */

static const char DOES_NOT_TAKE[] = "the component does not take what is sent to it";

/* Named after what must come next. */
typedef enum stream_state {
    EXPECT_HEADER,
    EXPECT_HANDSHAKE,
    EXPECT_STANZA, /* attached */
    EXPECT_END,    /* our end is queued or sent */
    CLOSED,
} stream_state;

struct component_stream {
    const s2s_env *env;
    const component_stream_ops *ops;
    void *user;
    s2s__socket io;
    uv_timer_t timer;
    uv_idle_t turn;      /* active while there is something to do in the next loop turn */
    uv_write_t write_req;
    uv_shutdown_t shutdown_req;
    char *read_buf;
    char address[S2S_ADDRESS_MAX];

    stream_state state;
    s2s__reader *reader;
    char id[S2S_STREAM_ID_LEN + 1];
    const config_account *account;
    size_t preauth_bytes;
    component_queue queue;
    s2s_time deadline;   /* of the negotiation, of draining, or of the close */
    s2s_time stalled_by;
    size_t stalled_size; /* libuv's queue when `stalled_by` was set */
    unsigned open_handles;
    bool paused, leftover; /* the reader has items that were not looked at */
    bool is_writing, is_shut, is_slow, is_reading, eof;
};

static s2s_time now(const component_stream *s)
{
    return uv_now(s->timer.loop);
}

/* -- the end ------------------------------------------------------------------------------------------- */

static void set_state(component_stream *s, stream_state state)
{
    s->state = state;
}

/* Only then is there a deadline in this state. */
static bool drains(const component_stream *s)
{
    return s->state == EXPECT_STANZA && s->deadline != S2S_NEVER;
}

static void note_size(component_stream *s)
{
    size_t most = drains(s) ? 0 : s->is_slow ? COMPONENT_SOFT_BYTES / 2 : COMPONENT_SOFT_BYTES;
    bool slow = s->state == EXPECT_STANZA && s->queue.bytes > most;
    if (slow == s->is_slow)
        return;
    s->is_slow = slow;
    if (drains(s) && !slow)
        s->deadline = S2S_NEVER;
    s->ops->slow(s->user, slow);
}

static void bounce_queue(component_stream *s)
{
    s2s_stanza st;
    component_block *held;
    while (component_queue_pop(&s->queue, &st, &held)) {
        s->ops->undelivered(s->user, &st);
        component_queue_drop(&s->queue, held);
    }
}

static void on_handle_closed(uv_handle_t *handle)
{
    component_stream *s = handle->data;
    if (--s->open_handles > 0)
        return;
    const component_stream_ops *ops = s->ops;
    void *user = s->user;
    component_queue_free(&s->queue);
    s2s__reader_free(s->reader);
    s2s__free(s->env, s);
    ops->gone(user);
}

/* Leaves `state`, and says so if the component was attached. */
static void leave(component_stream *s, stream_state state, const char *why)
{
    bool attached = s->state == EXPECT_STANZA;
    set_state(s, state);
    note_size(s);
    if (attached)
        s->ops->detached(s->user, why);
}

/* Closes the connection at once; what has not gone out bounces. */
static void cut(component_stream *s, const char *why)
{
    if (s->state == CLOSED)
        return;
    leave(s, CLOSED, why);
    uv_close(&s->io.handle, on_handle_closed);
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->turn, on_handle_closed);
    if (!s->is_writing) /* else the chunk at hand is libuv's until on_written */
        bounce_queue(s);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    component_stream *s = req->data;
    if (status < 0 || s->eof)
        cut(s, "closed");
}

/* -- output -------------------------------------------------------------------------------------------- */

static void on_turn(uv_idle_t *handle);
static void on_timer(uv_timer_t *timer);

static void wake(component_stream *s)
{
    if (s->state != CLOSED && !uv_is_active((const uv_handle_t *)&s->turn))
        uv_idle_start(&s->turn, on_turn);
}

static void set_timer(component_stream *s)
{
    s2s_time by = s->deadline;
    if (s->state == CLOSED)
        return;
    if (s->is_writing && s->stalled_by < by)
        by = s->stalled_by;
    if (by == S2S_NEVER)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, on_timer, by > now(s) ? by - now(s) : 0, 0);
}

static void note_progress(component_stream *s)
{
    s->stalled_size = uv_stream_get_write_queue_size(&s->io.stream);
    s->stalled_by = now(s) + s->env->limits.stall_ms;
}

static void flush(component_stream *s);

static void on_written(uv_write_t *req, int status)
{
    component_stream *s = req->data;
    s->is_writing = false;
    if (status == 0) {
        uv_buf_t first;
        if (component_queue_lend_first(&s->queue, &first))
            component_queue_sent(&s->queue, first.len);
    }
    if (s->state == CLOSED) {
        bounce_queue(s);
        return;
    }
    if (status < 0) {
        cut(s, uv_strerror(status));
        return;
    }
    note_size(s);
    flush(s);
}

/* All is sent and the stream is over: half-close, so that the component gets it all, and wait for its end. */
static void finish_if_sent(component_stream *s)
{
    if (s->state != EXPECT_END || s->is_shut || s->is_writing || s->queue.bytes > 0)
        return;
    s->is_shut = true;
    s->shutdown_req.data = s;
    if (uv_shutdown(&s->shutdown_req, &s->io.stream, on_shutdown) < 0)
        cut(s, "closed");
}

/* Sends as much as the kernel takes. The first stanza that it does not take whole goes through libuv, alone: if that fails,
 * it was not sent whole, and bounces. */
static void flush(component_stream *s)
{
    uv_buf_t bufs[WRITE_PIECES];
    size_t n;
    while (!s->is_writing && s->state != CLOSED && (n = component_queue_lend(&s->queue, bufs, WRITE_PIECES)) > 0) {
        int sent = uv_try_write(&s->io.stream, bufs, (unsigned)n);
        if (sent > 0) {
            component_queue_sent(&s->queue, (size_t)sent);
            continue;
        }
        s->write_req.data = s;
        (void)component_queue_lend_first(&s->queue, bufs);
        if ((sent < 0 && sent != UV_EAGAIN) ||
            (sent = uv_write(&s->write_req, &s->io.stream, bufs, 1, on_written)) < 0) {
            cut(s, uv_strerror(sent));
            return;
        }
        s->is_writing = true;
        note_progress(s);
    }
    note_size(s);
    finish_if_sent(s);
    set_timer(s);
}

static void time_is_up(component_stream *s)
{
    if (s->state == EXPECT_END)
        cut(s, "closed");
    else if (drains(s))
        cut(s, DOES_NOT_TAKE);
    else
        component_stream_close(s, S2S_COND_CONNECTION_TIMEOUT, "no handshake in time");
}

static void on_timer(uv_timer_t *timer)
{
    component_stream *s = timer->data;
    if (now(s) >= s->deadline) {
        time_is_up(s);
        return;
    }
    if (s->is_writing && now(s) >= s->stalled_by) {
        if (uv_stream_get_write_queue_size(&s->io.stream) >= s->stalled_size) {
            cut(s, DOES_NOT_TAKE);
            return;
        }
        note_progress(s);
    }
    set_timer(s);
}

static void send_header(component_stream *s, s2s_str from)
{
    s2s__buf out;
    s2s__buf_init(&out, s->env, FRAME_MAX);
    s2s_err err = s2s__stream_id(s->env, s->id);
    if (err == S2S_OK)
        err = s2s__stream_write_header(&out, NS_COMPONENT, from, S2S_STR_ABSENT, s2s_str_of(s->id));
    if (err == S2S_OK)
        err = component_queue_text(&s->queue, s2s__buf_view(&out));
    s2s__buf_free(&out);
    if (err != S2S_OK)
        cut(s, s2s_strerror(err));
}

/* The end of the stream. With `drop`, only what has begun to go out still goes out; the rest bounces. */
static void end_stream(component_stream *s, s2s_cond cond, const char *text, bool drop)
{
    s2s__buf out;
    if (s->state == EXPECT_END || s->state == CLOSED)
        return;
    if (drop && (s->is_writing || component_queue_in_the_middle(&s->queue))) {
        cut(s, text); /* in the middle of a stanza nothing can be said */
        return;
    }
    if (s->state == EXPECT_HEADER)
        send_header(s, S2S_STR_ABSENT); /* RFC 6120 section 4.9.1.1: an error needs an open stream */
    if (s->state == CLOSED)
        return;
    if (cond != S2S_COND_NONE)
        s->ops->refused(s->user, s->address, cond, text);
    s->deadline = now(s) + s->env->limits.close_ms;
    leave(s, EXPECT_END, text);
    if (drop)
        bounce_queue(s);
    s2s__buf_init(&out, s->env, FRAME_MAX);
    if (cond != S2S_COND_NONE)
        s2s__stream_write_error(&out, cond, text, NULL);
    s2s_err err = s2s__stream_write_end(&out);
    if (err == S2S_OK)
        err = component_queue_text(&s->queue, s2s__buf_view(&out));
    s2s__buf_free(&out);
    if (err != S2S_OK)
        cut(s, s2s_strerror(err));
    else
        wake(s);
}

void component_stream_close(component_stream *s, s2s_cond cond, const char *text)
{
    end_stream(s, cond, text, false);
}

/* -- input --------------------------------------------------------------------------------------------- */

/* CO-01, CO-03 */
static void take_header(component_stream *s, const s2s__header *h)
{
    if (!h->content_ns_ok) {
        component_stream_close(s, S2S_COND_INVALID_NAMESPACE, "the namespace here is " NS_COMPONENT);
        return;
    }
    if (!h->to.ptr) {
        component_stream_close(s, S2S_COND_IMPROPER_ADDRESSING, "the header has no 'to'");
        return;
    }
    s->account = s->ops->account(s->user, h->to);
    if (!s->account) {
        component_stream_close(s, S2S_COND_HOST_UNKNOWN, "no component of this name is configured");
        return;
    }
    send_header(s, s2s_str_of(s->account->domain));
    if (s->state == EXPECT_HEADER)
        set_state(s, EXPECT_HANDSHAKE);
}

/* CO-02, CO-06: lowercase hex of SHA-1(id, secret), compared in constant time. */
static bool proves_secret(const component_stream *s, s2s_str proof)
{
    static const char DIGITS[] = "0123456789abcdef";
    uint8_t hash[SHA1_BYTES];
    char want[2 * SHA1_BYTES];
    s2s__buf text;
    s2s__buf_init(&text, s->env, FRAME_MAX + strlen(s->account->secret));
    s2s__buf_puts(&text, s->id);
    s2s_err err = s2s__buf_puts(&text, s->account->secret);
    if (err == S2S_OK && gnutls_hash_fast(GNUTLS_DIG_SHA1, s2s__buf_bytes(&text), text.len, hash) != 0)
        err = S2S_E_TLS;
    if (text.data)
        gnutls_memset(text.data, 0, text.room);
    s2s__buf_free(&text);
    if (err != S2S_OK || proof.len != sizeof want)
        return false;
    for (size_t i = 0; i < SHA1_BYTES; i++) {
        want[2 * i] = DIGITS[hash[i] >> 4];
        want[2 * i + 1] = DIGITS[hash[i] & 15];
    }
    return gnutls_memcmp(want, proof.ptr, sizeof want) == 0;
}

static void take_handshake(component_stream *s, const s2s__item *item)
{
    if (!s2s__node_is(item->node, NS_COMPONENT, "handshake")) {
        component_stream_close(s, S2S_COND_NOT_AUTHORIZED, "a handshake must come first");
        return;
    }
    if (!proves_secret(s, s2s__node_text(item->tree, item->node))) {
        component_stream_close(s, S2S_COND_NOT_AUTHORIZED, "the handshake does not prove the secret: is it the same on both sides?");
        return;
    }
    if (!s->ops->attach(s->user, s->account)) {
        component_stream_close(s, S2S_COND_CONFLICT, "the component is connected already");
        return;
    }
    set_state(s, EXPECT_STANZA);
    s->deadline = S2S_NEVER;
    s2s__reader_set_limit(s->reader, s->env->limits.stanza_bytes, 0);
    if (component_queue_text(&s->queue, S2S_STR("<handshake/>")) != S2S_OK)
        cut(s, s2s_strerror(S2S_E_NOMEM));
}

/* CO-04: a component that speaks for others is misconfigured or worse; as Prosody does, the stream ends. */
static void take_stanza(component_stream *s, const s2s_stanza *st)
{
    s2s_jid from;
    if (!st->from.ptr || s2s_jid_split(st->from, &from) != S2S_OK ||
        !s2s_domain_is(from.domain, s2s_str_of(s->account->domain))) {
        component_stream_close(s, S2S_COND_INVALID_FROM, "'from' is not an address of this component");
        return;
    }
    if (!s->ops->stanza(s->user, st))
        s->paused = true;
}

static void take_element(component_stream *s, const s2s__item *item)
{
    switch (s->state) {
    case EXPECT_HEADER:
    case EXPECT_END:
    case CLOSED: return;
    case EXPECT_HANDSHAKE:
        if (item->type == ITEM_STANZA)
            component_stream_close(s, S2S_COND_NOT_AUTHORIZED, "a handshake must come first");
        else
            take_handshake(s, item);
        return;
    case EXPECT_STANZA:
        if (item->type == ITEM_STANZA) {
            take_stanza(s, item->stanza);
        } else if (s2s__node_is(item->node, NS_STREAMS, "error")) {
            char text[S2S_TEXT_MAX];
            s2s_cond cond = s2s__stream_read_error(item->tree, item->node, text);
            end_stream(s, S2S_COND_NONE, s2s_cond_name(cond), true);
        } else {
            component_stream_close(s, S2S_COND_UNSUPPORTED_STANZA_TYPE, "not a stanza of " NS_COMPONENT);
        }
        return;
    }
}

/* Looks at what the reader has, until it is dry, paused, or nothing counts any more. */
static void take_items(component_stream *s)
{
    s2s__item item;
    while (s->state < EXPECT_END && !s->paused && s2s__reader_next(s->reader, &item) != ITEM_NONE) {
        switch (item.type) {
        case ITEM_NONE: break;
        case ITEM_OPEN: take_header(s, item.header); break;
        case ITEM_STANZA:
        case ITEM_OVERSIZE: /* none: not asked for */
        case ITEM_NONZA: take_element(s, &item); break;
        case ITEM_CLOSE: end_stream(s, S2S_COND_NONE, "the component ended the stream", true); break;
        case ITEM_ERROR: component_stream_close(s, item.cond, item.why); break;
        }
    }
    s->leftover = s->paused;
    if (s->paused && s->is_reading) { /* at once: the reader takes no more before it is dry */
        uv_read_stop(&s->io.stream);
        s->is_reading = false;
    }
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    component_stream *s = handle->data;
    (void)suggested;
    *buf = uv_buf_init(s->read_buf, COMPONENT_READ_BYTES);
}

static void input_ended(component_stream *s, ssize_t why)
{
    s->eof = true;
    s->is_reading = false;
    uv_read_stop(&s->io.stream);
    if (s->state != EXPECT_END)
        cut(s, why == UV_EOF ? "the component closed the connection" : uv_strerror((int)why));
    else if (why != UV_EOF || (s->is_shut && s->queue.bytes == 0))
        cut(s, "closed");
    /* else: it may still read what we have for it; the deadline stands */
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    component_stream *s = stream->data;
    if (n < 0) {
        input_ended(s, n);
        return;
    }
    if (n == 0 || s->state >= EXPECT_END)
        return;
    if (s->state < EXPECT_STANZA && (s->preauth_bytes += (size_t)n) > s->env->limits.preauth_bytes) {
        component_stream_close(s, S2S_COND_POLICY_VIOLATION, "too much before the handshake");
        return;
    }
    if (s2s__reader_feed(s->reader, (s2s_bytes){(const uint8_t *)buf->base, (size_t)n}) != S2S_OK) {
        cut(s, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    take_items(s);
    wake(s);
}

/* Once per loop turn: goes on with input that was left, sees to reading, sends what has gathered. */
static void on_turn(uv_idle_t *handle)
{
    component_stream *s = handle->data;
    uv_idle_stop(&s->turn);
    if (s->leftover && !s->paused)
        take_items(s);
    if (s->state == CLOSED)
        return;
    bool want = !s->eof && (!s->paused || s->state == EXPECT_END);
    if (want && !s->is_reading)
        uv_read_start(&s->io.stream, on_alloc, on_read);
    else if (!want && s->is_reading)
        uv_read_stop(&s->io.stream);
    s->is_reading = want;
    flush(s);
}

/* -- from the owner ------------------------------------------------------------------------------------ */

s2s_err component_stream_send(component_stream *s, const s2s_stanza *stanza)
{
    if (s->state != EXPECT_STANZA)
        return S2S_E_STATE;
    if (s->queue.bytes >= COMPONENT_HARD_BYTES)
        return S2S_E_LIMIT;
    s2s_err err = component_queue_stanza(&s->queue, stanza);
    if (err != S2S_OK)
        return err;
    if (s->queue.bytes >= GATHERED_MAX && !s->is_writing) {
        flush(s);
        return S2S_OK;
    }
    note_size(s);
    wake(s);
    return S2S_OK;
}

void component_stream_resume(component_stream *s)
{
    if (!s->paused)
        return;
    s->paused = false;
    wake(s);
}

bool component_stream_drain(component_stream *s)
{
    if (s->state == EXPECT_STANZA && s->queue.bytes > 0) {
        s->deadline = now(s) + s->env->limits.close_ms;
        note_size(s);
        set_timer(s);
    }
    return s->state >= EXPECT_STANZA && s->queue.bytes > 0;
}

bool component_stream_has_unsent(const component_stream *s)
{
    return s->queue.bytes > 0;
}

const char *component_stream_domain(const component_stream *s)
{
    return s->account ? s->account->domain : "";
}

const char *component_stream_address(const component_stream *s)
{
    return s->address;
}

static void note_address(component_stream *s)
{
    struct sockaddr_storage peer;
    int len = sizeof peer;
    (void)snprintf(s->address, sizeof s->address, "unix");
    if (s->io.handle.type != UV_TCP)
        return;
    uv_tcp_nodelay(&s->io.tcp, 1);
    uv_tcp_keepalive(&s->io.tcp, 1, KEEPALIVE_SECONDS);
    if (uv_tcp_getpeername(&s->io.tcp, (struct sockaddr *)&peer, &len) == 0)
        s2s__address_print((const struct sockaddr *)&peer, s->address);
}

s2s_err component_stream_accept(const s2s_env *env, uv_stream_t *listener, char *read_buf,
                                const component_stream_ops *ops, void *user, component_stream **out)
{
    s2s_err err = S2S_E_NOMEM;
    component_stream *s = s2s__alloc(env, sizeof *s);
    if (!s)
        return err;
    *s = (component_stream){.env = env, .ops = ops, .user = user, .read_buf = read_buf};
    component_queue_init(&s->queue, env);
    if ((err = s2s__reader_new(env, NS_COMPONENT, &s->reader)) != S2S_OK)
        goto fail;
    if (s2s__socket_init(&s->io, listener->loop, listener->type) < 0) {
        err = S2S_E_IO;
        goto fail;
    }
    uv_timer_init(listener->loop, &s->timer);
    uv_idle_init(listener->loop, &s->turn);
    s->io.handle.data = s->timer.data = s->turn.data = s;
    s->open_handles = 3;
    *out = s;
    s->deadline = now(s) + env->limits.negotiation_ms;
    if (uv_accept(listener, &s->io.stream) < 0) {
        cut(s, "the connection was gone before it was accepted");
        return S2S_OK; /* `gone` follows */
    }
    note_address(s);
    wake(s);
    set_timer(s);
    return S2S_OK;
fail:
    s2s__reader_free(s->reader);
    s2s__free(env, s);
    return err;
}

void component_stream_renew(component_stream *s)
{
    if (!s->account || s->state >= EXPECT_END)
        return; /* it is not looked at any more */
    s->account = s->ops->account(s->user, s2s_str_of(s->account->domain));
    if (!s->account)
        component_stream_close(s, S2S_COND_HOST_GONE, "the account is not in the configuration any more");
}
