/* SPDX-License-Identifier: MIT */
/* refuser.c: one answer for each thing that an initiator says. */
#include "refuser.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define SASL "xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"

enum { HEARD_MAX = 16384, WRITE_MAX = 65536 };

struct refuser_stream {
    refuser *r;
    refuser_stream *next;
    uv_tcp_t tcp;
    s2s__pump *pump; /* NULL: in the clear */
    bool up;         /* TLS is */
    bool closing;
    char heard[HEARD_MAX]; /* since the last answer */
    size_t len;
};

typedef struct written {
    uv_write_t req;
    char bytes[WRITE_MAX];
} written;

static void on_closed(uv_handle_t *handle)
{
    refuser_stream *s = handle->data;
    s2s__pump_free(s->pump);
    free(s);
}

static void close_stream(refuser_stream *s)
{
    if (s->closing)
        return;
    s->closing = true;
    for (refuser_stream **at = &s->r->streams; *at; at = &(*at)->next) {
        if (*at == s) {
            *at = s->next;
            break;
        }
    }
    uv_close((uv_handle_t *)&s->tcp, on_closed);
}

static void on_written(uv_write_t *req, int status)
{
    (void)status;
    free(req->data);
}

static void put(refuser_stream *s, const void *bytes, size_t len)
{
    written *w = malloc(sizeof *w);
    cr_assert_not_null(w);
    cr_assert_leq(len, sizeof w->bytes);
    memcpy(w->bytes, bytes, len);
    w->req.data = w;
    uv_buf_t buf = uv_buf_init(w->bytes, (unsigned)len);
    if (uv_write(&w->req, (uv_stream_t *)&s->tcp, &buf, 1, on_written) < 0)
        free(w);
}

static void flush(refuser_stream *s)
{
    const uint8_t *out;
    size_t len = s2s__pump_output(s->pump, &out);
    if (len == 0)
        return;
    put(s, out, len);
    s2s__pump_sent(s->pump, len);
}

static void say(refuser_stream *s, const char *text)
{
    if (!s->pump)
        put(s, text, strlen(text));
    else if (s2s__pump_write(s->pump, (s2s_bytes){(const uint8_t *)text, strlen(text)}) == S2S_OK)
        flush(s);
}

static void begin_tls(refuser_stream *s)
{
    s2s__pump_options o = {.role = S2S_ACCEPTOR, .credentials = s->r->credentials, .identity = s->r->identity};
    say(s, "<proceed " TLS "/>");
    cr_assert_eq(s2s__pump_new(s->r->env, &o, &s->pump), S2S_OK);
}

static void open_stream(refuser_stream *s)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
                   "xmlns:stream='http://etherx.jabber.org/streams' from='%s' to='%s' id='r%zu' version='1.0'>"
                   "<stream:features>%s</stream:features>", s->r->local, s->r->remote, s->r->accepted,
                   s->pump ? "<mechanisms " SASL "><mechanism>EXTERNAL</mechanism></mechanisms>" : "<starttls " TLS "/>");
    say(s, text);
}

/* `what` is complete at `end`, and is forgotten then. */
static bool heard(refuser_stream *s, const char *what, const char *end)
{
    const char *at = strstr(s->heard, what);
    if (!at || !strstr(at, end))
        return false;
    s->len = 0;
    s->heard[0] = '\0';
    return true;
}

static void answer(refuser_stream *s)
{
    char text[256];
    if (heard(s, "<stream:stream", ">")) {
        open_stream(s);
    } else if (!s->pump && heard(s, "<starttls", "/>")) {
        begin_tls(s);
    } else if (heard(s, "<auth", "</auth>")) {
        s->r->refused++;
        say(s, "<failure " SASL "><not-authorized/></failure></stream:stream>");
        close_stream(s);
    } else if (heard(s, "<db:result", "</db:result>")) {
        s->r->claims++;
        (void)snprintf(text, sizeof text, "<db:result from='%s' to='%s' type='valid'/>", s->r->local, s->r->remote);
        if (s->r->denies)
            close_stream(s);
        else
            say(s, text);
    } else if (heard(s, "<message", "</message>")) {
        s->r->stanzas++;
    } else if (heard(s, "</stream:stream", ">")) {
        say(s, "</stream:stream>");
        close_stream(s);
    }
}

static void hear(refuser_stream *s, const void *bytes, size_t len)
{
    cr_assert_lt(s->len + len, sizeof s->heard);
    memcpy(s->heard + s->len, bytes, len);
    s->len += len;
    s->heard[s->len] = '\0';
    answer(s);
}

static void decrypt(refuser_stream *s, s2s_bytes cipher)
{
    uint8_t plain[4096];
    size_t got = 0;
    cr_assert_eq(s2s__pump_feed(s->pump, cipher), S2S_OK);
    if (!s->up)
        s->up = s2s__pump_handshake(s->pump) == S2S_OK;
    while (s->up && !s->closing && s2s__pump_read(s->pump, plain, sizeof plain, &got) == S2S_OK)
        hear(s, plain, got);
    if (!s->closing)
        flush(s);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)handle;
    *buf = uv_buf_init(malloc(suggested), (unsigned)suggested);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    refuser_stream *s = stream->data;
    if (n < 0)
        close_stream(s);
    else if (n > 0 && s->pump)
        decrypt(s, (s2s_bytes){(const uint8_t *)buf->base, (size_t)n});
    else if (n > 0)
        hear(s, buf->base, (size_t)n);
    free(buf->base);
}

static void on_connection(uv_stream_t *server, int status)
{
    refuser *r = server->data;
    refuser_stream *s = calloc(1, sizeof *s);
    cr_assert_eq(status, 0);
    cr_assert_not_null(s);
    s->r = r;
    s->next = r->streams;
    r->streams = s;
    r->accepted++;
    uv_tcp_init(server->loop, &s->tcp);
    s->tcp.data = s;
    cr_assert_eq(uv_accept(server, (uv_stream_t *)&s->tcp), 0);
    uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
}

void refuser_begin(refuser *r, uv_loop_t *loop, const s2s_env *env, const char *local, const char *remote, const char *cert,
                   const char *key)
{
    char why[S2S_TEXT_MAX] = "";
    struct sockaddr_in at;
    int len = sizeof at;
    *r = (refuser){.env = env, .local = local, .remote = remote};
    cr_assert_eq(s2s__credentials_new(env, &r->credentials, why), S2S_OK, "%s", why);
    cr_assert_eq(s2s__identity_load(env, cert, key, &r->identity, why), S2S_OK, "%s", why);
    uv_tcp_init(loop, &r->listener);
    r->listener.data = r;
    uv_ip4_addr("127.0.0.1", 0, &at);
    cr_assert_eq(uv_tcp_bind(&r->listener, (const struct sockaddr *)&at, 0), 0);
    cr_assert_eq(uv_listen((uv_stream_t *)&r->listener, 8, on_connection), 0);
    cr_assert_eq(uv_tcp_getsockname(&r->listener, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(r->address, sizeof r->address, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
}

void refuser_end(refuser *r)
{
    while (r->streams)
        close_stream(r->streams);
    uv_close((uv_handle_t *)&r->listener, NULL);
}

void refuser_free(refuser *r)
{
    s2s__identity_unref(r->identity);
    s2s__credentials_free(r->credentials);
}
