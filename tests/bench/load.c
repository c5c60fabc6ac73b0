/* SPDX-License-Identifier: MIT */
/* load.c: drives two servers through their component ports (XEP-0114) and checks that every stanza arrives once and in
 * order. Senders attach to server A, receivers to server B; one process, one thread. Prints one JSON object. */
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 32, ID_BYTES = 14, FLOW_DIGITS = 4, NUMBER_DIGITS = 8, FLOWS_MAX = 65536, BACKLOG_BYTES = 65536 };
enum { TURN_MS = 50, WARM_WINDOW = 64 /* streams that are set up at once before the measured part */ };

typedef enum run_mode { PAIR, PING, STORM } run_mode;

static const char USAGE[] =
    "Usage: s2s-load pair|ping|storm --a HOST:PORT --b HOST:PORT [options]\n"
    "\n"
    "  pair            sends from A's components to B's; ping: one at a time, B's components answer\n"
    "  storm           ping on the first flow while all others send one stanza each, --window of them at once\n"
    "  --domains N     sending components cI.a.example on A (1)\n"
    "  --targets N     receiving components rI.b.example on B (1)\n"
    "  --flows N       pairs used; flow I goes from I % domains to (I / domains) % targets, or, while\n"
    "                  it is at most the larger of both numbers (the default), to I % targets\n"
    "  --count N       stanzas in the measured part (100000)\n"
    "  --size N        bytes of a stanza (300)\n"
    "  --window N      stanzas in flight (1000)\n"
    "  --warm N        stanzas of each flow before the measured part, 64 in flight at most (1); 0: streams are made in it\n"
    "  --hold S        seconds of idleness behind it, before the last look at memory (0)\n"
    "  --timeout S     give up (120)\n"
    "  --secret S      of all components (secret)\n"
    "  --watch N=PID   report CPU time and memory of a process; up to 8\n";

double load_now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void load_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("s2s-load: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    exit(2);
}

static void *make(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        load_die("out of memory");
    return p;
}

/* -- what arrives -------------------------------------------------------------------------------------- */

static bool hex(const char *p, int digits, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++) {
        const char *all = "0123456789abcdef", *d = strchr(all, p[i]);
        if (!d || !p[i])
            return false;
        *out = *out << 4 | (uint32_t)(d - all);
    }
    return true;
}

static void answer(component *c, const char *p, const char *close, const char *end, const char *id)
{
    char head[3 * NAME_MAX_BYTES];
    size_t from_len = 0, to_len = 0;
    const char *from = load_attribute(p, close, "from", &from_len), *to = load_attribute(p, close, "to", &to_len);
    if (!from || !to)
        load_die("%s: a stanza without addresses", c->domain);
    int n = snprintf(head, sizeof head, "<message from='%.*s' to='%.*s' id='%.*s'>", (int)to_len, to, (int)from_len,
                     from, ID_BYTES, id);
    component_put(c, head, (size_t)n);
    component_put(c, close + 1, (size_t)(end - close - 1));
}

void load_arrived(component *c, const char *p, const char *end)
{
    load *l = c->owner;
    const char *close = memchr(p, '>', (size_t)(end - p));
    size_t id_len = 0, type_len = 0;
    uint32_t index = 0, number = 0;
    const char *id = load_attribute(p, close, "id", &id_len), *type = load_attribute(p, close, "type", &type_len);
    if (type && type_len == 5 && memcmp(type, "error", 5) == 0) {
        if (l->errors++ == 0)
            (void)fprintf(stderr, "s2s-load: %s: %.*s\n", c->domain, (int)(end - p), p);
        return;
    }
    if (!id || id_len != ID_BYTES || !hex(id + 1, FLOW_DIGITS, &index) || !hex(id + 6, NUMBER_DIGITS, &number) ||
        (int)index >= l->opt.flows || (long)number >= l->per_flow) {
        l->strange++;
        return;
    }
    if (c->echoes) {
        answer(c, p, close, end, id);
        return;
    }
    flow *f = &l->flows[index];
    uint8_t bit = (uint8_t)(1u << (number % 8));
    if (f->seen[number / 8] & bit) {
        l->twice++;
        return;
    }
    f->seen[number / 8] |= bit;
    if (number < f->highest)
        l->reordered++;
    else
        f->highest = number;
    l->received++;
}

