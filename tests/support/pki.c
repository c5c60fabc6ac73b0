/* SPDX-License-Identifier: MIT */
/* pki.c: a very small certification authority on GnuTLS. */
#include "support/pki_internal.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/abstract.h>
#include <gnutls/x509-ext.h>

enum { DAY = 86400, PATH_ROOM = 256, FILES_MAX = 256, DER_ROOM = 2048 };

enum {
    DER_OID = 0x06,
    DER_UTF8_STRING = 0x0c,
    DER_IA5_STRING = 0x16,
    DER_SEQUENCE = 0x30,
    DER_CONTEXT = 0x80,
    DER_CONTEXT_CONSTRUCTED = 0xa0,
    ON_XMPP = 5, /* id-on-xmppAddr */
    ON_SRV = 7,  /* id-on-dnsSRV */
};

struct pki {
    pki_cert *certs;
    pki_blob *blobs;
    gnutls_x509_privkey_t keys[PKI_KEYS_MAX];
    size_t keys_made, keys_next;
    gnutls_x509_privkey_t rsa[2], ed25519;
    unsigned serial;
    char dir[32];
    char paths[FILES_MAX][PATH_ROOM];
    size_t paths_len;
};

static void must(int r, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "pki: %s: %s\n", what, gnutls_strerror(r));
    abort();
}

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "pki: %s\n", what);
    abort();
}

pki *pki_new(void)
{
    pki *p = calloc(1, sizeof *p);
    need(p != NULL, "no memory");
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/test-pki-XXXXXX");
    need(mkdtemp(p->dir) != NULL, "no directory");
    return p;
}

void pki_free(pki *p)
{
    if (!p)
        return;
    while (p->certs) {
        pki_cert *c = p->certs;
        p->certs = c->next;
        gnutls_x509_crt_deinit(c->crt);
        gnutls_free(c->der.data);
        free(c);
    }
    while (p->blobs) {
        pki_blob *b = p->blobs;
        p->blobs = b->next;
        free(b);
    }
    for (size_t i = 0; i < p->keys_made; i++)
        gnutls_x509_privkey_deinit(p->keys[i]);
    for (size_t i = 0; i < 2; i++) {
        if (p->rsa[i])
            gnutls_x509_privkey_deinit(p->rsa[i]);
    }
    if (p->ed25519)
        gnutls_x509_privkey_deinit(p->ed25519);
    for (size_t i = 0; i < p->paths_len; i++)
        (void)unlink(p->paths[i]);
    (void)rmdir(p->dir);
    free(p);
}

static gnutls_x509_privkey_t generate(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
    gnutls_x509_privkey_t key = NULL;
    must(gnutls_x509_privkey_init(&key), "key");
    must(gnutls_x509_privkey_generate(key, algorithm, bits, 0), "key generation");
    return key;
}

static gnutls_x509_privkey_t take_key(pki *p, pki_key kind)
{
    switch (kind) {
    case PKI_P256: break;
    case PKI_ED25519:
        if (!p->ed25519)
            p->ed25519 = generate(GNUTLS_PK_EDDSA_ED25519, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519));
        return p->ed25519;
    case PKI_RSA_1024:
    case PKI_RSA_2048: {
        size_t i = kind == PKI_RSA_2048;
        if (!p->rsa[i])
            p->rsa[i] = generate(GNUTLS_PK_RSA, i ? 2048 : 1024);
        return p->rsa[i];
    }
    }
    size_t i = p->keys_next++ % PKI_KEYS_MAX;
    if (i >= p->keys_made)
        p->keys[p->keys_made++] = generate(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1));
    return p->keys[i];
}

/* DER by hand: GnuTLS's own setters would mend or cut what the tests want to be odd. */
typedef struct der {
    unsigned char bytes[DER_ROOM];
    size_t len;
} der;

static void der_put(der *d, unsigned char tag, const void *bytes, size_t len)
{
    need(len < 0x10000 && d->len + len + 4 <= DER_ROOM, "names that are too long");
    d->bytes[d->len++] = tag;
    if (len >= 0x80) {
        d->bytes[d->len++] = 0x82;
        d->bytes[d->len++] = (unsigned char)(len >> 8);
    }
    d->bytes[d->len++] = (unsigned char)len;
    memcpy(d->bytes + d->len, bytes, len);
    d->len += len;
}

