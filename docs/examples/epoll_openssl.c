/* SPDX-License-Identifier: MIT */
/* epoll_openssl.c: the protocol part of libs2s under a plain epoll loop with OpenSSL: no libuv, no GnuTLS.
 *
 *   epoll_openssl listen ADDRESS PORT DOMAIN CERT KEY CA COUNT   prints COUNT messages that come in, then ends
 *   epoll_openssl send ADDRESS PORT DOMAIN CERT KEY CA TO TEXT   sends one message to TO from hello@DOMAIN
 *
 * What the session needs: bytes, the time, and answers to its questions. Everything else is here. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <s2s/addr.h>
#include <s2s/session.h>

enum { CONNECTIONS = 16, READ_SIZE = 16384, TEXT_SIZE = 6 * 1024 };

typedef struct app {
    s2s_env env;
    SSL_CTX *tls;
    const char *domain; /* ours */
    const char *to, *text; /* what to send; NULL: we listen */
    int epoll, listener;
    long wanted; /* messages still to come, or to be sent */
    bool failed;
} app;

typedef struct conn {
    app *app;
    int fd;
    s2s_session *session;
    SSL *ssl; /* NULL in the clear */
    BIO *from_net, *to_net;
    bool handshaking, gone;
    uint8_t *out; /* waits for the socket: one output of the session at most, so that its limits hold */
    size_t out_len;
    char remote[S2S_DOMAIN_MAX + 1];
} conn;

/* -- what the library asks of its host ------------------------------------------------------------------ */

static void *resize(void *user, void *ptr, size_t size)
{
    (void)user;
    if (size > 0)
        return realloc(ptr, size);
    free(ptr);
    return NULL;
}

static s2s_err fill_random(void *user, void *out, size_t len)
{
    (void)user;
    return getrandom(out, len, 0) == (ssize_t)len ? S2S_OK : S2S_E_IO;
}

static s2s_time now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (s2s_time)t.tv_sec * 1000 + (s2s_time)t.tv_nsec / 1000000;
}

/* -- certificates --------------------------------------------------------------------------------------- */

/* The handshake asks for a certificate and goes on whatever it is: the verdict comes later, and says why. */
static int take_any(int ok, X509_STORE_CTX *store)
{
    (void)ok;
    (void)store;
    return 1;
}

/* A whole path that is good for a TLS server, whichever side opened the connection (`tolerant`), and the name. */
static void judge(const conn *c, const char *remote, s2s_verdict *v)
{
    X509 *leaf = SSL_get0_peer_certificate(c->ssl);
    X509_STORE_CTX *path = X509_STORE_CTX_new();
    s2s_verdict_init(v);
    const char *why = "there is none";
    if (leaf && path && X509_STORE_CTX_init(path, SSL_CTX_get_cert_store(c->app->tls), leaf, SSL_get_peer_cert_chain(c->ssl))) {
        X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(path), X509_PURPOSE_SSL_SERVER);
        bool chain = X509_verify_cert(path) == 1;
        bool name = X509_check_host(leaf, remote, 0, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                                         X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
        v->trusted = chain && name;
        why = !chain ? X509_verify_cert_error_string(X509_STORE_CTX_get_error(path)) : "it is for another domain";
    }
    X509_STORE_CTX_free(path);
    if (!v->trusted)
        (void)snprintf(v->tell, sizeof v->tell, "Your server's certificate was refused: %s", why);
}

/* -- one connection ------------------------------------------------------------------------------------- */

static void put_out(conn *c, const void *bytes, size_t len)
{
    uint8_t *more = realloc(c->out, c->out_len + len);
    if (!more) {
        c->gone = true;
        return;
    }
    memcpy(more + c->out_len, bytes, len);
    c->out = more;
    c->out_len += len;
}