/* -- what is sent -------------------------------------------------------------------------------------- */

static void make_flow(load *l, int i)
{
    static const char MIDDLE[] = "' type='chat'><body>", TAIL[] = "</body></message>";
    static const char WORDS[] = "The quick brown fox jumps over the lazy dog while the federation hums along. ";
    const options *o = &l->opt;
    flow *f = &l->flows[i];
    char head[3 * NAME_MAX_BYTES];
    int larger = o->domains > o->targets ? o->domains : o->targets;
    int target = (o->flows > larger ? i / o->domains : i) % o->targets;
    f->from = &l->senders[i % o->domains];
    int n = snprintf(head, sizeof head, "<message from='u@%s/r' to='v@%s/r' id='x%04x-", f->from->domain,
                     l->receivers[target].domain, (unsigned)i);
    size_t fixed = (size_t)n + NUMBER_DIGITS + sizeof MIDDLE - 1 + sizeof TAIL - 1;
    size_t body = (size_t)o->size > fixed ? (size_t)o->size - fixed : 1;
    f->len = fixed + body;
    f->number_at = (size_t)n;
    f->stanza = make(f->len + 1, 1);
    f->seen = make((size_t)l->per_flow / 8 + 1, 1);
    n = snprintf(f->stanza, f->len + 1, "%s%0*x%s", head, NUMBER_DIGITS, 0u, MIDDLE);
    for (size_t k = 0; k < body; k++)
        f->stanza[(size_t)n + k] = WORDS[k % (sizeof WORDS - 1)];
    memcpy(f->stanza + n + body, TAIL, sizeof TAIL - 1);
}

static void send_next(load *l, flow *f)
{
    uint32_t number = f->next++;
    for (int i = NUMBER_DIGITS - 1; i >= 0; i--, number >>= 4)
        f->stanza[f->number_at + (size_t)i] = "0123456789abcdef"[number & 15];
    component_put(f->from, f->stanza, f->len);
    l->sent++;
}

static void send_all(load *l)
{
    for (int i = 0; i < l->opt.domains; i++) {
        component *c = &l->senders[i];
        if (c->out_len > c->out_sent && !c->wants_out)
            component_flush(c);
    }
}

/* Sends `total` stanzas, the flows in turn, `window` in flight, until all have arrived. False: they did not. */
static bool run(load *l, long total, long window)
{
    long sent_before = l->sent, received_before = l->received;
    double give_up = load_now() + l->opt.timeout;
    for (;;) {
        long sent = l->sent - sent_before, received = l->received - received_before;
        if (received + l->errors >= total)
            return l->errors == 0;
        if (load_now() > give_up)
            return false;
        long room = window - (sent - received), full = 0;
        if (room > total - sent)
            room = total - sent;
        while (room > 0 && full < l->opt.flows) {
            flow *f = &l->flows[l->turn];
            l->turn = (l->turn + 1) % l->opt.flows;
            if (f->from->out_len - f->from->out_sent > BACKLOG_BYTES) {
                full++;
                continue;
            }
            send_next(l, f);
            room--;
            full = 0;
        }
        send_all(l);
        load_turn(l, TURN_MS);
    }
}

/* Sends the first stanza of further flows, `window` of them in flight. */
static void send_first_ones(load *l, long arrived, int *begun)
{
    for (; *begun < l->opt.flows && *begun - 1 - arrived < l->opt.window; ++*begun)
        send_next(l, &l->flows[*begun]);
    send_all(l);
}

/* The first flow is pinged, one at a time, while each other one sends its first stanza. `*pings` is how many came back,
 * `times` gets the seconds that each took. */
static bool storm(load *l, double *times, long *pings)
{
    flow *f = &l->flows[0];
    double give_up = load_now() + l->opt.timeout;
    long before = l->received, arrived = 0;
    int begun = 1;
    for (*pings = 0; arrived < l->opt.flows - 1; ++*pings) {
        double start = load_now();
        uint32_t number = f->next;
        if (*pings == l->opt.count)
            load_die("more pings than --count");
        send_next(l, f);
        component_flush(f->from);
        while (!(f->seen[number / 8] & 1u << (number % 8))) {
            send_first_ones(l, arrived, &begun);
            load_turn(l, TURN_MS);
            arrived = l->received - before - *pings;
            if (l->errors || load_now() > give_up)
                return false;
        }
        times[*pings] = load_now() - start;
        arrived = l->received - before - *pings - 1;
    }
    return true;
}

