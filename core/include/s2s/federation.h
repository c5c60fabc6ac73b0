/* SPDX-License-Identifier: MIT */
/* federation.h: a federating endpoint on a libuv loop: local domains, listeners, outgoing streams,
 * queues and bounces. Many may live in one process; each belongs to the thread of its loop, from which all but
 * s2s_federation_post() is called. The process ignores SIGPIPE. */
#ifndef S2S_FEDERATION_H
#define S2S_FEDERATION_H

#include <uv.h>

#include "s2s/env.h"
#include "s2s/policy.h"
#include "s2s/stanza.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct s2s_federation s2s_federation;

/* How TLS begins on a connection. */
typedef enum s2s_tls_start {
    S2S_TLS_STARTTLS, /* in the stream (RFC 6120 section 5) */
    S2S_TLS_DIRECT,   /* at once (XEP-0368) */
} s2s_tls_start;
S2S_API const char *s2s_tls_start_word(s2s_tls_start start); /* "starttls", "direct" */

/* Room for an address with its port, "127.0.0.1:5269" or "[2001:db8::1]:5269", and a NUL. */
#define S2S_ADDRESS_MAX 64

/* What is known about one stream. Lent for the call that hands it out. */
typedef struct s2s_stream_info {
    size_t size;          /* sizeof(s2s_stream_info) */
    const char *id;       /* ours, the same in every log line: "o12" (out), "i7" (in) */
    s2s_role role;        /* ours */
    s2s_str local, remote; /* normal form; absent while unknown */
    const char *state;    /* "resolving", "connecting", or s2s_session_state() */
    const char *address;  /* the peer's, "127.0.0.1:5269"; "" while unknown */
    const char *target;   /* the host that the DNS named for the remote domain and that we connected to; "" if there is none */
    s2s_tls_start tls_start; /* from "connected" on */
    const char *tls_version; /* "TLS1.3"; "" before TLS */
    const char *cipher;
    const char *mechanism;   /* what proved the pair: "external", "dialback" (DNS, or the certificate: see `verdict`), "none" */
    bool bidi;               /* stanzas go both ways on this stream (XEP-0288) */
    const s2s_verdict *verdict; /* NULL before the peer was judged */
    s2s_time since;          /* when it was opened, uv_now() */
    uint64_t stanzas_in, stanzas_out;
    size_t queued_stanzas;   /* wait for this stream to be established */
    bool acks;               /* stream management is on (XEP-0198); the four that follow are 0 else */
    uint64_t acknowledged;   /* of stanzas_out */
    size_t unacknowledged;
    uint64_t resent;         /* of stanzas_out: sent before, on a stream that broke: the peer may have had them */
    s2s_time rtt;            /* ms from question to answer, the last time */
    const char *cause;       /* at its end: why the peer refused our certificate, as the policy sees it; "" if it did not */
    bool slowed;             /* the remote domain has used up limits.rate_bytes, and its reserve is not full again */
    s2s_str alpn;            /* what ALPN agreed on (direct TLS, XEP-0368); absent: nothing */
} s2s_stream_info;

#define S2S_FEDERATION_ABI 2u
/* Called on the loop's thread, `deliver` also from within s2s_federation_send and _stop. They may call
 * s2s_federation_send, _resume, _pause_to, _resume_to, _stop and _answer, and only `stopped` may call _free; `owns` may call nothing. */
typedef struct s2s_federation_ops {
    uint32_t abi; /* S2S_FEDERATION_ABI */
    /* A stanza for one of our domains: from an authorised pair, or an error for a stanza that could not be
     * delivered. Lent for the call. Returns false to pause reading from remote servers until
     * s2s_federation_resume(); the stanza was taken all the same, and a few more may come: what was decrypted already,
     * the first on a stream without stream management, and what has come on a stream that is closed meanwhile. After a pause the streams take turns. */
    bool (*deliver)(void *user, const s2s_stanza *stanza);
    /* After s2s_federation_send() said S2S_E_AGAIN: that pair has room again, or was waited for long enough (limits.hold_ms):
     * send on. Once for each pair that holds its senders; s2s_federation_holds() tells which still do. */
    void (*drained)(void *user);
    /* Optional. A stream was established (`end` NULL) or has ended, or could not be made. */
    void (*stream)(void *user, const s2s_stream_info *info, const s2s_close *end);
    /* s2s_federation_stop() is done: all streams are closed; s2s_federation_free() may follow, also in here. */
    void (*stopped)(void *user);
    /* Asked only where options.parts is more than 1, and needed then. Does `remote` (normal form) belong to this object? All that
     * goes out to a remote domain goes through the one that it belongs to, so that there is one order. Another one accepts its
     * streams too, but sends nothing: an error that it has to answer with comes through `deliver`, addressed to `remote`. The
     * same answer each time. */
    bool (*owns)(void *user, s2s_str remote);
} s2s_federation_ops;

