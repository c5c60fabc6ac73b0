/* SPDX-License-Identifier: MIT */
/* net.c: bytes in flight between simulated machines. */
#include "sim/net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    SEGMENT_MAX = 16384,
    TINY_MAX = 5,
    RETRANSMIT_SECONDS = 924,       /* Linux: tcp_retries2 15 */
    KEEPALIVE_SECONDS = 120 + 9 * 75, /* as the product asks, and the kernel's defaults */
    SYN_SECONDS = 127,
    EPHEMERAL = 32768,
};

typedef struct bytes {
    uint8_t *at;
    size_t start, len, room;
} bytes;

typedef struct net_conn net_conn;

struct net_end {
    net_conn *conn;
    sim_host *host; /* NULL: not accepted yet */
    struct sockaddr_storage name;
    net_wake wake;
    void *arg;
    bytes out;      /* taken from the program, not sent */
    size_t flying;  /* sent, not acknowledged */
    bytes in;       /* arrived, unread */
    size_t buffer;  /* the size of each */
    uint64_t last_arrival; /* of what this side sent: one connection keeps its order */
    int error;      /* -ECONNRESET, ... */
    bool connecting, fin_wanted, fin_sent, eof, closed, keepalive;
    int refuse_error;
};

struct net_conn {
    net_conn *next;
    net_end end[2];
    bool dark, over;
};

struct net_listener {
    net_listener *next;
    sim_host *host;
    struct sockaddr_storage at;
    net_wake wake;
    void *arg;
    net_conn *waiting[512];
    size_t waiting_len;
};

typedef struct segment {
    net_end *to;
    size_t len;
    bool fin, ack, window, reset;
    uint8_t data[];
} segment;

static struct {
    sim_rng rng;
    net_weather weather;
    net_conn *conns;
    net_listener *listeners;
    uint64_t salt;
    uint16_t next_port;
    bool unreachable[NET_HOSTS_MAX];
    uint64_t faults[NET_HOSTS_MAX][NET_HOSTS_MAX];
} net;

/* -- bytes --------------------------------------------------------------------------------------------- */

static void put(bytes *b, const void *data, size_t len)
{
    if (b->start + b->len + len > b->room) {
        uint8_t *at = malloc(2 * (b->len + len));
        if (!at)
            abort();
        if (b->len)
            memcpy(at, b->at + b->start, b->len);
        free(b->at);
        *b = (bytes){at, 0, b->len, 2 * (b->len + len)};
    }
    memcpy(b->at + b->start + b->len, data, len);
    b->len += len;
}

static void drop(bytes *b, size_t len)
{
    b->start += len;
    b->len -= len;
    if (b->len == 0) {
        free(b->at);
        *b = (bytes){0};
    }
}

/* -- the wires ----------------------------------------------------------------------------------------- */

void net_begin(sim_rng rng, const net_weather *weather)
{
    memset(&net, 0, sizeof net);
    net.rng = rng;
    net.weather = *weather;
    net.salt = sim_next(&net.rng);
    net.next_port = EPHEMERAL;
}

void net_finish(void)
{
    while (net.conns) {
        net_conn *c = net.conns;
        net.conns = c->next;
        for (int i = 0; i < 2; i++) {
            free(c->end[i].in.at);
            free(c->end[i].out.at);
        }
        free(c);
    }
    while (net.listeners)
        net_unlisten(net.listeners);
}

static int index_of(const net_end *e)
{
    return sim_host_index((const struct sockaddr *)&e->name);
}

static net_end *peer_of(const net_end *e)
{
    return &e->conn->end[e == &e->conn->end[0]];
}

/* The same for both directions of a pair, and for all its connections. */
static uint64_t delay(const net_end *from)
{
    int a = index_of(from), b = index_of(peer_of(from));
    sim_rng fixed = {net.salt + (uint64_t)(a < b ? a * 65536 + b : b * 65536 + a)};
    uint64_t ms = sim_between(&fixed, net.weather.delay_ms_least, net.weather.delay_ms_most);
    return ms * SIM_MS + sim_below(&net.rng, (uint64_t)net.weather.jitter_ms * SIM_MS + 1) +
           sim_below(&net.rng, 200);
}

