/* SPDX-License-Identifier: MIT */
/* pump.c: one GnuTLS session between two byte buffers. */
#include "transport/pump.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "s2s/addr.h"
#include "transport/credentials_gnutls.h"

#define ALPN "xmpp-server" /* XEP-0368 section 3 */

enum { RECORD_MAX = 16384, RECORD_HEADER = 5 }; /* RFC 8446 section 5.1 */
enum { ALERT = 21, ALERT_LEN = 2, FATAL = 2 };  /* sections 5.1 and 6: a level, and what happened */

/* The output that a step in another thread has room for, beside what waits; it goes on for as often as it takes. */
enum { STEP_ROOM = 16384 };

/* What is expected next; errors and the two directions' ends are kept apart from it. AT_WORK: another thread may be in
 * s2s__pump_work, and has the session and both buffers; only the caller's thread sets the state. */
enum state { HANDSHAKING, AT_WORK, RUNNING, BROKEN };

struct s2s__pump {
    const s2s_env *env;
    s2s_role role;
    gnutls_session_t session;
    s2s__identity *identity;
    s2s__identity *(*choose)(void *arg, s2s_str sni);
    void *choose_arg;
    void (*requested)(void *arg, bool tls13, s2s_bytes message);
    void *requested_arg;
    s2s__buf in, out;
    s2s_bytes lent;   /* what is behind `in`: the caller's, while it says so */
    uint8_t header[RECORD_HEADER]; /* of the record that GnuTLS was given last, as far as it has come... */
    uint32_t header_len, body_left; /* ...and what is missing of that record's body, when all of it has */
    uint8_t bare[ALERT_LEN]; /* its body, if it is an alert that is not encrypted */
    uint32_t whole;   /* records that GnuTLS was given to their end and may not have read */
    enum state state;
    bool heard;       /* GnuTLS was given something */
    bool eof;         /* TCP has ended: `in` will not grow */
    bool peer_closed; /* close_notify came */
    bool closed;      /* ours was sent */
    int alert;
    int step; /* what GnuTLS said to the last step of the handshake */
    const char *version, *cipher;
    char *error; /* NULL: none, or no memory for it */
};

/* --- what GnuTLS reads and writes through --- */

static size_t waiting(const s2s__pump *p)
{
    return p->in.len + p->lent.len;
}

/* Of the last record: an encrypted one is longer than that. */
static bool is_bare_alert(const s2s__pump *p)
{
    return p->header[0] == ALERT && p->header[3] == 0 && p->header[4] == ALERT_LEN;
}

/* Follows where records end, in what GnuTLS is given. */
static void count_records(s2s__pump *p, const uint8_t *bytes, size_t len)
{
    p->heard = p->heard || len > 0;
    while (len > 0) {
        size_t step = 1;
        if (p->header_len < RECORD_HEADER) {
            p->header[p->header_len++] = *bytes;
            if (p->header_len == RECORD_HEADER)
                p->body_left = (uint32_t)p->header[3] << 8 | p->header[4];
        } else {
            if (is_bare_alert(p))
                p->bare[ALERT_LEN - p->body_left] = *bytes;
            else
                step = len < p->body_left ? len : p->body_left;
            p->body_left -= (uint32_t)step;
        }
        if (p->header_len == RECORD_HEADER && p->body_left == 0) {
            p->header_len = 0;
            p->whole++;
        }
        bytes += step;
        len -= step;
    }
}

/* Nothing can be read before more comes: GnuTLS, which would take memory to find that out, need not be asked. */
static bool is_dry(const s2s__pump *p)
{
    return p->whole == 0 && waiting(p) == 0 && !p->eof && gnutls_record_check_pending(p->session) == 0;
}

static ssize_t pull(gnutls_transport_ptr_t user, void *out, size_t room)
{
    s2s__pump *p = user;
    size_t kept = p->in.len < room ? p->in.len : room;
    size_t lent = p->lent.len < room - kept ? p->lent.len : room - kept;
    if (kept + lent == 0 && !p->eof) {
        gnutls_transport_set_errno(p->session, EAGAIN);
        return -1;
    }
    if (kept > 0) {
        memcpy(out, s2s__buf_bytes(&p->in), kept);
        s2s__buf_drop(&p->in, kept);
    }
    if (lent > 0) {
        memcpy((uint8_t *)out + kept, p->lent.ptr, lent);
        p->lent = (s2s_bytes){p->lent.ptr + lent, p->lent.len - lent};
    }
    count_records(p, out, kept + lent);
    return (ssize_t)(kept + lent);
}