typedef struct s2s_federation_options {
    size_t size; /* set by _init; base.h says how such structs grow */
    uv_loop_t *loop;
    const s2s_env *env;           /* outlives the object */
    const s2s_policy *policy;     /* copied; what it points to outlives the object */
    const s2s_federation_ops *ops;
    void *user;
    const char *const *dns_servers; /* "127.0.0.1@5353"; none: the system's */
    size_t dns_servers_len;
    const char *const *dns_anchors; /* files with DS or DNSKEY records */
    size_t dns_anchors_len;
    /* Server Dialback, where the policy allows it: what keys are made of, shared by the nodes of one domain. Copied as a hash.
     * Absent: made at random, good for one process. */
    s2s_bytes dialback_secret;
    bool bidi; /* offer and ask for one connection for both directions (XEP-0288) */
    /* Number `part`, from 0, of `parts` objects that serve the same domains, each on a loop of its own; 0 or 1: alone. With more,
     * ops->owns says which remote domains are this one's, streams have ids that no other part gives, s2s_federation_listen
     * shares its port with the other parts (SO_REUSEPORT; the kernel spreads connections), and bidi is not offered to a domain
     * of another part. All need the same dialback_secret. Limits count in each part. */
    uint32_t part, parts;
    /* What ops->deliver gets is safe only when s2s_federation_taken() says so: no acknowledgement (XEP-0198) counts it before. */
    bool taken_later;
    /* Optional: where to connect for a stream from `local` to `remote` (normal form), instead of the static routes and the DNS. Asked
     * whenever one is made; it may call nothing of the object, and must not wait. True: `address` ("ADDRESS:PORT") and `tls` say where, and
     * nothing else is tried; an `address` that is none fails the stream. False: as if it were not there. The certificate must be
     * the domain's all the same (DN-10). */
    bool (*route)(void *user, s2s_str local, s2s_str remote, char address[S2S_ADDRESS_MAX], s2s_tls_start *tls);
} s2s_federation_options;

/* All absent, bidi off. */
S2S_API void s2s_federation_options_init(s2s_federation_options *options, size_t size);
#define s2s_federation_options_init(options) s2s_federation_options_init((options), sizeof *(options))
/* `why` (may be NULL) takes a sentence on failure; run the loop once more then, for what has to close. S2S_E_INVAL: the options are
 * not complete, an `abi` or layout is not this library's, or a limit is out of its range; S2S_E_DNS: the resolver does not take
 * options.dns_servers or dns_anchors; S2S_E_TLS: GnuTLS does not start; S2S_E_NOMEM; what env's `random` said. */
S2S_API s2s_err s2s_federation_new(const s2s_federation_options *options, s2s_federation **out,
                                   char why[S2S_TEXT_MAX]);
/* After ops->stopped (call s2s_federation_stop and run the loop, also if starting has failed half-way); before it nothing is
 * freed, and the log says so. Takes NULL. */
S2S_API void s2s_federation_free(s2s_federation *f);

/* A domain served here (any form), with the PEM files of its chain and key; what they say is copied. S2S_E_INVAL, with `why` (may be
 * NULL) naming the file and the fault: they cannot be read, do not belong together, or do not cover the domain, which must be
 * one; S2S_E_EXISTS: it is served already; S2S_E_NOMEM. */
S2S_API s2s_err s2s_federation_add_domain(s2s_federation *f, s2s_str domain, const char *certificate_file,
                                          const char *key_file, char why[S2S_TEXT_MAX]);
/* The same from memory: PEM texts, lent for the call (the key's copies are wiped). `why` calls them "certificate" and "key". S2S_E_INVAL,
 * S2S_E_EXISTS, S2S_E_NOMEM. */
S2S_API s2s_err s2s_federation_add_domain_pem(s2s_federation *f, s2s_str domain, s2s_bytes certificate, s2s_bytes key,
                                              char why[S2S_TEXT_MAX]);
/* Any form; false also for what is not a domain. */
S2S_API bool s2s_federation_serves(const s2s_federation *f, s2s_str domain);

/* Accepts streams on "ADDRESS:PORT" or "[V6]:PORT"; port 0 picks one. `bound` takes the real address, `why` a reason; both may be
 * NULL. With direct TLS the certificate is chosen by SNI; without SNI it is that of the domain that was added first. S2S_E_SYNTAX: not
 * an address and port; S2S_E_IO: it cannot be bound; S2S_E_CLOSED: stopping; S2S_E_NOMEM. */
S2S_API s2s_err s2s_federation_listen(s2s_federation *f, const char *address, s2s_tls_start tls,
                                      char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX]);

