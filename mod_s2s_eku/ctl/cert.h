/* SPDX-License-Identifier: MIT */
/* cert.h: a chain in a file, judged as the policy would. */
#ifndef S2SCTL_CERT_H
#define S2SCTL_CERT_H

#include <stdio.h>

#include "s2s/policy.h"

enum {
    CERT_FILE_MAX = 1 << 20, /* octets; a larger file is refused */
    CERT_CHAIN_MAX = 128,    /* certificates of a file that are handed to the policy, which has a limit of its own */
};

typedef struct cert_options {
    const char *file;
    const char *domain; /* NULL: the names are not judged */
    const char *const *ca_files; /* none: the system's store */
    size_t ca_files_len;
    s2s_role role;      /* of the server that presents it */
    bool json;
} cert_options;

/* Writes the report to `out`, or what hinders it to `errors`. The exit status: 0 tolerant would accept it, 1 it would not,
 * 2 the file, the anchors or the domain cannot be used. */
int cert_run(const cert_options *options, FILE *out, FILE *errors);

#endif
