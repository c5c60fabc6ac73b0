/* SPDX-License-Identifier: MIT */
/* probe.c: the DNS, then conversations one after the other, then the conclusion. */
#include "probe/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "probe/conclude.h"
#include "protocol/buf.h"
#include "s2s/addr.h"

enum { MS_PER_SECOND = 1000, PORT_SMTP = 25, PORT_LMTP = 24, PORT_TLS = 5269, PORT_MOST = 65535 };

struct probe {
    const probe_context *context;
    const s2s_env *env; /* the timer may outlive the context */
    void (*done)(void *arg, json_t *result);
    void *arg;
    probe_record record;
    char ascii[S2S_ASCII_DOMAIN_MAX + 1];
    bool has_sni;
    uv_timer_t timer;
    uint64_t began;
    dns_lookup *dns;
    conversation *conversation;
    dns_endpoint endpoints[PROBE_ENDPOINTS_MAX];
    size_t endpoints_len, next_endpoint;
    bool reached[DNS_SERVICES];    /* a conversation under TLS took place: the other addresses must answer, no more */
    const dns_endpoint *preferred; /* where the further certificates are shown */
    size_t next_ours;
    bool without; /* other protocols: the last conversation, without a certificate, was begun */
};

/* -- the end ------------------------------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
    probe *p = handle->data;
    s2s__free(p->env, p);
}

static void cancel_conversation(probe *p)
{
    if (p->context->options->protocol == PROBE_XMPP)
        xmpp_cancel(p->conversation);
    else
        lines_cancel(p->conversation);
    p->conversation = NULL;
}

json_t *probe_stop(probe *p)
{
    probe_record *r = &p->record;
    cancel_conversation(p);
    r->dns = p->dns;
    r->milliseconds = uv_now(p->context->loop) - p->began;
    json_t *result = conclude(r);
    for (size_t i = 0; i < r->attempts_len; i++) {
        attempt_clear(r->attempts[i]);
        s2s__free(p->context->env, r->attempts[i]);
    }
    dns_free(p->dns);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
    return result;
}

static void finish(probe *p)
{
    void (*done)(void *arg, json_t *result) = p->done;
    void *arg = p->arg;
    done(arg, probe_stop(p));
}

static void on_timeout(uv_timer_t *timer)
{
    probe *p = timer->data;
    p->record.timed_out = true;
    if (p->conversation)
        attempt_failed(p->record.attempts[p->record.attempts_len - 1], "time is up for this domain");
    finish(p);
}

/* -- one conversation after the other ---------------------------------------------------------------------- */

static void go_on(probe *p);

static attempt *last(probe *p)
{
    return p->record.attempts[p->record.attempts_len - 1];
}

/* Other protocols: a server that goes on with our certificate has accepted it if it does not go on without. */
static void compare(probe *p)
{
    const attempt *without = last(p);
    for (size_t i = 0; (without->tls || without->request.asked) && !without->went_on && i + 1 < p->record.attempts_len;
         i++) {
        attempt *a = p->record.attempts[i];
        if (a->went_on && a->outcome == OUTCOME_UNDECIDED)
            a->outcome = OUTCOME_ACCEPTED;
    }
}

static void on_conversation(void *arg)
{
    probe *p = arg;
    attempt *a = last(p);
    p->conversation = NULL;
    if (!a->only_tcp && a->tls) /* else the next address gets its chance, as a server would give it */
        p->reached[a->endpoint.direct] = true;
    if (!a->only_tcp && a->tls && (!p->preferred || (p->preferred->direct && !a->endpoint.direct)))
        p->preferred = &a->endpoint;
    if (p->without)
        compare(p);
    go_on(p);
}

/* False: there is no room or memory for it. */
static bool converse(probe *p, const dns_endpoint *endpoint, const probe_ours *ours, bool only_tcp)
{
    const probe_context *c = p->context;
    probe_record *r = &p->record;
    if (r->attempts_len == PROBE_ATTEMPTS_MAX)
        return false;
    attempt *a = s2s__alloc(c->env, sizeof *a);
    if (!a)
        return false;
    attempt_init(a, c, endpoint, ours, r->domain, p->has_sni ? p->ascii : NULL);
    a->only_tcp = only_tcp;
    r->attempts[r->attempts_len++] = a;
    s2s_err err =
        (c->options->protocol == PROBE_XMPP ? xmpp_start : lines_start)(a, on_conversation, p, &p->conversation);
    if (err == S2S_OK)
        return true;
    attempt_failed(a, s2s_strerror(err));
    return false;
}

static void go_on(probe *p)
{
    const probe_context *c = p->context;
    if (p->next_endpoint < p->endpoints_len) {
        const dns_endpoint *e = &p->endpoints[p->next_endpoint++];
        if (!converse(p, e, c->ours_len ? &c->ours[0] : NULL, p->reached[e->direct]))
            finish(p);
        return;
    }
    if (p->preferred && p->next_ours < c->ours_len) {
        if (!converse(p, p->preferred, &c->ours[p->next_ours++], false))
            finish(p);
        return;
    }
    if (p->preferred && c->ours_len > 0 && c->options->protocol != PROBE_XMPP && !p->without) {
        p->without = true;
        if (!converse(p, p->preferred, NULL, false))
            finish(p);
        return;
    }
    finish(p);
}