/* GnuTLS asks for it in some paths although no timeout is set: 1 = pull() would not wait. */
static int pull_timeout(gnutls_transport_ptr_t user, unsigned ms)
{
    const s2s__pump *p = user;
    (void)ms;
    return waiting(p) > 0 || p->eof;
}

static ssize_t push(gnutls_transport_ptr_t user, const void *data, size_t len)
{
    s2s__pump *p = user;
    if (p->state == AT_WORK) { /* the memory is the other thread's */
        size_t room = p->out.room - p->out.start - p->out.len;
        if (room == 0) {
            gnutls_transport_set_errno(p->session, EAGAIN);
            return -1;
        }
        len = len < room ? len : room;
    }
    s2s_err err = s2s__buf_append(&p->out, data, len);
    if (err == S2S_OK)
        return (ssize_t)len;
    gnutls_transport_set_errno(p->session, err == S2S_E_LIMIT ? ENOBUFS : ENOMEM);
    return -1;
}

/* --- making and freeing --- */

static size_t output_max(const s2s_limits *limits)
{
    return 2 * ((size_t)limits->output_bytes + limits->queue_bytes + limits->stanza_bytes);
}

/* The name that the ClientHello asks for; absent if it asks for none, or for something that is no host name. */
static s2s_str requested_name(gnutls_session_t session, char name[S2S_DOMAIN_MAX + 1])
{
    unsigned type;
    size_t len = S2S_DOMAIN_MAX;
    if (gnutls_server_name_get(session, name, &len, &type, 0) < 0 || type != GNUTLS_NAME_DNS)
        return S2S_STR_ABSENT;
    return (s2s_str){name, strnlen(name, len)};
}

/* Also called a second time, after a HelloRetryRequest: then what it asked for first stands (RFC 8446 section 4.1.2). */
static int client_hello_came(gnutls_session_t session)
{
    s2s__pump *p = gnutls_transport_get_ptr(session);
    char name[S2S_DOMAIN_MAX + 1];
    if (p->identity)
        return 0;
    s2s__identity *chosen = p->choose(p->choose_arg, requested_name(session, name));
    if (!chosen)
        return GNUTLS_E_UNRECOGNIZED_NAME;
    p->identity = chosen;
    gnutls_session_set_ptr(session, chosen);
    return 0;
}

static int certificate_requested(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                                 const gnutls_datum_t *message)
{
    s2s__pump *p = gnutls_transport_get_ptr(session);
    (void)type;
    (void)when;
    if (incoming)
        p->requested(p->requested_arg, gnutls_protocol_get_version(session) >= GNUTLS_TLS1_3,
                     (s2s_bytes){message->data, message->size});
    return 0;
}

static int set_up_initiator(s2s__pump *p, const s2s__pump_options *o)
{
    if (o->requested)
        gnutls_handshake_set_hook_function(p->session, GNUTLS_HANDSHAKE_CERTIFICATE_REQUEST, GNUTLS_HOOK_POST,
                                           certificate_requested);
    int r = gnutls_ocsp_status_request_enable_client(p->session, NULL, 0, NULL); /* its default, made sure */
    if (r >= 0 && o->sni)
        r = gnutls_server_name_set(p->session, GNUTLS_NAME_DNS, o->sni, strlen(o->sni));
    return r;
}

static int set_up_acceptor(s2s__pump *p)
{
    /* asked for, not demanded (TL-08); and no list of CAs, which would make some peers send nothing */
    gnutls_certificate_server_set_request(p->session, GNUTLS_CERT_REQUEST);
    gnutls_certificate_send_x509_rdn_sequence(p->session, 1);
    if (p->choose)
        gnutls_handshake_set_post_client_hello_function(p->session, client_hello_came);
    return 0;
}

static int offer_alpn(s2s__pump *p)
{
    gnutls_datum_t name = {(unsigned char *)(uintptr_t)ALPN, sizeof ALPN - 1}; /* only read */
    return gnutls_alpn_set_protocols(p->session, &name, 1, GNUTLS_ALPN_MANDATORY);
}

static int set_up(s2s__pump *p, const s2s__pump_options *o)
{
    bool client = o->role == S2S_INITIATOR;
    unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS |
                     (client ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT : GNUTLS_SERVER);
    int r = gnutls_init(&p->session, flags);
    if (r >= 0)
        r = s2s__credentials_apply(o->credentials, p->identity, p->session);
    if (r >= 0)
        r = client ? set_up_initiator(p, o) : set_up_acceptor(p);
    if (r >= 0 && o->alpn)
        r = offer_alpn(p);
    if (r < 0)
        return r;
    gnutls_handshake_set_timeout(p->session, 0); /* the caller has a deadline */
    gnutls_handshake_set_max_packet_length(p->session, p->env->limits.chain_bytes);
    gnutls_transport_set_ptr(p->session, p);
    gnutls_transport_set_pull_function(p->session, pull);
    gnutls_transport_set_pull_timeout_function(p->session, pull_timeout);
    gnutls_transport_set_push_function(p->session, push);
    return 0;
}

