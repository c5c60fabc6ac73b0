/* SPDX-License-Identifier: MIT */
/* test_crl.c: revocation lists: whom they refuse, what they prove, and what they are too old or too narrow to prove. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define URI "http://ca.example/1.crl"

static world w;

static eku_policy *with_crls(const char *const *files, size_t len, eku_mode mode)
{
    eku_options o;
    world_options(&w, &o);
    o.mode = mode;
    o.crl_files = files;
    o.crl_files_len = len;
    return world_make(&o);
}

/* A revoked leaf is refused in each mode and role for that reason, also where the purpose fails (eku.md trap 1). */
Test(crl, revoked_leaf_is_refused_whatever_its_purpose)
{
    world_begin(&w);
    const pki_cert *ca = world_ca(&w, "YE1", w.root, "server", NULL);
    const pki_cert *leafs[] = {world_leaf(&w, ca, "server", NULL), world_leaf(&w, ca, "client", NULL),
                               world_leaf(&w, ca, "server", "client"), world_leaf(&w, ca, NULL, NULL)};
    const char *file = pki_write_crl(w.pki, "ca.crl", &(pki_crl){.issuer = ca, .revoked = {leafs[0], leafs[1], leafs[2],
                                                                                          leafs[3]}});
    for (size_t i = 0; i < 4 * COUNT(leafs); i++) {
        eku_policy *p = with_crls(&file, 1, i & 1 ? EKU_STRICT : EKU_TOLERANT);
        s2s_verdict v = world_judge(p, i & 2 ? S2S_ACCEPTOR : S2S_INITIATOR, (const pki_cert *[]){leafs[i / 4], ca, NULL});
        cr_expect(!v.trusted && !v.would_tolerant && !v.would_strict && !v.purpose_server && !v.purpose_client);
        cr_expect_eq(v.chain, S2S_CHAIN_REVOKED, "CE-01 %zu: %s", i, v.reason);
        cr_expect_eq(v.revocation, S2S_REVOCATION_REVOKED);
        cr_expect_not_null(strstr(v.reason, "revoked (leaf, by a CRL)"), "%s", v.reason);
        eku_policy_free(p);
    }
    world_end(&w);
}

