/* SPDX-License-Identifier: MIT */
/* dialer.c: resolve, then race the addresses of one priority after the other (RFC 8305, XEP-0495). */
#include "transport/dialer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "transport/address.h"

enum {
    RACERS_MAX = 4, /* connection attempts at once; further ones wait until one has failed */
    TRIED_MAX = S2S_TEXT_MAX - 48, /* of the text about what was tried; what does not fit is counted */
};

/* One connection attempt. Its memory must live until libuv reports it, so it is not part of the dial. */
typedef struct attempt {
    uv_connect_t req;
    const s2s_env *env;
    s2s__dial *dial; /* NULL: given up */
} attempt;

typedef struct racer {
    attempt *attempt;
    uv_tcp_t *tcp;
    size_t endpoint;
    s2s_time by;
} racer;

typedef enum endpoint_state { UNTRIED, TRYING, FAILED } endpoint_state;

struct s2s__dial {
    const s2s_env *env;
    uv_loop_t *loop;
    s2s__dialed_cb done;
    void *arg;
    s2s_time by;
    s2s__query *query;
    uv_timer_t timer;
    s2s__resolution *resolution; /* NULL: not known yet */
    endpoint_state *states;      /* of its endpoints */
    racer racers[RACERS_MAX];
    size_t racing;
    s2s_time next_at; /* when the next one may join the race */
    size_t chosen;    /* the endpoint that is connected */
    size_t failures;
    size_t untold;    /* failures that did not fit into `tried` */
    char tried[S2S_TEXT_MAX];
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
    s2s__resolution_free(d->resolution);
    s2s__free(d->env, d->states);
    s2s__free(d->env, d);
}

/* Takes it out of the race; its handle is closed unless somebody takes it before. */
static void leave_race(s2s__dial *d, size_t i, endpoint_state state)
{
    racer *r = &d->racers[i];
    if (r->attempt)
        r->attempt->dial = NULL;
    s2s__tcp_close(d->env, r->tcp);
    d->states[r->endpoint] = state;
    d->racers[i] = d->racers[--d->racing];
}

static void end_race(s2s__dial *d)
{
    while (d->racing > 0)
        leave_race(d, d->racing - 1, UNTRIED);
}

void s2s__dial_cancel(s2s__dial *d)
{
    if (!d)
        return;
    s2s__resolver_cancel(d->query);
    d->query = NULL;
    end_race(d);
    uv_close((uv_handle_t *)&d->timer, on_timer_closed);
}

