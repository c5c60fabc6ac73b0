/* SPDX-License-Identifier: MIT */
/* server.c: the lives of the simulated servers. */
#include "sim/server.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "protocol/buf.h"
#include "s2s/addr.h"
#include "sim/application.h"
#include "sim/fake_uv.h"
#include "sim/net.h"

enum {
    BYTES_MAX = 256 << 20,     /* more than this in one process is a leak or a missing bound */
    WAIT_SLACK_MS = 5000,
};

int domain_number(s2s_str domain)
{
    if (domain.len != 12 || domain.ptr[0] != 'd' || memcmp(domain.ptr + 4, ".example", 8) != 0)
        return ORACLE_NO_DOMAIN;
    return (domain.ptr[1] - '0') * 100 + (domain.ptr[2] - '0') * 10 + (domain.ptr[3] - '0');
}

/* -- the environment ----------------------------------------------------------------------------------- */

static void *resize(void *user, void *ptr, size_t size)
{
    sim_life *l = user;
    size_t before = ptr ? malloc_usable_size(ptr) : 0;
    if (sim_uv_in_thread())
        oracle_fail("memory through the environment in another thread");
    if (size == 0) {
        l->blocks -= ptr != NULL;
        l->bytes -= before;
        free(ptr);
        return NULL;
    }
    if (l->fails && sim_chance(&l->rng, l->fails))
        return NULL;
    void *got = realloc(ptr, size);
    if (!got)
        abort();
    l->blocks += ptr == NULL;
    l->bytes += malloc_usable_size(got) - before;
    if (l->bytes > BYTES_MAX)
        oracle_fail("server %d uses %zu bytes", l->server->index, l->bytes);
    return got;
}

static s2s_err entropy(void *user, void *out, size_t len)
{
    sim_life *l = user;
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(sim_next(&l->rng) >> 24);
    return S2S_OK;
}

static s2s_err sha256(void *user, s2s_bytes in, uint8_t out[S2S_SHA256_LEN])
{
    (void)user;
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, in.ptr, in.len, out) == 0 ? S2S_OK : S2S_E_INVAL;
}

static void log_line(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count)
{
    sim_life *l = user;
    char line[400];
    size_t n = (size_t)snprintf(line, sizeof line, "[%d.%d] %s %s", l->server->index, l->number,
                                s2s_level_name(level), message);
    for (size_t i = 0; i < count && n < sizeof line; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, " %s=%.*s", fields[i].key, S2S_FMT(fields[i].value));
    oracle_note("%s", line);
}

static void make_env(sim_life *l, const sim_plan *plan)
{
    static const s2s_env_ops OPS = {S2S_ENV_ABI, resize, entropy, log_line, sha256};
    s2s_env_init(&l->env, &OPS, l);
    l->env.level = S2S_LOG_DEBUG;
    l->env.limits.handshakes_on_loop = 1; /* a few at once are many here */
    if (!sim_has(plan, FAULT_SMALL))
        return;
    l->env.limits.queue_stanzas = 32;
    l->env.limits.queue_bytes = 65536;
    l->env.limits.output_bytes = 32768;
    l->env.limits.connections = 8;
    l->env.limits.streams_out = 8;
    l->env.limits.stanza_bytes = 65536;
    l->env.limits.handshakes_on_loop = 0;
}

/* -- the policy: the real one, watched ----------------------------------------------------------------- */

typedef struct late_verdict {
    sim_life *life;
    s2s_ticket ticket;
    int domain;
    s2s_verdict verdict;
} late_verdict;

/* What the real policy has said for certain; what a pending answer holds does not count. */
static void note_trust(sim_life *l, int domain, const s2s_verdict *v)
{
    if (v->trusted && domain >= 0)
        l->trusts[domain] = true;
}

static void answer_now(void *arg)
{
    late_verdict *v = arg;
    note_trust(v->life, v->domain, &v->verdict);
    if (v->life->f) {
        s2s_err err = s2s_federation_answer(v->life->f, v->ticket, &v->verdict);
        if (err != S2S_OK && err != S2S_E_NOTFOUND)
            oracle_fail("a late verdict was answered with %d", (int)err);
    }
    free(v);
}

static void answer_later(void *arg)
{
    late_verdict *v = arg;
    sim_host_call(v->life->host, answer_now, v);
}

