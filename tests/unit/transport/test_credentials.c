/* SPDX-License-Identifier: MIT */
/* test_credentials.c: loading certificates with their keys, and the names they cover. */
#include "transport/credentials.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "certs.h"
#include "support/test_env.h"

static certs c;
static test_env t;

static void begin(void)
{
    certs_begin(&c);
    test_env_init(&t);
}

static void end(void)
{
    cr_expect_eq(t.live, 0, "%zu blocks were not freed", t.live);
    certs_end(&c);
}

TestSuite(transport_credentials, .init = begin, .fini = end);

static s2s_err load(const char *crt, const char *key, s2s__identity **out, char why[S2S_TEXT_MAX])
{
    char crt_path[CERTS_PATH], key_path[CERTS_PATH];
    return s2s__identity_load(&t.env, certs_path(&c, crt, crt_path), certs_path(&c, key, key_path),
                              out, why);
}

static void write_encrypted_key(const char *file)
{
    gnutls_x509_privkey_t key;
    gnutls_datum_t pem;
    char out[4096];
    size_t len = sizeof out;
    cr_assert_eq(gnutls_x509_privkey_init(&key), 0);
    cr_assert_eq(gnutls_x509_privkey_generate(
                     key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    cr_assert_eq(gnutls_x509_privkey_export_pkcs8(key, GNUTLS_X509_FMT_PEM, "secret",
                                                  GNUTLS_PKCS_PBES2_AES_256, out, &len), 0);
    gnutls_x509_privkey_deinit(key);
    pem = (gnutls_datum_t){(unsigned char *)out, (unsigned)len};
    certs_write(&c, file, pem.data, strlen(out));
}

Test(transport_credentials, names_the_file_and_its_fault)
{
    static const char broken_pem[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    static const char junk[] = "this is not PEM\n";
    static char large[S2S__PEM_MAX + 1];
    certs_make(&c, "good", &(certs_spec){.dns = "example.org"});
    certs_make(&c, "other", &(certs_spec){.dns = "example.org"});
    certs_write(&c, "junk", junk, sizeof junk - 1);
    certs_write(&c, "empty", "", 0);
    certs_write(&c, "broken", broken_pem, sizeof broken_pem - 1);
    certs_write(&c, "large", large, sizeof large);
    write_encrypted_key("encrypted.key");
    static const struct {
        const char *crt, *key;
        s2s_err err;
        const char *file, *fault;
    } row[] = {
        {"absent.pem", "good.key", S2S_E_IO, "absent.pem", "no such file"},
        {"good.pem", "absent.key", S2S_E_IO, "absent.key", "no such file"},
        {".", "good.key", S2S_E_IO, "/.", "cannot be read"},
        {"junk", "good.key", S2S_E_INVAL, "junk", "no certificate"},
        {"empty", "good.key", S2S_E_INVAL, "empty", "no certificate"},
        {"good.key", "good.key", S2S_E_INVAL, "good.key", "no certificate"},
        {"broken", "good.key", S2S_E_INVAL, "broken", "cannot be read"},
        {"large", "good.key", S2S_E_LIMIT, "large", "larger than"},
        {"good.pem", "junk", S2S_E_INVAL, "junk", "no private key"},
        {"good.pem", "empty", S2S_E_INVAL, "empty", "no private key"},
        {"good.pem", "good.pem", S2S_E_INVAL, "good.pem", "no private key"},
        {"good.pem", "encrypted.key", S2S_E_INVAL, "encrypted.key", "encrypted"},
        {"good.pem", "other.key", S2S_E_INVAL, "other.key", "does not belong"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        s2s__identity *identity = NULL;
        char why[S2S_TEXT_MAX] = "";
        cr_expect_eq(load(row[i].crt, row[i].key, &identity, why), row[i].err, "row %zu: %s", i, why);
        cr_expect_null(identity, "row %zu", i);
        cr_expect_not_null(strstr(why, row[i].file), "row %zu: %s", i, why);
        cr_expect_not_null(strstr(why, row[i].fault), "row %zu: %s", i, why);
        cr_expect_neq(load(row[i].crt, row[i].key, &identity, NULL), S2S_OK);
    }
}

Test(transport_credentials, loads_a_pair_and_counts_references)
{
    s2s__identity *identity;
    char why[S2S_TEXT_MAX] = "x";
    certs_make(&c, "good", &(certs_spec){.dns = "example.org", .expires = 2000000000});
    cr_assert_eq(load("good.pem", "good.key", &identity, why), S2S_OK, "%s", why);
    cr_expect_str_eq(why, "");
    cr_expect_eq(s2s__identity_expires(identity), 2000000000);
    cr_expect_eq(s2s__identity_ref(identity), identity);
    s2s__identity_unref(identity);
    cr_expect(s2s__identity_covers(identity, S2S_STR("example.org")));
    s2s__identity_unref(identity);
    s2s__identity_unref(NULL);
    cr_expect_null(s2s__identity_ref(NULL));
}

Test(transport_credentials, an_expired_certificate_loads_and_says_so)
{
    s2s__identity *identity;
    time_t past = time(NULL) - 3600;
    certs_make(&c, "old", &(certs_spec){.dns = "example.org", .expires = past});
    cr_assert_eq(load("old.pem", "old.key", &identity, NULL), S2S_OK);
    cr_expect_eq(s2s__identity_expires(identity), (int64_t)past);
    s2s__identity_unref(identity);
}

Test(transport_credentials, covers_the_names_that_peers_look_at)
{
    static const struct {
        certs_spec spec;
        const char *domain;
        bool covered;
        const char *id;
    } row[] = {
        {{.dns = "example.org"}, "example.org", true, "DNS-ID"},
        {{.dns = "EXAMPLE.org"}, "example.ORG", true, "letter case"},
        {{.dns = "other.org", .dns_too = "example.org"}, "example.org", true, "any of several"},
        {{.dns = "example.org"}, "chat.example.org", false, "no sub-domains"},
        {{.dns = "chat.example.org"}, "example.org", false, "no parents"},
        {{.dns = "*.example.org"}, "chat.example.org", true, "ID-05"},
        {{.dns = "*.example.org"}, "example.org", false, "ID-05"},
        {{.dns = "*.example.org"}, "a.chat.example.org", false, "ID-05"},
        {{.dns = "ch*.example.org"}, "chat.example.org", false, "ID-05"},
        {{.dns = "*.*.org"}, "chat.example.org", false, "ID-05"},
        {{.dns = "xn--bcher-kva.example"}, "b\xc3\xbc" "cher.example", true, "U-label"},
        {{.srv = "_xmpp-server.example.org"}, "example.org", true, "SRV-ID"},
        {{.srv = "_xmpp-client.example.org"}, "example.org", false, "SRV-ID of clients"},
        {{.srv = "_xmpp-server."}, "example.org", false, "SRV-ID without a name"},
        {{.srv = "_xmpp-server.example.org"}, "chat.example.org", false, "SRV-ID"},
        {{.dns = "192.0.2.1"}, "192.0.2.1", false, "ID-07"},
        {{.cn = "example.org"}, "example.org", false, "common name"},
        {{.cn = "example.org", .dns = "other.org"}, "example.org", false, "common name"},
        {{.dns = "example.org"}, "", false, "empty"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        s2s__identity *identity;
        certs_make(&c, "x", &row[i].spec);
        cr_assert_eq(load("x.pem", "x.key", &identity, NULL), S2S_OK);
        cr_expect_eq(s2s__identity_covers(identity, s2s_str_of(row[i].domain)), row[i].covered,
                     "%s: %s", row[i].id, row[i].domain);
        s2s__identity_unref(identity);
    }
}

Test(transport_credentials, failing_memory_leaks_nothing)
{
    certs_make(&c, "good", &(certs_spec){.dns = "example.org"});
    s2s_err err = S2S_E_NOMEM;
    for (long n = 0; err != S2S_OK; n++) {
        s2s__identity *identity = NULL;
        t.fail_after = n;
        err = load("good.pem", "good.key", &identity, NULL);
        cr_assert(err == S2S_OK || err == S2S_E_NOMEM, "allocation %ld: %s", n, s2s_strerror(err));
        s2s__identity_unref(identity);
        cr_assert_eq(t.live, 0, "allocation %ld", n);
    }
    t.fail_after = 0;
    s2s__credentials *credentials = NULL;
    cr_expect_eq(s2s__credentials_new(&t.env, &credentials, NULL), S2S_E_NOMEM);
    t.fail_after = -1;
    char why[S2S_TEXT_MAX] = "";
    cr_expect_eq(s2s__credentials_new(&t.env, &credentials, why), S2S_OK, "%s", why);
    s2s__credentials_free(credentials);
    s2s__credentials_free(NULL);
}
