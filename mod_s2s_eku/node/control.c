/* SPDX-License-Identifier: MIT */
/* control.c: clients of the control socket. */
#include "control.h"

#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "protocol/buf.h"
#include "status.h"
#include "transport/spare.h"
#include "unix_socket.h"

enum { BACKLOG = 16, SOCKET_MODE = 0600 };

typedef struct client {
    struct client *next;
    control *owner;
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write_req;
    unsigned open_handles;
    char request[CONTROL_REQUEST_MAX];
    size_t len;
    json_t *asked; /* the request, while it is being answered */
    ping *ping;    /* waits for its answer */
    char *answer;  /* being written */
} client;

struct control {
    const s2s_env *env;
    uv_loop_t *loop;
    node *node;
    control_ops ops;
    uv_pipe_t pipe;
    s2s__spare *spare;
    unix_socket socket;
    client *clients;
    size_t clients_len;
    bool stopped;
};

/* -- the end of a client ------------------------------------------------------------------------------- */

static void on_client_closed(uv_handle_t *handle)
{
    client *k = handle->data;
    if (--k->open_handles > 0)
        return;
    for (client **at = &k->owner->clients; *at; at = &(*at)->next) {
        if (*at == k) {
            *at = k->next;
            break;
        }
    }
    k->owner->clients_len--;
    json_decref(k->asked);
    free(k->answer);
    s2s__free(k->owner->env, k);
}

static void close_client(client *k)
{
    if (uv_is_closing((uv_handle_t *)&k->pipe))
        return;
    node_ping_cancel(k->owner->node, k->ping);
    k->ping = NULL;
    uv_close((uv_handle_t *)&k->pipe, on_client_closed);
    uv_close((uv_handle_t *)&k->timer, on_client_closed);
}

static void on_io_timeout(uv_timer_t *timer)
{
    close_client(timer->data);
}

/* -- answers ------------------------------------------------------------------------------------------- */

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    close_client(req->data);
}

/* Takes over `answer`; NULL: out of memory. One object on one line. */
static void give(client *k, json_t *answer)
{
    k->answer = json_text(answer, JSON_COMPACT);
    json_decref(answer);
    if (!k->answer) {
        close_client(k);
        return;
    }
    /* libuv's type is not const, but it only reads */
    uv_buf_t bufs[] = {uv_buf_init(k->answer, (unsigned)strlen(k->answer)), uv_buf_init((char *)(uintptr_t)"\n", 1)};
    k->write_req.data = k;
    if (uv_write(&k->write_req, (uv_stream_t *)&k->pipe, bufs, 2, on_written) < 0)
        close_client(k);
    else
        uv_timer_start(&k->timer, on_io_timeout, CONTROL_IO_MS, 0);
}

static void give_error(client *k, const char *error)
{
    give(k, json_pack("{s:s}", "error", error));
}

static const char *asked_text(const client *k, const char *key)
{
    return json_string_value(json_object_get(k->asked, key));
}

static void give_ping(client *k, const ping_result *r)
{
    const char *from = asked_text(k, "from");
    give(k, json_pack("{s:s, s:s, s:b, s:I, s:s?, s:s?}", "to", asked_text(k, "to"), "from",
                      from ? from : node_first_domain(k->owner->node), "ok", r->ok, "milliseconds",
                      (json_int_t)r->milliseconds, "condition", r->ok ? NULL : r->condition, "text",
                      *r->text ? r->text : NULL));
}

static void on_ping(void *user, const ping_result *result)
{
    client *k = user;
    k->ping = NULL;
    give_ping(k, result);
}

static s2s_time ping_wait(const client *k)
{
    return 2 * (s2s_time)k->owner->env->limits.negotiation_ms + CONTROL_PING_MS;
}

static void on_ping_timeout(uv_timer_t *timer)
{
    client *k = timer->data;
    ping_result none = {.milliseconds = ping_wait(k), .condition = "remote-server-timeout",
                        .text = "no answer came"};
    node_ping_cancel(k->owner->node, k->ping);
    k->ping = NULL;
    give_ping(k, &none);
}

static void start_ping(client *k)
{
    const char *from = asked_text(k, "from"), *to = asked_text(k, "to");
    if (!to) {
        give_error(k, "ping: 'to' is missing");
        return;
    }
    uv_timer_start(&k->timer, on_ping_timeout, ping_wait(k), 0); /* before: the answer may come at once */
    s2s_err err = node_ping(k->owner->node, from, to, on_ping, k, &k->ping);
    if (err == S2S_E_NOTFOUND)
        give_error(k, "ping: 'from' is not a domain of this node");
    else if (err == S2S_E_INVAL)
        give_error(k, "ping: 'to' is not an XMPP address");
    else if (err != S2S_OK)
        give_error(k, s2s_strerror(err));
}

