/* SPDX-License-Identifier: MIT */
/* ping.c: a list of pings; their ids cannot be guessed, so that nobody can answer for another. */
#include "ping.h"

#include <stdio.h>
#include <string.h>

#include "protocol/stream/stream.h"
#include "protocol/xml/ns.h"
#include "s2s/addr.h"

#define PREFIX "ping-"

struct ping {
    ping *next;
    char id[sizeof PREFIX + S2S_STREAM_ID_LEN];
    char *from, *to;
    s2s_time since;
    ping_done *done;
    void *user;
};

static void free_ping(const pings *p, ping *one)
{
    s2s__free(p->env, one->from);
    s2s__free(p->env, one->to);
    s2s__free(p->env, one);
}

static void free_list(const pings *p, ping **list)
{
    while (*list) {
        ping *one = *list;
        *list = one->next;
        free_ping(p, one);
    }
}

void pings_free(pings *p)
{
    free_list(p, &p->first);
    free_list(p, &p->ended);
}

s2s_err ping_new(pings *p, s2s_str from, s2s_str to, ping_done *done, void *user, ping **out, s2s_stanza *stanza)
{
    char id[S2S_STREAM_ID_LEN + 1];
    free_list(p, &p->ended);
    s2s_err err = s2s__stream_id(p->env, id);
    if (err != S2S_OK)
        return err;
    ping *one = s2s__alloc(p->env, sizeof *one);
    if (!one)
        return S2S_E_NOMEM;
    (void)snprintf(one->id, sizeof one->id, PREFIX "%s", id);
    one->from = s2s__strdup(p->env, from);
    one->to = s2s__strdup(p->env, to);
    if (!one->from || !one->to) {
        free_ping(p, one);
        return S2S_E_NOMEM;
    }
    one->since = uv_now(p->loop);
    one->done = done;
    one->user = user;
    one->next = p->first;
    p->first = one;
    *out = one;
    *stanza = (s2s_stanza){.kind = S2S_IQ, .from = s2s_str_of(one->from), .to = s2s_str_of(one->to),
                           .id = s2s_str_of(one->id), .type = S2S_STR("get"), .attrs = S2S_STR(""),
                           .inner = S2S_STR("<ping xmlns='" NS_PING "'/>")};
    return S2S_OK;
}

void ping_cancel(pings *p, ping *one)
{
    for (ping **at = &p->first; one && *at; at = &(*at)->next) {
        if (*at == one) {
            *at = one->next;
            one->next = p->ended;
            p->ended = one;
            return;
        }
    }
}

/* The condition and text of a stanza error (RFC 6120 section 8.3.2). */
static void read_error(const s2s_env *env, const s2s_stanza *st, ping_result *out)
{
    s2s__tree *tree = NULL;
    (void)snprintf(out->condition, sizeof out->condition, "undefined-condition");
    s2s_err err = s2s__tree_new(env, &tree);
    if (err == S2S_OK)
        err = s2s__tree_parse_within(tree, st->attrs, st->inner, NS_SERVER);
    if (err != S2S_OK) {
        s2s__copy_text(out->text, s2s_str_of(s2s_strerror(err)));
        s2s__tree_free(tree);
        return;
    }
    const s2s__node *error = s2s__node_child(s2s__tree_root(tree), NS_SERVER, "error");
    for (const s2s__node *n = error ? error->first : NULL; n; n = n->next) {
        if (s2s__node_is(n, NS_STANZA_ERRORS, "text"))
            s2s__copy_text(out->text, s2s__node_text(tree, n));
        else if (s2s__str_is(n->ns, NS_STANZA_ERRORS))
            (void)snprintf(out->condition, sizeof out->condition, "%.*s", S2S_FMT(n->name));
    }
    s2s__tree_free(tree);
}

/* RFC 6120 section 8.1.2.1: an answer comes from the address that was asked. */
static bool is_from(const ping *one, s2s_str from)
{
    s2s_jid asked, answers;
    char domain[S2S_DOMAIN_MAX + 1];
    return from.ptr && s2s_jid_split(s2s_str_of(one->to), &asked) == S2S_OK &&
           s2s_jid_split(from, &answers) == S2S_OK && s2s_str_eq(asked.local, answers.local) &&
           s2s_str_eq(asked.resource, answers.resource) &&
           s2s_domain_normalise(asked.domain, domain) == S2S_OK &&
           s2s_domain_is(answers.domain, s2s_str_of(domain));
}

bool pings_take(pings *p, const s2s_stanza *st)
{
    bool ok = s2s__str_is(st->type, "result");
    if (st->kind != S2S_IQ || (!ok && !s2s__str_is(st->type, "error")))
        return false;
    for (ping *one = p->first; one; one = one->next) {
        if (!s2s__str_is(st->id, one->id) || !s2s__str_is(st->to, one->from) || !is_from(one, st->from))
            continue;
        ping_result result = {.ok = ok, .milliseconds = uv_now(p->loop) - one->since};
        if (!ok)
            read_error(p->env, st, &result);
        ping_done *done = one->done;
        void *user = one->user;
        ping_cancel(p, one);
        done(user, &result);
        return true;
    }
    return false;
}
