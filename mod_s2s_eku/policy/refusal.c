/* SPDX-License-Identifier: MIT */
/* refusal.c: texts that peers and their TLS libraries write, and what they mean. The text decides; the alert
 * speaks only where the text does not. */
#include "policy/refusal.h"

#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"

enum { NEEDLES = 12, BECAUSE_MAX = 192 };

/* RFC 8446 section 6.2. */
enum {
    ALERT_BAD_CERTIFICATE = 42,
    ALERT_UNSUPPORTED_CERTIFICATE = 43,
    ALERT_CERTIFICATE_REVOKED = 44,
    ALERT_CERTIFICATE_EXPIRED = 45,
    ALERT_CERTIFICATE_UNKNOWN = 46,
    ALERT_UNKNOWN_CA = 48,
    ALERT_CERTIFICATE_REQUIRED = 116,
};

/* The first row with a needle in the text (ASCII case folded) counts. */
static const struct {
    const char *needles[NEEDLES];
    const char *meaning;
} TEXTS[] = {
    {{"no serverauth", "lacks serverauth", "missing serverauth"},
     "the peer refused our certificate's purpose: it misses serverAuth in our Extended Key Usage"},
    {{"unsuitable certificate purpose", "unsupported certificate purpose", /* OpenSSL 3, and before; ejabberd */
      "does not permit use for tls client",                                /* Java */
      "clientauth"},
     "the peer refused our certificate's purpose: most likely it wants clientAuth of the connecting server, which "
     "public CAs no longer issue; its software is older than the 2026 change, or it is set so"},
    {{"intended purpose",                      /* GnuTLS */
      "certificate purpose", "extended key usage", "extendedkeyusage", "ext_key_usage", /* Erlang */
      "key_usage_mismatch", "unsupported_certificate", "incompatible key usage",                      /* Erlang, Go */
      "invalidpurpose", "certnotvalidforusage", "requiredekunotfound",     /* Rust */
      "certificate type not approved"},                                    /* NSS */
     "the peer refused our certificate's purpose (its Extended Key Usage, or that of a CA above it); a peer that wants "
     "clientAuth of a connecting server is older than the 2026 change"},
    {{"certificate has expired", "certificate is expired", "certificate expired", "expired certificate",
      "certificate is not yet valid", "certificate not yet valid", "not yet activated"},
     "the peer says that our certificate, or a CA's above it, is expired or not yet valid (or its clock is wrong)"},
    {{"certificate has been revoked", "certificate is revoked", "certificate revoked", "revoked certificate"},
     "the peer says that our certificate has been revoked"},
    {{"self-signed", "self signed"},
     "the peer says that our certificate, or one in our chain, is self-signed: our CA is not in its trust store"},
    {{"host name mismatch", "hostname mismatch", "not valid for this name", "not valid for this domain",
      "name does not match"},
     "the peer says that our certificate does not name the domain that we speak for"},
    {{"unable to get local issuer", "unable to get issuer", "unknown ca", "unknown issuer", "issuer is unknown",
      "unable to verify the first certificate", "unable to find valid certification path", "unknown authority",
      "unknownissuer"},
     "the peer does not know the CA of our certificate, or our file lacks an intermediate certificate"},
    {{"certificate is not trusted", "certificate not trusted", "untrusted certificate",
      "invalid, expired, or not trusted", "could not authenticate to remote server" /* Prosody, Metronome */},
     "the peer does not trust our certificate and does not say why; some say only this when the purpose is at "
     "fault too"},
    {{"failed to get peer certificate", "no peer certificate", "no certificate presented", "certificate required",
      "did not return a certificate"},
     "the peer says that it got no certificate from us"},
};

static const struct {
    int alert;
    const char *meaning;
} ALERTS[] = {
    {ALERT_UNSUPPORTED_CERTIFICATE,
     "the peer's TLS refused our certificate as unsupported (alert 43); OpenSSL says so of the purpose: most likely "
     "the peer wants clientAuth of the connecting server (its software is older than the 2026 change, or it is "
     "set so)"},
    {ALERT_CERTIFICATE_EXPIRED,
     "the peer's TLS says that our certificate, or a CA's above it, is expired or not yet valid (alert 45)"},
    {ALERT_CERTIFICATE_REVOKED, "the peer's TLS says that our certificate has been revoked (alert 44)"},
    {ALERT_UNKNOWN_CA,
     "the peer's TLS does not know the CA of our certificate, or our file lacks an intermediate certificate "
     "(alert 48)"},
    {ALERT_CERTIFICATE_REQUIRED, "the peer's TLS says that it got no certificate from us (alert 116)"},
    {ALERT_BAD_CERTIFICATE, "the peer's TLS refused our certificate as bad (alert 42) and gives no reason"},
    {ALERT_CERTIFICATE_UNKNOWN,
     "the peer's TLS refused our certificate (alert 46) and gives no reason; Java servers answer so, of a wrong "
     "purpose too"},
};

