/* SPDX-License-Identifier: MIT */
/* test_verify.c: paths: which certificates make one, and the true reason where there is none. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <gnutls/x509.h>

#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static world w;

/* At a CA that does not fit the purpose asked for, GnuTLS looks no further; the true reason must come out in every mode
 * and role, and whatever the purposes. */
Test(verify, purpose_never_hides_the_true_reason)
{
    static const char *const PURPOSES[] = {"server", "client", "any", NULL};
    static const struct {
        const char *name;
        s2s_chain_status want;
        pki_spec spec;
        bool other_ca;
    } ROWS[] = {
        {"CE-01 expired", S2S_CHAIN_EXPIRED, {.from = -9000, .until = -60}, false},
        {"CE-01 not yet valid", S2S_CHAIN_NOT_YET_VALID, {.from = 3600, .until = 9000}, false},
        {"CE-01 forged", S2S_CHAIN_BAD_SIGNATURE, {.forged = true}, false},
        {"CE-01 of another CA of that name", S2S_CHAIN_UNKNOWN_ISSUER, {.cn = "x"}, true},
        {"EK-03 key usage", S2S_CHAIN_KEY_USAGE, {.key_usage = PKI_KU_ENCIPHER}, false},
        {"TP-04 weak key", S2S_CHAIN_WEAK, {.key = PKI_RSA_1024}, false},
        {"unknown critical extension", S2S_CHAIN_CONSTRAINT, {.critical_oid = "1.2.3.4.5"}, false},
        {"CE-01 a CA as a leaf", S2S_CHAIN_IS_A_CA, {.ca = true, .key_usage = PKI_KU_SIGN | PKI_KU_CERT_SIGN}, false},
    };
    world_begin(&w);
    for (size_t p = 0; p < COUNT(PURPOSES); p++) {
        const pki_cert *ca = world_ca(&w, "Intermediate", w.root, PURPOSES[p], NULL);
        const pki_cert *rogue_root = pki_make(w.pki, &(pki_spec){.cn = "Test Root", .ca = true});
        const pki_cert *rogue = world_ca(&w, "Intermediate", rogue_root, PURPOSES[p], NULL);
        for (size_t i = 0; i < COUNT(ROWS); i++) {
            pki_spec spec = ROWS[i].spec;
            spec.issuer = ROWS[i].other_ca ? rogue : ca;
            spec.ekus[0] = "server";
            spec.names[0] = (pki_name){PKI_DNS, DOMAIN, 0};
            const pki_cert *chain[] = {pki_make(w.pki, &spec), ca, NULL};
            for (size_t m = 0; m < 4; m++) {
                s2s_verdict v = world_judge(m & 1 ? w.strict : w.tolerant, m & 2 ? S2S_ACCEPTOR : S2S_INITIATOR,
                                            chain);
                const char *ca_purpose = PURPOSES[p] ? PURPOSES[p] : "none";
                cr_expect_eq(v.chain, ROWS[i].want, "%s under %s: %s", ROWS[i].name, ca_purpose,
                             s2s_chain_status_word(v.chain));
                cr_expect_not(v.trusted || v.would_tolerant || v.would_strict, "%s", ROWS[i].name);
                cr_expect_not(v.purpose_server || v.purpose_client, "%s: no purpose of a bad path", ROWS[i].name);
                cr_expect_null(strstr(v.reason, "purpose"), "%s: %s", ROWS[i].name, v.reason);
            }
        }
    }
    world_end(&w);
}

