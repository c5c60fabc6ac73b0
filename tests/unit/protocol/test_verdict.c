/* SPDX-License-Identifier: MIT */
/* test_verdict.c: the words of a verdict (part of the published interface), and where a policy starts. */
#include "s2s/policy.h"

#include <string.h>

#include <criterion/criterion.h>

Test(verdict, words_are_those_that_were_published)
{
    static const char *const chain[] = {"absent",       "valid",       "expired",       "not-yet-valid",
                                        "unknown-issuer", "self-signed", "revoked",     "bad-signature",
                                        "not-a-ca",     "is-a-ca",     "weak",          "key-usage",
                                        "constraint",   "malformed",   "invalid"};
    static const char *const identity[] = {"absent", "match", "mismatch"};
    static const char *const eku[] = {"none", "server", "client", "both", "any", "other"};
    static const char *const revocation[] = {"unchecked", "good", "revoked"};
    cr_assert_eq(sizeof chain / sizeof *chain, (size_t)S2S_CHAIN_INVALID + 1);
    for (s2s_chain_status s = S2S_CHAIN_ABSENT; s <= S2S_CHAIN_INVALID; s++)
        cr_expect_str_eq(s2s_chain_status_word(s), chain[s]);
    for (s2s_identity i = S2S_IDENTITY_ABSENT; i <= S2S_IDENTITY_MISMATCH; i++)
        cr_expect_str_eq(s2s_identity_word(i), identity[i]);
    for (s2s_eku e = S2S_EKU_NONE; e <= S2S_EKU_OTHER; e++)
        cr_expect_str_eq(s2s_eku_word(e), eku[e]);
    for (s2s_revocation r = S2S_REVOCATION_UNCHECKED; r <= S2S_REVOCATION_REVOKED; r++)
        cr_expect_str_eq(s2s_revocation_word(r), revocation[r]);
    static const char *const dnssec[] = {"unchecked", "insecure", "secure", "bogus"};
    for (s2s_dnssec d = S2S_DNSSEC_UNCHECKED; d <= S2S_DNSSEC_BOGUS; d++)
        cr_expect_str_eq(s2s_dnssec_word(d), dnssec[d]);
}

Test(verdict, starts_as_refused_with_nothing_known)
{
    s2s_verdict v;
    memset(&v, 0xff, sizeof v);
    s2s_verdict_init(&v);
    cr_expect_eq(v.size, sizeof v);
    cr_expect_not(v.trusted || v.dialback);
    cr_expect_not(v.purpose_server || v.purpose_client || v.would_tolerant || v.would_strict);
    cr_expect_eq(v.chain, S2S_CHAIN_ABSENT);
    cr_expect_eq(v.identity, S2S_IDENTITY_ABSENT);
    cr_expect_eq(v.eku, S2S_EKU_OTHER, "EK-03: nothing known is not unrestricted");
    cr_expect_eq(v.revocation, S2S_REVOCATION_UNCHECKED);
    cr_expect_eq(v.expires, 0);
    cr_expect_str_eq(v.reason, "");
    cr_expect_str_eq(v.tell, "");
}
