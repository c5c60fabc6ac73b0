/* SPDX-License-Identifier: MIT */
/* config_rules.c: what a table of keys cannot say: what belongs together, what may be there once.
 * Values that were reported already are left out, so that one mistake is one line. */
#include <string.h>

#include "node/config_check.h"

/* A usable value of `key`; NULL if it is not there or bad. */
static config_node *usable(const config_node *node, const char *key)
{
    config_node *n = config_node_get(node, key);
    return n && !n->bad && n->kind == CONFIG_NODE_SCALAR ? n : NULL;
}

/* The list of entries, NULL if it is not there or not a list. */
static config_node *list_of(const config_node *node, const char *key)
{
    config_node *n = config_node_get(node, key);
    return n && !n->bad && n->kind == CONFIG_NODE_LIST ? n : NULL;
}

static config_node *domains_of(const config_reading *r)
{
    return list_of(r->root, "domains");
}

static config_node *accounts_of(const config_reading *r)
{
    return list_of(config_node_get(r->root, "components"), "accounts");
}

/* Names are in normal form: a U-label and its A-label are the same (AD-04). */
static void check_once(config_reading *r, const config_node *list, const char *key, const char *of)
{
    size_t i = 0;
    for (config_node *a = list ? list->first : NULL; a; a = a->next, i++) {
        const config_node *name = usable(a, key);
        for (config_node *b = name ? a->next : NULL; b; b = b->next) {
            config_node *other = usable(b, key);
            if (other && strcmp(name->text, other->text) == 0)
                config_problem_add(r, other, "the same domain as %s[%zu] in line %zu", of, i,
                                   name->at.line);
        }
    }
}

/* True if `domain` is `parent` or below it. */
static bool is_within(const char *domain, const char *parent)
{
    size_t len = strlen(domain), tail = strlen(parent);
    if (len < tail || strcmp(domain + len - tail, parent) != 0)
        return false;
    return len == tail || domain[len - tail - 1] == '.';
}

config_node *config_covering_domain(const config_reading *r, const char *domain)
{
    config_node *best = NULL, *domains = domains_of(r);
    size_t best_len = 0;
    for (config_node *d = domains ? domains->first : NULL; d; d = d->next) {
        const config_node *name = usable(d, "name");
        if (name && is_within(domain, name->text) && name->len > best_len) {
            best = d;
            best_len = name->len;
        }
    }
    return best;
}

/* Whether every entry of `domains` has a name that can be compared. */
static bool domains_known(const config_reading *r)
{
    const config_node *given = config_node_get(r->root, "domains"), *domains = domains_of(r);
    if (given && !domains)
        return false;
    for (const config_node *d = domains ? domains->first : NULL; d; d = d->next) {
        if (!usable(d, "name"))
            return false;
    }
    return true;
}

static void check_certificate(config_reading *r, config_node *account, bool known)
{
    const config_node *certificate = config_node_get(account, "certificate");
    const config_node *key = config_node_get(account, "key");
    config_node *domain = usable(account, "domain");
    config_quoted quoted;
    if (certificate && !key)
        config_problem_missing(r, account, "key", "required with certificate, but not given");
    if (key && !certificate)
        config_problem_missing(r, account, "certificate", "required with key, but not given");
    if (!certificate && !key && domain && known && !config_covering_domain(r, domain->text))
        config_problem_add(r, domain, "no certificate: %s is not in domains, nor is a parent of it; add "
                           "certificate and key here, or the domain there",
                           config_quote(&quoted, domain->text));
}

static void check_secret(config_reading *r, config_node *account)
{
    const config_node *secret = config_node_get(account, "secret");
    config_node *file = config_node_get(account, "secret_file");
    if (!secret && !file)
        config_problem_missing(r, account, "secret", "required (or secret_file), but not given");
    if (secret && file)
        config_problem_key(r, file, "only one of secret and secret_file may be given");
}

static void check_accounts(config_reading *r)
{
    config_node *accounts = accounts_of(r);
    bool known = domains_known(r);
    if (!accounts || !accounts->first)
        return;
    for (config_node *a = accounts->first; a; a = a->next) {
        if (a->kind != CONFIG_NODE_MAPPING || a->refused)
            continue;
        check_secret(r, a);
        check_certificate(r, a, known);
    }
    check_once(r, accounts, "domain", "components.accounts");

    const config_node *listen = config_node_get(accounts->parent, "listen");
    if (!listen || (!listen->bad && listen->kind == CONFIG_NODE_LIST && !listen->first))
        config_problem_missing(r, accounts->parent, "listen",
                               "required with accounts, but not given");
}

static void check_trust(config_reading *r)
{
    const config_node *trust = config_node_get(r->root, "trust"), *system = usable(trust, "system");
    const config_node *files = config_node_get(trust, "ca_files");
    if (system && system->number == 0 && (!files || (!files->bad && !files->first)))
        config_problem_missing(r, trust, "ca_files",
                               "without the system's trust store at least one file is needed");
}

/* A public CA vouches for no domain with a client's certificate: some anchors must be the operator's alone. */
static void check_client_only(config_reading *r)
{
    const config_node *trust = config_node_get(r->root, "trust"), *system = usable(trust, "system");
    const config_node *policy = config_node_get(r->root, "policy"), *remotes = list_of(policy, "remotes");
    config_node *client_only = usable(policy, "client_only");
    bool own = (config_node_get(trust, "system") && !system) || (system && system->number == 0);
    for (const config_node *n = remotes ? remotes->first : NULL; n; n = n->next)
        own = own || config_node_get(n, "ca_files");
    if (client_only && client_only->number && !own)
        config_problem_key(r, client_only, "needs anchors that exclude the system's: trust.system: false, or "
                                           "ca_files of a remote");
}

static void check_serves_something(config_reading *r)
{
    const config_node *domains = config_node_get(r->root, "domains");
    const config_node *components = config_node_get(r->root, "components");
    const config_node *accounts = config_node_get(components, "accounts");
    bool unknown = (domains && (domains->bad || domains->first)) || (components && components->bad) ||
                   (accounts && (accounts->bad || accounts->first));
    if (!unknown)
        config_problem_missing(r, r->root, "domains",
                               "at least one domain or one of components.accounts is needed");
}

void config_check_rules(config_reading *r)
{
    check_serves_something(r);
    check_once(r, domains_of(r), "name", "domains");
    check_accounts(r);
    check_trust(r);
    check_client_only(r);
}
