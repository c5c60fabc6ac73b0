/* SPDX-License-Identifier: MIT */
/* listener.c: accepts TCP connections. */
#include "transport/listener.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "transport/address.h"
#include "transport/dialer.h"
#include "transport/spare.h"

enum { BACKLOG = 512 };

struct s2s__listener {
    const s2s_env *env;
    uv_tcp_t tcp;
    s2s__spare *spare;
    s2s__accepted_cb accepted;
    void (*closed)(void *arg);
    void *arg;
};

static void on_connection(uv_stream_t *server, int status)
{
    s2s__listener *l = server->data;
    uv_tcp_t *tcp = status < 0 ? NULL : s2s__tcp_new(l->env, server->loop);
    if (tcp && (status = uv_accept(server, (uv_stream_t *)tcp)) == 0) {
        l->accepted(l->arg, tcp);
        return;
    }
    if (!tcp && status == 0)
        s2s__spare_turn_away(l->spare, server);
    s2s__tcp_close(l->env, tcp);
    s2s_field why = {"error", s2s_str_of(status < 0 ? uv_strerror(status) : "out of memory")};
    s2s__log(l->env, S2S_LOG_WARN, "could not accept a connection", &why, 1);
}

static void on_closed(uv_handle_t *handle)
{
    s2s__listener *l = handle->data;
    void (*closed)(void *) = l->closed;
    void *arg = l->arg;
    s2s__spare_free(l->spare);
    s2s__free(l->env, l);
    if (closed)
        closed(arg);
}

/* Others may listen there too, if they are of our user and say the same (SO_REUSEPORT). Set by hand: the libuv that there is does
 * not know it. The rest is as uv_tcp_bind() does it. */
static int bind_shared(s2s__listener *l, const struct sockaddr *address)
{
    bool v6 = address->sa_family == AF_INET6;
    socklen_t len = v6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    int on = 1, off = 0, status = 0, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return uv_translate_sys_error(errno);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0 ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0) || bind(fd, address, len) < 0)
        status = uv_translate_sys_error(errno);
    if (status == 0)
        status = uv_tcp_open(&l->tcp, fd);
    if (status < 0)
        (void)close(fd);
    return status;
}

static int bind_and_listen(s2s__listener *l, const struct sockaddr *address, bool shared)
{
    int status = shared ? bind_shared(l, address) : uv_tcp_bind(&l->tcp, address, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    return status;
}

/* NULL: no memory. */
static s2s__listener *make(const s2s_env *env, uv_loop_t *loop, s2s__accepted_cb accepted, void *arg)
{
    s2s__listener *l = s2s__alloc(env, sizeof *l);
    s2s__spare *spare = s2s__spare_new(env);
    if (!l || !spare || uv_tcp_init(loop, &l->tcp) < 0) {
        s2s__spare_free(spare);
        s2s__free(env, l);
        return NULL;
    }
    l->env = env;
    l->spare = spare;
    l->accepted = accepted;
    l->arg = arg;
    l->tcp.data = l;
    return l;
}

static void say_bound(const s2s__listener *l, char bound[S2S_ADDRESS_MAX])
{
    struct sockaddr_storage at;
    int len = sizeof at;
    if (bound && uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&at, &len) == 0)
        s2s__address_print((const struct sockaddr *)&at, bound);
}

/* What an operator does next. */
static const char *hint(int status)
{
    if (status == UV_EADDRINUSE)
        return "; ss -ltnp shows by whom";
    if (status == UV_EADDRNOTAVAIL)
        return "; ip address shows this machine's own";
    return status == UV_EACCES ? "; ports below 1024 need root, or a socket that is passed" : "";
}

s2s_err s2s__listener_new(const s2s_env *env, uv_loop_t *loop, const char *address, bool shared, s2s__accepted_cb accepted,
                          void *arg, s2s__listener **out, char bound[S2S_ADDRESS_MAX],
                          char why[S2S_TEXT_MAX])
{
    struct sockaddr_storage at;
    if (s2s__address_parse(s2s_str_of(address), &at) != S2S_OK) {
        if (why)
            (void)snprintf(why, S2S_TEXT_MAX, "%s is not an address with a port", address);
        return S2S_E_SYNTAX;
    }
    s2s__listener *l = make(env, loop, accepted, arg);
    if (!l)
        return S2S_E_NOMEM;
    int status = bind_and_listen(l, (const struct sockaddr *)&at, shared);
    if (status < 0) {
        if (why)
            (void)snprintf(why, S2S_TEXT_MAX, "cannot listen on %s: %s%s", address, uv_strerror(status), hint(status));
        s2s__listener_close(l, NULL);
        return S2S_E_IO;
    }
    say_bound(l, bound);
    *out = l;
    return S2S_OK;
}

static bool is_listening_tcp(int fd)
{
    int type = 0, accepts = 0, family = 0;
    socklen_t len = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) == 0 && accepts &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 && (family == AF_INET || family == AF_INET6);
}

s2s_err s2s__listener_adopt(const s2s_env *env, uv_loop_t *loop, int fd, s2s__accepted_cb accepted, void *arg,
                            s2s__listener **out, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    s2s_err err = is_listening_tcp(fd) ? S2S_OK : S2S_E_INVAL;
    s2s__listener *l = err == S2S_OK ? make(env, loop, accepted, arg) : NULL;
    int status = l ? uv_tcp_open(&l->tcp, fd) : 0;
    if (!l || status < 0)
        (void)close(fd);
    if (l && status == 0) /* the handle owns it now */
        status = uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
    if (l && status == 0) {
        say_bound(l, bound);
        *out = l;
        return S2S_OK;
    }
    if (why)
        (void)snprintf(why, S2S_TEXT_MAX, "cannot listen on the descriptor %d: %s", fd,
                       err != S2S_OK ? "it is no listening TCP socket" : l ? uv_strerror(status) : "out of memory");
    if (!l)
        return err == S2S_OK ? S2S_E_NOMEM : err;
    s2s__listener_close(l, NULL);
    return S2S_E_IO;
}

void s2s__listener_close(s2s__listener *l, void (*closed)(void *arg))
{
    l->closed = closed;
    uv_close((uv_handle_t *)&l->tcp, on_closed);
}
