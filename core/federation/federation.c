/* SPDX-License-Identifier: MIT */
/* federation.c: the object: domains, listeners, deliveries, and its orderly end. */
#include "federation/internal.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "protocol/sized.h"
#include "protocol/why.h"
#include "s2s/addr.h"

const char *s2s_tls_start_word(s2s_tls_start start)
{
    return start == S2S_TLS_DIRECT ? "direct" : "starttls";
}

/* -- delivering ---------------------------------------------------------------------------------------- */

void s2s_federation_pause(s2s_federation *f)
{
    f->paused = true;
    for (s2s__stream *s = f->streams; s; s = s->next)
        s2s__stream_flow(s);
}

void s2s__federation_deliver(s2s_federation *f, const s2s_stanza *stanza)
{
    f->delivered++;
    if (!f->ops->deliver(f->user, stanza) && !f->paused)
        s2s_federation_pause(f);
}

void s2s_federation_resume(s2s_federation *f)
{
    f->paused = false;
    for (size_t left = f->streams_len; left > 0 && !f->paused; left--) {
        s2s__stream *s = f->turn ? f->turn : f->oldest;
        if (!s)
            return;
        f->turn = s->prev;
        s2s__stream_flow(s); /* may deliver, and so pause again */
    }
}

void s2s__federation_bounce(s2s_federation *f, const s2s_stanza *stanza, s2s_stanza_error error,
                            const char *text)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (s2s_stanza_bounce(stanza, error, text, buf, sizeof buf, &answer))
        s2s__federation_deliver(f, &answer);
    else
        s2s__report_dropped(f, stanza, text);
}

s2s_err s2s_federation_send(s2s_federation *f, const s2s_stanza *stanza)
{
    char local[S2S_DOMAIN_MAX + 1], remote[S2S_DOMAIN_MAX + 1];
    s2s_jid sender, receiver;
    if (s2s_jid_split(stanza->from, &sender) != S2S_OK || s2s_jid_split(stanza->to, &receiver) != S2S_OK)
        return S2S_E_INVAL;
    s2s__link *link = s2s__link_known(f, sender.domain, receiver.domain);
    if (link) /* the way of most stanzas */
        return s2s__link_send_on(link, stanza);
    if (s2s_domain_normalise(sender.domain, local) != S2S_OK || s2s_domain_normalise(receiver.domain, remote) != S2S_OK)
        return S2S_E_INVAL;
    s2s_str from = s2s_str_of(local), to = s2s_str_of(remote);
    if (!s2s__federation_domain(f, from) || s2s__federation_domain(f, to))
        return S2S_E_INVAL;
    return s2s__link_send(f, from, to, stanza);
}

bool s2s_federation_holds(s2s_federation *f, s2s_str local, s2s_str remote)
{
    char ours[S2S_DOMAIN_MAX + 1], theirs[S2S_DOMAIN_MAX + 1];
    return s2s_domain_normalise(local, ours) == S2S_OK && s2s_domain_normalise(remote, theirs) == S2S_OK &&
           s2s__link_holds(f, s2s_str_of(ours), s2s_str_of(theirs));
}

void s2s_federation_streams(const s2s_federation *f, void (*each)(void *arg, const s2s_stream_info *info),
                            void *arg)
{
    s2s_stream_info info;
    for (const s2s__stream *s = f->streams; s; s = s->next) {
        if (s->is_call)
            continue;
        s2s__stream_info(s, &info);
        each(arg, &info);
    }
}

void s2s_federation_count(const s2s_federation *f, s2s_federation_counts *out)
{
    s2s__sized_write(out, out->size, &f->counts, sizeof f->counts);
}

void s2s__federation_rule(const s2s_federation *f, s2s_str local, s2s_str remote, s2s_remote_rule *out)
{
    *out = (s2s_remote_rule){.size = sizeof *out, .allow = true};
    if (f->policy.ops->remote_rule)
        f->policy.ops->remote_rule(f->policy.self, local, remote, out);
}

bool s2s__federation_owns(const s2s_federation *f, s2s_str remote)
{
    return f->parts == 1 || f->ops->owns(f->user, remote);
}

/* -- domains, listeners, routes ------------------------------------------------------------------------ */

const s2s__domain *s2s__federation_domain(const s2s_federation *f, s2s_str name)
{
    return s2s__setup_domain(f->setup, name);
}

