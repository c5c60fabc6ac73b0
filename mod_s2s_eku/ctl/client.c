/* SPDX-License-Identifier: MIT */
/* client.c: connect, one line out, everything in. */
#include "client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST_ROOM = 16384 };

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval wait = {.tv_sec = CLIENT_WAIT_SECONDS};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int fault = errno;
        close(fd);
        errno = fault;
        return -1;
    }
    return fd;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

/* Reads to the end of the connection. */
static char *receive_all(int fd, size_t *len)
{
    size_t room = FIRST_ROOM;
    char *bytes = malloc(room);
    *len = 0;
    while (bytes) {
        ssize_t n = recv(fd, bytes + *len, room - *len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            return bytes;
        *len += n > 0 ? (size_t)n : 0;
        if (n < 0 || room > CLIENT_ANSWER_MAX)
            break;
        if (*len < room)
            continue;
        char *more = realloc(bytes, room *= 2);
        if (!more)
            break;
        bytes = more;
    }
    free(bytes);
    return NULL;
}

static json_t *exchange(int fd, const char *line)
{
    size_t len;
    char *bytes = send_all(fd, line, strlen(line)) && send_all(fd, "\n", 1) ? receive_all(fd, &len) : NULL;
    json_t *answer = bytes ? json_loadb(bytes, len, 0, NULL) : NULL;
    free(bytes);
    if (!json_is_object(answer)) {
        json_decref(answer);
        return NULL;
    }
    return answer;
}

json_t *client_ask(const char *control, json_t *request)
{
    char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!line) {
        (void)fprintf(stderr, "s2sctl: the request is not valid UTF-8\n");
        return NULL;
    }
    int fd = connect_to(control);
    json_t *answer = fd < 0 ? NULL : exchange(fd, line);
    if (fd < 0)
        (void)fprintf(stderr, "s2sctl: cannot reach a node at %s: %s\n", control, strerror(errno));
    else if (!answer)
        (void)fprintf(stderr, "s2sctl: the node at %s gave no answer\n", control);
    if (fd >= 0)
        close(fd);
    free(line);

    const char *error = json_string_value(json_object_get(answer, "error"));
    if (error) {
        (void)fprintf(stderr, "s2sctl: the node says: %s\n", error);
        json_decref(answer);
        return NULL;
    }
    return answer;
}
