/* SPDX-License-Identifier: MIT */
/* component.c: which account has a stream, what is for it, and who waits for whom. */
#include "component.h"

#include "component_listen.h"
#include "component_stream.h"
#include "name_index.h"
#include "protocol/buf.h"
#include "protocol/log.h"
#include "s2s/addr.h"

/* How far it is behind with what is sent to it. */
typedef enum client_pace {
    KEEPS_UP,
    SLOW, /* senders pause */
    FULL, /* and what comes all the same bounces */
} client_pace;

typedef struct client {
    struct client *next;
    components *owner;
    component_stream *stream;
    const config_account *account; /* once attached, and until detached */
    client_pace pace;
    bool drains; /* components_drain() waits for it */
    char *waits_for; /* the domain for whose sake it is paused, its own too, in normal form; NULL: none */
} client;

struct components {
    const s2s_env *env;
    uv_loop_t *loop;
    const config_account *accounts;
    size_t accounts_len;
    name_index by_domain;
    client **attached; /* by account */
    const components_ops *ops;
    void *user;
    component_listeners listeners;
    client *clients;
    size_t clients_len, slow, draining;
    uv_async_t done; /* so that `stopped` never comes from inside components_stop() */
    char *read_buf;
    bool stopping;
};

/* -- accounts ------------------------------------------------------------------------------------------ */

const config_account *components_account(const components *c, s2s_str domain)
{
    size_t i = name_index_find(&c->by_domain, domain);
    return i < c->accounts_len ? &c->accounts[i] : NULL;
}

static client **slot_of(const components *c, const config_account *account)
{
    return &c->attached[account - c->accounts];
}

bool components_has(const components *c, s2s_str domain)
{
    return components_account(c, domain) != NULL;
}

bool components_attached(const components *c, s2s_str domain)
{
    const config_account *account = components_account(c, domain);
    return account && *slot_of(c, account);
}

static void log_client(const client *k, s2s_level level, const char *message, const char *why)
{
    s2s_field fields[] = {{"domain", s2s_str_of(k->account->domain)},
                          {"address", s2s_str_of(component_stream_address(k->stream))},
                          {"why", s2s_str_of(why)}};
    s2s__log(k->owner->env, level, message, fields, why && *why ? 3 : 2);
}

/* Once until it has caught up. */
static void note_full(client *k)
{
    if (k->pace != SLOW)
        return;
    k->pace = FULL;
    log_client(k, S2S_LOG_WARN, "component too far behind, stanzas for it bounce", NULL);
}

s2s_err components_deliver(components *c, s2s_str domain, const s2s_stanza *stanza)
{
    const config_account *account = components_account(c, domain);
    client *to = account ? *slot_of(c, account) : NULL;
    if (!to)
        return S2S_E_NOTFOUND;
    s2s_err err = component_stream_send(to->stream, stanza);
    if (err == S2S_E_LIMIT)
        note_full(to);
    return err == S2S_E_STATE ? S2S_E_NOTFOUND : err;
}

bool components_slow(const components *c, s2s_str domain)
{
    const config_account *account = c->slow > 0 ? components_account(c, domain) : NULL;
    const client *k = account ? *slot_of(c, account) : NULL;
    return k && k->pace != KEEPS_UP;
}

bool components_any_slow(const components *c)
{
    return c->slow > 0;
}

static bool still_waits(const components *c, const client *k)
{
    s2s_str domain = s2s_str_of(k->waits_for);
    if (!k->waits_for || !k->account)
        return false;
    return components_has(c, domain) ? components_slow(c, domain) : c->ops->held(c->user, k->account->domain, domain);
}

void components_resume(components *c)
{
    for (client *k = c->clients; k; k = k->next) {
        if (still_waits(c, k))
            continue;
        s2s__free(c->env, k->waits_for);
        k->waits_for = NULL;
        component_stream_resume(k->stream);
    }
}

/* -- what the streams report --------------------------------------------------------------------------- */

static const config_account *on_account(void *user, s2s_str to)
{
    const client *k = user;
    char domain[S2S_DOMAIN_MAX + 1];
    return s2s_domain_normalise(to, domain) == S2S_OK ? components_account(k->owner, s2s_str_of(domain)) : NULL;
}

