/* SPDX-License-Identifier: MIT */
/* test_dane.c: TLSA records against chains: every usage, selector and matching type, and what each leaves to be asked. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <gnutls/crypto.h>

#include "policy/dane.h"
#include "policy/der.h"
#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static world w;
static eku_policy *policy;

static void begin(void)
{
    eku_options o;
    world_begin(&w);
    world_options(&w, &o);
    o.dane = true;
    policy = world_make(&o);
}

static void end(void)
{
    eku_policy_free(policy);
    world_end(&w);
}

/* A record about `cert`; its data lives as long as the PKI. */
static s2s_tlsa record(uint8_t usage, uint8_t selector, uint8_t matching, const pki_cert *cert)
{
    s2s_tlsa r = {.usage = usage, .selector = selector, .matching = matching, .data = pki_der(cert)};
    if (selector == 1)
        cr_assert(eku__der_spki(pki_der(cert), &r.data));
    if (matching == 1 || matching == 2) {
        uint8_t hash[64];
        size_t len = matching == 1 ? 32 : 64;
        cr_assert_eq(gnutls_hash_fast(matching == 1 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_SHA512, r.data.ptr, r.data.len, hash), 0);
        r.data = pki_keep(w.pki, (s2s_bytes){hash, len});
    }
    return r;
}

static s2s_verdict ask(s2s_role role, const pki_cert *const *certs, const s2s_tlsa *tlsa, size_t len)
{
    s2s_bytes der[PKI_CHAIN_MAX];
    s2s_peer peer = world_peer(role, certs, der);
    peer.tlsa = tlsa;
    peer.tlsa_len = len;
    peer.tlsa_state = S2S_DNSSEC_SECURE;
    return world_ask(policy, &peer);
}

Test(dane, every_usage_selector_and_matching_type)
{
    begin();
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL);
    const pki_cert *own_root = pki_make(w.pki, &(pki_spec){.cn = "Own Root", .ca = true});
    const pki_cert *own_leaf = world_leaf(&w, own_root, "server", NULL);
    const pki_cert *public_chain[] = {leaf, ca, NULL}, *own_chain[] = {own_leaf, own_root, NULL};
    const struct {
        const char *name;
        uint8_t usage;
        const pki_cert *about, *const *chain;
        bool trusted;
        s2s_proof proof;
    } rows[] = {
        {"PKIX-TA, the CA", 0, ca, public_chain, true, S2S_PROOF_PKIX},
        {"PKIX-TA, the anchor that was not sent", 0, w.root, public_chain, true, S2S_PROOF_PKIX},
        {"PKIX-TA, the leaf is no CA", 0, leaf, public_chain, false, S2S_PROOF_NONE},
        {"PKIX-TA, another CA", 0, own_root, public_chain, false, S2S_PROOF_NONE},
        {"PKIX-TA, matches, and PKIX refuses", 0, own_root, own_chain, false, S2S_PROOF_NONE},
        {"PKIX-EE", 1, leaf, public_chain, true, S2S_PROOF_PKIX},
        {"PKIX-EE, a CA is no leaf", 1, ca, public_chain, false, S2S_PROOF_NONE},
        {"PKIX-EE, matches, and PKIX refuses", 1, own_leaf, own_chain, false, S2S_PROOF_NONE},
        {"DANE-TA", 2, own_root, own_chain, true, S2S_PROOF_DANE},
        {"DANE-TA, in place of the general anchors", 2, ca, public_chain, true, S2S_PROOF_DANE},
        {"DANE-TA, another", 2, w.root, own_chain, false, S2S_PROOF_NONE},
        {"DANE-EE", 3, own_leaf, own_chain, true, S2S_PROOF_DANE},
        {"DANE-EE, another", 3, leaf, own_chain, false, S2S_PROOF_NONE},
        {"DANE-EE, a CA is no leaf", 3, own_root, own_chain, false, S2S_PROOF_NONE},
    };
    for (size_t i = 0; i < COUNT(rows) * 6; i++) {
        uint8_t selector = (uint8_t)(i % 2), matching = (uint8_t)(i / 2 % 3);
        s2s_tlsa r = record(rows[i / 6].usage, selector, matching, rows[i / 6].about);
        s2s_verdict v = ask(S2S_ACCEPTOR, rows[i / 6].chain, &r, 1);
        const char *name = rows[i / 6].name;
        cr_expect_eq(v.trusted, rows[i / 6].trusted, "DA-02 %s %u %u: %s", name, selector, matching, v.reason);
        cr_expect_eq(v.proof, rows[i / 6].proof, "%s %u %u: %s", name, selector, matching, s2s_proof_word(v.proof));
        bool matches = v.trusted || strstr(name, "matches");
        cr_expect_eq(v.dane, matches ? S2S_DANE_MATCH : S2S_DANE_MISMATCH, "%s: %s", name, s2s_dane_word(v.dane));
        cr_expect(matches || strstr(v.tell, "TLSA"), "%s: %s", name, v.tell);
    }
    end();
}

