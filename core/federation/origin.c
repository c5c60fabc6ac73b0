/* SPDX-License-Identifier: MIT */
/* origin.c: connections are counted by where they come from, and those beyond a limit are turned away. */
#include "federation/origin.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "federation/internal.h"
#include "protocol/buf.h"
#include "protocol/log.h"

struct s2s__origin {
    s2s__slot slot; /* first: a slot is its origin */
    uint8_t key[S2S__ORIGIN_MAX];
    size_t key_len, connections;
};

size_t s2s__origin_key(const struct sockaddr *address, uint8_t out[S2S__ORIGIN_MAX])
{
    enum { V4 = 4, V6_NET = 8, MAPPED_AT = 12 };
    if (address->sa_family == AF_INET) {
        memcpy(out, &((const struct sockaddr_in *)address)->sin_addr, V4);
        return V4;
    }
    if (address->sa_family != AF_INET6)
        return 0;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6)) {
        memcpy(out, v6->s6_addr + MAPPED_AT, V4);
        return V4;
    }
    memcpy(out, v6->s6_addr, V6_NET);
    return V6_NET;
}

/* -- turned away --------------------------------------------------------------------------------------- */

static uint64_t *count_of(s2s_federation *f, s2s__cap cap)
{
    switch (cap) {
    case S2S__CAP_ALL: return &f->counts.turned_away;
    case S2S__CAP_PREAUTH: return &f->counts.turned_away_preauth;
    case S2S__CAP_ADDRESS: return &f->counts.turned_away_address;
    }
    return &f->counts.turned_away;
}

static const char *line_of(s2s__cap cap)
{
    switch (cap) {
    case S2S__CAP_ALL: return "connection turned away: limits.connections is reached";
    case S2S__CAP_PREAUTH: return "connection turned away: limits.preauth_connections is reached";
    case S2S__CAP_ADDRESS: return "connection turned away: limits.connections_per_address is reached";
    }
    return "connection turned away";
}

static void turn_away(s2s_federation *f, s2s__cap cap, const char *address)
{
    char count[S2S__COUNT_MAX];
    ++*count_of(f, cap);
    if (!s2s__report_due(f, &f->told_away[cap], count))
        return;
    s2s_field fields[] = {{"address", s2s_str_of(address)}, {"count", s2s_str_of(count)}};
    s2s__log(f->env, S2S_LOG_WARN, line_of(cap), fields, sizeof fields / sizeof *fields);
}

/* -- counting ------------------------------------------------------------------------------------------ */

static s2s__origin *find(const s2s_federation *f, s2s_str key, uint64_t hash)
{
    for (s2s__slot *slot = s2s__table_first(&f->origins, hash); slot; slot = s2s__table_next(slot)) {
        s2s__origin *o = (s2s__origin *)slot;
        if (o->key_len == key.len && memcmp(o->key, key.ptr, key.len) == 0)
            return o;
    }
    return NULL;
}

static s2s__origin *make(s2s_federation *f, s2s_str key, uint64_t hash)
{
    s2s__origin *o = s2s__alloc(f->env, sizeof *o);
    if (!o)
        return NULL;
    memcpy(o->key, key.ptr, key.len);
    o->key_len = key.len;
    if (s2s__table_add(&f->origins, &o->slot, hash) != S2S_OK) {
        s2s__free(f->env, o);
        return NULL;
    }
    return o;
}

/* A peer that is gone already has no address: those count together. */
bool s2s__origin_enter(s2s_federation *f, const uv_tcp_t *tcp, s2s__origin **out)
{
    const s2s_limits *l = &f->env->limits;
    struct sockaddr_storage at = {0};
    char address[S2S_ADDRESS_MAX] = "";
    uint8_t octets[S2S__ORIGIN_MAX];
    int len = sizeof at;
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&at, &len) == 0)
        s2s__address_print((const struct sockaddr *)&at, address);
    s2s_str key = {(const char *)octets, s2s__origin_key((const struct sockaddr *)&at, octets)};
    uint64_t hash = s2s__table_hash(&f->origins, key, S2S_STR_ABSENT);
    s2s__origin *o = find(f, key, hash);
    if (f->accepted >= l->connections) {
        turn_away(f, S2S__CAP_ALL, address);
        return false;
    }
    if (o && o->connections >= l->connections_per_address) {
        turn_away(f, S2S__CAP_ADDRESS, address);
        return false;
    }
    if (f->preauth >= l->preauth_connections) {
        turn_away(f, S2S__CAP_PREAUTH, address);
        return false;
    }
    if (!o && !(o = make(f, key, hash)))
        return false;
    o->connections++;
    *out = o;
    return true;
}

void s2s__origin_leave(s2s_federation *f, s2s__origin *o)
{
    if (!o || --o->connections > 0)
        return;
    s2s__table_remove(&f->origins, &o->slot);
    s2s__free(f->env, o);
}
