/* SPDX-License-Identifier: MIT */
/* fake_tcp.c: libuv's TCP over net.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/fake_uv_inside.h"
#include "sim/net.h"

enum { READS_MAX = 32 };

/* What a TCP handle has; its address is in u.reserved[0]. */
typedef struct tcp {
    net_end *end;
    net_listener *listener;
    struct sockaddr_storage bound;
    uv_write_t *writes, **writes_end; /* next: queue[0] */
    size_t written; /* of the first */
} tcp;

static tcp *tcp_of(const uv_handle_t *h)
{
    return h->u.reserved[0];
}

int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *h)
{
    tcp *t = calloc(1, sizeof *t);
    if (!t)
        return UV_ENOMEM;
    sim_uv_add(loop, (uv_handle_t *)h, UV_TCP);
    t->writes_end = &t->writes;
    h->u.reserved[0] = t;
    h->connect_req = NULL;
    h->shutdown_req = NULL;
    h->read_cb = NULL;
    h->connection_cb = NULL;
    h->write_queue_size = 0;
    h->delayed_error = 0;
    return 0;
}

int uv_tcp_nodelay(uv_tcp_t *h, int enable)
{
    (void)h;
    (void)enable;
    return 0;
}

int uv_tcp_keepalive(uv_tcp_t *h, int enable, unsigned delay)
{
    tcp *t = tcp_of((uv_handle_t *)h);
    (void)delay;
    if (t->end && enable)
        net_keepalive(t->end);
    return 0;
}

/* There is no descriptor, and so no TCP_USER_TIMEOUT: what it ends here, net_keepalive() and the checks of liveness do. */
int uv_fileno(const uv_handle_t *h, uv_os_fd_t *fd)
{
    (void)h;
    (void)fd;
    return UV_EBADF;
}

/* Servers listen on TCP alone. */
int uv_pipe_init(uv_loop_t *loop, uv_pipe_t *h, int ipc)
{
    (void)loop;
    (void)h;
    (void)ipc;
    return UV_ENOTSUP;
}

static socklen_t size_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

int uv_tcp_bind(uv_tcp_t *h, const struct sockaddr *at, unsigned flags)
{
    (void)flags;
    memcpy(&tcp_of((uv_handle_t *)h)->bound, at, size_of(at));
    return 0;
}

/* No simulated socket has a descriptor. */
int uv_tcp_open(uv_tcp_t *h, uv_os_sock_t socket)
{
    (void)h;
    (void)socket;
    return UV_ENOTSUP;
}

int uv_listen(uv_stream_t *s, int backlog, uv_connection_cb cb)
{
    tcp *t = tcp_of((uv_handle_t *)s);
    (void)backlog;
    t->listener = net_listen((sim_host *)s->loop, (struct sockaddr *)&t->bound, sim_uv_wake, s);
    s->connection_cb = cb;
    s->flags |= ACTIVE;
    return t->listener ? 0 : UV_EADDRINUSE;
}

int uv_accept(uv_stream_t *server, uv_stream_t *client)
{
    tcp *from = tcp_of((uv_handle_t *)server), *to = tcp_of((uv_handle_t *)client);
    to->end = from->listener ? net_accept(from->listener, sim_uv_wake, client) : NULL;
    return to->end ? 0 : UV_EAGAIN;
}

int uv_tcp_connect(uv_connect_t *req, uv_tcp_t *h, const struct sockaddr *to, uv_connect_cb cb)
{
    tcp *t = tcp_of((uv_handle_t *)h);
    if (h->connect_req)
        return UV_EALREADY;
    req->type = UV_CONNECT;
    req->cb = cb;
    req->handle = (uv_stream_t *)h;
    h->connect_req = req;
    t->end = net_connect((sim_host *)h->loop, to, sim_uv_wake, h);
    return 0;
}

static int copy_name(const struct sockaddr_storage *from, struct sockaddr *out, int *len)
{
    socklen_t size = size_of((const struct sockaddr *)from);
    memcpy(out, from, (size_t)*len < size ? (size_t)*len : size);
    *len = (int)size;
    return 0;
}

int uv_tcp_getpeername(const uv_tcp_t *h, struct sockaddr *out, int *len)
{
    const tcp *t = tcp_of((const uv_handle_t *)h);
    return t->end ? copy_name(net_name(t->end, true), out, len) : UV_ENOTCONN;
}

int uv_tcp_getsockname(const uv_tcp_t *h, struct sockaddr *out, int *len)
{
    const tcp *t = tcp_of((const uv_handle_t *)h);
    return copy_name(t->end ? net_name(t->end, false) : &t->bound, out, len);
}

int uv_read_start(uv_stream_t *s, uv_alloc_cb alloc_cb, uv_read_cb read_cb)
{
    if (s->flags & CLOSING)
        return UV_EINVAL;
    s->alloc_cb = alloc_cb;
    s->read_cb = read_cb;
    s->flags |= READING;
    sim_uv_wake(s);
    return 0;
}

int uv_read_stop(uv_stream_t *s)
{
    s->flags &= ~(unsigned)READING;
    return 0;
}

size_t uv_stream_get_write_queue_size(const uv_stream_t *s)
{
    return s->write_queue_size;
}