/* DA-02: what each usage leaves out of account (RFC 7671 sections 5.1 and 5.2). */
Test(dane, what_is_left_out_and_what_is_not)
{
    begin();
    enum { HOUR = 3600 };
    const pki_cert *ta = pki_make(w.pki, &(pki_spec){.cn = "Own Root", .ca = true});
    pki_spec good = {.issuer = ta, .ekus = {"server"}, .names = {{PKI_DNS, DOMAIN}}};
    pki_spec expired = good, other_name = good, client = good, forged = good, no_names = good;
    expired.from = -2 * HOUR;
    expired.until = -HOUR;
    other_name.names[0].value = "other.example";
    client.ekus[0] = "client";
    forged.forged = true;
    no_names.names[0] = (pki_name){PKI_NAME_END};
    const struct {
        const char *name;
        const pki_cert *leaf;
        s2s_chain_status below_ta;
        bool ee, ta;
    } rows[] = {
        {"good", pki_make(w.pki, &good), S2S_CHAIN_VALID, true, true},
        {"expired", pki_make(w.pki, &expired), S2S_CHAIN_EXPIRED, true, false},
        {"another name", pki_make(w.pki, &other_name), S2S_CHAIN_VALID, true, false},
        {"no name", pki_make(w.pki, &no_names), S2S_CHAIN_VALID, true, false},
        {"a client's", pki_make(w.pki, &client), S2S_CHAIN_VALID, true, false},
        {"forged", pki_make(w.pki, &forged), S2S_CHAIN_BAD_SIGNATURE, true, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const pki_cert *chain[] = {rows[i].leaf, ta, NULL};
        s2s_tlsa ee = record(3, 1, 1, rows[i].leaf), by_ta = record(2, 0, 1, ta), pkix = record(1, 1, 1, rows[i].leaf);
        s2s_verdict v = ask(S2S_ACCEPTOR, chain, &ee, 1);
        cr_expect_eq(v.trusted, rows[i].ee, "%s: %s", rows[i].name, v.reason);
        cr_expect_eq(v.expires, 0, "CX-15");
        v = ask(S2S_ACCEPTOR, chain, &by_ta, 1);
        cr_expect_eq(v.trusted, rows[i].ta, "%s: %s", rows[i].name, v.reason);
        cr_expect_eq(v.chain, rows[i].below_ta, "%s: %s", rows[i].name, s2s_chain_status_word(v.chain));
        cr_expect_not(ask(S2S_ACCEPTOR, chain, &pkix, 1).trusted, "%s", rows[i].name);
        cr_expect_not(ask(S2S_ACCEPTOR, chain, NULL, 0).trusted, "%s", rows[i].name);
    }
    end();
}

/* The certificate that matches must lie on the path that was verified, not just be sent along. */
Test(dane, matches_on_the_verified_path_only)
{
    begin();
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL), *aside = world_ca(&w, "Aside", w.root, NULL, NULL);
    const pki_cert *stranger = pki_make(w.pki, &(pki_spec){.cn = "Stranger", .ca = true});
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL);
    s2s_tlsa r = record(0, 0, 1, aside);
    cr_expect_not(ask(S2S_ACCEPTOR, (const pki_cert *[]){leaf, ca, aside, NULL}, &r, 1).trusted);
    r = record(2, 0, 1, stranger);
    s2s_verdict v = ask(S2S_ACCEPTOR, (const pki_cert *[]){leaf, ca, stranger, NULL}, &r, 1);
    cr_expect(!v.trusted && v.chain == S2S_CHAIN_UNKNOWN_ISSUER, "%s", v.reason);
    end();
}

