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

#include "transport/address.h"

enum { FIRST = 3, SHOWN_MAX = 80 /* of a name in a message */ };
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

/* The manager passes it without FD_CLOEXEC; we set it. */
static bool is_taken(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC);
}

static s2s_err take(int fd, const char *what, char why[S2S_TEXT_MAX])
{
    if (is_listening(fd) && fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
        return S2S_OK;
    (void)snprintf(why, S2S_TEXT_MAX, "%s: what the service manager passed is no listening stream socket (ListenStream=, Accept=no)",
                   what);
    return S2S_E_INVAL;
}

s2s_err listen_fd(const char *name, size_t nth, int *fd, char why[S2S_TEXT_MAX])
{
    char what[SHOWN_MAX + 1];
    size_t len, seen = 0;
    s2s_err err = passed(&len, why);
    (void)snprintf(what, sizeof what, LISTEN_FD_PREFIX "%s", name);
    for (size_t i = 0; err == S2S_OK && i < len; i++) {
        if (!s2s_str_eq(name_of(i), s2s_str_of(name)) || seen++ < nth)
            continue;
        int at = FIRST + (int)i;
        if (is_taken(at)) {
            (void)snprintf(why, S2S_TEXT_MAX, "%s: stands twice in the configuration", what);
            return S2S_E_EXISTS;
        }
        if ((err = take(at, what, why)) == S2S_OK)
            *fd = at;
        return err;
    }
    if (err == S2S_OK && nth == 0)
        (void)snprintf(why, S2S_TEXT_MAX, "%s: the service manager passed no socket of this name: is there a "
                       ".socket unit with FileDescriptorName=, and was it started?", what);
    return err == S2S_OK ? S2S_E_NOTFOUND : err;
}

/* The address that a passed TCP socket is bound to; "" for anything else. */
static void address_of(int fd, char out[S2S_ADDRESS_MAX])
{
    struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
    socklen_t len = sizeof at;
    *out = '\0';
    if (getsockname(fd, (struct sockaddr *)&at, &len) == 0)
        s2s__address_print((const struct sockaddr *)&at, out);
}

s2s_err listen_fd_at(const char *address, int *fd, char why[S2S_TEXT_MAX])
{
    char wanted[S2S_ADDRESS_MAX], bound[S2S_ADDRESS_MAX];
    struct sockaddr_storage where;
    size_t len;
    s2s_err err = passed(&len, why);
    if (err == S2S_OK && s2s__address_parse(s2s_str_of(address), &where) != S2S_OK)
        return S2S_E_NOTFOUND;
    for (size_t i = 0; err == S2S_OK && i < len; i++) {
        s2s__address_print((const struct sockaddr *)&where, wanted); /* in the one spelling */
        address_of(FIRST + (int)i, bound);
        if (strcmp(wanted, bound) != 0 || is_taken(FIRST + (int)i))
            continue;
        if ((err = take(FIRST + (int)i, address, why)) == S2S_OK)
            *fd = FIRST + (int)i;
        return err;
    }
    return err == S2S_OK ? S2S_E_NOTFOUND : err;
}

s2s_err listen_fd_check(char why[S2S_TEXT_MAX])
{
    size_t len;
    s2s_err err = passed(&len, why);
    for (size_t i = 0; err == S2S_OK && i < len; i++) {
        char bound[S2S_ADDRESS_MAX];
        s2s_str name = name_of(i);
        if (is_taken(FIRST + (int)i))
            continue;
        address_of(FIRST + (int)i, bound);
        int shown = name.len > SHOWN_MAX ? SHOWN_MAX : (int)name.len;
        (void)snprintf(why, S2S_TEXT_MAX, "the service manager passed a socket that nothing listens on: listen or components.listen must "
                       "name it, \"" LISTEN_FD_PREFIX "%.*s\"%s%s", shown, name.ptr, *bound ? ", or have its address, " : "", bound);
        err = S2S_E_INVAL;
    }
    return err;
}
