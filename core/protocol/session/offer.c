/* SPDX-License-Identifier: MIT */
/* offer.c: the stream features that an acceptor sends (RFC 6120 section 4.3.2). One builder for all of them, so that STARTTLS
 * and direct TLS cannot differ. */
#include "protocol/session/machine.h"
#include "protocol/xml/ns.h"

static void offer_behind_tls(s2s_session *s)
{
    if (s->dialback != DIALBACK_ONLY) /* SA-01 */
        s2s__buf_puts(&s->out, "<mechanisms xmlns='" NS_SASL "'><mechanism>EXTERNAL</mechanism></mechanisms>");
    if (s->dialback != DIALBACK_NEVER) /* DB-02 */
        s2s__buf_puts(&s->out, "<dialback xmlns='" NS_DIALBACK_FEATURE "'><errors/></dialback>");
    if (s->bidi == BIDI_POSSIBLE) /* BD-01: not before TLS, where it could not be accepted */
        s2s__buf_puts(&s->out, "<bidi xmlns='" NS_BIDI_FEATURE "'/>");
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
    case FEATURES_AUTH: return s2s__buf_puts(out, "<stream:features><sm xmlns='" NS_SM "'/></stream:features>");
    }
    return S2S_E_INVAL;
}
