/* SPDX-License-Identifier: MIT */
/* two_nodes.h: federation objects on one loop over loopback, with a policy that does what the test says. */
#ifndef TEST_TWO_NODES_H
#define TEST_TWO_NODES_H

#include "s2s/federation.h"
#include "support/test_env.h"
#include "unit/transport/certs.h"
#include "unit/transport/dns_server.h"

#define NODE_KEPT 20000

typedef struct node {
    test_env t;
    s2s_federation *f;
    const char *domain;
    char address[S2S_ADDRESS_MAX];
    /* what its policy says */
    bool refuses, pends;
    int64_t expires; /* of every certificate that it judges */
    size_t refuses_first; /* so many verdicts, then no more */
    bool forbids;         /* no stream with anybody */
    bool falls_back;      /* dialback, where the certificate is not trusted */
    /* its options */
    bool bidi;
    const char *secret;   /* of dialback; NULL: random */
    uint32_t part, parts; /* with more than one, no remote domain is this one's */
    bool taken_later;
    bool (*route)(void *user, s2s_str local, s2s_str remote, char address[S2S_ADDRESS_MAX], s2s_tls_start *tls);
    s2s_ticket asked;
    size_t judged;
    s2s_role judged_role;
    size_t judged_chain;
    char judged_target[64]; /* the host of a secure SRV record */
    s2s_dnssec judged_tlsa_state;
    size_t judged_tlsa;
    char judged_name[64]; /* the dNSName of the leaf */
    char explained[S2S_TEXT_MAX]; /* the peer's words that were to be explained */
    s2s_refused_by refused_by;
    size_t presented;    /* certificates of ours that it was told of then */
    char cause[S2S_TEXT_MAX]; /* of the last end */
    /* what came */
    char *received[NODE_KEPT]; /* "kind type id from inner" */
    size_t count;
    bool hold;           /* deliver returns false */
    bool slows;          /* deliver makes its domain slow */
    bool answers;        /* deliver sends an error back for each message */
    size_t told;         /* of these, S2S_E_AGAIN was said */
    size_t drained, established, ended;
    s2s_close last_end;
    bool stopped;
    bool stays; /* is not freed when it has stopped: the test does */
} node;

typedef struct net {
    uv_loop_t loop;
    uv_timer_t guard;
    s2s_time give_up;
    certs certs;
    dns_server dns;
    dns_signer signer; /* of signed.example, whose key both nodes trust */
    s2s_tls_start tls; /* of listeners and routes: set it before net_begin_nodes */
    bool route_b_elsewhere; /* b gets no route: the test adds one */
    node a, b; /* a.example and b.example, each with a route to the other */
} net;

/* Both nodes, ready but not connected. Change their limits with `net.a.t.env.limits` before net_begin_nodes. */
void net_begin(net *n);
void net_begin_nodes(net *n);
void net_begin_nodes_unrouted(net *n); /* neither knows where the other is */
/* A third node: another server for `domain`. End it with net_end_node before net_end. */
void net_begin_node(net *n, node *x, const char *domain);
void net_end_node(net *n, node *x);
/* Stops both, waits, and checks that nothing is left. */
void net_end(net *n);

/* Runs the loop until `*value` is at least `want`; fails the test after a generous while. */
void net_until(net *n, const size_t *value, size_t want);
void net_until_true(net *n, const bool *value);

/* The kernel takes connections to `address`, and nobody ever answers. The caller closes `silent`. */
enum { NET_ADDRESS = 32 };
void net_listen_silently(net *n, uv_tcp_t *silent, char address[NET_ADDRESS]);

/* Sends <message from='x@DOMAIN' to='y@TO' id='ID'><body>ID</body></message>. */
s2s_err node_send(node *n, const char *to, const char *id);
const char *node_last(const node *n);
/* One more domain for `n`, with a certificate of its own. */
void net_add_domain(net *n, node *to, const char *domain);

#endif
