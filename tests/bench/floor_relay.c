/* SPDX-License-Identifier: MIT */
/* floor_relay.c: a pair of processes that the load driver takes for servers. A stanza's bytes are cut out with expat and
 * copied; nothing is checked, routed or counted. Ends with the process. */
#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <expat.h>

enum { EVENTS = 256, DIRTY_MAX = 4096, INPUT_FIRST = 131072, READ_BYTES = 65536, TURN_BYTES = 262144 };
enum { RECORD_BYTES = 16384, HIGH_WATER = 262144, OUTPUT_FIRST = 32768 };

typedef enum kind { COMPONENT_LISTENER, TLS_LISTENER, COMPONENT, TLS } kind;

typedef struct peer {
    kind kind;
    int fd;
    gnutls_session_t session;
    bool shaking, client, attached, waits_to_write, blocked, dirty, in_stanza;
    XML_Parser parser;
    long depth, base, start; /* offsets in the stream: of in[0], of the stanza at hand */
    char *in, *out;
    size_t in_len, in_room, out_len, out_sent, out_room;
    struct peer *link; /* where its stanzas go */
} peer;

typedef struct relay {
    floor_tls tls;
    const char *peer_address;
    int poll;
    bool side_b;
    peer *component; /* side B: the one that receives */
    peer *dirty[DIRTY_MAX];
    int dirty_len;
} relay;

static void put(peer *p, const char *bytes, size_t len)
{
    if (p->out_sent > 0 && p->out_len + len > p->out_room) {
        p->out_len -= p->out_sent;
        memmove(p->out, p->out + p->out_sent, p->out_len);
        p->out_sent = 0;
    }
    while (p->out_len + len > p->out_room) {
        p->out_room = p->out_room ? 2 * p->out_room : OUTPUT_FIRST;
        if (!(p->out = realloc(p->out, p->out_room)))
            floor_die("memory", 0);
    }
    memcpy(p->out + p->out_len, bytes, len);
    p->out_len += len;
    p->dirty = true;
}

static void set_interest(const relay *r, peer *p)
{
    bool waits = p->out_len > p->out_sent && !p->shaking;
    bool blocked = p->link && p->link->out_len - p->link->out_sent > HIGH_WATER;
    struct epoll_event event = {.events = (blocked ? 0u : EPOLLIN) | (waits ? EPOLLOUT : 0u), .data.ptr = p};
    if (waits != p->waits_to_write || blocked != p->blocked)
        epoll_ctl(r->poll, EPOLL_CTL_MOD, p->fd, &event);
    p->waits_to_write = waits;
    p->blocked = blocked;
}

static ssize_t write_some(const peer *p)
{
    const char *bytes = p->out + p->out_sent;
    size_t len = p->out_len - p->out_sent;
    if (p->kind != TLS)
        return send(p->fd, bytes, len, MSG_NOSIGNAL);
    ssize_t n = gnutls_record_send(p->session, bytes, len < RECORD_BYTES ? len : RECORD_BYTES);
    errno = n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED ? EAGAIN : EIO;
    return n;
}

static void flush(const relay *r, peer *p)
{
    if (p->shaking || p->fd < 0)
        return;
    while (p->out_sent < p->out_len) {
        ssize_t n = write_some(p);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n <= 0)
            floor_die("write", 0);
        p->out_sent += (size_t)n;
    }
    if (p->out_sent == p->out_len)
        p->out_sent = p->out_len = 0;
    p->dirty = false;
    set_interest(r, p);
}

static void on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    static const char HEADER[] = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
                                 "xmlns:stream='http://etherx.jabber.org/streams' id='1'>";
    peer *p = user;
    (void)name;
    (void)atts;
    if (p->depth == 0 && p->kind == COMPONENT)
        put(p, HEADER, sizeof HEADER - 1);
    if (p->depth++ == 1) {
        p->start = XML_GetCurrentByteIndex(p->parser);
        p->in_stanza = true;
    }
}

static void on_end(void *user, const XML_Char *name)
{
    peer *p = user;
    (void)name;
    if (--p->depth != 1)
        return;
    long end = XML_GetCurrentByteIndex(p->parser) + XML_GetCurrentByteCount(p->parser);
    p->in_stanza = false;
    if (p->kind == COMPONENT && !p->attached) {
        p->attached = true;
        put(p, "<handshake/>", 12);
    } else if (p->link) {
        put(p->link, p->in + (p->start - p->base), (size_t)(end - p->start));
    }
}

static void on_text(void *user, const XML_Char *text, int len)
{
    (void)user;
    (void)text;
    (void)len;
}

static peer *add(const relay *r, int fd, kind what)
{
    peer *p = calloc(1, sizeof *p);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    if (!p)
        floor_die("memory", 0);
    p->fd = fd;
    p->kind = what;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (what == COMPONENT || what == TLS) {
        p->parser = XML_ParserCreateNS(NULL, '\xff');
        p->in = malloc(p->in_room = INPUT_FIRST);
        if (!p->parser || !p->in)
            floor_die("memory", 0);
        XML_SetUserData(p->parser, p);
        XML_SetElementHandler(p->parser, on_start, on_end);
        XML_SetCharacterDataHandler(p->parser, on_text);
    }
    epoll_ctl(r->poll, EPOLL_CTL_ADD, fd, &event);
    return p;
}

