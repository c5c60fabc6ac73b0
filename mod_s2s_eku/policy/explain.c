/* SPDX-License-Identifier: MIT */
/* explain.c: from ruling to sentences. The one table is EKU__FINDINGS. */
#include "policy/explain.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "protocol/buf.h"

enum {
    TEXT_ROOM = 1024,   /* a sentence before it is cut to S2S_TEXT_MAX */
    NAMES_SHOWN = 3,    /* of the certificate's names, where it is for another domain */
    NAME_SHOWN_MAX = 64 /* octets of each */
};

typedef struct sentence {
    char text[TEXT_ROOM];
    size_t len;
} sentence;

S2S_PRINTF(2, 3)
static void say(sentence *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->text + s->len, TEXT_ROOM - s->len, format, args);
    va_end(args);
    if (n > 0)
        s->len += (size_t)n;
    if (s->len >= TEXT_ROOM)
        s->len = TEXT_ROOM - 1;
}

const char *eku__finding_words(eku__finding finding)
{
    switch (finding) {
#define EKU__X(name, words)                                                                        \
    case name: return words;
        EKU__FINDINGS(EKU__X)
#undef EKU__X
    }
    return "";
}

static void say_date(sentence *s, const char *before, int64_t seconds)
{
    char text[32];
    time_t at = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&at, &tm) && strftime(text, sizeof text, "%Y-%m-%d %H:%M:%SZ", &tm) > 0)
        say(s, "%s%s", before, text);
}

static void say_subject(sentence *s, const eku__case *c, size_t where)
{
    const char *subject = c->facts->certs[where].subject;
    say(s, "%s", where ? "CA" : "leaf");
    if (*subject) /* today's public CAs leave a leaf's empty */
        say(s, " \"%s\"", subject);
}

static void say_name(sentence *s, const eku__name *name)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    if (name->type == EKU__NAME_IP) {
        (void)inet_ntop(name->value.len == 4 ? AF_INET : AF_INET6, name->value.ptr, ip, sizeof ip);
        say(s, "%s", ip);
        return;
    }
    s2s_str shown = name->value;
    if (shown.len > NAME_SHOWN_MAX)
        shown.len = NAME_SHOWN_MAX;
    say(s, "%.*s", S2S_FMT(shown));
}

static void say_names(sentence *s, const eku__cert *leaf)
{
    size_t shown = leaf->names_len < NAMES_SHOWN ? leaf->names_len : NAMES_SHOWN;
    say(s, "its names: ");
    for (size_t i = 0; i < shown; i++) {
        if (i)
            say(s, ", ");
        say_name(s, &leaf->names[i]);
    }
    if (leaf->names_len > shown)
        say(s, " and %zu more", leaf->names_len - shown);
}

/* What the operator wants to know beside the words; the names are for the operator only. */
static void say_detail(sentence *s, const eku__case *c, eku__finding finding, size_t where)
{
    if (where == EKU__NOWHERE)
        return;
    const eku__cert *cert = &c->facts->certs[where];
    say(s, " (");
    switch (finding) {
    case EKU__EXPIRED:
        say_subject(s, c, where);
        say_date(s, ", until ", cert->not_after);
        break;
    case EKU__NOT_YET_VALID:
        say_subject(s, c, where);
        say_date(s, ", from ", cert->not_before);
        break;
    case EKU__UNKNOWN_ISSUER:
        say(s, "issuer \"%s\"", cert->issuer);
        break;
    case EKU__OTHER_NAME:
        say_names(s, cert);
        break;
    case EKU__REVOKED:
        say_subject(s, c, where);
        say(s, c->path->status == S2S_CHAIN_REVOKED ? ", by a CRL" : ", by its OCSP response");
        break;
    case EKU__ACCEPTED:
    case EKU__ACCEPTED_BOTH:
    case EKU__ACCEPTED_CLIENT:
    case EKU__ACCEPTED_DANE_EE:
    case EKU__ACCEPTED_DANE_TA:
    case EKU__ABSENT:
    case EKU__SELF_SIGNED:
    case EKU__BAD_SIGNATURE:
    case EKU__NOT_A_CA:
    case EKU__IS_A_CA:
    case EKU__WEAK:
    case EKU__KEY_USAGE:
    case EKU__CONSTRAINT:
    case EKU__MALFORMED:
    case EKU__INVALID:
    case EKU__LEAF_CLIENT_ONLY:
    case EKU__LEAF_ANY_ONLY:
    case EKU__LEAF_OTHER:
    case EKU__CA_PURPOSE:
    case EKU__STRICT_LEAF:
    case EKU__STRICT_CA:
    case EKU__NO_NAME:
    case EKU__NO_EKU:
    case EKU__OTHER_KEY:
    case EKU__OCSP_MISSING:
    case EKU__DANE_MISMATCH:
    case EKU__DNS_BOGUS:
    case EKU__NOT_ALLOWED:
        say_subject(s, c, where);
        break;
    }
    say(s, ")");
}

/* Why revocation is unchecked although something could have told. */
static void say_revocation(sentence *s, const eku__case *c)
{
    switch (c->path->crl.state) {
    case EKU__CRL_EXPIRED: say_date(s, "; the CRL about it was good until ", c->path->crl.until); break;
    case EKU__CRL_FORGED: say(s, "; the CRL about it has a signature that does not verify"); break;
    case EKU__CRL_NONE:
    case EKU__CRL_CURRENT:
    case EKU__CRL_LISTED: break;
    }
    switch (c->ocsp) {
    case EKU__OCSP_UNKNOWN: say(s, "; its OCSP response says that the certificate is unknown"); break;
    case EKU__OCSP_STALE: say(s, "; its OCSP response is out of date"); break;
    case EKU__OCSP_UNUSABLE: say(s, "; its OCSP response is not about it, or does not verify"); break;
    case EKU__OCSP_NONE:
    case EKU__OCSP_GOOD:
    case EKU__OCSP_REVOKED: break;
    }
}

void eku__explain(const eku__case *c, const eku__ruling *ruling, s2s_str remote, s2s_verdict *verdict)
{
    const char *words = eku__finding_words(ruling->finding);
    sentence reason = {.len = 0}, tell = {.len = 0};
    say(&reason, "the certificate of %.*s %s", S2S_FMT(remote), words);
    if (!verdict->trusted) {
        say_detail(&reason, c, ruling->finding, ruling->where);
        say(&tell, "Your server's certificate %s", words);
    } else if (ruling->strict_finding != ruling->finding) {
        say(&reason, "; strict would refuse it: it %s", eku__finding_words(ruling->strict_finding));
        say_detail(&reason, c, ruling->strict_finding, ruling->strict_where);
    }
    if (verdict->chain == S2S_CHAIN_VALID)
        say_revocation(&reason, c);
    s2s__copy_text(verdict->reason, (s2s_str){reason.text, reason.len});
    s2s__copy_text(verdict->tell, (s2s_str){tell.text, tell.len});
}
