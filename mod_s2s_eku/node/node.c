/* SPDX-License-Identifier: MIT */
/* node.c: owns the workers and the components; every stanza passes route(). */
#include "node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "certificates.h"
#include "component.h"
#include "listen_fd.h"
#include "name_index.h"
#include "protocol/buf.h"
#include "protocol/log.h"
#include "s2s/addr.h"
#include "services.h"
#include "setup.h"
#include "workers.h"

enum { LOOK_MS = 50 }; /* whether all that came back has gone out */

typedef enum node_stage {
    NODE_RUNS,
    NODE_DRAINS,  /* is to end: the components take what is queued for them */
    NODE_RETURNS, /* what they have not taken goes back to its senders */
    NODE_STOPS,   /* streams are closed: nothing reaches a new remote any more */
} node_stage;

struct node {
    node_options options;
    workers *workers;
    components *components;
    census *census;
    counters counters;
    certificates *certificates;
    services services;
    name_index domains; /* the configuration's */
    pings pings;
    s2s_time since;
    bool told_to_pause; /* s2s_federation_send() said S2S_E_AGAIN to the stanza that is being routed */
    bool has_rules; /* some component may not talk to everybody */
    node_stage stage;
    bool returns; /* something has come back while it drained */
    uv_timer_t returning; /* in that stage */
    s2s_time return_by;
};

/* -- the way of a stanza ------------------------------------------------------------------------------- */

static void route(node *n, const s2s_stanza *st);

static void bounce(node *n, const s2s_stanza *st, s2s_stanza_error error, const char *text)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (s2s_stanza_bounce(st, error, text, buf, sizeof buf, &answer))
        route(n, &answer);
}

static const config_domain *find_domain(const node *n, const char *domain)
{
    const config *c = n->options.config;
    size_t i = name_index_find(&n->domains, s2s_str_of(domain));
    return i < c->domains_len ? &c->domains[i] : NULL;
}

static void send_out(node *n, s2s_str remote, const s2s_stanza *st)
{
    const char *text;
    s2s_err err = workers_send(n->workers, remote, st);
    if (err == S2S_OK)
        return;
    if (err == S2S_E_AGAIN) {
        n->told_to_pause = true;
        return;
    }
    s2s_stanza_error error = workers_send_error(err, &text);
    bounce(n, st, error, text);
}

/* The domain of a component account, nothing attached. service-unavailable (RFC 6120 section 8.3.3.19) rather than
 * recipient-unavailable: not a recipient is away but all that stands behind the domain, perhaps for good, and this is what
 * other servers say. */
static void not_attached(node *n, const char *domain, const s2s_jid *to, const s2s_stanza *st)
{
    const config_domain *own = find_domain(n, domain);
    if (own)
        services_take(&n->services, own, to, st);
    else
        bounce(n, st, S2S_SE_SERVICE_UNAVAILABLE, "the component is not connected");
}

/* A domain of a component account. */
static void to_component(node *n, const char *domain, const s2s_jid *to, const s2s_stanza *st)
{
    s2s_err err = components_deliver(n->components, s2s_str_of(domain), st);
    if (err == S2S_E_NOTFOUND)
        not_attached(n, domain, to, st);
    else if (err != S2S_OK)
        bounce(n, st, S2S_SE_RESOURCE_CONSTRAINT, "the component is too far behind");
}

/* `from` is at a domain of ours, or the stanza came from the federation: then `to` is. */
static void route(node *n, const s2s_stanza *st)
{
    s2s_jid to;
    char domain[S2S_DOMAIN_MAX + 1];
    if (!st->to.ptr || s2s_jid_split(st->to, &to) != S2S_OK || s2s_domain_normalise(to.domain, domain) != S2S_OK) {
        bounce(n, st, S2S_SE_JID_MALFORMED, NULL);
        return;
    }
    const config_domain *own = find_domain(n, domain);
    if (pings_take(&n->pings, st))
        return; /* also where a component is attached: we asked, and its id cannot be guessed */
    if (components_has(n->components, s2s_str_of(domain)))
        to_component(n, domain, &to, st);
    else if (own)
        services_take(&n->services, own, &to, st);
    else
        send_out(n, s2s_str_of(domain), st);
}

