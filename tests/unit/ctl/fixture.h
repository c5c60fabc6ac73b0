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
} world;

/* Our certificate is shown to b.example at its address, and its CA is trusted; change `options` before world_probe(). */
void world_begin(world *w, s2s_tls_start tls);
/* Checks that nothing is left. */
void world_end(world *w);
/* A peer that is none; the route goes there. */
void world_script(world *w, const char *says, bool closes);
/* The DNS knows `domain` at b.example's port, as one of the two services. */
void world_publish(world *w, const char *service_name);
void world_open(world *w); /* the context */
/* Probes, and keeps the result. */
void world_probe(world *w, const char *domain);

/* The string at a path of keys and indices, "attempts.0.tls.version"; "" if there is none. */
const char *at(const json_t *object, const char *path);

#endif
