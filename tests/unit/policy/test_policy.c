/* SPDX-License-Identifier: MIT */
/* test_policy.c: real chains through the whole policy: purposes, modes, roles, names, trust,
 * and the modes per remote. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <gnutls/x509.h>

#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define XMPP_OID "1.3.6.1.5.5.7.8.5"

static world w;

/* What the purposes of intermediate and leaf make of A and B. */
static const struct {
    const char *ca[2];
    struct {
        const char *leaf[2], *want; /* "AB": valid as a server's and as a client's; "-": not */
        s2s_eku eku;
    } leaves[9];
} MATRIX[] = {
    {{NULL},
     {{{NULL}, "AB", S2S_EKU_NONE},
      {{"server"}, "A-", S2S_EKU_SERVER},
      {{"client"}, "-B", S2S_EKU_CLIENT},
      {{"server", "client"}, "AB", S2S_EKU_BOTH},
      {{"any"}, "--", S2S_EKU_ANY},
      {{"email"}, "--", S2S_EKU_OTHER},
      {{XMPP_OID}, "--", S2S_EKU_OTHER},
      {{"server", "any"}, "A-", S2S_EKU_SERVER},
      {{"server", "email"}, "A-", S2S_EKU_SERVER}}},
    {{"server", "client"},
     {{{NULL}, "AB", S2S_EKU_NONE},
      {{"server"}, "A-", S2S_EKU_SERVER},
      {{"client"}, "-B", S2S_EKU_CLIENT},
      {{"server", "client"}, "AB", S2S_EKU_BOTH},
      {{"any"}, "--", S2S_EKU_ANY},
      {{"email"}, "--", S2S_EKU_OTHER},
      {{XMPP_OID}, "--", S2S_EKU_OTHER},
      {{"server", "any"}, "A-", S2S_EKU_SERVER},
      {{"server", "email"}, "A-", S2S_EKU_SERVER}}},
    {{"server"}, /* as Let's Encrypt's of 2026 */
     {{{NULL}, "A-", S2S_EKU_NONE},
      {{"server"}, "A-", S2S_EKU_SERVER},
      {{"client"}, "--", S2S_EKU_CLIENT},
      {{"server", "client"}, "A-", S2S_EKU_BOTH},
      {{"any"}, "--", S2S_EKU_ANY},
      {{"email"}, "--", S2S_EKU_OTHER},
      {{XMPP_OID}, "--", S2S_EKU_OTHER},
      {{"server", "any"}, "A-", S2S_EKU_SERVER},
      {{"server", "email"}, "A-", S2S_EKU_SERVER}}},
    {{"client"},
     {{{NULL}, "-B", S2S_EKU_NONE},
      {{"server"}, "--", S2S_EKU_SERVER},
      {{"client"}, "-B", S2S_EKU_CLIENT},
      {{"server", "client"}, "-B", S2S_EKU_BOTH},
      {{"any"}, "--", S2S_EKU_ANY},
      {{"email"}, "--", S2S_EKU_OTHER},
      {{XMPP_OID}, "--", S2S_EKU_OTHER},
      {{"server", "any"}, "--", S2S_EKU_SERVER},
      {{"server", "email"}, "--", S2S_EKU_SERVER}}},
    {{"any"},
     {{{NULL}, "--", S2S_EKU_NONE},
      {{"server"}, "--", S2S_EKU_SERVER},
      {{"client"}, "--", S2S_EKU_CLIENT},
      {{"server", "client"}, "--", S2S_EKU_BOTH},
      {{"any"}, "--", S2S_EKU_ANY},
      {{"email"}, "--", S2S_EKU_OTHER},
      {{XMPP_OID}, "--", S2S_EKU_OTHER},
      {{"server", "any"}, "--", S2S_EKU_SERVER},
      {{"server", "email"}, "--", S2S_EKU_SERVER}}},
};

static bool has(const char *const eku[2], const char *word)
{
    return (eku[0] && strcmp(eku[0], word) == 0) || (eku[1] && strcmp(eku[1], word) == 0);
}