static bool on_attach(void *user, const config_account *account)
{
    client *k = user, **slot = slot_of(k->owner, account);
    if (*slot && account->replace) /* a component whose host died is known by its next start, long before TCP notices */
        component_stream_close((*slot)->stream, S2S_COND_CONFLICT, "replaced by a new connection");
    if (*slot || k->owner->stopping)
        return false;
    *slot = k;
    k->account = account;
    log_client(k, S2S_LOG_INFO, "component attached", NULL);
    return true;
}

static void wait_for(client *k, s2s_str address)
{
    s2s_jid jid;
    char domain[S2S_DOMAIN_MAX + 1];
    const s2s_env *env = k->owner->env;
    s2s__free(env, k->waits_for); /* without memory it goes on whenever any does */
    k->waits_for = s2s_jid_split(address, &jid) == S2S_OK && s2s_domain_normalise(jid.domain, domain) == S2S_OK
                       ? s2s__strdup(env, s2s_str_of(domain))
                       : NULL;
}

static bool on_stanza(void *user, const s2s_stanza *stanza)
{
    client *k = user;
    const components *c = k->owner;
    switch (c->ops->stanza(c->user, stanza)) {
    case COMPONENT_GOES_ON: return true;
    case COMPONENT_WAITS_FOR_ITSELF: wait_for(k, stanza->from); return false;
    case COMPONENT_WAITS_FOR_RECIPIENT: wait_for(k, stanza->to); return false;
    }
    return true;
}

static void set_slow(client *k, bool slow)
{
    components *c = k->owner;
    if (!k->account || slow == (k->pace != KEEPS_UP))
        return;
    if (slow)
        c->slow++;
    else
        c->slow--;
    k->pace = slow ? SLOW : KEEPS_UP;
    c->ops->slow(c->user, k->account->domain, slow);
}

static void end_drain(client *k)
{
    components *c = k->owner;
    if (!k->drains)
        return;
    k->drains = false;
    if (--c->draining == 0)
        c->ops->drained(c->user);
}

/* Not slow any more, as all has gone out or as it is cut off: in that case what has not comes back first, before on_gone(). */
static void on_slow(void *user, bool slow)
{
    client *k = user;
    set_slow(k, slow);
    if (!slow && !component_stream_has_unsent(k->stream))
        end_drain(k);
}

static void on_detached(void *user, const char *why)
{
    client *k = user;
    if (!k->account)
        return; /* components_replace() has told of it */
    log_client(k, S2S_LOG_INFO, "component detached", why);
    *slot_of(k->owner, k->account) = NULL;
    k->account = NULL;
}

static void on_undelivered(void *user, const s2s_stanza *stanza)
{
    client *k = user;
    k->owner->ops->undelivered(k->owner->user, stanza);
}

static void on_refused(void *user, const char *address, s2s_cond cond, const char *why)
{
    const client *k = user;
    const char *domain = component_stream_domain(k->stream);
    s2s_field fields[] = {{"address", s2s_str_of(address)},
                          {"condition", s2s_str_of(s2s_cond_name(cond))},
                          {"why", s2s_str_of(why)},
                          {"domain", s2s_str_of(domain)}};
    s2s__log(k->owner->env, S2S_LOG_WARN, "component stream refused", fields, *domain ? 4 : 3);
}

static void check_stopped(components *c)
{
    if (c->stopping && !c->clients && c->listeners.open == 0)
        uv_async_send(&c->done);
}

static void on_gone(void *user)
{
    client *k = user;
    components *c = k->owner;
    for (client **at = &c->clients; *at; at = &(*at)->next) {
        if (*at == k) {
            *at = k->next;
            break;
        }
    }
    c->clients_len--;
    end_drain(k);
    s2s__free(c->env, k->waits_for);
    s2s__free(c->env, k);
    check_stopped(c);
}

/* -- other accounts ------------------------------------------------------------------------------------ */

static void move_client(client *k)
{
    const config_account *now = k->account ? components_account(k->owner, s2s_str_of(k->account->domain)) : NULL;
    if (!now)
        return;
    *slot_of(k->owner, now) = k;
    k->account = now;
}

/* Where its account is gone; when all others have moved, as senders go on. */
static void leave_client(client *k)
{
    if (k->account && !components_account(k->owner, s2s_str_of(k->account->domain))) {
        set_slow(k, false);
        log_client(k, S2S_LOG_INFO, "component detached", "its account is not in the configuration any more");
        k->account = NULL;
    }
    component_stream_renew(k->stream);
}