/* A record of usage 2 may hold the anchor whole; then it need not be sent. */
Test(dane, whole_anchor_from_the_record)
{
    begin();
    const pki_cert *ta = pki_make(w.pki, &(pki_spec){.cn = "Own Root", .ca = true});
    const pki_cert *leaf = world_leaf(&w, ta, "server", NULL);
    const pki_cert *chain[] = {leaf, NULL};
    s2s_tlsa records[] = {record(2, 0, 0, w.root), record(2, 0, 0, ta), record(2, 0, 1, ta)};
    cr_expect(ask(S2S_ACCEPTOR, chain, records, 2).trusted);
    cr_expect_not(ask(S2S_ACCEPTOR, chain, records, 1).trusted);
    cr_expect_not(ask(S2S_ACCEPTOR, chain, records + 2, 1).trusted);
    records[0].data = (s2s_bytes){(const uint8_t *)"junk", 4};
    s2s_verdict v = ask(S2S_ACCEPTOR, chain, records, 1);
    cr_expect(!v.trusted && v.dane == S2S_DANE_MISMATCH);
    end();
}

Test(dane, records_that_cannot_be_used_count_for_nothing)
{
    begin();
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    const pki_cert *chain[] = {leaf, NULL};
    s2s_tlsa bad[] = {record(3, 1, 1, leaf), record(3, 1, 1, leaf), record(3, 1, 1, leaf), record(3, 1, 1, leaf),
                      record(3, 1, 0, leaf)};
    bad[0].usage = 255; /* PrivCert */
    bad[1].selector = 2;
    bad[2].matching = 3;
    bad[3].data.len--;
    bad[4].data.len = 0;
    s2s_verdict v = ask(S2S_ACCEPTOR, chain, bad, COUNT(bad));
    cr_expect(v.trusted && v.proof == S2S_PROOF_PKIX && v.dane == S2S_DANE_NONE, "RFC 6698 section 4.1: %s", v.reason);
    s2s_tlsa mixed[] = {bad[0], record(3, 1, 1, w.root)};
    v = ask(S2S_ACCEPTOR, chain, mixed, 2);
    cr_expect(!v.trusted && v.dane == S2S_DANE_MISMATCH, "one that can be used is enough");
    s2s_tlsa next[] = {record(3, 1, 1, w.root), record(3, 1, 2, leaf)};
    cr_expect(ask(S2S_ACCEPTOR, chain, next, 2).trusted, "any match suffices");
    end();
}

Test(dane, states_of_dnssec)
{
    begin();
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    s2s_tlsa wrong = record(3, 1, 1, w.root);
    static const struct {
        s2s_dnssec state;
        bool receiver;
        s2s_dane dane;
    } ROWS[] = {{S2S_DNSSEC_UNCHECKED, true, S2S_DANE_NONE}, {S2S_DNSSEC_INSECURE, true, S2S_DANE_NONE},
                {S2S_DNSSEC_SECURE, false, S2S_DANE_MISMATCH}, {S2S_DNSSEC_BOGUS, false, S2S_DANE_BOGUS}};
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_bytes der[PKI_CHAIN_MAX];
        s2s_peer peer = world_peer(S2S_ACCEPTOR, (const pki_cert *[]){leaf, NULL}, der);
        peer.tlsa = &wrong;
        peer.tlsa_len = 1;
        peer.tlsa_state = ROWS[i].state;
        s2s_verdict v = world_ask(policy, &peer);
        cr_expect_eq(v.trusted, ROWS[i].receiver, "DA-01 %s: %s", s2s_dnssec_word(ROWS[i].state), v.reason);
        cr_expect_eq(v.dane, ROWS[i].dane);
        cr_expect(world_ask(w.tolerant, &peer).trusted, "the option is off");
        peer.role = S2S_INITIATOR;
        v = world_ask(policy, &peer);
        cr_expect(v.trusted && v.proof == S2S_PROOF_PKIX, "DA-03: of an initiator it decides nothing");
        cr_expect_eq(v.dane, ROWS[i].dane, "DA-03: and is recorded");
    }
    end();
}

Test(dane, evidence_about_an_initiator_proves_nothing)
{
    begin();
    const pki_cert *stranger = pki_make(w.pki, &(pki_spec){.cn = "Stranger", .ca = true});
    const pki_cert *leaf = world_leaf(&w, stranger, "server", "client");
    const pki_cert *chain[] = {leaf, stranger, NULL};
    s2s_tlsa records[] = {record(3, 1, 1, leaf), record(2, 1, 1, stranger), record(1, 1, 1, leaf)};
    for (size_t i = 0; i < COUNT(records); i++) {
        s2s_verdict v = ask(S2S_INITIATOR, chain, &records[i], 1);
        cr_expect(!v.trusted && v.dane == S2S_DANE_MATCH && v.chain == S2S_CHAIN_UNKNOWN_ISSUER, "DA-03 %zu", i);
    }
    end();
}

