/* SPDX-License-Identifier: MIT */
/* fake_uv.c: the part of libuv that the library uses, with virtual time, over net.c. The program's definitions win over
 * the shared library's, which is left with helpers that touch neither loop nor system. */
#include "sim/fake_uv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

enum { ACTIVE = 1, REF = 2, CLOSING = 4, READING = 8, FDS_MAX = 4096, ROUNDS_MAX = 256, READS_MAX = 32, THREADS = 4, WORK_MS_MAX = 40 };

/* What a TCP handle has; its address is in u.reserved[0]. */
typedef struct tcp {
    net_end *end;
    net_listener *listener;
    struct sockaddr_storage bound;
    uv_write_t *writes, **writes_end; /* next: queue[0] */
    size_t written; /* of the first */
} tcp;

typedef struct fd_entry {
    sim_fd_readable readable;
    const void *object;
} fd_entry;

/* What a thread does takes time; all of it happens at the end of that. */
struct sim_work {
    struct sim_work *next;
    uv_work_t *request;
    uint64_t done_at;
};

static struct {
    sim_rng rng;
    bool in_thread;
    fd_entry fds[FDS_MAX];
} state;

static sim_host *host_of(const uv_handle_t *h)
{
    return (sim_host *)h->loop;
}

static tcp *tcp_of(const uv_handle_t *h)
{
    return h->u.reserved[0];
}

static void wake_handle(void *arg)
{
    sim_host_wake(host_of(arg), sim_now());
}

void sim_uv_begin(sim_rng rng)
{
    memset(&state, 0, sizeof state);
    state.rng = rng;
}

/* -- handles ------------------------------------------------------------------------------------------- */

static void add_handle(uv_loop_t *loop, uv_handle_t *h, uv_handle_type type)
{
    sim_host *host = (sim_host *)loop;
    h->loop = loop;
    h->type = type;
    h->flags = REF;
    h->close_cb = NULL;
    h->handle_queue[0] = host->last;
    h->handle_queue[1] = NULL;
    memset(&h->u, 0, sizeof h->u);
    if (host->last)
        host->last->handle_queue[1] = h;
    else
        host->first = h;
    host->last = h;
}

static void remove_handle(uv_handle_t *h)
{
    sim_host *host = host_of(h);
    uv_handle_t *prev = h->handle_queue[0], *next = h->handle_queue[1];
    if (prev)
        prev->handle_queue[1] = next;
    else
        host->first = next;
    if (next)
        next->handle_queue[0] = prev;
    else
        host->last = prev;
}

int uv_is_closing(const uv_handle_t *h)
{
    return (h->flags & CLOSING) != 0;
}

int uv_is_active(const uv_handle_t *h)
{
    return (h->flags & ACTIVE) != 0;
}

void uv_ref(uv_handle_t *h)
{
    h->flags |= REF;
}

void uv_unref(uv_handle_t *h)
{
    h->flags &= ~(unsigned)REF;
}

void uv_close(uv_handle_t *h, uv_close_cb cb)
{
    if (h->flags & CLOSING)
        abort(); /* libuv asserts it too */
    if (h->type == UV_TIMER)
        uv_timer_stop((uv_timer_t *)h);
    if (h->type == UV_TCP) {
        tcp *t = tcp_of(h);
        if (t->end)
            net_close(t->end);
        if (t->listener)
            net_unlisten(t->listener);
        t->listener = NULL;
    }
    h->flags = (h->flags | CLOSING) & ~(unsigned)(ACTIVE | READING);
    h->close_cb = cb;
    h->next_closing = host_of(h)->closing;
    host_of(h)->closing = h;
    sim_host_wake(host_of(h), sim_now());
}

/* What waited is called back before the handle's end. */
static void cancel_requests(uv_tcp_t *h)
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

static bool run_closing(sim_host *host)
{
    uv_handle_t *h = host->closing;
    bool any = h != NULL;
    host->closing = NULL;
    while (h) {
        uv_handle_t *next = h->next_closing;
        if (h->type == UV_TCP)
            cancel_requests((uv_tcp_t *)h);
        remove_handle(h);
        if (h->close_cb)
            h->close_cb(h);
        h = next;
    }
    return any;
}

/* -- timers and prepare -------------------------------------------------------------------------------- */

uint64_t uv_now(const uv_loop_t *loop)
{
    return ((const sim_host *)(const void *)loop)->now_ms;
}

void uv_update_time(uv_loop_t *loop)
{
    ((sim_host *)loop)->now_ms = sim_now() / SIM_MS;
}

