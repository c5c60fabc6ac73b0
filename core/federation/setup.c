/* SPDX-License-Identifier: MIT */
/* setup.c: what is served, with which certificates, and the static routes: exchanged as a whole. */
#include "federation/internal.h"

#include "protocol/buf.h"
#include "protocol/why.h"
#include "s2s/addr.h"

s2s_err s2s_setup_new(const s2s_env *env, s2s_setup **out)
{
    s2s_setup *setup = s2s__alloc(env, sizeof *setup);
    if (!setup)
        return S2S_E_NOMEM;
    setup->env = env;
    s2s_setup_limit_rate(setup, env->limits.rate_bytes, env->limits.rate_burst_bytes);
    s2s_err err = s2s__table_init(&setup->by_name, env);
    if (err != S2S_OK) {
        s2s_setup_free(setup);
        return err;
    }
    *out = setup;
    return S2S_OK;
}

static void free_domain(const s2s_env *env, s2s__domain *d)
{
    s2s__free(env, d->name);
    s2s__free(env, d->file);
    s2s__identity_unref(d->identity);
    s2s__free(env, d->caps_node);
    s2s__free(env, d->caps_ver);
    s2s__free(env, d);
}

void s2s_setup_free(s2s_setup *setup)
{
    if (!setup)
        return;
    for (size_t i = 0; i < setup->domains_len; i++)
        free_domain(setup->env, setup->domains[i]);
    s2s__free(setup->env, setup->domains);
    s2s__table_free(&setup->by_name);
    s2s__routes_free(&setup->routes, setup->env);
    s2s__free(setup->env, setup);
}

const s2s__domain *s2s__setup_domain(const s2s_setup *setup, s2s_str name)
{
    uint64_t hash = s2s__table_hash(&setup->by_name, name, S2S_STR_ABSENT);
    for (s2s__slot *slot = s2s__table_first(&setup->by_name, hash); slot; slot = s2s__table_next(slot)) {
        const s2s__domain *d = (const s2s__domain *)slot;
        if (s2s_str_eq(s2s_str_of(d->name), name))
            return d;
    }
    return NULL;
}

/* Room for one more in the list. */
static bool make_room(s2s_setup *setup)
{
    s2s__domain **list = setup->env->ops->resize(setup->env->user, setup->domains,
                                                 (setup->domains_len + 1) * sizeof *list);
    if (list)
        setup->domains = list;
    return list != NULL;
}

/* Takes over `identity`, also on failure. */
static s2s_err keep_domain(s2s_setup *setup, const char *name, const char *file, s2s__identity *identity)
{
    const s2s_env *env = setup->env;
    s2s__domain *d = s2s__alloc(env, sizeof *d);
    if (!d) {
        s2s__identity_unref(identity);
        return S2S_E_NOMEM;
    }
    d->name = s2s__strdup(env, s2s_str_of(name));
    d->file = s2s__strdup(env, s2s_str_of(file));
    d->identity = identity;
    uint64_t hash = s2s__table_hash(&setup->by_name, s2s_str_of(name), S2S_STR_ABSENT);
    if (!d->name || !d->file || !make_room(setup) || s2s__table_add(&setup->by_name, &d->slot, hash) != S2S_OK) {
        free_domain(env, d);
        return S2S_E_NOMEM;
    }
    setup->domains[setup->domains_len++] = d;
    return S2S_OK;
}

/* The normal form of a domain that may be added. */
static s2s_err new_name(const s2s_setup *setup, s2s_str domain, char name[S2S_DOMAIN_MAX + 1], char why[S2S_TEXT_MAX])
{
    if (s2s_domain_normalise(domain, name) != S2S_OK)
        return s2s__refuse(why, S2S_E_INVAL, "\"%.*s\" is not a domain", S2S_FMT(domain));
    if (s2s__setup_domain(setup, s2s_str_of(name)))
        return s2s__refuse(why, S2S_E_EXISTS, "%s is served already", name);
    return S2S_OK;
}

/* A certificate chain and its key: files, or what would stand in them. */
typedef struct source {
    const char *certificate_file, *key_file; /* NULL: not from files */
    s2s_bytes certificate, key;
} source;

static s2s_err read_identity(const s2s_env *env, const source *from, s2s__identity **out, char why[S2S_TEXT_MAX])
{
    return from->certificate_file ? s2s__identity_load(env, from->certificate_file, from->key_file, out, why)
                                  : s2s__identity_read(env, from->certificate, from->key, out, why);
}

static s2s_err add_domain(s2s_setup *setup, s2s_str domain, const source *from, char why[S2S_TEXT_MAX])
{
    char name[S2S_DOMAIN_MAX + 1];
    const char *file = from->certificate_file ? from->certificate_file : "";
    s2s__identity *identity = NULL;
    s2s_err err = new_name(setup, domain, name, why);
    if (err != S2S_OK)
        return err;
    err = read_identity(setup->env, from, &identity, why);
    if (err != S2S_OK)
        return err == S2S_E_NOMEM ? s2s__refuse(why, err, "%s", s2s_strerror(err)) : S2S_E_INVAL;
    if (!s2s__identity_covers(identity, s2s_str_of(name))) {
        s2s__identity_unref(identity);
        return s2s__refuse(why, S2S_E_INVAL, "%s%sthe certificate is not for %s", file, *file ? ": " : "", name);
    }
    err = keep_domain(setup, name, file, identity);
    return err == S2S_OK ? err : s2s__refuse(why, err, "%s", s2s_strerror(err));
}

