/* SPDX-License-Identifier: MIT */
/* floor_pki.c: certificates for a measurement: an anchor, one for each side and all below it, and many of which each is
 * for one name only, so that each chain is a new one. The anchor is ECDSA on P-256, and so are the others unless RSA is asked for. */
#include "floor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <gnutls/abstract.h>
#include <gnutls/x509.h>

enum { PATH_BYTES = 512, NAME_BYTES = 128, PEM_BYTES = 8192, DAY = 86400 };

typedef struct authority {
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    unsigned serial;
} authority;

static void must(int r)
{
    if (r < 0)
        floor_die("certificate", r);
}

static void write_pem(const char *dir, const char *name, const char *suffix, const char *pem, size_t len)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s.%s", dir, name, suffix);
    FILE *f = fopen(path, "we");
    if (!f || fwrite(pem, 1, len, f) != len || fclose(f) != 0)
        floor_die(path, 0);
}

/* `rsa_bits` 0: P-256. */
static gnutls_x509_privkey_t make_key(unsigned rsa_bits)
{
    gnutls_x509_privkey_t key;
    must(gnutls_x509_privkey_init(&key));
    if (rsa_bits > 0)
        must(gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, rsa_bits, 0));
    else
        must(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    return key;
}

static gnutls_x509_crt_t start(authority *ca, gnutls_x509_privkey_t key, const char *cn)
{
    gnutls_x509_crt_t crt;
    unsigned char serial[4];
    unsigned n = ++ca->serial;
    for (int i = 3; i >= 0; i--, n >>= 8)
        serial[i] = (unsigned char)n;
    serial[0] |= 1; /* not zero, not negative */
    must(gnutls_x509_crt_init(&crt));
    must(gnutls_x509_crt_set_version(crt, 3));
    must(gnutls_x509_crt_set_serial(crt, serial, sizeof serial));
    must(gnutls_x509_crt_set_activation_time(crt, time(NULL) - DAY));
    must(gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 30 * (time_t)DAY));
    must(gnutls_x509_crt_set_key(crt, key));
    must(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, cn, (unsigned)strlen(cn)));
    return crt;
}

static void finish(const authority *ca, gnutls_x509_crt_t crt, const char *dir, const char *file)
{
    char pem[PEM_BYTES];
    size_t len = sizeof pem;
    must(gnutls_x509_crt_sign2(crt, ca->crt, ca->key, GNUTLS_DIG_SHA256, 0));
    must(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, pem, &len));
    write_pem(dir, file, strcmp(file, "ca") == 0 ? "pem" : "crt", pem, len);
}

static void make_leaf(authority *ca, gnutls_x509_privkey_t key, const char *dir, const char *file, const char *name,
                      const char *also)
{
    gnutls_x509_crt_t crt = start(ca, key, name);
    must(gnutls_x509_crt_set_basic_constraints(crt, 0, -1));
    must(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE));
    must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
    must(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
    must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_SET));
    if (also)
        must(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, also, (unsigned)strlen(also),
                                                  GNUTLS_FSAN_APPEND));
    finish(ca, crt, dir, file);
    gnutls_x509_crt_deinit(crt);
}

/* X.example and *.X.example as X.crt; pI.X.example as X-I.crt for I below `count`; X.key is the key of all. */
static void make_side(authority *ca, const char *dir, char side, char prefix, long count, unsigned rsa_bits)
{
    char file[NAME_BYTES], name[NAME_BYTES], below[NAME_BYTES], pem[PEM_BYTES];
    size_t len = sizeof pem;
    gnutls_x509_privkey_t key = make_key(rsa_bits);
    (void)snprintf(file, sizeof file, "%c", side);
    (void)snprintf(name, sizeof name, "%c.example", side);
    (void)snprintf(below, sizeof below, "*.%c.example", side);
    must(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, pem, &len));
    write_pem(dir, file, "key", pem, len);
    make_leaf(ca, key, dir, file, name, below);
    for (long i = 0; i < count; i++) {
        (void)snprintf(file, sizeof file, "%c-%ld", side, i);
        (void)snprintf(name, sizeof name, "%c%ld.%c.example", prefix, i, side);
        make_leaf(ca, key, dir, file, name, NULL);
    }
    gnutls_x509_privkey_deinit(key);
}

void floor_pki(const char *dir, long count, unsigned rsa_bits)
{
    authority ca = {.key = make_key(0)};
    ca.crt = start(&ca, ca.key, "measurement");
    must(gnutls_x509_crt_set_basic_constraints(ca.crt, 1, -1));
    must(gnutls_x509_crt_set_key_usage(ca.crt, GNUTLS_KEY_KEY_CERT_SIGN));
    finish(&ca, ca.crt, dir, "ca");
    make_side(&ca, dir, 'a', 'c', count, rsa_bits);
    make_side(&ca, dir, 'b', 'r', count, rsa_bits);
    gnutls_x509_crt_deinit(ca.crt);
    gnutls_x509_privkey_deinit(ca.key);
}
