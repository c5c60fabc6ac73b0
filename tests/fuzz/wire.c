/* SPDX-License-Identifier: MIT */
/* wire.c: sockets that do not block, and a loop turned by hand. */
#include "fuzz/wire.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "transport/address.h"

static char directory[64], file[80];

static void remove_directory(void)
{
    (void)unlink(file);
    (void)rmdir(directory);
}

const char *wire_path(void)
{
    if (!*directory) {
        (void)snprintf(directory, sizeof directory, "/tmp/s2s-fuzz-XXXXXX");
        fuzz_must(mkdtemp(directory) != NULL);
        (void)snprintf(file, sizeof file, "%s/socket", directory);
        fuzz_must(atexit(remove_directory) == 0);
    }
    return file;
}

static bool connect_to(wire *w, uv_loop_t *loop, const struct sockaddr *to, socklen_t len)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the program does */
    w->loop = loop;
    w->len = 0;
    w->over = false;
    w->text[0] = '\0';
    w->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (w->fd < 0)
        return false;
    if (connect(w->fd, to, len) != 0 || fcntl(w->fd, F_SETFL, O_NONBLOCK) != 0) { /* the backlog takes it */
        wire_close(w);
        return false;
    }
    wire_turn(w);
    return true;
}

bool wire_connect_unix(wire *w, uv_loop_t *loop, const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    (void)snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    return connect_to(w, loop, (const struct sockaddr *)&to, sizeof to);
}

bool wire_connect_tcp(wire *w, uv_loop_t *loop, const char *address)
{
    struct sockaddr_storage to;
    fuzz_must(s2s__address_parse(s2s_str_of(address), &to) == S2S_OK);
    return connect_to(w, loop, (const struct sockaddr *)&to, sizeof(struct sockaddr_in));
}

static void take_in(wire *w)
{
    char rest[4096];
    while (!w->over) {
        size_t room = WIRE_TEXT_MAX - w->len;
        ssize_t n = recv(w->fd, room ? w->text + w->len : rest, room ? room : sizeof rest, MSG_DONTWAIT);
        if (n == 0)
            w->over = true;
        if (n <= 0)
            return;
        w->len += room ? (size_t)n : 0;
        w->text[w->len] = '\0';
    }
}

void wire_turn(wire *w)
{
    for (int i = 0; i < WIRE_TURNS; i++)
        (void)uv_run(w->loop, UV_RUN_NOWAIT);
    if (w->fd >= 0)
        take_in(w);
}

void wire_send(wire *w, s2s_bytes bytes)
{
    while (w->fd >= 0 && bytes.len > 0) {
        ssize_t n = send(w->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        wire_turn(w);
        if (n <= 0)
            return;
        bytes = (s2s_bytes){bytes.ptr + n, bytes.len - (size_t)n};
    }
}

void wire_end(wire *w)
{
    if (w->fd >= 0)
        (void)shutdown(w->fd, SHUT_WR);
    wire_turn(w);
}

void wire_close(wire *w)
{
    if (w->fd >= 0)
        (void)close(w->fd);
    w->fd = -1;
}
