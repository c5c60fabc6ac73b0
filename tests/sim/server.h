/* SPDX-License-Identifier: MIT */
/* server.h: a simulated server: the real library and policy, and an application that sends, answers, holds and dies. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include <mod_s2s_eku/eku.h>

#include "s2s/federation.h"
#include "sim/authority.h"
#include "sim/oracle.h"

enum { SERVER_DOMAINS_MAX = 3, SERVER_DOMAINS_ALL = 1000, SERVER_WATCHED = 16, SERVER_PORT = 5269, SERVER_DIRECT_PORT = 5270 };

typedef struct sim_server sim_server;
typedef struct sim_life sim_life;
typedef struct sim_burst sim_burst;

struct sim_server {
    int index;
    bool impostor;
    int domains[SERVER_DOMAINS_MAX];
    sim_paper papers[SERVER_DOMAINS_MAX];
    int domains_len;
    bool strict;     /* its policy */
    bool direct;     /* listens for direct TLS too */
    bool keys, bidi; /* dialback where the certificate is no proof; streams for both directions */
    int64_t wall_skew;
    int lives;
    sim_life *life;  /* NULL: down */
};

/* Whether a stream with a queue moves: what the last audit saw of it. */
typedef struct sim_watch {
    char id[24];
    uint64_t out, since;
} sim_watch;

/* One process of a server, from its start to its end. */
struct sim_life {
    sim_life *next;
    sim_server *server;
    int number;
    sim_host *host;
    s2s_federation *f;
    eku_policy *policy;
    s2s_env env;
    sim_rng rng;
    size_t blocks, bytes;
    unsigned fails;   /* per mille of allocations */
    bool stopping, dead, over;
    bool holds;
    bool told[SERVER_DOMAINS_MAX][SERVER_DOMAINS_ALL + 1]; /* to pause: of its domains, to which (the first: to none that exists) */
    bool waited;      /* at the end it still waited to be told to go on */
    bool trusts[SERVER_DOMAINS_ALL]; /* domains whose certificate the real policy has called good */
    sim_watch watched[SERVER_WATCHED]; /* by the hash of the stream's id */
    uint64_t stop_began;
    sim_burst *backlog;
};

/* What the servers of one world share. */
typedef struct sim_world {
    const sim_plan *plan;
    sim_rng rng;
    sim_server *servers;
    int servers_len, domains_len;
    int *owner; /* of a domain: a server */
    sim_life *lives;
    bool ending; /* nobody starts any more */
} sim_world;

void server_start(sim_world *w, sim_server *s);
void server_stop(sim_server *s);            /* in good order */
/* Its operator does one of the things that one may do while it runs. */
void server_manage(sim_server *s, uint64_t choice);
void server_crash(sim_server *s, bool power);
/* A process of it has not ended yet, and is not dead. */
bool server_winds_down(const sim_world *w, const sim_server *s);
/* Its application sends `count` stanzas from its domain to another, as fast as it is allowed to. */
void server_send(sim_server *s, int from, int to, int count);
void server_audit(sim_life *l);
/* All lives are over, and nothing is left of them. */
bool servers_over(const sim_world *w);
void servers_check_end(sim_world *w);
void servers_free(sim_world *w);
int domain_number(s2s_str domain); /* ORACLE_NO_DOMAIN: not ours */

#endif