static void check_verdict(const sim_life *l, const s2s_peer *peer, const s2s_verdict *v)
{
    int domain = ORACLE_NO_DOMAIN;
    sim_paper paper = PAPERS;
    bool known = peer->chain_len > 0 && authority_find(peer->chain[0], &domain, &paper);
    bool expected = known && domain == domain_number(peer->remote) &&
                    authority_expects(paper, l->server->strict, peer->role, sim_wall(l->host));
    oracle_sums()->judged++;
    oracle_note("[%d.%d] judges %.*s (%s): %s", l->server->index, l->number, S2S_FMT(peer->remote),
                known ? sim_paper_word(paper) : "no certificate", v->trusted ? "trusted" : "refused");
    if (v->trusted && !expected)
        oracle_fail("server %d trusts %.*s with the certificate of d%03d (%s)", l->server->index,
                    S2S_FMT(peer->remote), domain, sim_paper_word(paper));
    if (!v->trusted && expected && !l->fails)
        oracle_fail("server %d refuses %.*s with a good certificate (%s): %s", l->server->index,
                    S2S_FMT(peer->remote), sim_paper_word(paper), v->reason);
}

static s2s_err judge(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    sim_life *l = self;
    s2s_policy real = eku_policy_interface(l->policy);
    s2s_err err = real.ops->judge(real.self, peer, ticket, out);
    if (err != S2S_OK)
        return err;
    check_verdict(l, peer, out);
    if (!sim_has(sim_world_of()->plan, FAULT_LATE) || sim_chance(&l->rng, 500)) {
        note_trust(l, domain_number(peer->remote), out);
        return S2S_OK;
    }
    late_verdict *v = malloc(sizeof *v);
    if (!v)
        abort();
    *v = (late_verdict){l, ticket, domain_number(peer->remote), *out};
    sim_at(sim_now() + sim_below(&l->rng, 40 * SIM_SECOND), answer_later, v);
    s2s_verdict_init(out);
    out->trusted = true; /* what a pending answer holds must not count */
    return S2S_E_PENDING;
}

static void rule_for(void *self, s2s_str local, s2s_str remote, s2s_remote_rule *out)
{
    sim_life *l = self;
    s2s_policy real = eku_policy_interface(l->policy);
    real.ops->remote_rule(real.self, local, remote, out);
}

static const s2s_policy_ops POLICY = {.abi = S2S_POLICY_ABI, .judge = judge, .remote_rule = rule_for};

/* -- streams ------------------------------------------------------------------------------------------- */

static void on_stream(void *user, const s2s_stream_info *info, const s2s_close *end)
{
    sim_life *l = user;
    if (l->dead)
        return;
    int local = domain_number(info->local), remote = domain_number(info->remote);
    bool by_key = l->server->keys && strcmp(info->mechanism, "dialback") == 0;
    if (!end && !by_key && (!info->verdict || !info->verdict->trusted || remote < 0 || !l->trusts[remote]))
        oracle_fail("server %d: stream %s was established without trust", l->server->index, info->id);
    if (!end && (local < 0 || remote < 0))
        oracle_fail("server %d: stream %s was established with %.*s", l->server->index, info->id,
                    S2S_FMT(info->remote));
    if (!end) {
        oracle_note("[%d.%d] established %s d%03d d%03d", l->server->index, l->number, info->id, local, remote);
        return;
    }
    if (local < 0 || remote < 0)
        return;
    const sim_plan *plan = sim_world_of()->plan;
    oracle_stream_ended(&(sim_ending){
        .from = local,
        .to = remote,
        .at_server = l->server->index,
        .to_server = sim_world_of()->owner[remote],
        .since = info->since * SIM_MS,
        .established = (info->role == S2S_INITIATOR || info->bidi) && strcmp(info->mechanism, "none") != 0,
        .graceful = end->origin != S2S_ORIGIN_TRANSPORT && end->cond == S2S_COND_NONE,
        /* The peer may run out of time in the moment in which we are done. A certificate that ends takes its stream with it (RFC 6120 section 13.7.2.3). */
        .excused = (end->origin == S2S_ORIGIN_PEER && end->cond == S2S_COND_CONNECTION_TIMEOUT) ||
                   sim_has(plan, FAULT_MEMORY) ||
                   (end->cond == S2S_COND_RESET &&
                    (sim_has(plan, FAULT_PAPERS) || sim_has(plan, FAULT_KEYS) || sim_has(plan, FAULT_CLOCK))),
        /* Who is not read from for long gives up, and so does who was closed and hears nothing of it; and an acceptor whose stanzas stand
         * before its <enabled/>: the peer cannot acknowledge, or say that it is there, before it has read them. Nothing is lost or
         * overtaken by that. */
        .held = sim_has(plan, FAULT_HOLD) &&
                (end->origin == S2S_ORIGIN_TRANSPORT || (end->origin == S2S_ORIGIN_LOCAL && info->role == S2S_ACCEPTOR &&
                                                         end->cond == S2S_COND_CONNECTION_TIMEOUT)),
        .handed = info->stanzas_out,
        .text = end->text,
    });
}

