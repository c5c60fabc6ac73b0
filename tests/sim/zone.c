/* SPDX-License-Identifier: MIT */
/* zone.c: SRV and address records of the simulated servers. Host names: "hNNNN.example" is server NNNN, the hosts from
 * 9000 on answer to nobody. */
#include "sim/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/fake_unbound.h"

enum {
    RR_A = 1,
    RR_AAAA = 28,
    RR_SRV = 33,
    DOMAINS_MAX = 1000,
    DEAD_HOST = 9000,
    DEAD_ADDRESS = 500,
};

static struct {
    const sim_world *world;
    sim_rng rng;
    zone_trouble trouble[DOMAINS_MAX];
    int liar[DOMAINS_MAX];
} zone;

void zone_set(int domain, zone_trouble trouble, int liar)
{
    zone.trouble[domain] = trouble;
    zone.liar[domain] = liar;
}

void zone_heal(void)
{
    memset(zone.trouble, 0, sizeof zone.trouble);
}

static void add_record(sim_answer *a, const void *bytes, size_t len)
{
    if (a->records == SIM_RECORDS_MAX)
        return;
    memcpy(a->rdata[a->records], bytes, len);
    a->len[a->records++] = len;
}

/* RFC 2782: priority, weight, port, target. */
static void add_srv(sim_answer *a, int host, uint16_t priority, uint16_t port)
{
    uint8_t rdata[64] = {(uint8_t)(priority >> 8), (uint8_t)priority, 0, 10, (uint8_t)(port >> 8), (uint8_t)port};
    char label[8];
    size_t n = 6;
    int len = snprintf(label, sizeof label, "h%04d", host);
    rdata[n++] = (uint8_t)len;
    memcpy(rdata + n, label, (size_t)len);
    n += (size_t)len;
    memcpy(rdata + n, "\7example", 9); /* with the root's empty label */
    add_record(a, rdata, n + 9);
}

static void add_address(sim_answer *a, int index, int type)
{
    struct sockaddr_storage at;
    sim_host_address(index, type == RR_A ? AF_INET : AF_INET6, 0, &at);
    if (type == RR_A)
        add_record(a, &((struct sockaddr_in *)&at)->sin_addr, 4);
    else
        add_record(a, &((struct sockaddr_in6 *)&at)->sin6_addr, 16);
}

static void answer_host(int host, int type, sim_answer *a)
{
    if (type != RR_A && type != RR_AAAA)
        return;
    if (host >= DEAD_HOST) {
        add_address(a, DEAD_ADDRESS, type);
        return;
    }
    sim_rng fixed = {zone.world->plan->seed ^ (uint64_t)host << 20};
    unsigned families = (unsigned)sim_below(&fixed, 3); /* 0: both */
    if ((type == RR_A && families != 1) || (type == RR_AAAA && families != 2))
        add_address(a, host, type);
}

static void answer_srv(int domain, bool direct, sim_answer *a)
{
    sim_rng fixed = {zone.world->plan->seed ^ (uint64_t)domain << 10};
    unsigned style = (unsigned)sim_below(&fixed, 6);
    int server = zone.world->owner[domain];
    if (zone.trouble[domain] == ZONE_LIE)
        server = zone.liar[domain];
    if (style == 0 || (direct && !zone.world->servers[server].direct))
        return; /* no such record */
    if (style == 1) /* the first is always down */
        add_srv(a, DEAD_HOST + domain, 1, SERVER_PORT);
    add_srv(a, server, 5, direct ? SERVER_DIRECT_PORT : SERVER_PORT);
    if (style == 2)
        add_srv(a, DEAD_HOST, 9, SERVER_PORT);
}

static void make_garbage(sim_answer *a)
{
    uint8_t bytes[40];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)sim_next(&zone.rng);
    for (size_t n = sim_between(&zone.rng, 1, 4); n > 0; n--)
        add_record(a, bytes, sim_below(&zone.rng, sizeof bytes + 1));
}

static bool in_trouble(int domain, sim_answer *a)
{
    switch (zone.trouble[domain]) {
    case ZONE_WELL:
    case ZONE_LIE: return false;
    case ZONE_SERVFAIL: a->rcode = 2; return true;
    case ZONE_SILENT: a->never = true; return true;
    case ZONE_MISSING: a->rcode = 3; return true;
    case ZONE_GARBAGE: make_garbage(a); return true;
    case ZONE_SLOW: a->delay_ms = (unsigned)sim_between(&zone.rng, 2000, 20000); return false;
    case ZONE_TROUBLES: break;
    }
    return false;
}

static void answer(void *arg, const sim_host *asker, const char *name, int type, sim_answer *out)
{
    const char *last = name;
    (void)arg;
    (void)asker;
    out->delay_ms = (unsigned)sim_between(&zone.rng, 1, 80);
    if (name[0] == 'h') {
        answer_host((int)strtol(name + 1, NULL, 10), type, out);
        return;
    }
    bool srv = name[0] == '_', direct = strncmp(name, "_xmpps-", 7) == 0;
    for (int labels = 0; srv && labels < 2; labels++)
        last = strchr(last, '.') + 1;
    int domain = domain_number(s2s_str_of(last));
    if (domain < 0 || domain >= zone.world->domains_len) {
        out->rcode = strstr(last, "nowhere") ? 3 : 0;
        return;
    }
    if (in_trouble(domain, out))
        return;
    if (srv && type == RR_SRV)
        answer_srv(domain, direct, out);
    else if (!srv)
        answer_host(zone.trouble[domain] == ZONE_LIE ? zone.liar[domain] : zone.world->owner[domain], type, out);
}

void zone_begin(const sim_world *w, sim_rng rng)
{
    memset(&zone, 0, sizeof zone);
    zone.world = w;
    zone.rng = rng;
    sim_dns_begin(answer, NULL);
}
