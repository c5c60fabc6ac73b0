/* SPDX-License-Identifier: MIT */
/* machine.h: the inside of a session, shared by its two roles. Internal to session/. */
#ifndef S2S_MACHINE_H
#define S2S_MACHINE_H

#include "protocol/session/pairs.h"
#include "protocol/session/sm.h"
#include "protocol/stream/stream.h"
#include "s2s/addr.h"
#include "s2s/session.h"

/* What must come next. X(name, word, roles: I initiator, A acceptor, B both) */
#define S2S_STATES(X)                                                                              \
    X(EXPECT_HEADER_PLAIN, "header")               /* B */                                         \
    X(WAIT_ACCEPT_PLAIN, "header-answer")          /* A: the caller's word on the header */        \
    X(EXPECT_FEATURES_PLAIN, "features")           /* I */                                         \
    X(EXPECT_STARTTLS, "starttls")                 /* A */                                         \
    X(EXPECT_PROCEED, "proceed")                   /* I */                                         \
    X(WAIT_TLS, "tls-handshake")                   /* B: the caller's TLS */                       \
    X(WAIT_VERDICT, "verdict")                     /* B: the caller's policy */                    \
    X(EXPECT_HEADER_TLS, "header-tls")             /* B */                                         \
    X(WAIT_ACCEPT_TLS, "header-tls-answer")        /* A */                                         \
    X(EXPECT_FEATURES_TLS, "features-tls")         /* I */                                         \
    X(EXPECT_AUTH, "auth")                         /* A */                                         \
    X(EXPECT_RESPONSE, "auth-response")            /* A */                                         \
    X(EXPECT_SASL_RESULT, "sasl-result")           /* I */                                         \
    X(EXPECT_DIALBACK, "dialback-result")          /* I: our db:result is out (XEP-0220) */        \
    X(EXPECT_VERIFIED, "dialback-answer")          /* I: our db:verify is out */                   \
    X(EXPECT_HEADER_AUTH, "header-auth")           /* B */                                         \
    X(EXPECT_FEATURES_AUTH, "features-auth")       /* I */                                         \
    X(ESTABLISHED, "established")                  /* B */                                         \
    X(CLOSING, "closing")                          /* B: we closed; stanzas still come in */       \
    X(WAIT_SAFE, "end-answer")                     /* B: the peer closed; what it sent is not safe yet */ \
    X(DRAINING, "draining")                        /* B: a stream error was sent; input is ignored */ \
    X(CLOSED, "closed")

typedef enum s2s__state {
#define S2S_X(name, word) name,
    S2S_STATES(S2S_X)
#undef S2S_X
} s2s__state;

/* May dialback prove the peer, or us to it? NEVER without a secret. */
typedef enum s2s__dialback_use {
    DIALBACK_NEVER,
    DIALBACK_ALSO, /* the certificate is good; dialback if EXTERNAL is not to be had */
    DIALBACK_ONLY, /* the certificate is not good, or the peer has refused EXTERNAL before */
} s2s__dialback_use;

typedef enum s2s__bidi {
    BIDI_NEVER,
    BIDI_POSSIBLE, /* we would */
    BIDI_ON,       /* the initiator said so before it authenticated; counts when it has (BD-03) */
} s2s__bidi;

typedef enum s2s__parting { PARTING_NONE, PARTING_CUT, PARTING_GRACEFUL } s2s__parting;

typedef enum s2s__proof { PROOF_NONE, PROOF_EXTERNAL, PROOF_DIALBACK } s2s__proof;

/* Of an established stream. */
typedef struct s2s__health {
    s2s_time heard_at;           /* the last bytes of the peer's */
    s2s_time check_at, idle_at;  /* when we look next; S2S_NEVER: not at all */
    uint64_t stanzas, before;    /* both ways: now, and when we looked last */
    bool held;                   /* the caller does not read: the clocks stand still */
    s2s_time held_at, tell_at;   /* since when; when the peer is told that we are there */
    s2s_time untold;             /* how long it has been held in all since the peer was told, while it is not held */
} s2s__health;

struct s2s_session {
    const s2s_env *env;
    s2s_role role;
    s2s__state state;
    s2s_time now; /* of the call that runs */
    s2s_time negotiate_by, close_by;
    s2s_time negotiate_at_most; /* with what dialback adds */
    s2s__reader *reader;   /* NULL: at rest, and `rested` is there instead */
    s2s__rested *rested;
    s2s__buf out;
    char *local, *remote;  /* normal form; acceptor: as the header in force claims, NULL if it does not */
    char *stream_id;       /* of the header in force */
    bool header_sent;      /* on the stream in force */
    s2s__pairs pairs;
    s2s__proof proof; /* of the first pair */
    s2s__dialback_use dialback;
    bool dialback_first; /* as in the options */
    s2s__bidi bidi;
    const s2s_dialback_secret *secret;
    char *verify_id, *verify_key;       /* the question that this stream is for; NULL: none */
    char *asked_local, *asked_remote;   /* lent by S2S_EV_DIALBACK_VERIFY */
    s2s__sm sm;
    s2s__health health;
    char *caps; /* <c/>, until it was told for the last time; NULL: none */
    uint32_t peer_max_bytes; /* what the peer takes (XEP-0478); 0: it has not said */
    uint32_t preauth_bytes, preauth_elements, sasl_failures;
    s2s_event event;       /* waits to be pulled, unless NONE */
    s2s__parting parting;  /* S2S_EV_CLOSED that follows when the event above is pulled */
    bool close_known;      /* `close` says why it ended: the first cause stays */
    s2s_close close;
};