/* The session's output through TLS, if there is TLS; then TLS's own output. */
static void collect(conn *c)
{
    const uint8_t *bytes;
    char cipher[READ_SIZE];
    size_t len = s2s_session_output(c->session, &bytes);
    if (len > 0 && c->ssl && !c->handshaking) {
        if (SSL_write(c->ssl, bytes, (int)len) <= 0)
            s2s_session_lost(c->session, now(), "TLS failed");
        s2s_session_sent(c->session, now(), len);
    } else if (len > 0 && !c->ssl) {
        put_out(c, bytes, len);
        s2s_session_sent(c->session, now(), len);
    }
    for (int n; c->ssl && (n = BIO_read(c->to_net, cipher, sizeof cipher)) > 0;)
        put_out(c, cipher, (size_t)n);
}

/* As much as the socket takes. */
static void flush(conn *c)
{
    for (;;) {
        if (c->out_len == 0)
            collect(c);
        ssize_t n = c->out_len > 0 ? send(c->fd, c->out, c->out_len, MSG_NOSIGNAL) : 0;
        if (n <= 0)
            break;
        memmove(c->out, c->out + n, c->out_len - (size_t)n);
        c->out_len -= (size_t)n;
    }
    struct epoll_event want = {.events = EPOLLIN | (c->out_len > 0 ? (unsigned)EPOLLOUT : 0u), .data.ptr = c};
    (void)epoll_ctl(c->app->epoll, EPOLL_CTL_MOD, c->fd, &want);
}

static void start_tls(conn *c)
{
    collect(c); /* <proceed/> or <starttls/>, in the clear */
    c->ssl = SSL_new(c->app->tls);
    c->from_net = BIO_new(BIO_s_mem());
    c->to_net = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(c->from_net, -1); /* empty: try again */
    SSL_set_bio(c->ssl, c->from_net, c->to_net);
    if (c->app->to)
        SSL_set_connect_state(c->ssl);
    else
        SSL_set_accept_state(c->ssl);
    c->handshaking = true;
}

static void handshake(conn *c)
{
    int r = SSL_do_handshake(c->ssl);
    if (r == 1) {
        c->handshaking = false;
        (void)s2s_session_tls_up(c->session, now());
    } else if (SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ) {
        s2s_session_lost(c->session, now(), "the TLS handshake failed");
    }
}

static void send_message(conn *c)
{
    char from[S2S_DOMAIN_MAX + 16], text[TEXT_SIZE], inner[TEXT_SIZE + 16];
    (void)snprintf(from, sizeof from, "hello@%s", c->app->domain);
    size_t len = s2s_text_escape(s2s_str_of(c->app->text), text, sizeof text);
    (void)snprintf(inner, sizeof inner, "<body>%.*s</body>", len <= sizeof text ? (int)len : 0, text);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = s2s_str_of(from), .to = s2s_str_of(c->app->to), .id = S2S_STR("1"),
                     .type = S2S_STR("chat"), .attrs = S2S_STR(""), .inner = s2s_str_of(inner)};
    s2s_err err = len > sizeof text ? S2S_E_LIMIT : s2s_session_send(c->session, &st);
    if (err == S2S_OK)
        c->app->wanted--;
    else
        (void)fprintf(stderr, "not sent: %s\n", s2s_strerror(err));
    s2s_session_close(c->session, now(), S2S_COND_NONE, NULL);
}

