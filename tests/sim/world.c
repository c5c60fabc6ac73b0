/* SPDX-License-Identifier: MIT */
/* world.c: builds a world, lets things happen, heals it, waits for every stanza's fate, ends it, counts what is left. */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "sim/application.h"
#include "sim/fake_unbound.h"
#include "sim/fake_uv.h"
#include "sim/net.h"
#include "sim/zone.h"

enum { HEALING_SECONDS = 2400, STOPPING_SECONDS = 1200, AUDIT_MS = 2500, FRIENDS = 5, RECOVERY_MAX_SECONDS = 60 };

static sim_world the_world;

sim_world *sim_world_of(void)
{
    return &the_world;
}

/* -- building ------------------------------------------------------------------------------------------ */

static sim_paper paper_for(sim_world *w, bool impostor)
{
    static const sim_paper FALSE[] = {PAPER_ROGUE, PAPER_ROGUE, PAPER_EXPIRED, PAPER_CLIENT};
    if (impostor)
        return FALSE[sim_below(&w->rng, sizeof FALSE / sizeof *FALSE)];
    if ((sim_has(w->plan, FAULT_PAPERS) || sim_has(w->plan, FAULT_KEYS)) && sim_chance(&w->rng, 400))
        return (sim_paper)sim_below(&w->rng, PAPERS);
    return sim_chance(&w->rng, 700) ? PAPER_BOTH : sim_chance(&w->rng, 700) ? PAPER_SERVER : PAPER_NO_EKU;
}

static void build(sim_world *w)
{
    int total = w->plan->servers + w->plan->impostors;
    w->servers = calloc((size_t)total, sizeof *w->servers);
    w->owner = calloc((size_t)total * SERVER_DOMAINS_MAX, sizeof *w->owner);
    if (!w->servers || !w->owner)
        abort();
    w->servers_len = total;
    for (int i = 0; i < total; i++) {
        sim_server *s = &w->servers[i];
        s->index = i;
        s->impostor = i >= w->plan->servers;
        s->strict = sim_chance(&w->rng, 300);
        s->direct = sim_chance(&w->rng, 300);
        s->keys = sim_has(w->plan, FAULT_KEYS) && sim_chance(&w->rng, 700);
        s->bidi = sim_has(w->plan, FAULT_BIDI) && sim_chance(&w->rng, 800);
        s->domains_len = (int)sim_between(&w->rng, 1, i % 3 == 0 ? SERVER_DOMAINS_MAX : 1);
        for (int d = 0; d < s->domains_len; d++) {
            s->domains[d] = s->impostor ? (int)sim_below(&w->rng, (uint64_t)w->domains_len) : w->domains_len++;
            if (s->impostor && d > 0) /* once each */
                s->domains_len = d;
            else if (!s->impostor)
                w->owner[s->domains[d]] = i;
            s->papers[d] = paper_for(w, s->impostor);
        }
    }
}

static net_weather make_weather(sim_world *w)
{
    sim_rng *r = &w->rng;
    net_weather n = {.delay_ms_least = (unsigned)sim_below(r, 20), .jitter_ms = (unsigned)sim_below(r, 30)};
    n.delay_ms_most = n.delay_ms_least + (unsigned)sim_below(r, 200);
    n.buffer_least = (unsigned)sim_between(r, 2048, 65536);
    n.buffer_most = n.buffer_least + (unsigned)sim_below(r, NET_BUFFER_MAX - n.buffer_least);
    n.tiny_reads = sim_chance(r, 200) ? (unsigned)sim_below(r, 300) : 5;
    n.partial_writes = (unsigned)sim_below(r, 300);
    n.keep_on_reset = (unsigned)sim_below(r, 1000);
    return n;
}

/* -- what happens -------------------------------------------------------------------------------------- */

typedef struct happening {
    int what; /* a sim_fault, or SEND */
    int server, from, to, count;
} happening;

enum { SEND = FAULTS, START };

static void happen(void *arg);

static void later(uint64_t when, happening h)
{
    happening *kept = malloc(sizeof *kept);
    if (!kept)
        abort();
    *kept = h;
    sim_at(when, happen, kept);
}

static int any_server(sim_world *w)
{
    return (int)sim_below(&w->rng, (uint64_t)w->servers_len);
}

