/* SPDX-License-Identifier: MIT */
/* reload.h: the configuration and its files again, while the node runs. Internal to s2sd.
 *
 * All or nothing: what is new is read and checked completely, then put in place between two turns of the loop. Streams stay, unless
 * their domain is gone or the policy now refuses the peer. */
#ifndef S2SD_RELOAD_H
#define S2SD_RELOAD_H

#include <jansson.h>

#include "node.h"
#include "policies.h"

/* Problems that are told of; the log has all. */
#define RELOAD_PROBLEMS_MAX 50u

typedef struct reload reload;

typedef struct reload_options {
    s2s_env *env; /* its level follows the configuration */
    uv_loop_t *loop;
    const char *file;      /* the configuration; borrowed */
    const config *started; /* what the node started with: what cannot change is compared with it */
} reload_options;

/* Watches the certificates, keys, CAs and CRLs from their state at this moment on: before they are read for the start, which takes its
 * time where there are many. Before the loop runs reload_attach is due. */
s2s_err reload_new(const reload_options *options, reload **out);
/* `p`: NULL for another policy, which is not reloaded. */
void reload_attach(reload *r, node *n, policies *p);
/* Reads the configuration and all files again. A new reference, NULL when out of memory:
 * {"ok": bool, "problems": ["FILE:LINE:COLUMN: KEY: what", ...], "restart": [keys that need a restart to change]}.
 * Not ok: what was in force stays in force, all of it, or (a certificate that cannot be used) that one. */
json_t *reload_run(reload *r);
/* {"at": seconds or null, "ok": bool, "count": number}: of the last. */
json_t *reload_json(const reload *r);
void reload_stop(reload *r); /* takes NULL */
void reload_free(reload *r); /* after node_free; takes NULL */

#endif
