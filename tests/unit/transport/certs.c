/* SPDX-License-Identifier: MIT */
/* certs.c: PEM files made on the spot: a P-256 leaf under a P-256 issuer. */
#include "certs.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

enum { DAY = 86400, DER_IA5STRING = 0x16 };

void certs_begin(certs *c)
{
    (void)snprintf(c->dir, sizeof c->dir, "/tmp/s2s-certs-XXXXXX");
    cr_assert_not_null(mkdtemp(c->dir));
}

const char *certs_path(certs *c, const char *file, char out[CERTS_PATH])
{
    (void)snprintf(out, CERTS_PATH, "%s/%s", c->dir, file);
    return out;
}

void certs_end(certs *c)
{
    char path[CERTS_PATH];
    DIR *dir = opendir(c->dir);
    cr_assert_not_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        int len = snprintf(path, sizeof path, "%s/%.60s", c->dir, entry->d_name);
        cr_assert_lt((size_t)len, sizeof path);
        (void)unlink(path);
    }
    (void)closedir(dir);
    (void)rmdir(c->dir);
}

void certs_write(certs *c, const char *file, const void *text, size_t len)
{
    char path[CERTS_PATH];
    FILE *f = fopen(certs_path(c, file, path), "we");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, len, f), len);
    cr_assert_eq(fclose(f), 0);
}

static gnutls_x509_privkey_t new_key(void)
{
    gnutls_x509_privkey_t key;
    cr_assert_eq(gnutls_x509_privkey_init(&key), 0);
    cr_assert_eq(gnutls_x509_privkey_generate(
                     key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    return key;
}

static gnutls_x509_crt_t new_crt(gnutls_x509_privkey_t key, unsigned char serial, time_t expires)
{
    gnutls_x509_crt_t crt;
    cr_assert_eq(gnutls_x509_crt_init(&crt), 0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, 1);
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 2 * DAY);
    gnutls_x509_crt_set_expiration_time(crt, expires ? expires : time(NULL) + DAY);
    gnutls_x509_crt_set_key(crt, key);
    return crt;
}

static void add_names(gnutls_x509_crt_t crt, const certs_spec *spec)
{
    const char *dns[] = {spec->dns, spec->dns_too};
    for (size_t i = 0; i < 2; i++) {
        if (dns[i])
            cr_assert_eq(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, dns[i],
                                                              (unsigned)strlen(dns[i]),
                                                              GNUTLS_FSAN_APPEND), 0);
    }
    if (spec->srv) {
        unsigned char der[128] = {DER_IA5STRING, (unsigned char)strlen(spec->srv)};
        memcpy(der + 2, spec->srv, strlen(spec->srv));
        cr_assert_eq(gnutls_x509_crt_set_subject_alt_othername(
                         crt, "1.3.6.1.5.5.7.8.7", der, (unsigned)strlen(spec->srv) + 2,
                         GNUTLS_FSAN_APPEND), 0);
    }
    if (spec->cn)
        cr_assert_eq(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, spec->cn,
                                                   (unsigned)strlen(spec->cn)), 0);
}

static void write_pem(certs *c, const char *name, gnutls_x509_crt_t leaf, gnutls_x509_crt_t issuer,
                      gnutls_x509_privkey_t key)
{
    char file[CERTS_PATH], chain[8192];
    gnutls_datum_t pem[2], key_pem;
    cr_assert_eq(gnutls_x509_crt_export2(leaf, GNUTLS_X509_FMT_PEM, &pem[0]), 0);
    cr_assert_eq(gnutls_x509_crt_export2(issuer, GNUTLS_X509_FMT_PEM, &pem[1]), 0);
    cr_assert_eq(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem), 0);
    int len = snprintf(chain, sizeof chain, "%.*s%.*s", (int)pem[0].size, (char *)pem[0].data,
                       (int)pem[1].size, (char *)pem[1].data);
    (void)snprintf(file, sizeof file, "%s.pem", name);
    certs_write(c, file, chain, (size_t)len);
    (void)snprintf(file, sizeof file, "%s.key", name);
    certs_write(c, file, key_pem.data, key_pem.size);
    gnutls_free(pem[0].data);
    gnutls_free(pem[1].data);
    gnutls_free(key_pem.data);
}

void certs_make(certs *c, const char *name, const certs_spec *spec)
{
    gnutls_x509_privkey_t ca_key = new_key(), key = new_key();
    gnutls_x509_crt_t ca = new_crt(ca_key, 1, 0), leaf = new_crt(key, 2, spec->expires);
    gnutls_x509_crt_set_dn_by_oid(ca, GNUTLS_OID_X520_COMMON_NAME, 0, "Test CA", 7);
    gnutls_x509_crt_set_ca_status(ca, 1);
    cr_assert_eq(gnutls_x509_crt_sign2(ca, ca, ca_key, GNUTLS_DIG_SHA256, 0), 0);
    add_names(leaf, spec);
    cr_assert_eq(gnutls_x509_crt_sign2(leaf, ca, ca_key, GNUTLS_DIG_SHA256, 0), 0);
    write_pem(c, name, leaf, ca, key);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_crt_deinit(leaf);
    gnutls_x509_privkey_deinit(ca_key);
    gnutls_x509_privkey_deinit(key);
}
