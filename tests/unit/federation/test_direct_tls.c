/* SPDX-License-Identifier: MIT */
/* test_direct_tls.c: two nodes that begin with TLS (XEP-0368). */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/address.h"
#include "two_nodes.h"

static net n;

static void begin(void)
{
    net_begin(&n);
    n.tls = S2S_TLS_DIRECT;
    net_begin_nodes(&n);
}

Test(direct_tls, message_there_and_reply_back)
{
    begin();
    cr_assert_eq(node_send(&n.a, "b.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_str_eq(node_last(&n.b), "message  one x@a.example <body>one</body>", "DN-05");
    cr_assert_eq(node_send(&n.b, "a.example", "two"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect_eq(n.b.judged_chain, 2u, "the certificate of the domain asked for, and its issuer");
    net_end(&n);
}

Test(direct_tls, a_node_with_many_domains_shows_the_one_asked_for)
{
    char why[S2S_TEXT_MAX] = "";
    begin();
    net_add_domain(&n, &n.b, "c.example");
    cr_assert_eq(s2s_federation_route(n.a.f, "c.example", n.b.address, S2S_TLS_DIRECT, why), S2S_OK, "%s", why);
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(n.a.judged_chain, 2u);
    cr_expect_str_eq(n.a.judged_name, "c.example", "TL-09");
    net_end(&n);
}

Test(direct_tls, an_unknown_domain_is_refused_in_tls)
{
    char why[S2S_TEXT_MAX] = "";
    begin();
    cr_assert_eq(s2s_federation_route(n.a.f, "other.example", n.b.address, S2S_TLS_DIRECT, why), S2S_OK);
    (void)node_send(&n.a, "other.example", "m1");
    net_until(&n, &n.a.count, 1);
    cr_expect_not_null(strstr(node_last(&n.a), "remote-server-timeout"));
    cr_expect_not_null(strstr(n.a.last_end.text, "112"), "TP-07: %s", n.a.last_end.text);
    net_end(&n);
}

/* Either side starts in the wrong way: no stanza in the clear, and an end soon. */
Test(direct_tls, the_two_ways_do_not_mix)
{
    char why[S2S_TEXT_MAX] = "", starttls[S2S_ADDRESS_MAX];
    net_begin(&n);
    n.tls = S2S_TLS_DIRECT;
    n.a.t.env.limits.negotiation_ms = n.b.t.env.limits.negotiation_ms = 1000;
    net_begin_nodes(&n);
    net_add_domain(&n, &n.b, "c.example");
    net_add_domain(&n, &n.b, "d.example");
    cr_assert_eq(s2s_federation_listen(n.b.f, "127.0.0.1:0", S2S_TLS_STARTTLS, starttls, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s_federation_route(n.a.f, "c.example", starttls, S2S_TLS_DIRECT, why), S2S_OK);
    cr_assert_eq(s2s_federation_route(n.a.f, "d.example", n.b.address, S2S_TLS_STARTTLS, why), S2S_OK);
    (void)node_send(&n.a, "c.example", "m1");
    (void)node_send(&n.a, "d.example", "m2");
    net_until(&n, &n.a.count, 2);
    cr_expect_eq(n.b.count, 0u, "DN-05");
    cr_expect_eq(n.a.established, 0u, "DN-05");
    net_end(&n);
}

/* Somebody connects, says this, and is gone; until b has a line about it. */
static void speak(const void *bytes, size_t len)
{
    struct sockaddr_storage to;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(s2s__address_parse(s2s_str_of(n.b.address), &to), S2S_OK);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
    cr_assert_eq(send(fd, bytes, len, 0), (ssize_t)len);
    (void)close(fd);
    n.b.t.last_log[0] = '\0';
    while (!strstr(n.b.t.last_log, "stream failed"))
        (void)uv_run(&n.loop, UV_RUN_NOWAIT);
}

Test(direct_tls, who_fails_in_tls_before_it_is_named_has_a_line_in_a_while)
{
    begin();
    speak("", 0);
    cr_expect_null(strstr(n.b.t.last_log, "info "), "nothing came: %s", n.b.t.last_log);
    speak("\x16\x03\x01", 3);
    cr_expect_eq(strstr(n.b.t.last_log, "info stream failed"), n.b.t.last_log, "%s", n.b.t.last_log);
    cr_expect_not_null(strstr(n.b.t.last_log, " direction=in address=127.0.0.1:"), "%s", n.b.t.last_log);
    cr_expect_not_null(strstr(n.b.t.last_log, " text=TLS handshake failed: "), "%s", n.b.t.last_log);
    cr_expect_not_null(strstr(n.b.t.last_log, " count=1"), "%s", n.b.t.last_log);
    speak("GET / HTTP/1.0\r\n\r\n", 18);
    cr_expect_eq(strstr(n.b.t.last_log, "debug stream failed"), n.b.t.last_log, "not again so soon: %s", n.b.t.last_log);
    cr_expect_null(strstr(n.b.t.last_log, " count="), "%s", n.b.t.last_log);
    net_end(&n);
}

/* As a service manager hands it over. */
static int listening(int family, int backlog)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(family, SOCK_STREAM, 0);
    cr_assert(fd >= 0);
    cr_assert(family != AF_INET || bind(fd, (const struct sockaddr *)&v4, sizeof v4) == 0);
    cr_assert(backlog == 0 || listen(fd, backlog) == 0);
    return fd;
}

Test(direct_tls, streams_come_through_sockets_that_were_passed)
{
    char why[S2S_TEXT_MAX] = "", direct[S2S_ADDRESS_MAX], starttls[S2S_ADDRESS_MAX];
    begin();
    net_add_domain(&n, &n.b, "c.example");
    net_add_domain(&n, &n.b, "d.example");
    cr_assert_eq(s2s_federation_listen_fd(n.b.f, listening(AF_INET, 1), S2S_TLS_DIRECT, direct, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s_federation_listen_fd(n.b.f, listening(AF_INET, 1), S2S_TLS_STARTTLS, starttls, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s_federation_route(n.a.f, "c.example", direct, S2S_TLS_DIRECT, why), S2S_OK);
    cr_assert_eq(s2s_federation_route(n.a.f, "d.example", starttls, S2S_TLS_STARTTLS, why), S2S_OK);
    cr_assert_eq(node_send(&n.a, "c.example", "one"), S2S_OK);
    cr_assert_eq(node_send(&n.a, "d.example", "two"), S2S_OK);
    net_until(&n, &n.b.count, 2);
    net_end(&n);
}

Test(direct_tls, a_socket_that_cannot_accept_is_refused_and_closed)
{
    begin();
    const int FDS[] = {listening(AF_INET, 0), listening(AF_UNIX, 0), open("/dev/null", O_RDONLY)};
    for (size_t i = 0; i < sizeof FDS / sizeof *FDS; i++) {
        char why[S2S_TEXT_MAX] = "";
        cr_expect_eq(s2s_federation_listen_fd(n.b.f, FDS[i], S2S_TLS_DIRECT, NULL, why), S2S_E_INVAL);
        cr_expect_not_null(strstr(why, "no listening TCP socket"), "%s", why);
        cr_expect_lt(fcntl(FDS[i], F_GETFD), 0);
    }
    net_end(&n);
}
