/* SPDX-License-Identifier: MIT */
/* accepting.c: connections from remote servers. */
#include "federation/internal.h"

static void take(s2s_federation *f, uv_tcp_t *tcp, bool direct_tls)
{
    s2s_session_options options;
    s2s__stream *s = NULL;
    s2s__origin *origin = NULL;
    if (!s2s__origin_enter(f, tcp, &origin)) {
        s2s__tcp_close(f->env, tcp);
        return;
    }
    s = s2s__stream_new(f, S2S_ACCEPTOR, S2S_STR_ABSENT, S2S_STR_ABSENT);
    if (!s) {
        s2s__origin_leave(f, origin);
        s2s__tcp_close(f->env, tcp);
        return;
    }
    s->tls_start = direct_tls ? S2S_TLS_DIRECT : S2S_TLS_STARTTLS;
    s->origin = origin;
    f->accepted++;
    f->preauth++;
    s2s_session_options_init(&options, S2S_ACCEPTOR);
    options.direct_tls = direct_tls;
    options.secret = s2s__federation_secret(f);
    options.bidi = f->bidi;
    if (s2s__stream_connect(s, tcp, &options, NULL) != S2S_OK)
        s2s__stream_free(s);
}

void s2s__accept(void *federation, uv_tcp_t *tcp)
{
    take(federation, tcp, false);
}

void s2s__accept_direct(void *federation, uv_tcp_t *tcp)
{
    take(federation, tcp, true);
}

static bool allowed(const s2s_federation *f, s2s_str local, s2s_str remote)
{
    s2s_remote_rule rule;
    s2s__federation_rule(f, local, remote, &rule);
    return rule.allow;
}

/* The peer's header: do we serve `local`, and may `remote` be? What the header in the clear claims is forgotten
 * with the one inside TLS (ST-13). */
void s2s__accepting_open(s2s__stream *s, s2s_str local, s2s_str remote)
{
    s2s_federation *f = s->f;
    const s2s__domain *domain = local.ptr ? s2s__federation_domain(f, local) : NULL;
    if (!s2s__stream_name(s, local, remote))
        s2s__connection_refuse(s->connection, S2S_COND_RESOURCE_CONSTRAINT, NULL);
    else if (f->stopping)
        s2s__connection_refuse(s->connection, S2S_COND_SYSTEM_SHUTDOWN, NULL);
    else if (!local.ptr)
        s2s__connection_refuse(s->connection, S2S_COND_IMPROPER_ADDRESSING,
                               "the header must say to whom it is");
    else if (!domain)
        s2s__connection_refuse(s->connection, S2S_COND_HOST_UNKNOWN, NULL);
    else if (remote.ptr && s2s__federation_domain(f, remote))
        s2s__connection_refuse(s->connection, S2S_COND_INVALID_FROM, "that domain is served here");
    else if (remote.ptr && !allowed(f, local, remote))
        s2s__connection_refuse(s->connection, S2S_COND_POLICY_VIOLATION, "this server does not talk to that domain");
    else
        s2s__connection_accept(s->connection, f->bidi && remote.ptr && s2s__federation_owns(f, remote),
                               s2s_str_of(domain->caps_node), s2s_str_of(domain->caps_ver));
}

/* The stanza's `to`: is it at a domain of ours? */
static bool is_for_us(const s2s_federation *f, const s2s_stanza *stanza)
{
    s2s_jid to;
    char domain[S2S_DOMAIN_MAX + 1];
    return s2s_jid_split(stanza->to, &to) == S2S_OK && s2s_domain_normalise(to.domain, domain) == S2S_OK &&
           s2s__federation_domain(f, s2s_str_of(domain)) != NULL;
}

static bool is_ours_to_send(const s2s_federation *f, const s2s_stanza *stanza)
{
    s2s_jid to;
    char domain[S2S_DOMAIN_MAX + 1];
    return s2s_jid_split(stanza->to, &to) != S2S_OK || s2s_domain_normalise(to.domain, domain) != S2S_OK ||
           s2s__federation_owns(f, s2s_str_of(domain));
}

/* Its answer goes where all stanzas for that server go. */
void s2s__accepting_rejected(s2s__stream *s, const s2s_stanza *stanza, s2s_stanza_error error)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza answer;
    if (error == S2S_SE_NOT_ALLOWED && !is_for_us(s->f, stanza)) { /* SZ-03: nobody here could answer */
        s2s__connection_close(s->connection, S2S_COND_HOST_UNKNOWN, "'to' is not at a domain that is served here");
        return;
    }
    const char *detail = error == S2S_SE_POLICY_VIOLATION ? "<stanza-too-big xmlns='urn:xmpp:errors'/>" : NULL; /* CX-8 */
    if (!s2s_stanza_bounce_detail(stanza, error, NULL, detail, buf, sizeof buf, &answer))
        return;
    if (is_ours_to_send(s->f, &answer))
        (void)s2s_federation_send(s->f, &answer);
    else
        s2s__federation_deliver(s->f, &answer);
}
