/* SPDX-License-Identifier: MIT */
/* test_refusal.c: what peers say when they refuse our certificate, and that we claim no more. */
#include "policy/refusal.h"

#include <string.h>

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(refusal, texts_of_peers)
{
    static const struct {
        const char *who, *text;
        int alert;
        bool purpose;     /* the sentence speaks of the purpose */
        const char *want; /* and holds this */
    } ROWS[] = {
        {"OpenSSL 3", "unsuitable certificate purpose", -1, true, "clientAuth"},
        {"ejabberd before 25.07", "unsupported certificate purpose", -1, true, "clientAuth"},
        {"in a sentence", "SASL EXTERNAL failed: Unsupported Certificate Purpose.", -1, true, "clientAuth"},
        {"Java", "Extended key usage does not permit use for TLS client authentication", 46, true, "clientAuth"},
        {"GnuTLS", "The certificate chain does not match the intended purpose.", 42, true, "Extended Key Usage"},
        {"Erlang", "{bad_cert,invalid_ext_key_usage}", 43, true, "Extended Key Usage"},
        {"Erlang 27.1", "{bad_cert,{key_usage_mismatch,...}}", -1, true, "Extended Key Usage"},
        {"Go", "x509: certificate specifies an incompatible key usage", 42, true, "Extended Key Usage"},
        {"Rust", "invalid peer certificate: InvalidPurpose", -1, true, "Extended Key Usage"},
        {"wants serverAuth", "no serverAuth", -1, true, "serverAuth"},
        {"OpenSSL, alert alone", "", 43, true, "alert 43"},
        {"the text decides", "certificate has expired", 43, false, "expired"},
        {"Prosody", "Your server's certificate has expired", -1, false, "expired"},
        {"Prosody", "Your server's certificate is self-signed", -1, false, "self-signed"},
        {"OpenSSL 1", "self signed certificate in certificate chain", -1, false, "self-signed"},
        {"ejabberd", "Certificate host name mismatch", -1, false, "does not name the domain"},
        {"Prosody", "Your server's certificate is not valid for this name", -1, false, "does not name the domain"},
        {"OpenSSL", "unable to get local issuer certificate", -1, false, "intermediate"},
        {"Go", "x509: certificate signed by unknown authority", -1, false, "does not know the CA"},
        {"Prosody", "Your server's certificate is not trusted", -1, true, "does not say why"},
        {"ejabberd", "Failed to get peer certificate", -1, false, "no certificate from us"},
        {"alert", "", 45, false, "expired"},
        {"alert", "", 44, false, "revoked"},
        {"alert", "", 48, false, "does not know the CA"},
        {"alert", "", 116, false, "no certificate from us"},
        {"alert", "", 42, false, "no reason"},
        {"alert", "", 46, true, "no reason"},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        char out[S2S_TEXT_MAX] = "";
        cr_expect(eku__explain_refusal(s2s_str_of(ROWS[i].text), ROWS[i].alert, out), "%s: %s", ROWS[i].who,
                  ROWS[i].text);
        cr_expect_eq(strstr(out, "purpose") != NULL, ROWS[i].purpose, "%s: %s", ROWS[i].who, out);
        cr_expect_not_null(strstr(out, ROWS[i].want), "%s: %s", ROWS[i].who, out);
        cr_expect_lt(strlen(out), S2S_TEXT_MAX - 1, "%s: cut?", out);
    }
}

