/* SPDX-License-Identifier: MIT */
/* services.c: the answers of a bare domain, of echo@domain, and for users who do not exist. */
#include "services.h"

#include <string.h>
#include <sys/utsname.h>

#include "protocol/xml/ns.h"
#include "protocol/xml/tree.h"

#define PROGRAM_NAME "s2sd"
#define ECHO_USER "echo"
#define NS_FORM "jabber:x:data"
#define FORM_SERVERINFO "http://jabber.org/network/serverinfo"

/* The largest answer of ours: a list of all components. */
enum { ANSWER_MAX = 1 << 20 };

static bool type_is(const s2s_stanza *st, const char *type)
{
    return s2s__str_is(st->type, type);
}

static void refuse(const services *s, const s2s_stanza *st, s2s_stanza_error error, const char *text)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (s2s_stanza_bounce(st, error, text, buf, sizeof buf, &answer))
        s->answer(s->user, &answer);
}

/* -- queries to the domain ----------------------------------------------------------------------------- */

/* Each writes the inside of the result; false: there is no such node. */
typedef bool query_handler(const services *s, const config_domain *domain, const s2s__node *query, s2s__buf *out);

static bool take_ping(const services *s, const config_domain *domain, const s2s__node *query, s2s__buf *out)
{
    (void)s;
    (void)domain;
    (void)query;
    (void)out;
    return true; /* XEP-0199 section 4.1: an empty result */
}

static void put_element(s2s__buf *out, const char *name, const char *attribute, const char *value)
{
    s2s__buf_puts(out, "<");
    s2s__buf_puts(out, name);
    s2s__buf_attr(out, attribute, s2s_str_of(value));
    s2s__buf_puts(out, "/>");
}

static void put_value(s2s__buf *out, const char *text)
{
    s2s__buf_puts(out, "<value>");
    s2s__buf_escape(out, s2s_str_of(text));
    s2s__buf_puts(out, "</value>");
}

/* XEP-0157, DI-05: a form, if there is anything to tell. */
static void put_contacts(s2s__buf *out, const config_domain *domain)
{
    static const char *const FIELDS[] = {
#define S2S_X(field) #field "-addresses",
        CONFIG_CONTACTS(S2S_X)
#undef S2S_X
    };
    bool any = false;
    for (size_t i = 0; i < CONFIG_CONTACT_KINDS; i++)
        any = any || domain->contacts[i].len > 0;
    if (!any)
        return;
    s2s__buf_puts(out, "<x xmlns='" NS_FORM "' type='result'><field var='FORM_TYPE' type='hidden'>"
                       "<value>" FORM_SERVERINFO "</value></field>");
    for (size_t i = 0; i < CONFIG_CONTACT_KINDS; i++) {
        const config_texts *addresses = &domain->contacts[i];
        if (addresses->len == 0)
            continue;
        s2s__buf_puts(out, "<field");
        s2s__buf_attr(out, "var", s2s_str_of(FIELDS[i]));
        s2s__buf_puts(out, " type='list-multi'>");
        for (size_t k = 0; k < addresses->len; k++)
            put_value(out, addresses->list[k]);
        s2s__buf_puts(out, "</field>");
    }
    s2s__buf_puts(out, "</x>");
}

/* XEP-0030 section 3, DI-01: exactly what is served. */
static void put_disco_info(s2s__buf *out, const config_domain *domain, s2s_str node)
{
    static const char *const FEATURES[] = {NS_CAPS, NS_DISCO_INFO, NS_DISCO_ITEMS, NS_VERSION, NS_PING};
    s2s__buf_puts(out, "<query xmlns='" NS_DISCO_INFO "'");
    s2s__buf_attr(out, "node", node);
    s2s__buf_puts(out, "><identity category='server' type='im' name='" PROGRAM_NAME "'/>");
    for (size_t i = 0; i < sizeof FEATURES / sizeof *FEATURES; i++)
        put_element(out, "feature", "var", FEATURES[i]);
    put_contacts(out, domain);
    s2s__buf_puts(out, "</query>");
}

s2s_err services_caps(const s2s_env *env, const config_domain *domain, char ver[CAPS_VER_MAX])
{
    s2s__buf out;
    s2s__buf_init(&out, env, ANSWER_MAX);
    put_disco_info(&out, domain, S2S_STR_ABSENT);
    s2s_err err = out.failed == S2S_OK ? caps_ver(env, s2s__buf_view(&out), ver) : out.failed;
    s2s__buf_free(&out);
    return err;
}