/* Accepts streams on a TCP socket that somebody else has bound and made to listen, such as a service manager
 * (sd_listen_fds(3)). `fd` is taken over in any case: closed on failure, else when `f` stops. It is made non-blocking; whether a
 * child process gets it (FD_CLOEXEC) is the caller's to say. `bound` takes its address, and `why` a reason; both may be NULL.
 * S2S_OK; S2S_E_INVAL: it is no listening TCP socket; S2S_E_CLOSED: stopping; S2S_E_IO, S2S_E_NOMEM. */
S2S_API s2s_err s2s_federation_listen_fd(s2s_federation *f, int fd, s2s_tls_start tls, char bound[S2S_ADDRESS_MAX],
                                         char why[S2S_TEXT_MAX]);

/* A static route instead of DNS for remote domains that match ("peer.example", "*.peer.example" one or
 * more labels, "*"); the first that was added and matches wins. The certificate must still be the domain's (DN-10). S2S_E_SYNTAX, with
 * `why` (may be NULL): `match` or `address` is none; S2S_E_NOMEM. */
S2S_API s2s_err s2s_federation_route(s2s_federation *f, const char *match, const char *address,
                                     s2s_tls_start tls, char why[S2S_TEXT_MAX]);

/* What a federation object serves, and its static routes, prepared apart to be put in place as a whole. */
typedef struct s2s_setup s2s_setup;
/* `env` outlives it. S2S_OK, S2S_E_NOMEM, or what env's `random` said. */
S2S_API s2s_err s2s_setup_new(const s2s_env *env, s2s_setup **out);
S2S_API void s2s_setup_free(s2s_setup *setup); /* takes NULL */
/* As s2s_federation_add_domain and s2s_federation_route. */
S2S_API s2s_err s2s_setup_add_domain(s2s_setup *setup, s2s_str domain, const char *certificate_file,
                                     const char *key_file, char why[S2S_TEXT_MAX]);
/* As s2s_federation_add_domain_pem. */
S2S_API s2s_err s2s_setup_add_domain_pem(s2s_setup *setup, s2s_str domain, s2s_bytes certificate, s2s_bytes key,
                                         char why[S2S_TEXT_MAX]);
/* The certificate that `f` has for `domain` now. S2S_E_NOTFOUND: it serves no such domain; S2S_E_EXISTS, S2S_E_NOMEM. */
S2S_API s2s_err s2s_setup_keep_domain(s2s_setup *setup, const s2s_federation *f, s2s_str domain);
/* Entity capabilities of a domain that was added or kept, told to servers that connect (XEP-0115 section 6.3): `node` names the
 * program (a URI), `ver` is the SHA-1 hash of the domain's disco#info; both copied, S2S_CAPS_MAX of session.h together. The caller
 * answers disco#info for "NODE#VER". S2S_E_NOTFOUND: there is no such domain; S2S_E_NOMEM. */
S2S_API s2s_err s2s_setup_caps(s2s_setup *setup, s2s_str domain, s2s_str node, s2s_str ver);
S2S_API s2s_err s2s_setup_add_route(s2s_setup *setup, const char *match, const char *address, s2s_tls_start tls,
                                    char why[S2S_TEXT_MAX]);
/* In the place of limits.rate_bytes and rate_burst_bytes, with which it begins; `bytes` 0: no limit. */
S2S_API void s2s_setup_limit_rate(s2s_setup *setup, uint32_t bytes, uint32_t burst);
/* A copy, with the same certificates (shared: they are not read again), for another federation object, also one of another
 * thread. `env`'s resize must work in all of them then. S2S_OK, S2S_E_NOMEM. */
S2S_API s2s_err s2s_setup_copy(const s2s_setup *setup, s2s_setup **out);
/* Puts `setup` in the place of what there was, and takes it over: new streams see all of it, or nothing. Streams stay, but
 * those of domains that are not in it are closed (host-gone); then s2s_federation_recheck(). Not while stopping. */
S2S_API void s2s_federation_replace(s2s_federation *f, s2s_setup *setup);

/* Asks the policy again about the peer of every stream that its certificate has authenticated, a few in each turn of the
 * loop: after new anchors, CRLs or rules. A stream whose peer is now refused is closed with `reset` (RFC 6120 section
 * 13.7.2.3); a new one is made when it is needed. Happens by itself once a day; a certificate that expires ends its stream so
 * at that time. */
S2S_API void s2s_federation_recheck(s2s_federation *f);

/* Closes all streams with `remote` (any form), either way, those that are being made too, and forgets that it could not be
 * reached: what waits, or comes next, makes new ones, with a deadline of their own. Returns how many were closed. */
S2S_API size_t s2s_federation_close_remote(s2s_federation *f, s2s_str remote);

/* `remote` (any form) is there: it has contacted another part (options.parts). Forgets that it could not be reached. */
S2S_API void s2s_federation_reachable(s2s_federation *f, s2s_str remote);

