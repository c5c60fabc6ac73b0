/* SPDX-License-Identifier: MIT */
/* dialback.h: the messages of Server Dialback (XEP-0220), written and read. Internal. */
#ifndef S2S_PROTOCOL_DIALBACK_H
#define S2S_PROTOCOL_DIALBACK_H

#include "protocol/xml/tree.h"
#include "s2s/addr.h"
#include "s2s/session.h"

/* db:result carries a claim to the receiving server and its answer back, db:verify the question to the authoritative
 * server and its answer. */
typedef enum s2s__dialback_kind { DIALBACK_RESULT, DIALBACK_VERIFY } s2s__dialback_kind;

/* A request has a key; an answer has a type instead. */
typedef enum s2s__dialback_form {
    DIALBACK_REQUEST,
    DIALBACK_ANSWER,
    DIALBACK_NONSENSE, /* an element or a type that XEP-0220 does not know: ignored */
    DIALBACK_UNADDRESSED, /* from or to are missing or no domains */
} s2s__dialback_form;

typedef struct s2s__dialback {
    s2s__dialback_kind kind;
    s2s__dialback_form form;
    char from[S2S_DOMAIN_MAX + 1], to[S2S_DOMAIN_MAX + 1]; /* normal form */
    s2s_str id;                   /* absent if it is */
    s2s_str key;                  /* request; white space around it is gone (DK-03) */
    s2s_dialback_outcome outcome; /* answer */
    s2s_stanza_error error;       /* answer: of S2S_DIALBACK_ERROR */
} s2s__dialback;

/* Of an element in the dialback namespace. Slices of tree memory. */
void s2s__dialback_read(s2s__tree *t, const s2s__node *n, s2s__dialback *out);

/* Normal forms; `id` absent in a db:result. */
s2s_err s2s__dialback_write_request(s2s__buf *out, s2s__dialback_kind kind, s2s_str from, s2s_str to, s2s_str id,
                                    s2s_str key);
s2s_err s2s__dialback_write_answer(s2s__buf *out, s2s__dialback_kind kind, s2s_str from, s2s_str to, s2s_str id,
                                   s2s_dialback_outcome outcome, s2s_stanza_error error);

#endif
