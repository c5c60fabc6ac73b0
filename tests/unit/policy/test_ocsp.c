/* SPDX-License-Identifier: MIT */
/* test_ocsp.c: stapled OCSP responses in the initiator's role: off, soft, must. */
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static world w;

static eku_policy *with_ocsp(eku_ocsp ocsp)
{
    eku_options o;
    world_options(&w, &o);
    o.ocsp = ocsp;
    return world_make(&o);
}

Test(ocsp, off_soft_must)
{
    world_begin(&w);
    enum { DAY = 86400 };
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL), *other = world_leaf(&w, ca, "server", NULL);
    const pki_cert *delegate = pki_make(w.pki, &(pki_spec){.cn = "Responder", .issuer = ca,
                                                           .ekus = {"1.3.6.1.5.5.7.3.9"}});
    const pki_cert *impostor = pki_make(w.pki, &(pki_spec){.cn = "Responder", .issuer = ca, .ekus = {"server"}});
    const pki_cert *stranger = pki_make(w.pki, &(pki_spec){.cn = "Stranger", .ca = true});
    static uint8_t large[(64 << 10) + 1];
    s2s_bytes good = pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca});
    memcpy(large, good.ptr, good.len);
    const struct {
        const char *name;
        s2s_bytes staple;
        s2s_revocation want; /* under soft */
        const char *said;
    } rows[] = {
        {"none", {NULL, 0}, S2S_REVOCATION_UNCHECKED, NULL},
        {"good", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca}), S2S_REVOCATION_GOOD, NULL},
        {"good, by a delegate", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .signer = delegate}), S2S_REVOCATION_GOOD,
         NULL},
        {"good, without an end", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .no_next = true}), S2S_REVOCATION_GOOD, NULL},
        {"revoked", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .status = PKI_OCSP_REVOKED}), S2S_REVOCATION_REVOKED,
         "by its OCSP response"},
        {"revoked, stale", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .status = PKI_OCSP_REVOKED, .from = -9 * DAY,
                                                            .until = -DAY}),
         S2S_REVOCATION_REVOKED, "by its OCSP response"},
        {"unknown", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .status = PKI_OCSP_UNKNOWN}), S2S_REVOCATION_UNCHECKED,
         "unknown"},
        {"stale", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .from = -9 * DAY, .until = -DAY}), S2S_REVOCATION_UNCHECKED,
         "out of date"},
        {"old, without an end", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .from = -9 * DAY, .until = 1, .no_next = true}),
         S2S_REVOCATION_UNCHECKED, "out of date"},
        {"of the future", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .from = DAY, .until = 2 * DAY}),
         S2S_REVOCATION_UNCHECKED, "out of date"},
        {"about another", pki_make_ocsp(w.pki, &(pki_ocsp){other, ca}), S2S_REVOCATION_UNCHECKED, "not about it"},
        {"forged", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .forged = true}), S2S_REVOCATION_UNCHECKED, "verify"},
        {"by one of the CA's that is no responder", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .signer = impostor}),
         S2S_REVOCATION_UNCHECKED, "verify"},
        {"by a stranger, revoked", pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca, .signer = stranger,
                                                                   .status = PKI_OCSP_REVOKED}),
         S2S_REVOCATION_UNCHECKED, "verify"},
        {"the responder's failure", {(const uint8_t *)"\x30\x03\x0a\x01\x06", 5}, S2S_REVOCATION_UNCHECKED, "verify"},
        {"larger than is read", {large, sizeof large}, S2S_REVOCATION_UNCHECKED, "verify"},
        {"junk", {(const uint8_t *)"junk", 4}, S2S_REVOCATION_UNCHECKED, "verify"},
    };
    eku_policy *off = with_ocsp(EKU_OCSP_OFF), *soft = with_ocsp(EKU_OCSP_SOFT), *must = with_ocsp(EKU_OCSP_MUST);
    for (size_t i = 0; i < COUNT(rows); i++) {
        s2s_bytes der[PKI_CHAIN_MAX];
        s2s_peer peer = world_peer(S2S_ACCEPTOR, (const pki_cert *[]){leaf, ca, NULL}, der);
        peer.staple = rows[i].staple;
        s2s_verdict v = world_ask(soft, &peer);
        cr_expect_eq(v.revocation, rows[i].want, "%s: %s", rows[i].name, v.reason);
        cr_expect_eq(v.trusted, rows[i].want != S2S_REVOCATION_REVOKED, "%s", rows[i].name);
        cr_expect(!rows[i].said || strstr(v.reason, rows[i].said), "%s: %s", rows[i].name, v.reason);
        v = world_ask(must, &peer);
        cr_expect_eq(v.trusted, rows[i].want == S2S_REVOCATION_GOOD, "%s: %s", rows[i].name, v.reason);
        cr_expect(v.trusted || v.chain == S2S_CHAIN_REVOKED || strstr(v.tell, "OCSP"), "%s", v.tell);
        v = world_ask(off, &peer);
        cr_expect(v.trusted && v.revocation == S2S_REVOCATION_UNCHECKED, "%s", rows[i].name);
        peer.role = S2S_INITIATOR; /* nobody staples for a client's certificate here */
        v = world_ask(must, &peer);
        cr_expect(v.trusted && v.revocation == S2S_REVOCATION_UNCHECKED, "%s", rows[i].name);
    }
    eku_policy_free(off);
    eku_policy_free(soft);
    eku_policy_free(must);
    world_end(&w);
}

Test(ocsp, is_judged_afresh_where_the_path_is_known)
{
    world_begin(&w);
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    eku_policy *soft = with_ocsp(EKU_OCSP_SOFT);
    s2s_bytes der[PKI_CHAIN_MAX];
    s2s_peer peer = world_peer(S2S_ACCEPTOR, (const pki_cert *[]){leaf, NULL}, der);
    for (size_t i = 0; i < 6; i++) {
        peer.staple = pki_make_ocsp(w.pki, &(pki_ocsp){leaf, w.root, .status = i & 1 ? PKI_OCSP_REVOKED : PKI_OCSP_GOOD});
        cr_expect_eq(world_ask(soft, &peer).trusted, !(i & 1), "%zu", i);
    }
    eku_policy_free(soft);
    world_end(&w);
}