/* The cause is named with what our certificate permits. */
Test(refusal, with_our_certificate)
{
    static const eku__own SERVER = {.known = true, .server = true}, CLIENT = {.known = true, .client = true},
                          BOTH = {.known = true, .server = true, .client = true},
                          CA = {.known = true, .server = true, .client = true, .ca_forbids_client = true}, UNKNOWN = {0},
                          NEITHER = {.known = true};
    static const struct {
        const char *text;
        int alert;
        s2s_refused_by by;
        s2s_role role;
        const eku__own *own;
        const char *want, *too; /* NULL: nothing is known */
    } ROWS[] = {
        {"unsupported certificate purpose", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &SERVER, "serverAuth only", "demands clientAuth"},
        {"unsuitable certificate purpose", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &CA, "a CA above our certificate", "clientAuth"},
        {"unsuitable certificate purpose", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &BOTH, "clientAuth", "2026"},
        {"unsuitable certificate purpose", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &UNKNOWN, "clientAuth", "2026"},
        {"", 43, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, "serverAuth only", "demands clientAuth"},
        {"", 42, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, "serverAuth only", "demands clientAuth"},
        {"", 46, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, "serverAuth only", "demands clientAuth"},
        {"", 42, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &BOTH, "alert 42", "no reason"},
        {"", 48, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, "does not know the CA", "alert 48"},
        {"", 45, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, "expired", "alert 45"},
        {"certificate has expired", 43, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, "expired", "clock"},
        {"{bad_cert,invalid_ext_key_usage}", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &SERVER, "serverAuth only", "clientAuth"},
        {"{tls_alert,{unsupported_certificate", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &SERVER, "serverAuth only", "clientAuth"},
        {"Your server's certificate is invalid, expired, or not trusted by b.example", -1, S2S_REFUSED_BY_STREAM_ERROR,
         S2S_INITIATOR, &SERVER, "serverAuth only", "clientAuth"},
        {"no serverAuth", -1, S2S_REFUSED_BY_SASL, S2S_INITIATOR, &CLIENT, "misses serverAuth", "purpose"},
        {"", -1, S2S_REFUSED_BY_SILENCE, S2S_INITIATOR, &SERVER, "offers no EXTERNAL", "serverAuth only"},
        {"", -1, S2S_REFUSED_BY_SILENCE, S2S_INITIATOR, &NEITHER, "offers no EXTERNAL", "lacks clientAuth"},
        {"", -1, S2S_REFUSED_BY_SILENCE, S2S_INITIATOR, &BOTH, "offers no EXTERNAL", "does not trust"},
        {"", -1, S2S_REFUSED_BY_SILENCE, S2S_INITIATOR, &UNKNOWN, "offers no EXTERNAL", "does not trust"},
        {"", 43, S2S_REFUSED_BY_ALERT, S2S_ACCEPTOR, &CLIENT, "needs serverAuth", "refused our certificate"},
        {"", 43, S2S_REFUSED_BY_ALERT, S2S_ACCEPTOR, &SERVER, "purpose", "alert 43"},
        {"", 43, S2S_REFUSED_BY_ALERT, S2S_ACCEPTOR, &UNKNOWN, "purpose", "alert 43"},
        {"", 45, S2S_REFUSED_BY_ALERT, S2S_ACCEPTOR, &CLIENT, "expired", "alert 45"},
        {"go away", -1, S2S_REFUSED_BY_STREAM_ERROR, S2S_INITIATOR, &SERVER, NULL, NULL},
        {"", 40, S2S_REFUSED_BY_ALERT, S2S_INITIATOR, &SERVER, NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        char out[S2S_TEXT_MAX] = "";
        const s2s_refusal r = {.size = sizeof r, .role = ROWS[i].role, .by = ROWS[i].by, .text = s2s_str_of(ROWS[i].text),
                               .alert = ROWS[i].alert};
        cr_expect_eq(eku__explain_refusal_of(&r, ROWS[i].own, out), ROWS[i].want != NULL, "%zu: %s", i, out);
        cr_expect(!ROWS[i].want || strstr(out, ROWS[i].want), "%zu: %s", i, out);
        cr_expect(!ROWS[i].too || strstr(out, ROWS[i].too), "%zu: %s", i, out);
        cr_expect_lt(strlen(out), S2S_TEXT_MAX - 1, "%s: cut?", out);
    }
}

Test(refusal, unknown_words_are_left_alone)
{
    static const struct {
        const char *text;
        int alert;
    } ROWS[] = {{"", -1}, {"", 40}, {"", 80}, {"go away", -1}, {"not-authorized", -1}, {"purpos", -1}, {NULL, 0},
              {"credentials expired", -1}, {"client authentication failed", -1},
              {"no certificate subject alternative name matches", -1}};
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        char out[S2S_TEXT_MAX] = "untouched";
        cr_expect_not(eku__explain_refusal(s2s_str_of(ROWS[i].text), ROWS[i].alert, out), "%s", out);
        cr_expect_str_eq(out, "untouched");
    }
}