static void expect_cell(const pki_cert *const *certs, bool a, bool b, s2s_eku eku, const char *name)
{
    static const s2s_role ROLES[] = {S2S_INITIATOR, S2S_ACCEPTOR};
    for (size_t r = 0; r < COUNT(ROLES); r++) {
        for (size_t m = 0; m < 2; m++) {
            s2s_verdict v = world_judge(m ? w.strict : w.tolerant, ROLES[r], certs);
            bool strict = a && (b || ROLES[r] == S2S_ACCEPTOR);
            cr_expect_eq(v.chain, S2S_CHAIN_VALID, "EK-02 %s: the path result is its own", name);
            cr_expect_eq(v.identity, S2S_IDENTITY_MATCH, "%s", name);
            cr_expect_eq(v.eku, eku, "%s: %s", name, s2s_eku_word(v.eku));
            cr_expect_eq(v.purpose_server, a, "%s", name);
            cr_expect_eq(v.purpose_client, b, "%s", name);
            cr_expect_eq(v.would_tolerant, a, "%s role %d", name, ROLES[r]);
            cr_expect_eq(v.would_strict, strict, "%s role %d", name, ROLES[r]);
            cr_expect_eq(v.trusted, m ? strict : a, "EK-01 %s role %d mode %zu", name, ROLES[r], m);
            cr_expect_eq(v.revocation, S2S_REVOCATION_UNCHECKED);
            cr_expect_eq(v.trusted || strstr(v.reason, "purpose") != NULL, true, "%s: %s", name, v.reason);
            cr_expect_eq(v.trusted || strstr(v.tell, "purpose") != NULL, true, "%s: %s", name, v.tell);
        }
    }
}

/* EK-01, EK-02, and section 3 of the facts about EKU: every purpose of leaf and intermediate, each role and mode;
 * our B against GnuTLS's own verification for clientAuth. */
Test(policy, purposes_of_leaf_and_intermediate)
{
    world_begin(&w);
    for (size_t i = 0; i < COUNT(MATRIX); i++) {
        const char *const *ca_eku = MATRIX[i].ca;
        const pki_cert *ca = world_ca(&w, "Intermediate", w.root, ca_eku[0], ca_eku[1]);
        for (size_t j = 0; j < COUNT(MATRIX[i].leaves); j++) {
            const char *const *leaf_eku = MATRIX[i].leaves[j].leaf;
            const char *want = MATRIX[i].leaves[j].want;
            char name[96];
            (void)snprintf(name, sizeof name, "ca %s+%s leaf %s+%s", ca_eku[0] ? ca_eku[0] : "none",
                           ca_eku[1] ? ca_eku[1] : "", leaf_eku[0] ? leaf_eku[0] : "none",
                           leaf_eku[1] ? leaf_eku[1] : "");
            const pki_cert *leaf = world_leaf(&w, ca, leaf_eku[0], leaf_eku[1]);
            const pki_cert *chain[] = {leaf, ca, NULL};
            bool a = want[0] == 'A', b = want[1] == 'B', any = has(leaf_eku, "any");
            expect_cell(chain, a, b, MATRIX[i].leaves[j].eku, name);
            bool server = world_gnutls_accepts(&w, chain, GNUTLS_KP_TLS_WWW_SERVER);
            bool client = world_gnutls_accepts(&w, chain, GNUTLS_KP_TLS_WWW_CLIENT);
            cr_expect(any ? a <= server : a == server, "A against GnuTLS: %s", name);
            cr_expect(any ? b <= client : b == client, "B against GnuTLS: %s", name);
        }
    }
    world_end(&w);
}

