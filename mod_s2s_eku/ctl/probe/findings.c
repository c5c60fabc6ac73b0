/* SPDX-License-Identifier: MIT */
/* findings.c: for each thing that is wrong or worth knowing: what, who must act, and how. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "probe/conclude.h"
#include "protocol/buf.h"
#include "transport/address.h"

enum { SECONDS_PER_DAY = 86400, SOON_DAYS = 14 };

#define WHO_THEY   "the operator of the remote domain"
#define WHO_WE     "you"
#define WHO_NOBODY "nobody"

S2S_PRINTF(6, 7)
static void add(json_t *list, const char *level, const char *code, const char *who, const char *how, const char *format,
                ...)
{
    char what[CONCLUDE_TEXT_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    json_t *text = json_string(what);
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s, s:s}", "level", level, "code", code, "what",
                                          text ? text : json_string("(not UTF-8)"), "who", who, "how", how));
}

/* -- the way there ------------------------------------------------------------------------------------- */

static void about_dns(json_t *list, const probe_record *r)
{
    const char *problem = r->dns ? dns_problem(r->dns) : "";
    if (r->bad_name) {
        add(list, "error", "name", WHO_WE, "correct the name", "%s: %s", r->domain, r->bad_name);
        return;
    }
    if (!r->dns || !*problem)
        return;
    switch (dns_status(r->dns)) {
    case S2S__RESOLVED_FOUND: return;
    case S2S__RESOLVED_NOT_FOUND:
        add(list, "error", "dns-none", WHO_THEY,
            "publish _xmpp-server._tcp (or _xmpps-server._tcp) SRV records whose targets have addresses", "%s: %s",
            r->domain, problem);
        return;
    case S2S__RESOLVED_NOT_OFFERED:
        add(list, "error", "dns-not-offered", WHO_NOBODY, "the domain does not want to be reached", "%s: %s", r->domain,
            problem);
        return;
    case S2S__RESOLVED_BOGUS:
        add(list, "error", "dns-bogus", WHO_THEY, "sign the zone again, or mend the DS record at the parent", "%s: %s",
            r->domain, problem);
        return;
    case S2S__RESOLVED_TIMEOUT:
        add(list, "error", "dns-timeout", WHO_THEY,
            "see that the domain's name servers answer; if other domains fail as well, see to your own resolver",
            "%s: %s", r->domain, problem);
        return;
    case S2S__RESOLVED_FAILED:
        add(list, "error", "dns-failed", WHO_THEY,
            "see that the domain's name servers answer; if other domains fail as well, see to your own resolver",
            "%s: %s", r->domain, problem);
        return;
    }
}

static bool tcp_failed(const attempt *a)
{
    return a->steps_len > 0 && a->steps[0].step == STEP_TCP && !a->steps[0].ok;
}

static void about_tcp(json_t *list, const probe_record *r)
{
    size_t reached = 0;
    for (size_t i = 0; i < r->attempts_len; i++)
        reached += !tcp_failed(r->attempts[i]);
    for (size_t i = 0; i < r->attempts_len; i++) {
        const attempt *a = r->attempts[i];
        char address[S2S_ADDRESS_MAX];
        if (!tcp_failed(a))
            continue;
        s2s__address_print((const struct sockaddr *)&a->endpoint.address, address);
        add(list, reached ? "warning" : "error", "tcp", WHO_THEY,
            reached ? "mend that server or its firewall, or take its address out of the DNS: others lose time on it"
                    : "see that the server runs and that the firewall lets its port through",
            "%s: %s (%s) does not answer: %s", r->domain, address, a->endpoint.target, a->end_text);
    }
    if (r->timed_out)
        add(list, "warning", "time", WHO_WE, "allow more with --timeout", "%s: not all was tried within %u seconds",
            r->domain, r->context->options->timeout_s);
    if (r->endpoints_left > 0)
        add(list, "note", "addresses", WHO_NOBODY, "they were not tried",
            "%s has %zu more addresses than a probe tries", r->domain, r->endpoints_left);
}

