/* SPDX-License-Identifier: MIT */
/* test_bad_input.c: what a hostile peer may present: each has a clear verdict, within the limits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "policy/facts.h"
#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static world w;

static s2s_verdict judge_der(const s2s_bytes *der, size_t len)
{
    s2s_peer peer = {.size = sizeof peer, .role = S2S_INITIATOR, .local = S2S_STR("us.example"), .remote = S2S_STR(DOMAIN),
                     .chain = der, .chain_len = len, .wall = (int64_t)time(NULL)};
    return world_ask(w.tolerant, &peer);
}

Test(bad_input, cut_short_at_every_octet)
{
    world_begin(&w);
    s2s_bytes der = pki_der(world_leaf(&w, w.root, "server", "client"));
    for (size_t len = 0; len < der.len; len++) {
        uint8_t *copy = malloc(len ? len : 1); /* of its own size: a sanitizer sees an octet too far */
        memcpy(copy, der.ptr, len);
        s2s_bytes cut = {copy, len};
        s2s_verdict v = judge_der(&cut, 1);
        cr_assert(!v.trusted && v.chain == S2S_CHAIN_MALFORMED, "%zu", len);
        free(copy);
    }
    world_end(&w);
}

Test(bad_input, junk)
{
    world_begin(&w);
    uint32_t seed = 20261125;
    for (size_t i = 0; i < 2000; i++) {
        uint8_t junk[512];
        size_t len = i % sizeof junk;
        for (size_t n = 0; n < len; n++) {
            seed = seed * 1664525u + 1013904223u;
            junk[n] = (uint8_t)(seed >> 24);
        }
        if (len > 4) { /* a plausible start lets more of it be read */
            junk[0] = junk[4] = 0x30;
            junk[1] = 0x82;
            junk[2] = (uint8_t)((len - 4) >> 8);
            junk[3] = (uint8_t)(len - 4);
        }
        s2s_bytes der = {junk, len};
        s2s_verdict v = judge_der(&der, 1);
        cr_assert(!v.trusted && v.chain == S2S_CHAIN_MALFORMED, "%zu", i);
    }
    world_end(&w);
}

Test(bad_input, ten_thousand_names)
{
    world_begin(&w);
    const pki_cert *last = pki_make(w.pki, &(pki_spec){.issuer = w.root, .more_names = 10000, .names = {{PKI_DNS, DOMAIN}}});
    const pki_cert *chain[] = {last, NULL};
    cr_expect_eq(world_judge(w.tolerant, S2S_INITIATOR, chain).chain, S2S_CHAIN_MALFORMED, "above limits.chain_bytes");
    w.env.env.limits.chain_bytes = 1 << 20;
    size_t before = w.env.live;
    s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, chain);
    cr_expect(v.chain == S2S_CHAIN_VALID && v.identity == S2S_IDENTITY_MISMATCH && !v.trusted,
              "names beyond the maximum prove nothing: %s", v.reason);
    cr_expect_lt(strlen(v.reason), 400, "and are not all told of");
    cr_expect_leq(w.env.live - before, (size_t)EKU__NAMES_MAX + 16);
    v = world_judge_as(w.tolerant, S2S_INITIATOR, "n7.example", (int64_t)time(NULL), chain);
    cr_expect(v.trusted, "one of the first does: %s", v.reason);
    world_end(&w);
}

Test(bad_input, certificate_of_a_megabyte)
{
    world_begin(&w);
    const pki_cert *fat = pki_make(w.pki, &(pki_spec){.issuer = w.root, .padding = 1000000, .names = {{PKI_DNS, DOMAIN}}});
    const pki_cert *chain[] = {fat, NULL};
    s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, chain);
    cr_expect(!v.trusted && v.chain == S2S_CHAIN_MALFORMED, "above limits.chain_bytes: %s", v.reason);
    w.env.env.limits.chain_bytes = 1 << 20;
    cr_expect(world_judge(w.tolerant, S2S_INITIATOR, chain).trusted, "an operator may allow it");
    world_end(&w);
}

Test(bad_input, chain_a_hundred_deep)
{
    world_begin(&w);
    enum { DEEP = 100 };
    const pki_cert *chain[DEEP + 1] = {NULL}, *issuer = w.root;
    for (size_t i = DEEP - 1; i > 0; i--) {
        char cn[16];
        (void)snprintf(cn, sizeof cn, "CA %zu", i);
        chain[i] = issuer = world_ca(&w, cn, issuer, NULL, NULL);
    }
    chain[0] = world_leaf(&w, issuer, "server", NULL);
    s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, chain);
    cr_expect(!v.trusted && v.chain == S2S_CHAIN_MALFORMED, "above limits.chain_certificates: %s", v.reason);
    w.env.env.limits.chain_certificates = DEEP;
    v = world_judge(w.tolerant, S2S_INITIATOR, chain);
    cr_expect(!v.trusted && v.chain == S2S_CHAIN_INVALID, "a path has a maximum of its own: %s", v.reason);
    world_end(&w);
}

/* A NUL never ends a name early, and control characters reach neither log nor peer. */
Test(bad_input, names_with_nul_and_controls)
{
    world_begin(&w);
    static const pki_name NAMES[] = {
        {PKI_DNS, DOMAIN "\0.evil.example", sizeof DOMAIN ".evil.example"}, {PKI_DNS, DOMAIN "\0", sizeof DOMAIN},
        {PKI_SRV, "_xmpp-server." DOMAIN "\0x", sizeof "_xmpp-server." DOMAIN "x"}, {PKI_XMPP, DOMAIN "\0@x", sizeof DOMAIN "@x"},
        {PKI_DNS, "a\nb\x1b[31m.example"}, {PKI_DNS, "*"}, {PKI_DNS, "*."}, {PKI_DNS, "."},
    };
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        const pki_cert *leaf = pki_make(w.pki, &(pki_spec){.cn = "n\ro", .issuer = w.root, .names = {NAMES[i]}});
        s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, (const pki_cert *[]){leaf, NULL});
        cr_expect(!v.trusted && v.identity != S2S_IDENTITY_MATCH, "%zu: %s", i, v.reason);
        for (const char *at = v.reason; *at; at++)
            cr_expect((unsigned char)*at >= 0x20, "%zu: %s", i, v.reason);
    }
    world_end(&w);
}
