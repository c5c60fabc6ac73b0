/* SPDX-License-Identifier: MIT */
/* dane.c: matching, as a function of records and certificates. */
#include "policy/dane.h"

#include <string.h>

#include <gnutls/crypto.h>

#include "policy/der.h"

enum { SELECT_CERTIFICATE = 0, SELECT_SPKI = 1, MATCH_WHOLE = 0, MATCH_SHA256 = 1, MATCH_SHA512 = 2 };
enum { SHA256_LEN = 32, SHA512_LEN = 64 };

static bool usable(const s2s_tlsa *r)
{
    if (r->usage > EKU__DANE_EE || r->selector > SELECT_SPKI)
        return false;
    switch (r->matching) {
    case MATCH_WHOLE: return r->data.len > 0;
    case MATCH_SHA256: return r->data.len == SHA256_LEN;
    case MATCH_SHA512: return r->data.len == SHA512_LEN;
    default: return false; /* a number from the network */
    }
}

static size_t count(eku__tlsa tlsa)
{
    return tlsa.len < EKU__TLSA_MAX ? tlsa.len : EKU__TLSA_MAX;
}

bool eku__tlsa_usable(eku__tlsa tlsa)
{
    for (size_t i = 0; i < count(tlsa); i++) {
        if (usable(&tlsa.records[i]))
            return true;
    }
    return false;
}

static bool matches(const s2s_tlsa *r, s2s_bytes certificate)
{
    uint8_t hash[SHA512_LEN];
    s2s_bytes selected = certificate;
    if (r->selector == SELECT_SPKI && !eku__der_spki(certificate, &selected))
        return false;
    if (r->matching != MATCH_WHOLE) {
        gnutls_digest_algorithm_t digest = r->matching == MATCH_SHA256 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_SHA512;
        if (gnutls_hash_fast(digest, selected.ptr, selected.len, hash) < 0)
            return false;
        selected = (s2s_bytes){hash, r->data.len};
    }
    return selected.len == r->data.len && memcmp(selected.ptr, r->data.ptr, selected.len) == 0;
}

bool eku__tlsa_names(eku__tlsa tlsa, eku__tlsa_usage usage, s2s_bytes certificate)
{
    for (size_t i = 0; i < count(tlsa); i++) {
        const s2s_tlsa *r = &tlsa.records[i];
        if (usable(r) && r->usage == usage && matches(r, certificate))
            return true;
    }
    return false;
}

bool eku__tlsa_whole_anchor(eku__tlsa tlsa, size_t n, s2s_bytes *certificate)
{
    for (size_t i = 0; i < count(tlsa); i++) {
        const s2s_tlsa *r = &tlsa.records[i];
        if (!usable(r) || r->usage != EKU__DANE_TA || r->selector != SELECT_CERTIFICATE || r->matching != MATCH_WHOLE)
            continue;
        if (n-- == 0) {
            *certificate = r->data;
            return true;
        }
    }
    return false;
}
