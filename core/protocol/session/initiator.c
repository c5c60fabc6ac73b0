/* SPDX-License-Identifier: MIT */
/* initiator.c: the connecting side of a stream, one handler per expectation. */
#include "protocol/auth/sasl.h"
#include "protocol/session/machine.h"
#include "protocol/stream/features.h"
#include "protocol/xml/ns.h"

/* ST-05..08: version decides; the id is the receiving entity's. */
static bool header_ok(s2s_session *s, const s2s__header *h)
{
    if (!h->content_ns_ok) {
        s2s__fail(s, S2S_COND_INVALID_NAMESPACE, "the content namespace must be jabber:server");
        return false;
    }
    if (s2s__stream_version(h->version) < 1) {
        s2s__fail(s, S2S_COND_UNSUPPORTED_VERSION, "XMPP 1.0 is needed");
        return false;
    }
    return s2s__session_keep(s, &s->stream_id, h->id);
}

void s2s__initiator_open(s2s_session *s, const s2s__header *h)
{
    if (!header_ok(s, h))
        return;
    switch (s->state) {
    case EXPECT_HEADER_PLAIN: s2s__set_state(s, EXPECT_FEATURES_PLAIN); return;
    case EXPECT_HEADER_TLS:
        /* ID-10: the certificate was for `remote`; a header that speaks for another domain contradicts it. */
        if (h->from.len && !s2s_domain_is(h->from, s2s__session_remote(s))) {
            s2s__fail(s, S2S_COND_INVALID_FROM, "the header is not from the domain asked for");
            return;
        }
        s2s__set_state(s, EXPECT_FEATURES_TLS);
        return;
    case EXPECT_HEADER_AUTH: s2s__set_state(s, EXPECT_FEATURES_AUTH); return;
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

static void unexpected(s2s_session *s)
{
    s2s__fail(s, S2S_COND_UNSUPPORTED_STANZA_TYPE, "unexpected element");
}

static bool is_features(const s2s__node *n)
{
    return s2s__node_is(n, NS_STREAMS, "features");
}

static void expect_features_plain(s2s_session *s, const s2s__node *n)
{
    if (!is_features(n)) {
        unexpected(s);
        return;
    }
    /* TL-03: also when it is not offered. Never in the clear. */
    if (s2s__ok(s, s2s__buf_puts(&s->out, "<starttls xmlns='" NS_TLS "'/>")))
        s2s__set_state(s, EXPECT_PROCEED);
}

static void expect_proceed(s2s_session *s, const s2s__node *n)
{
    if (s2s__node_is(n, NS_TLS, "failure")) {
        s2s__cut(s, S2S_ORIGIN_PEER, S2S_COND_NONE, "the peer refused STARTTLS");
        return;
    }
    if (!s2s__node_is(n, NS_TLS, "proceed")) {
        unexpected(s);
        return;
    }
    if (s2s__reader_pending(s->reader) > 0) { /* TL-05 */
        s2s__cut(s, S2S_ORIGIN_LOCAL, S2S_COND_POLICY_VIOLATION, "plaintext behind <proceed/>");
        return;
    }
    s2s__set_state(s, WAIT_TLS);
    s2s__raise(s, S2S_EV_START_TLS);
}

void s2s__initiator_tls_up(s2s_session *s)
{
    if (!s2s__restart(s, false))
        return;
    s2s__set_state(s, WAIT_VERDICT);
    s2s__raise(s, S2S_EV_VERIFY);
}

void s2s__initiator_verdict(s2s_session *s, const s2s_verdict *verdict)
{
    if (!verdict->trusted && s->dialback == DIALBACK_NEVER) {
        s2s__fail(s, S2S_COND_POLICY_VIOLATION, verdict->tell); /* header, error, end: the peer's log says why */
        return;
    }
    s2s__send_header(s);
    s2s__set_state(s, EXPECT_HEADER_TLS);
}

/* BD-02, BD-06: before authentication, and only to a peer whose certificate proved it. */
static bool ask_for_bidi(s2s_session *s, const s2s__features *offer)
{
    if (s->bidi != BIDI_POSSIBLE || s->dialback == DIALBACK_ONLY || !s2s__features_have(offer, S2S__OFFERS_BIDI))
        return true;
    s->bidi = BIDI_ON;
    s2s__buf_puts(&s->out, "<bidi xmlns='" NS_BIDI "'>");
    s2s__offer_limits(s);
    return s2s__ok(s, s2s__buf_puts(&s->out, "</bidi>"));
}

static void expect_features_tls(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    s2s__features offer;
    if (!is_features(n)) {
        unexpected(s);
        return;
    }
    if (s->verify_key) {
        s2s__dialback_ask(s);
        return;
    }
    s2s__features_read(t, n, &offer);
    s2s__take_limits(s, n, t);
    s->sm.offered = s2s__features_have(&offer, S2S__OFFERS_SM); /* for after dialback; EXTERNAL brings new features */
    bool external = s2s__features_have(&offer, S2S__OFFERS_EXTERNAL);
    if (s->dialback != DIALBACK_ONLY && !external)
        s->close.sasl_refused = true;
    if (!external && s->dialback == DIALBACK_NEVER) { /* SA-12: EXTERNAL is all that we use */
        s2s__fail(s, S2S_COND_UNSUPPORTED_FEATURE,
                  "the peer does not offer SASL EXTERNAL: most likely it does not accept our certificate");
        return;
    }
    if (!ask_for_bidi(s, &offer))
        return;
    if (!external || s->dialback == DIALBACK_ONLY)
        s2s__dialback_start(s);
    else if (s2s__ok(s, s2s__sasl_write_auth(&s->out, s2s__session_local(s))))
        s2s__set_state(s, EXPECT_SASL_RESULT);
}

static void sasl_failed(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    char text[S2S_TEXT_MAX];
    if (s->dialback == DIALBACK_ALSO) { /* SA-10: on the same stream */
        s->close.sasl_refused = true;
        s->sasl_failures++;
        s2s__dialback_start(s);
        return;
    }
    s2s__sasl_failure_text(t, n, text);
    s->close_known = true;
    s->close = (s2s_close){.origin = S2S_ORIGIN_PEER, .cond = S2S_COND_NOT_AUTHORIZED, .sasl_refused = true};
    s2s__copy_text(s->close.text, s2s_str_of(text));
    s2s_session_close(s, s->now, S2S_COND_NONE, NULL); /* out of mechanisms (SA-10) */
}

static void expect_sasl_result(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (s2s__node_is(n, NS_SASL, "challenge")) { /* SA-05 */
        (void)s2s__ok(s, s2s__buf_puts(&s->out, "<response xmlns='" NS_SASL "'>=</response>"));
    } else if (s2s__node_is(n, NS_SASL, "failure")) {
        sasl_failed(s, n, t);
    } else if (!s2s__node_is(n, NS_SASL, "success")) {
        unexpected(s);
    } else if (s2s__restart(s, true)) {
        s2s__send_header(s); /* SA-11 */
        s2s__set_state(s, EXPECT_HEADER_AUTH);
    }
}

/* ST-12: something that we do not know and that says it must be done. */
static bool demands_unknown(const s2s__node *features)
{
    static const char *const KNOWN[] = {NS_TLS, NS_SASL, NS_DIALBACK_FEATURE, NS_BIDI_FEATURE,
                                        NS_SM,  NS_LIMITS, NS_CAPS};
    for (const s2s__node *n = s2s__node_next_element(features->first); n;
         n = s2s__node_next_element(n->next)) {
        bool known = false;
        for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++)
            known |= s2s__str_is(n->ns, KNOWN[i]);
        if (!known && s2s__node_child(n, NULL, "required"))
            return true;
    }
    return false;
}

static void expect_features_auth(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (!is_features(n)) {
        unexpected(s);
        return;
    }
    if (demands_unknown(n)) {
        s2s__fail(s, S2S_COND_UNSUPPORTED_FEATURE, "a mandatory feature is unknown here");
        return;
    }
    s->proof = PROOF_EXTERNAL;
    s2s__take_limits(s, n, t); /* what was said before the restart is forgotten (ST-13) */
    s->sm.offered = s2s__node_child(n, NS_SM, "sm") != NULL;
    s2s__initiator_established(s);
}

void s2s__initiator_established(s2s_session *s)
{
    if (!s2s__ok(s, s2s__pairs_add(&s->pairs, s->env, s2s__session_local(s), s2s__session_remote(s))))
        return;
    s2s__reader_set_limit(s->reader, s->env->limits.stanza_bytes, s->env->limits.skip_bytes);
    s2s__set_state(s, ESTABLISHED);
    if (s->sm.offered)
        s2s__sm_enable(s);
    if (s->state != ESTABLISHED)
        return;
    s2s__raise(s, S2S_EV_ESTABLISHED);
}

/* An empty <features/> may follow (ST-11), and dialback in either direction. */
static void when_established(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (s2s__str_is(n->ns, NS_DIALBACK))
        s2s__dialback_nonza(s, n, t);
    else if (!is_features(n) || n->first)
        unexpected(s);
}

static void expect_dialback(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    if (s2s__str_is(n->ns, NS_DIALBACK))
        s2s__dialback_nonza(s, n, t);
    else
        unexpected(s);
}

void s2s__initiator_nonza(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    switch (s->state) {
    case EXPECT_FEATURES_PLAIN: expect_features_plain(s, n); return;
    case EXPECT_PROCEED: expect_proceed(s, n); return;
    case EXPECT_FEATURES_TLS: expect_features_tls(s, n, t); return;
    case EXPECT_SASL_RESULT: expect_sasl_result(s, n, t); return;
    case EXPECT_FEATURES_AUTH: expect_features_auth(s, n, t); return;
    case CLOSING: return; /* ST-19: our stream has ended, nothing can be answered */
    case EXPECT_DIALBACK:
    case EXPECT_VERIFIED: expect_dialback(s, n, t); return;
    case ESTABLISHED: when_established(s, n, t); return;
    case EXPECT_HEADER_PLAIN:
    case WAIT_ACCEPT_PLAIN:
    case EXPECT_STARTTLS:
    case WAIT_TLS:
    case WAIT_VERDICT:
    case EXPECT_HEADER_TLS:
    case WAIT_ACCEPT_TLS:
    case EXPECT_AUTH:
    case EXPECT_RESPONSE:
    case EXPECT_HEADER_AUTH:
    case WAIT_SAFE:
    case DRAINING:
    case CLOSED: unexpected(s); return;
    }
}