Test(crl, what_lists_prove)
{
    world_begin(&w);
    enum { DAY = 86400 };
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *other_ca = pki_make(w.pki, &(pki_spec){.cn = "CA", .issuer = w.root, .ca = true}); /* its name */
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL);
    const pki_cert *pointing = pki_make(w.pki, &(pki_spec){.issuer = ca, .crl_uri = URI, .names = {{PKI_DNS, DOMAIN}}});
    char long_uri[700] = "http://ca.example/";
    memset(long_uri + strlen(long_uri), 'x', sizeof long_uri - strlen(long_uri) - 1);
    long_uri[sizeof long_uri - 1] = '\0';
    const pki_cert *far = pki_make(w.pki, &(pki_spec){.issuer = ca, .crl_uri = long_uri, .names = {{PKI_DNS, DOMAIN}}});
    const struct {
        const char *name;
        const pki_cert *leaf;
        pki_crl crl;
        s2s_revocation want;
        const char *said; /* in the reason; NULL: nothing about CRLs */
    } rows[] = {
        {"current", leaf, {.issuer = ca}, S2S_REVOCATION_GOOD, NULL},
        {"revokes another", leaf, {.issuer = ca, .revoked = {pointing}, .padding = 300}, S2S_REVOCATION_GOOD, NULL},
        {"revokes it among many", leaf, {.issuer = ca, .revoked = {pointing, leaf}, .padding = 300},
         S2S_REVOCATION_REVOKED, "revoked"},
        {"expired", leaf, {.issuer = ca, .from = -9 * DAY, .until = -DAY}, S2S_REVOCATION_UNCHECKED, "was good until"},
        {"expired, and revokes it", leaf, {.issuer = ca, .revoked = {leaf}, .from = -9 * DAY, .until = -DAY},
         S2S_REVOCATION_REVOKED, "revoked"},
        {"expired, forged, and revokes it", leaf,
         {.issuer = ca, .revoked = {leaf}, .from = -9 * DAY, .until = -DAY, .forged = true}, S2S_REVOCATION_UNCHECKED,
         "does not verify"},
        {"of the future", leaf, {.issuer = ca, .from = DAY, .until = 2 * DAY}, S2S_REVOCATION_UNCHECKED, ""},
        {"without an end", leaf, {.issuer = ca, .from = -DAY, .until = 1, .no_next = true}, S2S_REVOCATION_GOOD, NULL},
        {"forged", leaf, {.issuer = ca, .forged = true}, S2S_REVOCATION_UNCHECKED, "does not verify"},
        {"forged, and revokes it", leaf, {.issuer = ca, .revoked = {leaf}, .forged = true}, S2S_REVOCATION_UNCHECKED,
         "does not verify"},
        {"of another CA of that name", leaf, {.issuer = other_ca, .revoked = {leaf}}, S2S_REVOCATION_UNCHECKED,
         "does not verify"},
        {"of the CA above", leaf, {.issuer = w.root}, S2S_REVOCATION_UNCHECKED, NULL},
        {"revokes the CA", leaf, {.issuer = w.root, .revoked = {ca}}, S2S_REVOCATION_REVOKED, "CA \"CN=CA\""},
        {"its shard", pointing, {.issuer = ca, .uri = URI}, S2S_REVOCATION_GOOD, NULL},
        {"another shard", pointing, {.issuer = ca, .uri = URI "x"}, S2S_REVOCATION_UNCHECKED, NULL},
        {"a shard, and it points to none", leaf, {.issuer = ca, .uri = URI}, S2S_REVOCATION_UNCHECKED, NULL},
        {"another shard, and revokes it", pointing, {.issuer = ca, .uri = URI "x", .revoked = {pointing}},
         S2S_REVOCATION_REVOKED, "revoked"},
        {"of leaves", leaf, {.issuer = ca, .only_users = true}, S2S_REVOCATION_GOOD, NULL},
        {"of CAs", leaf, {.issuer = ca, .only_cas = true}, S2S_REVOCATION_UNCHECKED, NULL},
        {"of some reasons", leaf, {.issuer = ca, .some_reasons = true}, S2S_REVOCATION_UNCHECKED, NULL},
        {"with a number", leaf, {.issuer = ca, .number = true}, S2S_REVOCATION_GOOD, NULL},
        {"of leaves, by the CA above", leaf, {.issuer = w.root, .only_users = true}, S2S_REVOCATION_UNCHECKED, NULL},
        {"of leaves, and revokes the CA", leaf, {.issuer = w.root, .only_users = true, .revoked = {ca}}, S2S_REVOCATION_REVOKED,
         "CA \"CN=CA\""},
        {"its shard, which is of some reasons, too", pointing, {.issuer = ca, .uri = URI, .some_reasons = true},
         S2S_REVOCATION_UNCHECKED, NULL},
        {"of some reasons, with an unknown critical extension", leaf,
         {.issuer = ca, .some_reasons = true, .critical_oid = "2.5.29.99"}, S2S_REVOCATION_UNCHECKED, NULL},
        {"a shard, and it points far", far, {.issuer = ca, .uri = URI}, S2S_REVOCATION_UNCHECKED, NULL},
        {"unknown critical extension", leaf, {.issuer = ca, .critical_oid = "2.5.29.99"}, S2S_REVOCATION_UNCHECKED, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "%zu.crl", i);
        const char *file = i & 1 ? pki_write_bytes(w.pki, name, pki_make_crl(w.pki, &rows[i].crl))
                                 : pki_write_crl(w.pki, name, &rows[i].crl);
        eku_policy *p = with_crls(&file, 1, EKU_TOLERANT);
        s2s_verdict v = world_judge(p, S2S_INITIATOR, (const pki_cert *[]){rows[i].leaf, ca, NULL});
        cr_expect_eq(v.revocation, rows[i].want, "%s: %s: %s", rows[i].name, s2s_revocation_word(v.revocation), v.reason);
        cr_expect_eq(v.trusted, rows[i].want != S2S_REVOCATION_REVOKED, "%s", rows[i].name);
        if (rows[i].said)
            cr_expect_not_null(strstr(v.reason, rows[i].said), "%s: %s", rows[i].name, v.reason);
        else
            cr_expect_null(strstr(v.reason, "CRL"), "%s: %s", rows[i].name, v.reason);
        eku_policy_free(p);
    }
    world_end(&w);
}

