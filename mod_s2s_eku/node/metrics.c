/* SPDX-License-Identifier: MIT */
/* metrics.c: each family with its type and help, then its samples. */
#include "metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <jansson.h>

#include "node.h"
#include "workers.h"
#include "reload.h"
#include "s2s/addr.h"

static const char *const WAY[] = {[S2S_INITIATOR] = "out", [S2S_ACCEPTOR] = "in"};

S2S_PRINTF(2, 3)
static void put(s2s__buf *b, const char *format, ...)
{
    char line[2 * S2S_DOMAIN_MAX];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n > 0)
        (void)s2s__buf_append(b, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
}

static void family(s2s__buf *b, const char *name, const char *type, const char *help)
{
    put(b, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* -- streams now --------------------------------------------------------------------------------------- */

typedef struct now {
    uint64_t streams[2][2]; /* [role][established] */
    uint64_t in, out, queued, slowed;
} now;

static void add_stream(void *arg, const s2s_stream_info *info)
{
    now *n = arg;
    if (strcmp(info->state, "closed") == 0)
        return; /* it is in the counters of what has ended; its connection is not gone yet */
    n->streams[info->role][strcmp(info->mechanism, "none") != 0]++;
    n->in += info->stanzas_in;
    n->out += info->stanzas_out;
    n->queued += info->queued_stanzas;
    n->slowed += info->slowed;
}

static void put_streams(s2s__buf *b, const node *n)
{
    static const char *const STATES[] = {"negotiating", "established"};
    const counters *c = node_counters(n);
    now s = {0};
    uint64_t in, out;
    workers_park(node_workers(n));
    workers_streams(node_workers(n), add_stream, &s);
    workers_untold(node_workers(n), &in, &out);
    workers_unpark(node_workers(n));
    family(b, "s2sd_streams", "gauge", "Streams with remote servers now.");
    for (size_t role = 0; role < 2; role++) {
        for (size_t i = 0; i < 2; i++)
            put(b, "s2sd_streams{direction=\"%s\",state=\"%s\"} %" PRIu64 "\n", WAY[role], STATES[i], s.streams[role][i]);
    }
    family(b, "s2sd_stanzas", "counter", "Stanzas received from and sent to remote servers.");
    put(b, "s2sd_stanzas_total{direction=\"in\"} %" PRIu64 "\n", c->stanzas_in + s.in + in);
    put(b, "s2sd_stanzas_total{direction=\"out\"} %" PRIu64 "\n", c->stanzas_out + s.out + out);
    s2s_federation_counts counts;
    workers_sum(node_workers(n), &counts);
    family(b, "s2sd_streams_slowed", "gauge", "Streams whose remote domain has reached limits.rate_bytes.");
    put(b, "s2sd_streams_slowed %" PRIu64 "\n", s.slowed);
    family(b, "s2sd_remotes_slowed", "counter", "Times that a remote domain reached limits.rate_bytes.");
    put(b, "s2sd_remotes_slowed_total %" PRIu64 "\n", counts.slowed);
    family(b, "s2sd_connections_turned_away", "counter", "Connections closed as soon as they were accepted, by the limit.");
    put(b, "s2sd_connections_turned_away_total{limit=\"connections\"} %" PRIu64 "\n", counts.turned_away);
    put(b, "s2sd_connections_turned_away_total{limit=\"connections_per_address\"} %" PRIu64 "\n", counts.turned_away_address);
    put(b, "s2sd_connections_turned_away_total{limit=\"preauth_connections\"} %" PRIu64 "\n", counts.turned_away_preauth);
    family(b, "s2sd_dropped_stanzas", "counter", "Errors and results that could not be sent, and are gone.");
    put(b, "s2sd_dropped_stanzas_total %" PRIu64 "\n", counts.dropped);
    family(b, "s2sd_queued_stanzas", "gauge", "Stanzas that wait for a stream.");
    put(b, "s2sd_queued_stanzas %" PRIu64 "\n", s.queued);
}

/* -- since the start ----------------------------------------------------------------------------------- */

static void put_ends(s2s__buf *b, const char *name, const uint64_t counts[COUNTERS_WAYS][COUNTERS_ORIGINS])
{
    for (size_t role = 0; role < 2; role++) {
        for (size_t i = 0; i < COUNTERS_ORIGINS; i++)
            put(b, "%s_total{direction=\"%s\",by=\"%s\"} %" PRIu64 "\n", name, WAY[role], s2s_origin_name((s2s_origin)i),
                counts[role][i]);
    }
}

static void put_verdicts(s2s__buf *b, const counters *c)
{
    static const char *const MODES[] = {"tolerant", "strict"};
    family(b, "s2sd_verdicts", "counter", "Handshakes by what the policy said of the peer's certificate.");
    for (size_t role = 0; role < 2; role++) {
        for (size_t trusted = 0; trusted < 2; trusted++) {
            for (int i = 0; i <= S2S_CHAIN_INVALID; i++)
                put(b, "s2sd_verdicts_total{direction=\"%s\",trusted=\"%s\",chain=\"%s\"} %" PRIu64 "\n", WAY[role],
                    trusted ? "true" : "false", s2s_chain_status_word((s2s_chain_status)i), c->chain[role][trusted][i]);
        }
    }
    family(b, "s2sd_verdict_eku", "counter", "Handshakes by the extended key usage of the peer's certificate.");
    for (size_t role = 0; role < 2; role++) {
        for (int i = 0; i <= S2S_EKU_OTHER; i++)
            put(b, "s2sd_verdict_eku_total{direction=\"%s\",eku=\"%s\"} %" PRIu64 "\n", WAY[role], s2s_eku_word((s2s_eku)i),
                c->eku[role][i]);
    }
    family(b, "s2sd_verdict_would_refuse", "counter", "Handshakes that a mode of policy.eku would refuse.");
    for (size_t role = 0; role < 2; role++) {
        for (size_t i = 0; i < 2; i++)
            put(b, "s2sd_verdict_would_refuse_total{direction=\"%s\",mode=\"%s\"} %" PRIu64 "\n", WAY[role], MODES[i],
                c->would_refuse[role][i]);
    }
}

static void put_counters(s2s__buf *b, const counters *c)
{
    family(b, "s2sd_streams_established", "counter", "Streams that were established.");
    for (size_t role = 0; role < 2; role++)
        put(b, "s2sd_streams_established_total{direction=\"%s\"} %" PRIu64 "\n", WAY[role], c->established[role]);
    family(b, "s2sd_streams_failed", "counter", "Streams that were not established, by who ended them.");
    put_ends(b, "s2sd_streams_failed", c->failed);
    family(b, "s2sd_streams_closed", "counter", "Established streams that have ended, by who ended them.");
    put_ends(b, "s2sd_streams_closed", c->closed);
    family(b, "s2sd_certificate_refused_by_peer", "counter", "Streams that failed because the peer refused our certificate.");
    for (size_t role = 0; role < 2; role++)
        put(b, "s2sd_certificate_refused_by_peer_total{direction=\"%s\"} %" PRIu64 "\n", WAY[role], c->peer_refused[role]);
    put_verdicts(b, c);
}

/* -- the census ---------------------------------------------------------------------------------------- */

static void put_keys(s2s__buf *b, const char *name, const char *label, const json_t *object)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
        put(b, "%s{%s=\"%s\"} %lld\n", name, label, key, (long long)json_integer_value(value));
}

static void put_census(s2s__buf *b, const node *n)
{
    static const char *const RESULTS[] = {"accepted", "refused", "unjudged", "dialback", "peer_refused"};
    json_t *sums = census_summary_json(node_census(n));
    if (!sums) {
        b->failed = S2S_E_NOMEM;
        return;
    }
    family(b, "s2sd_census_remotes", "gauge", "Remote domains by how they were seen last; one may count under several.");
    for (size_t i = 0; i < sizeof RESULTS / sizeof *RESULTS; i++)
        put(b, "s2sd_census_remotes{seen=\"%s\"} %lld\n", RESULTS[i],
            (long long)json_integer_value(json_object_get(sums, RESULTS[i])));
    family(b, "s2sd_census_cut_off", "gauge", "Remote domains accepted now that this mode of policy.eku would cut off.");
    put_keys(b, "s2sd_census_cut_off", "mode", json_object_get(sums, "cut_off"));
    family(b, "s2sd_census_eku", "gauge", "Accepted remote domains by extended key usage.");
    put_keys(b, "s2sd_census_eku", "eku", json_object_get(sums, "eku"));
    json_decref(sums);
}

/* -- ourselves ----------------------------------------------------------------------------------------- */

/* In normal form a domain has neither quotes nor control characters; a backslash is impossible, too. */
static void put_expiry(void *arg, const s2s_domain_info *info)
{
    put(arg, "s2sd_certificate_not_after_seconds{domain=\"%.*s\"} %" PRId64 "\n", S2S_FMT(info->domain), info->expires);
}

static void put_components(s2s__buf *b, const node *n)
{
    const config *c = node_config(n);
    family(b, "s2sd_component_attached", "gauge", "Whether the component is attached.");
    for (size_t i = 0; i < c->accounts_len; i++)
        put(b, "s2sd_component_attached{domain=\"%s\"} %d\n", c->accounts[i].domain,
            node_is_attached(n, c->accounts[i].domain));
}

static void put_reload(s2s__buf *b, const reload *r)
{
    json_t *last = r ? reload_json(r) : NULL;
    if (!last)
        return;
    family(b, "s2sd_reloads", "counter", "Reloads of the configuration or its files.");
    put(b, "s2sd_reloads_total %lld\n", (long long)json_integer_value(json_object_get(last, "count")));
    family(b, "s2sd_reload_ok", "gauge", "Whether the last reload took everything; 1 before the first.");
    put(b, "s2sd_reload_ok %d\n", json_is_true(json_object_get(last, "ok")));
    json_decref(last);
}

/* What tells a leak from memory that the allocator keeps for later: resident memory alone does not. */
static void put_heap(s2s__buf *b)
{
#ifdef __GLIBC__
    struct mallinfo2 heap = mallinfo2();
    family(b, "s2sd_heap_bytes", "gauge", "The allocator's memory: in use, and kept for later.");
    put(b, "s2sd_heap_bytes{state=\"used\"} %zu\n", heap.uordblks + heap.hblkhd);
    put(b, "s2sd_heap_bytes{state=\"free\"} %zu\n", heap.fordblks);
#else
    (void)b;
#endif
}

/* Names as the client libraries of Prometheus have them. */
static void put_process(s2s__buf *b)
{
    char text[128] = "", *second = NULL;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fgets(text, sizeof text, f))
        second = strchr(text, ' '); /* pages in all, pages in memory */
    if (f)
        (void)fclose(f);
    DIR *dir = opendir("/proc/self/fd");
    size_t fds = 0;
    while (dir && readdir(dir))
        fds++;
    if (dir)
        (void)closedir(dir);
    struct timespec cpu = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    if (second) {
        family(b, "process_resident_memory_bytes", "gauge", "Memory in use.");
        put(b, "process_resident_memory_bytes %lu\n", strtoul(second, NULL, 10) * (unsigned long)sysconf(_SC_PAGESIZE));
    }
    if (fds > 3) { /* ".", ".." and the directory itself */
        family(b, "process_open_fds", "gauge", "Open file descriptors.");
        put(b, "process_open_fds %zu\n", fds - 3);
    }
    family(b, "process_cpu_seconds", "counter", "CPU time used.");
    put(b, "process_cpu_seconds_total %lld.%03ld\n", (long long)cpu.tv_sec, cpu.tv_nsec / 1000000);
}

s2s_err metrics_write(const node *n, const reload *r, s2s__buf *b)
{
    family(b, "s2sd_build", "info", "The version.");
    put(b, "s2sd_build_info{version=\"%s\"} 1\n", S2S_VERSION);
    family(b, "s2sd_uptime_seconds", "gauge", "Since the start.");
    put(b, "s2sd_uptime_seconds %" PRIu64 "\n", node_uptime_milliseconds(n) / 1000);
    put_streams(b, n);
    put_counters(b, node_counters(n));
    put_census(b, n);
    family(b, "s2sd_certificate_not_after_seconds", "gauge", "End of validity of our own certificates, seconds since 1970.");
    s2s_federation_domains(node_federation(n), put_expiry, b);
    put_components(b, n);
    put_reload(b, r);
    put_process(b);
    put_heap(b);
    (void)s2s__buf_puts(b, "# EOF\n");
    return b->failed;
}