s2s_err s2s__pump_new(const s2s_env *env, const s2s__pump_options *options, s2s__pump **out)
{
    s2s__pump *p = s2s__alloc(env, sizeof *p);
    if (!p)
        return S2S_E_NOMEM;
    p->env = env;
    p->role = options->role;
    p->alert = -1;
    p->version = p->cipher = "";
    p->identity = s2s__identity_ref(options->identity);
    p->choose = options->role == S2S_ACCEPTOR ? options->choose : NULL;
    p->choose_arg = options->choose_arg;
    p->requested = options->requested;
    p->requested_arg = options->requested_arg;
    s2s__buf_init(&p->in, env, S2S__PUMP_INPUT_MAX);
    s2s__buf_init(&p->out, env, output_max(&env->limits));
    int r = set_up(p, options);
    if (r < 0) {
        s2s__pump_free(p);
        if (r == GNUTLS_E_MEMORY_ERROR)
            return S2S_E_NOMEM;
        return r == GNUTLS_E_INVALID_REQUEST || r == GNUTLS_E_IDNA_ERROR ? S2S_E_INVAL : S2S_E_TLS;
    }
    *out = p;
    return S2S_OK;
}

void s2s__pump_free(s2s__pump *p)
{
    if (!p)
        return;
    if (p->session)
        gnutls_deinit(p->session);
    s2s__identity_unref(p->identity);
    s2s__buf_free(&p->in);
    s2s__buf_free(&p->out);
    s2s__free(p->env, p->error);
    s2s__free(p->env, p);
}

/* --- failures --- */

/* GnuTLS knows names for most alerts only. */
static void note_alert(s2s__pump *p, int alert, const char *how, char text[S2S_TEXT_MAX])
{
    p->alert = alert;
    const char *name = gnutls_alert_get_name((gnutls_alert_description_t)alert);
    (void)snprintf(text, S2S_TEXT_MAX, "the peer sent TLS alert %d%s%s%s%s", alert, name ? " (" : "", name ? name : "",
                   name ? ")" : "", how);
}

/* A TLS 1.3 client that refuses our flight may say so before it has switched its keys (RFC 8446 section 6.2; OpenSSL does), where
 * GnuTLS takes encrypted records alone. Anybody on the way could write that: it explains a failure and changes nothing else. An
 * acceptor encrypts all that it sends after its ServerHello, so an initiator believes nothing of the kind. */
static bool refused_in_clear(const s2s__pump *p, int r)
{
    return r == GNUTLS_E_DECRYPTION_FAILED && p->role == S2S_ACCEPTOR && p->state == HANDSHAKING && p->header_len == 0 &&
           is_bare_alert(p) && p->bare[0] == FATAL;
}

/* The first failure stays; the peer is told if it was the one at fault. */
static s2s_err fail(s2s__pump *p, int r)
{
    const char *when = p->state == HANDSHAKING ? " during the TLS handshake" : "";
    char text[S2S_TEXT_MAX];
    bool tell = true;
    if (r == GNUTLS_E_FATAL_ALERT_RECEIVED) {
        note_alert(p, (int)gnutls_alert_get(p->session), "", text);
        tell = false;
    } else if (refused_in_clear(p, r)) {
        note_alert(p, p->bare[1], ", in the clear", text);
    } else if (r == GNUTLS_E_PREMATURE_TERMINATION) {
        (void)snprintf(text, S2S_TEXT_MAX, "cut off without close_notify%s", when);
        tell = false;
    } else if (r == GNUTLS_E_REHANDSHAKE) { /* TL-11: not supported, at once */
        (void)snprintf(text, S2S_TEXT_MAX, "the peer asked for TLS renegotiation");
    } else if (r == GNUTLS_E_UNRECOGNIZED_NAME && p->choose) {
        (void)snprintf(text, S2S_TEXT_MAX, "the peer asked for a domain that is not served here");
    } else if (r == GNUTLS_E_NO_APPLICATION_PROTOCOL) {
        (void)snprintf(text, S2S_TEXT_MAX, "the peer does not want to speak XMPP between servers (ALPN)");
    } else if (r == GNUTLS_E_PUSH_ERROR) {
        (void)snprintf(text, S2S_TEXT_MAX, "too much waits to be sent");
        tell = false;
    } else {
        (void)snprintf(text, S2S_TEXT_MAX, "TLS failure%s: %s", when, gnutls_strerror(r));
    }
    if (!p->error)
        p->error = s2s__strdup(p->env, s2s_str_of(text));
    p->state = BROKEN;
    if (tell)
        (void)gnutls_alert_send_appropriate(p->session, r); /* best effort: it is over anyway */
    s2s__buf_free(&p->in);
    p->lent = (s2s_bytes){0};
    return S2S_E_TLS;
}

