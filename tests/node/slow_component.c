/* SPDX-License-Identifier: MIT */
/* slow_component.c: to be preloaded: before each write to a connection that was accepted at the port $SLOW_PORT the thread stands still for
 * 20 ms. What a node should only say after such a write, it must not have said when it is killed there. */
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { STAND_NS = 20000000 };

static void stand(int fd)
{
    static const struct timespec WHILE = {.tv_nsec = STAND_NS};
    struct sockaddr_in at = {0};
    socklen_t len = sizeof at;
    const char *port = getenv("SLOW_PORT");
    if (port && getsockname(fd, (struct sockaddr *)&at, &len) == 0 && at.sin_family == AF_INET &&
        ntohs(at.sin_port) == strtol(port, NULL, 10))
        (void)nanosleep(&WHILE, NULL);
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