/* otherName ::= [0] { OID, [0] EXPLICIT string } (RFC 5280 section 4.2.1.6). */
static void put_other_name(der *names, unsigned char last_arc, unsigned char tag, const char *value, size_t len)
{
    const unsigned char oid[] = {0x2b, 6, 1, 5, 5, 7, 8, last_arc}; /* id-on: 1.3.6.1.5.5.7.8 */
    der text = {.len = 0}, other = {.len = 0};
    der_put(&text, tag, value, len);
    der_put(&other, DER_OID, oid, sizeof oid);
    der_put(&other, DER_CONTEXT_CONSTRUCTED, text.bytes, text.len);
    der_put(names, DER_CONTEXT_CONSTRUCTED, other.bytes, other.len);
}

static void put_name(der *names, const pki_name *name)
{
    size_t len = name->len || !name->value ? name->len : strlen(name->value);
    unsigned char ip[16];
    switch (name->type) {
    case PKI_NAME_END: return;
    case PKI_SRV: put_other_name(names, ON_SRV, DER_IA5_STRING, name->value, len); return;
    case PKI_SRV_UTF8: put_other_name(names, ON_SRV, DER_UTF8_STRING, name->value, len); return;
    case PKI_XMPP: put_other_name(names, ON_XMPP, DER_UTF8_STRING, name->value, len); return;
    case PKI_DNS: der_put(names, DER_CONTEXT | 2, name->value, len); return;
    case PKI_EMAIL: der_put(names, DER_CONTEXT | 1, name->value, len); return;
    case PKI_IP: {
        bool v6 = strchr(name->value, ':') != NULL;
        need(inet_pton(v6 ? AF_INET6 : AF_INET, name->value, ip) == 1, "not an IP address");
        der_put(names, DER_CONTEXT | 7, ip, v6 ? 16 : 4);
        return;
    }
    }
}

static void add_names(gnutls_x509_crt_t crt, const pki_spec *s)
{
    der names = {.len = 0}, all = {.len = 0};
    for (size_t i = 0; i < PKI_NAMES_MAX; i++)
        put_name(&names, &s->names[i]);
    if (names.len == 0)
        return;
    der_put(&all, DER_SEQUENCE, names.bytes, names.len);
    must(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.17", all.bytes, all.len, !s->cn), "names");
}

/* "n0.example" ... and the one that is asked for, in two octets of length or three. */
static void add_many_names(gnutls_x509_crt_t crt, const pki_spec *s)
{
    enum { NAME_ROOM = 32, HEAD = 5 };
    size_t room = HEAD + (s->more_names + 1) * NAME_ROOM, len = HEAD;
    unsigned char *all = calloc(1, room);
    need(all != NULL, "no memory");
    for (size_t i = 0; i <= s->more_names; i++) {
        char name[NAME_ROOM];
        int n = snprintf(name, sizeof name, "n%zu.example", i);
        const char *value = i == s->more_names ? s->names[0].value : name;
        n = i == s->more_names ? (int)strlen(value) : n;
        all[len++] = DER_CONTEXT | 2;
        all[len++] = (unsigned char)n;
        memcpy(all + len, value, (size_t)n);
        len += (size_t)n;
    }
    all[0] = DER_SEQUENCE;
    all[1] = 0x83;
    for (size_t i = 0; i < 3; i++)
        all[2 + i] = (unsigned char)((len - HEAD) >> (16 - 8 * i));
    need(len - HEAD >= 0x10000, "too few names for this form");
    must(gnutls_x509_crt_set_extension_by_oid(crt, "2.5.29.17", all, len, 0), "names");
    free(all);
}

static void add_padding(gnutls_x509_crt_t crt, size_t size)
{
    unsigned char *bytes = calloc(1, size);
    need(bytes != NULL, "no memory");
    must(gnutls_x509_crt_set_extension_by_oid(crt, "1.2.3.4.5", bytes, size, 0), "padding");
    free(bytes);
}

static const char *eku_oid(const char *word)
{
    static const struct {
        const char *word, *oid;
    } WORDS[] = {
        {"server", GNUTLS_KP_TLS_WWW_SERVER},
        {"client", GNUTLS_KP_TLS_WWW_CLIENT},
        {"any", GNUTLS_KP_ANY},
        {"email", GNUTLS_KP_EMAIL_PROTECTION},
    };
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(word, WORDS[i].word) == 0)
            return WORDS[i].oid;
    }
    return word;
}