/* `needle` is in lower case. */
static bool contains(s2s_str text, const char *needle)
{
    s2s_str want = s2s_str_of(needle);
    for (size_t i = 0; i + want.len <= text.len; i++) {
        if (s2s_str_caseeq((s2s_str){text.ptr + i, want.len}, want))
            return true;
    }
    return false;
}

static const char *meaning_of_text(s2s_str text)
{
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        for (size_t n = 0; n < NEEDLES && TEXTS[i].needles[n]; n++) {
            if (contains(text, TEXTS[i].needles[n]))
                return TEXTS[i].meaning;
        }
    }
    return NULL;
}

static const char *meaning_of_alert(int alert)
{
    for (size_t i = 0; i < sizeof ALERTS / sizeof *ALERTS; i++) {
        if (ALERTS[i].alert == alert)
            return ALERTS[i].meaning;
    }
    return NULL;
}

/* -- with what our certificate permits ------------------------------------------------------------------ */

/* Why a server that wants clientAuth of us does not take it; NULL: it would. */
static const char *lacks_client(const eku__own *own)
{
    if (!own->known)
        return NULL;
    if (!own->client)
        return own->server ? "our certificate has serverAuth only" : "our certificate lacks clientAuth";
    return own->ca_forbids_client ? "a CA above our certificate has serverAuth only" : NULL;
}

/* Rows whose sentence is about the purpose, or leaves it open. */
static bool may_be_purpose(const char *meaning)
{
    return strstr(meaning, "purpose") || strstr(meaning, "gives no reason");
}

static bool say(char out[S2S_TEXT_MAX], const char *what, const char *because)
{
    (void)snprintf(out, S2S_TEXT_MAX, "%s%s%s", what, because ? ": " : "", because ? because : "");
    return true;
}

/* It did not offer EXTERNAL to us (XEP-0178 section 3): servers do so after a certificate that they do not take. */
static bool explain_silence(const eku__own *own, char out[S2S_TEXT_MAX])
{
    const char *lacks = lacks_client(own);
    char because[BECAUSE_MAX];
    if (!lacks)
        return say(out, "the peer offers no EXTERNAL: most likely it does not trust our certificate", NULL);
    (void)snprintf(because, sizeof because, "most likely it demands clientAuth of a connecting server, and %s", lacks);
    return say(out, "the peer offers no EXTERNAL", because);
}

bool eku__explain_refusal_of(const s2s_refusal *r, const eku__own *own, char out[S2S_TEXT_MAX])
{
    const char *meaning = meaning_of_text(r->text), *lacks = r->role == S2S_INITIATOR ? lacks_client(own) : NULL;
    if (!meaning)
        meaning = meaning_of_alert(r->alert);
    if (!meaning && r->by == S2S_REFUSED_BY_SILENCE)
        return explain_silence(own, out);
    if (!meaning)
        return false;
    if (r->role == S2S_ACCEPTOR && own->known && !own->server && may_be_purpose(meaning))
        return say(out, "the peer refused our certificate", "it needs serverAuth, and ours does not have it");
    if (!lacks || !may_be_purpose(meaning) || strstr(meaning, "misses serverAuth"))
        return say(out, meaning, NULL);
    char because[BECAUSE_MAX];
    (void)snprintf(because, sizeof because, "%s; most likely it demands clientAuth of a connecting server (older software, or set so)",
                   lacks);
    return say(out, strstr(meaning, "purpose") ? "the peer refused our certificate's purpose" : "the peer refused our certificate",
               because);
}

bool eku__explain_refusal(s2s_str text, int alert, char out[S2S_TEXT_MAX])
{
    const char *meaning = meaning_of_text(text);
    if (!meaning)
        meaning = meaning_of_alert(alert);
    if (!meaning)
        return false;
    s2s__copy_text(out, s2s_str_of(meaning));
    return true;
}
