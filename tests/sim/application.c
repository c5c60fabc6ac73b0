/* SPDX-License-Identifier: MIT */
/* application.c: senders and receivers of stanzas. */
#include "sim/application.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "s2s/addr.h"

enum { SMALL_MAX = 1500, BIG_MAX = 60000, INNER_ROOM = BIG_MAX + 256, USERS = 3 };

static const char GERMAN[] = "<body>de:"; /* the inside of a stanza that says so in its start tag, too */

struct sim_burst {
    sim_burst *next;
    int from, to, left;
};

/* -- pausing ------------------------------------------------------------------------------------------- */

static bool *told_of(sim_life *l, int from, int to)
{
    int i = 0;
    while (i < SERVER_DOMAINS_MAX - 1 && l->server->domains[i] != from)
        i++;
    return &l->told[i][to + 1];
}

static void name_of(int domain, char out[32])
{
    if (domain == ORACLE_NO_DOMAIN)
        (void)snprintf(out, 32, "nowhere.example");
    else
        (void)snprintf(out, 32, "d%03d.example", domain);
}

/* Of those who were told to pause, how many are not held any more; they are told nothing then. */
static int let_go(sim_life *l, bool forget)
{
    const sim_world *w = sim_world_of();
    int free_now = 0;
    for (int i = 0; i < l->server->domains_len; i++) {
        for (int to = -1; to < w->domains_len; to++) {
            char local[32], remote[32];
            bool *told = &l->told[i][to + 1];
            if (!*told)
                continue;
            name_of(l->server->domains[i], local);
            name_of(to, remote);
            if (s2s_federation_holds(l->f, s2s_str_of(local), s2s_str_of(remote)))
                continue;
            free_now++;
            *told = !forget;
        }
    }
    return free_now;
}

void application_audit(sim_life *l)
{
    if (!l->stopping && !l->fails && let_go(l, false) > 0)
        oracle_fail("server %d was told to pause, and not to go on when it might", l->server->index);
}

/* -- sending ------------------------------------------------------------------------------------------- */

typedef struct draft {
    s2s_stanza stanza;
    char from[64], to[64], id[24];
    char *inner;
} draft;

static void choose_kind(sim_rng *r, s2s_stanza *st, bool *may_bounce)
{
    static const struct {
        s2s_kind kind;
        const char *type;
        bool may_bounce;
    } KINDS[] = {
        {S2S_MESSAGE, "chat", true}, {S2S_MESSAGE, NULL, true},     {S2S_MESSAGE, "error", false},
        {S2S_IQ, "get", true},       {S2S_IQ, "result", false},     {S2S_PRESENCE, NULL, true},
        {S2S_IQ, "set", true},       {S2S_PRESENCE, "error", false}, {S2S_IQ, "error", false},
    };
    size_t i = sim_chance(r, 850) ? 0 : sim_below(r, sizeof KINDS / sizeof *KINDS);
    st->kind = KINDS[i].kind;
    st->type = KINDS[i].type ? s2s_str_of(KINDS[i].type) : S2S_STR_ABSENT;
    *may_bounce = KINDS[i].may_bounce;
}

static void write_inner(sim_life *l, draft *d)
{
    sim_rng *r = &l->rng;
    size_t pad = sim_below(r, 80);
    if (sim_chance(r, 200))
        pad = sim_below(r, SMALL_MAX);
    if (sim_has(sim_world_of()->plan, FAULT_BIG) && sim_chance(r, 50))
        pad = sim_below(r, BIG_MAX);
    d->inner = malloc(INNER_ROOM);
    if (!d->inner)
        abort();
    bool german = sim_chance(r, 100);
    if (german)
        d->stanza.lang = S2S_STR("de");
    int n = snprintf(d->inner, INNER_ROOM, "%s%016llx", german ? GERMAN : "<body>", (unsigned long long)sim_next(r));
    memset(d->inner + n, 'x', pad);
    (void)snprintf(d->inner + n + pad, INNER_ROOM - (size_t)n - pad, "</body>");
    d->stanza.inner = s2s_str_of(d->inner);
}

static void send_one(sim_life *l, int from, int to)
{
    draft d = {.stanza = {.attrs = S2S_STR("")}};
    sim_offer offer = {.from = from, .to = to, .server = l->server->index, .life = l->number};
    choose_kind(&l->rng, &d.stanza, &offer.may_bounce);
    write_inner(l, &d);
    offer.size = d.stanza.inner.len;
    offer.hash = sim_hash(d.inner, offer.size);
    size_t number = oracle_offer(&offer);
    (void)snprintf(d.id, sizeof d.id, "%zu", number);
    char domain[32];
    (void)snprintf(d.from, sizeof d.from, "u%d@d%03d.example/r", (int)sim_below(&l->rng, USERS), from);
    name_of(to, domain);
    (void)snprintf(d.to, sizeof d.to, "v%d@%s", to == ORACLE_NO_DOMAIN ? 0 : (int)sim_below(&l->rng, USERS), domain);
    d.stanza.id = s2s_str_of(d.id);
    d.stanza.from = s2s_str_of(d.from);
    d.stanza.to = s2s_str_of(d.to);
    s2s_err err = s2s_federation_send(l->f, &d.stanza);
    free(d.inner);
    if (err != S2S_OK && err != S2S_E_AGAIN) {
        if (!l->fails) /* IDNA may be out of memory */
            oracle_fail("stanza %zu was not taken: %d", number, (int)err);
        oracle_not_taken(number);
    }
    if (err == S2S_E_AGAIN)
        *told_of(l, from, to) = true;
}

