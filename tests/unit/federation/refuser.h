/* SPDX-License-Identifier: MIT */
/* refuser.h: a scripted server behind TLS that refuses SASL EXTERNAL and closes, as some do, but may take dialback. */
#ifndef TEST_REFUSER_H
#define TEST_REFUSER_H

#include <uv.h>

#include "s2s/env.h"
#include "transport/pump.h"

typedef struct refuser_stream refuser_stream;

typedef struct refuser {
    uv_tcp_t listener;
    const s2s_env *env;
    const char *local, *remote; /* its domain, and whose dialback it answers */
    s2s__credentials *credentials;
    s2s__identity *identity;
    char address[64];
    refuser_stream *streams;
    bool denies; /* dialback too: it closes without an answer */
    size_t accepted, refused, claims, stanzas;
} refuser;

/* Listens on loopback for `local`, with that certificate. */
void refuser_begin(refuser *r, uv_loop_t *loop, const s2s_env *env, const char *local, const char *remote, const char *cert,
                   const char *key);
/* Closes all; run the loop then, and call refuser_free. */
void refuser_end(refuser *r);
void refuser_free(refuser *r);

#endif