/* True if GnuTLS stopped although what it was given is not used up: after a KeyUpdate, a session ticket
 * or a warning alert. `before` is what there was, so that this comes to an end. */
static bool go_on(const s2s__pump *p, int r, size_t before)
{
    return !gnutls_error_is_fatal(r) && r != GNUTLS_E_REHANDSHAKE && waiting(p) > 0 &&
           waiting(p) < before;
}

static s2s_err out_of_input(s2s__pump *p, int r)
{
    if (gnutls_error_is_fatal(r) || r == GNUTLS_E_REHANDSHAKE)
        return fail(p, r);
    if (p->eof)
        return fail(p, GNUTLS_E_PREMATURE_TERMINATION);
    p->whole = 0; /* those that carry no data, too */
    if (p->in.len == 0)
        s2s__buf_emptied(&p->in);
    return S2S_E_AGAIN;
}

/* --- bytes in --- */

s2s_err s2s__pump_feed(s2s__pump *p, s2s_bytes cipher)
{
    if (p->state == BROKEN || p->peer_closed)
        return S2S_OK; /* nobody will read it */
    if (p->state == AT_WORK)
        return S2S_E_STATE;
    s2s_err err = s2s__buf_append(&p->in, cipher.ptr, cipher.len);
    p->in.failed = S2S_OK; /* a refused feed leaves the rest readable */
    return err;
}

void s2s__pump_lend(s2s__pump *p, s2s_bytes cipher)
{
    if (p->state != AT_WORK && p->state != BROKEN && !p->peer_closed)
        p->lent = cipher;
}

s2s_err s2s__pump_keep(s2s__pump *p)
{
    if (p->state == AT_WORK) /* s2s__pump_begin has done it */
        return S2S_OK;
    s2s_bytes rest = p->lent;
    p->lent = (s2s_bytes){0};
    return rest.len > 0 ? s2s__pump_feed(p, rest) : S2S_OK;
}

void s2s__pump_rest(s2s__pump *p)
{
    if (p->state == AT_WORK)
        return;
    if (p->in.len == 0)
        s2s__buf_free(&p->in);
    if (p->out.len == 0)
        s2s__buf_free(&p->out);
}

void s2s__pump_eof(s2s__pump *p)
{
    p->eof = true;
}

static const char *named(const char *name)
{
    return name ? name : "";
}

/* The part that may run in another thread: no memory through the environment. */
static void step(s2s__pump *p)
{
    size_t before;
    do {
        before = waiting(p);
        p->step = gnutls_handshake(p->session);
    } while (p->step < 0 && go_on(p, p->step, before));
}

static s2s_err stepped(s2s__pump *p)
{
    if (p->step < 0)
        return out_of_input(p, p->step);
    p->version = named(gnutls_protocol_get_name(gnutls_protocol_get_version(p->session)));
    p->cipher = named(gnutls_cipher_get_name(gnutls_cipher_get(p->session)));
    p->state = RUNNING;
    return S2S_OK;
}

s2s_err s2s__pump_handshake(s2s__pump *p)
{
    switch (p->state) {
    case BROKEN: return S2S_E_TLS;
    case AT_WORK: return S2S_E_STATE;
    case RUNNING: return S2S_OK;
    case HANDSHAKING: step(p); return stepped(p);
    }
    return S2S_E_STATE;
}

s2s_err s2s__pump_begin(s2s__pump *p)
{
    if (p->state != HANDSHAKING)
        return S2S_E_STATE;
    s2s_err err = s2s__buf_reserve(&p->out, STEP_ROOM);
    if (err == S2S_OK)
        err = s2s__buf_append(&p->in, p->lent.ptr, p->lent.len);
    p->in.failed = p->out.failed = S2S_OK; /* nothing was taken */
    if (err != S2S_OK)
        return err;
    p->lent = (s2s_bytes){0};
    p->step = GNUTLS_E_AGAIN;
    p->state = AT_WORK;
    return S2S_OK;
}

void s2s__pump_work(s2s__pump *p)
{
    step(p);
}

