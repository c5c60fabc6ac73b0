/* SPDX-License-Identifier: MIT */
/* status.c: domains, components and streams as JSON. */
#include "status.h"

#include "certificates.h"
#include "node.h"
#include "protocol/xml/utf8.h"
#include "workers.h"

enum { MS_PER_SECOND = 1000 };

/* null for what is absent or empty; a peer's bytes that are not UTF-8 give null, too. NULL: no memory. */
static json_t *text(s2s_str s)
{
    s2s__utf8 u = {0};
    size_t good;
    bool fits = s.len > 0 && s2s__utf8_check(&u, (const uint8_t *)s.ptr, s.len, &good) == UTF8_OK && u.need == 0;
    return fits ? json_stringn(s.ptr, s.len) : json_null();
}

static json_t *cstr(const char *s)
{
    return text(s2s_str_of(s));
}

static const char *decision(bool accepts)
{
    return accepts ? "accept" : "refuse";
}

int status_add_verdict(json_t *out, const s2s_verdict *v)
{
    if (!v)
        return json_object_update_new(out, json_pack("{s:b, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n}", "trusted",
                                                     0, "chain", "identity", "eku", "purpose", "would", "revocation",
                                                     "proof", "dane", "reason", "expires"));
    return json_object_update_new(
        out, json_pack("{s:b, s:s, s:s, s:s, s:{s:b, s:b}, s:{s:s, s:s}, s:s, s:s, s:s, s:o, s:o}", "trusted", v->trusted, "chain",
                       s2s_chain_status_word(v->chain), "identity", s2s_identity_word(v->identity), "eku",
                       s2s_eku_word(v->eku), "purpose", "server", v->purpose_server, "client", v->purpose_client,
                       "would", "tolerant", decision(v->would_tolerant), "strict", decision(v->would_strict),
                       "revocation", s2s_revocation_word(v->revocation), "proof",
                       s2s_proof_word(v->proof), "dane", s2s_dane_word(v->dane), "reason", cstr(v->reason), "expires",
                       v->expires ? json_integer(v->expires) : json_null()));
}

/* Stream management (XEP-0198). */
static int add_acks(json_t *out, const s2s_stream_info *info)
{
    return json_object_update_new(out, json_pack("{s:b, s:I, s:I, s:I, s:o}", "acks", info->acks, "acknowledged",
                                                 (json_int_t)info->acknowledged, "unacknowledged",
                                                 (json_int_t)info->unacknowledged, "resent", (json_int_t)info->resent,
                                                 "rtt_ms", info->acks ? json_integer((json_int_t)info->rtt) : json_null()));
}

json_t *status_stream(const s2s_stream_info *info, s2s_time now)
{
    json_t *out = json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "id", cstr(info->id), "direction",
        info->role == S2S_INITIATOR ? "out" : "in", "local", text(info->local), "remote", text(info->remote), "state",
        cstr(info->state), "address", cstr(info->address), "target", cstr(info->target), "starts", s2s_tls_start_word(info->tls_start), "tls", cstr(info->tls_version), "cipher",
        cstr(info->cipher), "alpn", text(info->alpn), "mechanism", cstr(info->mechanism));
    if (!out || status_add_verdict(out, info->verdict) != 0 || add_acks(out, info) != 0 ||
        json_object_update_new(out, json_pack("{s:b, s:b, s:I, s:I, s:I, s:I}", "bidi", info->bidi, "slowed", info->slowed, "since_seconds",
                                              (json_int_t)((now - info->since) / MS_PER_SECOND), "stanzas_in",
                                              (json_int_t)info->stanzas_in, "stanzas_out",
                                              (json_int_t)info->stanzas_out, "queued",
                                              (json_int_t)info->queued_stanzas)) != 0) {
        json_decref(out);
        return NULL;
    }
    return out;
}

typedef struct collector {
    json_t *streams;
    s2s_time now;
    bool failed;
} collector;

static void add_stream(void *arg, const s2s_stream_info *info)
{
    collector *c = arg;
    if (json_array_append_new(c->streams, status_stream(info, c->now)) != 0)
        c->failed = true;
}

/* Takes over both, and returns the first; NULL: no memory, a list is whole or not there. */
static json_t *append(json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) == 0)
        return list;
    json_decref(list);
    return NULL;
}

static json_t *domains_of(const config *c)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < c->domains_len; i++)
        out = append(out, cstr(c->domains[i].name));
    return out;
}

static json_t *components_of(const node *n)
{
    const config *c = node_config(n);
    json_t *out = json_array();
    for (size_t i = 0; out && i < c->accounts_len; i++)
        out = append(out, json_pack("{s:s, s:b}", "domain", c->accounts[i].domain, "attached",
                                    node_is_attached(n, c->accounts[i].domain)));
    return out;
}

json_t *status_of(const node *n)
{
    collector c = {.streams = json_array(), .now = node_milliseconds(n)};
    if (!c.streams)
        return NULL;
    workers_streams(node_workers(n), add_stream, &c);
    if (c.failed) {
        json_decref(c.streams);
        return NULL;
    }
    s2s_federation_counts counts;
    workers_sum(node_workers(n), &counts);
    return json_pack("{s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:o}", "version", S2S_VERSION, "uptime",
                     (json_int_t)(node_uptime_milliseconds(n) / MS_PER_SECOND), "mode",
                     eku_mode_word(node_config(n)->mode), "dropped", (json_int_t)counts.dropped, "domains", domains_of(node_config(n)), "certificates",
                     certificates_json(node_federation(n)), "components", components_of(n), "streams", c.streams);
}