Test(verify, path_faults_above_the_leaf)
{
    world_begin(&w);
    const pki_cert *expired = pki_make(w.pki, &(pki_spec){.cn = "Old CA", .issuer = w.root, .ca = true,
                                                          .from = -9000, .until = -60});
    const pki_cert *zero = pki_make(w.pki, &(pki_spec){.cn = "Zero CA", .issuer = w.root, .ca = true,
                                                       .path_len_zero = true});
    const pki_cert *below_zero = world_ca(&w, "Below Zero CA", zero, NULL, NULL);
    const pki_cert *no_ca = pki_make(w.pki, &(pki_spec){.cn = "No CA", .issuer = w.root});
    const pki_cert *named = pki_make(w.pki, &(pki_spec){.cn = "Named CA", .issuer = w.root, .ca = true,
                                                        .permit_dns = "other.example"});
    const pki_cert *sha1 = pki_make(w.pki, &(pki_spec){.cn = "SHA-1 CA", .issuer = w.root, .ca = true, .sha1 = true});
    const pki_cert *forged = pki_make(w.pki, &(pki_spec){.cn = "Forged CA", .issuer = w.root, .ca = true,
                                                         .forged = true});
    const pki_cert *stranger = pki_make(w.pki, &(pki_spec){.cn = "Stranger", .ca = true});
    const pki_cert *no_sign = pki_make(w.pki, &(pki_spec){.cn = "No Sign CA", .issuer = w.root, .ca = true,
                                                          .key_usage = PKI_KU_SIGN});
    const pki_cert *unsent = world_ca(&w, "Unsent CA", w.root, NULL, NULL);
    const struct {
        const char *name;
        s2s_chain_status want;
        const pki_cert *issuer, *above;
        bool unsent;
    } rows[] = {
        {"CE-01 expired CA", S2S_CHAIN_EXPIRED, expired, NULL, false},
        {"path length", S2S_CHAIN_CONSTRAINT, below_zero, zero, false},
        {"no CA", S2S_CHAIN_NOT_A_CA, no_ca, NULL, false},
        {"CA without keyCertSign", S2S_CHAIN_NOT_A_CA, no_sign, NULL, false},
        {"name constraint", S2S_CHAIN_CONSTRAINT, named, NULL, false},
        {"TP-04 SHA-1", S2S_CHAIN_WEAK, sha1, NULL, false},
        {"forged CA", S2S_CHAIN_BAD_SIGNATURE, forged, NULL, false},
        {"CE-01 unknown root", S2S_CHAIN_UNKNOWN_ISSUER, stranger, NULL, false},
        {"CE-01 missing intermediate", S2S_CHAIN_UNKNOWN_ISSUER, unsent, NULL, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const pki_cert *leaf = world_leaf(&w, rows[i].issuer, "server", NULL);
        const pki_cert *chain[] = {leaf, rows[i].unsent ? NULL : rows[i].issuer, rows[i].above, NULL};
        s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, chain);
        cr_expect_eq(v.chain, rows[i].want, "%s: %s", rows[i].name, s2s_chain_status_word(v.chain));
        cr_expect_not(v.trusted, "%s", rows[i].name);
    }
    const pki_cert *self = pki_make(w.pki, &(pki_spec){.cn = "me", .names = {{PKI_DNS, DOMAIN}}});
    cr_expect_eq(world_judge(w.tolerant, S2S_INITIATOR, (const pki_cert *[]){self, NULL}).chain,
                 S2S_CHAIN_SELF_SIGNED);
    world_end(&w);
}

Test(verify, accepts_what_public_cas_issue)
{
    world_begin(&w);
    const pki_cert *cross = world_ca(&w, "Root YE", w.root, "server", NULL);
    const pki_cert *ca = world_ca(&w, "YE1", cross, "server", NULL);
    /* CE-02 CX-3: empty subject, CAs without digitalSignature. */
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL);
    const pki_cert *extra = world_ca(&w, "Unrelated", w.root, "email", NULL);
    const pki_cert *self = pki_make_again(w.pki, cross, &(pki_spec){.cn = "Root YE", .ca = true});
    const pki_cert *const orders[][6] = {
        {leaf, ca, cross, NULL},
        {leaf, ca, cross, w.root, NULL},
        {leaf, cross, ca, NULL},              /* in the wrong order */
        {leaf, ca, cross, self, NULL},        /* a new root, cross-signed and by itself */
        {leaf, ca, self, cross, NULL},
        {leaf, extra, ca, ca, cross, NULL},   /* with what does not belong here, and twice */
    };
    for (size_t i = 0; i < COUNT(orders); i++) {
        s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, orders[i]);
        cr_expect(v.trusted && v.purpose_server && !v.purpose_client && v.would_tolerant && !v.would_strict,
                  "%zu: %s", i, v.reason);
        cr_expect_eq(v.chain, S2S_CHAIN_VALID);
        v = world_judge(w.strict, S2S_INITIATOR, orders[i]);
        cr_expect_not(v.trusted, "%zu", i);
        cr_expect_not_null(strstr(v.reason, "purpose"));
        cr_expect(world_judge(w.strict, S2S_ACCEPTOR, orders[i]).trusted, "a receiver is judged by A alone");
    }
    world_end(&w);
}