/* One at a time; `times` gets the seconds that each took. */
static bool ping(load *l, double *times)
{
    for (long i = 0; i < l->opt.count; i++) {
        double start = load_now();
        long want = l->received + 1;
        flow *f = &l->flows[l->turn];
        l->turn = (l->turn + 1) % l->opt.flows;
        send_next(l, f);
        component_flush(f->from);
        while (l->received < want) {
            load_turn(l, TURN_MS);
            if (l->errors || load_now() > start + l->opt.timeout)
                return false;
        }
        times[i] = load_now() - start;
    }
    return true;
}

/* -- the run ------------------------------------------------------------------------------------------- */

static int attached(const component *list, int len)
{
    int n = 0;
    for (int i = 0; i < len; i++)
        n += list[i].stage == ATTACHED;
    return n;
}

static void attach_all(load *l)
{
    const options *o = &l->opt;
    int total = o->domains + o->targets, opened = 0, ready;
    double give_up = load_now() + o->timeout;
    while ((ready = attached(l->senders, o->domains) + attached(l->receivers, o->targets)) < total) {
        for (; opened < total && opened - ready < BATCH; opened++) {
            if (opened < o->targets)
                component_open(l, &l->receivers[opened], "rb.example", opened, o->b);
            else
                component_open(l, &l->senders[opened - o->targets], "ca.example", opened - o->targets, o->a);
        }
        load_turn(l, TURN_MS);
        if (load_now() > give_up)
            load_die("%d of %d components are attached", ready, total);
    }
}

static void idle(load *l, double seconds)
{
    for (double until = load_now() + seconds; load_now() < until;)
        load_turn(l, TURN_MS);
}

