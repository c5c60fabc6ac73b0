/* SPDX-License-Identifier: MIT */
/* internal.h: the inside of a federation object, shared by the files of this directory only.
 *
 * A stream is one connection (or one being made), either way. A link is what goes out for one (local, remote)
 * pair: its queue, its stream, and the memory of its last failure. */
#ifndef S2S_FEDERATION_INTERNAL_H
#define S2S_FEDERATION_INTERNAL_H

#include "federation/bucket.h"
#include "federation/queue.h"
#include "federation/routes.h"
#include "protocol/table.h"
#include "s2s/addr.h"
#include "s2s/dialback.h"
#include "s2s/federation.h"
#include "transport/connection.h"
#include "transport/dialer.h"
#include "transport/listener.h"

#define S2S__STREAM_ID_MAX 24
#define S2S__COUNT_MAX 24 /* as text */

typedef struct s2s__link s2s__link;
typedef struct s2s__stream s2s__stream;
typedef struct s2s__claim s2s__claim;
typedef struct s2s__rate s2s__rate;
typedef struct s2s__slow s2s__slow;
typedef struct s2s__origin s2s__origin;

typedef struct s2s__domain {
    s2s__slot slot; /* first: a slot is its domain */
    char *name; /* normal form */
    char *file; /* of the certificate */
    s2s__identity *identity;
    char *caps_node, *caps_ver; /* NULL: not told */
} s2s__domain;

struct s2s_setup {
    const s2s_env *env;
    s2s__domain **domains; /* as they were added */
    size_t domains_len;
    s2s__table by_name;
    s2s__routes routes;
    s2s__rate_limit rate; /* bytes 0: none */
};

/* A verdict as a stream keeps it for as long as it lives: the words in a block of their own, and none for the peer. */
typedef struct s2s__judgement {
    s2s_chain_status chain;
    s2s_identity identity;
    s2s_eku eku;
    s2s_revocation revocation;
    s2s_proof proof;
    s2s_dane dane;
    bool trusted, dialback, purpose_server, purpose_client, would_tolerant, would_strict;
    int64_t expires;
    char *reason; /* NULL: there was no memory for it */
} s2s__judgement;

/* Streams that are not read on for now; who came first goes on first. */
typedef struct s2s__waiters {
    s2s__stream *first, *last;
} s2s__waiters;

/* How a stream has ended, as far as that decides what comes after it. */
typedef enum s2s__stream_end {
    S2S__END_NONE,        /* it has not, or in any other way */
    S2S__END_BROKE,       /* without a word of the peer's, or nothing can be sent any more: it may be back in a moment */
    S2S__END_TO_DIALBACK, /* the peer refused EXTERNAL: a stream by dialback follows */
} s2s__stream_end;

struct s2s__stream {
    s2s_federation *f;
    s2s__stream *next, *prev;
    s2s_role role; /* ours */
    char id[S2S__STREAM_ID_MAX];
    char *local, *remote; /* NULL while unknown (acceptor) */
    s2s__link *link;      /* whose stream it is (initiator, or acceptor with bidi), NULL once it is not any more */
    s2s__dial *dial;      /* kept until the stream is established: there may be more addresses */
    s2s__connection *connection;
    s2s_tls_start tls_start;
    s2s__server *server;  /* what the DNS said about the one that it is connected to (initiator); else NULL */
    s2s_time since;       /* a stream that goes on with another address has that of the first */
    s2s__claim *claims;   /* what its peer claims by dialback, undecided */
    bool is_call;         /* it only asks an authoritative server: it carries no stanzas */
    s2s__claim *call;     /* what it asks about; NULL once nobody waits for the answer */
    s2s_ticket ticket; /* of the question that the policy has not answered; 0: none */
    s2s__judgement verdict;
    bool judged, established; /* none is established before it is judged; both stay when it has ended */
    s2s__stream_end end;
    bool by_dialback; /* it follows one that ended so: EXTERNAL is left out */
    bool begins_anew; /* closed by command: what waits begins anew, also if the stream was only being made */
    uint64_t checked; /* f->check when the verdict was given */
    uint64_t stanzas_in, stanzas_out;
    uint64_t resent; /* of those out: sent before on a stream that broke */
    s2s__origin *origin; /* of its connection (acceptor) */
    s2s__rate *rate; /* of its remote domain; NULL: not limited */
    s2s__stream *next_sharer, *prev_sharer; /* of that */
    s2s__waiters *waits; /* the list that it is in: of a slow local domain, or of a link that its answers fill; NULL: none */
    s2s__stream *next_waiting, *prev_waiting; /* in that */
    /* options.taken_later: what was delivered and is not safe yet */
    s2s__stream *next_unsafe, *prev_unsafe;
    uint64_t pulled, safe;       /* stanzas, those that were rejected included; and those known to be safe */
    uint64_t delivery;           /* f->delivered behind the last of them */
    uint64_t mark, mark_delivery; /* when f->taken gets to the second, the first are safe; 0: nothing is unsafe */
};

