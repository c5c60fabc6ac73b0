/* SPDX-License-Identifier: MIT */
/* listen_fd.c: LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. */
#include "listen_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST = 3, UNIT_NAME_MAX = 255 };
static const char UNNAMED[] = "unknown"; /* sd_listen_fds_with_names(3) */

static bool number(const char *name, unsigned long *out)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *out = strtoul(text, &end, 10);
    return !*end && !errno;
}

/* How many sockets were passed to this process; they are FIRST and the following. */
static s2s_err passed(size_t *len, char why[S2S_TEXT_MAX])
{
    unsigned long pid = 0, count = 0;
    *len = 0;
    if (!number("LISTEN_PID", &pid) || pid != (unsigned long)getpid() || !number("LISTEN_FDS", &count))
        return S2S_OK;
    if (count > LISTEN_FD_MAX) {
        (void)snprintf(why, S2S_TEXT_MAX, "the service manager passed %lu sockets, more than %d", count, LISTEN_FD_MAX);
        return S2S_E_LIMIT;
    }
    *len = count;
    return S2S_OK;
}

/* The name of the `index`th passed socket. */
static s2s_str name_of(size_t index)
{
    const char *names = getenv("LISTEN_FDNAMES");
    for (; names && index > 0; index--) {
        names = strchr(names, ':');
        names = names ? names + 1 : NULL;
    }
    return names ? (s2s_str){names, strcspn(names, ":")} : s2s_str_of(UNNAMED);
}

static bool is_listening(int fd)
{
    int type = 0, accepts = 0;
    socklen_t type_len = sizeof type, accepts_len = sizeof accepts;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &accepts_len) == 0 && accepts;
}

s2s_err listen_fd(const char *name, size_t nth, int *fd, char why[S2S_TEXT_MAX])
{
    size_t len, seen = 0;
    s2s_err err = passed(&len, why);
    for (size_t i = 0; err == S2S_OK && i < len; i++) {
        if (!s2s_str_eq(name_of(i), s2s_str_of(name)) || seen++ < nth)
            continue;
        int at = FIRST + (int)i, flags = fcntl(at, F_GETFD);
        if (flags >= 0 && (flags & FD_CLOEXEC)) { /* the manager passes it without; we set it */
            (void)snprintf(why, S2S_TEXT_MAX, LISTEN_FD_PREFIX "%s: stands twice in components.listen", name);
            return S2S_E_EXISTS;
        }
        if (!is_listening(at) || fcntl(at, F_SETFD, FD_CLOEXEC) < 0) {
            (void)snprintf(why, S2S_TEXT_MAX, LISTEN_FD_PREFIX "%s: what the service manager passed is no listening stream "
                           "socket (ListenStream=, Accept=no)", name);
            return S2S_E_INVAL;
        }
        *fd = at;
        return S2S_OK;
    }
    if (err == S2S_OK && nth == 0)
        (void)snprintf(why, S2S_TEXT_MAX, LISTEN_FD_PREFIX "%s: the service manager passed no socket of this name: is there a "
                       ".socket unit with FileDescriptorName=%s, and was it started?", name, name);
    return err == S2S_OK ? S2S_E_NOTFOUND : err;
}

static bool is_named(char *const *addresses, size_t len, s2s_str name)
{
    for (size_t i = 0; i < len; i++) {
        if (strncmp(addresses[i], LISTEN_FD_PREFIX, strlen(LISTEN_FD_PREFIX)) == 0 &&
            s2s_str_eq(s2s_str_of(addresses[i] + strlen(LISTEN_FD_PREFIX)), name))
            return true;
    }
    return false;
}

s2s_err listen_fd_check(char *const *addresses, size_t addresses_len, char why[S2S_TEXT_MAX])
{
    size_t len;
    s2s_err err = passed(&len, why);
    for (size_t i = 0; err == S2S_OK && i < len; i++) {
        s2s_str name = name_of(i);
        if (is_named(addresses, addresses_len, name))
            continue;
        int shown = name.len > UNIT_NAME_MAX ? UNIT_NAME_MAX : (int)name.len;
        (void)snprintf(why, S2S_TEXT_MAX, "the service manager passed a socket that nothing listens on: components.listen must name "
                       "it, \"" LISTEN_FD_PREFIX "%.*s\"", shown, name.ptr);
        err = S2S_E_INVAL;
    }
    return err;
}