s2s_err components_replace(components *c, const config_account *accounts, size_t accounts_len)
{
    name_index by_domain;
    client **attached = s2s__alloc(c->env, accounts_len * sizeof *attached);
    if (!attached || name_index_init(&by_domain, c->env, accounts ? &accounts->domain : NULL, sizeof *accounts,
                                     accounts_len) != S2S_OK) {
        s2s__free(c->env, attached);
        return S2S_E_NOMEM;
    }
    s2s__free(c->env, c->attached);
    name_index_free(&c->by_domain);
    c->attached = attached;
    c->by_domain = by_domain;
    c->accounts = accounts;
    c->accounts_len = accounts_len;
    for (client *k = c->clients; k; k = k->next)
        move_client(k);
    for (client *k = c->clients, *next; k; k = next) {
        next = k->next;
        leave_client(k);
    }
    return S2S_OK;
}

/* -- listening ----------------------------------------------------------------------------------------- */

static bool on_connection(void *user, uv_stream_t *listener)
{
    static const component_stream_ops OPS = {
        on_account, on_attach, on_stanza, on_slow, on_detached, on_undelivered, on_refused, on_gone};
    components *c = user;
    client *k = s2s__alloc(c->env, sizeof *k);
    if (k)
        k->owner = c;
    if (!k || component_stream_accept(c->env, listener, c->read_buf, &OPS, k, &k->stream) != S2S_OK) {
        s2s__free(c->env, k);
        return false;
    }
    k->next = c->clients;
    c->clients = k;
    if (++c->clients_len > c->accounts_len + COMPONENT_CONNECTIONS_MAX)
        component_stream_close(k->stream, S2S_COND_RESOURCE_CONSTRAINT, "too many connections");
    return true;
}

static void on_listeners_closed(void *user)
{
    check_stopped(user);
}

s2s_err components_listen(components *c, char *address, char bound[S2S_ADDRESS_MAX], char why[S2S_TEXT_MAX])
{
    return component_listen(&c->listeners, address, bound, why);
}

/* -- life ---------------------------------------------------------------------------------------------- */

static void on_done_closed(uv_handle_t *handle)
{
    components *c = handle->data;
    c->ops->stopped(c->user);
}

static void on_done(uv_async_t *handle)
{
    if (!uv_is_closing((const uv_handle_t *)handle))
        uv_close((uv_handle_t *)handle, on_done_closed);
}

s2s_err components_new(const s2s_env *env, uv_loop_t *loop, const config_account *accounts, size_t accounts_len,
                       const components_ops *ops, void *user, components **out)
{
    components *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    *c = (components){.env = env, .loop = loop, .accounts = accounts, .accounts_len = accounts_len,
                      .ops = ops, .user = user,
                      .listeners = {.env = env, .loop = loop, .accept = on_connection, .closed = on_listeners_closed}};
    c->listeners.user = c;
    c->attached = s2s__alloc(env, accounts_len * sizeof *c->attached);
    c->read_buf = s2s__alloc(env, COMPONENT_READ_BYTES);
    if (!c->attached || !c->read_buf ||
        name_index_init(&c->by_domain, env, accounts ? &accounts->domain : NULL, sizeof *accounts, accounts_len) != S2S_OK ||
        uv_async_init(loop, &c->done, on_done) < 0) {
        components_free(c);
        return S2S_E_NOMEM;
    }
    c->done.data = c;
    *out = c;
    return S2S_OK;
}

bool components_drain(components *c)
{
    for (client *k = c->clients; k; k = k->next) {
        k->drains = component_stream_drain(k->stream);
        c->draining += k->drains;
    }
    return c->draining > 0;
}

void components_stop(components *c)
{
    c->stopping = true;
    component_listeners_close(&c->listeners);
    for (client *k = c->clients; k; k = k->next)
        component_stream_close(k->stream, S2S_COND_NONE, NULL);
    check_stopped(c);
}

void components_free(components *c)
{
    if (!c)
        return;
    name_index_free(&c->by_domain);
    s2s__free(c->env, c->attached);
    s2s__free(c->env, c->read_buf);
    s2s__free(c->env, c);
}
