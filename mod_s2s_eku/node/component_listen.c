/* SPDX-License-Identifier: MIT */
/* component_listen.c: a socket that is bound here, made in the file system, or passed, and the connections to it. */
#include "component_listen.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listen_fd.h"
#include "protocol/buf.h"
#include "transport/address.h"
#include "transport/socket.h"
#include "transport/spare.h"
#include "unix_socket.h"

enum { BACKLOG = 128, SOCKET_MODE = 0660 /* the secret decides who may attach */ };

struct component_listener {
    component_listener *next;
    component_listeners *owner;
    s2s__spare *spare;
    s2s__socket io;
    unix_socket socket;
};

static void on_connection(uv_stream_t *handle, int status)
{
    component_listener *l = handle->data;
    if (status >= 0 && !l->owner->accept(l->owner->user, handle))
        s2s__spare_turn_away(l->spare, handle);
}

static void on_closed(uv_handle_t *handle)
{
    component_listener *l = handle->data;
    component_listeners *c = l->owner;
    for (component_listener **at = &c->first; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    s2s__spare_free(l->spare);
    s2s__free(c->env, l);
    if (--c->open == 0)
        c->closed(c->user);
}

static void close_one(component_listener *l)
{
    unix_socket_remove(&l->socket);
    if (!uv_is_closing(&l->io.handle))
        uv_close(&l->io.handle, on_closed);
}

void component_listeners_close(component_listeners *c)
{
    for (component_listener *l = c->first; l; l = l->next)
        close_one(l);
}

static void say_status(char why[S2S_TEXT_MAX], const char *address, int status)
{
    const char *hint = status == UV_EADDRINUSE ? "; ss -ltnp shows by whom" : "";
    (void)snprintf(why, S2S_TEXT_MAX, "%s: %s%s", address, uv_strerror(status), hint);
}

static s2s_err bind_tcp(component_listener *l, const char *address, char why[S2S_TEXT_MAX])
{
    struct sockaddr_storage where;
    s2s_err err = s2s__address_parse(s2s_str_of(address), &where);
    if (err != S2S_OK) {
        (void)snprintf(why, S2S_TEXT_MAX, "%s: not an address with a port", address);
        return err;
    }
    int status = uv_tcp_bind(&l->io.tcp, (const struct sockaddr *)&where, 0);
    if (status < 0) {
        say_status(why, address, status);
        return S2S_E_IO;
    }
    return S2S_OK;
}

typedef struct place {
    char *address; /* borrowed */
    char *path;    /* in it, of a Unix socket to be made; else NULL */
    int fd;        /* passed by the service manager and ours to close; or -1 */
} place;

static int init_handle(const component_listeners *c, component_listener *l, const place *at)
{
    int family = AF_INET;
    socklen_t len = sizeof family;
    bool is_unix = at->path != NULL;
    if (at->fd >= 0 && getsockopt(at->fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0)
        is_unix = family == AF_UNIX;
    return s2s__socket_init(&l->io, c->loop, is_unix ? UV_NAMED_PIPE : UV_TCP);
}

/* Takes the descriptor over in any case. */
static s2s_err adopt(component_listener *l, const place *at, char why[S2S_TEXT_MAX])
{
    int status = l->io.handle.type == UV_TCP ? uv_tcp_open(&l->io.tcp, at->fd) : uv_pipe_open(&l->io.pipe, at->fd);
    if (status == 0)
        return S2S_OK;
    (void)close(at->fd);
    (void)snprintf(why, S2S_TEXT_MAX, "%s: %s", at->address, uv_strerror(status));
    return S2S_E_IO;
}

static s2s_err bind_one(component_listener *l, const place *at, char why[S2S_TEXT_MAX])
{
    if (at->fd >= 0)
        return adopt(l, at, why);
    if (at->path)
        return unix_socket_bind(&l->io.pipe, at->path, SOCKET_MODE, &l->socket, why);
    return bind_tcp(l, at->address, why);
}

static s2s_err listen_at(component_listeners *c, const place *at, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    component_listener *l = s2s__alloc(c->env, sizeof *l);
    s2s__spare *spare = s2s__spare_new(c->env);
    if (!l || !spare || init_handle(c, l, at) < 0) {
        s2s__spare_free(spare);
        s2s__free(c->env, l);
        if (at->fd >= 0)
            (void)close(at->fd);
        return l && spare ? S2S_E_IO : S2S_E_NOMEM;
    }
    l->owner = c;
    l->spare = spare;
    l->io.handle.data = l;
    l->next = c->first;
    c->first = l;
    c->open++;
    s2s_err err = bind_one(l, at, why);
    int status = err == S2S_OK ? uv_listen(&l->io.stream, BACKLOG, on_connection) : 0;
    if (status < 0) {
        say_status(why, at->address, status);
        err = S2S_E_IO;
    }
    if (err != S2S_OK) {
        close_one(l);
        return err;
    }
    struct sockaddr_storage name;
    int len = sizeof name;
    if (bound && l->io.handle.type == UV_TCP && uv_tcp_getsockname(&l->io.tcp, (struct sockaddr *)&name, &len) == 0)
        s2s__address_print((const struct sockaddr *)&name, bound);
    return S2S_OK;
}

/* Every socket that was passed under this name. */
static s2s_err listen_passed(component_listeners *c, char *address, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    place at = {.address = address};
    for (size_t nth = 0; nth < LISTEN_FD_MAX; nth++) {
        s2s_err err = listen_fd(address + strlen(LISTEN_FD_PREFIX), nth, &at.fd, why);
        if (err != S2S_OK)
            return err == S2S_E_NOTFOUND && nth > 0 ? S2S_OK : err;
        if ((err = listen_at(c, &at, bound, why)) != S2S_OK)
            return err;
    }
    return S2S_OK;
}

s2s_err component_listen(component_listeners *c, char *address, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    static const char UNIX[] = "unix:";
    place at = {.address = address, .fd = -1};
    if (strncmp(address, LISTEN_FD_PREFIX, strlen(LISTEN_FD_PREFIX)) == 0)
        return listen_passed(c, address, bound, why);
    if (strncmp(address, UNIX, sizeof UNIX - 1) == 0)
        at.path = address + sizeof UNIX - 1;
    s2s_err err = at.path ? S2S_E_NOTFOUND : listen_fd_at(address, &at.fd, why);
    return err != S2S_OK && err != S2S_E_NOTFOUND ? err : listen_at(c, &at, bound, why);
}
