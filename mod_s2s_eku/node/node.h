/* SPDX-License-Identifier: MIT */
/* node.h: the node: federation, components and built-in services, and the way of a stanza between them. Internal to s2sd. */
#ifndef S2SD_NODE_H
#define S2SD_NODE_H

#include <uv.h>

#include "census.h"
#include "config.h"
#include "counters.h"
#include "ping.h"
#include "s2s/federation.h"

typedef struct node node;

typedef struct node_options {
    const s2s_env *env;
    uv_loop_t *loop;
    const config *config;
    const s2s_policy *policies; /* of each worker; lent for node_new */
    size_t workers;
    bool check;                  /* nothing will be started: no file is made */
    void (*stopped)(void *user); /* node_stop() is done */
    void *user;
} node_options;

/* Makes everything that listens to nobody yet: certificates and routes are checked. All that `options` points to outlives the
 * node. Each fault of the configuration is a line on `errors`; S2S_E_INVAL then, S2S_E_NOMEM or S2S_E_IO. On failure
 * `*out` is set all the same (or NULL) and must be stopped and freed. */
s2s_err node_new(const node_options *options, FILE *errors, node **out);
/* Another configuration (borrowed from now on; the old one may go then) with what was made of it; takes over `setup`. Streams
 * stay, unless their domain is gone; sockets stay as they are. S2S_E_NOMEM, S2S_E_STATE (stopping): nothing has changed. */
s2s_err node_replace(node *n, const config *c, s2s_setup *setup);
/* Listens: to components first, then to servers. */
s2s_err node_listen(node *n, char why[S2S_TEXT_MAX]);
/* The workers' threads begin. S2S_OK, S2S_E_NOMEM. */
s2s_err node_start(node *n);
/* For the watchdog: whether all of them have turned since this was asked last. */
bool node_turns(node *n);
/* First the components take what is queued for them, or are cut off, and it is returned. Then the federation is closed while components
 * can still take bounces, then the components; then options.stopped, from the loop. */
void node_stop(node *n);
/* After options.stopped. Takes NULL. */
void node_free(node *n);

/* Sends a ping. `from` NULL: the first domain. S2S_E_INVAL: `to` is no address; S2S_E_NOTFOUND: `from` is not served here.
 * The answer may come before this returns. */
s2s_err node_ping(node *n, const char *from, const char *to, ping_done *done, void *user, ping **out);
void node_ping_cancel(node *n, ping *one); /* takes NULL */
/* Closes all streams with a remote domain; how many. S2S_E_INVAL: it is no domain. */
s2s_err node_close_remote(node *n, const char *remote, size_t *closed);
/* The first domain, for pings without `from`; NULL if there is none. */
const char *node_first_domain(const node *n);

/* For the status. */
const config *node_config(const node *n);
struct workers *node_workers(const node *n);
const s2s_federation *node_federation(const node *n); /* what is the same in all workers: domains, certificates */
const census *node_census(const node *n);
const counters *node_counters(const node *n);
bool node_is_stopping(const node *n);
bool node_is_attached(const node *n, const char *domain);
uint64_t node_milliseconds(const node *n);        /* uv_now() */
uint64_t node_uptime_milliseconds(const node *n); /* since node_new */

#endif