static void take_event(conn *c, const s2s_event *e)
{
    s2s_verdict verdict;
    switch (e->type) {
    case S2S_EV_OPEN:
        if (s2s_str_eq(e->local, s2s_str_of(c->app->domain)))
            (void)s2s_session_accept(c->session, now());
        else
            (void)s2s_session_refuse(c->session, now(), S2S_COND_HOST_UNKNOWN, NULL);
        return;
    case S2S_EV_START_TLS: start_tls(c); return;
    case S2S_EV_VERIFY:
        (void)s2s_domain_to_ascii(e->remote, c->remote);
        judge(c, c->remote, &verdict);
        (void)s2s_session_verdict(c->session, now(), &verdict);
        return;
    case S2S_EV_ESTABLISHED:
        (void)printf("established with %.*s\n", S2S_FMT(e->remote));
        if (c->app->to)
            send_message(c);
        return;
    case S2S_EV_STANZA:
        (void)printf("%.*s -> %.*s: %.*s\n", S2S_FMT(e->stanza->from), S2S_FMT(e->stanza->to), S2S_FMT(e->stanza->inner));
        if (e->stanza->kind == S2S_MESSAGE && !c->app->to && --c->app->wanted == 0)
            s2s_session_close(c->session, now(), S2S_COND_NONE, NULL);
        return;
    case S2S_EV_CLOSED:
        (void)printf("closed by %s: %s %s\n", s2s_origin_name(e->close->origin), s2s_cond_name(e->close->cond), e->close->text);
        c->gone = true;
        c->app->failed = c->app->failed || (c->app->to && c->app->wanted > 0);
        flush(c); /* the end tag */
        if (e->graceful && c->ssl && SSL_shutdown(c->ssl) >= 0)
            flush(c);
        return;
    case S2S_EV_REJECTED: /* an error cannot go back on this stream; one for a domain that is not ours should not have come */
        if (e->error == S2S_SE_NOT_ALLOWED)
            s2s_session_close(c->session, now(), S2S_COND_HOST_UNKNOWN, NULL);
        return;
    case S2S_EV_NONE:
    case S2S_EV_PAIR: /* this host does no dialback, */
    case S2S_EV_DIALBACK_RESULT:
    case S2S_EV_DIALBACK_VERIFY:
    case S2S_EV_DIALBACK_ANSWER:
    case S2S_EV_ACKED: return; /* and sends no more than a stream takes at once */
    }
}

static void drive(conn *c)
{
    s2s_event e;
    char plain[READ_SIZE];
    for (bool more = true; more && !c->gone;) {
        while (!c->gone && s2s_session_next_event(c->session, &e) != S2S_EV_NONE)
            take_event(c, &e);
        more = false;
        if (c->ssl && !c->gone) {
            bool was = c->handshaking;
            if (was)
                handshake(c);
            int n = c->handshaking ? -1 : SSL_read(c->ssl, plain, sizeof plain);
            if (n > 0)
                (void)s2s_session_feed(c->session, now(), (s2s_bytes){(uint8_t *)plain, (size_t)n});
            else if (!c->handshaking && SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
                s2s_session_lost(c->session, now(), "TLS has ended");
            more = n > 0 || (was && !c->handshaking);
        }
    }
    if (!c->gone)
        flush(c);
}

/* -- the loop ------------------------------------------------------------------------------------------- */

static void close_conn(conn *c)
{
    s2s_session_free(c->session);
    SSL_free(c->ssl);
    (void)close(c->fd);
    free(c->out);
    free(c);
}

static void on_readable(conn *c)
{
    uint8_t bytes[READ_SIZE];
    ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);
    if (n > 0 && c->ssl)
        (void)BIO_write(c->from_net, bytes, (int)n);
    else if (n > 0)
        (void)s2s_session_feed(c->session, now(), (s2s_bytes){bytes, (size_t)n});
    else if (n == 0 || errno != EAGAIN)
        s2s_session_lost(c->session, now(), "the connection was closed");
    drive(c);
}

static conn *new_conn(app *a, int fd, s2s_str remote)
{
    conn *c = calloc(1, sizeof *c);
    s2s_session_options o;
    s2s_session_options_init(&o, a->to ? S2S_INITIATOR : S2S_ACCEPTOR);
    if (a->to) {
        o.local = s2s_str_of(a->domain);
        o.remote = remote;
    }
    if (!c || s2s_session_new(&a->env, &o, now(), &c->session) != S2S_OK)
        exit(1);
    c->app = a;
    c->fd = fd;
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event want = {.events = EPOLLIN, .data.ptr = c};
    (void)epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &want);
    drive(c);
    return c;
}

static void tick(conn *c)
{
    if (now() >= s2s_session_deadline(c->session))
        s2s_session_tick(c->session, now());
    drive(c);
}

