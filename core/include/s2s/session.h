/* SPDX-License-Identifier: MIT */
/* session.h: one server-to-server stream without its I/O: bytes in, bytes and events out.
 *
 * The caller owns sockets, TLS and time. It feeds decrypted bytes, pulls events until there are none,
 * sends what s2s_session_output() lends, and calls s2s_session_tick() at the deadline. Nothing calls back;
 * nothing is read from the system. One session belongs to one thread at a time.
 *
 * RFC 6120 sections 4 to 6; XEP-0178, XEP-0220, XEP-0288. The path: header, STARTTLS, header, then SASL EXTERNAL and a header,
 * or Server Dialback where the policy allows it, established.
 */
#ifndef S2S_SESSION_H
#define S2S_SESSION_H

#include "s2s/dialback.h"
#include "s2s/env.h"
#include "s2s/policy.h"
#include "s2s/stanza.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct s2s_session s2s_session;

typedef struct s2s_session_options {
    size_t size; /* set by _init; base.h says how such structs grow */
    s2s_role role;
    /* Initiator: both domains in normal form (addr.h), copied. Acceptor: absent; the peer names them. */
    s2s_str local, remote;
    /* When negotiation must be over, on the clock of `now`; S2S_NEVER leaves it to limits.negotiation_ms. */
    s2s_time negotiate_by;
    bool direct_tls; /* TLS comes first, without STARTTLS (XEP-0368): S2S_EV_START_TLS is the first event */
    /* Makes the keys of Server Dialback (XEP-0220); outlives the session. NULL: dialback is not used, whatever verdicts say. */
    const s2s_dialback_secret *secret;
    bool bidi; /* stanzas in both directions, if the peer wants it too (XEP-0288) */
    bool dialback_first; /* initiator: no EXTERNAL, which the peer has refused before, where a verdict allows dialback */
    /* Initiator, both or none, copied: the stream only asks the authoritative server `remote` whether this key of a stream
     * with this id is its own; S2S_EV_DIALBACK_ANSWER, and then it closes. */
    s2s_str verify_id, verify_key;
} s2s_session_options;

/* All absent, off, or left to the limits. */
S2S_API void s2s_session_options_init(s2s_session_options *options, size_t size, s2s_role role);
#define s2s_session_options_init(options, role) s2s_session_options_init((options), sizeof *(options), (role))

typedef enum s2s_event_type {
    S2S_EV_NONE,        /* nothing waits: send the output, then feed or wait for the deadline */
    S2S_EV_OPEN,        /* acceptor: the peer's header; answer with s2s_session_accept or _refuse. Twice: before TLS, when it may say anything,
                         * and behind it (once with direct TLS) */
    S2S_EV_START_TLS,   /* send all output in the clear, then run the TLS handshake; then s2s_session_tls_up */
    S2S_EV_VERIFY,      /* behind TLS (an acceptor's second OPEN): judge the peer's certificate for `remote`; answer with s2s_session_verdict */
    S2S_EV_ESTABLISHED, /* authenticated; the pair (local, remote) is authorised */
    S2S_EV_STANZA,      /* `stanza`: from an authorised pair. Acceptor only (without bidi) */
    S2S_EV_REJECTED,    /* `stanza` was refused with `error`, the stream lives: answer it if it may be bounced.
                         * policy-violation: it was larger than limits.stanza_bytes, and its inside is gone.
                         * not-allowed: its `to` is at a domain that this stream was not authorised for; if you do not
                         * serve that domain, close the stream with host-unknown (RFC 6120 section 8.1.1.2) */
    S2S_EV_PAIR,        /* one more pair (local, remote) is authorised */
    S2S_EV_DIALBACK_RESULT, /* the peer says that it is `remote`, towards `local`, with `key`: answer with
                             * s2s_session_dialback, now or later */
    S2S_EV_DIALBACK_VERIFY, /* `remote` asks whether `local` made `key` for its stream `id`: answer with
                             * s2s_session_dialback_verified before the next call */
    S2S_EV_DIALBACK_ANSWER, /* options.verify_key: `outcome`, with `error` */
    S2S_EV_ACKED,       /* `acked` stanzas were acknowledged (XEP-0198): there may be room again */
    S2S_EV_CLOSED,      /* the last event: see `close` */
} s2s_event_type;

/* What dialback comes to. */
typedef enum s2s_dialback_outcome { S2S_DIALBACK_VALID, S2S_DIALBACK_INVALID, S2S_DIALBACK_ERROR } s2s_dialback_outcome;