static void on_dns(void *arg)
{
    probe *p = arg;
    bool tls_first = p->context->options->protocol == PROBE_TLS;
    size_t all = 0;
    for (size_t s = 0; s < DNS_SERVICES; s++) {
        size_t room = PROBE_ENDPOINTS_MAX / DNS_SERVICES; /* neither kind crowds out the other */
        size_t found = dns_endpoints(p->dns, s, p->endpoints + p->endpoints_len, room);
        all += found;
        p->endpoints_len += found < room ? found : room;
    }
    for (size_t i = 0; tls_first && i < p->endpoints_len; i++)
        p->endpoints[i].direct = true;
    p->record.endpoints_left = all - p->endpoints_len;
    go_on(p);
}

/* -- the start ----------------------------------------------------------------------------------------- */

static void on_started(uv_timer_t *timer)
{
    probe *p = timer->data;
    uv_timer_start(&p->timer, on_timeout, (uint64_t)p->context->options->timeout_s * MS_PER_SECOND, 0);
    if (p->record.bad_name)
        finish(p);
    else
        go_on(p);
}

static uint16_t default_port(probe_protocol protocol)
{
    switch (protocol) {
    case PROBE_XMPP: return 0;
    case PROBE_SMTP: return PORT_SMTP;
    case PROBE_LMTP: return PORT_LMTP;
    case PROBE_TLS: return PORT_TLS;
    }
    return 0;
}

/* HOST or HOST:PORT; an IPv6 literal in brackets. */
static bool split_port(const char *name, char host[PROBE_NAME_MAX + 1], uint16_t *port)
{
    const char *bracket = strchr(name, ']'), *colon = strrchr(name, ':');
    if (colon && bracket && colon < bracket)
        colon = NULL;
    size_t len = colon ? (size_t)(colon - name) : strlen(name);
    if (len > PROBE_NAME_MAX)
        return false;
    memcpy(host, name, len);
    host[len] = '\0';
    if (!colon)
        return true;
    char *end;
    unsigned long value = strtoul(colon + 1, &end, 10);
    if (colon[1] < '0' || colon[1] > '9' || *end || value == 0 || value > PORT_MOST)
        return false;
    *port = (uint16_t)value;
    return true;
}

static void read_name(probe *p, const char *name)
{
    probe_record *r = &p->record;
    char host[PROBE_NAME_MAX + 1];
    r->port = default_port(p->context->options->protocol);
    s2s__copy_text(host, s2s_str_of(name)); /* for the report, if it is no name at all */
    bool split = r->port == 0 || split_port(name, host, &r->port);
    if (r->port == 0 && strlen(name) <= PROBE_NAME_MAX)
        memcpy(host, name, strlen(name) + 1);
    if (!split || s2s_domain_normalise(s2s_str_of(host), r->domain) != S2S_OK) {
        s2s__copy_text(host, s2s_str_of(name));
        (void)snprintf(r->domain, sizeof r->domain, "%s", host);
        r->bad_name = "that is not a domain name";
        return;
    }
    if (s2s_domain_is_ip(s2s_str_of(r->domain)))
        (void)snprintf(p->ascii, sizeof p->ascii, "%.*s", (int)sizeof p->ascii - 1, r->domain);
    else if (s2s_domain_to_ascii(s2s_str_of(r->domain), p->ascii) != S2S_OK)
        r->bad_name = "that name cannot stand in the DNS";
    else
        p->has_sni = true;
}

static s2s_err begin(probe *p)
{
    const probe_context *c = p->context;
    if (p->record.bad_name || c->route.ss_family != 0) {
        if (!p->record.bad_name) {
            bool direct = c->options->route_direct || c->options->protocol == PROBE_TLS;
            p->endpoints[0] = (dns_endpoint){.address = c->route, .target = p->record.domain, .direct = direct};
            p->endpoints_len = 1;
        }
        uv_timer_start(&p->timer, on_started, 0, 0);
        return S2S_OK;
    }
    uv_timer_start(&p->timer, on_timeout, (uint64_t)c->options->timeout_s * MS_PER_SECOND, 0);
    return dns_start(c, p->ascii, p->record.port, on_dns, p, &p->dns);
}

s2s_err probe_start(const probe_context *c, const char *name, void (*done)(void *arg, json_t *result), void *arg,
                    probe **out)
{
    probe *p = s2s__alloc(c->env, sizeof *p);
    if (!p)
        return S2S_E_NOMEM;
    p->context = c;
    p->env = c->env;
    p->done = done;
    p->arg = arg;
    p->next_ours = 1;
    p->began = uv_now(c->loop);
    p->record.context = c;
    p->record.wall = (int64_t)time(NULL);
    (void)uv_timer_init(c->loop, &p->timer);
    p->timer.data = p;
    read_name(p, name);
    s2s_err err = begin(p);
    if (err != S2S_OK) {
        uv_close((uv_handle_t *)&p->timer, on_timer_closed);
        return err;
    }
    *out = p;
    return S2S_OK;
}
