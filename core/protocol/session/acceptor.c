/* SPDX-License-Identifier: MIT */
/* acceptor.c: the listening side of a stream, one handler per expectation. */
#include "protocol/auth/sasl.h"
#include "protocol/session/machine.h"
#include "protocol/xml/ns.h"

/* Takes over a domain that the header names; absent stays absent. False: the stream has ended. */
static bool take_domain(s2s_session *s, char **slot, s2s_str claimed)
{
    char normal[S2S_DOMAIN_MAX + 1];
    if (claimed.len == 0) {
        s2s__free(s->env, *slot);
        *slot = NULL;
        return true;
    }
    s2s_err err = s2s_domain_normalise(claimed, normal);
    if (err == S2S_E_SYNTAX) {
        s2s__fail(s, S2S_COND_IMPROPER_ADDRESSING, "the header's address is not a domain");
        return false;
    }
    return s2s__ok(s, err) && s2s__session_keep(s, slot, s2s_str_of(normal));
}

/* Everything about a header that does not depend on whom we serve. */
static bool header_ok(s2s_session *s, const s2s__header *h)
{
    if (!h->content_ns_ok) {
        s2s__fail(s, S2S_COND_INVALID_NAMESPACE, "the content namespace must be jabber:server");
        return false;
    }
    if (s2s__stream_version(h->version) < 1) { /* ST-07: TLS is required, and 0.9 has none */
        s2s__fail(s, S2S_COND_UNSUPPORTED_VERSION, "XMPP 1.0 is needed");
        return false;
    }
    return true;
}

/* SA-11: the session is authorised for exactly (from, to). */
static void expect_header_auth(s2s_session *s, const s2s__header *h)
{
    if (h->from.len && !s2s_domain_is(h->from, s2s__session_remote(s))) {
        s2s__fail(s, S2S_COND_INVALID_FROM, "not the domain that was authenticated");
        return;
    }
    if (h->to.len && !s2s_domain_is(h->to, s2s__session_local(s))) {
        s2s__fail(s, S2S_COND_IMPROPER_ADDRESSING, "not the domain that was asked for before");
        return;
    }
    s2s__send_header(s);
    if (!s2s__ok(s, s2s__offer(s, FEATURES_AUTH)))
        return;
    s->proof = PROOF_EXTERNAL;
    s2s__reader_set_limit(s->reader, s->env->limits.stanza_bytes, s->env->limits.skip_bytes);
    s2s__set_state(s, ESTABLISHED);
    s2s__sm_expect(s);
    s2s__raise(s, S2S_EV_ESTABLISHED);
}

void s2s__acceptor_open(s2s_session *s, const s2s__header *h)
{
    if (!header_ok(s, h))
        return;
    switch (s->state) {
    case EXPECT_HEADER_AUTH: expect_header_auth(s, h); return;
    case EXPECT_HEADER_PLAIN:
    case EXPECT_HEADER_TLS:
        if (!take_domain(s, &s->remote, h->from) || !take_domain(s, &s->local, h->to))
            return;
        s2s__set_state(s, s->state == EXPECT_HEADER_PLAIN ? WAIT_ACCEPT_PLAIN : WAIT_ACCEPT_TLS);
        s2s__raise(s, S2S_EV_OPEN);
        return;
    case WAIT_ACCEPT_PLAIN:
    case EXPECT_FEATURES_PLAIN:
    case EXPECT_STARTTLS:
    case EXPECT_PROCEED:
    case WAIT_TLS:
    case WAIT_VERDICT:
    case WAIT_ACCEPT_TLS:
    case EXPECT_FEATURES_TLS:
    case EXPECT_AUTH:
    case EXPECT_RESPONSE:
    case EXPECT_SASL_RESULT:
    case EXPECT_DIALBACK:
    case EXPECT_VERIFIED:
    case EXPECT_FEATURES_AUTH:
    case ESTABLISHED:
    case CLOSING:
    case WAIT_SAFE:
    case DRAINING:
    case CLOSED: s2s__fail(s, S2S_COND_BAD_FORMAT, "unexpected stream header"); return;
    }
}