static void wake(net_end *e)
{
    if (!e->closed && e->wake)
        e->wake(e->arg);
}

static void arrive(void *arg);

static segment *new_segment(net_end *to, const void *data, size_t len)
{
    segment *s = calloc(1, sizeof *s + len);
    if (!s)
        abort();
    s->to = to;
    s->len = len;
    if (len)
        memcpy(s->data, data, len);
    return s;
}

/* In order, after what `from` has sent before. */
static void fly(net_end *from, segment *s)
{
    uint64_t when = sim_now() + delay(from);
    when = when > from->last_arrival ? when : from->last_arrival + 1;
    from->last_arrival = when;
    sim_at(when, arrive, s);
}

/* A kernel gives up on a peer that does not answer. */
static void give_up(void *arg)
{
    net_end *e = arg;
    if (e->closed || e->error || !e->conn->dark)
        return;
    e->error = -ETIMEDOUT;
    wake(e);
}

static void send_on(net_end *e)
{
    net_end *peer = peer_of(e);
    while (e->out.len > 0 && e->flying + peer->in.len < peer->buffer) {
        size_t room = peer->buffer - e->flying - peer->in.len;
        size_t len = e->out.len < room ? e->out.len : room;
        len = len < SEGMENT_MAX ? len : SEGMENT_MAX;
        if (e->conn->dark && e->flying == 0)
            sim_at(sim_now() + (uint64_t)RETRANSMIT_SECONDS * SIM_SECOND, give_up, e);
        segment *s = new_segment(peer, e->out.at + e->out.start, len);
        drop(&e->out, len);
        e->flying += len;
        fly(e, s);
    }
    if (e->fin_wanted && !e->fin_sent && e->out.len == 0) {
        segment *s = new_segment(peer, NULL, 0);
        s->fin = true;
        e->fin_sent = true;
        fly(e, s);
    }
}

static void forget(net_end *e)
{
    drop(&e->in, e->in.len);
    drop(&e->out, e->out.len);
}

static void hit_by_reset(net_end *e)
{
    if (e->error || e->closed)
        return;
    e->error = e->connecting ? -ECONNREFUSED : -ECONNRESET;
    drop(&e->out, e->out.len);
    if (!sim_chance(&net.rng, net.weather.keep_on_reset))
        drop(&e->in, e->in.len);
    e->conn->over = true;
    wake(e);
}

static void send_reset(net_end *from)
{
    segment *s = new_segment(peer_of(from), NULL, 0);
    s->reset = true;
    fly(from, s);
}

static void acknowledge(net_end *to, size_t len)
{
    net_end *from = peer_of(to);
    segment *s = new_segment(from, NULL, 0);
    s->ack = true;
    s->len = len;
    sim_at(sim_now() + delay(to), arrive, s); /* free of the data's order */
}

static void arrive_data(net_end *e, const segment *s)
{
    if (e->closed) {
        send_reset(e);
        return;
    }
    if (e->error)
        return;
    if (s->len)
        put(&e->in, s->data, s->len);
    e->eof = e->eof || s->fin;
    acknowledge(e, s->len);
    wake(e);
}

static void arrive(void *arg)
{
    segment *s = arg;
    net_end *e = s->to;
    if (e->conn->dark) {
        /* lost; the sender will see by itself */
    } else if (s->reset) {
        hit_by_reset(e);
    } else if (s->ack || s->window) {
        e->flying -= s->ack ? s->len : 0;
        send_on(e);
        wake(e);
    } else {
        arrive_data(e, s);
    }
    free(s);
}

/* -- listening and connecting -------------------------------------------------------------------------- */

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    uint16_t pa = ((const struct sockaddr_in *)a)->sin_port, pb = ((const struct sockaddr_in *)b)->sin_port;
    return a->sa_family == b->sa_family && pa == pb && sim_host_index(a) == sim_host_index(b);
}

static net_listener *listener_at(const struct sockaddr *at)
{
    for (net_listener *l = net.listeners; l; l = l->next) {
        if (same_address((const struct sockaddr *)&l->at, at))
            return l;
    }
    return NULL;
}

