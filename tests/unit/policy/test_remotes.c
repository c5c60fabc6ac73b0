/* SPDX-License-Identifier: MIT */
/* test_remotes.c: the options, and the rules of single remotes, which leave out what comes from above. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <gnutls/x509.h>

#include "policy/chain.h"
#include "policy/facts.h"
#include "protocol/auth/base64.h"
#include "world.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static world w;

static s2s_remote_rule rule_for(eku_policy *p, const char *remote)
{
    s2s_policy i = eku_policy_interface(p);
    s2s_remote_rule rule = {.size = sizeof rule};
    i.ops->remote_rule(i.self, S2S_STR("us.example"), s2s_str_of(remote), &rule);
    return rule;
}

Test(remotes, leave_out_what_comes_from_above)
{
    world_begin(&w);
    eku_options o;
    world_options(&w, &o);
    cr_expect(o.allow && o.dane && o.ocsp == EKU_OCSP_SOFT && !o.dialback && !o.require_eku && !o.any_eku && !o.client_only, "the defaults");
    o.dialback = true;
    o.dane = false;
    eku_policy *p = world_make(&o);
    eku_remote r;
    eku_remote_init(&r, "a.example");
    world_add(p, &r);
    eku_remote_init(&r, "*.b.example");
    r.dialback = EKU_NO;
    world_add(p, &r);
    eku_remote_init(&r, "c.example");
    r.allow = EKU_NO;
    r.dialback = EKU_YES;
    world_add(p, &r);
    static const struct {
        const char *remote;
        bool allow, dialback;
    } ROWS[] = {{"a.example", true, true}, {"x.b.example", true, false}, {"b.example", true, true},
                {"c.example", false, false}, {"else.example", true, true}};
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_remote_rule rule = rule_for(p, ROWS[i].remote);
        cr_expect_eq(rule.allow, ROWS[i].allow, "%s", ROWS[i].remote);
        cr_expect_eq(rule.dialback, ROWS[i].dialback, "%s", ROWS[i].remote);
        cr_expect_not(rule.dane);
        s2s_verdict v = world_judge_as(p, S2S_INITIATOR, ROWS[i].remote, (int64_t)time(NULL),
                                       (const pki_cert *[]){leaf, NULL});
        cr_expect_eq(v.dialback, ROWS[i].dialback, "a certificate for another domain: %s", ROWS[i].remote);
    }
    s2s_verdict v = world_judge(p, S2S_INITIATOR, (const pki_cert *[]){leaf, NULL});
    cr_expect(v.trusted && !v.dialback, "no other proof is needed");
    eku_policy_free(p);
    world_end(&w);
}

Test(remotes, allow_list)
{
    world_begin(&w);
    eku_options o;
    world_options(&w, &o);
    o.allow = false;
    o.dialback = true;
    eku_policy *p = world_make(&o);
    eku_remote r;
    eku_remote_init(&r, "friend.example");
    r.allow = EKU_YES;
    world_add(p, &r);
    cr_expect(rule_for(p, "friend.example").allow);
    cr_expect_not(rule_for(p, DOMAIN).allow);
    cr_expect_not(rule_for(p, DOMAIN).dialback);
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL);
    s2s_verdict v = world_judge(p, S2S_INITIATOR, (const pki_cert *[]){leaf, NULL});
    cr_expect(!v.trusted && !v.dialback && !v.would_tolerant && !v.would_strict);
    cr_expect(v.chain == S2S_CHAIN_VALID && v.identity == S2S_IDENTITY_MATCH, "the facts are recorded all the same");
    cr_expect_not_null(strstr(v.reason, "does not federate"), "%s", v.reason);
    eku_policy_free(p);
    world_end(&w);
}

/* CE-03: a remote's own anchors exclude the general ones, and reach no other remote. */
Test(remotes, anchors_of_its_own_exclude_the_others)
{
    world_begin(&w);
    const pki_cert *corp = pki_make(w.pki, &(pki_spec){.cn = "Corp Root", .ca = true});
    const char *file = pki_write_chain(w.pki, "corp.pem", (const pki_cert *[]){corp, NULL});
    eku_options o;
    world_options(&w, &o);
    eku_policy *p = world_make(&o);
    eku_remote r;
    eku_remote_init(&r, "*.corp.example");
    r.ca_files = &file;
    r.ca_files_len = 1;
    world_add(p, &r);
    const pki_spec spec = {.names = {{PKI_DNS, "a.corp.example"}, {PKI_DNS, DOMAIN}}};
    pki_spec by_public = spec, by_corp = spec;
    by_public.issuer = w.root;
    by_corp.issuer = corp;
    const pki_cert *const chain[2][2] = {{pki_make(w.pki, &by_public)}, {pki_make(w.pki, &by_corp)}};
    static const char *const REMOTES[2] = {DOMAIN, "a.corp.example"};
    for (size_t i = 0; i < 4; i++) {
        s2s_verdict v = world_judge_as(p, S2S_INITIATOR, REMOTES[i & 1], (int64_t)time(NULL), chain[i >> 1]);
        cr_expect_eq(v.trusted, (i & 1) == (i >> 1), "CE-03 %zu: %s", i, v.reason);
        cr_expect_eq(v.chain, v.trusted ? S2S_CHAIN_VALID : S2S_CHAIN_UNKNOWN_ISSUER);
    }
    eku_policy_free(p);
    world_end(&w);
}

