/* SPDX-License-Identifier: MIT */
/* unix_socket.c: listening at a path, with care for what may be there already. */
#include "unix_socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static s2s_err fail(s2s_err err, const char *path, const char *text, char why[S2S_TEXT_MAX])
{
    (void)snprintf(why, S2S_TEXT_MAX, "%s: %s", path, text);
    return err;
}

static int open_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A dead node leaves its socket behind: connecting to it is refused. */
static s2s_err clear_path(const char *path, const struct sockaddr_un *address, char why[S2S_TEXT_MAX])
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return S2S_OK; /* nothing there; or bind() will say what is wrong */
    if (!S_ISSOCK(st.st_mode))
        return fail(S2S_E_EXISTS, path, "exists and is not a socket", why);
    int fd = open_socket();
    if (fd < 0)
        return fail(S2S_E_IO, path, strerror(errno), why);
    bool dead = connect(fd, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    close(fd);
    if (!dead)
        return fail(S2S_E_EXISTS, path, "another process listens there", why);
    if (unlink(path) < 0)
        return fail(S2S_E_IO, path, strerror(errno), why);
    return S2S_OK;
}

s2s_err unix_socket_bind(uv_pipe_t *pipe, char *path, mode_t mode, unix_socket *out, char why[S2S_TEXT_MAX])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof address.sun_path)
        return fail(S2S_E_INVAL, path, "too long for a socket's path", why);
    memcpy(address.sun_path, path, strlen(path));
    s2s_err err = clear_path(path, &address, why);
    if (err != S2S_OK)
        return err;

    int fd = open_socket();
    if (fd < 0)
        return fail(S2S_E_IO, path, strerror(errno), why);
    /* On Linux the mode of the socket becomes that of the path, so that it is never open to others. */
    if (fchmod(fd, mode) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int fault = errno;
        close(fd);
        const char *words = fault == ENOENT   ? "its directory does not exist"
                            : fault == EACCES ? "Permission denied: s2sd's user cannot write in its directory"
                                              : strerror(fault);
        return fail(S2S_E_IO, path, words, why);
    }
    if (lstat(path, &st) < 0 || uv_pipe_open(pipe, fd) < 0) {
        unlink(path);
        close(fd);
        return fail(S2S_E_IO, path, "the socket cannot be used", why);
    }
    *out = (unix_socket){.path = path, .device = st.st_dev, .inode = st.st_ino};
    return S2S_OK;
}

void unix_socket_remove(unix_socket *s)
{
    struct stat st;
    if (s->path && lstat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
        unlink(s->path);
    s->path = NULL;
}