/* Who sends to one that holds its senders pauses; others need not. */
static void go_on(void *arg)
{
    sim_life *l = arg;
    bool rude = sim_has(sim_world_of()->plan, FAULT_RUDE);
    for (sim_burst **at = &l->backlog; *at && l->f && !l->stopping;) {
        sim_burst *b = *at;
        if (b->left-- <= 0) {
            *at = b->next;
            free(b);
        } else if (rude || !*told_of(l, b->from, b->to)) {
            send_one(l, b->from, b->to); /* in which we may be called again */
            at = &l->backlog;
        } else {
            b->left++;
            at = &b->next;
        }
    }
}

void server_send(sim_server *s, int from, int to, int count)
{
    sim_life *l = s->life;
    sim_burst *b = l ? calloc(1, sizeof *b) : NULL;
    if (!b)
        return;
    *b = (sim_burst){NULL, from, to, count};
    sim_burst **at = &l->backlog;
    while (*at)
        at = &(*at)->next;
    *at = b;
    sim_host_call(l->host, go_on, l);
}

void application_drained(void *user)
{
    sim_life *l = user;
    if (let_go(l, true) == 0 && !l->fails)
        oracle_fail("server %d was told to go on without having been told to pause", l->server->index);
    if (sim_chance(&l->rng, 500))
        go_on(l);
    else
        sim_host_call(l->host, go_on, l);
}

bool application_waits(sim_life *l)
{
    const sim_burst *b = l->backlog;
    while (b && !*told_of(l, b->from, b->to))
        b = b->next;
    return b != NULL;
}

void application_forget(sim_life *l)
{
    while (l->backlog) {
        sim_burst *b = l->backlog;
        l->backlog = b->next;
        free(b);
    }
}

/* -- receiving ----------------------------------------------------------------------------------------- */

static int domain_of(s2s_str jid)
{
    s2s_jid parts;
    return s2s_jid_split(jid, &parts) == S2S_OK ? domain_number(parts.domain) : ORACLE_NO_DOMAIN;
}

static size_t number_of(s2s_str id)
{
    size_t n = 0;
    for (size_t i = 0; i < id.len && i < 12; i++)
        n = n * 10 + (size_t)(id.ptr[i] - '0');
    return id.len ? n : SIZE_MAX;
}

static void resume_now(void *arg)
{
    sim_life *l = arg;
    l->holds = false;
    oracle_note("server %d reads on", l->server->index);
    if (l->f && !l->stopping)
        s2s_federation_resume(l->f);
}

static void resume_later(void *arg)
{
    sim_life *l = arg;
    sim_host_call(l->host, resume_now, l);
}

/* Says stop to one in fifty, for up to twenty seconds. */
static bool goes_on(sim_life *l)
{
    if (l->stopping || l->holds)
        return !l->holds;
    if (!sim_has(sim_world_of()->plan, FAULT_HOLD) || !sim_chance(&l->rng, 20))
        return true;
    l->holds = true;
    oracle_note("server %d holds", l->server->index);
    sim_at(sim_now() + sim_below(&l->rng, 20 * SIM_SECOND), resume_later, l);
    return false;
}

/* True if nothing in this world may keep a stanza from its goal: no faults that matter, and both sides are what they say. */
static bool is_due(const sim_world *w, int from, int to)
{
    enum { HARMLESS = 1u << FAULT_BIG | 1u << FAULT_PAPERS | 1u << FAULT_BIDI };
    sim_paper papers[2] = {PAPER_ROGUE, PAPER_ROGUE};
    if ((w->plan->faults & ~(unsigned)HARMLESS) || from < 0 || to < 0 || w->ending)
        return false;
    const sim_server *a = &w->servers[w->owner[from]], *b = &w->servers[w->owner[to]];
    for (int i = 0; i < SERVER_DOMAINS_MAX; i++) {
        if (i < a->domains_len && a->domains[i] == from)
            papers[0] = a->papers[i];
        if (i < b->domains_len && b->domains[i] == to)
            papers[1] = b->papers[i];
    }
    return papers[0] < PAPER_EXPIRED && papers[1] < PAPER_EXPIRED &&
           authority_expects(papers[0], b->strict, S2S_INITIATOR, SIM_WALL_BASE) &&
           authority_expects(papers[1], a->strict, S2S_ACCEPTOR, SIM_WALL_BASE);
}

/* A bounce goes back to where the stanza came from; everything else is a delivery. */
bool application_deliver(void *user, const s2s_stanza *st)
{
    sim_life *l = user;
    const sim_world *w = sim_world_of();
    int from = domain_of(st->from), to = domain_of(st->to);
    size_t number = number_of(st->id);
    if (l->dead)
        return true;
    bool is_error = s2s_str_eq(st->type, S2S_STR("error"));
    if (is_error && memcmp(st->to.ptr, "u", 1) == 0) { /* senders are u..., receivers v... */
        oracle_bounced(number, l->server->index, l->number, !l->server->impostor && is_due(w, to, from));
        return goes_on(l);
    }
    if (st->inner.len > sizeof GERMAN && memcmp(st->inner.ptr, GERMAN, sizeof GERMAN - 1) == 0 &&
        !s2s_str_eq(st->lang, S2S_STR("de")))
        oracle_fail("stanza %zu has lost its language", number);
    bool owner = to >= 0 && w->owner[to] == l->server->index;
    oracle_delivered(number, from, to, l->server->index, owner, st->inner.len, sim_hash(st->inner.ptr, st->inner.len));
    if (!l->stopping && from >= 0 && owner && sim_chance(&l->rng, 50))
        send_one(l, to, from); /* from inside the call */
    return goes_on(l);
}
