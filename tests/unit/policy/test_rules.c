/* SPDX-License-Identifier: MIT */
/* test_rules.c: the decision as a table over plain data; no certificate is made. */
#include "policy/rules.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { NOW = 1000000 };

#define CERT(...) {.key_usage = true, .digital_signature = true, .path_len = -1, .not_before = NOW - 100, \
                   .not_after = NOW + 100, .purposes = {__VA_ARGS__}}

/* Leaf and one CA, both on the path, all valid; a row then changes what it is about. */
typedef struct fixture {
    eku__cert certs[3]; /* the third is presented, but not on the path */
    eku__facts facts;
    eku__path path;
    eku__case c;
} fixture;

static void set_up(fixture *f)
{
    *f = (fixture){.certs = {CERT(.present = false), CERT(.present = false), CERT(.present = true, .other = true)}};
    f->certs[1].ca = true;
    f->certs[1].digital_signature = false; /* CE-02: of no concern */
    f->certs[1].cert_sign = true;
    f->certs[2].not_after = NOW - 50;
    f->facts = (eku__facts){.certs = f->certs, .len = 3};
    f->path = (eku__path){.status = S2S_CHAIN_VALID, .server = true, .index = {0, 1}, .len = 2};
    f->c = (eku__case){.facts = &f->facts, .path = &f->path, .identity = S2S_IDENTITY_MATCH, .mode = EKU_TOLERANT,
                       .allow = true, .pinned = true, .role = S2S_INITIATOR, .wall = NOW};
}

Test(rules, modes_and_roles)
{
    static const struct {
        const char *id;
        eku__purposes leaf, ca;
        bool a, b;
        eku__finding tolerant, strict; /* of an initiator */
    } ROWS[] = {
        {"absent", {.present = false}, {.present = false}, true, true, EKU__ACCEPTED_BOTH, EKU__ACCEPTED_BOTH},
        {"server", {true, .server = true}, {.present = false}, true, false, EKU__ACCEPTED, EKU__STRICT_LEAF},
        {"server below server", {true, .server = true}, {true, .server = true}, true, false, EKU__ACCEPTED,
         EKU__STRICT_LEAF},
        {"both below server", {true, .server = true, .client = true}, {true, .server = true}, true, false,
         EKU__ACCEPTED, EKU__STRICT_CA},
        {"absent below server", {.present = false}, {true, .server = true}, true, false, EKU__ACCEPTED, EKU__STRICT_CA},
        {"both", {true, .server = true, .client = true}, {true, .server = true, .client = true}, true, true,
         EKU__ACCEPTED_BOTH, EKU__ACCEPTED_BOTH},
        {"client", {true, .client = true}, {.present = false}, false, true, EKU__LEAF_CLIENT_ONLY,
         EKU__LEAF_CLIENT_ONLY},
        {"any", {true, .any = true}, {.present = false}, false, false, EKU__LEAF_ANY_ONLY, EKU__LEAF_ANY_ONLY},
        {"other", {true, .other = true}, {.present = false}, false, false, EKU__LEAF_OTHER, EKU__LEAF_OTHER},
        {"empty list", {true}, {.present = false}, false, false, EKU__LEAF_OTHER, EKU__LEAF_OTHER},
        {"both below client", {true, .server = true, .client = true}, {true, .client = true}, false, true,
         EKU__CA_PURPOSE, EKU__CA_PURPOSE},
        {"both below any", {true, .server = true, .client = true}, {true, .any = true}, false, false, EKU__CA_PURPOSE,
         EKU__CA_PURPOSE},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        for (size_t n = 0; n < 4; n++) {
            fixture f;
            s2s_verdict v;
            set_up(&f);
            f.certs[0].purposes = ROWS[i].leaf;
            f.certs[1].purposes = ROWS[i].ca;
            f.c.mode = n & 1 ? EKU_STRICT : EKU_TOLERANT;
            f.c.role = n & 2 ? S2S_ACCEPTOR : S2S_INITIATOR;
            /* GnuTLS takes anyEKU of a leaf for serverAuth: the rules must narrow that, so let it stand. */
            f.path.server = ROWS[i].a || ROWS[i].leaf.any;
            eku__ruling r = eku__rule(&f.c, &v);
            bool a = ROWS[i].a, strict = a && (ROWS[i].b || f.c.role == S2S_ACCEPTOR);
            cr_expect(v.purpose_server == a && v.purpose_client == ROWS[i].b, "EK-02 %s", ROWS[i].id);
            cr_expect(v.would_tolerant == a && v.would_strict == strict, "%s %zu", ROWS[i].id, n);
            cr_expect_eq(v.trusted, f.c.mode == EKU_STRICT ? strict : a, "EK-01 %s %zu", ROWS[i].id, n);
            if (n < 2)
                cr_expect_eq(r.finding, n & 1 ? ROWS[i].strict : ROWS[i].tolerant, "%s %zu", ROWS[i].id, n);
            cr_expect_eq(v.expires, NOW + 100, "only the path counts");
        }
    }
}

