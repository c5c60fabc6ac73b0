/* SPDX-License-Identifier: MIT */
/* test_listen_fd.c: sockets from the service manager, by name; components that come in through them. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "component_fixture.h"
#include "node/listen_fd.h"

enum { FIRST = 3 };

static char why[S2S_TEXT_MAX];

TestSuite(listen_fd, .timeout = 60);

static int listening(int family)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    int fd = socket(family, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert_eq(family == AF_UNIX ? bind(fd, (const struct sockaddr *)&abstract, sizeof abstract.sun_family)
                                   : bind(fd, (const struct sockaddr *)&v4, sizeof v4), 0);
    cr_assert_eq(listen(fd, 8), 0);
    return fd;
}

static unsigned port_of(int fd)
{
    struct sockaddr_in at = {0};
    socklen_t len = sizeof at;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    return ntohs(at.sin_port);
}

static bool is_free(int from, int count)
{
    for (int fd = from; fd < from + count; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            return false;
    }
    return true;
}

/* Passes `fds` as the manager would, behind what the test's runner has open: "runner", as if taken. Returns the number
 * of the first. */
static int pass(const int *fds, int count, const char *names)
{
    char text[32], all[1024] = "";
    int base = FIRST;
    while (!is_free(base, count))
        base++;
    for (int i = 0; i < count; i++) {
        cr_assert_eq(dup2(fds[i], base + i), base + i); /* without close-on-exec */
        close(fds[i]);
    }
    (void)snprintf(text, sizeof text, "%d", base - FIRST + count);
    setenv("LISTEN_FDS", text, 1);
    (void)snprintf(text, sizeof text, "%ld", (long)getpid());
    setenv("LISTEN_PID", text, 1);
    for (int i = FIRST; i < base; i++) {
        int flags = fcntl(i, F_GETFD);
        cr_assert(flags < 0 ? open("/dev/null", O_RDONLY | O_CLOEXEC) == i : fcntl(i, F_SETFD, flags | FD_CLOEXEC) == 0);
        strncat(all, "runner:", sizeof all - strlen(all) - 1);
    }
    if (names)
        strncat(all, names, sizeof all - strlen(all) - 1);
    setenv("LISTEN_FDNAMES", all, 1);
    if (!names)
        unsetenv("LISTEN_FDNAMES");
    return base;
}

