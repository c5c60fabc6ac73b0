/* SPDX-License-Identifier: MIT */
/* load_component.c: attaching components, and moving their bytes. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>

enum { EVENTS = 256, READS_PER_TURN = 4, OUTPUT_FIRST = 65536, SHA1_BYTES = 20, TEXT_BYTES = 1024 };

static void watch_output(component *c, bool on)
{
    if (c->wants_out == on)
        return;
    c->wants_out = on;
    struct epoll_event event = {.events = EPOLLIN | (on ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(c->owner->poll, EPOLL_CTL_MOD, c->fd, &event);
}

void component_flush(component *c)
{
    while (c->out_sent < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch_output(c, true);
            return;
        }
        if (n < 0)
            load_die("%s: write: %s", c->domain, strerror(errno));
        c->out_sent += (size_t)n;
    }
    c->out_sent = c->out_len = 0;
    watch_output(c, false);
}

void component_put(component *c, const char *bytes, size_t len)
{
    if (c->out_len + len > c->out_room && c->out_sent > 0) {
        c->out_len -= c->out_sent;
        memmove(c->out, c->out + c->out_sent, c->out_len);
        c->out_sent = 0;
    }
    while (c->out_len + len > c->out_room) {
        c->out_room = c->out_room ? 2 * c->out_room : OUTPUT_FIRST;
        c->out = realloc(c->out, c->out_room);
        if (!c->out)
            load_die("out of memory");
    }
    memcpy(c->out + c->out_len, bytes, len);
    c->out_len += len;
}

const char *load_attribute(const char *p, const char *end, const char *name, size_t *len)
{
    size_t n = strlen(name);
    for (const char *at = p; (at = memmem(at, (size_t)(end - at), name, n)) != NULL; at += n) {
        if (at == p || at[-1] != ' ' || at + n + 2 >= end || at[n] != '=')
            continue;
        const char *value = at + n + 2, *close = memchr(value, at[n + 1], (size_t)(end - value));
        if (!close)
            return NULL;
        *len = (size_t)(close - value);
        return value;
    }
    return NULL;
}

/* XEP-0114 section 3: SHA-1 of the stream id and the secret. */
static void send_handshake(component *c, const char *id, size_t id_len)
{
    char text[TEXT_BYTES];
    uint8_t hash[SHA1_BYTES];
    int n = snprintf(text, sizeof text, "%.*s%s", (int)id_len, id, c->owner->opt.secret);
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, (size_t)n, hash) != 0)
        load_die("no SHA-1");
    component_put(c, "<handshake>", 11);
    for (int i = 0; i < SHA1_BYTES; i++) {
        (void)snprintf(text, sizeof text, "%02x", hash[i]);
        component_put(c, text, 2);
    }
    component_put(c, "</handshake>", 12);
    component_flush(c);
}

static void forget(component *c, const char *up_to)
{
    c->in_len -= (size_t)(up_to - c->in);
    memmove(c->in, up_to, c->in_len);
}

static void attach(component *c)
{
    const char *end = c->in + c->in_len, *tag = memmem(c->in, c->in_len, "<stream:stream", 14);
    size_t id_len = 0;
    if (memmem(c->in, c->in_len, "stream:error", 12))
        load_die("%s: %.*s", c->domain, (int)c->in_len, c->in);
    if (c->stage == EXPECT_HEADER) {
        const char *close = tag ? memchr(tag, '>', (size_t)(end - tag)) : NULL;
        if (!close)
            return;
        const char *id = load_attribute(tag, close, "id", &id_len);
        if (!id)
            load_die("%s: the server's header has no id", c->domain);
        send_handshake(c, id, id_len);
        forget(c, close + 1);
        c->stage = EXPECT_HANDSHAKE;
        end = c->in + c->in_len;
    }
    tag = memmem(c->in, c->in_len, "<handshake", 10);
    if (tag && memchr(tag, '>', (size_t)(end - tag))) {
        c->stage = ATTACHED;
        c->in_len = 0;
    }
}

static void take_stanzas(component *c)
{
    static const char OPEN[] = "<message", CLOSE[] = "</message>";
    const char *p = c->in, *end = c->in + c->in_len;
    for (;;) {
        const char *start = memmem(p, (size_t)(end - p), OPEN, sizeof OPEN - 1);
        const char *close = start ? memmem(start, (size_t)(end - start), CLOSE, sizeof CLOSE - 1) : NULL;
        if (!start && memmem(p, (size_t)(end - p), "<stream:error", 13))
            load_die("%s: %.*s", c->domain, (int)(end - p), p);
        if (!close) {
            p = start ? start : end - p > 16 ? end - 16 : p;
            break;
        }
        close += sizeof CLOSE - 1;
        load_arrived(c, start, close);
        p = close;
    }
    if (p > c->in)
        forget(c, p);
}

static void connected(component *c)
{
    char header[TEXT_BYTES];
    int error = 0;
    socklen_t len = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error)
        load_die("%s: connect: %s", c->domain, strerror(error));
    int n = snprintf(header, sizeof header,
                     "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
                     "xmlns:stream='http://etherx.jabber.org/streams' to='%s'>",
                     c->domain);
    component_put(c, header, (size_t)n);
    c->stage = EXPECT_HEADER;
    component_flush(c);
}

static void take_input(component *c)
{
    for (int i = 0; i < READS_PER_TURN; i++) {
        size_t room = INPUT_BYTES - c->in_len;
        ssize_t n = room ? recv(c->fd, c->in + c->in_len, room, 0) : 0;
        if (n == 0)
            load_die("%s: the server closed the stream; last: %.*s", c->domain, (int)c->in_len, c->in);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            load_die("%s: read: %s", c->domain, strerror(errno));
        c->in_len += (size_t)n;
        c->owner->bytes += n;
        if (c->stage < ATTACHED)
            attach(c);
        else
            take_stanzas(c);
        if ((size_t)n < room)
            return;
    }
}

void load_turn(load *l, int ms)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(l->poll, events, EVENTS, ms);
    for (int i = 0; i < n; i++) {
        component *c = events[i].data.ptr;
        if (c->stage == CONNECTING) {
            connected(c);
            continue;
        }
        if (events[i].events & EPOLLOUT)
            component_flush(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            take_input(c);
        if (c->out_len > c->out_sent)
            component_flush(c);
    }
}

static struct sockaddr_in parse_address(const char *text)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[NAME_MAX_BYTES];
    const char *colon = strrchr(text, ':');
    (void)snprintf(host, sizeof host, "%.*s", colon ? (int)(colon - text) : 0, text);
    if (!colon || inet_pton(AF_INET, host, &at.sin_addr) != 1)
        load_die("%s is not an IPv4 address with a port", text);
    at.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
    return at;
}

void component_open(load *l, component *c, const char *pattern, int index, const char *address)
{
    struct sockaddr_in at = parse_address(address);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    int one = 1;
    c->owner = l;
    c->wants_out = true;
    (void)snprintf(c->domain, sizeof c->domain, "%c%d.%s", *pattern, index, pattern + 1);
    c->in = malloc(INPUT_BYTES);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (!c->in || c->fd < 0)
        load_die("%s: %s", c->domain, strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(c->fd, (struct sockaddr *)&at, sizeof at) < 0 && errno != EINPROGRESS)
        load_die("connect to %s: %s", address, strerror(errno));
    epoll_ctl(l->poll, EPOLL_CTL_ADD, c->fd, &event);
}
