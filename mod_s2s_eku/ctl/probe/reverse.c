/* SPDX-License-Identifier: MIT */
/* reverse.c: two questions to a node's control socket, on the loop. */
#include "probe/reverse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/buf.h"

enum { READ_ROOM = 65536 };

typedef enum state { ASKING_PING, ASKING_STATUS, OVER } state;

struct reverse {
    const probe_context *context;
    const s2s_env *env; /* the handles may outlive the context */
    void (*done)(void *arg, json_t *result);
    void *arg;
    json_t *result, *ping;
    state state;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_connect_t connecting;
    uv_write_t writing;
    char *request; /* jansson's */
    s2s__buf answer;
    unsigned open_handles;
    bool cancelled;
    json_t *status;
    char room[READ_ROOM];
    char why[S2S_TEXT_MAX];
};

/* -- what it means ------------------------------------------------------------------------------------- */

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static json_t *streams_of(const char *domain, const json_t *status)
{
    size_t i;
    json_t *stream, *out = json_array();
    json_array_foreach(json_object_get(status, "streams"), i, stream)
    {
        if (strcmp(word(stream, "remote"), domain) == 0 && strcmp(word(stream, "direction"), "in") == 0)
            json_array_append(out, stream);
    }
    return out;
}

static void say(char out[3 * S2S_TEXT_MAX], const char *domain, const json_t *ping, const json_t *streams)
{
    const json_t *s = json_array_get(streams, 0);
    bool answered = json_is_true(json_object_get(ping, "ok"));
    if (s)
        (void)snprintf(out, 3 * S2S_TEXT_MAX,
                       "%.200s %s; it connects to us with %s, its certificate is %s as an initiator's "
                       "(EKU %s, chain %s), mechanism %s",
                       domain, answered ? "answers a ping" : "does not answer a ping", word(s, "tls"),
                       json_is_true(json_object_get(s, "trusted")) ? "accepted" : "not accepted", word(s, "eku"),
                       word(s, "chain"), word(s, "mechanism"));
    else if (answered)
        (void)snprintf(out, 3 * S2S_TEXT_MAX,
                       "%.200s answers a ping, over the stream that our node opened (bidi): it did not connect "
                       "to us",
                       domain);
    else
        (void)snprintf(out, 3 * S2S_TEXT_MAX, "%.200s does not answer a ping through our node: %s%s%s", domain,
                       word(ping, "condition"), *word(ping, "text") ? ": " : "", word(ping, "text"));
}

json_t *reverse_read(const char *domain, const json_t *ping, const json_t *status)
{
    char text[3 * S2S_TEXT_MAX];
    json_t *streams = streams_of(domain, status);
    say(text, domain, ping, streams);
    json_t *line = json_string(text);
    return json_pack("{s:b, s:o, s:O?, s:o}", "ok", json_is_true(json_object_get(ping, "ok")), "text",
                     line ? line : json_string("?"), "ping", ping, "streams", streams);
}

/* -- asking -------------------------------------------------------------------------------------------- */

static s2s_err ask(reverse *r);

static void deliver(reverse *r)
{
    json_t *result = r->result;
    r->result = NULL;
    if (*r->why)
        json_object_set_new(result, "reverse",
                            json_pack("{s:b, s:s, s:n, s:[]}", "ok", 0, "text", r->why, "ping", "streams"));
    else
        json_object_set_new(result, "reverse", reverse_read(word(result, "domain"), r->ping, r->status));
    r->done(r->arg, result);
}

static void on_closed(uv_handle_t *handle)
{
    reverse *r = handle->data;
    if (--r->open_handles > 0)
        return;
    free(r->request);
    r->request = NULL;
    s2s__buf_free(&r->answer);
    if (r->state == ASKING_STATUS && !r->cancelled && ask(r) == S2S_OK)
        return; /* a node takes one question on each connection */
    if (!r->cancelled)
        deliver(r);
    json_decref(r->result);
    json_decref(r->ping);
    json_decref(r->status);
    s2s__free(r->env, r);
}

