/* SPDX-License-Identifier: MIT */
/* config_build.c: the nodes of a good configuration as plain data, with the defaults of what it leaves out. */
#include <stdlib.h>
#include <string.h>

#include "node/config_check.h"

#define CONTROL_DEFAULT "/run/s2sd/control.sock"

/* NULL stays NULL. False if there is no memory. */
static bool copy_text(const config_node *n, char **out)
{
    if (!n)
        return true;
    *out = strdup(n->text);
    return *out != NULL;
}

static uint32_t number_of(const config_node *n, uint32_t otherwise)
{
    return n ? n->number : otherwise;
}

/* An array for the items of `list`; no memory is taken for none. */
static bool make_array(const config_node *list, size_t item, void *array, size_t *len)
{
    size_t count = config_node_count(list);
    if (count == 0)
        return true;
    void *memory = calloc(count, item);
    if (!memory)
        return false;
    memcpy(array, &memory, sizeof memory);
    *len = count;
    return true;
}

static bool build_texts(const config_node *list, char ***out, size_t *len)
{
    bool single = list && list->kind == CONFIG_NODE_SCALAR;
    if (single) {
        if (!(*out = calloc(1, sizeof **out)))
            return false;
        *len = 1;
        return copy_text(list, &(*out)[0]);
    }
    if (!make_array(list, sizeof **out, out, len))
        return false;
    const config_node *n = list ? list->first : NULL;
    for (size_t i = 0; n; n = n->next, i++) {
        if (!copy_text(n, &(*out)[i]))
            return false;
    }
    return true;
}

static bool build_contacts(const config_node *contacts, config_texts out[CONFIG_CONTACT_KINDS])
{
    static const char *const NAMES[] = {
#define S2S_X(field) #field,
        CONFIG_CONTACTS(S2S_X)
#undef S2S_X
    };
    for (size_t i = 0; i < CONFIG_CONTACT_KINDS; i++) {
        if (!build_texts(config_node_get(contacts, NAMES[i]), &out[i].list, &out[i].len))
            return false;
    }
    return true;
}

static bool build_domains(const config_reading *r, config *c)
{
    const config_node *list = config_node_get(r->root, "domains");
    if (!make_array(list, sizeof *c->domains, &c->domains, &c->domains_len))
        return false;
    config_domain *d = c->domains;
    for (const config_node *n = list ? list->first : NULL; n; n = n->next, d++) {
        d->echo = config_node_count(config_node_get(n, "services")) > 0; /* the only word there is */
        if (!copy_text(config_node_get(n, "name"), &d->name) ||
            !copy_text(config_node_get(n, "certificate"), &d->certificate) ||
            !copy_text(config_node_get(n, "key"), &d->key) ||
            !build_contacts(config_node_get(n, "contacts"), d->contacts))
            return false;
    }
    return true;
}

static bool build_account(const config_reading *r, const config_node *n, config_account *a)
{
    const config_node *domain = config_node_get(n, "domain"), *secret = config_node_get(n, "secret");
    const config_node *from = n;
    if (!config_node_get(n, "certificate"))
        from = config_covering_domain(r, domain->text);
    const config_node *talk_to = config_node_get(n, "talk_to");
    a->replace = number_of(config_node_get(n, "conflict"), false);
    a->restricted = talk_to != NULL;
    return copy_text(domain, &a->domain) &&
           copy_text(secret ? secret : config_node_get(n, "secret_file"), &a->secret) &&
           copy_text(config_node_get(from, "certificate"), &a->certificate) &&
           copy_text(config_node_get(from, "key"), &a->key) &&
           build_texts(talk_to, &a->talk_to.list, &a->talk_to.len);
}

static bool build_components(const config_reading *r, config *c)
{
    const config_node *components = config_node_get(r->root, "components");
    const config_node *list = config_node_get(components, "accounts");
    if (!build_texts(config_node_get(components, "listen"), &c->component_listen,
                     &c->component_listen_len) ||
        !make_array(list, sizeof *c->accounts, &c->accounts, &c->accounts_len))
        return false;
    config_account *a = c->accounts;
    for (const config_node *n = list ? list->first : NULL; n; n = n->next, a++) {
        if (!build_account(r, n, a))
            return false;
    }
    return true;
}