/* What it held stays: the process is about to end. */
static void drop(relay *r, peer *p)
{
    if (p->fd < 0)
        return;
    close(p->fd);
    p->fd = -1;
    if (p == r->component)
        r->component = NULL;
    if (p->link && p->link->link == p)
        p->link->link = NULL;
}

/* `n` bytes more are behind in + in_len. */
static void parse(peer *p, size_t n)
{
    p->in_len += n;
    if (XML_Parse(p->parser, p->in + p->in_len - n, (int)n, 0) != XML_STATUS_OK)
        floor_die(XML_ErrorString(XML_GetErrorCode(p->parser)), 0);
    long end = p->base + (long)p->in_len;
    long done = p->in_stanza ? p->start : XML_GetCurrentByteIndex(p->parser) + XML_GetCurrentByteCount(p->parser);
    size_t keep = done >= 0 && done < end ? (size_t)(end - done) : 0, cut = p->in_len - keep;
    if (keep && cut)
        memmove(p->in, p->in + cut, keep);
    p->base += (long)cut;
    p->in_len = keep;
    if (p->in_room - p->in_len < READ_BYTES && !(p->in = realloc(p->in, p->in_room *= 2)))
        floor_die("memory", 0);
}

/* A component comes: its stanzas get a TLS connection of their own. */
static void take_component(relay *r, int listener)
{
    peer *c = add(r, floor_accept(listener), COMPONENT);
    if (r->side_b) {
        r->component = c;
        return;
    }
    peer *t = add(r, floor_connect(r->peer_address), TLS);
    t->client = t->shaking = true;
    t->session = floor_session(&r->tls, t->fd, false, true);
    t->link = c;
    c->link = t;
    put(t, FLOOR_HEADER, sizeof FLOOR_HEADER - 1);
    (void)gnutls_handshake(t->session);
}

static void take_tls(relay *r, int listener)
{
    peer *t = add(r, floor_accept(listener), TLS);
    t->shaking = true;
    t->session = floor_session(&r->tls, t->fd, true, true);
    put(t, FLOOR_HEADER, sizeof FLOOR_HEADER - 1);
}

/* False: not yet, or over. */
static bool shake(relay *r, peer *p)
{
    int n = gnutls_handshake(p->session);
    if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
        return false;
    if (n < 0) {
        drop(r, p);
        return false;
    }
    p->shaking = false;
    floor_verify(p->session, p->client ? "b.example" : "a.example");
    flush(r, p);
    return true;
}

static void read_all(relay *r, peer *p)
{
    for (size_t got = 0; got < TURN_BYTES;) {
        size_t room = p->in_room - p->in_len < READ_BYTES ? p->in_room - p->in_len : READ_BYTES;
        ssize_t n = p->kind == TLS ? gnutls_record_recv(p->session, p->in + p->in_len, room)
                                   : recv(p->fd, p->in + p->in_len, room, 0);
        bool again = p->kind == TLS ? n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED : n < 0 && errno == EAGAIN;
        if (again)
            return;
        if (n <= 0) {
            if (p->link && !r->side_b)
                drop(r, p->link);
            drop(r, p);
            return;
        }
        parse(p, (size_t)n);
        got += (size_t)n;
        if (p->kind == COMPONENT && (size_t)n < room)
            return;
    }
}

static void take_event(relay *r, peer *p, unsigned events)
{
    if (p->fd < 0)
        return;
    if (p->kind == COMPONENT_LISTENER || p->kind == TLS_LISTENER) {
        (p->kind == TLS_LISTENER ? take_tls : take_component)(r, p->fd);
        return;
    }
    if (p->shaking && !shake(r, p))
        return;
    if (events & EPOLLOUT) {
        flush(r, p);
        if (p->link)
            set_interest(r, p->link);
    }
    if (!(events & (EPOLLIN | EPOLLHUP)))
        return;
    if (r->side_b && p->kind == TLS && r->component) {
        p->link = r->component;
        r->component->link = p;
    }
    read_all(r, p);
    if (p->dirty)
        flush(r, p);
    if (p->link && p->link->dirty && r->dirty_len < DIRTY_MAX)
        r->dirty[r->dirty_len++] = p->link;
}

void floor_relay(const char *pki, const char *component, const char *tls_address, bool side_b)
{
    relay r = {.peer_address = tls_address, .side_b = side_b, .poll = epoll_create1(EPOLL_CLOEXEC)};
    struct epoll_event events[EVENTS];
    floor_tls_init(&r.tls, pki, side_b ? "b" : "a");
    add(&r, floor_listen(component), COMPONENT_LISTENER);
    if (side_b)
        add(&r, floor_listen(tls_address), TLS_LISTENER);
    for (;;) {
        int n = epoll_wait(r.poll, events, EVENTS, -1);
        for (int i = 0; i < n; i++)
            take_event(&r, events[i].data.ptr, events[i].events);
        for (int i = 0; i < r.dirty_len; i++) {
            if (r.dirty[i]->dirty)
                flush(&r, r.dirty[i]);
            if (r.dirty[i]->fd >= 0 && r.dirty[i]->link && r.dirty[i]->link->fd >= 0)
                set_interest(&r, r.dirty[i]->link);
        }
        r.dirty_len = 0;
    }
}