static void route_answer(void *user, const s2s_stanza *answer)
{
    route(user, answer);
}

/* What comes in, from either side: passes if the components' rules permit it. The answers that the node makes itself are not asked:
 * a refusal must reach its sender. */
static void route_if_permitted(node *n, const s2s_stanza *st)
{
    if (!n->has_rules || access_permits(n->components, st))
        route(n, st);
    else if (!pings_take(&n->pings, st))
        bounce(n, st, S2S_SE_NOT_ALLOWED, "the component is not configured to talk to this domain");
}

/* -- the federation's side ----------------------------------------------------------------------------- */

static bool on_deliver(void *user, const s2s_stanza *stanza)
{
    node *n = user;
    route_if_permitted(n, stanza);
    return true; /* workers_pause_to() pauses those that bring too much */
}

static void on_federation_drained(void *user)
{
    node *n = user;
    components_resume(n->components);
}

static void on_stream(void *user, const s2s_stream_info *info, const s2s_close *end)
{
    node *n = user;
    counters_note(&n->counters, info, end);
    census_note(n->census, n->options.config, info, end);
}

static void components_gone(node *n)
{
    census_stop(n->census);
    n->options.stopped(n->options.user);
}

static void on_federation_stopped(void *user)
{
    node *n = user;
    if (n->components)
        components_stop(n->components);
    else
        components_gone(n);
}

/* -- the components' side ------------------------------------------------------------------------------ */

static bool on_held(void *user, const char *domain, s2s_str remote)
{
    node *n = user;
    return n->stage != NODE_STOPS && workers_holds(n->workers, s2s_str_of(domain), remote);
}

static bool at_slow(const node *n, s2s_str address)
{
    s2s_jid jid;
    char domain[S2S_DOMAIN_MAX + 1];
    return s2s_jid_split(address, &jid) == S2S_OK && s2s_domain_normalise(jid.domain, domain) == S2S_OK &&
           components_slow(n->components, s2s_str_of(domain));
}

static component_next on_component_stanza(void *user, const s2s_stanza *stanza)
{
    node *n = user;
    s2s_stanza addressed = *stanza;
    s2s_jid from;
    bool outer = n->told_to_pause; /* of a stanza that made room for this one */
    n->told_to_pause = false;
    if (stanza->to.ptr) {
        route_if_permitted(n, stanza);
    } else if (s2s_jid_split(stanza->from, &from) == S2S_OK) {
        addressed.to = from.domain; /* the error comes from its own domain: there is no other */
        bounce(n, &addressed, S2S_SE_BAD_REQUEST, "a stanza from a component needs a 'to' (XEP-0114)");
    }
    bool held = n->told_to_pause;
    n->told_to_pause = outer;
    if (n->stage == NODE_STOPS)
        return COMPONENT_GOES_ON;
    if (held)
        return COMPONENT_WAITS_FOR_RECIPIENT;
    if (!components_any_slow(n->components))
        return COMPONENT_GOES_ON;
    if (at_slow(n, stanza->from)) /* what it says may come back to it */
        return COMPONENT_WAITS_FOR_ITSELF;
    return at_slow(n, stanza->to) ? COMPONENT_WAITS_FOR_RECIPIENT : COMPONENT_GOES_ON;
}

static void on_undelivered(void *user, const s2s_stanza *stanza)
{
    node *n = user;
    n->returns = true;
    bounce(n, stanza, S2S_SE_SERVICE_UNAVAILABLE, "the component has disconnected");
}

static void on_component_slow(void *user, const char *domain, bool slow)
{
    node *n = user;
    if (slow && n->stage != NODE_STOPS)
        workers_pause_to(n->workers, s2s_str_of(domain));
    if (slow)
        return;
    workers_resume_to(n->workers, s2s_str_of(domain));
    components_resume(n->components);
}

