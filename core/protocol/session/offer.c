/* SPDX-License-Identifier: MIT */
/* offer.c: the stream features that an acceptor sends (RFC 6120 section 4.3.2). One builder for all of them, so that STARTTLS
 * and direct TLS cannot differ. */
#include <inttypes.h>
#include <stdio.h>

#include "protocol/session/machine.h"
#include "protocol/stream/features.h"
#include "protocol/xml/ns.h"

void s2s__take_limits(s2s_session *s, const s2s__node *n, s2s__tree *t)
{
    s->peer_max_bytes = s2s__limits_max_bytes(t, n);
}

/* LI-01. Both children are what an authenticated stream is held to, also before it is one: behind dialback no further
 * features follow. */
s2s_err s2s__offer_limits(s2s_session *s)
{
    enum { MS_PER_SECOND = 1000, IDLE_MAX = 64, ELEMENT_MAX = 192 };
    char element[ELEMENT_MAX], idle[IDLE_MAX] = "";
    const s2s_limits *l = &s->env->limits;
    if (l->idle_ms >= MS_PER_SECOND)
        (void)snprintf(idle, sizeof idle, "<idle-seconds>%" PRIu32 "</idle-seconds>", l->idle_ms / MS_PER_SECOND);
    (void)snprintf(element, sizeof element, "<limits xmlns='" NS_LIMITS "'><max-bytes>%" PRIu32 "</max-bytes>%s</limits>",
                   l->stanza_bytes, idle);
    return s2s__buf_puts(&s->out, element);
}

/* DI-04 */
s2s_err s2s_session_caps(s2s_session *s, s2s_str node, s2s_str ver)
{
    s2s__buf element;
    if (s->state != WAIT_ACCEPT_PLAIN && s->state != WAIT_ACCEPT_TLS)
        return S2S_E_STATE;
    s2s__buf_init(&element, s->env, S2S_CAPS_MAX);
    s2s__buf_puts(&element, "<c xmlns='" NS_CAPS "' hash='sha-1'");
    s2s__buf_attr(&element, "node", node);
    s2s__buf_attr(&element, "ver", ver);
    s2s_err err = s2s__buf_puts(&element, "/>");
    char *caps = err == S2S_OK ? s2s__strdup(s->env, s2s__buf_view(&element)) : NULL;
    s2s__buf_free(&element);
    if (!caps)
        return err == S2S_OK ? S2S_E_NOMEM : err;
    s2s__free(s->env, s->caps);
    s->caps = caps;
    return S2S_OK;
}

static void offer_caps(s2s_session *s)
{
    if (s->caps)
        s2s__buf_puts(&s->out, s->caps);
}

static void offer_behind_tls(s2s_session *s)
{
    if (s->dialback != DIALBACK_ONLY) /* SA-01 */
        s2s__buf_puts(&s->out, "<mechanisms xmlns='" NS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>");
    if (s->dialback != DIALBACK_NEVER) /* DB-02 */
        s2s__buf_puts(&s->out, "<dialback xmlns='" NS_DIALBACK_FEATURE "'><errors/></dialback>");
    if (s->bidi == BIDI_POSSIBLE) /* BD-01: not before TLS, where it could not be accepted */
        s2s__buf_puts(&s->out, "<bidi xmlns='" NS_BIDI_FEATURE "'/>");
    /* SM-01: for who claims its domain with dialback, which may be believed whatever is offered: no further features follow (DB-20) */
    s2s__buf_puts(&s->out, "<sm xmlns='" NS_SM "'/>");
    s2s__offer_limits(s);
    offer_caps(s);
}

s2s_err s2s__offer(s2s_session *s, s2s__feature_set set)
{
    s2s__buf *out = &s->out;
    switch (set) {
    case FEATURES_PLAIN: /* TL-01: and nothing else */
        return s2s__buf_puts(out, "<stream:features><starttls xmlns='" NS_TLS
                                  "'><required/></starttls></stream:features>");
    case FEATURES_TLS:
        s2s__buf_puts(out, "<stream:features>");
        offer_behind_tls(s);
        return s2s__buf_puts(out, "</stream:features>");
    case FEATURES_AUTH:
        s2s__buf_puts(out, "<stream:features><sm xmlns='" NS_SM "'/>");
        s2s__offer_limits(s);
        offer_caps(s);
        s2s__free(s->env, s->caps); /* an idle stream keeps little */
        s->caps = NULL;
        return s2s__buf_puts(out, "</stream:features>");
    }
    return S2S_E_INVAL;
}
