/* SPDX-License-Identifier: MIT */
/* relay.c: pairs of connections, each passing on what the other reads. */
#include "relay.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "s2s/base.h"
#include "transport/address.h"

/* One of the two connections of a pair. */
struct relay_end {
    relay *r;
    relay_end *other, *next;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool outwards; /* towards the target: what it reads comes back */
    bool closing;
};

typedef struct passed {
    uv_write_t req;
    char bytes[];
} passed;

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_end(relay_end *e)
{
    if (e->closing)
        return;
    e->closing = true;
    for (relay_end **at = &e->r->ends; *at; at = &(*at)->next) {
        if (*at == e) {
            *at = e->next;
            break;
        }
    }
    uv_close((uv_handle_t *)&e->tcp, on_closed);
}

static void close_pair(relay_end *e)
{
    relay_end *other = e->other;
    close_end(e);
    close_end(other);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(malloc(RELAY_BYTES), RELAY_BYTES);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    free(req->data);
}

static void pass_on(relay_end *to, const char *bytes, size_t len)
{
    passed *p = malloc(sizeof *p + len);
    cr_assert_not_null(p);
    for (size_t i = 0; i < len; i++)
        p->bytes[i] = bytes[i];
    p->req.data = p;
    uv_buf_t buf = uv_buf_init(p->bytes, (unsigned)len);
    if (uv_write(&p->req, (uv_stream_t *)&to->tcp, &buf, 1, on_written) < 0)
        free(p);
}

/* The kernel takes little for it from now on. */
static void stop_reading(uv_stream_t *stream)
{
    int small = 4096;
    uv_read_stop(stream);
    cr_assert_eq(uv_recv_buffer_size((uv_handle_t *)stream, &small), 0);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    relay_end *e = stream->data;
    bool held = e->outwards ? e->r->hold_back : e->r->hold_out;
    if (n < 0)
        close_pair(e);
    else if (!e->outwards && e->r->stop_out)
        stop_reading(stream);
    else if (n > 0 && !held && !e->other->closing)
        pass_on(e->other, buf->base, (size_t)n);
    free(buf->base);
}

static relay_end *new_end(relay *r, bool outwards)
{
    relay_end *e = calloc(1, sizeof *e);
    cr_assert_not_null(e);
    e->r = r;
    e->outwards = outwards;
    e->next = r->ends;
    r->ends = e;
    uv_tcp_init(r->loop, &e->tcp);
    e->tcp.data = e;
    return e;
}

static void on_connected(uv_connect_t *req, int status)
{
    relay_end *e = req->data;
    if (e->closing)
        return;
    if (status < 0) {
        close_pair(e);
        return;
    }
    uv_read_start((uv_stream_t *)&e->tcp, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&e->other->tcp, on_alloc, on_read);
}

static void on_connection(uv_stream_t *server, int status)
{
    relay *r = server->data;
    cr_assert_eq(status, 0);
    relay_end *in = new_end(r, false), *out = new_end(r, true);
    in->other = out;
    out->other = in;
    cr_assert_eq(uv_accept(server, (uv_stream_t *)&in->tcp), 0);
    r->accepted++;
    out->connect.data = out;
    if (r->turn_away ||
        uv_tcp_connect(&out->connect, &out->tcp, (const struct sockaddr *)&r->target, on_connected) < 0)
        close_pair(in);
}

void relay_begin(relay *r, uv_loop_t *loop, const char *target)
{
    struct sockaddr_in at;
    int len = sizeof at;
    *r = (relay){.loop = loop};
    cr_assert_eq(s2s__address_parse(s2s_str_of(target), &r->target), S2S_OK);
    uv_tcp_init(loop, &r->listener);
    r->listener.data = r;
    uv_ip4_addr("127.0.0.1", 0, &at);
    cr_assert_eq(uv_tcp_bind(&r->listener, (const struct sockaddr *)&at, 0), 0);
    cr_assert_eq(uv_listen((uv_stream_t *)&r->listener, 64, on_connection), 0);
    uv_tcp_getsockname(&r->listener, (struct sockaddr *)&at, &len);
    (void)snprintf(r->address, sizeof r->address, "127.0.0.1:%d", ntohs(at.sin_port));
}

void relay_cut(relay *r)
{
    while (r->ends)
        close_pair(r->ends);
}

void relay_end_all(relay *r)
{
    relay_cut(r);
    uv_close((uv_handle_t *)&r->listener, NULL);
}