static void on_components_stopped(void *user)
{
    node *n = user;
    components_free(n->components);
    n->components = NULL;
    components_gone(n);
}

/* -- the end -------------------------------------------------------------------------------------------- */

/* What remote servers were told has arrived (XEP-0198) may still wait for a component here. It is taken, or goes back, before the
 * streams are closed: afterwards no error finds its way. Meanwhile they are told of nothing more. */
static void stop_workers(node *n)
{
    n->stage = NODE_STOPS;
    if (n->workers)
        workers_stop(n->workers);
    else
        on_federation_stopped(n);
    if (n->components)
        components_resume(n->components); /* what they have said already is heard */
}

static void on_returning(uv_timer_t *timer)
{
    node *n = timer->data;
    if (uv_now(timer->loop) < n->return_by && workers_have_queued(n->workers))
        return;
    uv_close((uv_handle_t *)timer, NULL);
    stop_workers(n);
}

static void on_components_drained(void *user)
{
    node *n = user;
    if (!n->returns) {
        stop_workers(n);
        return;
    }
    n->stage = NODE_RETURNS;
    n->return_by = uv_now(n->options.loop) + n->options.env->limits.close_ms;
    uv_timer_init(n->options.loop, &n->returning);
    n->returning.data = n;
    uv_timer_start(&n->returning, on_returning, LOOK_MS, LOOK_MS);
}

void node_stop(node *n)
{
    if (n->stage != NODE_RUNS)
        return;
    n->stage = NODE_DRAINS;
    n->returns = false;
    certificates_stop(n->certificates);
    if (n->components && n->workers && components_drain(n->components))
        workers_halt(n->workers);
    else
        stop_workers(n);
}

/* -- pings --------------------------------------------------------------------------------------------- */

const char *node_first_domain(const node *n)
{
    const config *c = n->options.config;
    if (c->domains_len > 0)
        return c->domains[0].name;
    return c->accounts_len > 0 ? c->accounts[0].domain : NULL;
}

s2s_err node_ping(node *n, const char *from, const char *to, ping_done *done, void *user, ping **out)
{
    char ours[S2S_DOMAIN_MAX + 1], theirs[S2S_DOMAIN_MAX + 1];
    s2s_jid jid;
    s2s_stanza st;
    if (!from)
        from = node_first_domain(n);
    if (!from || s2s_domain_normalise(s2s_str_of(from), ours) != S2S_OK ||
        (!find_domain(n, ours) && !components_has(n->components, s2s_str_of(ours))))
        return S2S_E_NOTFOUND;
    if (s2s_jid_split(s2s_str_of(to), &jid) != S2S_OK || s2s_domain_normalise(jid.domain, theirs) != S2S_OK)
        return S2S_E_INVAL;
    s2s_err err = ping_new(&n->pings, s2s_str_of(ours), s2s_str_of(to), done, user, out, &st);
    if (err == S2S_OK)
        route(n, &st);
    return err;
}

void node_ping_cancel(node *n, ping *one)
{
    ping_cancel(&n->pings, one);
}

s2s_err node_close_remote(node *n, const char *remote, size_t *closed)
{
    char name[S2S_DOMAIN_MAX + 1];
    if (s2s_domain_normalise(s2s_str_of(remote), name) != S2S_OK)
        return S2S_E_INVAL;
    *closed = workers_close_remote(n->workers, s2s_str_of(name));
    return S2S_OK;
}

/* -- life ---------------------------------------------------------------------------------------------- */

