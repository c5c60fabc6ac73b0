/* SPDX-License-Identifier: MIT */
/* list.h: many domains: so many at once, so many a second, results kept as they come. */
#ifndef PROBE_LIST_H
#define PROBE_LIST_H

#include "probe/probe.h"

enum {
    LIST_DOMAINS_MAX = 1000000,
    LIST_JOBS_MAX = 512,
    LIST_JOBS = 16, /* unless --jobs says otherwise */
    LIST_RATE = 20, /* probes begun in a second, unless --rate says otherwise; 0: no bound */
};

/* Names, in the order given, each once. */
typedef struct list_names {
    json_t *names; /* strings */
    json_t *seen;  /* an object: its keys */
} list_names;

s2s_err list_names_init(list_names *l);
void list_names_free(list_names *l);
/* S2S_OK (also if it is there already), S2S_E_LIMIT, S2S_E_NOMEM, S2S_E_SYNTAX (not UTF-8). */
s2s_err list_names_add(list_names *l, const char *name);
/* One name on each line; blank lines and what stands behind '#' do not count. "-": standard input. On failure `why` says why,
 * with the line. */
s2s_err list_names_read(list_names *l, const char *path, char why[S2S_TEXT_MAX]);

typedef struct list_options {
    unsigned jobs, rate;
    const char *output; /* JSON lines, appended to; what it holds is not probed again. NULL: none */
    bool progress;      /* a line on standard error */
    /* Each result as it comes, also those read back (`old`); borrowed. */
    void (*result)(void *arg, const json_t *result, bool old);
    void *arg;
} list_options;

/* Probes all of `names` on the context's loop, and returns when it is done or interrupted (SIGINT, SIGTERM). `*interrupted` says
 * so. S2S_OK; S2S_E_IO, S2S_E_INVAL (the output file), S2S_E_NOMEM with `why`. */
s2s_err list_run(const probe_context *c, const list_names *names, const list_options *options, bool *interrupted,
                 char why[S2S_TEXT_MAX]);

#endif