Test(rules, gnutls_refusal_stands_whatever_the_facts_say)
{
    fixture f;
    s2s_verdict v;
    set_up(&f);
    f.path.server = false;
    cr_expect_eq(eku__rule(&f.c, &v).finding, EKU__INVALID);
    cr_expect(!v.trusted && !v.purpose_server && !v.would_tolerant && !v.would_strict);
}

Test(rules, own_checks_narrow)
{
    for (size_t i = 0; i < 7; i++) {
        fixture f;
        s2s_verdict v;
        set_up(&f);
        s2s_chain_status want = S2S_CHAIN_EXPIRED;
        size_t where = 0;
        switch (i) {
        case 0: f.certs[0].not_after = NOW - 1; break;
        case 1: f.certs[1].not_after = NOW - 1; where = 1; break;
        case 2: f.certs[1].not_before = NOW + 1; where = 1; want = S2S_CHAIN_NOT_YET_VALID; break;
        case 3: f.certs[0].ca = true; want = S2S_CHAIN_IS_A_CA; break;
        case 4: f.certs[0].digital_signature = false; want = S2S_CHAIN_KEY_USAGE; break;
        case 5: f.certs[0].digital_signature = f.certs[0].key_usage = false; want = S2S_CHAIN_VALID; break;
        case 6: f.c.wall = NOW + 100; want = S2S_CHAIN_VALID; break; /* notAfter is included */
        }
        eku__ruling r = eku__rule(&f.c, &v);
        cr_expect_eq(v.chain, want, "CE-01, EK-03 case %zu: %s", i, s2s_chain_status_word(v.chain));
        cr_expect_eq(v.trusted, want == S2S_CHAIN_VALID, "case %zu", i);
        cr_expect_eq(v.purpose_server || v.purpose_client, want == S2S_CHAIN_VALID, "case %zu", i);
        if (want != S2S_CHAIN_VALID)
            cr_expect_eq(r.where, where, "case %zu", i);
    }
}

Test(rules, bad_chain_decides_before_name_and_purpose)
{
    static const s2s_chain_status ALL[] = {
#define S2S_X(name, word) name,
        S2S_CHAIN_STATUSES(S2S_X)
#undef S2S_X
    };
    for (size_t i = 0; i < COUNT(ALL); i++) {
        for (size_t n = 0; n < 4; n++) {
            fixture f;
            s2s_verdict v;
            set_up(&f);
            f.path.status = ALL[i];
            f.path.server = ALL[i] == S2S_CHAIN_VALID;
            f.c.mode = n & 1 ? EKU_STRICT : EKU_TOLERANT;
            f.c.role = n & 2 ? S2S_ACCEPTOR : S2S_INITIATOR;
            eku__ruling r = eku__rule(&f.c, &v);
            cr_expect_eq(v.chain, ALL[i]);
            cr_expect_eq(v.trusted, ALL[i] == S2S_CHAIN_VALID, "%s", s2s_chain_status_word(ALL[i]));
            cr_expect_eq(r.finding == EKU__ACCEPTED_BOTH, ALL[i] == S2S_CHAIN_VALID);
            cr_expect(r.finding != EKU__INVALID || ALL[i] == S2S_CHAIN_INVALID, "each has words of its own: %s",
                      s2s_chain_status_word(ALL[i]));
        }
    }
}

Test(rules, identity_is_needed_and_reported_apart)
{
    static const struct {
        s2s_identity identity;
        eku__finding want;
    } ROWS[] = {{S2S_IDENTITY_ABSENT, EKU__NO_NAME}, {S2S_IDENTITY_MISMATCH, EKU__OTHER_NAME}};
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        fixture f;
        s2s_verdict v;
        set_up(&f);
        f.c.identity = ROWS[i].identity;
        cr_expect_eq(eku__rule(&f.c, &v).finding, ROWS[i].want);
        cr_expect(!v.trusted && !v.would_tolerant && !v.would_strict, "ID-09");
        cr_expect(v.purpose_server && v.purpose_client && v.chain == S2S_CHAIN_VALID);
    }
}

Test(rules, nothing_presented_or_readable)
{
    static const s2s_chain_status ROWS[] = {S2S_CHAIN_ABSENT, S2S_CHAIN_MALFORMED};
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        eku__facts facts = {.len = 0};
        eku__path path = {.status = ROWS[i]};
        eku__case c = {.facts = &facts, .path = &path, .identity = S2S_IDENTITY_ABSENT};
        s2s_verdict v;
        eku__ruling r = eku__rule(&c, &v);
        cr_expect_eq(v.chain, ROWS[i]);
        cr_expect_eq(r.where, EKU__NOWHERE);
        cr_expect(!v.trusted && !v.purpose_server && !v.purpose_client && v.expires == 0);
    }
}

Test(rules, words_of_the_configuration)
{
    cr_expect_str_eq(eku_mode_word(EKU_TOLERANT), "tolerant");
    cr_expect_str_eq(eku_mode_word(EKU_STRICT), "strict");
    cr_expect_str_eq(eku_ocsp_word(EKU_OCSP_OFF), "off");
    cr_expect_str_eq(eku_ocsp_word(EKU_OCSP_SOFT), "soft");
    cr_expect_str_eq(eku_ocsp_word(EKU_OCSP_MUST), "must");
}