/* Until the next deadline; -1: there is none. */
static int wait_ms(conn *const *conns)
{
    s2s_time next = S2S_NEVER, at = now();
    for (size_t i = 0; i < CONNECTIONS; i++) {
        s2s_time deadline = conns[i] ? s2s_session_deadline(conns[i]->session) : S2S_NEVER;
        next = deadline < next ? deadline : next;
    }
    if (next == S2S_NEVER)
        return -1;
    return next <= at ? 0 : next - at < INT_MAX ? (int)(next - at) : INT_MAX;
}

static int run(app *a, conn **conns)
{
    for (bool busy = true; busy;) {
        struct epoll_event events[CONNECTIONS];
        int n = epoll_wait(a->epoll, events, CONNECTIONS, wait_ms(conns));
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                on_readable(events[i].data.ptr);
                continue;
            }
            int fd = accept(a->listener, NULL, NULL);
            size_t free_slot = 0;
            while (free_slot < CONNECTIONS && conns[free_slot])
                free_slot++;
            if (fd >= 0 && free_slot < CONNECTIONS)
                conns[free_slot] = new_conn(a, fd, S2S_STR_ABSENT);
            else if (fd >= 0)
                (void)close(fd);
        }
        busy = a->listener >= 0 && a->wanted > 0;
        for (size_t i = 0; i < CONNECTIONS; i++) {
            if (!conns[i])
                continue;
            tick(conns[i]);
            if (conns[i]->gone) {
                close_conn(conns[i]);
                conns[i] = NULL;
            }
            busy = busy || conns[i];
        }
    }
    return a->failed ? 1 : 0;
}

/* -- the start ------------------------------------------------------------------------------------------ */

static SSL_CTX *make_tls(const char *cert, const char *key, const char *ca)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_load_verify_locations(tls, ca, NULL) != 1) {
        ERR_print_errors_fp(stderr);
        exit(2);
    }
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, take_any);
    return tls;
}

static int open_socket(const app *a, const char *address, const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(port, NULL, 10))};
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
        (a->to ? connect(fd, (struct sockaddr *)&at, sizeof at) : bind(fd, (struct sockaddr *)&at, sizeof at)) < 0 ||
        (!a->to && listen(fd, CONNECTIONS) < 0)) {
        perror(address);
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    static const s2s_env_ops OPS = {.abi = S2S_ENV_ABI, .resize = resize, .random = fill_random};
    bool sends = argc == 10 && strcmp(argv[1], "send") == 0;
    if (!sends && !(argc == 9 && strcmp(argv[1], "listen") == 0)) {
        (void)fprintf(stderr, "usage: epoll_openssl listen ADDRESS PORT DOMAIN CERT KEY CA COUNT\n"
                              "       epoll_openssl send ADDRESS PORT DOMAIN CERT KEY CA TO TEXT\n");
        return 2;
    }
    app a = {.domain = argv[4], .tls = make_tls(argv[5], argv[6], argv[7]), .epoll = epoll_create1(0), .listener = -1,
             .to = sends ? argv[8] : NULL, .text = sends ? argv[9] : NULL, .wanted = sends ? 1 : strtol(argv[8], NULL, 10)};
    conn *conns[CONNECTIONS] = {NULL};
    (void)signal(SIGPIPE, SIG_IGN); /* a peer may reset the connection that we write to */
    s2s_env_init(&a.env, &OPS, NULL);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    int fd = open_socket(&a, argv[2], argv[3]);
    if (sends) {
        s2s_jid to;
        if (s2s_jid_split(s2s_str_of(a.to), &to) != S2S_OK) {
            (void)fprintf(stderr, "%s is not an XMPP address\n", a.to);
            return 2;
        }
        conns[0] = new_conn(&a, fd, to.domain);
    } else {
        struct epoll_event want = {.events = EPOLLIN, .data.ptr = NULL};
        a.listener = fd;
        (void)epoll_ctl(a.epoll, EPOLL_CTL_ADD, fd, &want);
        (void)puts("listening");
    }
    int status = run(&a, conns);
    (void)close(a.epoll);
    if (a.listener >= 0)
        (void)close(a.listener);
    SSL_CTX_free(a.tls);
    return status;
}
