/* SPDX-License-Identifier: MIT */
/* fuzz_facts.c: DER as a peer may present it -> facts. */
#include <string.h>

#include <gnutls/crypto.h>

#include "fuzz.h"
#include "policy/chain.h"
#include "policy/der.h"
#include "policy/facts.h"
#include "policy/names.h"
#include "support/test_env.h"

static void check_cert(const eku__cert *cert, s2s_bytes der)
{
    s2s_bytes spki;
    uint8_t hash[EKU__SPKI_HASH];
    FUZZ_CHECK(memchr(cert->subject, 0, sizeof cert->subject) && memchr(cert->issuer, 0, sizeof cert->issuer));
    FUZZ_CHECK(cert->names_len + cert->names_unusable <= EKU__NAMES_MAX);
    FUZZ_CHECK(cert->key_algorithm && cert->signature_algorithm);
    for (size_t i = 0; i < cert->names_len; i++) {
        const eku__name *n = &cert->names[i];
        bool ip = n->type == EKU__NAME_IP;
        FUZZ_CHECK(ip ? n->value.len == 4 || n->value.len == 16 : n->value.len > 0 && !memchr(n->value.ptr, 0, n->value.len));
    }
    FUZZ_CHECK(eku__der_spki(der, &spki));
    FUZZ_CHECK(gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.ptr, spki.len, hash) == 0);
    FUZZ_CHECK(memcmp(hash, cert->spki_sha256, sizeof hash) == 0);
    (void)eku__names_match(cert->names, cert->names_len, S2S_STR("peer.example"), false);
    (void)eku__names_match(cert->names, cert->names_len, S2S_STR("192.0.2.1"), false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    test_env env;
    s2s_bytes der = {data, size};
    eku__chain chain;
    eku__facts facts;
    test_env_init(&env);
    if (eku__chain_import(&env.env, &der, 1, &chain) != S2S_OK)
        return 0;
    if (eku__facts_read(&chain, &facts) == S2S_OK) {
        FUZZ_CHECK(facts.len == 1);
        check_cert(&facts.certs[0], der);
        eku__facts_free(&facts);
    }
    eku__chain_free(&chain);
    FUZZ_CHECK(env.live == 0);
    return 0;
}