s2s_err s2s__pump_worked(s2s__pump *p)
{
    p->state = HANDSHAKING;
    bool more = p->step == GNUTLS_E_AGAIN && gnutls_record_get_direction(p->session) == 1;
    s2s__buf_fit(&p->out);
    return more ? S2S_E_LIMIT : stepped(p);
}

s2s_err s2s__pump_read(s2s__pump *p, uint8_t *out, size_t room, size_t *got)
{
    size_t before;
    ssize_t r;
    if (p->state == BROKEN)
        return S2S_E_TLS;
    if (p->state != RUNNING)
        return S2S_E_STATE;
    if (p->peer_closed)
        return S2S_E_CLOSED;
    if (is_dry(p))
        return out_of_input(p, GNUTLS_E_AGAIN);
    do {
        before = waiting(p);
        r = gnutls_record_recv(p->session, out, room);
    } while (r < 0 && go_on(p, (int)r, before));
    if (r < 0)
        return out_of_input(p, (int)r);
    if (r == 0) {
        p->peer_closed = true;
        s2s__buf_free(&p->in);
        p->lent = (s2s_bytes){0};
        return S2S_E_CLOSED;
    }
    if (p->whole > 0 && gnutls_record_check_pending(p->session) == 0)
        p->whole--;
    *got = (size_t)r;
    return S2S_OK;
}

/* --- bytes out --- */

s2s_err s2s__pump_write(s2s__pump *p, s2s_bytes plain)
{
    if (p->state == BROKEN)
        return S2S_E_TLS;
    if (p->state != RUNNING || p->closed)
        return S2S_E_STATE;
    while (plain.len > 0) {
        size_t len = plain.len < RECORD_MAX ? plain.len : RECORD_MAX;
        ssize_t r = gnutls_record_send(p->session, plain.ptr, len);
        if (r <= 0) /* push() never asks to try again */
            return fail(p, r < 0 ? (int)r : GNUTLS_E_INTERNAL_ERROR);
        plain = (s2s_bytes){plain.ptr + r, plain.len - (size_t)r};
    }
    return S2S_OK;
}

size_t s2s__pump_output(const s2s__pump *p, const uint8_t **out)
{
    *out = NULL;
    if (p->state == AT_WORK)
        return 0;
    *out = s2s__buf_bytes(&p->out);
    return p->out.len;
}

void s2s__pump_sent(s2s__pump *p, size_t len)
{
    s2s__buf_drop(&p->out, len);
    if (p->out.len == 0)
        s2s__buf_emptied(&p->out);
}

void s2s__pump_bye(s2s__pump *p)
{
    if (p->state != RUNNING || p->closed)
        return;
    p->closed = true;
    int r = gnutls_bye(p->session, GNUTLS_SHUT_WR);
    if (r < 0 && gnutls_error_is_fatal(r))
        (void)fail(p, r);
}

/* --- facts --- */

size_t s2s__pump_peer_chain(const s2s__pump *p, s2s_bytes *out, size_t room)
{
    unsigned count = 0;
    const gnutls_datum_t *chain = p->state == AT_WORK ? NULL : gnutls_certificate_get_peers(p->session, &count);
    if (!chain)
        return 0;
    for (size_t i = 0; i < count && i < room; i++)
        out[i] = (s2s_bytes){chain[i].data, chain[i].size};
    return count;
}

s2s_bytes s2s__pump_staple(const s2s__pump *p)
{
    gnutls_datum_t der;
    if (p->role != S2S_INITIATOR || p->state == AT_WORK || gnutls_ocsp_status_request_get2(p->session, 0, &der) < 0)
        return (s2s_bytes){NULL, 0};
    return (s2s_bytes){der.data, der.size};
}

bool s2s__pump_sent_certificate(const s2s__pump *p)
{
    return p->state != AT_WORK && gnutls_certificate_get_ours(p->session) != NULL;
}

const char *s2s__pump_version(const s2s__pump *p)
{
    return p->version;
}

const char *s2s__pump_cipher(const s2s__pump *p)
{
    return p->cipher;
}

s2s_str s2s__pump_alpn(const s2s__pump *p)
{
    gnutls_datum_t name;
    if (p->state == AT_WORK || gnutls_alpn_get_selected_protocol(p->session, &name) < 0)
        return S2S_STR_ABSENT;
    return (s2s_str){(const char *)name.data, name.size};
}

const char *s2s__pump_error(const s2s__pump *p)
{
    return p->error ? p->error : p->state == BROKEN ? "out of memory" : "";
}

bool s2s__pump_heard(const s2s__pump *p)
{
    return p->heard;
}

int s2s__pump_alert(const s2s__pump *p)
{
    return p->alert;
}
