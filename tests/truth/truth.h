/* SPDX-License-Identifier: MIT */
/* truth.h: the chains of the truth table, and what the references say of each. */
#ifndef TEST_TRUTH_H
#define TEST_TRUTH_H

#include <stdio.h>
#include <stdlib.h>

#include "mod_s2s_eku/eku.h"
#include "support/pki.h"
#include "support/test_env.h"

#define TRUTH_DOMAIN "peer.example"

enum { TRUTH_CERTS_MAX = 5, TRUTH_CHAINS_MAX = 512 };

#define TRUTH_NEED(ok, ...)                                                                        \
    do {                                                                                           \
        if (!(ok)) {                                                                               \
            (void)fprintf(stderr, "truth: " __VA_ARGS__);                                          \
            (void)fputc('\n', stderr);                                                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* One chain and its truth, written down from the references, not worked out by the rules under test. */
typedef struct truth_chain {
    char name[96];
    const pki_cert *certs[TRUTH_CERTS_MAX]; /* up to the first NULL */
    bool a, b;           /* fit as a server's, as a client's */
    bool absent;         /* the leaf has no extended key usage */
    bool any;            /* or anyExtendedKeyUsage alone */
    bool any_a, any_b;   /* then: with `any_eku` */
    s2s_chain_status status;
    s2s_identity identity;
    bool options;        /* to be judged under each option too */
    bool tls;            /* to be sent through TLS too */
} truth_chain;

typedef struct truth {
    test_env env;
    pki *pki;
    const pki_cert *root;
    const char *root_file;
    const char *crl_files[8];
    size_t crl_files_len;
    truth_chain chains[TRUTH_CHAINS_MAX];
    size_t len;
} truth;

void truth_make(truth *t);

/* truth_tls.c: `c` through real handshakes in memory, in both roles, TLS 1.2 and 1.3, after STARTTLS and direct. Hands what
 * arrived to `judge`, with the way it took. */
typedef void (*truth_arrived)(void *arg, const truth_chain *c, s2s_role role, const char *way, const s2s_bytes *der, size_t len);
void truth_send(truth *t, const truth_chain *c, truth_arrived judge, void *arg);

#endif
