/* SPDX-License-Identifier: MIT */
/* connection.c: the life of a connection: libuv <-> TLS <-> session, its time, its events, its end. */
#include "transport/connection_inside.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "s2s/addr.h"
#include "transport/dialer.h"

enum {
    KEEPALIVE_SECONDS = 120,
    CLEAR_MAX = 65536,
};

/* -- the end ------------------------------------------------------------------------------------------- */

static void free_connection(s2s__connection *c)
{
    const s2s_env *env = c->io->env;
    s2s__conn_forget_dirty(c);
    s2s__conn_set_tls(c, S2S__TLS_NONE);
    s2s__conn_forget_awake(c);
    s2s_session_free(c->session);
    s2s__pump_free(c->pump);
    s2s__buf_free(&c->clear);
    s2s__buf_free(&c->writing);
    s2s__free(env, c->sni);
    s2s__free(env, c->request);
    s2s__free(env, c->tcp);
    s2s__free(env, c);
}

void s2s__conn_release(s2s__connection *c)
{
    if (--c->open_handles > 0)
        return;
    const s2s__connection_ops *ops = c->ops;
    void *owner = c->owner;
    free_connection(c);
    ops->gone(owner);
}

static void on_handle_closed(uv_handle_t *handle)
{
    s2s__conn_release(handle->data);
}

