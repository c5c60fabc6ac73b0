/* SPDX-License-Identifier: MIT */
/* dialer.c: resolve, then try each address in turn. */
#include "transport/dialer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"

/* One connection attempt. Its memory must live until libuv reports it, so it is not part of the dial. */
typedef struct attempt {
    uv_connect_t req;
    const s2s_env *env;
    s2s__dial *dial; /* NULL: given up */
} attempt;

struct s2s__dial {
    const s2s_env *env;
    uv_loop_t *loop;
    s2s__dialed_cb done;
    void *arg;
    s2s_time by;
    s2s__query *query;
    uv_timer_t timer;
    attempt *attempt;
    uv_tcp_t *tcp;
    struct sockaddr_storage *addresses;
    size_t count, next;
    bool direct;
    char text[S2S_TEXT_MAX];
};

/* -- TCP handles --------------------------------------------------------------------------------------- */

uv_tcp_t *s2s__tcp_new(const s2s_env *env, uv_loop_t *loop)
{
    uv_tcp_t *tcp = s2s__alloc(env, sizeof *tcp);
    if (tcp && uv_tcp_init(loop, tcp) < 0) {
        s2s__free(env, tcp);
        return NULL;
    }
    return tcp;
}

static void on_tcp_closed(uv_handle_t *handle)
{
    const s2s_env *env = handle->data;
    s2s__free(env, handle);
}

void s2s__tcp_close(const s2s_env *env, uv_tcp_t *tcp)
{
    if (!tcp)
        return;
    tcp->data = (void *)(uintptr_t)env; /* read as const again above */
    uv_close((uv_handle_t *)tcp, on_tcp_closed);
}

/* -- the end ------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    s2s__dial *d = handle->data;
    s2s__free(d->env, d->addresses);
    s2s__free(d->env, d);
}

static void give_up_attempt(s2s__dial *d)
{
    if (d->attempt)
        d->attempt->dial = NULL;
    d->attempt = NULL;
    s2s__tcp_close(d->env, d->tcp);
    d->tcp = NULL;
}

void s2s__dial_cancel(s2s__dial *d)
{
    if (!d)
        return;
    s2s__resolver_cancel(d->query);
    d->query = NULL;
    give_up_attempt(d);
    uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

static void finish(s2s__dial *d, s2s__dial_end end)
{
    uv_tcp_t *tcp = d->tcp;
    d->tcp = NULL;
    d->done(d->arg, end, tcp, d->direct, d->text);
    s2s__dial_cancel(d);
}

S2S_PRINTF(2, 3) static void say(s2s__dial *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(d->text, sizeof d->text, format, args);
    va_end(args);
}

/* -- connecting ---------------------------------------------------------------------------------------- */

static void try_next(s2s__dial *d);

static void attempt_failed(s2s__dial *d, const char *why)
{
    char address[S2S_ADDRESS_MAX];
    s2s__address_print((const struct sockaddr *)&d->addresses[d->next - 1], address);
    say(d, "no connection to %s: %s", address, why);
    give_up_attempt(d);
    try_next(d);
}

static void on_connected(uv_connect_t *req, int status)
{
    attempt *a = req->data;
    s2s__dial *d = a->dial;
    s2s__free(a->env, a);
    if (!d)
        return;
    d->attempt = NULL;
    if (status < 0)
        attempt_failed(d, uv_strerror(status));
    else
        finish(d, S2S__DIAL_CONNECTED);
}

static void on_connect_timer(uv_timer_t *timer)
{
    attempt_failed(timer->data, "timed out");
}

static int connect_to(s2s__dial *d, const struct sockaddr *address)
{
    d->tcp = s2s__tcp_new(d->env, d->loop);
    attempt *a = s2s__alloc(d->env, sizeof *a);
    if (!a || !d->tcp) {
        s2s__free(d->env, a);
        return UV_ENOMEM;
    }
    a->env = d->env;
    a->dial = d;
    a->req.data = a;
    int status = uv_tcp_connect(&a->req, d->tcp, address, on_connected);
    if (status < 0)
        s2s__free(d->env, a);
    else
        d->attempt = a;
    return status;
}