s2s__identity *s2s__federation_identity(s2s_federation *f, s2s_str name)
{
    uv_mutex_lock(&f->setup_lock);
    const s2s_setup *setup = f->setup;
    const s2s__domain *domain = name.ptr               ? s2s__setup_domain(setup, name)
                                : setup->domains_len > 0 ? setup->domains[0]
                                                         : NULL;
    s2s__identity *identity = domain ? s2s__identity_ref(domain->identity) : NULL;
    uv_mutex_unlock(&f->setup_lock);
    return identity;
}

bool s2s_federation_serves(const s2s_federation *f, s2s_str domain)
{
    char normal[S2S_DOMAIN_MAX + 1];
    return s2s_domain_normalise(domain, normal) == S2S_OK &&
           s2s__federation_domain(f, s2s_str_of(normal)) != NULL;
}

s2s_err s2s_federation_add_domain(s2s_federation *f, s2s_str domain, const char *certificate_file,
                                  const char *key_file, char why[S2S_TEXT_MAX])
{
    f->setups++;
    return s2s_setup_add_domain(f->setup, domain, certificate_file, key_file, why);
}

s2s_err s2s_federation_add_domain_pem(s2s_federation *f, s2s_str domain, s2s_bytes certificate, s2s_bytes key,
                                      char why[S2S_TEXT_MAX])
{
    f->setups++;
    return s2s_setup_add_domain_pem(f->setup, domain, certificate, key, why);
}

/* Room for one listener more. */
static s2s_err grow_listeners(s2s_federation *f, char why[S2S_TEXT_MAX])
{
    if (f->stopping)
        return s2s__refuse(why, S2S_E_CLOSED, "stopping: nothing new is accepted");
    s2s__listener **list =
        f->env->ops->resize(f->env->user, f->listeners, (f->listeners_len + 1) * sizeof *list);
    if (!list)
        return s2s__refuse(why, S2S_E_NOMEM, "out of memory");
    f->listeners = list;
    return S2S_OK;
}

static s2s__accepted_cb accept_by(s2s_tls_start tls)
{
    return tls == S2S_TLS_DIRECT ? s2s__accept_direct : s2s__accept;
}

s2s_err s2s_federation_listen(s2s_federation *f, const char *address, s2s_tls_start tls,
                              char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    s2s_err err = grow_listeners(f, why);
    if (err == S2S_OK)
        err = s2s__listener_new(f->env, f->loop, address, f->parts > 1, accept_by(tls), f, &f->listeners[f->listeners_len], bound, why);
    if (err == S2S_OK)
        f->listeners_len++;
    return err;
}

s2s_err s2s_federation_listen_fd(s2s_federation *f, int fd, s2s_tls_start tls, char bound[S2S_ADDRESS_MAX],
                                 char why[S2S_TEXT_MAX])
{
    s2s_err err = grow_listeners(f, why);
    if (err != S2S_OK) {
        (void)close(fd);
        return err;
    }
    err = s2s__listener_adopt(f->env, f->loop, fd, accept_by(tls), f, &f->listeners[f->listeners_len], bound, why);
    if (err == S2S_OK)
        f->listeners_len++;
    return err;
}

s2s_err s2s_federation_route(s2s_federation *f, const char *match, const char *address, s2s_tls_start tls,
                             char why[S2S_TEXT_MAX])
{
    return s2s_setup_add_route(f->setup, match, address, tls, why);
}

/* -- beginning and end --------------------------------------------------------------------------------- */

void (s2s_federation_options_init)(s2s_federation_options *options, size_t size)
{
    s2s__sized_write(options, size, &(s2s_federation_options){0}, sizeof *options);
}

static bool parts_ok(const s2s_federation_options *o)
{
    return o->parts <= 1 ? o->part == 0 : o->part < o->parts && o->ops->owns && o->dialback_secret.len > 0;
}