static inline s2s_str s2s__session_local(const s2s_session *s)
{
    return s2s_str_of(s->local);
}
static inline s2s_str s2s__session_remote(const s2s_session *s)
{
    return s2s_str_of(s->remote);
}

/* The only writer of `state`; logs from -> to. */
void s2s__set_state(s2s_session *s, s2s__state to);
void s2s__raise(s2s_session *s, s2s_event_type type);
/* Replaces one of the session's own strings; false (and the session ends) if memory is out. */
bool s2s__session_keep(s2s_session *s, char **slot, s2s_str value);

/* The first cause stays. The text is `text` and, unless it is NULL, `more`. */
void s2s__note_close(s2s_session *s, s2s_origin origin, s2s_cond cond, const char *text, const char *more);

/* A stream error of ours: header first if none was sent (ST-16), error, end; then input is ignored until the peer goes. */
void s2s__fail(s2s_session *s, s2s_cond cond, const char *text);
/* The same with an application-specific condition behind ours (RFC 6120 section 4.9.4); `detail` is XML or NULL. */
void s2s__fail_detail(s2s_session *s, s2s_cond cond, const char *text, const char *detail);
/* Ends at once, without a word on the wire. */
void s2s__cut(s2s_session *s, s2s_origin origin, s2s_cond cond, const char *text);
/* If `err` is a failure, ends the session with it and returns false. */
bool s2s__ok(s2s_session *s, s2s_err err);
/* Sends our header for the stream that begins; both roles. */
void s2s__send_header(s2s_session *s);
/* New parser, new claims (ST-13). */
bool s2s__restart(s2s_session *s, bool keep_pending);

/* offer.c: sends one of an acceptor's feature sets: before TLS, behind it, when authenticated. */
typedef enum s2s__feature_set { FEATURES_PLAIN, FEATURES_TLS, FEATURES_AUTH } s2s__feature_set;
s2s_err s2s__offer(s2s_session *s, s2s__feature_set set);

/* An item of the stream, in any state but CLOSED and DRAINING. */
void s2s__initiator_open(s2s_session *s, const s2s__header *h);
void s2s__initiator_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t);
void s2s__initiator_tls_up(s2s_session *s);
void s2s__initiator_verdict(s2s_session *s, const s2s_verdict *verdict);

/* Authenticated: the pair (local, remote) goes out. */
void s2s__initiator_established(s2s_session *s);

void s2s__acceptor_open(s2s_session *s, const s2s__header *h);
void s2s__acceptor_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t);
void s2s__acceptor_accept(s2s_session *s);
void s2s__acceptor_tls_up(s2s_session *s);
void s2s__acceptor_verdict(s2s_session *s, const s2s_verdict *verdict);

/* dialback.c: an element in the dialback namespace; our own request; our own question. */
void s2s__dialback_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t);
void s2s__dialback_start(s2s_session *s);
void s2s__dialback_ask(s2s_session *s);

/* A nonza's <limits/> child, if it has one (XEP-0478); ours, as XML. */
void s2s__take_limits(s2s_session *s, const s2s__node *n, s2s__tree *t);
s2s_err s2s__offer_limits(s2s_session *s);

/* health.c */
void s2s__health_begin(s2s_session *s); /* the stream is established */
s2s_time s2s__health_deadline(const s2s_session *s);
void s2s__health_tick(s2s_session *s);

/* sm.c: stream management. */
void s2s__sm_enable(s2s_session *s);                         /* initiator: the peer offers it */
void s2s__sm_expect(s2s_session *s);                         /* acceptor: the stream is established */
void s2s__sm_not_first(s2s_session *s);                      /* acceptor: a stanza came */
bool s2s__sm_nonza(s2s_session *s, const s2s__node *n);      /* true: it was one of its elements, and is dealt with */
bool s2s__sm_has_room(const s2s_session *s);                 /* for one more stanza */
s2s_err s2s__sm_reserve(s2s_session *s);                     /* before a stanza is written */
void s2s__sm_wrote(s2s_session *s);                          /* after it was */
void s2s__sm_sent(s2s_session *s, size_t len);               /* `len` more bytes of the output went out */
void s2s__sm_abandon(s2s_session *s);                        /* the rest of the output never will */
void s2s__sm_handled(s2s_session *s);                        /* a stanza of the peer's was pulled */
void s2s__sm_answer(s2s_session *s);                         /* an <a/> if one is owed and may go out */
void s2s__sm_before_end(s2s_session *s);
void s2s__sm_repeat(s2s_session *s);                         /* the last <a/> again: we are there */
void s2s__sm_stood(s2s_session *s, s2s_time ms);             /* no answer could be seen for so long */
void s2s__sm_probe(s2s_session *s);                          /* an <r/>, to see whether the peer is alive */
s2s_time s2s__sm_deadline(const s2s_session *s);             /* when to ask, or when the peer is overdue */
void s2s__sm_tick(s2s_session *s);

/* incoming.c: a stanza that arrived. */
void s2s__incoming_stanza(s2s_session *s, const s2s_stanza *stanza, bool oversize);

#endif
