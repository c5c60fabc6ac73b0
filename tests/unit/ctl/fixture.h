/* SPDX-License-Identifier: MIT */
/* fixture.h: a probe's world: a.example is ours, b.example is a real acceptor of libs2s, and there are peers that are none. */
#ifndef TEST_CTL_FIXTURE_H
#define TEST_CTL_FIXTURE_H

#include "probe/probe.h"
#include "unit/federation/two_nodes.h"

enum { SCRIPT_CONNECTIONS_MAX = 8 };

/* Accepts, says its text, and then keeps silent or closes. */
typedef struct scripted {
    uv_tcp_t server;
    uv_tcp_t connections[SCRIPT_CONNECTIONS_MAX];
    size_t accepted;
    const char *says;
    bool closes;
    char address[S2S_ADDRESS_MAX];
} scripted;

typedef struct world {
    net net;
    probe_options options;
    probe_context context;
    char cert[CERTS_PATH], key[CERTS_PATH], ca[CERTS_PATH];
    scripted peer;
    bool has_peer, has_context;
    json_t *result;
    dns_row rows[8];
    char tlsa_name[64];
} world;

/* Our certificate is shown to b.example at its address, and its CA is trusted; change `options` before world_probe(). */
void world_begin(world *w, s2s_tls_start tls);
/* The same where b.example offers bidi. */
void world_begin_bidi(world *w);
/* Checks that nothing is left. */
void world_end(world *w);
/* A peer that is none; the route goes there. */
void world_script(world *w, const char *says, bool closes);
/* The DNS knows `service_name` at b.example's port, and names that do not lead anywhere. */
void world_publish(world *w, const char *service_name);
/* b.example's server serves signed.example too: SRV, address and, if not NULL, a TLSA record "3 1 1 HEX" in a signed zone that is trusted. */
void world_publish_signed(world *w, const char *tlsa);
void world_open(world *w); /* the context */
/* Probes, and keeps the result. */
void world_probe(world *w, const char *domain);

/* The string at a path of keys and indices, "attempts.0.tls.version"; "" if there is none. */
const char *at(const json_t *object, const char *path);

#endif
