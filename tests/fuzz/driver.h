/* SPDX-License-Identifier: MIT */
/* driver.h: drives one session as the transport does: answers its events, takes its output, keeps the rules. */
#ifndef FUZZ_DRIVER_H
#define FUZZ_DRIVER_H

#include "fuzz/fuzz.h"
#include "s2s/addr.h"
#include "s2s/dialback.h"
#include "s2s/session.h"
#include "support/test_env.h"

/* How the driver answers; bits of the input's first byte. */
enum {
    DRIVER_REFUSES = 1,   /* S2S_EV_OPEN is refused */
    DRIVER_DISTRUSTS = 2, /* certificates are not trusted */
    DRIVER_LATE = 4,      /* verdicts come one step later */
    DRIVER_DIRECT = 8,
    DRIVER_DIALBACK = 16, /* keys may be the proof where certificates are not */
    DRIVER_BIDI = 32,
    DRIVER_DENIES = 64,   /* keys are said to be wrong */
    DRIVER_ASKS = 128,    /* an initiator that only asks whether a key is good */
};

/* Steps of the caller's. */
enum { DRIVER_WAIT, DRIVER_WAIT_LONG, DRIVER_CLOSE, DRIVER_LOSE, DRIVER_SEND, DRIVER_SENT, DRIVER_STEPS };

enum { DRIVER_PAIRS = 70 }; /* more than limits.stream_pairs */

typedef struct driver {
    test_env t;
    s2s_session *s;
    s2s_time now;
    unsigned how;
    s2s_role role;
    s2s_dialback_secret secret;
    bool open, established, over, owes_verdict, tls;
    size_t stanzas, rejected;
    void (*stanza)(struct driver *d, const s2s_stanza *st); /* may be NULL */
    void *user;
    /* the pairs for which stanzas may come, and those whose key we have called good */
    struct driver_pair {
        char local[S2S_DOMAIN_MAX + 1], remote[S2S_DOMAIN_MAX + 1];
    } pairs[DRIVER_PAIRS], granted[DRIVER_PAIRS];
    size_t pairs_len, granted_len;
} driver;

/* `remote` of an initiator: "b.example", `local`: "a.example". */
void driver_begin(driver *d, s2s_role role, unsigned how);
/* Frees, and checks that nothing is left. */
void driver_end(driver *d);
/* Hands bytes over; those that come inside a TLS handshake end the stream, as they would end TLS. */
void driver_feed(driver *d, s2s_bytes in);
/* If a TLS handshake is on, it succeeds now. */
void driver_tls(driver *d);
/* Pulls and answers events until there are none. */
void driver_pull(driver *d);
/* A step of the caller's that the input asks for: time, loss, close, sending. */
void driver_act(driver *d, uint8_t op);

#endif