/* What is wrong with them; NULL: nothing. */
static const char *fault_of(const s2s_federation_options *o)
{
    if (!o->loop || !o->env || !o->policy || !o->policy->ops || !o->ops)
        return "the options lack a loop, an env, a policy or ops";
    if (!s2s__env_known(o->env))
        return "the env, or its ops, is not initialised, or of another libs2s";
    if (o->policy->ops->abi != S2S_POLICY_ABI || !o->policy->ops->judge)
        return "the policy is of another libs2s, or does not judge";
    if (o->ops->abi != S2S_FEDERATION_ABI || !o->ops->deliver || !o->ops->drained || !o->ops->stopped)
        return "the ops are of another libs2s, or lack deliver, drained or stopped";
    if (o->dialback_secret.len > 0 && !o->env->ops->sha256)
        return "a dialback secret is of no use without the env's sha256";
    if (!parts_ok(o))
        return "of several parts: part must be less than parts, and ops->owns and a dialback secret are needed";
    return NULL;
}

/* DK-02. Without a hash there are no keys, and so no dialback. */
static s2s_err make_secret(s2s_federation *f, s2s_bytes shared)
{
    if (!f->env->ops->sha256)
        return S2S_OK;
    return shared.len > 0 ? s2s_dialback_secret_make(f->env, shared, &f->secret)
                          : s2s_dialback_secret_random(f->env, &f->secret);
}

/* Half made: there is no stream, listener or post yet. */
static void unmake(s2s_federation *f)
{
    s2s_setup_free(f->setup);
    s2s__table_free(&f->links);
    s2s__rates_free(f);
    s2s__slow_free(f);
    s2s__table_free(&f->origins);
    s2s__questions_free(f);
    explicit_bzero(&f->secret, sizeof f->secret);
    uv_mutex_destroy(&f->setup_lock);
    s2s__free(f->env, f);
}

static void on_unmade(uv_handle_t *handle)
{
    s2s__io *io = handle->data;
    s2s_federation *f = (s2s_federation *)((char *)io - offsetof(s2s_federation, io));
    s2s__io_free(io);
    unmake(f);
}

s2s_err s2s_federation_new(const s2s_federation_options *given, s2s_federation **out,
                           char why[S2S_TEXT_MAX])
{
    s2s_federation_options read = {0}, *options = &read;
    if (!out || !s2s__sized_read(options, sizeof *options, given))
        return s2s__refuse(why, S2S_E_INVAL, "the options were not initialised, or are those of a newer libs2s");
    const char *fault = fault_of(options);
    if (fault)
        return s2s__refuse(why, S2S_E_INVAL, "%s", fault);
    const s2s_env *env = options->env;
    if ((fault = s2s_limits_check(&env->limits)) != NULL)
        return s2s__refuse(why, S2S_E_INVAL, "limits.%s is out of its range", fault);
    s2s_federation *f = s2s__alloc(env, sizeof *f);
    if (!f)
        return s2s__refuse(why, S2S_E_NOMEM, "out of memory");
    if (uv_mutex_init(&f->setup_lock) != 0) {
        s2s__free(env, f);
        return s2s__refuse(why, S2S_E_NOMEM, "no lock");
    }
    f->env = env;
    f->loop = options->loop;
    f->policy = *options->policy;
    f->ops = options->ops;
    f->user = options->user;
    f->bidi = options->bidi;
    f->taken_later = options->taken_later;
    f->route = options->route;
    f->parts = options->parts > 1 ? options->parts : 1;
    f->next_in = f->next_out = options->part + 1;
    s2s_err err = make_secret(f, options->dialback_secret);
    if (err == S2S_OK)
        err = s2s__table_init(&f->links, env);
    if (err == S2S_OK)
        err = s2s__table_init(&f->slow, env);
    if (err == S2S_OK)
        err = s2s__rates_init(f);
    if (err == S2S_OK)
        err = s2s__table_init(&f->origins, env);
    if (err == S2S_OK)
        err = s2s_setup_new(env, &f->setup);
    if (err == S2S_OK)
        err = s2s__resolver_new(f->loop, env, options->dns_servers, options->dns_servers_len,
                                options->dns_anchors, options->dns_anchors_len, &f->resolver, why);
    if (err == S2S_OK && (err = s2s__io_init(&f->io, env, f->loop, why)) != S2S_OK)
        s2s__resolver_close(f->resolver, NULL, NULL);
    if (err != S2S_OK) {
        unmake(f);
        return err;
    }
    if ((err = s2s__post_begin(f)) != S2S_OK) {
        s2s__resolver_close(f->resolver, NULL, NULL);
        s2s__io_close(&f->io, on_unmade);
        return s2s__refuse(why, err, "no handle to wake the loop by");
    }
    uv_timer_init(f->loop, &f->stop_timer);
    f->stop_timer.data = f;
    s2s__recheck_begin(f);
    s2s__reroute_begin(f);
    s2s__rates_begin(f);
    s2s__hold_timer_begin(f);
    *out = f;
    return S2S_OK;
}