static void stopped(void *user)
{
    sim_life *l = user;
    uint64_t took = sim_now() - l->stop_began;
    s2s_federation_free(l->f);
    eku_policy_free(l->policy);
    l->f = NULL;
    l->policy = NULL;
    l->over = true;
    oracle_note("[%d.%d] stopped", l->server->index, l->number);
    /* "takes at most twice limits.close_ms" */
    if (!l->dead && took > (2 * (uint64_t)l->env.limits.close_ms + WAIT_SLACK_MS) * SIM_MS &&
        l->host->asleep_until < l->stop_began)
        oracle_fail("server %d took %.1f s to stop", l->server->index, (double)took / SIM_SECOND);
}

static const s2s_federation_ops OPS = {S2S_FEDERATION_ABI, application_deliver, application_drained, on_stream, stopped};

/* -- start and end ------------------------------------------------------------------------------------- */

static void listen_at(sim_life *l, uint16_t port, s2s_tls_start tls)
{
    char address[S2S_ADDRESS_MAX], why[S2S_TEXT_MAX] = "";
    (void)snprintf(address, sizeof address, "10.0.%d.%d:%u", l->host->index >> 8, l->host->index & 255, port);
    s2s_err err = s2s_federation_listen(l->f, address, tls, NULL, why);
    (void)snprintf(address, sizeof address, "[fd00::%x]:%u", (unsigned)l->host->index, port);
    if (err == S2S_OK)
        err = s2s_federation_listen(l->f, address, tls, NULL, why);
    if (err != S2S_OK)
        oracle_fail("server %d: %s", l->server->index, why);
}

/* Some remote domains have a static route, some of these with direct TLS. */
static void add_routes(sim_world *w, sim_life *l)
{
    char domain[32], address[S2S_ADDRESS_MAX];
    for (int d = 0; d < w->domains_len; d++) {
        sim_rng fixed = {w->plan->seed ^ (uint64_t)(l->server->index * 4096 + d)};
        const sim_server *to = &w->servers[w->owner[d]];
        if (to == l->server || !sim_chance(&fixed, 200))
            continue;
        bool direct = to->direct && sim_chance(&fixed, 500);
        (void)snprintf(domain, sizeof domain, "d%03d.example", d);
        (void)snprintf(address, sizeof address, "10.0.%d.%d:%d", to->index >> 8, to->index & 255,
                       direct ? SERVER_DIRECT_PORT : SERVER_PORT);
        if (s2s_federation_route(l->f, domain, address, direct ? S2S_TLS_DIRECT : S2S_TLS_STARTTLS, NULL) != S2S_OK)
            oracle_fail("server %d: no route to %s", l->server->index, domain);
    }
}

static void make_policy(sim_life *l)
{
    char why[S2S_TEXT_MAX] = "";
    const char *anchor = authority_anchor_file();
    eku_options options;
    eku_options_init(&options, &l->env);
    options.mode = l->server->strict ? EKU_STRICT : EKU_TOLERANT;
    options.dialback = l->server->keys;
    options.system_trust = false;
    options.ca_files = &anchor;
    options.ca_files_len = 1;
    if (eku_policy_new(&options, &l->policy, why) != S2S_OK)
        oracle_fail("server %d: no policy: %s", l->server->index, why);
}