static void end_trouble(void *arg)
{
    (void)arg;
    zone_heal();
}

static void end_absence(void *arg)
{
    net_host_unreachable(((const sim_server *)arg)->index, false);
}

static void die(sim_world *w, sim_server *s, int how)
{
    if (!s->life)
        return;
    if (how == FAULT_STOP)
        server_stop(s);
    else
        server_crash(s, how == FAULT_POWER);
    later(sim_now() + sim_between(&w->rng, SIM_SECOND, RECOVERY_MAX_SECONDS * (uint64_t)SIM_SECOND),
          (happening){.what = START, .server = s->index});
}

static void strike(sim_world *w, const happening *h)
{
    static const int JUMPS[] = {-86400, -3600, 3600, 86400, 400 * 86400};
    sim_server *s = &w->servers[h->server];
    sim_fault f = (sim_fault)h->what;
    oracle_note("happens: %s at server %d", sim_fault_word(f), h->server);
    switch (f) {
    case FAULT_RESET: (void)net_reset_one(&w->rng, h->server, any_server(w)); return;
    case FAULT_DARK: (void)net_darken_one(&w->rng, h->server, any_server(w)); return;
    case FAULT_CRASH:
    case FAULT_POWER:
    case FAULT_STOP: die(w, s, h->what); return;
    case FAULT_LIE:
    case FAULT_DNS:
        zone_set((int)sim_below(&w->rng, (uint64_t)w->domains_len),
                 f == FAULT_LIE ? ZONE_LIE : (zone_trouble)sim_between(&w->rng, ZONE_SERVFAIL, ZONE_SLOW),
                 sim_chance(&w->rng, 500) && w->plan->impostors > 0 ? w->servers_len - 1 : any_server(w));
        sim_at(sim_now() + 60 * (uint64_t)SIM_SECOND, end_trouble, NULL);
        return;
    case FAULT_CLOCK:
        s->wall_skew += JUMPS[sim_below(&w->rng, sizeof JUMPS / sizeof *JUMPS)];
        if (s->life)
            s->life->host->wall_skew = s->wall_skew;
        return;
    case FAULT_SLEEP: /* who sleeps may miss a peer's close, and the time in which it was waited for (limits.close_ms) */
        for (int i = 0; i < w->servers_len; i++)
            net_note_fault(s->index, i);
        if (s->life && s->life->host->asleep_until < sim_now())
            s->life->host->asleep_until = sim_now() + sim_below(&w->rng, 90 * (uint64_t)SIM_SECOND);
        return;
    case FAULT_VANISH:
        net_host_unreachable(s->index, true);
        sim_at(sim_now() + sim_below(&w->rng, 120 * (uint64_t)SIM_SECOND), end_absence, s);
        return;
    case FAULT_MANAGE: server_manage(s, sim_next(&w->rng)); return;
    case FAULT_KEYS: case FAULT_BIDI: case FAULT_PAPERS: case FAULT_LATE: case FAULT_HOLD: case FAULT_RUDE: case FAULT_BIG: case FAULT_SMALL:
    case FAULT_MEMORY: case FAULTS: return; /* these are a state of the world */
    }
}

static void happen(void *arg)
{
    happening *h = arg;
    sim_world *w = &the_world;
    sim_server *s = &w->servers[h->server];
    if (h->what == SEND)
        server_send(s, h->from, h->to, h->count);
    else if (h->what == START && server_winds_down(w, s)) /* as a service manager would */
        later(sim_now() + SIM_SECOND, *h);
    else if (h->what == START && !s->life && !w->ending)
        server_start(w, s);
    else if (h->what < FAULTS)
        strike(w, h);
    free(h);
}

static uint64_t any_time(sim_world *w)
{
    return sim_now() + sim_below(&w->rng, (uint64_t)w->plan->seconds * SIM_SECOND);
}