/* What a link does with those who send to it. */
typedef enum s2s__hold {
    S2S__FLOWS, /* nothing */
    S2S__HOLDS, /* half full: they were told to pause, and wait for ops->drained */
    S2S__STUCK, /* it held them in vain: they go on, and what has no room bounces */
} s2s__hold;

/* How far an attempt came: of several, the furthest tells the senders most. */
typedef enum s2s__reach { S2S__UNREACHED, S2S__NO_CONNECTION, S2S__NOT_ESTABLISHED } s2s__reach;

struct s2s__link {
    s2s__slot slot; /* first: a slot is its link */
    uint64_t setup; /* f->setups when it was last asked whether we serve `local`, and not `remote` */
    s2s_federation *f;
    char *local, *remote;
    s2s__stream *stream; /* NULL: none yet */
    s2s__queue queue;
    bool bouncing;       /* what waited is being answered, which may call back: the link stays */
    bool turned;         /* to dialback, since a stream is being made: once is enough */
    s2s__hold hold;
    uint64_t hold_mark;  /* not FLOWS: what it had taken when the time up to hold_until began */
    s2s_time hold_until;
    s2s__waiters waiters; /* what they bring is answered here */
    s2s__reach reached; /* of the failure below; UNREACHED: there is none, or a new stream is being made */
    size_t resent;       /* of the queue, at its front: sent before on a stream that broke */
    unsigned barren;     /* streams in a row that broke without having acknowledged anything */
    s2s_time reroute_until; /* how long a new stream is tried after one broke */
    s2s_time retry_at;   /* when the next attempt begins; 0: none waits */
    unsigned tries;      /* since the stream broke */
    s2s_time failed_until;
    unsigned failures; /* in a row */
    s2s_stanza_error failed_error;
    char *failed_text; /* NULL: has not failed, or there was no memory for it */
};

/* Judging streams again, and closing those whose peer's certificate has expired. */
typedef struct s2s__recheck {
    uv_timer_t timer;
    uint64_t round; /* streams whose verdict is of an earlier one are to be judged again */
    s2s_time next;  /* when a round begins by itself */
} s2s__recheck;

/* What the policy was asked and has not answered. */
typedef struct s2s__question s2s__question;
typedef struct s2s__questions {
    s2s__question *list;
    size_t room, free; /* places; one more than the index of the first free one, 0: none */
    uint64_t asked;    /* since the object was made */
} s2s__questions;

/* Stanzas that other threads have posted; the lock guards `queue` and `closed`. */
typedef struct s2s__post {
    uv_mutex_t lock;
    uv_async_t wake;
    s2s__queue queue;
    bool closed;
} s2s__post;

/* What may be read from each remote domain. */
typedef struct s2s__rates {
    s2s__table table; /* by remote domain */
    s2s__rate *held;  /* whose bucket is empty */
    uv_timer_t timer;
    size_t sweep_at;  /* entries; then those that are nobody's and full are dropped */
} s2s__rates;

/* What a new connection may be turned away for. */
typedef enum s2s__cap { S2S__CAP_ALL, S2S__CAP_PREAUTH, S2S__CAP_ADDRESS } s2s__cap;
/* What anybody may cause has one line in a while. */
typedef struct s2s__told {
    s2s_time next;
    uint64_t untold; /* since the last one */
} s2s__told;

