/* SPDX-License-Identifier: MIT */
/* slow_component.c: to be preloaded: before each write to a connection that was accepted at the port $SLOW_PORT the thread stands still for
 * $SLOW_MS. What a node should only say after such a write, it must not have said when it is killed there. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static void stand(int fd)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof at;
    const char *port = getenv("SLOW_PORT"), *ms = getenv("SLOW_MS");
    if (port && ms && getsockname(fd, (struct sockaddr *)&at, &len) == 0 && at.sin_family == AF_INET &&
        ntohs(at.sin_port) == strtol(port, NULL, 10))
        (void)nanosleep(&(struct timespec){.tv_nsec = strtol(ms, NULL, 10) * 1000000}, NULL);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    stand(fd);
    return syscall(SYS_write, fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    stand(fd);
    return syscall(SYS_writev, fd, parts, count);
}