typedef struct s2s_event {
    s2s_event_type type;
    s2s_str local, remote;     /* OPEN, VERIFY, ESTABLISHED, PAIR, DIALBACK_*: normal form; may be absent in OPEN */
    const s2s_stanza *stanza;  /* STANZA, REJECTED */
    s2s_stanza_error error;    /* REJECTED, DIALBACK_ANSWER */
    s2s_str id, key;           /* DIALBACK_VERIFY; DIALBACK_RESULT: key alone. Not trusted, not for logs */
    s2s_dialback_outcome outcome; /* DIALBACK_ANSWER */
    size_t acked;              /* ACKED; 0: the peer has said whether it acknowledges at all */
    const s2s_close *close;    /* CLOSED */
    bool graceful;             /* CLOSED: both sides closed in XML: end TLS and TCP politely; else cut */
} s2s_event;

/* `env` must outlive the session. S2S_E_INVAL: the env or the options are not set up, or an initiator's domains are missing or
 * not in normal form; S2S_E_NOMEM; what env's `random` said. The initiator's header is in the output at once, unless TLS comes first. */
S2S_API s2s_err s2s_session_new(const s2s_env *env, const s2s_session_options *options, s2s_time now,
                                s2s_session **out);
/* Takes NULL. */
S2S_API void s2s_session_free(s2s_session *s);

/* Gives the session bytes from the peer, all of them taken (copied). Pull the events first, until there is none: an event that
 * waits is S2S_E_STATE, and so is the TLS handshake that is on. S2S_E_CLOSED after S2S_EV_CLOSED was made; S2S_E_LIMIT: more than
 * S2S_FEED_MAX bytes. Protocol errors are not returned: they become output and S2S_EV_CLOSED, and so does lack of memory. */
#define S2S_FEED_MAX 65536
S2S_API s2s_err s2s_session_feed(s2s_session *s, s2s_time now, s2s_bytes in);

/* Pulls the next event. What it lends stays valid until the next call on `s`. */
S2S_API s2s_event_type s2s_session_next_event(s2s_session *s, s2s_event *out);

/* Lends the bytes that wait to be sent; returns how many (0 = none). Valid until the next call on `s`. */
S2S_API size_t s2s_session_output(const s2s_session *s, const uint8_t **out);
/* The first `len` of them went out. */
S2S_API void s2s_session_sent(s2s_session *s, s2s_time now, size_t len);

/* When s2s_session_tick() wants to be called next, on the clock of `now`; S2S_NEVER if not at all. It may change with every other call. */
S2S_API s2s_time s2s_session_deadline(const s2s_session *s);
/* Looks at the clock: time-outs, keepalives. Early calls do nothing. Then pull events and send the output. */
S2S_API void s2s_session_tick(s2s_session *s, s2s_time now);

/* Gives back memory that an idle stream does not need (the XML parser: some 10 kB); it is taken anew when bytes come. Worth
 * a call when nothing has come for a while, events are pulled and output is sent. Does nothing before the stream is
 * established or in the middle of an element. Never fails. */
S2S_API void s2s_session_rest(s2s_session *s);

/* Answers to S2S_EV_OPEN. accept: we serve `local` and are willing to talk to `remote`; refuse: no, with
 * this stream error. S2S_E_STATE if nothing was asked. */
S2S_API s2s_err s2s_session_accept(s2s_session *s, s2s_time now);
S2S_API s2s_err s2s_session_refuse(s2s_session *s, s2s_time now, s2s_cond cond, const char *text);

/* Before s2s_session_accept: `local`'s entity capabilities, told in the features behind TLS (XEP-0115 section 6.3): `node` names the
 * program (a URI), `ver` is the SHA-1 hash of its disco#info. Both copied; the last call counts. S2S_E_STATE: nothing was
 * asked; S2S_E_LIMIT: longer than S2S_CAPS_MAX together, escaped; S2S_E_NOMEM. */
#define S2S_CAPS_MAX 512
S2S_API s2s_err s2s_session_caps(s2s_session *s, s2s_str node, s2s_str ver);

/* Acceptor, before the answer to S2S_EV_OPEN, in the place of options.bidi: now it is known who the peer says to be. No effect once
 * the peer has asked for it. */
S2S_API void s2s_session_offer_bidi(s2s_session *s, bool offer);

/* Answers S2S_EV_START_TLS: the handshake succeeded. (If it failed: s2s_session_lost.) S2S_E_STATE: nothing was asked. */
S2S_API s2s_err s2s_session_tls_up(s2s_session *s, s2s_time now);

/* Answers S2S_EV_VERIFY, now or later. Fails closed: without this nothing is authorised, and nothing is read but the peer's
 * end. `verdict->dialback` says whether Server Dialback may be used: instead of a certificate that is not trusted, or when the peer
 * does not do EXTERNAL. Copied.
 * S2S_E_STATE: nothing was asked. */