struct s2s_federation {
    const s2s_env *env;
    uv_loop_t *loop; /* NULL: nothing of it is left there (ops->stopped) */
    s2s_policy policy;
    const s2s_federation_ops *ops;
    void *user;
    bool (*route)(void *user, s2s_str local, s2s_str remote, char address[S2S_ADDRESS_MAX], s2s_tls_start *tls); /* NULL: none */
    s2s__io io;
    s2s__resolver *resolver;
    uv_timer_t stop_timer;
    s2s_setup *setup; /* never NULL; changed on the loop, under the lock */
    uv_mutex_t setup_lock; /* for those who read it in another thread */
    uint64_t setups;  /* counts its changes */
    s2s__recheck recheck;
    s2s__post post;
    s2s__rates rates;
    s2s_federation_counts counts;
    uv_timer_t reroute_timer, hold_timer;
    s2s__waiters woken;    /* hold_timer reads on from them */
    s2s__stream *bringing; /* whose stanza is being delivered, or rejected; NULL: none */
    s2s__listener **listeners;
    size_t listeners_len;
    s2s__stream *streams, *oldest; /* newest first */
    size_t streams_len;
    s2s__stream *turn; /* which reads first after a pause; NULL: the oldest */
    size_t accepted; /* streams that were accepted */
    size_t preauth;  /* of these, not established */
    s2s__table origins; /* of these, by address */
    s2s__told told_away[S2S__CAP_ADDRESS + 1];
    s2s__told told_dropped;
    s2s__told told_nameless; /* ended in TLS before the peer had said who it is */
    s2s__table links; /* by local and remote */
    s2s__table slow;  /* local domains that s2s_federation_pause_to() has named */
    s2s_verdict told; /* lent with the information about a stream */
    s2s_dialback_secret secret;
    bool bidi;
    size_t calls; /* to authoritative servers, that somebody waits for */
    bool taken_later;
    uint64_t delivered, taken; /* calls of ops->deliver; and those whose stanzas are safe */
    s2s__stream *unsafe;       /* streams with some that are not */
    uint32_t parts; /* that serve these domains, at least 1 */
    uint64_t next_in, next_out; /* numbers of streams; those between are the other parts' */
    s2s__questions questions;
    bool paused;       /* ops->deliver said so */
    bool stopping, finishing;
    unsigned open_parts; /* listeners, flush handle, resolver: while they close */
};

/* federation.c */
const s2s__domain *s2s__federation_domain(const s2s_federation *f, s2s_str name); /* normal form; NULL */
/* Whose certificate is presented for `name`, normal form; absent: the first domain's. A reference that is given away; NULL: none. From
 * any thread. */
s2s__identity *s2s__federation_identity(s2s_federation *f, s2s_str name);
/* What the policy says about a remote domain before there is a connection. */
void s2s__federation_rule(const s2s_federation *f, s2s_str local, s2s_str remote, s2s_remote_rule *out);
void s2s__federation_deliver(s2s_federation *f, const s2s_stanza *stanza);
void s2s__federation_bounce(s2s_federation *f, const s2s_stanza *stanza, s2s_stanza_error error,
                            const char *text);
/* Does what goes out to `remote` (normal form) go through this object? */
bool s2s__federation_owns(const s2s_federation *f, s2s_str remote);
/* If all is closed that s2s_federation_stop() waits for, goes on to the end. */
void s2s__federation_check_stopped(s2s_federation *f);

/* NULL: no dialback. */
static inline const s2s_dialback_secret *s2s__federation_secret(const s2s_federation *f)
{
    return f->secret.hex[0] ? &f->secret : NULL;
}
/* post.c. _end sends what waits, and takes no more. */
s2s_err s2s__post_begin(s2s_federation *f);
void s2s__post_end(s2s_federation *f, uv_close_cb closed);
void s2s__post_free(s2s_federation *f);

/* setup.c: NULL if it is not there. `name` in normal form. */
const s2s__domain *s2s__setup_domain(const s2s_setup *setup, s2s_str name);

/* taken.c: a stanza was pulled and delivered (or rejected); the stream is freed. */
void s2s__taken_note(s2s__stream *s);
void s2s__taken_drop(s2s__stream *s);

/* recheck.c */
void s2s__recheck_begin(s2s_federation *f);
void s2s__recheck_end(s2s_federation *f, uv_close_cb closed);
/* The stream has a verdict: wakes up in time for its end. */
void s2s__recheck_note(s2s__stream *s);
/* The policy's second word about an established stream. */
void s2s__recheck_answer(s2s__stream *s, const s2s_verdict *verdict);

/* reroute.c: after the stream of `link` has broken */
void s2s__reroute_begin(s2s_federation *f);
void s2s__reroute_end(s2s_federation *f, uv_close_cb closed);
/* Takes back what the peer has not acknowledged; bounces what was sent too often. */
void s2s__reroute_take(s2s__link *link, s2s__stream *s);
/* Its stream could not be made. True: tried again, later; nothing bounces yet. */
bool s2s__reroute_again(s2s__link *link);
/* The peer is there: now, if an attempt waits. Never makes the stream itself. */
void s2s__reroute_hurry(s2s__link *link);

