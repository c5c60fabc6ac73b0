/* SPDX-License-Identifier: MIT */
/* setup.c: every domain with its certificate, every route; at the start and at each reload. */
#include "setup.h"

#include <string.h>

#include "services.h"

typedef struct building {
    s2s_setup *setup;
    const s2s_federation *running;
    FILE *problems;
    size_t kept;
    s2s_err result;
} building;

/* One more fault. */
static void report(building *b, const char *why, s2s_err err)
{
    (void)fprintf(b->problems, "%s\n", *why ? why : s2s_strerror(err));
    if (b->result == S2S_OK || err == S2S_E_NOMEM)
        b->result = err == S2S_E_NOMEM ? err : S2S_E_INVAL;
}

static void add_domain(building *b, const char *name, const char *certificate, const char *key)
{
    char why[S2S_TEXT_MAX] = "";
    s2s_str domain = s2s_str_of(name);
    s2s_err err = s2s_setup_add_domain(b->setup, domain, certificate, key, why);
    if (err == S2S_OK)
        return;
    if (err == S2S_E_INVAL && b->running && s2s_setup_keep_domain(b->setup, b->running, domain) == S2S_OK) {
        (void)fprintf(b->problems, "%s; %s keeps its certificate of before until the files change again\n", why, name);
        b->kept++;
        return;
    }
    report(b, why, err);
}

static bool is_account(const config *c, const char *name)
{
    for (size_t i = 0; i < c->accounts_len; i++) {
        if (strcmp(c->accounts[i].domain, name) == 0)
            return true;
    }
    return false;
}

/* What a component answers to disco#info, where one may attach, we do not know. */
static void tell_caps(building *b, const s2s_env *env, const config *c)
{
    char ver[CAPS_VER_MAX];
    for (size_t i = 0; i < c->domains_len && b->result == S2S_OK; i++) {
        const config_domain *d = &c->domains[i];
        if (is_account(c, d->name))
            continue;
        s2s_err err = services_caps(env, d, ver);
        if (err == S2S_OK)
            err = s2s_setup_caps(b->setup, s2s_str_of(d->name), S2S_STR(CAPS_NODE), s2s_str_of(ver));
        if (err == S2S_E_NOMEM)
            report(b, "", err); /* else: not told, nothing is lost */
    }
}

static bool is_domain(const config *c, const char *name)
{
    for (size_t i = 0; i < c->domains_len; i++) {
        if (strcmp(c->domains[i].name, name) == 0)
            return true;
    }
    return false;
}

static void add_all(building *b, const config *c)
{
    for (size_t i = 0; i < c->domains_len; i++)
        add_domain(b, c->domains[i].name, c->domains[i].certificate, c->domains[i].key);
    for (size_t i = 0; i < c->accounts_len; i++) {
        const config_account *a = &c->accounts[i];
        if (!is_domain(c, a->domain)) /* else it has been added, with its own certificate */
            add_domain(b, a->domain, a->certificate, a->key);
    }
    s2s_setup_limit_rate(b->setup, c->limits.rate_bytes, c->limits.rate_burst_bytes);
    for (size_t i = 0; i < c->routes_len; i++) {
        char why[S2S_TEXT_MAX] = "";
        const config_route *route = &c->routes[i];
        s2s_err err = s2s_setup_add_route(b->setup, route->match, route->address, route->tls, why);
        if (err != S2S_OK)
            report(b, why, err);
    }
}

s2s_err node_setup_new(const s2s_env *env, const config *c, const s2s_federation *running, FILE *problems, size_t *kept,
                       s2s_setup **out)
{
    building b = {.running = running, .problems = problems};
    s2s_err err = s2s_setup_new(env, &b.setup);
    if (err != S2S_OK) {
        (void)fprintf(problems, "%s\n", s2s_strerror(err));
        return err;
    }
    add_all(&b, c);
    tell_caps(&b, env, c);
    if (b.result != S2S_OK) {
        s2s_setup_free(b.setup);
        return b.result;
    }
    *kept = b.kept;
    *out = b.setup;
    return S2S_OK;
}