/* `level`: a warning if another address of the domain does better. */
static void about_handshake(json_t *list, const probe_record *r, const attempt *a, const char *level)
{
    const char *transport = a->endpoint.direct ? "direct TLS" : "STARTTLS";
    switch (a->step) {
    case STEP_TCP: return;
    case STEP_GREETING:
    case STEP_STARTTLS:
        add(list, level, "stream", WHO_THEY, "see that the port speaks the protocol between servers, with TLS",
            "%s over %s: %s%s%s", r->domain, transport, a->end_text, *a->peer_text ? ": " : "", a->peer_text);
        return;
    case STEP_TLS:
        add(list, level, "tls", WHO_THEY,
            "see the server's TLS settings: protocol versions (1.2 or 1.3), and a certificate for the name that is "
            "asked for (SNI)",
            "%s over %s: the TLS handshake failed: %s", r->domain, transport, a->end_text);
        return;
    case STEP_FEATURES:
    case STEP_EXTERNAL:
    case STEP_QUESTIONS:
    case STEP_CLOSE:
        if (*a->end_text)
            add(list, level, "stream", WHO_THEY, "see the server's log", "%s over %s: %s%s%s", r->domain, transport,
                a->end_text, *a->peer_text ? ": " : "", a->peer_text);
        return;
    }
}

/* -- their certificate ---------------------------------------------------------------------------------- */

static const char *mend_chain(const s2s_verdict *v)
{
    switch (v->chain) {
    case S2S_CHAIN_EXPIRED: return "renew the certificate and make the server load it";
    case S2S_CHAIN_NOT_YET_VALID: return "see to the clock of the one who issued it, or wait";
    case S2S_CHAIN_UNKNOWN_ISSUER:
        return "send the intermediate certificates too (the full chain), or use a CA that is widely trusted; a private "
               "CA must be given "
               "to those who connect";
    case S2S_CHAIN_SELF_SIGNED: return "use a certificate of a CA that is widely trusted";
    case S2S_CHAIN_REVOKED: return "get a new certificate with a new key";
    case S2S_CHAIN_VALID:
        return v->identity == S2S_IDENTITY_MATCH
                   ? "get a certificate that permits serverAuth"
                   : "get a certificate that names the XMPP domain itself (not only the host that serves it)";
    case S2S_CHAIN_ABSENT:
    case S2S_CHAIN_BAD_SIGNATURE:
    case S2S_CHAIN_NOT_A_CA:
    case S2S_CHAIN_IS_A_CA:
    case S2S_CHAIN_WEAK:
    case S2S_CHAIN_KEY_USAGE:
    case S2S_CHAIN_CONSTRAINT:
    case S2S_CHAIN_MALFORMED:
    case S2S_CHAIN_INVALID: return "get a certificate that validates";
    }
    return "get a certificate that validates";
}

static void about_certificate(json_t *list, const probe_record *r, const attempt *a)
{
    const s2s_verdict *v = &a->judgement.receiver, *i = &a->judgement.initiator;
    if (!a->judgement.judged)
        return;
    if (!v->trusted) {
        add(list, "error", "certificate", WHO_THEY, mend_chain(v), "%s", v->reason);
        return;
    }
    int64_t days = (v->expires - r->wall) / SECONDS_PER_DAY;
    if (v->expires && days < SOON_DAYS)
        add(list, "warning", "expires", WHO_THEY, "see that the renewal works",
            "the certificate of %s expires in %d day%s", r->domain, (int)days, days == 1 ? "" : "s");
    if (i->would_tolerant && !i->would_strict)
        add(list, "note", "strict", WHO_NOBODY,
            "keep (or make) the policy tolerant: public CAs do not issue for clients any more; a strict server needs "
            "dialback",
            "the certificate of %s is not valid as a client's: if it presents this one when it connects, a strict "
            "server "
            "refuses it",
            r->domain);
}

/* -- our certificate ------------------------------------------------------------------------------------ */

static void about_refusal(json_t *list, const probe_record *r, const attempt *a)
{
    char why[CONCLUDE_WHY_MAX];
    bool dialback = strcmp(mechanism_of(a), "dialback") == 0;
    explain_outcome(a, why);
    add(list, dialback ? "warning" : "error", "refused",
        a->ours->chain_server && !a->ours->chain_client ? WHO_THEY : WHO_WE,
        a->ours->chain_server && !a->ours->chain_client
            ? "update the server (ejabberd 25.08 or later, Prosody, Openfire), or let it verify connecting servers for "
              "the purpose serverAuth"
            : "compare what it says with s2sctl cert on your file: names, dates, issuer, intermediates, purpose",
        "%s refuses %s over %s: %s%s", r->domain, a->ours->file, a->endpoint.direct ? "direct TLS" : "STARTTLS", why,
        dialback ? "; it offers dialback instead" : "");
}