static void make_federation(sim_world *w, sim_life *l)
{
    char why[S2S_TEXT_MAX] = "", name[32];
    const char *servers[] = {"10.255.255.1"}, *chain, *key;
    s2s_policy policy = {&POLICY, l};
    s2s_federation_options options;
    s2s_federation_options_init(&options);
    options.loop = &l->host->loop;
    options.env = &l->env;
    options.policy = &policy;
    options.ops = &OPS;
    options.user = l;
    options.dns_servers = servers;
    options.dns_servers_len = 1;
    options.bidi = l->server->bidi;
    s2s_err err = s2s_federation_new(&options, &l->f, why);
    for (int i = 0; err == S2S_OK && i < l->server->domains_len; i++) {
        (void)snprintf(name, sizeof name, "d%03d.example", l->server->domains[i]);
        authority_files(l->server->domains[i], l->server->papers[i], &chain, &key);
        err = s2s_federation_add_domain(l->f, s2s_str_of(name), chain, key, why);
    }
    if (err != S2S_OK) {
        oracle_fail("server %d does not start: %s", l->server->index, why);
        return;
    }
    listen_at(l, SERVER_PORT, S2S_TLS_STARTTLS);
    if (l->server->direct)
        listen_at(l, SERVER_DIRECT_PORT, S2S_TLS_DIRECT);
    add_routes(w, l);
}

static void begin_life(void *arg)
{
    sim_life *l = arg;
    sim_world *w = sim_world_of();
    make_policy(l);
    if (!oracle_failed())
        make_federation(w, l);
    l->fails = sim_has(w->plan, FAULT_MEMORY) ? 3 : 0;
    oracle_note("[%d.%d] started", l->server->index, l->number);
}

void server_start(sim_world *w, sim_server *s)
{
    sim_life *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    l->server = s;
    l->number = ++s->lives;
    l->rng = (sim_rng){sim_next(&w->rng)};
    l->host = sim_host_new(s->index);
    l->host->wall_skew = s->wall_skew;
    l->next = w->lives;
    w->lives = l;
    s->life = l;
    make_env(l, w->plan);
    sim_host_call(l->host, begin_life, l);
}

typedef struct order {
    sim_life *life;
    uint64_t choice;
} order;

/* The same certificates and routes again, but as new objects. */
static s2s_setup *new_setup(sim_life *l)
{
    char name[32];
    const char *chain, *key;
    s2s_setup *setup = NULL;
    s2s_err err = s2s_setup_new(&l->env, &setup);
    for (int i = 0; err == S2S_OK && i < l->server->domains_len; i++) {
        (void)snprintf(name, sizeof name, "d%03d.example", l->server->domains[i]);
        authority_files(l->server->domains[i], l->server->papers[i], &chain, &key);
        err = s2s_setup_add_domain(setup, s2s_str_of(name), chain, key, NULL);
    }
    if (err == S2S_OK)
        return setup;
    if (!l->fails)
        oracle_fail("server %d: no new setup: %d", l->server->index, (int)err);
    s2s_setup_free(setup);
    return NULL;
}

static void obey(void *arg)
{
    order *o = arg;
    sim_life *l = o->life;
    char name[32];
    s2s_setup *setup;
    (void)snprintf(name, sizeof name, "d%03d.example", (int)(o->choice / 3 % (uint64_t)sim_world_of()->domains_len));
    if (l->f && !l->stopping) {
        switch (o->choice % 3) {
        case 0: s2s_federation_recheck(l->f); break;
        case 1: (void)s2s_federation_close_remote(l->f, s2s_str_of(name)); break;
        case 2:
            if ((setup = new_setup(l)) != NULL)
                s2s_federation_replace(l->f, setup);
            break;
        default: break;
        }
    }
    free(o);
}

void server_manage(sim_server *s, uint64_t choice)
{
    order *o = s->life ? malloc(sizeof *o) : NULL;
    if (!o)
        return;
    *o = (order){s->life, choice};
    sim_host_call(s->life->host, obey, o);
}

static void stop_now(void *arg)
{
    sim_life *l = arg;
    l->fails = 0;
    l->holds = false;
    if (!l->f) { /* it has not even begun */
        l->over = true;
        return;
    }
    s2s_federation_resume(l->f);
    /* The world has been quiet for long: whoever waits now waits for ever. */
    l->waited = application_waits(l) && sim_world_of()->ending && !l->dead;
    application_forget(l);
    l->stop_began = sim_now();
    s2s_federation_stop(l->f);
}

