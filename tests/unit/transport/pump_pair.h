/* SPDX-License-Identifier: MIT */
/* pump_pair.h: two pumps that talk to each other in memory. */
#ifndef TEST_PUMP_PAIR_H
#define TEST_PUMP_PAIR_H

#include "certs.h"
#include "support/test_env.h"
#include "transport/pump.h"

typedef struct pump_pair {
    test_env env;
    certs certs;
    s2s__credentials *credentials;
    s2s__identity *identity;
    s2s__pump *initiator, *acceptor;
} pump_pair;

/* Credentials and an identity; no pumps yet. */
void pair_begin(pump_pair *pair);
/* Frees all, and fails the test if a block is left. */
void pair_end(pump_pair *pair);
/* Makes one pump: the initiator asks for example.org. */
s2s__pump *pair_pump(pump_pair *pair, s2s_role role, s2s__identity *identity);
/* Makes both pumps, in place of those before; the acceptor always has the identity. */
void pair_make(pump_pair *pair, s2s__identity *of_initiator);
/* Moves all output of `from` to `to`, at most `step` bytes at a time, and calls `each` (may be NULL) after each step. */
void pair_move(s2s__pump *from, s2s__pump *to, size_t step, void (*each)(s2s__pump *to));
/* Runs the handshake to its end. */
void pair_connect(pump_pair *pair, size_t step);
/* Reads once; the text must be exactly `text`. */
void pair_expect_text(s2s__pump *p, const char *text);

#endif