/* "NODE#VER", as we tell it (DI-04). */
static bool is_our_node(const services *s, const config_domain *domain, s2s_str node)
{
    static const char BEGINS[] = CAPS_NODE "#";
    char ver[CAPS_VER_MAX];
    const size_t len = sizeof BEGINS - 1;
    return node.len > len && memcmp(node.ptr, BEGINS, len) == 0 && services_caps(s->env, domain, ver) == S2S_OK &&
           s2s__str_is((s2s_str){node.ptr + len, node.len - len}, ver);
}

static bool take_disco_info(const services *s, const config_domain *domain, const s2s__node *query, s2s__buf *out)
{
    s2s_str node = s2s__node_attr(query, "node");
    if (node.ptr && !is_our_node(s, domain, node))
        return false;
    put_disco_info(out, domain, node);
    return true;
}

static bool is_below(s2s_str domain, s2s_str parent)
{
    size_t cut = domain.len > parent.len + 1 ? domain.len - parent.len - 1 : 0;
    return cut > 0 && domain.ptr[cut] == '.' &&
           s2s_str_eq((s2s_str){domain.ptr + cut + 1, parent.len}, parent);
}

/* XEP-0030 section 4, DI-02: the components below this domain; an empty list is a good answer. */
static bool take_disco_items(const services *s, const config_domain *domain, const s2s__node *query, s2s__buf *out)
{
    if (s2s__node_attr(query, "node").ptr)
        return false;
    s2s__buf_puts(out, "<query xmlns='" NS_DISCO_ITEMS "'>");
    for (size_t i = 0; i < s->accounts_len; i++) {
        if (is_below(s2s_str_of(s->accounts[i].domain), s2s_str_of(domain->name)))
            put_element(out, "item", "jid", s->accounts[i].domain);
    }
    s2s__buf_puts(out, "</query>");
    return true;
}

/* XEP-0092, DI-03. The operating system is nobody's business, unless the operator says so; its version never is. */
static bool take_version(const services *s, const config_domain *domain, const s2s__node *query, s2s__buf *out)
{
    struct utsname system;
    (void)domain;
    (void)query;
    s2s__buf_puts(out, "<query xmlns='" NS_VERSION "'><name>" PROGRAM_NAME "</name>"
                       "<version>" S2S_VERSION "</version>");
    if (s->os && uname(&system) == 0) {
        s2s__buf_puts(out, "<os>");
        s2s__buf_escape(out, s2s_str_of(system.sysname));
        s2s__buf_puts(out, "</os>");
    }
    s2s__buf_puts(out, "</query>");
    return true;
}

static const struct query_row {
    const char *ns, *name;
    query_handler *handler;
} QUERIES[] = {
    {NS_PING, "ping", take_ping},
    {NS_DISCO_INFO, "query", take_disco_info},
    {NS_DISCO_ITEMS, "query", take_disco_items},
    {NS_VERSION, "query", take_version},
};

/* The one child of an iq request (RFC 6120 section 8.2.3), or NULL. */
static const s2s__node *only_child(const s2s__tree *tree)
{
    const s2s__node *first = s2s__node_next_element(s2s__tree_root(tree)->first);
    return first && !s2s__node_next_element(first->next) ? first : NULL;
}

static void answer_query(const services *s, const config_domain *domain, const s2s_stanza *st,
                         const s2s__node *query)
{
    for (size_t i = 0; i < sizeof QUERIES / sizeof *QUERIES; i++) {
        if (!type_is(st, "get") || !s2s__node_is(query, QUERIES[i].ns, QUERIES[i].name))
            continue;
        s2s__buf out;
        s2s__buf_init(&out, s->env, ANSWER_MAX);
        bool found = QUERIES[i].handler(s, domain, query, &out);
        s2s_stanza answer = {.kind = S2S_IQ, .from = st->to, .to = st->from, .id = st->id,
                             .type = S2S_STR("result"), .attrs = S2S_STR(""), .inner = s2s__buf_view(&out)};
        if (!found)
            refuse(s, st, S2S_SE_ITEM_NOT_FOUND, NULL);
        else if (out.failed != S2S_OK)
            refuse(s, st, S2S_SE_INTERNAL_SERVER_ERROR, NULL);
        else
            s->answer(s->user, &answer);
        s2s__buf_free(&out);
        return;
    }
    refuse(s, st, S2S_SE_SERVICE_UNAVAILABLE, NULL);
}