Test(crl, several_lists_add_up)
{
    world_begin(&w);
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL);
    const pki_cert *chain[] = {leaf, ca, NULL};
    const char *files[] = {
        pki_write_crl(w.pki, "old.crl", &(pki_crl){.issuer = ca, .from = -99999, .until = -9999}),
        pki_write_crl(w.pki, "new.crl", &(pki_crl){.issuer = ca}),
        pki_write_crl(w.pki, "revoking.crl", &(pki_crl){.issuer = ca, .revoked = {leaf}}),
    };
    for (size_t len = 0; len <= COUNT(files); len++) {
        static const s2s_revocation WANT[] = {S2S_REVOCATION_UNCHECKED, S2S_REVOCATION_UNCHECKED, S2S_REVOCATION_GOOD,
                                              S2S_REVOCATION_REVOKED};
        eku_policy *p = with_crls(files, len, EKU_TOLERANT);
        cr_expect_eq(world_judge(p, S2S_INITIATOR, chain).revocation, WANT[len], "%zu", len);
        eku_policy_free(p);
    }
    world_end(&w);
}

/* RFC 5280 section 5.2.5, octet by octet: what is not understood proves nothing good, and what it lists is revoked all the same. */
Test(crl, odd_scopes_prove_nothing_good)
{
    world_begin(&w);
#define SCOPE(text) {(const uint8_t *)(text), sizeof(text) - 1}
#define NINE(text) text text text text text text text text text
    static const struct {
        const char *name;
        s2s_bytes scope;
        bool good;
    } ROWS[] = {
        {"empty", SCOPE("\x30\x00"), true},
        {"no sequence", SCOPE("\x02\x01\x01"), false},
        {"a part cut short", SCOPE("\x30\x03\x81\x02\xff"), false},
        {"a flag that is false", SCOPE("\x30\x03\x82\x01\x00"), true},
        {"a flag without a value", SCOPE("\x30\x02\x82\x00"), true},
        {"indirect: false", SCOPE("\x30\x03\x84\x01\x00"), false},
        {"of attribute certificates", SCOPE("\x30\x03\x85\x01\xff"), false},
        {"a point that is no full name", SCOPE("\x30\x04\xa0\x02\xa1\x00"), false},
        {"a point without a name", SCOPE("\x30\x04\xa0\x02\xa0\x00"), false},
        {"a point with another kind of name", SCOPE("\x30\x07\xa0\x05\xa0\x03\x82\x01x"), false},
        {"a name cut short behind the right one", SCOPE("\x30\x08\xa0\x06\xa0\x04\x86\x00\x86\x05"), false},
        {"nine names", SCOPE("\x30\x1f\xa0\x1d\xa0\x1b" NINE("\x86\x01u")), false},
        {"some reasons, then its point", SCOPE("\x30\x0b\x83\x02\x06\x40\xa0\x05\xa0\x03\x86\x01u"), false},
        {"its point among other names", SCOPE("\x30\x0a\xa0\x08\xa0\x06\x82\x01x\x86\x01u"), true},
    };
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *leaf = pki_make(w.pki, &(pki_spec){.issuer = ca, .crl_uri = "u", .names = {{PKI_DNS, DOMAIN}}});
    for (size_t i = 0; i < 2 * COUNT(ROWS); i++) {
        bool listed = i & 1;
        char name[32];
        (void)snprintf(name, sizeof name, "%zu.crl", i);
        const char *file = pki_write_crl(w.pki, name, &(pki_crl){.issuer = ca, .scope = ROWS[i / 2].scope,
                                                                 .revoked = {listed ? leaf : NULL}});
        eku_policy *p = with_crls(&file, 1, EKU_TOLERANT);
        s2s_revocation want = listed ? S2S_REVOCATION_REVOKED
                              : ROWS[i / 2].good ? S2S_REVOCATION_GOOD
                                                 : S2S_REVOCATION_UNCHECKED;
        s2s_verdict v = world_judge(p, S2S_INITIATOR, (const pki_cert *[]){leaf, ca, NULL});
        cr_expect_eq(v.revocation, want, "%s: %s", ROWS[i / 2].name, s2s_revocation_word(v.revocation));
        cr_expect_eq(v.trusted, !listed, "%s", ROWS[i / 2].name);
        eku_policy_free(p);
    }
    world_end(&w);
}

