/* SPDX-License-Identifier: MIT */
/* certs.h: PEM files made on the spot for the tests of this directory. */
#ifndef TEST_CERTS_H
#define TEST_CERTS_H

#include <stddef.h>
#include <time.h>

#define CERTS_PATH 128

typedef struct certs {
    char dir[32];
} certs;

typedef struct certs_spec {
    const char *dns;     /* dNSName, or NULL */
    const char *dns_too; /* another */
    const char *srv;     /* "_xmpp-server.example.org" as an SRVName, or NULL */
    const char *cn;      /* common name, or NULL */
    time_t expires;      /* 0: in a day */
} certs_spec;

/* A new directory under /tmp; certs_end() removes it with all files. */
void certs_begin(certs *c);
void certs_end(certs *c);
/* Writes NAME.pem (leaf and issuer) and NAME.key. */
void certs_make(certs *c, const char *name, const certs_spec *spec);
void certs_write(certs *c, const char *file, const void *text, size_t len);
/* DIR/FILE, in `out`. */
const char *certs_path(certs *c, const char *file, char out[CERTS_PATH]);

#endif
