/* SPDX-License-Identifier: MIT */
/* pki_internal.h: what the files of the test PKI share. */
#ifndef TEST_PKI_INTERNAL_H
#define TEST_PKI_INTERNAL_H

#include <gnutls/x509.h>

#include "support/pki.h"

struct pki_cert {
    pki_cert *next;
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key; /* the pool's */
    gnutls_datum_t der;
};

typedef struct pki_blob {
    struct pki_blob *next;
    uint8_t bytes[];
} pki_blob;

/* A copy that lives as long as `p`. */
s2s_bytes pki__keep(pki *p, const void *bytes, size_t len);
const char *pki__write_file(pki *p, const char *file, const void *bytes, size_t len);

#endif
