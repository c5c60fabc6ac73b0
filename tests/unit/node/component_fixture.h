/* SPDX-License-Identifier: MIT */
/* component_fixture.h: the components' side of a node on a loop, and scripted components that connect to it. */
#ifndef COMPONENT_FIXTURE_H
#define COMPONENT_FIXTURE_H

#include "node/component.h"
#include "support/test_env.h"

#define FIXTURE_SECRET "sesame"
#define FIXTURE_TEXT_MAX 65536

typedef struct fixture {
    test_env t;
    uv_loop_t loop;
    components *components;
    char address[S2S_ADDRESS_MAX];
    bool listening, stopped;
    /* what the node saw */
    size_t stanzas, undelivered, drained;
    size_t emptied, undelivered_then; /* times that components_drain() was done; and what had come back by the last */
    size_t pause_every;          /* every n-th stanza pauses its component; 0: none */
    const char *held_for;        /* what is for this domain holds its component; NULL: nothing does */
    bool in_order;               /* the ids of stanzas were 0, 1, 2... */
    char last[FIXTURE_TEXT_MAX]; /* the last stanza or undelivered one */
} fixture;

/* Accounts: chat.example, and news.example, where a new connection replaces the old one. */
void fixture_start(fixture *f);
void fixture_listen(fixture *f); /* on loopback; limits may be set before */
void fixture_stop(fixture *f);   /* asserts that nothing is left */

/* Turns the loop until `done` says true; fails the test after some seconds. */
typedef bool fixture_done(void *arg);
void fixture_until(fixture *f, fixture_done *done, void *arg);
void fixture_turn(fixture *f);

/* The other end of a connection. */
typedef struct script {
    fixture *f;
    int fd;
    bool eof;
    size_t len;
    char text[FIXTURE_TEXT_MAX]; /* all that came, NUL-terminated; then what is not yet taken */
    const char *wanted;
} script;

void script_connect(script *s, fixture *f);
void script_close(script *s);
void script_send(script *s, const char *text); /* waits while the node does not read */
void script_expect(script *s, const char *part); /* waits for it, and forgets it and what stood before */
void script_expect_end(script *s);               /* waits for </stream:stream> and the connection's end */
bool script_read(script *s);                     /* one read, if there is something; false: nothing */

#define SCRIPT_HEADER(to)                                                                                      \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "                                     \
    "xmlns:stream='http://etherx.jabber.org/streams' to='" to "'>"
/* Header, and the handshake with `secret`; does not wait for its answer. */
void script_shake(script *s, const char *header, const char *secret);
/* Attached as chat.example or news.example when it returns. */
void script_attach(script *s, fixture *f, const char *domain);
/* hex(SHA-1(id, secret)) */
void script_proof(const char *id, const char *secret, char out[41]);

#endif