/* One of our certificates. Lent for the call. `each` below must not change the domains. */
typedef struct s2s_domain_info {
    size_t size; /* sizeof(s2s_domain_info) */
    s2s_str domain; /* normal form */
    const char *certificate_file; /* "": it came from memory */
    int64_t not_before, expires; /* of the leaf, seconds since 1970 */
    const s2s_bytes *chain;      /* DER, leaf first */
    size_t chain_len;
} s2s_domain_info;
S2S_API void s2s_federation_domains(const s2s_federation *f, void (*each)(void *arg, const s2s_domain_info *info),
                                    void *arg);

/* Takes a stanza from a local sender. `from` must be at a domain served here and `to` must not be. It is delivered
 * to the remote server's stream, or an error comes back through ops->deliver (if it may be bounced): never lost
 * silently. S2S_OK; S2S_E_AGAIN: taken, but much waits for that pair of domains: whoever sends to it had better pause until
 * ops->drained, others need not; S2S_E_INVAL: not taken (addresses). */
S2S_API s2s_err s2s_federation_send(s2s_federation *f, const s2s_stanza *stanza);
/* Whether the pair (domains in any form) holds its senders: S2S_E_AGAIN was said and ops->drained has not come for it. */
S2S_API bool s2s_federation_holds(s2s_federation *f, s2s_str local, s2s_str remote);
/* The same from any thread: a copy of the stanza is handed to the loop's thread and sent there; what cannot be sent comes back
 * through ops->deliver as an error. The order of one thread's stanzas stays. `env`'s resize must work in that thread too.
 * The one function that other threads may call; not during or after s2s_federation_free(). S2S_OK; S2S_E_LIMIT:
 * limits.queue_stanzas or queue_bytes wait already, try again later; S2S_E_NOMEM; S2S_E_CLOSED: stopping. */
S2S_API s2s_err s2s_federation_post(s2s_federation *f, const s2s_stanza *stanza);
/* As if ops->deliver had returned false: stanzas are not read, and so not acknowledged, until s2s_federation_resume() or _stop(). */
S2S_API void s2s_federation_pause(s2s_federation *f);
/* Goes on reading after ops->deliver returned false, or s2s_federation_pause(); else does nothing. */
S2S_API void s2s_federation_resume(s2s_federation *f);
/* Who answers for `local` (a domain in any form) takes no more for now: a stream that brings a stanza to it is not read on until
 * s2s_federation_resume_to(); other streams are. The stanza was delivered all the same, and a few more may come from each
 * stream: what was decrypted already. May be called from within ops->deliver, and again. S2S_OK; S2S_E_SYNTAX, S2S_E_NOMEM:
 * nothing pauses. */
S2S_API s2s_err s2s_federation_pause_to(s2s_federation *f, s2s_str local);
/* Streams that wait for `local` are read on, in turns, until it is slow again. Does nothing if it is not slow. */
S2S_API void s2s_federation_resume_to(s2s_federation *f, s2s_str local);
/* With options.taken_later: the stanzas of the first `count` calls of ops->deliver are safe. Never less than before. */
S2S_API void s2s_federation_taken(s2s_federation *f, uint64_t count);
/* The late answer to a policy's S2S_E_PENDING; `verdict` is copied. Not from within `judge`. S2S_E_NOTFOUND: it was answered, or the
 * stream is gone. */
S2S_API s2s_err s2s_federation_answer(s2s_federation *f, s2s_ticket ticket, const s2s_verdict *verdict);

/* What has happened since the object was made. */
typedef struct s2s_federation_counts {
    size_t size;     /* sizeof(s2s_federation_counts), set by the caller: more is not written */
    uint64_t slowed; /* times that a remote domain used up limits.rate_bytes; one lasts until its reserve is full again */
    /* Connections that were closed as soon as they were accepted: limits.connections, preauth_connections, and
     * connections_per_address. */
    uint64_t turned_away, turned_away_preauth, turned_away_address;
    uint64_t dropped; /* stanzas that could not be sent and, being errors or results, could not be sent back: they are gone */
} s2s_federation_counts;
S2S_API void s2s_federation_count(const s2s_federation *f, s2s_federation_counts *out);

/* Closes listeners, sends what is queued on established streams, closes them, bounces the rest, and
 * then calls ops->stopped, never from here; takes at most twice limits.close_ms. Once only. */
S2S_API void s2s_federation_stop(s2s_federation *f);

/* Calls `each` for every stream, also those being made. It must not open, close or send on streams. */
S2S_API void s2s_federation_streams(const s2s_federation *f,
                                    void (*each)(void *arg, const s2s_stream_info *info), void *arg);

#ifdef __cplusplus
}
#endif
#endif