Test(policy, identity_is_the_leafs_and_beside_the_path)
{
    world_begin(&w);
    const pki_cert *other = pki_make(w.pki, &(pki_spec){.cn = DOMAIN, .issuer = w.root,
                                                        .names = {{PKI_DNS, "other.example"}}});
    const pki_cert *cn_only = pki_make(w.pki, &(pki_spec){.cn = DOMAIN, .issuer = w.root});
    const pki_cert *ours = world_leaf(&w, w.root, "server", NULL);
    const pki_cert *client_srv = pki_make(w.pki, &(pki_spec){.issuer = w.root,
                                                             .names = {{PKI_SRV, "_xmpp-client." DOMAIN}}});
    const pki_cert *srv = pki_make(w.pki, &(pki_spec){.issuer = w.root, .names = {{PKI_SRV, "_xmpp-server." DOMAIN}}});
    const pki_cert *xmpp = pki_make(w.pki, &(pki_spec){.issuer = w.root, .names = {{PKI_XMPP, DOMAIN}}});
    const struct {
        const char *name;
        const pki_cert *chain[3];
        s2s_identity want;
    } rows[] = {
        {"ID-01 another domain's", {other}, S2S_IDENTITY_MISMATCH},
        {"ID-04 common name", {cn_only}, S2S_IDENTITY_ABSENT},
        {"names of a further certificate prove nothing", {other, ours}, S2S_IDENTITY_MISMATCH},
        {"ID-03 a client service", {client_srv}, S2S_IDENTITY_MISMATCH},
        {"ID-02 SRV-ID", {srv}, S2S_IDENTITY_MATCH},
        {"ID-02 XMPP address", {xmpp}, S2S_IDENTITY_MATCH},
        {"ID-02 DNS-ID", {ours}, S2S_IDENTITY_MATCH},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        s2s_verdict v = world_judge(w.tolerant, S2S_ACCEPTOR, rows[i].chain);
        cr_expect_eq(v.chain, S2S_CHAIN_VALID, "%s", rows[i].name);
        cr_expect_eq(v.identity, rows[i].want, "%s: %s", rows[i].name, v.reason);
        cr_expect_eq(v.trusted, rows[i].want == S2S_IDENTITY_MATCH, "ID-09 %s", rows[i].name);
        cr_expect(v.purpose_server, "the purpose is judged apart from the name");
    }
    world_end(&w);
}

/* ID-08: a CA that may issue for some DNS names must not slip out through another type of name. */
Test(policy, constrained_ca_proves_dns_names_only)
{
    world_begin(&w);
    const pki_cert *ca = pki_make(w.pki, &(pki_spec){.cn = "Named CA", .issuer = w.root, .ca = true,
                                                     .permit_dns = "corp.example"});
    const pki_cert *rogue = pki_make(w.pki, &(pki_spec){.issuer = ca, .names = {{PKI_DNS, "a.corp.example"},
                                                                                {PKI_SRV, "_xmpp-server." DOMAIN},
                                                                                {PKI_XMPP, DOMAIN}}});
    const pki_cert *chain[] = {rogue, ca, NULL};
    s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, chain);
    cr_expect_eq(v.chain, S2S_CHAIN_VALID, "%s", v.reason);
    cr_expect_eq(v.identity, S2S_IDENTITY_MISMATCH, "ID-08");
    v = world_judge_as(w.tolerant, S2S_INITIATOR, "a.corp.example", (int64_t)time(NULL), chain);
    cr_expect(v.trusted, "%s", v.reason);

    const pki_cert *root = pki_make(w.pki, &(pki_spec){.cn = "Named Root", .ca = true, .permit_dns = "corp.example"});
    eku_policy *policy = world_policy(&w, EKU_TOLERANT,
                                      pki_write_chain(w.pki, "named.pem", (const pki_cert *[]){root, NULL}));
    rogue = pki_make(w.pki, &(pki_spec){.issuer = root, .names = {{PKI_SRV, "_xmpp-server." DOMAIN}}});
    v = world_judge(policy, S2S_INITIATOR, (const pki_cert *[]){rogue, NULL});
    cr_expect_not(v.trusted, "ID-08: the anchor's constraints count too");
    eku_policy_free(policy);
    world_end(&w);
}

Test(policy, absent_unreadable_and_oversized_chains)
{
    world_begin(&w);
    s2s_verdict v = world_judge(w.tolerant, S2S_INITIATOR, (const pki_cert *[]){NULL});
    cr_expect_eq(v.chain, S2S_CHAIN_ABSENT);
    cr_expect_eq(v.identity, S2S_IDENTITY_ABSENT);

    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    const pki_cert *many[12] = {leaf};
    for (size_t i = 1; i < COUNT(many) - 1; i++)
        many[i] = w.root;
    v = world_judge(w.tolerant, S2S_INITIATOR, many);
    cr_expect_eq(v.chain, S2S_CHAIN_MALFORMED, "limits.chain_certificates");
    many[10] = NULL;
    cr_expect(world_judge(w.tolerant, S2S_INITIATOR, many).trusted, "at the limit");

    s2s_bytes good = pki_der(leaf);
    const s2s_bytes bad[] = {{good.ptr, good.len - 1}, {(const uint8_t *)"", 0}, {(const uint8_t *)"\x30\x80", 2},
                             {good.ptr, w.env.env.limits.chain_bytes + 1}};
    s2s_policy p = eku_policy_interface(w.tolerant);
    for (size_t i = 0; i < COUNT(bad); i++) {
        s2s_peer peer = {.size = sizeof peer, .role = S2S_INITIATOR, .remote = S2S_STR(DOMAIN), .chain = &bad[i],
                         .chain_len = 1, .wall = (int64_t)time(NULL)};
        cr_expect_eq(p.ops->judge(p.self, &peer, 1, &v), S2S_OK);
        cr_expect_eq(v.chain, S2S_CHAIN_MALFORMED, "%zu", i);
        cr_expect_not(v.trusted);
        cr_expect_eq(v.expires, 0);
    }
    world_end(&w);
}