S2S_API s2s_err s2s_session_verdict(s2s_session *s, s2s_time now, const s2s_verdict *verdict);

/* Answers S2S_EV_DIALBACK_RESULT for its pair: valid authorises it, `error` says why it cannot be decided. S2S_E_NOTFOUND if
 * nothing was asked, S2S_E_STATE if the stream has gone on or ended meanwhile. */
S2S_API s2s_err s2s_session_dialback(s2s_session *s, s2s_time now, s2s_str local, s2s_str remote,
                                     s2s_dialback_outcome outcome, s2s_stanza_error error);
/* Answers S2S_EV_DIALBACK_VERIFY with what it lent. S2S_E_STATE: the stream has ended meanwhile. */
S2S_API s2s_err s2s_session_dialback_verified(s2s_session *s, s2s_time now, s2s_str local, s2s_str remote, s2s_str id,
                                              s2s_dialback_outcome outcome, s2s_stanza_error error);

/* Queues a stanza on an established initiator's stream, or an acceptor's with bidi. The caller has checked that `from` belongs to `local`
 * and `to` to `remote`. S2S_OK; S2S_E_STATE (not established); S2S_E_AGAIN (limits.unacked_bytes or unacked_stanzas is
 * reached: wait for S2S_EV_ACKED); S2S_E_REFUSED (larger than the peer takes, XEP-0478: it could end the stream);
 * S2S_E_LIMIT (too much waits to be sent), S2S_E_NOMEM. */
S2S_API s2s_err s2s_session_send(s2s_session *s, const s2s_stanza *stanza);

/* Starts the close handshake (RFC 6120 section 4.4) with an optional stream error and text (may be
 * NULL). Stanzas still in flight towards us are delivered until the peer closes or limits.close_ms. */
S2S_API void s2s_session_close(s2s_session *s, s2s_time now, s2s_cond cond, const char *text);

/* The transport is gone: `text` says how. S2S_EV_CLOSED follows (origin transport), unless the streams were closed
 * in XML both ways already. */
S2S_API void s2s_session_lost(s2s_session *s, s2s_time now, const char *text);

/* Nothing that goes out will arrive any more, but what the peer sent before is still to be fed and pulled. From here on
 * s2s_session_send() returns S2S_E_STATE, acknowledgements count for nothing either way, and s2s_session_unacknowledged() takes
 * back what was sent. For an established stream; does nothing after S2S_EV_CLOSED. */
S2S_API void s2s_session_mute(s2s_session *s);

/* After S2S_EV_CLOSED or s2s_session_mute(): the next stanza that was sent while the peer acknowledged stanzas (XEP-0198) and was not
 * acknowledged, oldest first; NULL: no more. The peer may have it all the same. Valid until the next call on `s`. */
S2S_API const s2s_stanza *s2s_session_unacknowledged(s2s_session *s);

/* While `hold`, the caller feeds nothing of an established stream, and its clocks stand still: what the peer has said
 * meanwhile is not known yet. The peer's questions (XEP-0198) wait for their answer, as what it sent is not safe with us; now
 * and then it is told the old number again, so that it sees that somebody is there. Closing ends a hold. */
S2S_API void s2s_session_hold(s2s_session *s, s2s_time now, bool hold);

/* The last `count` of the stanzas that were pulled are not safe with us yet: answers do not count them, and a question waits until
 * all that came before it are safe. So does our end tag, if the peer has closed, for limits.close_ms at most. After the count has
 * gone down: s2s_session_next_event(), for the answer or the end. */
S2S_API void s2s_session_unsafe(s2s_session *s, uint32_t count);

/* How stream management stands. */
typedef struct s2s_acks {
    bool on;                /* both sides have said so */
    uint64_t acknowledged;  /* stanzas of ours */
    size_t unacknowledged;
    s2s_time rtt;           /* from question to answer, the last time; 0: not measured yet */
} s2s_acks;
S2S_API void s2s_session_acks(const s2s_session *s, s2s_acks *out);

/* True once S2S_EV_ESTABLISHED was made and no close has begun. */
S2S_API bool s2s_session_is_open(const s2s_session *s);
/* How the first pair was proven: "external", "dialback" or "none"; static. */
S2S_API const char *s2s_session_mechanism(const s2s_session *s);
/* True if stanzas go both ways (XEP-0288). */
S2S_API bool s2s_session_is_bidi(const s2s_session *s);
/* The name of the state, for logs and status; static. */
S2S_API const char *s2s_session_state(const s2s_session *s);
/* The stream id in force (RFC 6120 section 4.7.3), absent before the header; valid until the next call. */
S2S_API s2s_str s2s_session_stream_id(const s2s_session *s);

#ifdef __cplusplus
}
#endif
#endif