static void add_key_usage(gnutls_x509_crt_t crt, const pki_spec *s)
{
    unsigned usage = 0;
    if (s->key_usage == PKI_KU_ABSENT)
        return;
    if (s->key_usage == PKI_KU_AUTO)
        usage = s->ca ? GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE;
    if (s->key_usage & PKI_KU_SIGN)
        usage |= GNUTLS_KEY_DIGITAL_SIGNATURE;
    if (s->key_usage & PKI_KU_ENCIPHER)
        usage |= GNUTLS_KEY_KEY_ENCIPHERMENT;
    if (s->key_usage & PKI_KU_CERT_SIGN)
        usage |= GNUTLS_KEY_KEY_CERT_SIGN;
    must(gnutls_x509_crt_set_key_usage(crt, usage), "key usage");
}

static void add_constraint(gnutls_x509_crt_t crt, const char *dns)
{
    gnutls_x509_name_constraints_t nc = NULL;
    gnutls_datum_t name = {(unsigned char *)(uintptr_t)dns, (unsigned)strlen(dns)};
    must(gnutls_x509_name_constraints_init(&nc), "name constraints");
    must(gnutls_x509_name_constraints_add_permitted(nc, GNUTLS_SAN_DNSNAME, &name), "permitted name");
    must(gnutls_x509_crt_set_name_constraints(crt, nc, 1), "name constraints");
    gnutls_x509_name_constraints_deinit(nc);
}

static void add_extensions(gnutls_x509_crt_t crt, const pki_spec *s)
{
    if (!s->no_basic)
        must(gnutls_x509_crt_set_basic_constraints(crt, s->ca, s->path_len_zero ? 0 : -1), "basic constraints");
    add_key_usage(crt, s);
    for (size_t i = 0; i < PKI_EKUS_MAX && s->ekus[i]; i++)
        must(gnutls_x509_crt_set_key_purpose_oid(crt, eku_oid(s->ekus[i]), 0), "extended key usage");
    if (s->more_names)
        add_many_names(crt, s);
    else
        add_names(crt, s);
    if (s->padding)
        add_padding(crt, s->padding);
    if (s->permit_dns)
        add_constraint(crt, s->permit_dns);
    if (s->crl_uri)
        must(gnutls_x509_crt_set_crl_dist_points2(crt, GNUTLS_SAN_URI, s->crl_uri, (unsigned)strlen(s->crl_uri), 0),
             "CRL distribution point");
    if (s->critical_oid)
        must(gnutls_x509_crt_set_extension_by_oid(crt, s->critical_oid, "\x05\x00", 2, 1), "extension");
}

static void add_key_ids(gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer)
{
    unsigned char id[32];
    size_t size = sizeof id;
    must(gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &size), "key id");
    must(gnutls_x509_crt_set_subject_key_id(crt, id, size), "subject key id");
    size = sizeof id;
    must(gnutls_x509_crt_get_key_id(issuer, GNUTLS_KEYID_USE_SHA1, id, &size), "key id");
    must(gnutls_x509_crt_set_authority_key_id(crt, id, size), "authority key id");
}

/* Signs, and keeps the DER; a forged one is imported again with a wrong last octet. */
static void sign(pki_cert *c, const pki_spec *s)
{
    const pki_cert *by = s->issuer ? s->issuer : c;
    gnutls_digest_algorithm_t digest = s->sha1 ? GNUTLS_DIG_SHA1 : GNUTLS_DIG_SHA256;
    add_key_ids(c->crt, by->crt);
    must(gnutls_x509_crt_sign2(c->crt, by->crt, by->key, digest, 0), "signature");
    must(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_DER, &c->der), "export");
    if (!s->forged)
        return;
    c->der.data[c->der.size - 1] ^= 1;
    gnutls_x509_crt_deinit(c->crt);
    must(gnutls_x509_crt_init(&c->crt), "certificate");
    must(gnutls_x509_crt_import(c->crt, &c->der, GNUTLS_X509_FMT_DER), "import");
}