static bool build_listen(const config_reading *r, config *c)
{
    const config_node *list = config_node_get(r->root, "listen");
    if (!make_array(list, sizeof *c->listen, &c->listen, &c->listen_len))
        return false;
    config_listen *listen = c->listen;
    for (const config_node *n = list ? list->first : NULL; n; n = n->next, listen++) {
        listen->tls = (s2s_tls_start)number_of(config_node_get(n, "tls"), S2S_TLS_STARTTLS);
        if (!copy_text(config_node_get(n, "address"), &listen->address))
            return false;
    }
    return true;
}

static eku_choice choice_of(const config_node *n)
{
    if (!n)
        return EKU_INHERIT;
    return n->number ? EKU_YES : EKU_NO;
}

static bool build_remote(const config_node *n, config_remote *remote)
{
    const config_node *mode = config_node_get(n, "eku");
    remote->has_mode = mode != NULL;
    remote->mode = (eku_mode)number_of(mode, EKU_TOLERANT);
    remote->allow = choice_of(config_node_get(n, "allow"));
    remote->dialback = choice_of(config_node_get(n, "dialback"));
    return copy_text(config_node_get(n, "match"), &remote->match) &&
           build_texts(config_node_get(n, "ca_files"), &remote->ca_files, &remote->ca_files_len) &&
           build_texts(config_node_get(n, "pins"), &remote->pins, &remote->pins_len);
}

static bool build_policy(const config_reading *r, config *c)
{
    const config_node *policy = config_node_get(r->root, "policy");
    const config_node *list = config_node_get(policy, "remotes");
    c->mode = (eku_mode)number_of(config_node_get(policy, "eku"), EKU_TOLERANT);
    c->require_eku = number_of(config_node_get(policy, "require_eku"), false);
    c->any_eku = number_of(config_node_get(policy, "any_eku"), false);
    c->client_only = number_of(config_node_get(policy, "client_only"), false);
    c->ocsp = (eku_ocsp)number_of(config_node_get(policy, "ocsp"), EKU_OCSP_SOFT);
    c->dane = number_of(config_node_get(policy, "dane"), true);
    c->dialback = number_of(config_node_get(policy, "dialback"), false);
    c->allow = number_of(config_node_get(policy, "allow"), true);
    c->workers = number_of(config_node_get(r->root, "workers"), 1);
    c->bidi = number_of(config_node_get(r->root, "bidi"), false);
    c->version_os = number_of(config_node_get(r->root, "version_os"), false);
    const config_node *secret = config_node_get(policy, "dialback_secret_file");
    if (secret && !config_node_is_null(secret) && !copy_text(secret, &c->dialback_secret))
        return false;
    if (!make_array(list, sizeof *c->remotes, &c->remotes, &c->remotes_len))
        return false;
    config_remote *remote = c->remotes;
    for (const config_node *n = list ? list->first : NULL; n; n = n->next, remote++) {
        if (!build_remote(n, remote))
            return false;
    }
    return true;
}

static bool build_plugin(const config_reading *r, config *c)
{
    const config_node *plugin = config_node_get(config_node_get(r->root, "policy"), "plugin");
    return !plugin || config_node_is_null(plugin) || copy_text(plugin, &c->plugin);
}

static bool build_routes(const config_reading *r, config *c)
{
    const config_node *list = config_node_get(r->root, "routes");
    if (!make_array(list, sizeof *c->routes, &c->routes, &c->routes_len))
        return false;
    config_route *route = c->routes;
    for (const config_node *n = list ? list->first : NULL; n; n = n->next, route++) {
        route->tls = (s2s_tls_start)number_of(config_node_get(n, "tls"), S2S_TLS_STARTTLS);
        if (!copy_text(config_node_get(n, "match"), &route->match) ||
            !copy_text(config_node_get(n, "address"), &route->address))
            return false;
    }
    return true;
}