/* rate.c. _init before _begin, which cannot fail; _end reads on from all; _free after that, also if there was no _begin. */
s2s_err s2s__rates_init(s2s_federation *f);
void s2s__rates_begin(s2s_federation *f);
void s2s__rates_end(s2s_federation *f, uv_close_cb closed);
void s2s__rates_free(s2s_federation *f);
/* f->setup has another rate, or none. */
void s2s__rates_changed(s2s_federation *f);
/* A stream that is, or is about to be, established comes under its remote domain's rate, if there is one and stanzas come on it.
 * False: out of memory. */
bool s2s__rate_join(s2s__stream *s);
void s2s__rate_leave(s2s__stream *s);
/* So many bytes were read from it. */
void s2s__rate_heard(s2s__stream *s, size_t bytes);
/* Was its bucket empty, and is it not full again? */
bool s2s__rate_slows(const s2s__stream *s);
/* slow.c: the stream has delivered `brought`; it is freed; the object is. */
void s2s__slow_look(s2s__stream *s, const s2s_stanza *brought);
/* slow.c: who waits, for whatever. _leave: if it does. */
void s2s__wait_join(s2s__waiters *list, s2s__stream *s);
void s2s__wait_leave(s2s__stream *s);
void s2s__slow_free(s2s_federation *f); /* also half made */
/* Pauses it, or reads on, as f->paused, its rate and what it waits for have it. */
void s2s__stream_flow(s2s__stream *s);
/* hold.c: a stanza was added to the link's queue. S2S_OK, or S2S_E_AGAIN: its sender is held. */
s2s_err s2s__hold_pushed(s2s__link *link);
/* Some may have left it; it is over with all. They may tell the senders, and so make and end links. */
void s2s__hold_popped(s2s__link *link);
void s2s__hold_end(s2s__link *link);
/* What the stream that is read brings is answered on the link: it waits if the link is half full, until there is room. */
void s2s__hold_bringer(s2s__link *link);
void s2s__hold_timer_begin(s2s_federation *f);
void s2s__hold_timer_end(s2s_federation *f, uv_close_cb closed);

/* stream.c: what both directions share. False: out of memory. */
bool s2s__stream_name(s2s__stream *s, s2s_str local, s2s_str remote);
s2s__stream *s2s__stream_new(s2s_federation *f, s2s_role role, s2s_str local, s2s_str remote);
void s2s__stream_free(s2s__stream *s);
/* Gives it a connection; takes over `tcp`. `sni` NULL: none. */
s2s_err s2s__stream_connect(s2s__stream *s, uv_tcp_t *tcp, const s2s_session_options *options,
                            const char *sni);
/* What it lends is valid until the next call. */
void s2s__stream_info(const s2s__stream *s, s2s_stream_info *out);
void s2s__stream_keep_verdict(s2s__stream *s, const s2s_verdict *verdict);
void s2s__stream_answer(s2s__stream *s, const s2s_verdict *verdict);
/* Asks the policy about the peer; the verdict comes to s2s__stream_answer, now or later. */
void s2s__stream_judge(s2s__stream *s);

/* questions.c: one more is asked: of the stream, or of a claim on it. The ticket; 0: out of memory. */
s2s_ticket s2s__question_add(s2s__stream *stream, s2s__claim *claim);
/* It is answered, or nobody wants to know any more. 0: does nothing. */
void s2s__question_drop(s2s_federation *f, s2s_ticket ticket);
void s2s__questions_free(s2s_federation *f);

/* The policy's word on whether the certificate of the stream's peer proves `remote`. `out` is filled unless S2S_E_PENDING. */
s2s_err s2s__stream_ask_policy(s2s__stream *s, s2s_str local, s2s_str remote, s2s_ticket ticket, s2s_verdict *out);
/* Looks up and connects; `done` gets the stream. S2S_E_SYNTAX: the domain cannot be looked up. */
s2s_err s2s__stream_dial(s2s__stream *s, s2s_time by, s2s__dialed_cb done);
/* The dial has connected: gives the stream its connection; takes over `tcp`. `options` as initialised, with what is not the
 * same for all: the rest is filled in. */
s2s_err s2s__stream_dialed(s2s__stream *s, uv_tcp_t *tcp, s2s_session_options *options);
/* Whether it hands stanzas to us: what is to pause when we cannot take more. */
bool s2s__stream_delivers(const s2s__stream *s);