/* What is wrong with it before anybody sees it. */
static void about_our_files(json_t *list, const probe_record *r)
{
    for (size_t i = 0; i < r->context->ours_len && *r->context->from; i++) {
        const probe_ours *ours = &r->context->ours[i];
        if (ours->identity && !s2s__identity_covers(ours->identity, s2s_str_of(r->context->from)))
            add(list, "warning", "our-name", WHO_WE, "use a certificate with that domain as a dNSName",
                "%s does not name %s: others "
                "refuse it for that alone",
                ours->file, r->context->from);
        if (ours->identity && ours->expires < r->wall)
            add(list, "warning", "our-expiry", WHO_WE, "renew it", "%s has expired", ours->file);
    }
}

static void about_ours(json_t *list, const probe_record *r)
{
    const attempt *yes = NULL, *no = NULL;
    for (size_t i = 0; i < r->attempts_len; i++) {
        const attempt *a = r->attempts[i];
        if (a->ours && !a->only_tcp && a->tls && a->outcome == OUTCOME_NOT_ASKED &&
            r->context->options->protocol == PROBE_XMPP)
            add(list, "error", "not-asked", WHO_THEY, "make the server ask for a certificate of connecting servers",
                "%s does not ask for a certificate: it cannot accept one", r->domain);
        if (!was_judged(a))
            continue;
        if (a->outcome != OUTCOME_ACCEPTED)
            about_refusal(list, r, a);
        if (a->ours == &r->context->ours[0])
            *(a->outcome == OUTCOME_ACCEPTED ? &yes : &no) = a;
    }
    if (yes && no)
        add(list, "warning", "transports", WHO_THEY, "give both ports the same settings",
            "%s accepts %s over %s and not over %s", r->domain, yes->ours->file,
            yes->endpoint.direct ? "direct TLS" : "STARTTLS", no->endpoint.direct ? "direct TLS" : "STARTTLS");
}

json_t *findings_of(const probe_record *r, probe_answer answer, const attempt *best)
{
    json_t *list = json_array();
    about_dns(list, r);
    if (answer == ANSWER_UNTRUSTED)
        about_certificate(list, r, best);
    about_ours(list, r);
    for (size_t i = 0; i < r->attempts_len; i++) {
        const attempt *a = r->attempts[i];
        if (!a->only_tcp && !tcp_failed(a) && a->outcome == OUTCOME_NOT_REACHED)
            about_handshake(list, r, a, best && best->tls ? "warning" : "error");
    }
    about_tcp(list, r);
    about_our_files(list, r);
    if (answer != ANSWER_UNTRUSTED && best)
        about_certificate(list, r, best);
    return list;
}

/* -- what stays unknown --------------------------------------------------------------------------------- */

static void open_question(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

json_t *unknowns_of(const probe_record *r, const attempt *best)
{
    json_t *list = json_array();
    bool xmpp = r->context->options->protocol == PROBE_XMPP;
    if (!best || !best->tls)
        return list;
    if (!best->ours)
        open_question(list, xmpp ? "whether it accepts your certificate: show it with --from, --certificate and --key"
                                 : "whether it accepts your certificate: show it with --certificate and --key");
    if (best->outcome == OUTCOME_UNDECIDED)
        open_question(
            list,
            "whether it has accepted the certificate: it goes on with it, and as far as is known without one too");
    if (!xmpp)
        return list;
    if (attempt_has(best, STAGE_TLS, S2S__OFFERS_DIALBACK) && best->outcome != OUTCOME_ACCEPTED)
        open_question(
            list, "whether dialback works: it would ask your own server; s2sctl ping through a running node shows it");
    if (!r->context->options->control)
        open_question(
            list,
            "what it presents when it connects to you, and whether it verifies you as it does here: a ping through a "
            "running node shows it (--control)");
    if (best->outcome == OUTCOME_ACCEPTED && !*best->software)
        open_question(list, "its software: it answers such questions over a stream of its own only (no bidi)");
    if (best->judgement.receiver.revocation == S2S_REVOCATION_UNCHECKED)
        open_question(list, "whether its certificate is revoked: no CRL or OCSP answer was at hand");
    return list;
}