Test(policy, first_matching_remote_sets_the_mode)
{
    world_begin(&w);
    static const struct {
        const char *remote;
        bool strict;
    } ROWS[] = {
        {"peer.example", true},         {"PEER2.example", false},       {"open.corp.example", false},
        {"a.corp.example", true},       {"b.a.corp.example", true},     {"corp.example", false},
        {"xcorp.example", false},       {"b\xc3\xbc" "cher.example", true}, {"else.where", false},
    };
    eku_policy *p = w.tolerant;
    cr_assert_eq(world_remote(p, "Peer.Example.", EKU_STRICT), S2S_OK);
    cr_assert_eq(world_remote(p, "open.corp.example", EKU_TOLERANT), S2S_OK);
    cr_assert_eq(world_remote(p, "*.corp.example", EKU_STRICT), S2S_OK);
    cr_assert_eq(world_remote(p, "xn--bcher-kva.example", EKU_STRICT), S2S_OK);
    cr_assert_eq(world_remote(p, "*", EKU_TOLERANT), S2S_OK);
    cr_assert_eq(world_remote(p, "else.where", EKU_STRICT), S2S_OK); /* never reached */
    const pki_cert *leaf = pki_make(w.pki, &(pki_spec){.issuer = w.root, .ekus = {"server"},
                                                       .names = {{PKI_DNS, "*.example"}, {PKI_DNS, "*.corp.example"},
                                                                 {PKI_DNS, "*.a.corp.example"},
                                                                 {PKI_DNS, "else.where"}, {PKI_DNS, "peer2.example"}}});
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_verdict v = world_judge_as(p, S2S_INITIATOR, ROWS[i].remote, (int64_t)time(NULL),
                                       (const pki_cert *[]){leaf, NULL});
        cr_expect(v.would_tolerant && !v.would_strict, "%s: %s", ROWS[i].remote, v.reason);
        cr_expect_eq(v.trusted, !ROWS[i].strict, "%s", ROWS[i].remote);
    }
    static const char *const BAD[] = {"", "*.", "a..b", "*.*.x", "a b"};
    for (size_t i = 0; i < COUNT(BAD); i++)
        cr_expect_eq(world_remote(p, BAD[i], EKU_STRICT), S2S_E_INVAL, "%s", BAD[i]);
    cr_expect_eq(world_remote(p, "x.example", (eku_mode)9), S2S_E_INVAL);
    world_end(&w);
}

static s2s_err try_new(const char *file, bool system, char why[S2S_TEXT_MAX])
{
    eku_policy *policy = NULL;
    eku_options options;
    eku_options_init(&options, &w.env.env);
    cr_expect_eq(options.mode, EKU_TOLERANT, "the default");
    options.system_trust = system;
    options.ca_files = &file;
    options.ca_files_len = file ? 1 : 0;
    s2s_err err = eku_policy_new(&options, &policy, why);
    cr_expect_eq(err == S2S_OK, policy != NULL);
    eku_policy_free(policy);
    return err;
}

