/* SPDX-License-Identifier: MIT */
/* query.h: what resolver.c, query.c and answers.c share. For these three only. */
#ifndef S2S_QUERY_H
#define S2S_QUERY_H

#include <unbound.h>

#include "transport/resolver.h"

/* libunbound's memory and its thread, as long as the loop watches it. */
typedef struct s2s__asker {
    s2s__resolver *resolver;
    struct ub_ctx *dns;
    uv_poll_t poll;
} s2s__asker;

struct s2s__resolver {
    const s2s_env *env;
    uv_loop_t *loop;
    char **names; /* of the servers, then of the files of anchors: what an asker is made with; one block with the texts */
    size_t servers_len, anchors_len;
    s2s__asker *asker;
    s2s__query *queries;
    size_t handles; /* uv handles that are not closed yet: of each asker, and one timer for each query */
    bool failed;    /* the asker may not answer any more */
    bool closing;
    void (*closed)(void *arg);
    void *arg;
};

/* A handle of `r` was closed; frees the resolver with the last one. */
void s2s__resolver_handle_closed(s2s__resolver *r);
/* Before a question is asked. S2S_OK; S2S_E_STATE: it is being closed; S2S_E_DNS: libunbound has failed, and there cannot be another one yet. */
s2s_err s2s__resolver_ready(s2s__resolver *r);
/* libunbound could not take a question. */
void s2s__resolver_failed(s2s__resolver *r);

/* One DNS question, and its answer once that came. */
typedef struct s2s__question {
    s2s__query *query;
    int id;                   /* libunbound's, for cancelling */
    bool asked, waiting;
    int failure;              /* libunbound's own error code: there is no answer */
    struct ub_result *result; /* NULL: none (yet) */
} s2s__question;

enum { SRV_STARTTLS, SRV_DIRECT, SRV_KINDS };       /* _xmpp-server, _xmpps-server */
enum { TARGET_AAAA, TARGET_A, TARGET_TLSA, TARGET_QUESTIONS };

typedef enum s2s__query_state { EXPECT_START, EXPECT_SRV, EXPECT_ADDRESSES, DONE } s2s__query_state;

struct s2s__query {
    s2s__resolver *resolver;
    s2s__query *prev, *next;
    uv_timer_t timer; /* starts it, then ends each round */
    s2s__query_state state;
    char domain[S2S_ASCII_DOMAIN_MAX + 1];
    bool dane;
    s2s__resolved_cb done;
    void *arg;
    s2s__question srv[SRV_KINDS];
    s2s__srv *records; /* in the order to try; without SRV the domain itself */
    size_t records_len;
    s2s__question *questions; /* TARGET_QUESTIONS for each record */
    size_t questions_len;
    s2s__resolution *resolution; /* being made */
};

/* answers.c */
/* An answer with data that is not bogus. */
bool s2s__answer_usable(const s2s__question *question);
/* Remembers what went wrong, in case that there is no address in the end: the worst stays. */
void s2s__query_blame(s2s__query *q, s2s__resolved status, const char *text);
/* Blames what is wrong with one answer; "no data" is not wrong. */
void s2s__query_blame_answer(s2s__query *q, const s2s__question *question);
/* Both SRV answers (usable or not) to `records`, in order: "." and malformed ones are left out. True in `*refused`: an
 * answer consists of "." alone. */
s2s_err s2s__query_read_srv(s2s__query *q, bool *refused);
/* The answers about the targets to targets and endpoints. */
s2s_err s2s__query_collect(s2s__query *q);

#endif