static void close_handles(reverse *r)
{
    if (uv_is_closing((uv_handle_t *)&r->pipe))
        return;
    uv_close((uv_handle_t *)&r->pipe, on_closed);
    uv_close((uv_handle_t *)&r->timer, on_closed);
}

static void fail(reverse *r, const char *why)
{
    if (r->state != OVER)
        (void)snprintf(r->why, sizeof r->why, "the node at %.120s: %.100s", r->context->options->control, why);
    r->state = OVER;
    close_handles(r);
}

static void on_timeout(uv_timer_t *timer)
{
    fail(timer->data, "no answer in time");
}

static void on_answer(reverse *r)
{
    json_t *answer = json_loadb((const char *)s2s__buf_bytes(&r->answer), r->answer.len, 0, NULL);
    if (!json_is_object(answer) || json_object_get(answer, "error")) {
        fail(r, answer ? word(answer, "error") : "the answer is not JSON");
        json_decref(answer);
        return;
    }
    if (r->state == ASKING_PING) {
        r->ping = answer;
        r->state = ASKING_STATUS;
    } else {
        r->status = answer;
        r->state = OVER;
    }
    close_handles(r);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    reverse *r = handle->data;
    (void)suggested;
    *buf = uv_buf_init(r->room, sizeof r->room);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    reverse *r = stream->data;
    if (n > 0 && s2s__buf_append(&r->answer, buf->base, (size_t)n) != S2S_OK)
        fail(r, "the answer is too large");
    else if (n == UV_EOF)
        on_answer(r);
    else if (n < 0)
        fail(r, uv_strerror((int)n));
}

static void on_written(uv_write_t *request, int status)
{
    if (status < 0 && status != UV_ECANCELED)
        fail(request->data, uv_strerror(status));
}

static void on_connected(uv_connect_t *request, int status)
{
    reverse *r = request->data;
    if (status == UV_ECANCELED)
        return;
    uv_buf_t buf = uv_buf_init(r->request, (unsigned)strlen(r->request));
    if (status == 0)
        status = uv_write(&r->writing, (uv_stream_t *)&r->pipe, &buf, 1, on_written);
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&r->pipe, on_alloc, on_read);
    if (status < 0)
        fail(r, uv_strerror(status));
}

static char *request_text(const reverse *r)
{
    const char *from = r->context->from;
    json_t *request = r->state == ASKING_PING ? json_pack("{s:s, s:s, s:s*}", "command", "ping", "to",
                                                          word(r->result, "domain"), "from", *from ? from : NULL)
                                              : json_pack("{s:s}", "command", "status");
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    size_t len = text ? strlen(text) : 0;
    char *line = text ? realloc(text, len + 2) : NULL;
    if (!line) {
        free(text);
        return NULL;
    }
    memcpy(line + len, "\n", 2);
    return line;
}

static s2s_err ask(reverse *r)
{
    r->request = request_text(r);
    if (!r->request || uv_pipe_init(r->context->loop, &r->pipe, 0) < 0)
        return S2S_E_NOMEM;
    (void)uv_timer_init(r->context->loop, &r->timer);
    r->open_handles = 2;
    r->pipe.data = r->timer.data = r->connecting.data = r->writing.data = r;
    uv_timer_start(&r->timer, on_timeout, REVERSE_WAIT_MS, 0);
    uv_pipe_connect(&r->connecting, &r->pipe, r->context->options->control, on_connected);
    return S2S_OK;
}

s2s_err reverse_start(const probe_context *c, json_t *result, void (*done)(void *arg, json_t *result), void *arg,
                      reverse **out)
{
    reverse *r = s2s__alloc(c->env, sizeof *r);
    if (!r)
        return S2S_E_NOMEM;
    r->context = c;
    r->env = c->env;
    r->done = done;
    r->arg = arg;
    r->result = result;
    s2s__buf_init(&r->answer, c->env, REVERSE_ANSWER_MAX);
    s2s_err err = ask(r);
    if (err != S2S_OK) {
        free(r->request);
        s2s__free(c->env, r);
        return err;
    }
    *out = r;
    return S2S_OK;
}

void reverse_cancel(reverse *r)
{
    if (!r)
        return;
    r->cancelled = true;
    r->state = OVER;
    close_handles(r);
}