uint64_t uv_hrtime(void)
{
    return sim_now() * 1000;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *t)
{
    add_handle(loop, (uv_handle_t *)t, UV_TIMER);
    t->heap_node[0] = t->heap_node[1] = NULL;
    return 0;
}

/* heap_node: [0] the one before, [1] the one after. */
int uv_timer_stop(uv_timer_t *t)
{
    sim_host *host = host_of((uv_handle_t *)t);
    if (!(t->flags & ACTIVE))
        return 0;
    uv_timer_t *prev = t->heap_node[0], *next = t->heap_node[1];
    if (prev)
        prev->heap_node[1] = next;
    else
        host->timers = next;
    if (next)
        next->heap_node[0] = prev;
    t->flags &= ~(unsigned)ACTIVE;
    return 0;
}

int uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    sim_host *host = host_of((uv_handle_t *)t);
    if ((t->flags & CLOSING) || !cb)
        return UV_EINVAL;
    uv_timer_stop(t);
    t->timer_cb = cb;
    t->timeout = timeout > UINT64_MAX - host->now_ms ? UINT64_MAX : host->now_ms + timeout;
    t->repeat = repeat;
    t->start_id = host->next_timer_id++;
    uv_timer_t *prev = NULL, *next = host->timers;
    while (next && next->timeout <= t->timeout) {
        prev = next;
        next = next->heap_node[1];
    }
    t->heap_node[0] = prev;
    t->heap_node[1] = next;
    if (prev)
        prev->heap_node[1] = t;
    else
        host->timers = t;
    if (next)
        next->heap_node[0] = t;
    t->flags |= ACTIVE;
    if (t->timeout < UINT64_MAX / SIM_MS)
        sim_host_wake(host, t->timeout * SIM_MS);
    return 0;
}

int uv_timer_again(uv_timer_t *t)
{
    return t->timer_cb ? t->repeat ? uv_timer_start(t, t->timer_cb, t->repeat, t->repeat) : 0 : UV_EINVAL;
}

uint64_t uv_timer_get_due_in(const uv_timer_t *t)
{
    uint64_t at = host_of((const uv_handle_t *)t)->now_ms;
    return t->timeout > at ? t->timeout - at : 0;
}

static void run_timers(sim_host *host)
{
    uv_timer_t *t;
    while ((t = host->timers) != NULL && t->timeout <= host->now_ms) {
        uv_timer_stop(t);
        if (t->repeat)
            uv_timer_start(t, t->timer_cb, t->repeat, t->repeat);
        t->timer_cb(t);
    }
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *p)
{
    add_handle(loop, (uv_handle_t *)p, UV_PREPARE);
    return 0;
}

int uv_prepare_start(uv_prepare_t *p, uv_prepare_cb cb)
{
    p->prepare_cb = cb;
    p->flags |= ACTIVE;
    return 0;
}

int uv_prepare_stop(uv_prepare_t *p)
{
    p->flags &= ~(unsigned)ACTIVE;
    return 0;
}

static void run_prepare(sim_host *host)
{
    for (uv_handle_t *h = host->first; h; h = h->handle_queue[1]) {
        if (h->type == UV_PREPARE && (h->flags & ACTIVE))
            ((uv_prepare_t *)h)->prepare_cb((uv_prepare_t *)h);
    }
}

/* -- descriptors of other libraries -------------------------------------------------------------------- */

int sim_fd_new(sim_fd_readable readable, const void *object)
{
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (!state.fds[fd].object) {
            state.fds[fd] = (fd_entry){readable, object};
            return fd;
        }
    }
    abort();
}

void sim_fd_free(int fd)
{
    state.fds[fd] = (fd_entry){0};
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *p, int fd)
{
    add_handle(loop, (uv_handle_t *)p, UV_POLL);
    p->io_watcher.fd = fd;
    return 0;
}

int uv_poll_start(uv_poll_t *p, int events, uv_poll_cb cb)
{
    (void)events;
    p->poll_cb = cb;
    p->flags |= ACTIVE;
    return 0;
}

int uv_poll_stop(uv_poll_t *p)
{
    p->flags &= ~(unsigned)ACTIVE;
    return 0;
}

static bool run_poll(uv_poll_t *p)
{
    const fd_entry *fd = &state.fds[p->io_watcher.fd];
    if (!(p->flags & ACTIVE) || !fd->object || !fd->readable(fd->object))
        return false;
    p->poll_cb(p, 0, UV_READABLE);
    return true;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *a, uv_async_cb cb)
{
    add_handle(loop, (uv_handle_t *)a, UV_ASYNC);
    a->async_cb = cb;
    a->pending = 0;
    a->flags |= ACTIVE;
    return 0;
}

