/* SPDX-License-Identifier: MIT */
/* test_facts.c: what is read out of real certificates. */
#include "policy/facts.h"

#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "policy/chain.h"
#include "support/pki.h"
#include "support/test_env.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static test_env env;
static pki *p;

static void begin(void)
{
    test_env_init(&env);
    p = pki_new();
}

static void end(void)
{
    pki_free(p);
    cr_expect_eq(env.live, 0);
}

TestSuite(facts, .init = begin, .fini = end);

static eku__facts read_one(const pki_cert *cert)
{
    eku__chain chain;
    eku__facts facts;
    s2s_bytes der = pki_der(cert);
    cr_assert_eq(eku__chain_import(&env.env, &der, 1, &chain), S2S_OK);
    cr_assert_eq(eku__facts_read(&chain, &facts), S2S_OK);
    cr_assert_eq(facts.len, 1);
    eku__chain_free(&chain);
    return facts;
}

Test(facts, names_by_type_and_raw_der)
{
    eku__facts f = read_one(pki_make(p, &(pki_spec){
        .cn = "cn.example",
        .names = {{PKI_DNS, "a.example"}, {PKI_SRV, "_xmpp-server.b.example"}, {PKI_XMPP, "b\xc3\xbc" "cher.example"},
                  {PKI_IP, "192.0.2.1"}, {PKI_IP, "2001:db8::1"}, {PKI_EMAIL, "a@a.example"}}}));
    static const struct {
        eku__name_type type;
        s2s_str value;
    } WANT[] = {
        {EKU__NAME_DNS, {"a.example", 9}},
        {EKU__NAME_SRV, {"_xmpp-server.b.example", 22}},
        {EKU__NAME_XMPP, {"b\xc3\xbc" "cher.example", 15}},
        {EKU__NAME_IP, {"\xc0\0\x02\x01", 4}},
        {EKU__NAME_IP, {"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16}},
    };
    cr_assert_eq(f.certs->names_len, COUNT(WANT), "ID-02; ID-04: the common name is none");
    for (size_t i = 0; i < COUNT(WANT); i++) {
        cr_expect_eq(f.certs->names[i].type, WANT[i].type, "%zu", i);
        cr_expect(s2s_str_eq(f.certs->names[i].value, WANT[i].value), "%zu", i);
    }
    cr_expect_eq(f.certs->names_unusable, 1, "an e-mail address proves no domain");
    eku__facts_free(&f);
}

Test(facts, name_with_a_nul_inside_is_not_cut_but_unusable)
{
    static const pki_name NAMES[] = {{PKI_DNS, "a.example\0.evil.example", 23},
                                     {PKI_SRV, "_xmpp-server.a.example\0.evil", 28},
                                     {PKI_XMPP, "a.example\0", 10},
                                     {PKI_SRV_UTF8, "_xmpp-server.a.example", 0},
                                     {PKI_SRV, "", 0}};
    for (size_t i = 0; i < COUNT(NAMES); i++) {
        eku__facts f = read_one(pki_make(p, &(pki_spec){.names = {NAMES[i], {PKI_DNS, "good.example"}}}));
        cr_expect_eq(f.certs->names_len, 1, "%zu", i);
        cr_expect(s2s_str_eq(f.certs->names[0].value, S2S_STR("good.example")), "%zu", i);
        cr_expect_eq(f.certs->names_unusable, 1, "%zu", i);
        eku__facts_free(&f);
    }
}

Test(facts, extended_key_usage)
{
    static const struct {
        const char *ekus[3];
        eku__purposes want;
    } ROWS[] = {
        {{NULL}, {.present = false}},
        {{"server"}, {.present = true, .server = true}},
        {{"client"}, {.present = true, .client = true}},
        {{"client", "server"}, {.present = true, .server = true, .client = true}},
        {{"any"}, {.present = true, .any = true}},
        {{"1.3.6.1.5.5.7.8.5"}, {.present = true, .other = true}},
        {{"email", "server"}, {.present = true, .server = true, .other = true}},
        {{"1.2.840.113549.1.9.15.1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25.26.27.28.29.30."
          "31.32.33.34.35.36.37.38.39.40.41.42.43.44.45.46.47.48.49.50", "client"},
         {.present = true, .client = true, .other = true}},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        eku__facts f = read_one(pki_make(p, &(pki_spec){
            .ekus = {ROWS[i].ekus[0], ROWS[i].ekus[1], ROWS[i].ekus[2]}}));
        const eku__purposes *have = &f.certs->purposes, *want = &ROWS[i].want;
        cr_expect(have->present == want->present && have->server == want->server && have->client == want->client &&
                  have->any == want->any && have->other == want->other, "row %zu", i);
        eku__facts_free(&f);
    }
}

Test(facts, usage_constraints_times_and_keys)
{
    int64_t now = (int64_t)time(NULL);
    const pki_cert *ca = pki_make(p, &(pki_spec){.cn = "Some CA", .ca = true, .path_len_zero = true,
                                                 .permit_dns = "a.example"});
    eku__facts f = read_one(ca);
    cr_expect(f.certs->ca && f.certs->path_len == 0 && f.certs->name_constraints);
    cr_expect(f.certs->key_usage && !f.certs->digital_signature && f.certs->cert_sign);
    cr_expect_str_eq(f.certs->subject, "CN=Some CA");
    cr_expect_eq(f.certs->names_len, 0);
    uint8_t ca_key[EKU__SPKI_HASH];
    memcpy(ca_key, f.certs->spki_sha256, sizeof ca_key);
    eku__facts_free(&f);

    f = read_one(pki_make(p, &(pki_spec){.issuer = ca, .from = -100, .until = 5000, .no_basic = true,
                                         .key_usage = PKI_KU_ABSENT, .key = PKI_RSA_1024, .sha1 = true}));
    cr_expect(!f.certs->ca && f.certs->path_len == -1 && !f.certs->name_constraints && !f.certs->key_usage);
    cr_expect_str_eq(f.certs->subject, "");
    cr_expect_str_eq(f.certs->issuer, "CN=Some CA");
    cr_expect(f.certs->not_before <= now - 99 && f.certs->not_before >= now - 110);
    cr_expect(f.certs->not_after >= now + 4990 && f.certs->not_after <= now + 5001);
    cr_expect_eq(f.certs->key_bits, 1024);
    cr_expect_str_eq(f.certs->key_algorithm, "RSA");
    cr_expect_not(f.certs->signature_strong, "TP-04 %s", f.certs->signature_algorithm);
    cr_expect_neq(memcmp(f.certs->spki_sha256, ca_key, sizeof ca_key), 0);
    eku__facts_free(&f);

    f = read_one(pki_make_again(p, ca, &(pki_spec){.cn = "x", .key_usage = PKI_KU_SIGN}));
    cr_expect(f.certs->key_usage && f.certs->digital_signature && !f.certs->cert_sign);
    cr_expect(f.certs->signature_strong);
    cr_expect_eq(memcmp(f.certs->spki_sha256, ca_key, sizeof ca_key), 0, "of the key, whatever the certificate");
    eku__facts_free(&f);
}

Test(facts, very_long_subject_is_cut)
{
    char cn[65];
    memset(cn, '"', sizeof cn - 1); /* is escaped, so becomes longer than it may */
    cn[sizeof cn - 1] = '\0';
    const pki_cert *ca = pki_make(p, &(pki_spec){.cn = cn, .ca = true});
    eku__facts f = read_one(pki_make(p, &(pki_spec){.cn = "x", .issuer = ca}));
    cr_expect_eq(strlen(f.certs->issuer), EKU__SUBJECT_MAX - 1);
    cr_expect_str_eq(f.certs->subject, "CN=x");
    eku__facts_free(&f);
}

/* An extension that matters and cannot be read is no absent extension. */
Test(facts, unreadable_extension_is_malformed)
{
    static const char *const OIDS[] = {"2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.37"};
    for (size_t i = 0; i < COUNT(OIDS); i++) {
        const pki_cert *cert = pki_make(p, &(pki_spec){.cn = "x", .no_basic = true, .key_usage = PKI_KU_ABSENT,
                                                       .critical_oid = OIDS[i]}); /* its value is NULL */
        eku__chain chain = {.env = &env.env};
        eku__facts facts;
        s2s_bytes der = pki_der(cert);
        s2s_err err = eku__chain_import(&env.env, &der, 1, &chain);
        if (err == S2S_OK) {
            err = eku__facts_read(&chain, &facts);
            eku__chain_free(&chain);
        }
        cr_expect_eq(err, S2S_E_SYNTAX, "%s", OIDS[i]);
        if (err == S2S_OK)
            eku__facts_free(&facts);
    }
}
