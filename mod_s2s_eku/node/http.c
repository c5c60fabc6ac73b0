/* SPDX-License-Identifier: MIT */
/* http.c: libmicrohttpd inside the loop: it has one epoll descriptor, which the loop watches, and no thread. */
#include "http.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <microhttpd.h>

#include "json_text.h"
#include "metrics.h"
#include "page.h"
#include "protocol/buf.h"
#include "protocol/log.h"
#include "reload.h"
#include "s2s/addr.h"
#include "status.h"
#include "transport/address.h"

enum { BACKLOG = 64 };

struct http {
    http_options options;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;
    uv_timer_t timer;
    bool loopback; /* only who asks by a name or address of this machine is answered: DNS rebinding */
    bool polls, stopped;
};

/* -- answers ------------------------------------------------------------------------------------------- */

static const char TEXT[] = "text/plain; charset=utf-8", JSON[] = "application/json", HTML[] = "text/html; charset=utf-8",
                  CSS[] = "text/css; charset=utf-8";

/* Nothing is fetched from elsewhere, no script runs, nobody may frame it. */
static const char *const HEADERS[][2] = {
    {"Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

/* Takes over `response`. */
static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, const char *type,
                             struct MHD_Response *response)
{
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_add_response_header(response, "Content-Type", type);
    for (size_t i = 0; i < sizeof HEADERS / sizeof *HEADERS && result == MHD_YES; i++)
        result = MHD_add_response_header(response, HEADERS[i][0], HEADERS[i][1]);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED && result == MHD_YES)
        result = MHD_add_response_header(response, "Allow", "GET, HEAD");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result give_static(struct MHD_Connection *connection, unsigned status, const char *type, const char *text)
{
    /* libmicrohttpd's type is not const, but it only reads */
    return queue(connection, status, type,
                 MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result give_failure(struct MHD_Connection *connection)
{
    return give_static(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, TEXT, "out of memory\n");
}

static enum MHD_Result give_buf(struct MHD_Connection *connection, const char *type, s2s__buf *b)
{
    if (b->failed != S2S_OK)
        return give_failure(connection);
    return queue(connection, MHD_HTTP_OK, type,
                 MHD_create_response_from_buffer(b->len, (void *)(uintptr_t)s2s__buf_bytes(b), MHD_RESPMEM_MUST_COPY));
}

/* Takes over `object`. */
static enum MHD_Result give_json(struct MHD_Connection *connection, json_t *object)
{
    char *text = json_text(object, JSON_INDENT(2));
    json_decref(object);
    if (!text)
        return give_failure(connection);
    struct MHD_Response *response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    if (!response)
        free(text);
    return queue(connection, MHD_HTTP_OK, JSON, response);
}

/* -- resources ----------------------------------------------------------------------------------------- */

static enum MHD_Result give_page(const http *h, struct MHD_Connection *connection)
{
    const node *n = h->options.node;
    json_t *facts = json_pack("{s:o, s:o, s:o, s:o}", "status", status_of(n), "peers", status_peers(n), "census",
                              census_json(node_census(n)), "failures", census_failures_json(node_census(n)));
    s2s__buf b;
    s2s__buf_init(&b, h->options.env, HTTP_BODY_MAX);
    if (!facts)
        return give_failure(connection);
    page_write(facts, &b);
    json_decref(facts);
    enum MHD_Result result = give_buf(connection, HTML, &b);
    s2s__buf_free(&b);
    return result;
}

static enum MHD_Result give_style(const http *h, struct MHD_Connection *connection)
{
    (void)h;
    return give_static(connection, MHD_HTTP_OK, CSS, page_style);
}

static enum MHD_Result give_metrics(const http *h, struct MHD_Connection *connection)
{
    s2s__buf b;
    s2s__buf_init(&b, h->options.env, METRICS_BYTES_MAX);
    (void)metrics_write(h->options.node, h->options.reload, &b);
    enum MHD_Result result = give_buf(connection, METRICS_TYPE, &b);
    s2s__buf_free(&b);
    return result;
}

static enum MHD_Result give_health(const http *h, struct MHD_Connection *connection)
{
    if (node_is_stopping(h->options.node))
        return give_static(connection, MHD_HTTP_SERVICE_UNAVAILABLE, JSON, "{\"status\": \"stopping\"}\n");
    return give_static(connection, MHD_HTTP_OK, JSON, "{\"status\": \"ok\"}\n");
}

static enum MHD_Result give_status(const http *h, struct MHD_Connection *connection)
{
    return give_json(connection, status_of(h->options.node));
}

static enum MHD_Result give_peers(const http *h, struct MHD_Connection *connection)
{
    return give_json(connection, status_peers(h->options.node));
}

static enum MHD_Result give_census(const http *h, struct MHD_Connection *connection)
{
    return give_json(connection, census_json(node_census(h->options.node)));
}

static enum MHD_Result give_failures(const http *h, struct MHD_Connection *connection)
{
    return give_json(connection, json_pack("{s:o}", "failures", census_failures_json(node_census(h->options.node))));
}

static const struct resource {
    const char *path;
    enum MHD_Result (*give)(const http *h, struct MHD_Connection *connection);
} RESOURCES[] = {{"/", give_page},
                 {"/style.css", give_style},
                 {"/metrics", give_metrics},
                 {"/health", give_health},
                 {"/api/status", give_status},
                 {"/api/peers", give_peers},
                 {"/api/census", give_census},
                 {"/api/failures", give_failures}};

/* -- requests ------------------------------------------------------------------------------------------ */

/* A page elsewhere may have its own name lead to 127.0.0.1 and so read what is answered here: on loopback the name must be one that
 * nobody else can give. */
static bool host_ok(const char *host)
{
    char name[HTTP_HOST_MAX + 1];
    size_t len = host ? strlen(host) : 0;
    if (len == 0 || len > HTTP_HOST_MAX)
        return !host; /* HTTP/1.0 without it is no browser */
    memcpy(name, host, len + 1);
    char *end = *name == '[' ? strchr(name, ']') : NULL;
    char *port = strchr(end ? end : name, ':');
    if (port)
        *port = '\0';
    s2s_str s = s2s_str_of(name);
    return s2s_domain_is_ip(s) || s2s_str_caseeq(s, S2S_STR("localhost"));
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_size, void **state)
{
    static const char SEEN; /* an address to know a request by */
    const http *h = arg;
    (void)version;
    (void)upload;
    if (!*state) { /* the head alone: answers come at the second call */
        *state = (void *)(uintptr_t)&SEEN;
        return MHD_YES;
    }
    if (*upload_size > 0) { /* a body is not wanted, and dropped */
        *upload_size = 0;
        return MHD_YES;
    }
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return give_static(connection, MHD_HTTP_METHOD_NOT_ALLOWED, TEXT, "GET and HEAD only\n");
    if (h->loopback && !host_ok(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host")))
        return give_static(connection, MHD_HTTP_MISDIRECTED_REQUEST, TEXT,
                           "ask by address or as localhost: this listens on loopback\n");
    for (size_t i = 0; i < sizeof RESOURCES / sizeof *RESOURCES; i++) {
        if (strcmp(url, RESOURCES[i].path) == 0)
            return RESOURCES[i].give(h, connection);
    }
    return give_static(connection, MHD_HTTP_NOT_FOUND, TEXT, "not found\n");
}

/* -- in the loop --------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* At its limit of connections libmicrohttpd takes the listening socket out of its epoll set, and puts it back only when it is run
 * again after they have gone, for which there is no event: so it is run once in a while. */
static void work(http *h)
{
    MHD_UNSIGNED_LONG_LONG wait = HTTP_TICK_MS;
    (void)MHD_run(h->daemon);
    if (MHD_get_timeout(h->daemon, &wait) != MHD_YES || wait > HTTP_TICK_MS)
        wait = HTTP_TICK_MS;
    uv_timer_start(&h->timer, on_timer, wait, 0);
}

static void on_timer(uv_timer_t *timer)
{
    work(timer->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    work(poll->data);
}

/* -- life ---------------------------------------------------------------------------------------------- */

static s2s_err say(char why[S2S_TEXT_MAX], const char *address, int error)
{
    (void)snprintf(why, S2S_TEXT_MAX, "http: %s: %s%s", address, strerror(error),
                   error == EADDRINUSE ? "; ss -ltnp shows by whom" : "");
    return S2S_E_IO;
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
}

/* -1 with `why`. */
static int listen_at(http *h, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    struct sockaddr_storage where;
    const char *address = h->options.address;
    int one = 1;
    if (s2s__address_parse(s2s_str_of(address), &where) != S2S_OK) {
        (void)snprintf(why, S2S_TEXT_MAX, "http: %s: not an address with a port", address);
        return -1;
    }
    socklen_t len = where.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    int fd = socket(where.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    h->loopback = is_loopback(&where);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(fd, (const struct sockaddr *)&where, len) < 0 || listen(fd, BACKLOG) < 0) {
        (void)say(why, address, errno);
        if (fd >= 0)
            (void)close(fd);
        return -1;
    }
    len = sizeof where;
    if (getsockname(fd, (struct sockaddr *)&where, &len) == 0)
        s2s__address_print((const struct sockaddr *)&where, bound);
    return fd;
}

static s2s_err start(http *h, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    int fd = listen_at(h, bound, why);
    if (fd < 0)
        return S2S_E_IO;
    h->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd,
                                 MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
                                 HTTP_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_MEMORY_MAX,
                                 MHD_OPTION_END);
    if (!h->daemon) {
        (void)close(fd);
        return say(why, h->options.address, errno);
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    int status = info ? uv_poll_init(h->options.loop, &h->poll, info->epoll_fd) : UV_EINVAL;
    if (status < 0)
        return say(why, h->options.address, -status);
    h->polls = true;
    h->poll.data = h;
    uv_poll_start(&h->poll, UV_READABLE, on_poll);
    return S2S_OK;
}

s2s_err http_new(const http_options *options, http **out, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    http *h = s2s__alloc(options->env, sizeof *h);
    if (!h)
        return S2S_E_NOMEM;
    h->options = *options;
    uv_timer_init(options->loop, &h->timer);
    h->timer.data = h;
    *out = h;
    return start(h, bound, why);
}

void http_stop(http *h)
{
    if (!h || h->stopped)
        return;
    h->stopped = true;
    uv_close((uv_handle_t *)&h->timer, NULL);
    if (h->polls)
        uv_close((uv_handle_t *)&h->poll, NULL); /* stops watching the descriptor at once; libmicrohttpd may close it */
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    h->daemon = NULL;
}

void http_free(http *h)
{
    if (h)
        s2s__free(h->options.env, h);
}