/* claims.c: dialback. A claim and the answer to it; the same for one that the policy decides later. */
void s2s__claim_take(s2s__stream *s, s2s_str local, s2s_str remote, s2s_str key);
void s2s__claim_answer(s2s__claim *c, const s2s_verdict *verdict);
/* The event of a stream that is a call; and its end. */
void s2s__claim_call_answered(s2s__stream *call, s2s_dialback_outcome outcome, s2s_stanza_error error);
void s2s__claim_call_closed(s2s__stream *call, const s2s_close *close);
/* Somebody asks whether a key is ours. */
void s2s__claim_verify(s2s__stream *s, const s2s_event *asked);
/* The stream has ended. */
void s2s__claims_drop(s2s__stream *s);
/* Ends all calls. */
void s2s__claims_stop(s2s_federation *f);

/* report.c: the lines an operator reads. _due: it has happened once more: is a line to be written about it? Then `count` says how often since the last
 * one. */
bool s2s__report_due(const s2s_federation *f, s2s__told *told, char count[S2S__COUNT_MAX]);
void s2s__report_verdict(const s2s__stream *s);
/* A stream is closed for `why` although it worked. */
void s2s__report_withdrawn(const s2s__stream *s, const char *why);
void s2s__report_established(const s2s__stream *s);
/* A claim on `s` is decided; an authoritative server's question was answered. */
void s2s__report_claim(const s2s__stream *s, const char *local, const char *remote, s2s_dialback_outcome outcome,
                       const char *why);
void s2s__report_question(const s2s__stream *s, s2s_str local, s2s_str remote, s2s_dialback_outcome outcome);
/* Its remote domain has used up its rate. */
void s2s__report_slowed(const s2s__stream *s);
void s2s__report_closed(const s2s__stream *s, const s2s_close *close);
/* A stanza that is itself an error or a result could not be sent: it is gone. */
void s2s__report_dropped(s2s_federation *f, const s2s_stanza *stanza, const char *why);

/* origin.c: a connection was accepted. False: it is to be closed, as a limit or the memory does not allow it; else it is counted
 * with `*out` until _leave, which takes NULL. */
bool s2s__origin_enter(s2s_federation *f, const uv_tcp_t *tcp, s2s__origin **out);
void s2s__origin_leave(s2s_federation *f, s2s__origin *origin);

/* accepting.c */
void s2s__accept(void *federation, uv_tcp_t *tcp);
void s2s__accept_direct(void *federation, uv_tcp_t *tcp); /* XEP-0368 */
void s2s__accepting_open(s2s__stream *s, s2s_str local, s2s_str remote);
void s2s__accepting_rejected(s2s__stream *s, const s2s_stanza *stanza, s2s_stanza_error error);

/* link.c */
s2s_err s2s__link_send(s2s_federation *f, s2s_str local, s2s_str remote, const s2s_stanza *stanza);
/* The link between two domains, if the names as they stand are in normal form, what was asked about them still holds, and
 * its stream is established; else NULL: that has to be asked. */
s2s__link *s2s__link_known(s2s_federation *f, s2s_str local, s2s_str remote);
s2s_err s2s__link_send_on(s2s__link *link, const s2s_stanza *stanza);
/* Names in normal form. */
bool s2s__link_holds(s2s_federation *f, s2s_str local, s2s_str remote);
void s2s__link_established(s2s__link *link);
void s2s__link_progress(s2s__link *link);
/* Its stream has ended, or could not be made. If there is another address to try, it goes on with that. */
void s2s__link_closed(s2s__link *link, s2s__stream *s, s2s_stanza_error error, const char *text);
/* Its stream has ended, with `close`, before s2s__link_closed: does one by dialback follow at once? */
bool s2s__link_turns_to_dialback(const s2s__stream *s, const s2s_close *close);
/* An accepted stream with bidi becomes the route for its pair, unless there is one (BD-07). */
void s2s__link_adopt(s2s__stream *s);
/* The remote server is there: it has contacted us. Forgets a failure. */
void s2s__link_forgive(s2s_federation *f, s2s_str local, s2s_str remote);
/* `what` may end the link that it gets, no other. */
void s2s__links_each(s2s_federation *f, void (*what)(s2s__link *link));
/* All links with `remote` (normal form) may connect at once again. */
void s2s__links_forgive(s2s_federation *f, s2s_str remote);
/* Ends its stream, which it must have, whatever that has come to: what waits makes a new one if it was open, else it is
 * bounced. The link may be gone then. */
void s2s__link_reset(s2s__link *link, const char *why);
/* Makes the stream that s2s__reroute_again has put off. The link may be gone then. */
void s2s__link_retry(s2s__link *link);
/* Sends what is queued if the stream is open, closes it, bounces the rest. */
void s2s__link_stop(s2s__link *link);
/* Time is up: bounces what still waits. */
void s2s__link_give_up(s2s__link *link);

#endif