Test(verify, cross_signed_ca_in_the_trust_store_ends_the_path)
{
    world_begin(&w);
    /* The old root signs our anchor for servers only; that certificate is not on the path, so B holds. */
    const pki_cert *old = pki_make(w.pki, &(pki_spec){.cn = "Old Root", .ca = true});
    const pki_cert *cross = pki_make_again(w.pki, w.root, &(pki_spec){.cn = "Test Root", .issuer = old, .ca = true,
                                                                      .ekus = {"server"}});
    const pki_cert *ca = world_ca(&w, "CA", w.root, "server", "client");
    const pki_cert *leaf = world_leaf(&w, ca, "server", "client");
    const pki_cert *chain[] = {leaf, ca, cross, NULL};
    s2s_verdict v = world_judge(w.strict, S2S_INITIATOR, chain);
    cr_expect(v.trusted && v.purpose_client, "%s", v.reason);
    cr_expect_eq(v.purpose_client, world_gnutls_accepts(&w, chain, GNUTLS_KP_TLS_WWW_CLIENT));
    world_end(&w);
}

/* To be in the trust store makes no leaf trusted. */
Test(verify, leaf_in_the_trust_store_is_not_thereby_trusted)
{
    world_begin(&w);
    const pki_cert *self = pki_make(w.pki, &(pki_spec){.cn = "me", .names = {{PKI_DNS, DOMAIN}}});
    const pki_cert *wrong = pki_make(w.pki, &(pki_spec){.cn = "Elsewhere", .ca = true});
    const pki_cert *leaf = world_leaf(&w, wrong, "client", NULL);
    const char *file = pki_write_chain(w.pki, "leaves.pem", (const pki_cert *[]){self, leaf, NULL});
    eku_policy *policy = world_policy(&w, EKU_TOLERANT, file);
    cr_expect_not(world_judge(policy, S2S_INITIATOR, (const pki_cert *[]){self, NULL}).trusted);
    cr_expect_not(world_judge(policy, S2S_INITIATOR, (const pki_cert *[]){leaf, NULL}).trusted);
    eku_policy_free(policy);
    world_end(&w);
}

Test(verify, judges_times_by_the_callers_clock_too)
{
    world_begin(&w);
    int64_t now = (int64_t)time(NULL);
    const pki_cert *ca = pki_make(w.pki, &(pki_spec){.cn = "CA", .issuer = w.root, .ca = true, .from = -1000,
                                                     .until = 5000});
    const pki_cert *leaf = pki_make(w.pki, &(pki_spec){.issuer = ca, .from = -500, .until = 9000,
                                                       .names = {{PKI_DNS, DOMAIN}}});
    const pki_cert *chain[] = {leaf, ca, NULL};
    static const struct {
        int64_t from_now;
        s2s_chain_status want;
    } ROWS[] = {
        {0, S2S_CHAIN_VALID}, {4900, S2S_CHAIN_VALID}, {5100, S2S_CHAIN_EXPIRED}, {9100, S2S_CHAIN_EXPIRED},
        {-600, S2S_CHAIN_NOT_YET_VALID},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_verdict v = world_judge_as(w.tolerant, S2S_INITIATOR, DOMAIN, now + ROWS[i].from_now, chain);
        cr_expect_eq(v.chain, ROWS[i].want, "CE-01 %zu: %s", i, s2s_chain_status_word(v.chain));
        cr_expect_eq(v.trusted, v.chain == S2S_CHAIN_VALID);
        cr_expect(v.expires >= now + 4990 && v.expires <= now + 5000, "CE-04: the earliest end on the path");
    }
    world_end(&w);
}

Test(verify, path_longer_than_the_maximum_is_invalid)
{
    world_begin(&w);
    w.env.env.limits.chain_certificates = 100;
    const pki_cert *chain[20] = {NULL};
    const pki_cert *issuer = w.root;
    for (size_t i = 18; i > 0; i--) {
        char cn[16];
        (void)snprintf(cn, sizeof cn, "CA %zu", i);
        chain[i] = issuer = world_ca(&w, cn, issuer, NULL, NULL);
    }
    chain[0] = world_leaf(&w, issuer, "server", NULL);
    s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, chain);
    cr_expect_eq(v.chain, S2S_CHAIN_INVALID, "%s", s2s_chain_status_word(v.chain));
    cr_expect_not(v.trusted);
    world_end(&w);
}