net_listener *net_listen(sim_host *host, const struct sockaddr *at, net_wake wake_cb, void *arg)
{
    net_listener *l = listener_at(at) ? NULL : calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->host = host;
    memcpy(&l->at, at, at->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    l->wake = wake_cb;
    l->arg = arg;
    l->next = net.listeners;
    net.listeners = l;
    return l;
}

void net_unlisten(net_listener *l)
{
    for (net_listener **at = &net.listeners; *at; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    for (size_t i = 0; i < l->waiting_len; i++)
        send_reset(&l->waiting[i]->end[1]);
    free(l);
}

bool net_waiting(const net_listener *l)
{
    return l->waiting_len > 0;
}

net_end *net_accept(net_listener *l, net_wake wake_cb, void *arg)
{
    if (l->waiting_len == 0)
        return NULL;
    net_end *e = &l->waiting[0]->end[1];
    memmove(l->waiting, l->waiting + 1, --l->waiting_len * sizeof *l->waiting);
    e->host = l->host;
    e->wake = wake_cb;
    e->arg = arg;
    return e;
}

static void finish_connect(void *arg)
{
    net_end *e = arg;
    if (e->closed || e->error || !e->connecting)
        return;
    e->connecting = false;
    wake(e);
}

static void fail_connect(void *arg)
{
    net_end *e = arg;
    if (!e->connecting || e->closed || e->error)
        return;
    e->error = e->refuse_error;
    wake(e);
}

static void reach_listener(void *arg)
{
    net_end *e = arg;
    net_end *far = peer_of(e);
    int index = index_of(far);
    net_listener *l = listener_at((const struct sockaddr *)&far->name);
    if (e->closed)
        return;
    if (index < 0 || net.unreachable[index] || (l && l->host->off)) {
        e->refuse_error = -ETIMEDOUT;
        sim_at(sim_now() + (uint64_t)SYN_SECONDS * SIM_SECOND, fail_connect, e);
        return;
    }
    if (!l || l->waiting_len == sizeof l->waiting / sizeof *l->waiting) {
        e->refuse_error = -ECONNREFUSED;
        sim_at(sim_now() + delay(far), fail_connect, e);
        return;
    }
    l->waiting[l->waiting_len++] = e->conn;
    l->wake(l->arg);
    sim_at(sim_now() + delay(far), finish_connect, e);
}

net_end *net_connect(sim_host *host, const struct sockaddr *to, net_wake wake_cb, void *arg)
{
    net_conn *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->next = net.conns;
    net.conns = c;
    for (int i = 0; i < 2; i++) {
        c->end[i].conn = c;
        c->end[i].buffer = sim_between(&net.rng, net.weather.buffer_least, net.weather.buffer_most);
    }
    net_end *e = &c->end[0];
    e->host = host;
    e->wake = wake_cb;
    e->arg = arg;
    e->connecting = true;
    net.next_port = net.next_port == UINT16_MAX ? EPHEMERAL : net.next_port + 1;
    sim_host_address(host->index, to->sa_family, net.next_port, &e->name);
    memcpy(&c->end[1].name, to,
           to->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    sim_at(sim_now() + delay(e), reach_listener, e);
    return e;
}

int net_connected(const net_end *e)
{
    return e->error ? e->error : e->connecting ? -EINPROGRESS : 0;
}

const struct sockaddr_storage *net_name(const net_end *e, bool peer)
{
    return peer ? &peer_of(e)->name : &e->name;
}

/* -- the program's calls ------------------------------------------------------------------------------- */

static size_t room_of(const net_end *e)
{
    size_t used = e->out.len + e->flying;
    return used < e->buffer ? e->buffer - used : 0;
}

long net_send(net_end *e, const void *data, size_t len)
{
    if (e->error)
        return e->error;
    if (e->fin_wanted || e->connecting)
        return -EPIPE;
    size_t room = room_of(e);
    if (room == 0)
        return -EAGAIN;
    len = len < room ? len : room;
    if (len > 1 && sim_chance(&net.rng, net.weather.partial_writes))
        len = sim_between(&net.rng, 1, len - 1);
    put(&e->out, data, len);
    send_on(e);
    return (long)len;
}

long net_recv(net_end *e, void *data, size_t room)
{
    if (e->in.len == 0)
        return e->error ? e->error : e->eof ? 0 : -EAGAIN;
    size_t len = e->in.len < room ? e->in.len : room;
    if (sim_chance(&net.rng, net.weather.tiny_reads))
        len = sim_between(&net.rng, 1, len < TINY_MAX ? len : TINY_MAX);
    memcpy(data, e->in.at + e->in.start, len);
    drop(&e->in, len);
    if (!e->error) {
        segment *s = new_segment(peer_of(e), NULL, 0);
        s->window = true;
        sim_at(sim_now() + delay(e), arrive, s);
    }
    return (long)len;
}

bool net_readable(const net_end *e)
{
    return e->in.len > 0 || e->eof || e->error;
}

bool net_writable(const net_end *e)
{
    return e->error || room_of(e) > 0;
}

void net_shutdown(net_end *e)
{
    e->fin_wanted = true;
    if (!e->error)
        send_on(e);
}

void net_close(net_end *e)
{
    if (e->closed)
        return;
    bool unread = e->in.len > 0;
    drop(&e->in, e->in.len);
    if (!e->error && !e->connecting) {
        if (unread) {
            send_reset(e);
            drop(&e->out, e->out.len);
        } else {
            e->fin_wanted = true;
            send_on(e);
        }
    }
    e->closed = true;
    e->wake = NULL;
    if (e->error)
        forget(e);
}

void net_keepalive(net_end *e)
{
    e->keepalive = true;
}

/* -- faults -------------------------------------------------------------------------------------------- */

void net_note_fault(int a, int b)
{
    if (a >= 0 && b >= 0)
        net.faults[a][b] = net.faults[b][a] = sim_now() + 1;
}

uint64_t net_last_fault(int a, int b)
{
    return net.faults[a][b];
}

static net_conn *pick(sim_rng *r, int a, int b)
{
    net_conn *found = NULL;
    uint64_t n = 0;
    for (net_conn *c = net.conns; c; c = c->next) {
        int x = index_of(&c->end[0]), y = index_of(&c->end[1]);
        bool between = (x == a && y == b) || (x == b && y == a);
        if (between && !c->over && !c->dark && !(c->end[0].closed && c->end[1].closed) &&
            sim_below(r, ++n) == 0)
            found = c;
    }
    return found;
}

bool net_reset_one(sim_rng *r, int a, int b)
{
    net_conn *c = pick(r, a, b);
    if (!c)
        return false;
    net_note_fault(a, b);
    hit_by_reset(&c->end[0]);
    hit_by_reset(&c->end[1]);
    return true;
}

static void darken(net_conn *c)
{
    c->dark = true;
    net_note_fault(index_of(&c->end[0]), index_of(&c->end[1]));
    for (int i = 0; i < 2; i++) {
        net_end *e = &c->end[i];
        bool waits = e->flying > 0 || e->out.len > 0;
        if (waits || e->keepalive)
            sim_at(sim_now() + (uint64_t)(waits ? RETRANSMIT_SECONDS : KEEPALIVE_SECONDS) * SIM_SECOND,
                   give_up, e);
    }
}

bool net_darken_one(sim_rng *r, int a, int b)
{
    net_conn *c = pick(r, a, b);
    if (c)
        darken(c);
    return c != NULL;
}

void net_host_off(sim_host *h, bool power)
{
    h->off = true;
    for (net_conn *c = net.conns; c; c = c->next) {
        for (int i = 0; i < 2; i++) {
            net_end *e = &c->end[i];
            if (e->host != h || c->dark || c->over)
                continue;
            net_note_fault(index_of(e), index_of(peer_of(e)));
            if (power)
                darken(c);
            else if (!e->closed)
                hit_by_reset(peer_of(e));
            if (!e->error)
                e->error = -ENETDOWN;
        }
    }
    for (net_listener *l = net.listeners, *next; l; l = next) {
        next = l->next;
        if (l->host == h)
            memset(&l->at, 0, sizeof l->at); /* its address is free for the next incarnation */
    }
}

void net_host_unreachable(int index, bool unreachable)
{
    net.unreachable[index] = unreachable;
}

size_t net_open_connections(void)
{
    size_t n = 0;
    for (const net_conn *c = net.conns; c; c = c->next)
        n += (c->end[0].host && !c->end[0].closed) + (c->end[1].host && !c->end[1].closed);
    return n;
}