s2s_err s2s_setup_add_domain(s2s_setup *setup, s2s_str domain, const char *certificate_file, const char *key_file,
                             char why[S2S_TEXT_MAX])
{
    if (!certificate_file || !key_file)
        return s2s__refuse(why, S2S_E_INVAL, "%.*s: a certificate file and a key file are needed", S2S_FMT(domain));
    return add_domain(setup, domain, &(source){.certificate_file = certificate_file, .key_file = key_file}, why);
}

s2s_err s2s_setup_add_domain_pem(s2s_setup *setup, s2s_str domain, s2s_bytes certificate, s2s_bytes key,
                                 char why[S2S_TEXT_MAX])
{
    return add_domain(setup, domain, &(source){.certificate = certificate, .key = key}, why);
}

s2s_err s2s_setup_keep_domain(s2s_setup *setup, const s2s_federation *f, s2s_str domain)
{
    char name[S2S_DOMAIN_MAX + 1];
    if (s2s_domain_normalise(domain, name) != S2S_OK)
        return S2S_E_NOTFOUND;
    const s2s__domain *d = s2s__federation_domain(f, s2s_str_of(name));
    if (!d)
        return S2S_E_NOTFOUND;
    if (s2s__setup_domain(setup, s2s_str_of(name)))
        return S2S_E_EXISTS;
    return keep_domain(setup, name, d->file, s2s__identity_ref(d->identity));
}

s2s_err s2s_setup_caps(s2s_setup *setup, s2s_str domain, s2s_str node, s2s_str ver)
{
    char name[S2S_DOMAIN_MAX + 1];
    const s2s__domain *found = NULL;
    if (s2s_domain_normalise(domain, name) == S2S_OK)
        found = s2s__setup_domain(setup, s2s_str_of(name));
    if (!found)
        return S2S_E_NOTFOUND;
    s2s__domain *d = setup->domains[0];
    for (size_t i = 0; d != found; i++)
        d = setup->domains[i];
    char *kept_node = s2s__strdup(setup->env, node), *kept_ver = s2s__strdup(setup->env, ver);
    if (!kept_node || !kept_ver) {
        s2s__free(setup->env, kept_node);
        s2s__free(setup->env, kept_ver);
        return S2S_E_NOMEM;
    }
    s2s__free(setup->env, d->caps_node);
    s2s__free(setup->env, d->caps_ver);
    d->caps_node = kept_node;
    d->caps_ver = kept_ver;
    return S2S_OK;
}

s2s_err s2s_setup_copy(const s2s_setup *from, s2s_setup **out)
{
    s2s_setup *setup = NULL;
    s2s_err err = s2s_setup_new(from->env, &setup);
    for (size_t i = 0; i < from->domains_len && err == S2S_OK; i++) {
        const s2s__domain *d = from->domains[i];
        err = keep_domain(setup, d->name, d->file, s2s__identity_ref(d->identity));
        if (err == S2S_OK && d->caps_ver)
            err = s2s_setup_caps(setup, s2s_str_of(d->name), s2s_str_of(d->caps_node), s2s_str_of(d->caps_ver));
    }
    if (err == S2S_OK)
        err = s2s__routes_copy(&from->routes, from->env, &setup->routes);
    if (err != S2S_OK) {
        s2s_setup_free(setup);
        return err;
    }
    setup->rate = from->rate;
    *out = setup;
    return S2S_OK;
}

s2s_err s2s_setup_add_route(s2s_setup *setup, const char *match, const char *address, s2s_tls_start tls,
                            char why[S2S_TEXT_MAX])
{
    return s2s__routes_add(&setup->routes, setup->env, match, address, tls, why);
}

void s2s_setup_limit_rate(s2s_setup *setup, uint32_t bytes, uint32_t burst)
{
    setup->rate = (s2s__rate_limit){.bytes = bytes, .burst = burst};
}

/* -- in place ------------------------------------------------------------------------------------------ */

static void close_if_gone(s2s__stream *s)
{
    if (s->established && s->local && !s2s__federation_domain(s->f, s2s_str_of(s->local)))
        s2s__connection_close(s->connection, S2S_COND_HOST_GONE, NULL); /* others fail by themselves at TLS */
}

void s2s_federation_replace(s2s_federation *f, s2s_setup *setup)
{
    s2s_setup *old = f->setup;
    uv_mutex_lock(&f->setup_lock);
    f->setup = setup;
    uv_mutex_unlock(&f->setup_lock);
    f->setups++;
    for (s2s__stream *s = f->streams, *next; s; s = next) {
        next = s->next;
        close_if_gone(s);
    }
    s2s__rates_changed(f);
    s2s_setup_free(old); /* TLS sessions hold their certificates themselves */
    s2s_federation_recheck(f);
}

void s2s_federation_domains(const s2s_federation *f, void (*each)(void *arg, const s2s_domain_info *info), void *arg)
{
    s2s_bytes chain[S2S__IDENTITY_CHAIN_MAX];
    for (size_t i = 0; i < f->setup->domains_len; i++) {
        const s2s__domain *d = f->setup->domains[i];
        s2s_domain_info info = {.size = sizeof info,
                                .domain = s2s_str_of(d->name),
                                .certificate_file = d->file,
                                .not_before = s2s__identity_begins(d->identity),
                                .expires = s2s__identity_expires(d->identity),
                                .chain = chain,
                                .chain_len = s2s__identity_chain(d->identity, chain)};
        each(arg, &info);
    }
}