static void take_iq(const services *s, const config_domain *domain, const s2s_jid *to, const s2s_stanza *st)
{
    s2s__tree *tree = NULL;
    if (type_is(st, "result") || type_is(st, "error"))
        return;
    if ((!type_is(st, "get") && !type_is(st, "set")) || !st->id.ptr) {
        refuse(s, st, S2S_SE_BAD_REQUEST, "an iq has an id, and a type that is get, set, result or error");
        return;
    }
    if (to->local.ptr || to->resource.ptr) { /* RFC 6121 section 8.5.1: nobody is there */
        refuse(s, st, S2S_SE_SERVICE_UNAVAILABLE, NULL);
        return;
    }
    s2s_err err = s2s__tree_new(s->env, &tree);
    if (err == S2S_OK)
        err = s2s__tree_parse_within(tree, st->attrs, st->inner, NS_SERVER);
    const s2s__node *query = err == S2S_OK ? only_child(tree) : NULL;
    if (err == S2S_E_NOMEM)
        refuse(s, st, S2S_SE_INTERNAL_SERVER_ERROR, NULL);
    else if (!query)
        refuse(s, st, S2S_SE_BAD_REQUEST, "a request has one child element");
    else
        answer_query(s, domain, st, query);
    s2s__tree_free(tree);
}

/* -- messages ------------------------------------------------------------------------------------------ */

/* Two echoes would talk to each other for ever. */
static bool is_from_echo(const s2s_stanza *st)
{
    s2s_jid from;
    return st->from.ptr && s2s_jid_split(st->from, &from) == S2S_OK && s2s__str_is(from.local, ECHO_USER);
}

/* Just the bodies: receipts and chat states must not come back as if a client had asked. */
static s2s_err copy_bodies(const services *s, const s2s_stanza *st, s2s__buf *out)
{
    s2s__tree *tree = NULL;
    s2s_err err = s2s__tree_new(s->env, &tree);
    if (err == S2S_OK)
        err = s2s__tree_parse_within(tree, st->attrs, st->inner, NS_SERVER);
    const s2s__node *n = err == S2S_OK ? s2s__tree_root(tree)->first : NULL;
    for (; n && err == S2S_OK; n = n->next) {
        if (s2s__node_is(n, NS_SERVER, "body"))
            err = s2s__tree_write(out, n, NS_SERVER);
    }
    s2s__tree_free(tree);
    return err;
}

static void echo(const services *s, const s2s_stanza *st)
{
    s2s__buf out;
    s2s__buf_init(&out, s->env, 2 * (size_t)s->env->limits.stanza_bytes + ANSWER_MAX);
    s2s_err err = copy_bodies(s, st, &out);
    s2s_stanza answer = {.kind = S2S_MESSAGE, .from = st->to, .to = st->from, .id = st->id, .type = st->type,
                         .lang = st->lang, .attrs = S2S_STR(""), .inner = s2s__buf_view(&out)};
    if (err != S2S_OK)
        refuse(s, st, S2S_SE_INTERNAL_SERVER_ERROR, NULL);
    else if (out.len > 0 && st->from.ptr)
        s->answer(s->user, &answer);
    s2s__buf_free(&out);
}

static void take_message(const services *s, const config_domain *domain, const s2s_jid *to, const s2s_stanza *st)
{
    /* RFC 6121 section 8.5.2.2: a headline for nobody is silently ignored. */
    if (type_is(st, "error") || type_is(st, "headline"))
        return;
    bool echoes = domain->echo && s2s__str_is(to->local, ECHO_USER) && !type_is(st, "groupchat");
    if (!echoes)
        refuse(s, st, S2S_SE_SERVICE_UNAVAILABLE, NULL);
    else if (!is_from_echo(st))
        echo(s, st);
}

void services_take(const services *s, const config_domain *domain, const s2s_jid *to, const s2s_stanza *stanza)
{
    switch (stanza->kind) {
    case S2S_MESSAGE: take_message(s, domain, to, stanza); return;
    case S2S_PRESENCE: return; /* RFC 6121 section 8.5.1: there is nobody to subscribe to */
    case S2S_IQ: take_iq(s, domain, to, stanza); return;
    }
}
