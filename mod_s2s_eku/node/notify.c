/* SPDX-License-Identifier: MIT */
/* notify.c: datagrams to the service manager. */
#include "notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "protocol/log.h"

enum { STATE_MAX = 128, US_PER_MS = 1000, US_PER_SECOND = 1000000, NS_PER_US = 1000, BEATS = 2 /* per watchdog time */ };

static void complain(const notify *n, const char *why)
{
    s2s_field field = {"why", s2s_str_of(why)};
    s2s__log(n->env, S2S_LOG_WARN, "the service manager could not be told", &field, 1);
}

void notify_send(const notify *n, const char *state)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!n->path)
        return;
    size_t len = strlen(n->path);
    memcpy(to.sun_path, n->path, len);
    if (to.sun_path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract name (unix(7)) */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t sent = fd < 0 ? -1 : sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to,
                                        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    if (sent < 0)
        complain(n, strerror(errno));
    if (fd >= 0)
        close(fd);
}

void notify_reloading(const notify *n)
{
    char state[STATE_MAX];
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    (void)snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%lld",
                   (long long)now.tv_sec * US_PER_SECOND + now.tv_nsec / NS_PER_US);
    notify_send(n, state);
}

static void on_beat(uv_timer_t *timer)
{
    const notify *n = timer->data;
    if (!n->lives || n->lives(n->arg))
        notify_send(n, "WATCHDOG=1");
}

/* A whole number above 0 from the environment; 0 if there is none. */
static unsigned long long number(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    if (!text || *text < '0' || *text > '9')
        return 0;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    return *end || errno ? 0 : value;
}

static void start_watchdog(notify *n, uv_loop_t *loop)
{
    unsigned long long every = number("WATCHDOG_USEC") / BEATS / US_PER_MS;
    bool ours = !getenv("WATCHDOG_PID") || number("WATCHDOG_PID") == (unsigned long long)getpid();
    if (every == 0 || !ours || uv_timer_init(loop, &n->watchdog) < 0)
        return;
    n->watchdog.data = n;
    n->beats = true;
    uv_timer_start(&n->watchdog, on_beat, every, every);
    uv_unref((uv_handle_t *)&n->watchdog);
}

void notify_start(notify *n, const s2s_env *env, uv_loop_t *loop)
{
    const char *path = getenv("NOTIFY_SOCKET");
    *n = (notify){.env = env};
    if (!path || !*path)
        return;
    if ((*path != '/' && *path != '@') || strlen(path) >= sizeof((struct sockaddr_un *)0)->sun_path) {
        complain(n, "NOTIFY_SOCKET is neither a path nor an abstract name");
        return;
    }
    n->path = path;
    start_watchdog(n, loop);
}

void notify_stop(notify *n)
{
    if (n->beats)
        uv_close((uv_handle_t *)&n->watchdog, NULL);
    n->beats = false;
}