void s2s__acceptor_accept(s2s_session *s)
{
    if (s->state == WAIT_ACCEPT_PLAIN) {
        s2s__send_header(s);
        if (s2s__ok(s, s2s__offer(s, FEATURES_PLAIN)))
            s2s__set_state(s, EXPECT_STARTTLS);
        return;
    }
    if (!s->remote) { /* nothing to verify a certificate against */
        s2s__fail(s, S2S_COND_POLICY_VIOLATION, "the header must say from whom it is");
        return;
    }
    s2s__set_state(s, WAIT_VERDICT);
    s2s__raise(s, S2S_EV_VERIFY);
}

void s2s__acceptor_tls_up(s2s_session *s)
{
    if (s2s__restart(s, false))
        s2s__set_state(s, EXPECT_HEADER_TLS);
}

/* SA-01: EXTERNAL only with an acceptable certificate; else dialback, where the policy allows it. */
void s2s__acceptor_verdict(s2s_session *s, const s2s_verdict *verdict)
{
    if (!verdict->trusted && s->dialback == DIALBACK_NEVER) {
        s2s__fail(s, S2S_COND_POLICY_VIOLATION, verdict->tell);
        return;
    }
    s2s__send_header(s);
    if (s2s__ok(s, s2s__offer(s, FEATURES_TLS)))
        s2s__set_state(s, EXPECT_AUTH);
}

static void sasl_failure(s2s_session *s, s2s__sasl condition)
{
    if (!s2s__ok(s, s2s__sasl_write_failure(&s->out, condition)))
        return;
    if (++s->sasl_failures >= s->env->limits.sasl_attempts) /* SA-09 */
        s2s__fail(s, S2S_COND_POLICY_VIOLATION, "too many failed SASL attempts");
    else if (s->state == EXPECT_RESPONSE)
        s2s__set_state(s, EXPECT_AUTH);
}

static bool is_bidi(const s2s__node *n)
{
    return s2s__node_is(n, NS_BIDI, "bidi") || s2s__node_is(n, NS_BIDI_FEATURE, "bidi");
}

/* Not what was expected. Bidi in the wrong place or namespace is known of peers, and harmless. */
static void refuse_nonza(s2s_session *s, const s2s__node *n)
{
    if (is_bidi(n)) {
        return;
    } else if (s2s__str_is(n->ns, NS_TLS)) { /* TL-04: not offered, or twice */
        if (s2s__ok(s, s2s__buf_puts(&s->out, "<failure xmlns='" NS_TLS "'/>")))
            s2s_session_close(s, s->now, S2S_COND_NONE, NULL);
    } else {
        s2s__fail(s, S2S_COND_UNSUPPORTED_STANZA_TYPE, "unexpected element");
    }
}

static void expect_starttls(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (s2s__str_is(n->ns, NS_DIALBACK)) {
        s2s__dialback_nonza(s, n, t);
        return;
    }
    if (s2s__node_is(n, NS_SASL, "auth")) { /* ST-14 */
        sasl_failure(s, SASL_ENCRYPTION_REQUIRED);
        return;
    }
    if (!s2s__node_is(n, NS_TLS, "starttls")) {
        refuse_nonza(s, n);
        return;
    }
    if (s2s__reader_pending(s->reader) > 0) { /* TL-05: it must never reach the parser behind TLS */
        s2s__cut(s, S2S_ORIGIN_LOCAL, S2S_COND_POLICY_VIOLATION, "plaintext behind <starttls/>");
        return;
    }
    if (!s2s__ok(s, s2s__buf_puts(&s->out, "<proceed xmlns='" NS_TLS "'/>")))
        return;
    s2s__set_state(s, WAIT_TLS);
    s2s__raise(s, S2S_EV_START_TLS);
}