int uv_async_send(uv_async_t *a)
{
    a->pending = 1;
    wake_handle(a);
    return 0;
}

static bool run_async(uv_async_t *a)
{
    if (!a->pending)
        return false;
    a->pending = 0;
    a->async_cb(a);
    return true;
}

/* -- other threads ------------------------------------------------------------------------------------- */

unsigned uv_available_parallelism(void)
{
    return THREADS;
}

bool sim_uv_in_thread(void)
{
    return state.in_thread;
}

int uv_queue_work(uv_loop_t *loop, uv_work_t *request, uv_work_cb work, uv_after_work_cb after)
{
    sim_host *host = (sim_host *)loop;
    struct sim_work *w = malloc(sizeof *w);
    if (!w)
        abort();
    request->type = UV_WORK;
    request->loop = loop;
    request->work_cb = work;
    request->after_work_cb = after;
    *w = (struct sim_work){host->works, request, sim_now() + sim_below(&state.rng, WORK_MS_MAX * SIM_MS)};
    host->works = w;
    sim_host_wake(host, w->done_at);
    return 0;
}

static bool run_work(sim_host *host)
{
    for (struct sim_work **at = &host->works, *w; (w = *at) != NULL; at = &w->next) {
        if (w->done_at > sim_now())
            continue;
        uv_work_t *request = w->request;
        *at = w->next;
        free(w);
        state.in_thread = true;
        request->work_cb(request);
        state.in_thread = false;
        request->after_work_cb(request, 0);
        return true;
    }
    return false;
}

/* -- TCP ----------------------------------------------------------------------------------------------- */

int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *h)
{
    tcp *t = calloc(1, sizeof *t);
    if (!t)
        return UV_ENOMEM;
    add_handle(loop, (uv_handle_t *)h, UV_TCP);
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
    t->listener = net_listen((sim_host *)s->loop, (struct sockaddr *)&t->bound, wake_handle, s);
    s->connection_cb = cb;
    s->flags |= ACTIVE;
    return t->listener ? 0 : UV_EADDRINUSE;
}

int uv_accept(uv_stream_t *server, uv_stream_t *client)
{
    tcp *from = tcp_of((uv_handle_t *)server), *to = tcp_of((uv_handle_t *)client);
    to->end = from->listener ? net_accept(from->listener, wake_handle, client) : NULL;
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
    t->end = net_connect((sim_host *)h->loop, to, wake_handle, h);
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
    wake_handle(s);
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
    wake_handle(s);
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
    wake_handle(s);
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
    uint64_t most = sim_between(&state.rng, 1, READS_MAX);
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

static bool run_tcp(uv_tcp_t *h)
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

/* -- a turn -------------------------------------------------------------------------------------------- */

static bool run_handle(uv_handle_t *h)
{
    if (h->flags & CLOSING)
        return false;
    if (h->type == UV_TCP)
        return run_tcp((uv_tcp_t *)h);
    if (h->type == UV_POLL)
        return run_poll((uv_poll_t *)h);
    return h->type == UV_ASYNC && run_async((uv_async_t *)h);
}

/* The kernel reports ready descriptors in no particular order. */
static bool run_io(sim_host *host)
{
    bool any = false, backwards = sim_chance(&state.rng, 500);
    while (host->calls) {
        sim_call *call = host->calls;
        host->calls = call->next;
        if (!host->calls)
            host->calls_end = &host->calls;
        call->what(call->arg);
        free(call);
        any = true;
    }
    any = run_work(host) || any;
    for (uv_handle_t *h = backwards ? host->last : host->first; h; h = h->handle_queue[!backwards])
        any = run_handle(h) || any;
    return any;
}

static uint64_t next_wake(const sim_host *host)
{
    const uv_timer_t *t = host->timers;
    uint64_t next = t && t->timeout < UINT64_MAX / SIM_MS ? t->timeout * SIM_MS : UINT64_MAX;
    for (const struct sim_work *w = host->works; w; w = w->next)
        next = w->done_at < next ? w->done_at : next;
    return next;
}

uint64_t sim_uv_turn(sim_host *host)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        host->now_ms = sim_now() / SIM_MS;
        run_timers(host);
        run_prepare(host);
        bool any = run_io(host);
        if (!run_closing(host) && !any)
            return next_wake(host);
    }
    return sim_now() + SIM_MS; /* a loop that never rests: time passes for it too */
}
