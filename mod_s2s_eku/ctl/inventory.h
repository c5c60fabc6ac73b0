/* SPDX-License-Identifier: MIT */
/* inventory.h: the certificates on a disk, what they may do, and who uses them. */
#ifndef S2SCTL_INVENTORY_H
#define S2SCTL_INVENTORY_H

#include <stdio.h>

#include <jansson.h>

#include "s2s/env.h"

enum {
    INVENTORY_FILE_MAX = 1048576, /* octets; larger files are neither certificates nor configurations */
    INVENTORY_FILES_MAX = 200000, /* files looked at; further ones are not, and the report says so */
    INVENTORY_DEPTH_MAX = 24,     /* directories below one that was given; the same */
};

typedef struct inventory {
    const s2s_env *env;
    json_t *certificates; /* objects, see docs/man/s2sctl.1 */
    json_t *index;        /* fingerprint of a leaf -> its place in `certificates` */
    json_t *places;       /* real path of a file -> the fingerprint of its leaf */
    json_t *uses;         /* what configurations say: {program, role, config, line, path} */
    json_t *unreadable;   /* paths */
    size_t files, configs;
    unsigned depth;
    bool cut; /* a maximum was reached */
} inventory;

s2s_err inventory_init(inventory *i, const s2s_env *env);
void inventory_free(inventory *i);
/* A file, or a directory with all below it. Symbolic links to files count, links to directories only if given here. */
void inventory_walk(inventory *i, const char *path);
/* Joins uses and certificates, after the last _walk. */
void inventory_join(inventory *i);
/* True if a certificate that somebody uses as a client's does not permit it, or will not after its renewal. */
bool inventory_is_bad(const inventory *i);
void inventory_print(FILE *out, const inventory *i);
json_t *inventory_json(const inventory *i); /* new reference */

/* inventory_certificate.c: takes `text` if it holds certificates. */
void inventory_take_certificate(inventory *i, const char *path, const char *real, const char *text, size_t len);
/* inventory_config.c: takes what `text` says about certificates; it is NUL-terminated, and no certificate itself. */
void inventory_take_config(inventory *i, const char *path, char *text);

#endif