static void give_status(client *k)
{
    give(k, status_of(k->owner->node));
}

static void give_peers(client *k)
{
    give(k, status_peers(k->owner->node));
}

static void give_census(client *k)
{
    give(k, census_json(node_census(k->owner->node)));
}

static void close_remote(client *k)
{
    const char *remote = asked_text(k, "remote");
    size_t closed = 0;
    if (!remote)
        give_error(k, "close: 'remote' is missing");
    else if (node_close_remote(k->owner->node, remote, &closed) != S2S_OK)
        give_error(k, "close: 'remote' is not a domain");
    else
        give(k, json_pack("{s:s, s:I}", "remote", remote, "closed", (json_int_t)closed));
}

static void reload_all(client *k)
{
    const control_ops *ops = &k->owner->ops;
    if (ops->reload)
        give(k, ops->reload(ops->user));
    else
        give_error(k, "reload: not possible here");
}

static const struct command_row {
    const char *name;
    void (*run)(client *k);
} COMMANDS[] = {{"status", give_status},
                {"peers", give_peers},
                {"census", give_census},
                {"ping", start_ping},
                {"close", close_remote},
                {"reload", reload_all}};

static void take_request(client *k)
{
    uv_read_stop((uv_stream_t *)&k->pipe);
    uv_timer_stop(&k->timer);
    bool no_memory;
    k->asked = json_read(k->request, k->len, &no_memory);
    if (no_memory) {
        give_error(k, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    const char *command = asked_text(k, "command");
    for (size_t i = 0; command && i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(command, COMMANDS[i].name) == 0) {
            COMMANDS[i].run(k);
            return;
        }
    }
    give_error(k, command ? "no such command" : "a request is a JSON object with a 'command'");
}

/* -- input --------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    client *k = handle->data;
    (void)suggested;
    *buf = uv_buf_init(k->request + k->len, (unsigned)(sizeof k->request - k->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    client *k = stream->data;
    if (n < 0) {
        close_client(k);
        return;
    }
    const char *end = memchr(buf->base, '\n', (size_t)n);
    k->len += (size_t)n;
    if (end) {
        k->len = (size_t)(end - k->request);
        take_request(k);
    } else if (k->len == sizeof k->request) {
        uv_read_stop(stream);
        give_error(k, "the request is too long");
    }
}

static void on_connection(uv_stream_t *handle, int status)
{
    control *c = handle->data;
    if (status < 0)
        return;
    client *k = s2s__alloc(c->env, sizeof *k);
    if (!k || uv_pipe_init(c->loop, &k->pipe, 0) < 0) {
        s2s__free(c->env, k);
        s2s__spare_turn_away(c->spare, handle);
        return;
    }
    k->owner = c;
    uv_timer_init(c->loop, &k->timer);
    k->pipe.data = k->timer.data = k;
    k->open_handles = 2;
    k->next = c->clients;
    c->clients = k;
    c->clients_len++;
    if (uv_accept(handle, (uv_stream_t *)&k->pipe) < 0 || c->clients_len > CONTROL_CLIENTS_MAX ||
        uv_read_start((uv_stream_t *)&k->pipe, on_alloc, on_read) < 0)
        close_client(k);
    else
        uv_timer_start(&k->timer, on_io_timeout, CONTROL_IO_MS, 0);
}

/* -- life ---------------------------------------------------------------------------------------------- */

s2s_err control_new(const s2s_env *env, uv_loop_t *loop, node *n, const control_ops *ops, char *path, control **out,
                    char why[S2S_TEXT_MAX])
{
    control *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    *c = (control){.env = env, .loop = loop, .node = n, .ops = *ops, .spare = s2s__spare_new(env)};
    if (!c->spare || uv_pipe_init(loop, &c->pipe, 0) < 0) {
        s2s_err failed = c->spare ? S2S_E_IO : S2S_E_NOMEM;
        s2s__spare_free(c->spare);
        s2s__free(env, c);
        return failed;
    }
    c->pipe.data = c;
    *out = c;
    s2s_err err = unix_socket_bind(&c->pipe, path, SOCKET_MODE, &c->socket, why);
    if (err == S2S_OK && uv_listen((uv_stream_t *)&c->pipe, BACKLOG, on_connection) < 0)
        err = S2S_E_IO;
    return err;
}

void control_stop(control *c)
{
    if (!c || c->stopped)
        return;
    c->stopped = true;
    unix_socket_remove(&c->socket);
    for (client *k = c->clients; k; k = k->next)
        close_client(k);
    uv_close((uv_handle_t *)&c->pipe, NULL);
    s2s__spare_free(c->spare);
}

void control_free(control *c)
{
    if (c)
        s2s__free(c->env, c);
}