/* The order in which the operator names them is no matter. */
Test(crl, several_lists_in_any_order)
{
    world_begin(&w);
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const pki_cert *leaf = world_leaf(&w, ca, "server", NULL);
    const char *files[] = {
        pki_write_crl(w.pki, "old.crl", &(pki_crl){.issuer = ca, .from = -99999, .until = -9999}),
        pki_write_crl(w.pki, "new.crl", &(pki_crl){.issuer = ca}),
        pki_write_crl(w.pki, "forged.crl", &(pki_crl){.issuer = ca, .forged = true}),
        pki_write_crl(w.pki, "revoking.crl", &(pki_crl){.issuer = ca, .revoked = {leaf}}),
    };
    for (size_t order = 0; order < 256; order++) {
        const char *given[4];
        unsigned seen = 0;
        for (size_t i = 0; i < 4; i++) {
            given[i] = files[order >> 2 * i & 3];
            seen |= 1u << (order >> 2 * i & 3);
        }
        if (!(seen & 2)) /* without the current one it proves nothing: the tests above */
            continue;
        eku_policy *p = with_crls(given, 4, EKU_TOLERANT);
        s2s_verdict v = world_judge(p, S2S_INITIATOR, (const pki_cert *[]){leaf, ca, NULL});
        cr_expect_eq(v.revocation, seen & 8 ? S2S_REVOCATION_REVOKED : S2S_REVOCATION_GOOD, "%zx: %s", order, v.reason);
        eku_policy_free(p);
    }
    world_end(&w);
}

Test(crl, what_cannot_be_read_is_refused_by_name)
{
    world_begin(&w);
    const pki_cert *ca = world_ca(&w, "CA", w.root, NULL, NULL);
    const char *huge = pki_write_text(w.pki, "huge.crl", "");
    cr_assert_eq(truncate(huge, 1 << 30), 0);
    const struct {
        const char *file, *said;
    } rows[] = {
        {pki_path(w.pki, "missing.crl"), "No such file"},
        {pki_write_text(w.pki, "empty.crl", ""), ""},
        {pki_write_text(w.pki, "text.crl", "no list here\n"), ""},
        {pki_write_text(w.pki, "broken.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"), ""},
        {w.root_file, "no CRL"},
        {"/", "not a file"},
        {huge, "larger than"},
        {pki_write_bytes(w.pki, "broken.der", (s2s_bytes){(const uint8_t *)"\x30\x03\x30\x01", 4}), ""},
        {pki_write_crl(w.pki, "twice.crl", &(pki_crl){.issuer = ca, .uri = URI, .critical_oid = "2.5.29.28"}), ""},
        {pki_write_crl(w.pki, "delta.crl", &(pki_crl){.issuer = ca, .critical_oid = "2.5.29.27"}), "delta"},
        {pki_write_crl(w.pki, "indirect.crl", &(pki_crl){.issuer = ca, .indirect = true}), "indirect"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[S2S_TEXT_MAX] = "";
        eku_policy *p = NULL;
        eku_options o;
        world_options(&w, &o);
        o.crl_files = &rows[i].file;
        o.crl_files_len = 1;
        cr_expect_eq(eku_policy_new(&o, &p, why), S2S_E_INVAL, "%s", rows[i].file);
        cr_expect(strncmp(why, rows[i].file, strlen(rows[i].file)) == 0 && strstr(why, rows[i].said), "%s", why);
    }
    world_end(&w);
}

/* A hundred exchanges of anchors and lists between judgements: each is by one whole set. */
Test(crl, exchanged_while_judging)
{
    world_begin(&w);
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    const pki_cert *other = pki_make(w.pki, &(pki_spec){.cn = "Other Root", .ca = true});
    const pki_cert *leaf2 = world_leaf(&w, other, "server", NULL);
    const char *anchors[] = {w.root_file, pki_write_chain(w.pki, "other.pem", (const pki_cert *[]){other, NULL})};
    const char *lists[] = {pki_write_crl(w.pki, "a.crl", &(pki_crl){.issuer = w.root}),
                           pki_write_crl(w.pki, "b.crl", &(pki_crl){.issuer = other, .revoked = {leaf}}),
                           pki_write_crl(w.pki, "c.crl", &(pki_crl){.issuer = w.root, .revoked = {leaf}})};
    for (size_t i = 0; i < 100; i++) {
        eku_options o;
        world_options(&w, &o);
        bool first = i % 2 == 0;
        o.ca_files = &anchors[!first];
        o.crl_files = &lists[i % 3];
        o.crl_files_len = 1;
        eku_policy_replace(w.tolerant, world_make(&o));
        for (size_t n = 0; n < 3; n++) {
            s2s_verdict a = world_judge(w.tolerant, S2S_INITIATOR, (const pki_cert *[]){leaf, NULL});
            s2s_verdict b = world_judge(w.tolerant, S2S_INITIATOR, (const pki_cert *[]){leaf2, NULL});
            cr_assert_eq(a.trusted, first && i % 3 != 2, "%zu", i);
            cr_assert_eq(b.trusted, !first, "%zu", i);
            cr_assert_eq(a.revocation == S2S_REVOCATION_REVOKED, first && i % 3 == 2);
        }
    }
    world_end(&w);
}