static s2s_err make_workers(node *n, char why[S2S_TEXT_MAX])
{
    static const s2s_federation_ops OPS = {.abi = S2S_FEDERATION_ABI,
                                           .deliver = on_deliver,
                                           .drained = on_federation_drained,
                                           .stream = on_stream,
                                           .stopped = on_federation_stopped};
    const config *c = n->options.config;
    s2s_federation_options o;
    s2s_federation_options_init(&o);
    o.dns_servers = (const char *const *)c->dns_servers;
    o.dns_servers_len = c->dns_servers_len;
    o.dns_anchors = (const char *const *)c->dns_anchors;
    o.dns_anchors_len = c->dns_anchors_len;
    o.bidi = c->bidi;
    if (c->dialback_secret)
        o.dialback_secret = (s2s_bytes){(const uint8_t *)c->dialback_secret, strlen(c->dialback_secret)};
    const workers_options w = {.env = n->options.env, .loop = n->options.loop, .federation = &o, .policies = n->options.policies,
                               .len = n->options.workers, .ops = &OPS, .user = n};
    return workers_new(&w, &n->workers, why);
}

static s2s_err serve(node *n, FILE *errors)
{
    s2s_setup *setup = NULL;
    size_t kept = 0;
    s2s_setup **copies = NULL;
    s2s_err err = node_setup_new(n->options.env, n->options.config, NULL, errors, &kept, &setup);
    if (err == S2S_OK && (err = workers_copy_setup(n->workers, setup, &copies)) != S2S_OK)
        s2s_setup_free(setup);
    if (err != S2S_OK)
        return err;
    workers_replace(n->workers, setup, copies);
    certificates_look(n->certificates);
    return S2S_OK;
}

/* The default place counts only where its directory is there. */
static const char *census_path(const config *c)
{
    if (c->census && !c->census_given && !getenv("STATE_DIRECTORY") && access("/var/lib/s2sd", W_OK) != 0)
        return NULL;
    return c->census;
}

static s2s_err index_domains(const node *n, const config *c, name_index *out)
{
    return name_index_init(out, n->options.env, c->domains ? &c->domains->name : NULL, sizeof *c->domains, c->domains_len);
}

s2s_err node_new(const node_options *options, FILE *errors, node **out)
{
    static const components_ops OPS = {on_component_stanza, on_held, on_undelivered, on_component_slow,
                                       on_components_stopped, on_components_drained};
    const config *c = options->config;
    s2s_err err = S2S_E_NOMEM;
    char why[S2S_TEXT_MAX] = "";
    node *n = s2s__alloc(options->env, sizeof *n);
    if (!n)
        return err;
    n->options = *options;
    n->since = uv_now(options->loop);
    n->pings = (pings){.env = options->env, .loop = options->loop};
    n->has_rules = access_has_rules(c);
    n->services = (services){.env = options->env, .accounts = c->accounts, .accounts_len = c->accounts_len, .os = c->version_os,
                             .answer = route_answer, .user = n};
    err = index_domains(n, c, &n->domains);
    if (err == S2S_OK)
        err = census_new(options->env, options->loop, options->check ? NULL : census_path(c), &n->census);
    if (err == S2S_OK)
        err = components_new(options->env, options->loop, c->accounts, c->accounts_len, &OPS, n, &n->components);
    if (err == S2S_OK)
        err = make_workers(n, why);
    if (err == S2S_OK)
        err = certificates_new(options->env, options->loop, workers_first(n->workers), &n->certificates);
    if (err != S2S_OK)
        (void)fprintf(errors, "%s\n", *why ? why : s2s_strerror(err));
    else
        err = serve(n, errors);
    *out = n;
    return err;
}

s2s_err node_replace(node *n, const config *c, s2s_setup *setup)
{
    name_index domains;
    if (n->stage != NODE_RUNS)
        return S2S_E_STATE;
    s2s_err err = index_domains(n, c, &domains);
    if (err != S2S_OK)
        return err;
    s2s_setup **copies = NULL;
    err = workers_copy_setup(n->workers, setup, &copies);
    if (err == S2S_OK && (err = components_replace(n->components, c->accounts, c->accounts_len)) != S2S_OK)
        workers_drop_setup(n->workers, copies);
    if (err != S2S_OK) {
        name_index_free(&domains);
        return err;
    }
    name_index_free(&n->domains);
    n->domains = domains;
    n->options.config = c;
    n->services.accounts = c->accounts;
    n->services.accounts_len = c->accounts_len;
    n->services.os = c->version_os;
    n->has_rules = access_has_rules(c);
    workers_replace(n->workers, setup, copies);
    certificates_look(n->certificates);
    return S2S_OK;
}