Test(policy, trust_that_cannot_be_used_is_refused_by_name)
{
    world_begin(&w);
    char why[S2S_TEXT_MAX];
    const char *files[] = {
        pki_path(w.pki, "missing.pem"),
        pki_write_text(w.pki, "empty.pem", ""),
        pki_write_text(w.pki, "text.pem", "no certificate here\n"),
        pki_write_text(w.pki, "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "/",
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        cr_expect_eq(try_new(files[i], false, why), S2S_E_INVAL, "%s", files[i]);
        cr_expect_eq(strncmp(why, files[i], strlen(files[i])), 0, "%s", why);
        cr_expect_eq(try_new(files[i], false, NULL), S2S_E_INVAL);
    }
    cr_expect_eq(try_new(NULL, false, why), S2S_E_INVAL, "no anchors at all");
    cr_expect_not_null(strstr(why, "no trust anchors"));
    cr_expect_eq(try_new(w.root_file, false, why), S2S_OK);
    /* A machine may have no CA store; then it must be named. */
    cr_expect(try_new(NULL, true, why) == S2S_OK || strstr(why, "the system's CA store"), "%s", why);
    world_end(&w);
}

Test(policy, any_flipped_octet_is_refused)
{
    world_begin(&w);
    s2s_bytes good = pki_der(world_leaf(&w, w.root, "server", "client"));
    uint8_t bytes[2048];
    cr_assert_leq(good.len, sizeof bytes);
    memcpy(bytes, good.ptr, good.len);
    s2s_bytes der = {bytes, good.len};
    s2s_policy p = eku_policy_interface(w.tolerant);
    for (size_t i = 0; i < good.len; i++) {
        s2s_verdict v;
        s2s_peer peer = {.size = sizeof peer, .role = S2S_INITIATOR, .remote = S2S_STR(DOMAIN), .chain = &der,
                         .chain_len = 1, .wall = (int64_t)time(NULL)};
        bytes[i] ^= 1;
        cr_assert_eq(p.ops->judge(p.self, &peer, 1, &v), S2S_OK);
        cr_expect_not(v.trusted || v.purpose_server || v.purpose_client || v.would_tolerant, "octet %zu", i);
        bytes[i] ^= 1;
    }
    world_end(&w);
}

Test(policy, memory_that_runs_out_is_an_error_and_no_leak)
{
    world_begin(&w);
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    s2s_bytes der = pki_der(leaf);
    s2s_policy p = eku_policy_interface(w.tolerant);
    size_t live = w.env.live;
    s2s_err err = S2S_E_NOMEM;
    for (long n = 0; err != S2S_OK; n++) {
        s2s_verdict v;
        s2s_peer peer = {.size = sizeof peer, .role = S2S_INITIATOR, .remote = S2S_STR(DOMAIN), .chain = &der,
                         .chain_len = 1, .wall = (int64_t)time(NULL)};
        cr_assert_lt(n, 100);
        w.env.fail_after = n;
        err = p.ops->judge(p.self, &peer, 1, &v);
        cr_assert(err == S2S_OK || err == S2S_E_NOMEM);
        cr_assert(err == S2S_OK || w.env.live == live, "a success stays in the cache");
    }
    w.env.fail_after = 0;
    cr_expect_eq(try_new(w.root_file, false, NULL), S2S_E_NOMEM);
    cr_expect_eq(world_remote(w.tolerant, "a.example", EKU_STRICT), S2S_E_NOMEM);
    w.env.fail_after = -1;
    world_end(&w);
}

/* What our own certificate permits is read from it, its CAs included; one that cannot be read explains nothing. */
Test(policy, refusals_are_explained_by_our_own_certificate)
{
    world_begin(&w);
    const pki_cert *both = world_ca(&w, "Both", w.root, NULL, NULL), *narrow = world_ca(&w, "Narrow", w.root, "server", NULL),
                   *full = world_ca(&w, "Full", w.root, "server", "client");
    const struct {
        const pki_cert *leaf, *ca;
        const char *want;
    } rows[] = {
        {world_leaf(&w, both, "server", NULL), both, "serverAuth only"},
        {world_leaf(&w, both, "client", NULL), both, "2026"}, /* the general words: it has what is asked for */
        {world_leaf(&w, both, "server", "client"), full, "2026"},
        {world_leaf(&w, both, NULL, NULL), both, "2026"},
        {world_leaf(&w, narrow, "server", "client"), narrow, "a CA above our certificate has serverAuth only"},
        {world_leaf(&w, narrow, NULL, NULL), narrow, "a CA above our certificate has serverAuth only"},
        {NULL, NULL, "2026"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        s2s_bytes chain[2] = {{(const uint8_t *)"junk", 4}, {(const uint8_t *)"junk", 4}};
        char out[S2S_TEXT_MAX] = "";
        s2s_refusal r = {.size = sizeof r, .role = S2S_INITIATOR, .chain = chain, .chain_len = 2, .alert = -1,
                         .by = S2S_REFUSED_BY_SASL, .text = S2S_STR("unsuitable certificate purpose")};
        if (rows[i].leaf) {
            chain[0] = pki_der(rows[i].leaf);
            chain[1] = pki_der(rows[i].ca);
        }
        s2s_policy face = eku_policy_interface(w.tolerant);
        cr_expect(face.ops->explain_refusal(face.self, &r, out), "%zu", i);
        cr_expect_not_null(strstr(out, rows[i].want), "%zu: %s", i, out);
        r.chain_len = 0;
        cr_expect(face.ops->explain_refusal(face.self, &r, out) && strstr(out, "2026"), "%zu: %s", i, out);
    }
    world_end(&w);
}

/* For several threads: the same verdicts by one set of anchors and rules, which nobody can change any more, freed in any order. */
Test(policy, shared_is_the_same_and_closed)
{
    for (unsigned order = 0; order < 4; order++) {
        world_begin(&w);
        const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL), *chain[] = {leaf, NULL};
        eku_policy *one = world_policy(&w, EKU_TOLERANT, w.root_file), *two = NULL, *three = NULL;
        cr_assert_eq(world_remote(one, "strict.example", EKU_STRICT), S2S_OK);
        cr_assert_eq(eku_policy_share(one, &two), S2S_OK);
        cr_assert_eq(eku_policy_share(two, &three), S2S_OK, "what is shared can be shared again");
        eku_policy *all[] = {one, two, three};
        for (size_t i = 0; i < 3; i++) {
            cr_expect_eq(world_remote(all[i], "late.example", EKU_STRICT), S2S_E_STATE, "%zu", i);
            cr_expect(world_judge(all[i], S2S_INITIATOR, chain).trusted, "%zu", i);
            cr_expect_not(world_judge_as(all[i], S2S_INITIATOR, "strict.example", time(NULL), chain).trusted, "%zu", i);
        }
        for (size_t i = 0; i < 3; i++) { /* and those that are left go on */
            size_t gone = (i + order) % 3;
            if (order == 3) { /* a reload */
                eku_policy_replace(all[gone], world_policy(&w, EKU_STRICT, w.root_file));
                cr_expect_not(world_judge(all[gone], S2S_INITIATOR, chain).trusted, "%zu", i);
            }
            eku_policy_free(all[gone]);
            if (i < 2)
                cr_expect(world_judge(all[(gone + 1) % 3], S2S_INITIATOR, chain).trusted, "%u %zu", order, i);
        }
        world_end(&w);
    }
}

Test(policy, options_that_make_no_sense_are_refused)
{
    world_begin(&w);
    char why[S2S_TEXT_MAX];
    eku_policy *p = NULL;
    eku_options o;
    world_options(&w, &o);
    o.mode = (eku_mode)99;
    cr_expect_eq(eku_policy_new(&o, &p, why), S2S_E_INVAL);
    world_options(&w, &o);
    cr_expect_eq(eku_policy_new(&o, NULL, why), S2S_E_INVAL);
    cr_expect_eq(eku_policy_new(NULL, &p, why), S2S_E_INVAL);
    o.env = NULL;
    cr_expect_eq(eku_policy_new(&o, &p, why), S2S_E_INVAL);
    world_options(&w, &o);
    o.size = 1;
    cr_expect_eq(eku_policy_new(&o, &p, why), S2S_E_INVAL);
    cr_expect_null(p);
    eku_remote r;
    eku_remote_init(&r, "a.example");
    r.match = NULL;
    cr_expect_eq(eku_policy_add_remote(w.tolerant, &r, why), S2S_E_INVAL);
    eku_remote_init(&r, "a.example");
    cr_expect_eq(eku_policy_add_remote(w.tolerant, NULL, why), S2S_E_INVAL);
    r.size = 1;
    cr_expect_eq(eku_policy_add_remote(w.tolerant, &r, why), S2S_E_INVAL);
    world_end(&w);
}