/* RFC 7673 section 4: a secure SRV record adds its target to the reference identities. */
Test(dane, secure_target_is_an_identity)
{
    begin();
    const pki_cert *leaf = pki_make(w.pki, &(pki_spec){.issuer = w.root, .names = {{PKI_DNS, "host.example"}}});
    const pki_cert *srv = pki_make(w.pki, &(pki_spec){.issuer = w.root,
                                                      .names = {{PKI_SRV, "_xmpp-server.host.example"}}});
    s2s_bytes der[PKI_CHAIN_MAX];
    s2s_peer peer = world_peer(S2S_ACCEPTOR, (const pki_cert *[]){leaf, NULL}, der);
    cr_expect_not(world_ask(policy, &peer).trusted, "ID-01");
    peer.target = S2S_STR("host.example");
    cr_expect(world_ask(policy, &peer).trusted, "DA-02");
    cr_expect_not(world_ask(w.tolerant, &peer).trusted, "the option is off");
    peer.role = S2S_INITIATOR;
    cr_expect_not(world_ask(policy, &peer).trusted);
    peer = world_peer(S2S_ACCEPTOR, (const pki_cert *[]){srv, NULL}, der);
    peer.target = S2S_STR("host.example");
    cr_expect_not(world_ask(policy, &peer).trusted, "as a DNS-ID");
    end();
}

/* A remote with anchors of its own is proved by those; and pins hold beside DANE. */
Test(dane, rules_of_a_remote_come_first)
{
    begin();
    const pki_cert *self = pki_make(w.pki, &(pki_spec){.cn = "me", .names = {{PKI_DNS, DOMAIN}}});
    s2s_tlsa r = record(3, 1, 1, self);
    const pki_cert *chain[] = {self, NULL};
    cr_expect(ask(S2S_ACCEPTOR, chain, &r, 1).trusted);
    static const char *const PINS[] = {"sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    eku_remote remote;
    eku_remote_init(&remote, DOMAIN);
    remote.pins = PINS;
    remote.pins_len = 1;
    eku_options o;
    world_options(&w, &o);
    o.dane = true;
    eku_policy *pinned = world_make(&o), *anchored = world_make(&o);
    world_add(pinned, &remote);
    eku_remote_init(&remote, DOMAIN);
    remote.ca_files = &w.root_file;
    remote.ca_files_len = 1;
    world_add(anchored, &remote);
    s2s_bytes der[PKI_CHAIN_MAX];
    s2s_peer peer = world_peer(S2S_ACCEPTOR, chain, der);
    peer.tlsa = &r;
    peer.tlsa_len = 1;
    peer.tlsa_state = S2S_DNSSEC_SECURE;
    cr_expect_not(world_ask(pinned, &peer).trusted);
    cr_expect_not(world_ask(anchored, &peer).trusted, "CE-03");
    s2s_policy i = eku_policy_interface(anchored);
    s2s_remote_rule rule = {.size = sizeof rule};
    i.ops->remote_rule(i.self, S2S_STR("us.example"), S2S_STR(DOMAIN), &rule);
    cr_expect_not(rule.dane);
    i.ops->remote_rule(i.self, S2S_STR("us.example"), S2S_STR("else.example"), &rule);
    cr_expect(rule.dane);
    eku_policy_free(pinned);
    eku_policy_free(anchored);
    end();
}

/* DA-02, CE-01: an anchor that a record names is no way around the lists; a record of the leaf's own key (usage 3) asks for no path. */
Test(dane, revoked_below_an_anchor_of_the_record)
{
    begin();
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL), *revoked = world_leaf(&w, ca, "server", NULL);
    const char *list = pki_write_crl(w.pki, "ca.crl", &(pki_crl){.issuer = ca, .revoked = {revoked}});
    eku_options o;
    world_options(&w, &o);
    o.dane = true;
    o.crl_files = &list;
    o.crl_files_len = 1;
    eku_policy_replace(policy, world_make(&o));
    const struct {
        const char *name;
        s2s_tlsa tlsa;
    } rows[] = {{"whole", record(2, 0, 0, ca)}, {"hash", record(2, 0, 1, ca)}, {"the root's, whole", record(2, 0, 0, w.root)}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        s2s_verdict v = ask(S2S_ACCEPTOR, (const pki_cert *[]){leaf, ca, NULL}, &rows[i].tlsa, 1);
        cr_expect(v.trusted, "%s: %s", rows[i].name, v.reason);
        v = ask(S2S_ACCEPTOR, (const pki_cert *[]){revoked, ca, NULL}, &rows[i].tlsa, 1);
        cr_expect(!v.trusted && v.chain == S2S_CHAIN_REVOKED, "%s: %s", rows[i].name, v.reason);
    }
    end();
}