int uv_try_write(uv_stream_t *s, const uv_buf_t bufs[], unsigned nbufs)
{
    tcp *t = tcp_of((uv_handle_t *)s);
    long sent = 0;
    if (s->connect_req || t->writes)
        return UV_EAGAIN;
    for (unsigned i = 0; i < nbufs; i++) {
        long n = bufs[i].len ? net_send(t->end, bufs[i].base, bufs[i].len) : 0;
        if (n < 0)
            return sent ? (int)sent : (int)n;
        sent += n;
        if ((size_t)n < bufs[i].len)
            break;
    }
    return (int)sent;
}

/* One buffer for each request is enough here. */
int uv_write(uv_write_t *req, uv_stream_t *s, const uv_buf_t bufs[], unsigned nbufs, uv_write_cb cb)
{
    tcp *t = tcp_of((uv_handle_t *)s);
    if (nbufs != 1)
        abort();
    req->type = UV_WRITE;
    req->cb = cb;
    req->handle = s;
    req->bufsml[0] = bufs[0];
    req->error = 0;
    req->queue[0] = NULL;
    if (!t->writes)
        t->writes_end = &t->writes;
    *t->writes_end = req;
    t->writes_end = (uv_write_t **)&req->queue[0];
    s->write_queue_size += bufs[0].len;
    sim_uv_wake(s);
    return 0;
}

int uv_shutdown(uv_shutdown_t *req, uv_stream_t *s, uv_shutdown_cb cb)
{
    tcp *t = tcp_of((uv_handle_t *)s);
    if ((s->flags & CLOSING) || s->shutdown_req || !t->end)
        return UV_ENOTCONN;
    req->type = UV_SHUTDOWN;
    req->handle = s;
    req->cb = cb;
    s->shutdown_req = req;
    sim_uv_wake(s);
    return 0;
}

static bool run_connect(uv_tcp_t *h, tcp *t)
{
    uv_connect_t *req = h->connect_req;
    int status = req ? net_connected(t->end) : -EINPROGRESS;
    if (status == -EINPROGRESS)
        return false;
    h->connect_req = NULL;
    req->cb(req, status);
    return true;
}

static bool run_writes(uv_tcp_t *h, tcp *t)
{
    uv_write_t *w;
    while ((w = t->writes) != NULL) {
        long n = net_send(t->end, w->bufsml[0].base + t->written, w->bufsml[0].len - t->written);
        if (n == -EAGAIN)
            return false;
        size_t done = n < 0 ? w->bufsml[0].len - t->written : (size_t)n;
        h->write_queue_size -= done;
        t->written += done;
        if (t->written < w->bufsml[0].len)
            continue;
        t->written = 0;
        t->writes = w->queue[0];
        if (!t->writes)
            t->writes_end = &t->writes;
        w->cb(w, n < 0 ? (int)n : 0);
        return true;
    }
    if (!h->shutdown_req)
        return false;
    uv_shutdown_t *req = h->shutdown_req;
    h->shutdown_req = NULL;
    net_shutdown(t->end);
    req->cb(req, 0);
    return true;
}

static bool run_read(uv_tcp_t *h, tcp *t)
{
    bool any = false;
    uint64_t most = sim_between(sim_uv_rng(), 1, READS_MAX);
    for (uint64_t i = 0; i < most && (h->flags & READING) && net_readable(t->end); i++) {
        uv_buf_t buf = uv_buf_init(NULL, 0);
        h->alloc_cb((uv_handle_t *)h, 65536, &buf);
        long n = buf.len ? net_recv(t->end, buf.base, buf.len) : UV_ENOBUFS;
        if (n <= 0)
            h->flags &= ~(unsigned)READING;
        any = true;
        h->read_cb((uv_stream_t *)h, n == 0 ? UV_EOF : n, &buf);
    }
    return any;
}

bool sim_tcp_run(uv_tcp_t *h)
{
    tcp *t = tcp_of((uv_handle_t *)h);
    if (t->listener) {
        bool any = false;
        for (size_t i = 0; t->listener && net_waiting(t->listener) && i < READS_MAX; i++, any = true)
            h->connection_cb((uv_stream_t *)h, 0);
        return any;
    }
    if (!t->end)
        return false;
    if (h->connect_req)
        return run_connect(h, t);
    bool any = run_read(h, t);
    return (!(h->flags & CLOSING) && run_writes(h, t)) || any;
}

/* -- the end ------------------------------------------------------------------------------------------- */

void sim_tcp_close(uv_tcp_t *h)
{
    tcp *t = tcp_of((uv_handle_t *)h);
    if (t->end)
        net_close(t->end);
    if (t->listener)
        net_unlisten(t->listener);
    t->listener = NULL;
}

void sim_tcp_closed(uv_tcp_t *h)
{
    tcp *t = tcp_of((uv_handle_t *)h);
    uv_connect_t *connect = h->connect_req;
    uv_shutdown_t *shut = h->shutdown_req;
    h->connect_req = NULL;
    h->shutdown_req = NULL;
    if (connect)
        connect->cb(connect, UV_ECANCELED);
    while (t->writes) {
        uv_write_t *w = t->writes;
        t->writes = w->queue[0];
        w->cb(w, UV_ECANCELED);
    }
    h->write_queue_size = 0;
    if (shut)
        shut->cb(shut, UV_ECANCELED);
    free(t);
    h->u.reserved[0] = NULL;
}
