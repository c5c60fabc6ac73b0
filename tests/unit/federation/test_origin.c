/* SPDX-License-Identifier: MIT */
/* test_origin.c: origin.c: what counts as one address, and who is turned away (DO-04). */
#include "federation/origin.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "transport/address.h"
#include "two_nodes.h"

enum { PEERS = 8 };

static net n;

Test(origin, an_ipv4_address_or_an_ipv6_network_of_64_bits_is_one)
{
    static const struct {
        const char *a, *b;
        bool same;
    } ROWS[] = {
        {"192.0.2.1:1", "192.0.2.1:2", true},
        {"192.0.2.1:1", "192.0.2.2:1", false},
        {"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
        {"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1", false},
        {"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff:ffff:ffff:ffff]:2", true},
        {"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false},
        {"[::1]:1", "127.0.0.1:1", false},
        {"[::1]:1", "[::c000:201]:1", true},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct sockaddr_storage a, b;
        uint8_t of_a[S2S__ORIGIN_MAX], of_b[S2S__ORIGIN_MAX];
        cr_assert_eq(s2s__address_parse(s2s_str_of(ROWS[i].a), &a), S2S_OK);
        cr_assert_eq(s2s__address_parse(s2s_str_of(ROWS[i].b), &b), S2S_OK);
        size_t len = s2s__origin_key((struct sockaddr *)&a, of_a);
        bool same = len == s2s__origin_key((struct sockaddr *)&b, of_b) && memcmp(of_a, of_b, len) == 0;
        cr_expect_eq(same, ROWS[i].same, "row %zu", i);
    }
    uint8_t key[S2S__ORIGIN_MAX];
    cr_expect_eq(s2s__origin_key(&(struct sockaddr){.sa_family = AF_UNIX}, key), 0u);
}

/* -- over sockets -------------------------------------------------------------------------------------- */

static s2s_federation_counts counts(void)
{
    s2s_federation_counts c = {.size = sizeof c};
    s2s_federation_count(n.b.f, &c);
    return c;
}

static void count_in(void *arg, const s2s_stream_info *info)
{
    *(size_t *)arg += info->role == S2S_ACCEPTOR;
}

static size_t accepted(void)
{
    size_t count = 0;
    s2s_federation_streams(n.b.f, count_in, &count);
    return count;
}

/* A peer that connects from `from` and says nothing. The kernel takes it at once; b does when the loop runs. */
static int connect_from(const char *from)
{
    struct sockaddr_storage to, at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(fd, 0);
    cr_assert_eq(s2s__address_parse(s2s_str_of(n.b.address), &to), S2S_OK);
    cr_assert_eq(s2s__address_parse(s2s_str_of(from), &at), S2S_OK);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(struct sockaddr_in)), 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof(struct sockaddr_in)), 0);
    return fd;
}

static void until_accepted(size_t want)
{
    while (accepted() != want)
        uv_run(&n.loop, UV_RUN_NOWAIT);
}

static void until(uint64_t (*value)(void), uint64_t want)
{
    while (value() < want)
        uv_run(&n.loop, UV_RUN_NOWAIT);
}

static uint64_t away_by_address(void)
{
    return counts().turned_away_address;
}

static uint64_t away_before_authentication(void)
{
    return counts().turned_away_preauth;
}

static uint64_t away_in_all(void)
{
    return counts().turned_away;
}

/* Whether the other end has closed: what it does at once arrives at once on loopback, but only when the loop has run. */
static bool is_closed(int fd)
{
    char byte;
    uv_run(&n.loop, UV_RUN_NOWAIT);
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void begin(uint32_t per_address, uint32_t preauth, uint32_t all)
{
    net_begin(&n);
    n.b.t.env.limits.connections_per_address = per_address;
    n.b.t.env.limits.preauth_connections = preauth;
    n.b.t.env.limits.connections = all;
    net_begin_nodes(&n);
}

static void close_all(int fds[PEERS], size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(fds[i]);
    until_accepted(0);
}

Test(origin, connections_of_one_address_are_bounded_and_others_are_welcome)
{
    int fds[PEERS];
    begin(3, 100, 100);
    for (size_t i = 0; i < 5; i++)
        fds[i] = connect_from("127.0.0.1:0");
    until(away_by_address, 2);
    until_accepted(3);
    for (size_t i = 0; i < 5; i++)
        cr_expect_eq(is_closed(fds[i]), i >= 3, "connection %zu", i);
    cr_expect_not_null(strstr(n.b.t.last_log, "limits.connections_per_address"), "%s", n.b.t.last_log);
    n.b.t.last_log[0] = '\0';
    fds[5] = connect_from("127.0.0.2:0");
    until_accepted(4);
    cr_expect(!is_closed(fds[5]), "another address");
    fds[6] = connect_from("127.0.0.1:0");
    until(away_by_address, 3);
    cr_expect_null(strstr(n.b.t.last_log, "turned away"), "one line for a while: %s", n.b.t.last_log);
    (void)close(fds[0]);
    until_accepted(3);
    fds[0] = connect_from("127.0.0.1:0");
    until_accepted(4);
    cr_expect_eq(away_by_address(), 3u, "there is room again");
    cr_expect_eq(away_in_all() + away_before_authentication(), 0u);
    close_all(fds, 7);
    net_end(&n);
}

Test(origin, who_has_not_authenticated_leaves_room_for_those_who_have)
{
    int fds[PEERS];
    begin(100, 2, 100);
    (void)node_send(&n.a, "b.example", "0");
    net_until(&n, &n.b.count, 1);
    for (size_t i = 0; i < 4; i++)
        fds[i] = connect_from("127.0.0.1:0");
    until(away_before_authentication, 2);
    until_accepted(3);
    cr_expect_not_null(strstr(n.b.t.last_log, "limits.preauth_connections"), "%s", n.b.t.last_log);
    (void)node_send(&n.a, "b.example", "1");
    net_until(&n, &n.b.count, 2);
    cr_expect_eq(n.b.established, 1u, "the stream that is there goes on");
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
    until_accepted(1);
    static node c;
    char why[S2S_TEXT_MAX] = "";
    net_begin_node(&n, &c, "c.example");
    cr_assert_eq(s2s_federation_route(c.f, "b.example", n.b.address, n.tls, why), S2S_OK, "%s", why);
    (void)node_send(&c, "b.example", "2");
    net_until(&n, &n.b.count, 3);
    cr_expect_eq(away_before_authentication(), 2u);
    net_end_node(&n, &c);
    net_end(&n);
}

Test(origin, all_together_are_bounded)
{
    int fds[PEERS];
    begin(100, 100, 2);
    for (size_t i = 0; i < 4; i++)
        fds[i] = connect_from("127.0.0.1:0");
    until(away_in_all, 2);
    until_accepted(2);
    cr_expect_not_null(strstr(n.b.t.last_log, "limits.connections is"), "%s", n.b.t.last_log);
    close_all(fds, 4);
    net_end(&n);
}