static const pki_cert *make(pki *p, gnutls_x509_privkey_t key, const pki_spec *s)
{
    time_t now = time(NULL);
    bool usual = s->from == 0 && s->until == 0;
    unsigned char serial[] = {1, (unsigned char)(p->serial >> 8), (unsigned char)p->serial};
    p->serial++;
    pki_cert *c = calloc(1, sizeof *c);
    need(c != NULL, "no memory");
    c->key = key;
    must(gnutls_x509_crt_init(&c->crt), "certificate");
    must(gnutls_x509_crt_set_version(c->crt, 3), "version");
    must(gnutls_x509_crt_set_serial(c->crt, serial, sizeof serial), "serial");
    must(gnutls_x509_crt_set_activation_time(c->crt, now + (usual ? -DAY : (time_t)s->from)), "activation");
    must(gnutls_x509_crt_set_expiration_time(c->crt, now + (usual ? 30 * DAY : (time_t)s->until)), "expiration");
    must(gnutls_x509_crt_set_key(c->crt, key), "public key");
    if (s->cn)
        must(gnutls_x509_crt_set_dn_by_oid(c->crt, GNUTLS_OID_X520_COMMON_NAME, 0, s->cn, (unsigned)strlen(s->cn)),
             "common name");
    add_extensions(c->crt, s);
    sign(c, s);
    c->next = p->certs;
    p->certs = c;
    return c;
}

const pki_cert *pki_make(pki *p, const pki_spec *spec)
{
    return make(p, take_key(p, spec->key), spec);
}

const pki_cert *pki_make_again(pki *p, const pki_cert *same, const pki_spec *spec)
{
    return make(p, same->key, spec);
}

s2s_bytes pki_der(const pki_cert *cert)
{
    return (s2s_bytes){cert->der.data, cert->der.size};
}

size_t pki_chain(const pki_cert *const *certs, s2s_bytes out[PKI_CHAIN_MAX])
{
    size_t len = 0;
    for (; certs[len]; len++) {
        need(len < PKI_CHAIN_MAX, "a chain that is too long");
        out[len] = pki_der(certs[len]);
    }
    return len;
}

const char *pki_path(pki *p, const char *file)
{
    need(p->paths_len < FILES_MAX, "too many files");
    char *path = p->paths[p->paths_len++];
    int len = snprintf(path, PATH_ROOM, "%s/%s", p->dir, file);
    need(len > 0 && len < PATH_ROOM, "a file name that is too long");
    return path;
}

s2s_bytes pki_keep(pki *p, s2s_bytes bytes)
{
    return pki__keep(p, bytes.ptr, bytes.len);
}

s2s_bytes pki__keep(pki *p, const void *bytes, size_t len)
{
    pki_blob *b = calloc(1, sizeof *b + len);
    need(b != NULL, "no memory");
    memcpy(b->bytes, bytes, len);
    b->next = p->blobs;
    p->blobs = b;
    return (s2s_bytes){b->bytes, len};
}

const char *pki_write_bytes(pki *p, const char *file, s2s_bytes bytes)
{
    return pki__write_file(p, file, bytes.ptr, bytes.len);
}

const char *pki__write_file(pki *p, const char *file, const void *bytes, size_t len)
{
    const char *path = pki_path(p, file);
    FILE *f = fopen(path, "we");
    need(f && fwrite(bytes, 1, len, f) == len && fclose(f) == 0, "a file that cannot be written");
    return path;
}

const char *pki_write_text(pki *p, const char *file, const char *text)
{
    return pki__write_file(p, file, text, strlen(text));
}

const char *pki_write_chain(pki *p, const char *file, const pki_cert *const *certs)
{
    const char *path = pki_path(p, file);
    FILE *f = fopen(path, "we");
    need(f != NULL, "a file that cannot be written");
    for (size_t i = 0; certs[i]; i++) {
        gnutls_datum_t pem = {0};
        must(gnutls_x509_crt_export2(certs[i]->crt, GNUTLS_X509_FMT_PEM, &pem), "export");
        need(fwrite(pem.data, 1, pem.size, f) == pem.size, "a file that cannot be written");
        gnutls_free(pem.data);
    }
    need(fclose(f) == 0, "a file that cannot be written");
    return path;
}

const char *pki_write_key(pki *p, const char *file, const pki_cert *cert)
{
    gnutls_datum_t pem = {0};
    must(gnutls_x509_privkey_export2(cert->key, GNUTLS_X509_FMT_PEM, &pem), "export");
    const char *path = pki__write_file(p, file, pem.data, pem.size);
    gnutls_free(pem.data);
    return path;
}
