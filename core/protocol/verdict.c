/* SPDX-License-Identifier: MIT */
/* verdict.c: the words of a verdict, the same everywhere. */
#include "s2s/policy.h"

const char *s2s_chain_status_word(s2s_chain_status status)
{
    switch (status) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_CHAIN_STATUSES(S2S_X)
#undef S2S_X
    }
    return "invalid";
}

const char *s2s_identity_word(s2s_identity identity)
{
    switch (identity) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_IDENTITIES(S2S_X)
#undef S2S_X
    }
    return "absent";
}

const char *s2s_eku_word(s2s_eku eku)
{
    switch (eku) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_EKUS(S2S_X)
#undef S2S_X
    }
    return "other";
}

const char *s2s_revocation_word(s2s_revocation revocation)
{
    switch (revocation) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_REVOCATIONS(S2S_X)
#undef S2S_X
    }
    return "unchecked";
}

const char *s2s_proof_word(s2s_proof proof)
{
    switch (proof) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_PROOFS(S2S_X)
#undef S2S_X
    }
    return "none";
}

const char *s2s_dane_word(s2s_dane dane)
{
    switch (dane) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_DANES(S2S_X)
#undef S2S_X
    }
    return "none";
}

const char *s2s_dnssec_word(s2s_dnssec state)
{
    switch (state) {
#define S2S_X(name, word)                                                                          \
    case name: return word;
        S2S_DNSSECS(S2S_X)
#undef S2S_X
    }
    return "bogus";
}

void s2s_verdict_init(s2s_verdict *verdict)
{
    *verdict = (s2s_verdict){.size = sizeof *verdict,
                             .chain = S2S_CHAIN_ABSENT,
                             .identity = S2S_IDENTITY_ABSENT,
                             .eku = S2S_EKU_OTHER,
                             .revocation = S2S_REVOCATION_UNCHECKED};
}