Test(listen_fd, are_found_by_name_and_only_there)
{
    int fd = -1, fds[] = {listening(AF_INET), listening(AF_UNIX), listening(AF_INET)};
    int base = pass(fds, 3, "web:components:web");
    cr_expect_eq(listen_fd("components", 0, &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(fd, base + 1);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect_eq(listen_fd("web", 1, &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(fd, base + 2);
    cr_expect_eq(listen_fd("web", 2, &fd, why), S2S_E_NOTFOUND);
    cr_expect_eq(listen_fd("we", 0, &fd, why), S2S_E_NOTFOUND);
    cr_expect_not_null(strstr(why, "fd:we:"), "%s", why);
    cr_expect_eq(listen_fd("components", 0, &fd, why), S2S_E_EXISTS);
}

Test(listen_fd, without_names_all_are_unknown)
{
    int fd = -1, fds[] = {listening(AF_INET)};
    int base = pass(fds, 1, NULL);
    cr_expect_eq(listen_fd("unknown", (size_t)(base - FIRST), &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(fd, base);
}

Test(listen_fd, those_of_another_process_are_not_ours)
{
    int fd = -1, fds[] = {listening(AF_INET)};
    pass(fds, 1, "components");
    setenv("LISTEN_PID", "1", 1);
    cr_expect_eq(listen_fd("components", 0, &fd, why), S2S_E_NOTFOUND);
    cr_expect_eq(listen_fd_check(why), S2S_OK);
    setenv("LISTEN_PID", "", 1);
    cr_expect_eq(listen_fd("components", 0, &fd, why), S2S_E_NOTFOUND);
}

Test(listen_fd, what_does_not_listen_is_refused)
{
    int fd = -1, fds[] = {socket(AF_INET, SOCK_STREAM, 0), socket(AF_INET, SOCK_DGRAM, 0), open("/dev/null", O_RDONLY)};
    pass(fds, 3, "stream:datagram:file");
    cr_expect_eq(listen_fd("stream", 0, &fd, why), S2S_E_INVAL);
    cr_expect_eq(listen_fd("datagram", 0, &fd, why), S2S_E_INVAL);
    cr_expect_eq(listen_fd("file", 0, &fd, why), S2S_E_INVAL);
    cr_expect_eq(fd, -1);
}

Test(listen_fd, one_that_nobody_takes_is_a_fault)
{
    char address[S2S_ADDRESS_MAX];
    int fd, fds[] = {listening(AF_INET), listening(AF_INET), listening(AF_UNIX)};
    int base = pass(fds, 3, "components:web:local");
    (void)snprintf(address, sizeof address, "127.0.0.1:%u", port_of(base + 1));
    cr_assert_eq(listen_fd("components", 0, &fd, why), S2S_OK, "%s", why);
    cr_assert_eq(listen_fd("local", 0, &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(listen_fd_check(why), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "\"fd:web\""), "%s", why);
    cr_expect_not_null(strstr(why, address), "%s", why);
    cr_assert_eq(listen_fd("web", 0, &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(listen_fd_check(why), S2S_OK, "%s", why);
}

Test(listen_fd, are_found_by_address_once)
{
    char first[S2S_ADDRESS_MAX], second[S2S_ADDRESS_MAX];
    int fd = -1, fds[] = {listening(AF_UNIX), listening(AF_INET), listening(AF_INET)};
    int base = pass(fds, 3, "s2sd.socket:s2sd.socket:s2sd.socket");
    (void)snprintf(first, sizeof first, "127.0.0.1:%u", port_of(base + 1));
    (void)snprintf(second, sizeof second, "127.0.0.1:%u", port_of(base + 2));
    cr_expect_eq(listen_fd_at("127.0.0.1:1", &fd, why), S2S_E_NOTFOUND);
    cr_expect_eq(listen_fd_at("[::1]:5269", &fd, why), S2S_E_NOTFOUND);
    cr_expect_eq(fd, -1);
    cr_expect_eq(listen_fd_at(second, &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(fd, base + 2);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    cr_expect_eq(listen_fd_at(second, &fd, why), S2S_E_NOTFOUND, "it is in use: binding it will say so");
    cr_expect_eq(listen_fd_at(first, &fd, why), S2S_OK, "%s", why);
    cr_expect_eq(fd, base + 1);
}

Test(listen_fd, too_many_are_refused)
{
    int fds[] = {listening(AF_INET)};
    pass(fds, 1, "components");
    setenv("LISTEN_FDS", "65", 1);
    cr_expect_eq(listen_fd_check(why), S2S_E_LIMIT);
    cr_expect_not_null(strstr(why, "65"), "%s", why);
}

static void attach_through(int family)
{
    static char address[] = "fd:components";
    static fixture f;
    struct sockaddr_storage at;
    socklen_t len = sizeof at;
    int fds[] = {listening(family)};
    script s = {.f = &f};
    cr_assert_eq(getsockname(fds[0], (struct sockaddr *)&at, &len), 0);
    pass(fds, 1, "components");
    fixture_start(&f);
    cr_assert_eq(components_listen(f.components, address, f.address, why), S2S_OK, "%s", why);
    cr_expect_eq(*f.address != '\0', family == AF_INET);
    s.fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(s.fd, (const struct sockaddr *)&at, len), 0);
    cr_assert_eq(fcntl(s.fd, F_SETFL, O_NONBLOCK), 0);
    script_shake(&s, SCRIPT_HEADER("chat.example"), FIXTURE_SECRET);
    script_expect(&s, "<handshake/>");
    cr_expect(components_attached(f.components, S2S_STR("chat.example")));
    fixture_stop(&f);
    script_close(&s);
}

Test(listen_fd, a_component_attaches_through_a_passed_tcp_socket)
{
    attach_through(AF_INET);
}

Test(listen_fd, a_component_attaches_through_a_passed_unix_socket)
{
    attach_through(AF_UNIX);
}

Test(listen_fd, components_do_not_listen_where_nothing_was_passed)
{
    static char address[] = "fd:components";
    fixture f;
    unsetenv("LISTEN_PID");
    fixture_start(&f);
    cr_expect_eq(components_listen(f.components, address, NULL, why), S2S_E_NOTFOUND);
    fixture_stop(&f);
}