static double own_cpu(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_times(double *times, long count)
{
    qsort(times, (size_t)count, sizeof *times, ascending);
    printf(",\"pings\":%ld,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", count, times[count / 2] * 1e6,
           times[count * 99 / 100] * 1e6, times[count - 1] * 1e6);
}

static bool run_as(load *l, run_mode mode, double *times, long *pings)
{
    switch (mode) {
    case PAIR: return run(l, l->opt.count, l->opt.window);
    case PING: *pings = l->opt.count; return ping(l, times);
    case STORM: return storm(l, times, pings);
    }
    return false;
}

/* Of each flow that is to have a stream before the measured part. */
static bool warm_up(load *l, run_mode mode)
{
    const options *o = &l->opt;
    if (mode != STORM)
        return o->warm == 0 || run(l, o->warm * o->flows, o->window < WARM_WINDOW ? o->window : WARM_WINDOW);
    for (long i = 0; i < o->warm || i == 0; i++) {
        long want = l->received + 1;
        double give_up = load_now() + o->timeout;
        send_next(l, &l->flows[0]);
        for (send_all(l); l->received < want && load_now() < give_up && !l->errors;)
            load_turn(l, TURN_MS);
        if (l->received < want)
            return false;
    }
    return true;
}

static int measure(load *l, run_mode mode, watch *watches, int watches_len)
{
    const options *o = &l->opt;
    long pings = 0;
    double *times = make((size_t)o->count, sizeof *times);
    for (int i = 0; i < watches_len; i++)
        watches[i].rss[0] = watch_rss(&watches[i]);
    bool ok = warm_up(l, mode);
    for (int i = 0; i < watches_len; i++) {
        watches[i].rss[1] = watch_rss(&watches[i]);
        watches[i].cpu[0] = watch_cpu(&watches[i]);
    }
    long sent = l->sent, received = l->received;
    double start = load_now(), own = own_cpu();
    if (ok)
        ok = run_as(l, mode, times, &pings);
    double wall = load_now() - start;
    for (int i = 0; i < watches_len; i++)
        watches[i].cpu[1] = watch_cpu(&watches[i]);
    own = own_cpu() - own;
    idle(l, o->hold);
    for (int i = 0; i < watches_len; i++)
        watches[i].rss[2] = watch_rss(&watches[i]);
    sent = l->sent - sent;
    received = l->received - received;
    ok = ok && sent == received && !l->twice && !l->reordered && !l->strange && !l->errors;
    printf("{\"ok\":%s,\"count\":%ld,\"lost\":%ld,\"twice\":%ld,\"reordered\":%ld,\"errors\":%ld,\"wall_s\":%.5f,"
           "\"per_s\":%.1f,\"load_us\":%.3f",
           ok ? "true" : "false", received, sent - received, l->twice, l->reordered, l->errors + l->strange, wall,
           (double)received / wall, received ? own * 1e6 / (double)received : 0.0);
    if (pings > 0 && ok)
        print_times(times, pings);
    long units = mode == STORM ? o->flows - 1 : received; /* what CPU time is told for */
    for (int i = 0; i < watches_len; i++) {
        const watch *w = &watches[i];
        printf(",\"%s\":{\"cpu_us\":%.3f,\"rss_kb\":[%ld,%ld,%ld]}", w->name,
               units ? (w->cpu[1] - w->cpu[0]) * 1e6 / (double)units : 0.0, w->rss[0], w->rss[1], w->rss[2]);
    }
    printf("}\n");
    free(times);
    return ok ? 0 : 1;
}

static void take_option(options *o, const char *key, const char *value)
{
    const struct {
        const char *key;
        const char **text;
        int *number;
        long *count;
        double *seconds;
    } all[] = {{"--a", .text = &o->a}, {"--b", .text = &o->b}, {"--secret", .text = &o->secret},
               {"--domains", .number = &o->domains}, {"--targets", .number = &o->targets},
               {"--flows", .number = &o->flows}, {"--size", .number = &o->size}, {"--count", .count = &o->count},
               {"--window", .count = &o->window}, {"--warm", .count = &o->warm}, {"--hold", .seconds = &o->hold},
               {"--timeout", .seconds = &o->timeout}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (strcmp(key, all[i].key) != 0)
            continue;
        if (all[i].text)
            *all[i].text = value;
        else if (all[i].number)
            *all[i].number = (int)strtol(value, NULL, 10);
        else if (all[i].count)
            *all[i].count = strtol(value, NULL, 10);
        else
            *all[i].seconds = strtod(value, NULL);
        return;
    }
    load_die("unknown option %s\n%s", key, USAGE);
}

/* False: there is no such mode. */
static bool parse_mode(const char *word, run_mode *out)
{
    static const char *const WORDS[] = {[PAIR] = "pair", [PING] = "ping", [STORM] = "storm"};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(word, WORDS[i]) == 0) {
            *out = (run_mode)i;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    load l = {.opt = {.secret = "secret", .domains = 1, .targets = 1, .size = 300, .count = 100000, .window = 1000,
                      .warm = 1, .timeout = 120}};
    options *o = &l.opt;
    watch watches[WATCHES_MAX];
    int watches_len = 0;
    run_mode mode;
    if (argc < 2 || argc % 2 || !parse_mode(argv[1], &mode))
        load_die("what is to be done?\n%s", USAGE);
    for (int i = 2; i < argc; i += 2) {
        if (strcmp(argv[i], "--watch") != 0)
            take_option(o, argv[i], argv[i + 1]);
        else if (watches_len == WATCHES_MAX || !watch_parse(&watches[watches_len++], argv[i + 1]))
            load_die("--watch NAME=PID");
    }
    if (o->flows == 0)
        o->flows = o->domains > o->targets ? o->domains : o->targets;
    if (!o->a || !o->b || o->domains < 1 || o->targets < 1 || o->flows < 1 || o->flows > FLOWS_MAX || o->count < 1)
        load_die("numbers or addresses are missing\n%s", USAGE);
    l.per_flow = (mode == STORM ? o->count : (o->count + o->flows - 1) / o->flows) + o->warm + 1;
    l.poll = epoll_create1(EPOLL_CLOEXEC);
    l.senders = make((size_t)o->domains, sizeof *l.senders);
    l.receivers = make((size_t)o->targets, sizeof *l.receivers);
    l.flows = make((size_t)o->flows, sizeof *l.flows);
    for (int i = 0; i < o->targets; i++)
        l.receivers[i].echoes = mode == PING || (mode == STORM && i == 0);
    attach_all(&l);
    for (int i = 0; i < o->flows; i++)
        make_flow(&l, i);
    return measure(&l, mode, watches, watches_len);
}
