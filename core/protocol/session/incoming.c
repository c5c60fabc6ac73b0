/* SPDX-License-Identifier: MIT */
/* incoming.c: is this stanza acceptable on this stream? (RFC 6120 sections 8.1 and 8.2) */
#include "protocol/session/machine.h"

#include "protocol/xml/tree.h"

/* SZ-06. Only what the start tag tells; the number of children is for whoever answers. */
static bool iq_ok(const s2s_stanza *st)
{
    static const char *const TYPES[] = {"get", "set", "result", "error"};
    if (st->kind != S2S_IQ)
        return true;
    if (st->id.len == 0)
        return false;
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (s2s__str_is(st->type, TYPES[i]))
            return true;
    }
    return false;
}

static bool is_domain(s2s_str domain)
{
    char normal[S2S_DOMAIN_MAX + 1];
    return s2s_domain_normalise(domain, normal) == S2S_OK;
}

static void check_addresses(s2s_session *s, const s2s_stanza *st, bool oversize)
{
    s2s_jid from, to;
    if (s2s_jid_split(st->from, &from) != S2S_OK || s2s_jid_split(st->to, &to) != S2S_OK) {
        s2s__fail(s, S2S_COND_IMPROPER_ADDRESSING, "a stanza needs valid 'from' and 'to'"); /* SZ-01 */
        return;
    }
    s2s__pair_match match = s2s__pairs_match(&s->pairs, to.domain, from.domain);
    if (match != PAIR_OK && (!is_domain(from.domain) || !is_domain(to.domain))) {
        s2s__fail(s, S2S_COND_IMPROPER_ADDRESSING, "a stanza needs valid 'from' and 'to'"); /* SZ-01 */
        return;
    }
    switch (match) {
    case PAIR_OK:
        s2s__sm_not_first(s);
        s2s__raise(s, iq_ok(st) && !oversize ? S2S_EV_STANZA : S2S_EV_REJECTED);
        s->event.stanza = st;
        s->event.error = oversize ? S2S_SE_POLICY_VIOLATION : S2S_SE_BAD_REQUEST; /* DO-01 */
        return;
    case PAIR_REMOTE_UNKNOWN:
        s2s__fail(s, S2S_COND_INVALID_FROM, "'from' is not a domain authenticated on this stream"); /* SZ-02 */
        return;
    case PAIR_LOCAL_UNKNOWN: /* SZ-03: one stray address is no reason to end what works */
        s2s__raise(s, S2S_EV_REJECTED);
        s->event.stanza = st;
        s->event.error = S2S_SE_NOT_ALLOWED;
        return;
    }
}

void s2s__incoming_stanza(s2s_session *s, const s2s_stanza *st, bool oversize)
{
    if (s->role == S2S_INITIATOR && s->bidi != BIDI_ON) /* ST-20: one way without bidi */
        s2s__fail(s, S2S_COND_NOT_AUTHORIZED, "stanzas do not flow in this direction here");
    else if (s->pairs.proven == 0 || (s->state != ESTABLISHED && s->state != CLOSING))
        s2s__fail(s, S2S_COND_NOT_AUTHORIZED, "not authenticated yet"); /* ST-15 */
    else
        check_addresses(s, st, oversize);
}
