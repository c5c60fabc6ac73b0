/* SPDX-License-Identifier: MIT */
/* status_peers.c: remote domains, each way: what is connected now, and what their records say. */
#include <stdio.h>
#include <string.h>

#include "node.h"
#include "workers.h"
#include "s2s/addr.h"
#include "status.h"

/* Peers by "REMOTE DIRECTION" while they are collected. */
typedef struct peers {
    json_t *by_key;
    s2s_time now;
    bool failed;
} peers;

static const char *direction(s2s_role role)
{
    return role == S2S_INITIATOR ? "out" : "in";
}

/* Borrowed; NULL when out of memory. */
static json_t *peer_for(peers *p, s2s_str remote, s2s_role role)
{
    char key[S2S_DOMAIN_MAX + sizeof " out"];
    (void)snprintf(key, sizeof key, "%.*s %s", S2S_FMT(remote), direction(role));
    json_t *peer = json_object_get(p->by_key, key);
    if (peer)
        return peer;
    peer = json_pack("{s:s%, s:s, s:b, s:b, s:i, s:i, s:i, s:i}", "remote", remote.ptr, remote.len, "direction",
                     direction(role), "connected", 0, "slowed", 0, "streams", 0, "stanzas_in", 0, "stanzas_out", 0, "queued", 0);
    if (!peer || json_object_set_new(p->by_key, key, peer) != 0)
        return NULL;
    return peer;
}

static bool count(json_t *peer, const char *key, uint64_t more)
{
    json_int_t before = json_integer_value(json_object_get(peer, key));
    return json_object_set_new(peer, key, json_integer(before + (json_int_t)more)) == 0;
}

static void add_stream(void *arg, const s2s_stream_info *info)
{
    peers *p = arg;
    if (!info->remote.ptr)
        return;
    json_t *peer = peer_for(p, info->remote, info->role);
    bool established = strcmp(info->mechanism, "none") != 0;
    bool ok = peer && count(peer, "streams", 1) && count(peer, "stanzas_in", info->stanzas_in) &&
              count(peer, "stanzas_out", info->stanzas_out) && count(peer, "queued", info->queued_stanzas);
    if (ok && established && !json_is_true(json_object_get(peer, "connected")))
        ok = json_object_set_new(peer, "connected", json_true()) == 0;
    if (ok && info->slowed)
        ok = json_object_set_new(peer, "slowed", json_true()) == 0;
    if (ok && (established || !json_object_get(peer, "stream"))) {
        json_t *stream = status_stream(info, p->now);
        ok = json_object_set_new(peer, "stream", stream) == 0;
    }
    p->failed = p->failed || !ok;
}

/* What is known of it: from the record, which all its streams have made. */
static bool add_record(peers *p, const eku_record *r)
{
    json_t *peer = peer_for(p, s2s_str_of(r->remote), r->role), *record = census_record_json(r);
    bool ok = peer && record && json_object_update_missing(peer, record) == 0;
    json_decref(record);
    return ok;
}

/* A peer without a record yet has the words all the same. */
static bool complete(json_t *peer)
{
    if (json_object_get(peer, "chain"))
        return true;
    json_t *words = json_pack("{s:n, s:s}", "local", "mechanism", "none");
    bool ok = words && status_add_verdict(words, NULL) == 0 && json_object_update_missing(peer, words) == 0;
    json_decref(words);
    return ok;
}

json_t *status_peers(const struct node *n)
{
    peers p = {.by_key = json_object(), .now = node_milliseconds(n)};
    json_t *list = json_array(), *peer;
    const char *key;
    const eku_record *r;
    bool ok = p.by_key && list;
    if (ok)
        workers_streams(node_workers(n), add_stream, &p);
    for (size_t i = 0; ok && (r = eku_records_at(census_records(node_census(n)), i)); i++)
        ok = add_record(&p, r);
    json_object_foreach(p.by_key, key, peer)
        ok = ok && complete(peer) && json_array_append(list, peer) == 0;
    json_decref(p.by_key);
    if (!ok || p.failed) {
        json_decref(list);
        return NULL;
    }
    return json_pack("{s:o}", "peers", list);
}