S2S_PRINTF(3, 4) static void fail(s2s__dial *d, s2s__dial_end end, const char *format, ...)
{
    char text[S2S_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->done(d->arg, end, NULL, text);
    s2s__dial_cancel(d);
}

/* -- what was tried ------------------------------------------------------------------------------------ */

static void note(s2s__dial *d, size_t endpoint, const char *why)
{
    char address[S2S_ADDRESS_MAX], one[2 * S2S_TEXT_MAX];
    const s2s__endpoint *e = &d->resolution->endpoints[endpoint];
    size_t used = strlen(d->tried);
    d->failures++;
    s2s__address_print((const struct sockaddr *)&e->address, address);
    int len = snprintf(one, sizeof one, "%s%s%s: %s", used ? "; " : "", address,
                       e->target->srv.direct ? " (direct TLS)" : "", why);
    if (used > 0 && (d->untold > 0 || used + (size_t)len > TRIED_MAX)) {
        d->untold++;
        return;
    }
    s2s__copy_text(d->tried + used, (s2s_str){one, (size_t)len < TRIED_MAX ? (size_t)len : TRIED_MAX});
}

const char *s2s__dial_tried(const s2s__dial *d)
{
    return d->tried;
}

size_t s2s__dial_failures(const s2s__dial *d)
{
    return d->failures;
}

static void attempt_failed(s2s__dial *d, size_t endpoint, const char *why)
{
    char address[S2S_ADDRESS_MAX];
    s2s__address_print((const struct sockaddr *)&d->resolution->endpoints[endpoint].address, address);
    s2s_field fields[] = {{"address", s2s_str_of(address)}, {"error", s2s_str_of(why)}};
    s2s__log(d->env, S2S_LOG_DEBUG, "no connection", fields, sizeof fields / sizeof *fields);
    note(d, endpoint, why);
    d->next_at = 0; /* the next one need not wait */
}

/* -- the race ------------------------------------------------------------------------------------------ */

static void advance(s2s__dial *d);

static void won(s2s__dial *d, size_t i)
{
    uv_tcp_t *tcp = d->racers[i].tcp;
    d->chosen = d->racers[i].endpoint;
    d->racers[i].tcp = NULL;
    leave_race(d, i, TRYING);
    end_race(d);
    uv_timer_stop(&d->timer);
    d->done(d->arg, S2S__DIAL_CONNECTED, tcp, "");
}

static void on_connected(uv_connect_t *req, int status)
{
    attempt *a = req->data;
    s2s__dial *d = a->dial;
    size_t i = 0;
    if (!d) {
        s2s__free(a->env, a);
        return;
    }
    while (d->racers[i].attempt != a)
        i++;
    d->racers[i].attempt = NULL;
    s2s__free(a->env, a);
    if (status == 0) {
        won(d, i);
        return;
    }
    size_t endpoint = d->racers[i].endpoint;
    leave_race(d, i, FAILED);
    attempt_failed(d, endpoint, uv_strerror(status));
    advance(d);
}

static int start_racer(s2s__dial *d, size_t endpoint)
{
    const struct sockaddr *address = (const struct sockaddr *)&d->resolution->endpoints[endpoint].address;
    s2s_time t = uv_now(d->loop), wait = d->env->limits.connect_ms;
    racer r = {.endpoint = endpoint, .by = d->by - t < wait ? d->by : t + wait};
    r.tcp = s2s__tcp_new(d->env, d->loop);
    r.attempt = s2s__alloc(d->env, sizeof *r.attempt);
    int status = UV_ENOMEM;
    if (r.attempt && r.tcp) {
        *r.attempt = (attempt){.env = d->env, .dial = d};
        r.attempt->req.data = r.attempt;
        status = uv_tcp_connect(&r.attempt->req, r.tcp, address, on_connected);
    }
    if (status < 0) {
        s2s__free(d->env, r.attempt);
        s2s__tcp_close(d->env, r.tcp);
        d->states[endpoint] = FAILED;
        return status;
    }
    d->racers[d->racing++] = r;
    d->states[endpoint] = TRYING;
    d->next_at = t + d->env->limits.race_ms;
    return 0;
}

/* The next one to try: during a race only one of the same priority. False if there is none. */
static bool next_endpoint(const s2s__dial *d, size_t *out)
{
    const s2s__resolution *r = d->resolution;
    for (size_t i = 0; i < r->count; i++) {
        if (d->states[i] != UNTRIED)
            continue;
        *out = i;
        return d->racing == 0 || r->endpoints[i].target->srv.priority ==
                                     r->endpoints[d->racers[0].endpoint].target->srv.priority;
    }
    return false;
}

static void on_race_timer(uv_timer_t *timer)
{
    s2s__dial *d = timer->data;
    for (size_t i = d->racing; i-- > 0;) {
        if (d->racers[i].by > uv_now(d->loop))
            continue;
        size_t endpoint = d->racers[i].endpoint;
        leave_race(d, i, FAILED);
        attempt_failed(d, endpoint, "timed out");
    }
    advance(d);
}

/* For whatever comes first: an attempt's end, or the time of the next one. */
static void set_timer(s2s__dial *d)
{
    size_t next;
    s2s_time t = uv_now(d->loop), at = S2S_NEVER;
    for (size_t i = 0; i < d->racing; i++) {
        if (d->racers[i].by < at)
            at = d->racers[i].by;
    }
    if (d->racing < RACERS_MAX && next_endpoint(d, &next) && d->next_at < at)
        at = d->next_at;
    uv_timer_start(&d->timer, on_race_timer, at > t ? at - t : 0, 0);
}

/* Starts what may start; ends the dial if nothing is left. */
static void advance(s2s__dial *d)
{
    size_t next;
    while (d->racing < RACERS_MAX && uv_now(d->loop) < d->by && next_endpoint(d, &next) &&
           (d->racing == 0 || uv_now(d->loop) >= d->next_at)) {
        int status = start_racer(d, next);
        if (status < 0)
            attempt_failed(d, next, uv_strerror(status));
    }
    if (d->racing > 0) {
        set_timer(d);
        return;
    }
    const char *late = next_endpoint(d, &next) ? "; then there was no time left" : "";
    if (!d->tried[0])
        fail(d, S2S__DIAL_FAILED, "no time left to connect");
    else if (d->untold > 0)
        fail(d, S2S__DIAL_FAILED, "no connection: %s; and %zu more%s", d->tried, d->untold, late);
    else
        fail(d, S2S__DIAL_FAILED, "no connection: %s%s", d->tried, late);
}

/* -- going on after a connection that was no good ------------------------------------------------------ */

const s2s__target *s2s__dial_target(const s2s__dial *d)
{
    return d->resolution->endpoints[d->chosen].target;
}

bool s2s__dial_has_more(const s2s__dial *d)
{
    size_t next;
    return d->resolution && uv_now(d->loop) < d->by && next_endpoint(d, &next);
}

void s2s__dial_note(s2s__dial *d, const char *why)
{
    d->states[d->chosen] = FAILED;
    note(d, d->chosen, why);
}

void s2s__dial_next(s2s__dial *d, void *arg)
{
    d->arg = arg;
    d->next_at = 0;
    uv_timer_start(&d->timer, on_race_timer, 0, 0);
}

void s2s__dial_again(s2s__dial *d, void *arg)
{
    d->states[d->chosen] = UNTRIED;
    s2s__dial_next(d, arg);
}

/* -- resolving ----------------------------------------------------------------------------------------- */

static void use(s2s__dial *d, s2s__resolution *r)
{
    d->resolution = r;
    d->states = s2s__alloc(d->env, r->count * sizeof *d->states); /* all UNTRIED */
    if (d->states)
        advance(d);
    else
        fail(d, S2S__DIAL_FAILED, "out of memory");
}

static void on_resolved(void *arg, s2s__resolution *r)
{
    s2s__dial *d = arg;
    d->query = NULL;
    uv_timer_stop(&d->timer);
    s2s__dial_end end = S2S__DIAL_DNS_FAILED;
    switch (r->status) {
    case S2S__RESOLVED_FOUND: use(d, r); return;
    case S2S__RESOLVED_NOT_FOUND:
    case S2S__RESOLVED_NOT_OFFERED: end = S2S__DIAL_NO_ADDRESS; break;
    case S2S__RESOLVED_BOGUS:
    case S2S__RESOLVED_TIMEOUT:
    case S2S__RESOLVED_FAILED: break;
    }
    fail(d, end, "%s", r->text);
    s2s__resolution_free(r);
}

static void on_resolve_timer(uv_timer_t *timer)
{
    fail(timer->data, S2S__DIAL_DNS_FAILED, "the DNS gave no answer in time");
}

/* With a fixed address nothing is asked, but the answer comes from the loop all the same. */
static void on_fixed(uv_timer_t *timer)
{
    s2s__dial *d = timer->data;
    s2s__resolution *fixed = d->resolution;
    d->resolution = NULL;
    use(d, fixed);
}

static s2s_err start_fixed(s2s__dial *d, const struct sockaddr *fixed, bool direct)
{
    d->resolution = s2s__resolution_fixed(d->env, fixed, direct);
    if (!d->resolution)
        return S2S_E_NOMEM;
    uv_timer_start(&d->timer, on_fixed, 0, 0);
    return S2S_OK;
}

static s2s_err start_resolving(s2s__dial *d, const s2s__dial_options *o)
{
    s2s_time t = uv_now(d->loop);
    s2s_err err = s2s__resolver_query(o->resolver, o->domain, o->dane, on_resolved, d, &d->query);
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
    uv_timer_init(d->loop, &d->timer);
    d->timer.data = d;
    s2s_err err = options->fixed ? start_fixed(d, options->fixed, options->fixed_direct)
                                 : start_resolving(d, options);
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
