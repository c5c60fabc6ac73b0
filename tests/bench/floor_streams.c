/* SPDX-License-Identifier: MIT */
/* floor_streams.c: whole set-ups one after the other between two processes, each as short as RFC 6120 lets it be: three
 * streams, STARTTLS with certificates on both sides, EXTERNAL. CPU per side, and memory while they stay open. */
#include "floor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <expat.h>

#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"

enum { READ_BYTES = 4096, WARM = 5 };
static const char ADDRESS[] = "127.0.0.1:0";

typedef struct end {
    int fd;
    gnutls_session_t session; /* NULL before TLS */
    XML_Parser parser;
    long depth, headers, elements;
} end;

typedef struct cost {
    double cpu;
    long rss_before, rss_after;
} cost;

static void on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    end *e = user;
    (void)name;
    (void)atts;
    e->headers += e->depth++ == 0;
}

static void on_end(void *user, const XML_Char *name)
{
    end *e = user;
    (void)name;
    e->elements += --e->depth == 1;
}

static void restart(end *e)
{
    if (!e->parser)
        e->parser = XML_ParserCreateNS(NULL, '\xff');
    else
        XML_ParserReset(e->parser, NULL);
    XML_SetUserData(e->parser, e);
    XML_SetElementHandler(e->parser, on_start, on_end);
    e->depth = 0;
}

static void say(const end *e, const char *text)
{
    size_t len = strlen(text);
    ssize_t n = e->session ? gnutls_record_send(e->session, text, len) : send(e->fd, text, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len)
        floor_die("write", e->session ? (int)n : 0);
}

/* Until one more of what `count` counts has come. */
static void hear(end *e, const long *count)
{
    char bytes[READ_BYTES];
    for (long before = *count; *count == before;) {
        ssize_t n = e->session ? gnutls_record_recv(e->session, bytes, sizeof bytes) : recv(e->fd, bytes, sizeof bytes, 0);
        if (e->session && n == GNUTLS_E_AGAIN)
            continue;
        if (n <= 0 || XML_Parse(e->parser, bytes, (int)n, 0) != XML_STATUS_OK)
            floor_die("read", 0);
    }
}

static void start_tls(end *e, const floor_tls *tls, bool server)
{
    gnutls_session_t session = floor_session(tls, e->fd, server, false);
    int r;
    do
        r = gnutls_handshake(session);
    while (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED);
    if (r < 0)
        floor_die("handshake", r);
    floor_verify(session, server ? "a.example" : "b.example");
    e->session = session;
    restart(e);
}

static void initiate(end *e, const floor_tls *tls, const char *address)
{
    e->fd = floor_connect(address);
    restart(e);
    say(e, FLOOR_HEADER);
    hear(e, &e->elements);
    say(e, "<starttls xmlns='" NS_TLS "'/>");
    hear(e, &e->elements);
    start_tls(e, tls, false);
    say(e, FLOOR_HEADER);
    hear(e, &e->elements);
    say(e, "<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>=</auth>");
    hear(e, &e->elements);
    restart(e);
    say(e, FLOOR_HEADER);
    hear(e, &e->elements);
}

static void receive(end *e, const floor_tls *tls, int listener)
{
    e->fd = floor_accept(listener);
    restart(e);
    hear(e, &e->headers);
    say(e, FLOOR_HEADER "<stream:features><starttls xmlns='" NS_TLS "'><required/></starttls></stream:features>");
    hear(e, &e->elements);
    say(e, "<proceed xmlns='" NS_TLS "'/>");
    start_tls(e, tls, true);
    hear(e, &e->headers);
    say(e, FLOOR_HEADER "<stream:features><mechanisms xmlns='" NS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>"
                        "</stream:features>");
    hear(e, &e->elements);
    say(e, "<success xmlns='" NS_SASL "'/>");
    restart(e);
    hear(e, &e->headers);
    say(e, FLOOR_HEADER "<stream:features/>");
}

static void end_free(end *e)
{
    gnutls_deinit(e->session);
    XML_ParserFree(e->parser);
    close(e->fd);
    *e = (end){0};
}

static double cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long rss_kb(void)
{
    char line[256];
    long kb = -1;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && kb < 0 && fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    }
    if (f)
        (void)fclose(f);
    return kb;
}

static cost run(const floor_tls *tls, long count, bool keep, int listener, const char *address)
{
    end *ends = calloc((size_t)count + 1, sizeof *ends);
    cost c = {0};
    if (!ends)
        floor_die("memory", 0);
    for (long i = -WARM; i < count; i++) {
        end *e = &ends[i < 0 ? count : i];
        if (i == 0)
            c = (cost){.cpu = cpu(), .rss_before = rss_kb()};
        if (address)
            initiate(e, tls, address);
        else
            receive(e, tls, listener);
        if (i < 0 || !keep)
            end_free(e);
    }
    c.cpu = cpu() - c.cpu;
    c.rss_after = rss_kb();
    return c; /* `ends` goes with the process */
}

static void name_of(int listener, char out[64])
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;
    getsockname(listener, (struct sockaddr *)&at, &len);
    (void)snprintf(out, 64, "127.0.0.1:%u", ntohs(at.sin_port));
}

void floor_streams(const char *pki, long count, bool keep)
{
    floor_tls tls;
    cost a, b;
    char address[64];
    int done[2], told[2], listener = floor_listen(ADDRESS);
    name_of(listener, address);
    if (pipe(done) < 0 || pipe(told) < 0)
        floor_die("pipe", 0);
    pid_t child = fork();
    floor_tls_init(&tls, pki, child ? "a" : "b");
    if (child == 0) {
        b = run(&tls, count, keep, listener, NULL);
        if (write(done[1], &b, sizeof b) != sizeof b || read(told[0], address, 1) != 1)
            _exit(1);
        _exit(0);
    }
    a = run(&tls, count, keep, -1, address);
    if (read(done[0], &b, sizeof b) != sizeof b || write(told[1], "", 1) != 1)
        floor_die("the other side", 0);
    waitpid(child, NULL, 0);
    printf("{\"count\":%ld,\"A\":{\"cpu_us\":%.1f,\"kb\":%.2f},\"B\":{\"cpu_us\":%.1f,\"kb\":%.2f}}\n", count,
           a.cpu * 1e6 / (double)count, (double)(a.rss_after - a.rss_before) / (double)count,
           b.cpu * 1e6 / (double)count, (double)(b.rss_after - b.rss_before) / (double)count);
}