void s2s_federation_free(s2s_federation *f)
{
    if (!f)
        return;
    if (f->loop) { /* handles in this memory are on it: to leak is better */
        s2s__log(f->env, S2S_LOG_ERROR, "s2s_federation_free before ops->stopped: not freed", NULL, 0);
        return;
    }
    s2s__free(f->env, f->listeners);
    s2s__io_free(&f->io);
    s2s__post_free(f);
    unmake(f);
}

/* The last handle: what was closed before it is gone now. */
static void on_stop_timer_closed(uv_handle_t *handle)
{
    s2s_federation *f = handle->data;
    f->loop = NULL;
    f->ops->stopped(f->user);
}

enum { LAST_PARTS = 7 }; /* the timers of recheck, reroute, rates and hold, post handle; resolver and flush handle, which close when the
                        * streams are gone */

static void part_closed(void *arg)
{
    s2s_federation *f = arg;
    if (--f->open_parts == 0)
        uv_close((uv_handle_t *)&f->stop_timer, on_stop_timer_closed);
}

static void on_flush_closed(uv_handle_t *handle)
{
    s2s__io *io = handle->data;
    part_closed((char *)io - offsetof(s2s_federation, io));
}

static void on_handle_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

void s2s__federation_check_stopped(s2s_federation *f)
{
    if (!f->stopping || f->finishing || f->streams || f->links.len > 0)
        return;
    f->finishing = true;
    uv_timer_stop(&f->stop_timer);
    s2s__io_close(&f->io, on_flush_closed);
    s2s__resolver_close(f->resolver, part_closed, f);
}

static void on_stop_timer(uv_timer_t *timer)
{
    s2s__links_each(timer->data, s2s__link_give_up);
}

/* Streams that are not established have nothing to lose; the others are closed in XML. */
static void close_linkless(s2s_federation *f)
{
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (!s->link && (s->role == S2S_ACCEPTOR || s->end == S2S__END_BROKE)) /* a route is closed when its queue is out */
            s2s__connection_close(s->connection, s->established ? S2S_COND_NONE : S2S_COND_SYSTEM_SHUTDOWN,
                                  NULL);
    }
}

size_t s2s_federation_close_remote(s2s_federation *f, s2s_str remote)
{
    char name[S2S_DOMAIN_MAX + 1];
    size_t closed = 0;
    if (s2s_domain_normalise(remote, name) != S2S_OK)
        return 0;
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        if (!s->remote || strcmp(s->remote, name) != 0 || f->stopping)
            continue;
        closed++;
        s->begins_anew = true;
        if (s->link)
            s2s__link_reset(s->link, "closed by the operator");
        else if (s->connection)
            s2s__connection_close(s->connection, S2S_COND_NONE, NULL);
    }
    s2s__links_forgive(f, s2s_str_of(name));
    return closed;
}

void s2s_federation_reachable(s2s_federation *f, s2s_str remote)
{
    char name[S2S_DOMAIN_MAX + 1];
    if (s2s_domain_normalise(remote, name) == S2S_OK)
        s2s__links_forgive(f, s2s_str_of(name));
}

void s2s_federation_stop(s2s_federation *f)
{
    if (f->stopping)
        return;
    f->stopping = true;
    for (size_t i = 0; i < f->listeners_len; i++)
        s2s__listener_close(f->listeners[i], part_closed);
    f->open_parts = (unsigned)f->listeners_len + LAST_PARTS;
    f->listeners_len = 0;
    s2s__recheck_end(f, on_handle_closed);
    s2s__post_end(f, on_handle_closed);
    s2s__reroute_end(f, on_handle_closed);
    s2s__rates_end(f, on_handle_closed);
    s2s__hold_timer_end(f, on_handle_closed);
    uv_timer_start(&f->stop_timer, on_stop_timer, f->env->limits.close_ms, 0);
    s2s__claims_stop(f);
    close_linkless(f);
    s2s__links_each(f, s2s__link_stop);
    s2s_federation_resume(f); /* a stream that has still to send has acknowledgements to read */
    s2s__federation_check_stopped(f);
}
