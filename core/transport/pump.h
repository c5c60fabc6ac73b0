/* SPDX-License-Identifier: MIT */
/* pump.h: TLS over memory: one GnuTLS session between two byte buffers. No socket, no loop. Internal.
 *
 * The caller feeds what arrives, then calls _handshake or _read until S2S_E_AGAIN, and sends what _output
 * lends: after any call, as each may have made output (answers, alerts), also when it failed. */
#ifndef S2S_PUMP_H
#define S2S_PUMP_H

#include "transport/credentials.h"

typedef struct s2s__pump s2s__pump;

/* Unread ciphertext; more than a caller can pile up that reads until S2S_E_AGAIN after each feed of up to
 * half of it. S2S_E_LIMIT from s2s__pump_feed. */
#define S2S__PUMP_INPUT_MAX 131072

/* What is negotiated in TLS itself. All zero but role and credentials: a STARTTLS initiator without certificate. */
typedef struct s2s__pump_options {
    s2s_role role;
    const s2s__credentials *credentials; /* outlive the pump */
    /* What we present: a reference is taken. NULL: nothing, or whatever `choose` says. */
    s2s__identity *identity;
    /* Acceptor, where nothing but the ClientHello says whose certificate is wanted: called once it is there, with the
     * name that it asks for (absent: none); in whatever thread the handshake's step runs. Gives a reference away; NULL ends the
     * handshake with unrecognized_name. */
    s2s__identity *(*choose)(void *arg, s2s_str sni);
    void *choose_arg;
    const char *sni; /* initiator: the remote domain, A-labels (DN-06); NULL: none */
    /* Direct TLS (XEP-0368): the initiator offers ALPN `xmpp-server`; the acceptor demands it of a peer that offers any
     * protocol (TP-07) and takes one that offers none (DN-06). */
    bool alpn;
    /* Initiator: the acceptor asks for a certificate; `message` is its CertificateRequest (RFC 5246 section 7.4.4, RFC 8446
     * section 4.3.2), lent for the call. May be NULL. */
    void (*requested)(void *arg, bool tls13, s2s_bytes message);
    void *requested_arg;
} s2s__pump_options;

/* A client certificate is asked for, never demanded (TL-08); an acceptor without any certificate does not survive the
 * handshake. The peer's chain is not judged here. S2S_OK, S2S_E_NOMEM, S2S_E_INVAL (the name), S2S_E_TLS. */
s2s_err s2s__pump_new(const s2s_env *env, const s2s__pump_options *options, s2s__pump **out);
void s2s__pump_free(s2s__pump *p); /* takes NULL */

/* Gives it ciphertext (copied). S2S_OK, S2S_E_LIMIT, S2S_E_NOMEM: then nothing was taken. */
s2s_err s2s__pump_feed(s2s__pump *p, s2s_bytes cipher);
/* The same without a copy: `cipher` stays the caller's, who reads until S2S_E_AGAIN, and then calls _keep before it changes:
 * what was not read is copied (as by _feed). Nothing else may be lent meanwhile. */
void s2s__pump_lend(s2s__pump *p, s2s_bytes cipher);
s2s_err s2s__pump_keep(s2s__pump *p);
/* Gives back empty buffers, which are kept for what comes next. */
void s2s__pump_rest(s2s__pump *p);
/* TCP ended: there is nothing to come. The next _handshake or _read that runs dry says what it means. */
void s2s__pump_eof(s2s__pump *p);

/* The initiator calls it once before anything was fed. S2S_OK: done; S2S_E_AGAIN; S2S_E_TLS. */
s2s_err s2s__pump_handshake(s2s__pump *p);

/* The same step in three parts, of which _work may run in any thread. Between _begin and _worked the pump is the
 * other thread's: it gives no output, takes no input, knows no facts, and must not be freed. The part in the other thread takes no memory
 * through `env`. _begin: S2S_OK; S2S_E_STATE, S2S_E_LIMIT, S2S_E_NOMEM: as it was, also what is lent. _worked: as _handshake, or S2S_E_LIMIT: its
 * output did not fit; take it, and begin again. Without a _work between them nothing has happened. */
s2s_err s2s__pump_begin(s2s__pump *p);
void s2s__pump_work(s2s__pump *p);
s2s_err s2s__pump_worked(s2s__pump *p);

/* Decrypts up to `room` (not 0) bytes. S2S_OK: `*got` bytes, and there may be more; S2S_E_AGAIN: feed first;
 * S2S_E_CLOSED: the peer closed properly (close_notify), which does not stop us from writing;
 * S2S_E_TLS: broken; S2S_E_STATE: no handshake yet. In TLS 1.3 a peer that refuses our certificate
 * says so only here, after our handshake was done: see s2s__pump_alert. */
s2s_err s2s__pump_read(s2s__pump *p, uint8_t *out, size_t room, size_t *got);

/* Encrypts all of `plain` into the output, in records of up to 16 kB. S2S_OK; S2S_E_STATE: before the handshake
 * or after _bye; S2S_E_TLS, also when the output would exceed what limits.output_bytes, queue_bytes and stanza_bytes
 * together allow (twice, for the overhead of TLS): the session is broken then. */
s2s_err s2s__pump_write(s2s__pump *p, s2s_bytes plain);

/* Lends the ciphertext that waits; returns how many bytes. Valid until the next call on `p`. */
size_t s2s__pump_output(const s2s__pump *p, const uint8_t **out);
/* The first `len` of them went out. */
void s2s__pump_sent(s2s__pump *p, size_t len);

/* Ends our direction: close_notify goes to the output. Reading goes on. Nothing if there is no working session. */
void s2s__pump_bye(s2s__pump *p);

/* The peer's certificates as presented, DER, leaf first: writes up to `room` of them, returns how many there
 * are. Valid as long as the pump. */
size_t s2s__pump_peer_chain(const s2s__pump *p, s2s_bytes *out, size_t room);
/* The OCSP response (DER) about the leaf that a receiver has stapled (RFC 6066 section 8), unverified; an initiator always asks
 * for it. Empty: none. Valid as long as the pump. */
s2s_bytes s2s__pump_staple(const s2s__pump *p);
/* True if the peer got a certificate of ours: an initiator sends one only when asked. */
bool s2s__pump_sent_certificate(const s2s__pump *p);
/* "TLS1.3", "AES-256-GCM"; static; "" before the handshake is done. */
const char *s2s__pump_version(const s2s__pump *p);
const char *s2s__pump_cipher(const s2s__pump *p);
/* The protocol that ALPN agreed on; absent: none. Valid as long as the pump. */
s2s_str s2s__pump_alpn(const s2s__pump *p);

/* Whether anything of the peer's has come to TLS. */
bool s2s__pump_heard(const s2s__pump *p);
/* One sentence about the failure; "" if there is none. Valid as long as the pump. */
const char *s2s__pump_error(const s2s__pump *p);
/* The number of the fatal alert that the peer sent (RFC 8446 section 6), -1 if none. An acceptor's may have come in the clear, as in
 * TLS 1.2: it explains a failure, and proves nothing. */
int s2s__pump_alert(const s2s__pump *p);

#endif