static void try_next(s2s__dial *d)
{
    s2s_time t = uv_now(d->loop);
    if (d->next == d->count) {
        finish(d, S2S__DIAL_FAILED);
        return;
    }
    if (t >= d->by) {
        if (!d->text[0])
            say(d, "no time left to connect");
        finish(d, S2S__DIAL_FAILED);
        return;
    }
    const struct sockaddr *address = (const struct sockaddr *)&d->addresses[d->next++];
    int status = connect_to(d, address);
    if (status < 0) {
        attempt_failed(d, uv_strerror(status)); /* as deep as there are addresses: bounded */
        return;
    }
    s2s_time wait = d->by - t < d->env->limits.connect_ms ? d->by - t : d->env->limits.connect_ms;
    uv_timer_start(&d->timer, on_connect_timer, wait, 0);
}

/* -- resolving ----------------------------------------------------------------------------------------- */

static void on_resolved(void *arg, const s2s__resolution *r)
{
    s2s__dial *d = arg;
    d->query = NULL;
    uv_timer_stop(&d->timer);
    switch (r->status) {
    case S2S__RESOLVED_FOUND: break;
    case S2S__RESOLVED_NOT_FOUND:
    case S2S__RESOLVED_NOT_OFFERED:
        say(d, "%s", r->text);
        finish(d, S2S__DIAL_NO_ADDRESS);
        return;
    case S2S__RESOLVED_BOGUS:
    case S2S__RESOLVED_TIMEOUT:
    case S2S__RESOLVED_FAILED:
        say(d, "%s", r->text);
        finish(d, S2S__DIAL_DNS_FAILED);
        return;
    }
    d->addresses = s2s__alloc(d->env, r->count * sizeof *d->addresses);
    if (!d->addresses) {
        say(d, "out of memory");
        finish(d, S2S__DIAL_FAILED);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        d->addresses[i] = r->endpoints[i].address;
    d->count = r->count;
    try_next(d);
}

static void on_resolve_timer(uv_timer_t *timer)
{
    s2s__dial *d = timer->data;
    say(d, "the DNS gave no answer in time");
    finish(d, S2S__DIAL_DNS_FAILED);
}

/* With a fixed address nothing is asked, but the answer comes from the loop all the same. */
static void on_fixed(uv_timer_t *timer)
{
    try_next(timer->data);
}

static s2s_err start_fixed(s2s__dial *d, const struct sockaddr *fixed)
{
    d->addresses = s2s__alloc(d->env, sizeof *d->addresses);
    if (!d->addresses)
        return S2S_E_NOMEM;
    size_t len = fixed->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    memcpy(d->addresses, fixed, len);
    d->count = 1;
    uv_timer_start(&d->timer, on_fixed, 0, 0);
    return S2S_OK;
}

static s2s_err start_resolving(s2s__dial *d, s2s__resolver *resolver, const char *domain)
{
    s2s_time t = uv_now(d->loop);
    s2s_err err = s2s__resolver_query(resolver, domain, on_resolved, d, &d->query);
    if (err == S2S_OK)
        uv_timer_start(&d->timer, on_resolve_timer, d->by > t ? d->by - t : 0, 0);
    return err;
}

s2s_err s2s__dial_start(const s2s__dial_options *options, s2s__dialed_cb done, void *arg, s2s__dial **out)
{
    s2s__dial *d = s2s__alloc(options->env, sizeof *d);
    if (!d)
        return S2S_E_NOMEM;
    d->env = options->env;
    d->loop = options->loop;
    d->done = done;
    d->arg = arg;
    d->by = options->by;
    d->direct = options->fixed && options->fixed_direct;
    uv_timer_init(d->loop, &d->timer);
    d->timer.data = d;
    s2s_err err = options->fixed ? start_fixed(d, options->fixed)
                                 : start_resolving(d, options->resolver, options->domain);
    if (err != S2S_OK) {
        s2s__dial_cancel(d);
        return err;
    }
    *out = d;
    return S2S_OK;
}

const char *s2s__dial_state(const s2s__dial *d)
{
    return d->query ? "resolving" : "connecting";
}