static bool build_trust_and_dns(const config_reading *r, config *c)
{
    const config_node *trust = config_node_get(r->root, "trust"), *dns = config_node_get(r->root, "dns");
    c->trust_system = number_of(config_node_get(trust, "system"), true);
    return build_texts(config_node_get(trust, "ca_files"), &c->ca_files, &c->ca_files_len) &&
           build_texts(config_node_get(trust, "crl_files"), &c->crl_files, &c->crl_files_len) &&
           build_texts(config_node_get(dns, "servers"), &c->dns_servers, &c->dns_servers_len) &&
           build_texts(config_node_get(dns, "trust_anchors"), &c->dns_anchors, &c->dns_anchors_len);
}

static void build_limits(const config_reading *r, config *c)
{
    const config_node *limits = config_node_get(r->root, "limits");
    s2s_limits_init(&c->limits);
#define S2S_X(field, value, least, most, unit, words)                                              \
    c->limits.field = number_of(config_node_get(limits, #field), c->limits.field);
    S2S_LIMITS(S2S_X)
#undef S2S_X
}

/* The default is where the service manager keeps our state (systemd.exec(5), StateDirectory=). */
static bool build_census(const config_reading *r, config *c)
{
    const config_node *census = config_node_get(r->root, "census");
    const char *state = getenv("STATE_DIRECTORY");
    c->census_given = census != NULL;
    if (census)
        return strcmp(census->text, "off") == 0 || copy_text(census, &c->census);
    bool one = state && *state && !strchr(state, ':');
    if (asprintf(&c->census, "%s/census.db", one ? state : "/var/lib/s2sd") >= 0)
        return true;
    c->census = NULL;
    return false;
}

static bool build_log_and_control(const config_reading *r, config *c)
{
    const config_node *log = config_node_get(r->root, "log");
    const config_node *control = config_node_get(r->root, "control");
    c->log_level = (s2s_level)number_of(config_node_get(log, "level"), S2S_LOG_INFO);
    c->log_json = number_of(config_node_get(log, "format"), false);
    const config_node *http = config_node_get(r->root, "http");
    const config_node *user = config_node_get(r->root, "user");
    if (!copy_text(user && !config_node_is_null(user) ? user : NULL, &c->user))
        return false;
    c->control = strdup(control ? control->text : CONTROL_DEFAULT);
    return c->control != NULL && copy_text(http && !config_node_is_null(http) ? http : NULL, &c->http);
}

/* The words of the schema stand in the order of the enumerations. */
_Static_assert(EKU_TOLERANT == 0 && EKU_STRICT == 1, "policy.eku");
_Static_assert(EKU_OCSP_OFF == 0 && EKU_OCSP_SOFT == 1 && EKU_OCSP_MUST == 2, "policy.ocsp");
_Static_assert(S2S_LOG_DEBUG == 0 && S2S_LOG_ERROR == 3, "log.level");

static bool build_files(const config_reading *r, config *c)
{
    c->sandbox = number_of(config_node_get(r->root, "sandbox"), true);
    c->directory = strdup(*r->directory ? r->directory : "/");
    if (!c->directory || r->files_len == 0)
        return c->directory != NULL;
    c->files.list = calloc(r->files_len, sizeof *c->files.list);
    for (; c->files.list && c->files.len < r->files_len; c->files.len++) {
        if (!(c->files.list[c->files.len] = strdup(r->files[c->files.len])))
            return false;
    }
    return c->files.list != NULL;
}

s2s_err config_build(const config_reading *r, config **out)
{
    config *c = calloc(1, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    build_limits(r, c);
    if (!build_domains(r, c) || !build_listen(r, c) || !build_components(r, c) ||
        !build_trust_and_dns(r, c) || !build_policy(r, c) || !build_routes(r, c) ||
        !build_plugin(r, c) || !build_census(r, c) || !build_log_and_control(r, c) || !build_files(r, c)) {
        config_free(c);
        return S2S_E_NOMEM;
    }
    *out = c;
    return S2S_OK;
}