/* `fd` -1: the address is bound here. */
static s2s_err listen_once(node *n, const config_listen *l, int fd, char why[S2S_TEXT_MAX])
{
    char bound[S2S_ADDRESS_MAX] = "";
    s2s_err err = fd < 0 ? workers_listen(n->workers, l->address, l->tls, bound, why)
                         : workers_listen_fd(n->workers, fd, l->tls, bound, why);
    if (err != S2S_OK)
        return err;
    s2s_field fields[] = {{"address", s2s_str_of(bound)},
                          {"tls", l->tls == S2S_TLS_DIRECT ? S2S_STR("direct") : S2S_STR("starttls")},
                          {"socket", S2S_STR("passed")}};
    s2s__log(n->options.env, S2S_LOG_INFO, "listening for servers", fields, fd < 0 ? 2 : 3);
    return S2S_OK;
}

/* What the service manager has opened by this name or at this address, else a socket of our own. */
static s2s_err listen_for_servers(node *n, const config_listen *l, char why[S2S_TEXT_MAX])
{
    int fd = -1;
    if (strncmp(l->address, LISTEN_FD_PREFIX, strlen(LISTEN_FD_PREFIX)) != 0) {
        s2s_err err = listen_fd_at(l->address, &fd, why);
        return err == S2S_OK || err == S2S_E_NOTFOUND ? listen_once(n, l, fd, why) : err;
    }
    for (size_t nth = 0; nth < LISTEN_FD_MAX; nth++) {
        s2s_err err = listen_fd(l->address + strlen(LISTEN_FD_PREFIX), nth, &fd, why);
        if (err == S2S_E_NOTFOUND && nth > 0)
            return S2S_OK;
        if (err == S2S_OK)
            err = listen_once(n, l, fd, why);
        if (err != S2S_OK)
            return err;
    }
    return S2S_OK;
}

s2s_err node_listen(node *n, char why[S2S_TEXT_MAX])
{
    const config *c = n->options.config;
    s2s_err err = S2S_OK;
    for (size_t i = 0; i < c->component_listen_len; i++) {
        char bound[S2S_ADDRESS_MAX] = "";
        err = components_listen(n->components, c->component_listen[i], bound, why);
        if (err != S2S_OK)
            return err;
        s2s_field field = {"address", s2s_str_of(*bound ? bound : c->component_listen[i])};
        s2s__log(n->options.env, S2S_LOG_INFO, "listening for components", &field, 1);
    }
    for (size_t i = 0; err == S2S_OK && i < c->listen_len; i++)
        err = listen_for_servers(n, &c->listen[i], why);
    return err;
}

s2s_err node_start(node *n)
{
    return workers_start(n->workers);
}

bool node_turns(node *n)
{
    return workers_turn(n->workers);
}

void node_free(node *n)
{
    if (!n)
        return;
    workers_free(n->workers);
    pings_free(&n->pings);
    name_index_free(&n->domains);
    census_free(n->census);
    certificates_free(n->certificates);
    s2s__free(n->options.env, n);
}

/* -- for the status ------------------------------------------------------------------------------------ */

const config *node_config(const node *n)
{
    return n->options.config;
}

workers *node_workers(const node *n)
{
    return n->workers;
}

const s2s_federation *node_federation(const node *n)
{
    return workers_first(n->workers);
}

const census *node_census(const node *n)
{
    return n->census;
}

const counters *node_counters(const node *n)
{
    return &n->counters;
}

bool node_is_stopping(const node *n)
{
    return n->stage != NODE_RUNS;
}

bool node_is_attached(const node *n, const char *domain)
{
    return n->components && components_attached(n->components, s2s_str_of(domain));
}

uint64_t node_milliseconds(const node *n)
{
    return uv_now(n->options.loop);
}

uint64_t node_uptime_milliseconds(const node *n)
{
    return uv_now(n->options.loop) - n->since;
}
