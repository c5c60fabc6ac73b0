/* SPDX-License-Identifier: MIT */
/* sandbox.h: which files s2sd may touch from its start on, held by the kernel (Landlock). Internal to s2sd. */
#ifndef S2SD_SANDBOX_H
#define S2SD_SANDBOX_H

#include "config.h"
#include "s2s/env.h"

/* What may be done at a place and below it. Programs are started nowhere. */
enum {
    SANDBOX_READ = 1,   /* files and lists of files */
    SANDBOX_WRITE = 2,  /* plain files are made, written and removed */
    SANDBOX_SOCKET = 4, /* Unix sockets are made and removed */
};

/* Places in one sandbox; a configuration that needs more of them has none. */
#define SANDBOX_PLACES_MAX 4096

typedef struct sandbox_place {
    char *path; /* a directory or a file */
    unsigned rights;
} sandbox_place;

typedef struct sandbox_places {
    sandbox_place *list;
    size_t len;
} sandbox_places;

/* Where a node with this configuration reads and writes: the directory of the configuration; of each file that it names, as it is
 * named and where symbolic links lead now; of the census and of each Unix socket; what the C library, GnuTLS and the resolver read.
 * No place stands twice. S2S_OK; S2S_E_NOMEM, S2S_E_LIMIT: `*out` is empty. The caller frees it. */
s2s_err sandbox_plan(const config *c, sandbox_places *out);
void sandbox_places_free(sandbox_places *p);

/* The version of Landlock that the kernel has; 0 and a reason: none that can be used. */
int sandbox_version(char why[S2S_TEXT_MAX]);

/* For good, for this thread and all that it starts: so before there is another thread. Sets "no new privileges". Says in the log
 * what holds, or why nothing does; the node goes on without. */
void sandbox_enter(const s2s_env *env, const config *c);

#endif
