/* SPDX-License-Identifier: MIT */
/* probe.h: one domain from its name to a conclusion. */
#ifndef PROBE_PROBE_H
#define PROBE_PROBE_H

#include "probe/attempt.h"

enum { PROBE_ATTEMPTS_MAX = PROBE_ENDPOINTS_MAX + PROBE_OURS_MAX, PROBE_NAME_MAX = S2S_DOMAIN_MAX };

/* Everything that was seen of one domain. */
typedef struct probe_record {
    const probe_context *context;
    char domain[PROBE_NAME_MAX + 1]; /* normal form; for other protocols the host, as given */
    uint16_t port;                   /* other protocols; else 0 */
    const dns_lookup *dns;           /* NULL: a fixed route, or the name could not be used */
    attempt *attempts[PROBE_ATTEMPTS_MAX];
    size_t attempts_len;
    size_t endpoints_left; /* addresses that were not tried */
    bool timed_out;        /* --timeout passed before all was tried */
    const char *bad_name;  /* why the name cannot be used; else NULL */
    uint64_t milliseconds;
    int64_t wall; /* when it began */
} probe_record;

typedef struct probe probe;

/* `done` gets the result, an object that it owns, once, from the loop; the probe is gone then. `name`: a domain; for
 * other protocols HOST or HOST:PORT. S2S_OK or S2S_E_NOMEM. */
s2s_err probe_start(const probe_context *c, const char *name, void (*done)(void *arg, json_t *result), void *arg,
                    probe **out);
/* Before `done`: stops it and gives the result so far (new reference). */
json_t *probe_stop(probe *p);

#endif