/* A domain writes to few others, so that streams are used again. */
static void plan_stanzas(sim_world *w)
{
    for (int left = w->plan->stanzas; left > 0;) {
        happening h = {.what = SEND, .server = any_server(w)};
        const sim_server *s = &w->servers[h.server];
        sim_rng fixed = {w->plan->seed ^ (uint64_t)h.server << 8 ^ sim_below(&w->rng, FRIENDS)};
        h.from = s->domains[sim_below(&w->rng, (uint64_t)s->domains_len)];
        h.to = sim_chance(&w->rng, 30) ? ORACLE_NO_DOMAIN : (int)sim_below(&fixed, (uint64_t)w->domains_len);
        h.count = sim_chance(&w->rng, 200) ? (int)sim_between(&w->rng, 1, 300) : (int)sim_between(&w->rng, 1, 8);
        h.count = h.count < left ? h.count : left;
        bool own = false;
        for (int d = 0; d < s->domains_len; d++)
            own = own || s->domains[d] == h.to;
        if (own)
            continue;
        left -= h.count;
        later(any_time(w), h);
    }
}

static void plan_happenings(sim_world *w)
{
    int kinds[FAULTS], n = 0;
    for (int f = 0; f < FAULTS; f++) {
        if (sim_has(w->plan, (sim_fault)f) && f != FAULT_PAPERS && f < FAULT_LATE)
            kinds[n++] = f;
    }
    for (int i = 0; n > 0 && i < w->plan->happenings; i++)
        later(any_time(w), (happening){.what = kinds[sim_below(&w->rng, (uint64_t)n)], .server = any_server(w)});
}

/* -- running ------------------------------------------------------------------------------------------- */

static void audit_all(sim_world *w)
{
    for (sim_life *l = w->lives; l; l = l->next)
        server_audit(l);
}

/* Until `until`, or as soon as `done` says so. */
static void run_until(sim_world *w, uint64_t until, bool (*done)(const sim_world *w))
{
    uint64_t audit_at = sim_now();
    while (!oracle_failed() && !(done && done(w)) && sim_step(until)) {
        if (sim_now() < audit_at)
            continue;
        audit_all(w);
        audit_at = sim_now() + AUDIT_MS * (uint64_t)SIM_MS;
    }
}

static bool settled(const sim_world *w)
{
    (void)w;
    return oracle_settled();
}

static void begin(sim_world *w, const sim_plan *plan, bool verbose)
{
    memset(w, 0, sizeof *w);
    w->plan = plan;
    w->rng = (sim_rng){plan->seed * 2 + 2};
    sim_clock_begin();
    net_weather weather = make_weather(w);
    net_begin((sim_rng){sim_next(&w->rng)}, &weather);
    sim_uv_begin((sim_rng){sim_next(&w->rng)});
    build(w);
    zone_begin(w, (sim_rng){sim_next(&w->rng)});
    oracle_begin(plan, w->domains_len, verbose);
    for (int i = 0; i < w->servers_len; i++)
        server_start(w, &w->servers[i]);
    run_until(w, SIM_SECOND, NULL);
    plan_stanzas(w);
    plan_happenings(w);
}

static void end(sim_world *w)
{
    w->ending = true;
    for (int i = 0; i < w->servers_len; i++)
        server_stop(&w->servers[i]);
    run_until(w, sim_now() + STOPPING_SECONDS * (uint64_t)SIM_SECOND, servers_over);
    if (oracle_failed())
        return;
    oracle_settle();
    servers_check_end(w);
    if (sim_dns_contexts() != 0)
        oracle_fail("%zu DNS contexts are left", sim_dns_contexts());
    if (net_open_connections() != 0)
        oracle_fail("%zu sockets are left", net_open_connections());
    while (sim_step(UINT64_MAX - 1)) {
        /* what is still in the air falls to the ground */
    }
}

static void release(sim_world *w)
{
    servers_free(w);
    net_finish();
    sim_hosts_end();
    sim_clock_end();
    oracle_end();
    free(w->servers);
    free(w->owner);
}

sim_outcome sim_world_run(const sim_plan *plan, bool verbose)
{
    sim_world *w = &the_world;
    begin(w, plan, verbose);
    run_until(w, (uint64_t)(plan->seconds + 1) * SIM_SECOND, NULL);
    zone_heal();
    run_until(w, sim_now() + HEALING_SECONDS * (uint64_t)SIM_SECOND, settled);
    oracle_check_stuck();
    end(w);
    sim_outcome out = {!oracle_failed(), oracle_trace()};
    if (out.ok)
        release(w);
    return out;
}