void s2s__conn_close_handles(s2s__connection *c)
{
    if (c->life == S2S__LIFE_CLOSING)
        return;
    c->life = S2S__LIFE_CLOSING;
    s2s__conn_work_cancel(c);
    uv_close((uv_handle_t *)c->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

/* -- time ---------------------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void set_timer(s2s__connection *c)
{
    if (c->life == S2S__LIFE_CLOSING)
        return;
    s2s_time by = s2s__conn_is_over(c) ? c->linger_by : s2s_session_deadline(c->session);
    if (c->out == S2S__OUT_WRITING && c->stalled_by < by)
        by = c->stalled_by;
    if (c->out == S2S__OUT_BROKEN && c->in != S2S__IN_PAUSED && c->broken_by < by)
        by = c->broken_by;
    if (c->out == S2S__OUT_BROKEN && c->mute_at < by)
        by = c->mute_at;
    if (by == c->timer_at)
        return;
    c->timer_at = by;
    if (by == S2S_NEVER) {
        uv_timer_stop(&c->timer);
        return;
    }
    s2s_time t = s2s__conn_now(c);
    uv_timer_start(&c->timer, on_timer, by > t ? by - t : 0, 0);
}

void s2s__conn_note_progress(s2s__connection *c)
{
    c->stalled_size = uv_stream_get_write_queue_size((const uv_stream_t *)c->tcp);
    c->stalled_by = s2s__conn_now(c) + c->io->env->limits.stall_ms;
}

void s2s__conn_broken(s2s__connection *c, const char *why)
{
    c->out = S2S__OUT_BROKEN;
    if (s2s__conn_is_over(c)) {
        s2s__conn_close_handles(c);
        return;
    }
    c->broken = why;
    c->broken_by = c->mute_at = s2s__conn_now(c) + c->io->env->limits.close_ms;
    if (!c->established)
        s2s_session_lost(c->session, s2s__conn_now(c), why);
}

/* The receiver holds up what came before: the end may be far. What is unread is unacknowledged. A peer that counts sends it again
 * (XEP-0198 section 4), over a stream whose later stanzas it must not come behind; of one that does not, it is read all the same. */
static void give_up_output(s2s__connection *c)
{
    s2s_acks acks;
    c->mute_at = S2S_NEVER;
    s2s_session_acks(c->session, &acks);
    if (acks.on) {
        s2s_session_lost(c->session, s2s__conn_now(c), c->broken);
        return;
    }
    s2s_session_mute(c->session);
    c->busy = true; /* nothing is read while they take back what was sent */
    c->ops->broken(c->owner);
    c->busy = false;
}

static void look_at_stall(s2s__connection *c)
{
    if (uv_stream_get_write_queue_size((const uv_stream_t *)c->tcp) < c->stalled_size)
        s2s__conn_note_progress(c);
    else if (s2s__conn_is_over(c))
        s2s__conn_close_handles(c);
    else
        s2s_session_lost(c->session, s2s__conn_now(c), "the peer does not take what we send");
}

static void on_timer(uv_timer_t *timer)
{
    s2s__connection *c = timer->data;
    s2s_time now = s2s__conn_now(c);
    c->timer_at = S2S_NEVER;
    if (s2s__conn_is_over(c) && now >= c->linger_by) {
        s2s__conn_close_handles(c);
        return;
    }
    if (c->out == S2S__OUT_WRITING && now >= c->stalled_by)
        look_at_stall(c);
    else if (c->out == S2S__OUT_BROKEN && c->in != S2S__IN_PAUSED && now >= c->broken_by)
        s2s_session_lost(c->session, now, c->broken);
    else if (c->out == S2S__OUT_BROKEN && now >= c->mute_at)
        give_up_output(c);
    if (!s2s__conn_is_over(c))
        s2s_session_tick(c->session, now);
    s2s__conn_drive(c);
}

/* -- the session's events ------------------------------------------------------------------------------ */

static void session_closed(s2s__connection *c, const s2s_event *e)
{
    c->life = S2S__LIFE_OVER;
    c->linger_by = s2s__conn_now(c) + c->io->env->limits.close_ms;
    s2s__conn_collect(c);
    if (c->pump && e->graceful)
        s2s__pump_bye(c->pump);
    s2s__conn_flush(c);
    c->ops->closed(c->owner, e->close);
    if (e->graceful || c->out == S2S__OUT_WRITING)
        s2s__conn_finish_if_sent(c);
    else
        s2s__conn_close_handles(c);
}

/* Direct TLS: nobody has named a domain but the ClientHello (TL-09). */
static s2s__identity *choose_identity(void *arg, s2s_str sni)
{
    s2s__connection *c = arg;
    char name[S2S_DOMAIN_MAX + 1];
    if (!sni.ptr)
        return c->ops->identity(c->owner, S2S_STR_ABSENT);
    return s2s_domain_normalise(sni, name) == S2S_OK ? c->ops->identity(c->owner, s2s_str_of(name)) : NULL;
}

static void start_tls(s2s__connection *c, s2s_str local)
{
    bool named = local.ptr != NULL;
    s2s__pump_options options = {.role = c->role,
                                 .credentials = c->io->credentials,
                                 .identity = named ? c->ops->identity(c->owner, local) : NULL,
                                 .choose = named ? NULL : choose_identity,
                                 .choose_arg = c,
                                 .sni = c->sni,
                                 .alpn = c->direct_tls};
    s2s__conn_collect(c); /* <starttls/> or <proceed/> is the last thing in the clear */
    bool made = (!named || options.identity) && s2s__pump_new(c->io->env, &options, &c->pump) == S2S_OK;
    s2s__identity_unref(options.identity);
    if (!made) {
        s2s_session_lost(c->session, s2s__conn_now(c), "TLS could not be set up");
        return;
    }
    s2s__conn_set_tls(c, S2S__TLS_PEER);
    if (c->role == S2S_INITIATOR)
        s2s__conn_handshake(c);
}

static void take_event(s2s__connection *c, const s2s_event *e)
{
    switch (e->type) {
    case S2S_EV_NONE: return;
    case S2S_EV_OPEN: c->ops->open(c->owner, e->local, e->remote); return;
    case S2S_EV_START_TLS: start_tls(c, e->local); return;
    case S2S_EV_VERIFY: c->ops->verify(c->owner, e->local, e->remote); return;
    case S2S_EV_ESTABLISHED:
        c->established = true;
        c->ops->established(c->owner, e->local, e->remote); return;
    case S2S_EV_STANZA: c->ops->stanza(c->owner, e->stanza); return;
    case S2S_EV_REJECTED: c->ops->rejected(c->owner, e->stanza, e->error); return;
    case S2S_EV_PAIR:
    case S2S_EV_DIALBACK_RESULT:
    case S2S_EV_DIALBACK_VERIFY:
    case S2S_EV_DIALBACK_ANSWER: c->ops->dialback(c->owner, e); return;
    case S2S_EV_ACKED: c->ops->progress(c->owner); return;
    case S2S_EV_CLOSED: session_closed(c, e); return;
    }
}

void s2s__conn_drive(s2s__connection *c)
{
    s2s_event e;
    if (c->busy || c->life == S2S__LIFE_CLOSING)
        return;
    c->busy = true;
    while (!s2s__conn_is_over(c) && s2s_session_next_event(c->session, &e) != S2S_EV_NONE)
        take_event(c, &e);
    c->busy = false;
    if (c->in == S2S__IN_RESUMED) {
        c->in = S2S__IN_READ;
        s2s__conn_read_on(c);
    }
    if (c->life == S2S__LIFE_CLOSING)
        return;
    s2s__conn_mark_dirty(c);
    set_timer(c);
}

/* -- making one ---------------------------------------------------------------------------------------- */

/* Without the user timeout a peer that is gone is noticed after a quarter of an hour (RFC 1122 section 4.2.3.5), or never. */
static void set_tcp(const s2s__connection *c)
{
    unsigned ms = c->io->env->limits.tcp_ms;
    uv_os_fd_t fd;
    uv_tcp_nodelay(c->tcp, 1);
    uv_tcp_keepalive(c->tcp, 1, KEEPALIVE_SECONDS);
#ifdef TCP_USER_TIMEOUT
    if (ms > 0 && uv_fileno((const uv_handle_t *)c->tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
#else
    (void)ms;
    (void)fd;
#endif
}

s2s_err s2s__connection_new(s2s__io *io, uv_tcp_t *tcp, const s2s_session_options *options,
                            const char *sni, const s2s__connection_ops *ops, void *owner,
                            s2s__connection **out)
{
    const s2s_env *env = io->env;
    s2s_err err = S2S_E_NOMEM;
    s2s__connection *c = s2s__alloc(env, sizeof *c);
    if (!c)
        goto fail_tcp;
    c->io = io;
    c->ops = ops;
    c->owner = owner;
    c->role = options->role;
    c->direct_tls = options->direct_tls;
    c->timer_at = S2S_NEVER;
    size_t output = 2 * ((size_t)env->limits.output_bytes + env->limits.queue_bytes) +
                    16 * (size_t)env->limits.stanza_bytes;
    s2s__buf_init(&c->clear, env, CLEAR_MAX);
    s2s__buf_init(&c->writing, env, output);
    if (sni && !(c->sni = s2s__strdup(env, s2s_str_of(sni))))
        goto fail;
    if ((err = s2s_session_new(env, options, uv_now(io->loop), &c->session)) != S2S_OK)
        goto fail;
    uv_timer_init(io->loop, &c->timer);
    c->timer.data = c;
    c->tcp = tcp;
    tcp->data = c;
    c->open_handles = 2;
    struct sockaddr_storage peer;
    int len = sizeof peer;
    if (uv_tcp_getpeername(tcp, (struct sockaddr *)&peer, &len) == 0)
        s2s__address_print((const struct sockaddr *)&peer, c->address);
    set_tcp(c);
    *out = c;
    if (s2s__conn_read_start(c) < 0)
        s2s_session_lost(c->session, s2s__conn_now(c), "the connection cannot be read");
    s2s__conn_drive(c);
    return S2S_OK;
fail:
    free_connection(c); /* without the handle */
fail_tcp:
    s2s__tcp_close(env, tcp);
    return err;
}

/* -- the owner's calls --------------------------------------------------------------------------------- */

void s2s__connection_accept(s2s__connection *c, bool bidi, s2s_str caps_node, s2s_str caps_ver)
{
    s2s_session_offer_bidi(c->session, bidi);
    if (caps_ver.ptr) /* without memory for them they are not told */
        (void)s2s_session_caps(c->session, caps_node, caps_ver);
    (void)s2s_session_accept(c->session, s2s__conn_now(c));
    s2s__conn_drive(c);
}

void s2s__connection_refuse(s2s__connection *c, s2s_cond cond, const char *text)
{
    (void)s2s_session_refuse(c->session, s2s__conn_now(c), cond, text);
    s2s__conn_drive(c);
}

void s2s__connection_verdict(s2s__connection *c, const s2s_verdict *verdict)
{
    (void)s2s_session_verdict(c->session, s2s__conn_now(c), verdict);
    s2s__conn_drive(c);
}

void s2s__connection_dialback(s2s__connection *c, s2s_str local, s2s_str remote, s2s_dialback_outcome outcome,
                              s2s_stanza_error error)
{
    (void)s2s_session_dialback(c->session, s2s__conn_now(c), local, remote, outcome, error);
    s2s__conn_drive(c);
}

void s2s__connection_verified(s2s__connection *c, const s2s_event *asked, s2s_dialback_outcome outcome,
                              s2s_stanza_error error)
{
    (void)s2s_session_dialback_verified(c->session, s2s__conn_now(c), asked->local, asked->remote, asked->id, outcome, error);
    s2s__conn_drive(c);
}

s2s_err s2s__connection_send(s2s__connection *c, const s2s_stanza *stanza)
{
    if (s2s__conn_is_over(c))
        return S2S_E_STATE;
    if (c->out == S2S__OUT_BROKEN || s2s__connection_pending(c) > c->io->env->limits.output_bytes)
        return S2S_E_LIMIT;
    s2s_err err = s2s_session_send(c->session, stanza);
    s2s__conn_mark_dirty(c);
    return err == S2S_E_AGAIN ? S2S_E_LIMIT : err;
}

void s2s__connection_acks(const s2s__connection *c, s2s_acks *out)
{
    s2s_session_acks(c->session, out);
}

const s2s_stanza *s2s__connection_unacknowledged(s2s__connection *c)
{
    return s2s_session_unacknowledged(c->session);
}

void s2s__connection_close(s2s__connection *c, s2s_cond cond, const char *text)
{
    if (s2s__conn_is_over(c))
        return;
    c->life = S2S__LIFE_PARTING;
    if (cond != S2S_COND_NONE)
        s2s__connection_pause(c, false); /* behind an error nothing counts */
    s2s_session_close(c->session, s2s__conn_now(c), cond, text);
    s2s__connection_pause(c, false); /* what its receiver has held up is behind the last acknowledgement */
    s2s__conn_drive(c);
}

void s2s__connection_unsafe(s2s__connection *c, uint32_t count, bool drive)
{
    if (s2s__conn_is_over(c))
        return;
    s2s_session_unsafe(c->session, count);
    if (drive)
        s2s__conn_drive(c);
}

void s2s__connection_pause(s2s__connection *c, bool pause)
{
    if ((c->in == S2S__IN_PAUSED) == pause || s2s__conn_is_over(c))
        return;
    if (pause && (c->life == S2S__LIFE_PARTING || !s2s_session_is_open(c->session)))
        return;
    c->in = pause ? S2S__IN_PAUSED : S2S__IN_READ;
    s2s_session_hold(c->session, s2s__conn_now(c), pause);
    if (pause) {
        uv_read_stop((uv_stream_t *)c->tcp);
        set_timer(c); /* nothing else may happen here before the peer is to be told */
        return;
    }
    if (c->out == S2S__OUT_BROKEN)
        c->broken_by = s2s__conn_now(c) + c->io->env->limits.close_ms;
    if (!c->eof)
        s2s__conn_read_start(c);
    if (c->busy) /* what the caller looks at would move */
        c->in = S2S__IN_RESUMED;
    else
        s2s__conn_read_on(c);
}

size_t s2s__connection_pending(const s2s__connection *c)
{
    return s2s__conn_unsent(c) + uv_stream_get_write_queue_size((const uv_stream_t *)c->tcp);
}

bool s2s__connection_is_open(const s2s__connection *c)
{
    return !s2s__conn_is_over(c) && s2s_session_is_open(c->session);
}

const char *s2s__connection_state(const s2s__connection *c)
{
    return s2s_session_state(c->session);
}

s2s_str s2s__connection_stream_id(const s2s__connection *c)
{
    return s2s_session_stream_id(c->session);
}

const char *s2s__connection_mechanism(const s2s__connection *c)
{
    return s2s_session_mechanism(c->session);
}

bool s2s__connection_is_bidi(const s2s__connection *c)
{
    return s2s_session_is_bidi(c->session);
}

const char *s2s__connection_address(const s2s__connection *c)
{
    return c->address;
}

const s2s__pump *s2s__connection_pump(const s2s__connection *c)
{
    return c->pump;
}