void server_stop(sim_server *s)
{
    sim_life *l = s->life;
    s->life = NULL;
    if (!l)
        return;
    l->stopping = true;
    sim_host_call(l->host, stop_now, l);
}

/* The process is dead for the world; what is left of it is wound down out of sight, so that its memory comes back. */
void server_crash(sim_server *s, bool power)
{
    sim_life *l = s->life;
    if (!l)
        return;
    l->dead = true;
    net_host_off(l->host, power);
    oracle_died(s->index, l->number);
    server_stop(s);
}

/* -- audits -------------------------------------------------------------------------------------------- */

typedef struct audit {
    sim_life *life;
    size_t streams;
} audit;

/* A queue moves, or its stream is given up (limits.stall_ms). */
static void audit_queue(sim_life *l, const s2s_stream_info *info)
{
    sim_watch *w = &l->watched[sim_hash(info->id, strlen(info->id)) % SERVER_WATCHED];
    bool waits = info->queued_stanzas > 0 && strcmp(info->mechanism, "none") != 0;
    if (strcmp(w->id, info->id) != 0 || w->out != info->stanzas_out || !waits) {
        if (!waits && strcmp(w->id, info->id) != 0)
            return;
        (void)snprintf(w->id, sizeof w->id, "%s", info->id);
        w->out = info->stanzas_out;
        w->since = sim_now();
    } else if (sim_now() - w->since > (2 * (uint64_t)l->env.limits.stall_ms + 6 * WAIT_SLACK_MS) * SIM_MS &&
               w->since > l->host->asleep_until) {
        oracle_fail("server %d: %zu stanzas wait for %s, which has not moved for %.1f s", l->server->index,
                    info->queued_stanzas, info->id, (double)(sim_now() - w->since) / SIM_SECOND);
    }
}

static void audit_stream(void *arg, const s2s_stream_info *info)
{
    audit *a = arg;
    audit_queue(a->life, info);
    const s2s_limits *limits = &a->life->env.limits;
    uint64_t age = sim_now() / SIM_MS - info->since;
    a->streams++;
    if (info->queued_stanzas > limits->queue_stanzas + limits->unacked_stanzas) /* what was taken back goes before the queue */
        oracle_fail("server %d: %zu stanzas wait for %s", a->life->server->index, info->queued_stanzas, info->id);
    uint64_t most = (uint64_t)limits->negotiation_ms + 2 * limits->close_ms + limits->stall_ms + WAIT_SLACK_MS;
    if (strcmp(info->mechanism, "none") == 0 && age > most)
        oracle_fail("server %d: stream %s is %s since %.1f s", a->life->server->index, info->id, info->state,
                    (double)age / 1000);
}

void server_audit(sim_life *l)
{
    audit a = {l, 0};
    if (!l->f || l->dead || sim_now() < l->host->asleep_until + 10 * (uint64_t)SIM_SECOND)
        return;
    s2s_federation_streams(l->f, audit_stream, &a);
    application_audit(l);
}

bool server_winds_down(const sim_world *w, const sim_server *s)
{
    for (const sim_life *l = w->lives; l; l = l->next) {
        if (l->server == s && l->stopping && !l->dead && !l->over)
            return true;
    }
    return false;
}

bool servers_over(const sim_world *w)
{
    for (const sim_life *l = w->lives; l; l = l->next) {
        if (!l->over)
            return false;
    }
    return true;
}

void servers_check_end(sim_world *w)
{
    for (sim_life *l = w->lives; l; l = l->next) {
        if (l->waited)
            oracle_fail("server %d was told to pause, and never to go on", l->server->index);
        else if (!l->over)
            oracle_fail("server %d (life %d) does not stop", l->server->index, l->number);
        else if (l->blocks != 0)
            oracle_fail("server %d (life %d): %zu blocks leaked", l->server->index, l->number, l->blocks);
        else if (sim_host_handles(l->host) != 0)
            oracle_fail("server %d (life %d): %zu handles are left", l->server->index, l->number,
                        sim_host_handles(l->host));
    }
}

void servers_free(sim_world *w)
{
    while (w->lives) {
        sim_life *l = w->lives;
        w->lives = l->next;
        application_forget(l);
        free(l);
    }
}
