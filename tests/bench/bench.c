/* SPDX-License-Identifier: MIT */
/* bench.c: what the protocol part costs: two sessions back to back over memory, no TLS, no sockets. Reports, never judges. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "s2s/session.h"
#include "support/test_env.h"

enum { STANZA_BYTES = 300, BATCH = 50, ROUNDS = 5, SETUPS = 2000, STANZAS = 200000 };

typedef struct pair {
    s2s_session *out, *in;
    uint64_t received;
} pair;

typedef struct figure {
    const char *name, *unit;
    double best, median;
} figure;

static void must(s2s_err err, const char *what)
{
    if (err == S2S_OK)
        return;
    (void)fprintf(stderr, "s2s-bench: %s: %s\n", what, s2s_strerror(err));
    exit(1);
}

static double cpu_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Answers one event of `s` as a willing server does; false when there is none. */
static bool answer(pair *p, s2s_session *s)
{
    s2s_event e;
    s2s_verdict verdict;
    switch (s2s_session_next_event(s, &e)) {
    case S2S_EV_NONE: return false;
    case S2S_EV_OPEN: must(s2s_session_accept(s, 0), "accept"); break;
    case S2S_EV_VERIFY:
        s2s_verdict_init(&verdict);
        verdict.trusted = true;
        must(s2s_session_verdict(s, 0, &verdict), "verdict");
        break;
    case S2S_EV_STANZA: p->received++; break;
    case S2S_EV_START_TLS: /* the other side's, too: see shake_hands */
    case S2S_EV_ESTABLISHED:
    case S2S_EV_PAIR:
    case S2S_EV_DIALBACK_RESULT:
    case S2S_EV_DIALBACK_VERIFY:
    case S2S_EV_DIALBACK_ANSWER:
    case S2S_EV_REJECTED:
    case S2S_EV_ACKED: break;
    case S2S_EV_CLOSED:
        (void)fprintf(stderr, "s2s-bench: closed: %s\n", e.close->text);
        exit(1);
    }
    return true;
}

/* Moves all output of `from` to `to`, in pieces as a socket would give them. */
static bool move(pair *p, s2s_session *from, s2s_session *to)
{
    const uint8_t *bytes;
    size_t len = s2s_session_output(from, &bytes), at = 0;
    if (len == 0)
        return false;
    while (at < len) {
        size_t n = len - at < S2S_FEED_MAX ? len - at : S2S_FEED_MAX;
        must(s2s_session_feed(to, 0, (s2s_bytes){bytes + at, n}), "feed");
        at += n;
        while (answer(p, to))
            ;
    }
    s2s_session_sent(from, 0, len);
    return true;
}

static void shake_hands(pair *p)
{
    for (;;) {
        while (answer(p, p->out) || answer(p, p->in))
            ;
        bool moved = move(p, p->out, p->in);
        moved |= move(p, p->in, p->out);
        if (moved)
            continue;
        if (strcmp(s2s_session_state(p->out), "tls-handshake") != 0)
            return;
        must(s2s_session_tls_up(p->out, 0), "tls");
        must(s2s_session_tls_up(p->in, 0), "tls");
    }
}

static void open_pair(pair *p, const s2s_env *env)
{
    s2s_session_options o;
    s2s_session_options_init(&o, S2S_ACCEPTOR);
    must(s2s_session_new(env, &o, 0, &p->in), "acceptor");
    s2s_session_options_init(&o, S2S_INITIATOR);
    o.local = S2S_STR("a.example");
    o.remote = S2S_STR("b.example");
    must(s2s_session_new(env, &o, 0, &p->out), "initiator");
    shake_hands(p);
    if (!s2s_session_is_open(p->out) || !s2s_session_is_open(p->in)) {
        (void)fprintf(stderr, "s2s-bench: the sessions did not get through\n");
        exit(1);
    }
}

static void close_pair(pair *p)
{
    s2s_session_free(p->out);
    s2s_session_free(p->in);
}

static double stanzas(const s2s_env *env)
{
    char text[STANZA_BYTES];
    pair p = {0};
    memset(text, 'x', sizeof text);
    memcpy(text, "<body>", 6);
    memcpy(text + 200 - 7, "</body>", 7);
    s2s_stanza st = {.kind = S2S_MESSAGE,
                     .from = S2S_STR("someone@a.example/resource"),
                     .to = S2S_STR("bot@b.example"),
                     .id = S2S_STR("0123456789"),
                     .type = S2S_STR("chat"),
                     .attrs = S2S_STR(""),
                     .inner = {text, 200}};
    open_pair(&p, env);
    double t = cpu_seconds();
    for (int i = 0; i < STANZAS; i++) {
        must(s2s_session_send(p.out, &st), "send");
        if (i % BATCH == BATCH - 1) {
            (void)move(&p, p.out, p.in);
            (void)move(&p, p.in, p.out); /* what is acknowledged makes room */
        }
    }
    t = cpu_seconds() - t;
    if (p.received != STANZAS) {
        (void)fprintf(stderr, "s2s-bench: %" PRIu64 " of %d stanzas\n", p.received, STANZAS);
        exit(1);
    }
    close_pair(&p);
    return t / STANZAS * 1e6;
}

static double setups(const s2s_env *env)
{
    double t = cpu_seconds();
    for (int i = 0; i < SETUPS; i++) {
        pair p = {0};
        open_pair(&p, env);
        close_pair(&p);
    }
    return (cpu_seconds() - t) / SETUPS * 1e6;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static figure measure(const char *name, double (*run)(const s2s_env *), const s2s_env *env)
{
    double took[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        took[i] = run(env);
    qsort(took, ROUNDS, sizeof *took, ascending);
    return (figure){name, "us of CPU", took[0], took[ROUNDS / 2]};
}

int main(void)
{
    test_env t;
    test_env_init(&t);
    t.env.level = S2S_LOG_ERROR;
    const figure figures[] = {
        measure("stanza, written and read", stanzas, &t.env),
        measure("stream, made and closed, both ends", setups, &t.env),
    };
    size_t count = sizeof figures / sizeof *figures;
    printf("%-38s %10s %10s  unit\n", "what", "best", "median");
    for (size_t i = 0; i < count; i++)
        printf("%-38s %10.2f %10.2f  %s\n", figures[i].name, figures[i].best, figures[i].median, figures[i].unit);
    printf("{\"rounds\":%d,\"figures\":[", ROUNDS);
    for (size_t i = 0; i < count; i++)
        printf("%s{\"name\":\"%s\",\"best\":%.3f,\"median\":%.3f,\"unit\":\"%s\"}", i ? "," : "",
               figures[i].name, figures[i].best, figures[i].median, figures[i].unit);
    printf("]}\n");
    return 0;
}