static void pin_of(const pki_cert *cert, char out[64])
{
    s2s_bytes der = pki_der(cert);
    eku__chain chain;
    eku__facts facts;
    cr_assert_eq(eku__chain_import(&w.env.env, &der, 1, &chain), S2S_OK);
    cr_assert_eq(eku__facts_read(&chain, &facts), S2S_OK);
    memcpy(out, "sha256/", 7);
    s2s__base64_encode((s2s_bytes){facts.certs[0].spki_sha256, EKU_PIN_BYTES}, out + 7);
    out[7 + S2S_BASE64_LEN(EKU_PIN_BYTES)] = '\0';
    eku__facts_free(&facts);
    eku__chain_free(&chain);
}

Test(remotes, pins_are_asked_for_besides_the_chain)
{
    world_begin(&w);
    char pin[2][64];
    const pki_cert *leaf = world_leaf(&w, w.root, "server", NULL), *next = world_leaf(&w, w.root, "server", NULL);
    const pki_cert *other = world_leaf(&w, w.root, "server", NULL);
    pin_of(leaf, pin[0]);
    pin_of(next, pin[1]);
    const char *const pins[] = {pin[0], pin[1]};
    eku_remote r;
    eku_remote_init(&r, DOMAIN);
    r.pins = pins;
    r.pins_len = 2;
    world_add(w.tolerant, &r);
    const pki_cert *stranger = pki_make(w.pki, &(pki_spec){.cn = "Stranger", .ca = true});
    const pki_cert *same_key = pki_make_again(w.pki, leaf, &(pki_spec){.issuer = stranger,
                                                                       .names = {{PKI_DNS, DOMAIN}}});
    const struct {
        const char *name;
        const pki_cert *chain[3];
        bool trusted;
    } rows[] = {
        {"the key", {leaf}, true},
        {"the next key", {next}, true},
        {"another key", {other}, false},
        {"the key in a certificate of a CA that is not trusted", {same_key}, false},
        {"the key in a further certificate", {other, leaf}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        s2s_verdict v = world_judge(w.tolerant, S2S_ACCEPTOR, rows[i].chain);
        cr_expect_eq(v.trusted, rows[i].trusted, "%s: %s", rows[i].name, v.reason);
        cr_expect_eq(v.would_tolerant, rows[i].trusted, "%s", rows[i].name);
    }
    cr_expect(world_judge(w.strict, S2S_ACCEPTOR, rows[2].chain).trusted, "another policy has no pins");
    world_end(&w);
}

Test(remotes, what_cannot_be_read_is_refused_and_adds_nothing)
{
    world_begin(&w);
    char why[S2S_TEXT_MAX];
    static const char *const PINS[] = {
        "", "sha256/", "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA*=",
    };
    for (size_t i = 0; i < COUNT(PINS); i++) {
        eku_remote r;
        eku_remote_init(&r, "*");
        r.allow = EKU_NO;
        r.pins = &PINS[i];
        r.pins_len = 1;
        cr_expect_eq(eku_policy_add_remote(w.tolerant, &r, why), S2S_E_INVAL, "%s", PINS[i]);
        cr_expect_eq(strncmp(why, PINS[i], strlen(PINS[i])), 0, "%s", why);
    }
    const char *missing = pki_path(w.pki, "missing.pem");
    eku_remote r;
    eku_remote_init(&r, "*");
    r.allow = EKU_NO;
    r.ca_files = &missing;
    r.ca_files_len = 1;
    cr_expect_eq(eku_policy_add_remote(w.tolerant, &r, why), S2S_E_INVAL);
    cr_expect_eq(strncmp(why, missing, strlen(missing)), 0, "%s", why);
    cr_expect_eq(eku_policy_add_remote(w.tolerant, &r, NULL), S2S_E_INVAL);
    r.pins = NULL;
    r.pins_len = 1000;
    cr_expect_eq(eku_policy_add_remote(w.tolerant, &r, why), S2S_E_INVAL, "bounded");
    cr_expect(rule_for(w.tolerant, DOMAIN).allow, "nothing was added");
    world_end(&w);
}

/* The option takes a client's certificate from an initiator, and only where the system's store is no anchor. */
Test(remotes, client_only_is_for_initiators_below_own_anchors)
{
    world_begin(&w);
    eku_options o;
    world_options(&w, &o);
    o.client_only = true;
    eku_policy *own = world_make(&o);
    o.mode = EKU_STRICT;
    eku_policy *own_strict = world_make(&o);
    const pki_cert *ca = world_ca(&w, "Server CA", w.root, "server", NULL);
    const struct {
        const char *name;
        const pki_cert *chain[3];
        bool take;
    } rows[] = {
        {"a client's", {world_leaf(&w, w.root, "client", NULL)}, true},
        {"a client's below a CA for servers", {world_leaf(&w, ca, "client", NULL), ca}, false},
        {"for mail", {world_leaf(&w, w.root, "email", NULL)}, false},
        {"another domain's", {pki_make(w.pki, &(pki_spec){.issuer = w.root, .ekus = {"client"},
                                                          .names = {{PKI_DNS, "x.example"}}})}, false},
        {"forged", {pki_make(w.pki, &(pki_spec){.issuer = w.root, .ekus = {"client"}, .forged = true,
                                                .names = {{PKI_DNS, DOMAIN}}})}, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        s2s_verdict v = world_judge(own, S2S_INITIATOR, rows[i].chain);
        cr_expect_eq(v.trusted, rows[i].take, "%s: %s", rows[i].name, v.reason);
        cr_expect_not(v.purpose_server, "%s", rows[i].name);
        cr_expect_eq(world_judge(own_strict, S2S_INITIATOR, rows[i].chain).trusted, rows[i].take, "%s", rows[i].name);
        cr_expect_not(world_judge(own, S2S_ACCEPTOR, rows[i].chain).trusted, "a receiver is judged as a server");
        cr_expect_not(world_judge(w.tolerant, S2S_INITIATOR, rows[i].chain).trusted, "it is off by default");
    }
    eku_policy_free(own);
    eku_policy_free(own_strict);

    o.system_trust = true;
    eku_policy *with_system = NULL;
    if (eku_policy_new(&o, &with_system, NULL) == S2S_OK) { /* a machine may have no store */
        cr_expect_not(world_judge(with_system, S2S_INITIATOR, rows[0].chain).trusted);
        eku_remote r;
        eku_remote_init(&r, DOMAIN);
        r.ca_files = &w.root_file;
        r.ca_files_len = 1;
        world_add(with_system, &r);
        cr_expect(world_judge(with_system, S2S_INITIATOR, rows[0].chain).trusted, "the remote has anchors of its own");
    }
    eku_policy_free(with_system);
    world_end(&w);
}

Test(remotes, options_for_absent_and_any_purposes)
{
    world_begin(&w);
    eku_options o;
    world_options(&w, &o);
    o.require_eku = true;
    eku_policy *require = world_make(&o);
    o.require_eku = false;
    o.any_eku = true;
    eku_policy *any = world_make(&o);
    const pki_cert *any_ca = world_ca(&w, "Any CA", w.root, "any", NULL);
    const struct {
        const char *name;
        const pki_cert *chain[3];
        bool plain, require, any; /* trusted under those options */
    } rows[] = {
        {"absent", {world_leaf(&w, w.root, NULL, NULL)}, true, false, true},
        {"server", {world_leaf(&w, w.root, "server", NULL)}, true, true, true},
        {"any", {world_leaf(&w, w.root, "any", NULL)}, false, false, true},
        {"any and mail", {world_leaf(&w, w.root, "any", "email")}, false, false, true},
        {"client", {world_leaf(&w, w.root, "client", NULL)}, false, false, false},
        {"server below any", {world_leaf(&w, any_ca, "server", NULL), any_ca}, false, false, false},
    };
    static const s2s_role ROLES[] = {S2S_INITIATOR, S2S_ACCEPTOR};
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        const pki_cert *const *chain = rows[i / 2].chain;
        s2s_role role = ROLES[i % 2];
        cr_expect_eq(world_judge(w.tolerant, role, chain).trusted, rows[i / 2].plain, "%s", rows[i / 2].name);
        cr_expect_eq(world_judge(require, role, chain).trusted, rows[i / 2].require, "%s", rows[i / 2].name);
        s2s_verdict v = world_judge(any, role, chain);
        cr_expect_eq(v.trusted, rows[i / 2].any, "%s: %s", rows[i / 2].name, v.reason);
        cr_expect_eq(v.purpose_server, world_gnutls_accepts(&w, chain, GNUTLS_KP_TLS_WWW_SERVER), "%s",
                     rows[i / 2].name);
        cr_expect_eq(v.purpose_client, world_gnutls_accepts(&w, chain, GNUTLS_KP_TLS_WWW_CLIENT), "%s",
                     rows[i / 2].name);
    }
    eku_policy_free(require);
    eku_policy_free(any);
    world_end(&w);
}

Test(remotes, replaced_as_a_whole)
{
    world_begin(&w);
    const pki_cert *corp = pki_make(w.pki, &(pki_spec){.cn = "Corp Root", .ca = true});
    const char *file = pki_write_chain(w.pki, "corp.pem", (const pki_cert *[]){corp, NULL});
    const pki_cert *old_chain[] = {world_leaf(&w, w.root, "server", NULL), NULL};
    const pki_cert *new_chain[] = {world_leaf(&w, corp, "server", NULL), NULL};
    s2s_policy before = eku_policy_interface(w.tolerant);
    s2s_verdict given = world_judge(w.tolerant, S2S_INITIATOR, old_chain);
    cr_expect(given.trusted && !world_judge(w.tolerant, S2S_INITIATOR, new_chain).trusted);
    eku_policy *next = world_policy(&w, EKU_STRICT, file);
    cr_assert_eq(world_remote(next, DOMAIN, EKU_TOLERANT), S2S_OK);
    eku_policy_replace(w.tolerant, next);
    cr_expect(!world_judge(w.tolerant, S2S_INITIATOR, old_chain).trusted);
    cr_expect(world_judge(w.tolerant, S2S_INITIATOR, new_chain).trusted);
    cr_expect_eq(eku_policy_interface(w.tolerant).self, before.self);
    cr_expect(given.trusted, "a verdict that was given stays");
    world_end(&w);
}