/* SA-02, SA-03: the identity claimed must be the header's, which is the one that the certificate was verified for. */
static void judge_identity(s2s_session *s, s2s_str text)
{
    s2s__sasl result = s2s__sasl_check_identity(s->env, text, s2s__session_remote(s));
    if (result != SASL_OK) {
        sasl_failure(s, result);
        return;
    }
    /* The pair is authorised before the reply that announces it. */
    if (!s2s__ok(s, s2s__pairs_add(&s->pairs, s->env, s2s__session_local(s), s2s__session_remote(s))) ||
        !s2s__ok(s, s2s__buf_puts(&s->out, "<success xmlns='" NS_SASL "'/>")) || !s2s__restart(s, true))
        return;
    s2s__set_state(s, EXPECT_HEADER_AUTH);
}

static void expect_auth(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (s2s__str_is(n->ns, NS_DIALBACK)) {
        s2s__dialback_nonza(s, n, t);
    } else if (s2s__node_is(n, NS_BIDI, "bidi") && s->bidi == BIDI_POSSIBLE) {
        s->bidi = BIDI_ON; /* BD-02 */
        s2s__take_limits(s, n, t);
    } else if (s->dialback == DIALBACK_ONLY && s2s__node_is(n, NS_SASL, "auth")) {
        sasl_failure(s, SASL_NOT_AUTHORIZED); /* it was not offered */
    } else if (s2s__node_is(n, NS_SASL, "abort")) {
        sasl_failure(s, SASL_ABORTED);
    } else if (!s2s__node_is(n, NS_SASL, "auth")) {
        if (s2s__str_is(n->ns, NS_SASL))
            sasl_failure(s, SASL_MALFORMED_REQUEST);
        else
            refuse_nonza(s, n);
    } else if (!s2s__node_attr(n, "mechanism").ptr || s2s__node_next_element(n->first)) {
        sasl_failure(s, SASL_MALFORMED_REQUEST);
    } else if (!s2s__str_is(s2s__node_attr(n, "mechanism"), "EXTERNAL")) {
        sasl_failure(s, SASL_INVALID_MECHANISM);
    } else if (s2s__node_text(t, n).len > 0) {
        judge_identity(s, s2s__node_text(t, n));
    } else if (s2s__ok(s, s2s__buf_puts(&s->out, "<challenge xmlns='" NS_SASL "'/>"))) {
        s2s__set_state(s, EXPECT_RESPONSE); /* SA-05 */
    }
}

static void expect_response(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (s2s__node_is(n, NS_SASL, "response")) {
        s2s_str text = s2s__node_text(t, n);
        judge_identity(s, text.len ? text : S2S_STR("="));
    } else if (s2s__node_is(n, NS_SASL, "auth")) { /* SA-09: it starts anew */
        s2s__set_state(s, EXPECT_AUTH);
        expect_auth(s, n, t);
    } else {
        expect_auth(s, n, t);
    }
}

void s2s__acceptor_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    switch (s->state) {
    case EXPECT_STARTTLS: expect_starttls(s, n, t); return;
    case EXPECT_AUTH: expect_auth(s, n, t); return;
    case EXPECT_RESPONSE: expect_response(s, n, t); return;
    case CLOSING: return; /* ST-19: our stream has ended, nothing can be answered */
    case ESTABLISHED:
        if (s2s__str_is(n->ns, NS_DIALBACK))
            s2s__dialback_nonza(s, n, t);
        else
            refuse_nonza(s, n);
        return;
    case EXPECT_HEADER_PLAIN:
    case WAIT_ACCEPT_PLAIN:
    case EXPECT_FEATURES_PLAIN:
    case EXPECT_PROCEED:
    case WAIT_TLS:
    case WAIT_VERDICT:
    case EXPECT_HEADER_TLS:
    case WAIT_ACCEPT_TLS:
    case EXPECT_FEATURES_TLS:
    case EXPECT_SASL_RESULT:
    case EXPECT_DIALBACK:
    case EXPECT_VERIFIED:
    case EXPECT_HEADER_AUTH:
    case EXPECT_FEATURES_AUTH:
    case WAIT_SAFE:
    case DRAINING:
    case CLOSED: refuse_nonza(s, n); return;
    }
}
