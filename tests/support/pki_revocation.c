/* SPDX-License-Identifier: MIT */
/* pki_revocation.c: CRLs and OCSP responses, written by hand: GnuTLS makes no odd ones, and of the latter none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/abstract.h>
#include <gnutls/crypto.h>

#include "support/pki_internal.h"

enum {
    ROOM = 1 << 20,
    HOUR = 3600,
    DAY = 24 * HOUR,
    POINT = 65, /* an uncompressed point of P-256 */
    SERIAL_ROOM = 32,
    SHA1_LEN = 20,
};

enum {
    INTEGER = 0x02,
    BIT_STRING = 0x03,
    OCTET_STRING = 0x04,
    ENUMERATED = 0x0a,
    TIME = 0x18,
    SEQUENCE = 0x30,
    CONTEXT = 0x80,
    CONTEXT_CONSTRUCTED = 0xa0,
};

static const uint8_t ECDSA_SHA256[] = {0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2};
static const uint8_t SHA1[] = {0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0};

typedef struct out {
    size_t len;
    uint8_t *bytes;
} out;

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    (void)fprintf(stderr, "pki: %s\n", what);
    abort();
}

static out start(void)
{
    out o = {.bytes = malloc(ROOM)};
    need(o.bytes != NULL, "no memory");
    return o;
}

static void raw(out *o, const void *bytes, size_t len)
{
    need(o->len + len <= ROOM, "a structure that is too large");
    if (len)
        memcpy(o->bytes + o->len, bytes, len);
    o->len += len;
}

static void put(out *o, uint8_t tag, const void *bytes, size_t len)
{
    uint8_t head[6] = {tag};
    size_t n = 2;
    if (len < 0x80) {
        head[1] = (uint8_t)len;
    } else if (len < 0x100) {
        head[1] = 0x81;
        head[2] = (uint8_t)len;
        n = 3;
    } else if (len < 0x10000) {
        head[1] = 0x82;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        n = 4;
    } else {
        head[1] = 0x83;
        head[2] = (uint8_t)(len >> 16);
        head[3] = (uint8_t)(len >> 8);
        head[4] = (uint8_t)len;
        n = 5;
    }
    raw(o, head, n);
    raw(o, bytes, len);
}

/* `inner` becomes the body of one value, and is done with. */
static void wrap(out *o, uint8_t tag, out *inner)
{
    put(o, tag, inner->bytes, inner->len);
    free(inner->bytes);
}

static void put_time(out *o, int64_t from_now)
{
    char text[32];
    time_t at = time(NULL) + (time_t)from_now;
    struct tm tm;
    need(gmtime_r(&at, &tm) && strftime(text, sizeof text, "%Y%m%d%H%M%SZ", &tm) > 0, "no time");
    put(o, TIME, text, strlen(text));
}

static void put_serial(out *o, const pki_cert *cert)
{
    uint8_t serial[SERIAL_ROOM];
    size_t size = sizeof serial;
    need(gnutls_x509_crt_get_serial(cert->crt, serial, &size) >= 0, "no serial");
    put(o, INTEGER, serial, size);
}

static void put_subject(out *o, const pki_cert *cert)
{
    gnutls_datum_t dn = {0};
    need(gnutls_x509_crt_get_raw_dn(cert->crt, &dn) >= 0, "no subject");
    raw(o, dn.data, dn.size);
    gnutls_free(dn.data);
}

/* "2.5.29.x" or any other dotted OID with arcs below 128 but the first two. */
static void put_oid(out *o, const char *dotted)
{
    uint8_t oid[64];
    size_t n = 0;
    unsigned long first = strtoul(dotted, NULL, 10);
    for (const char *dot = strchr(dotted, '.'); dot && n < sizeof oid; dot = strchr(dot + 1, '.')) {
        unsigned long arc = strtoul(dot + 1, NULL, 10);
        need(arc < 128, "an arc that is too large");
        oid[n] = (uint8_t)(n == 0 ? first * 40 + arc : arc);
        n++;
    }
    put(o, 6, oid, n);
}

/* `data`, signed by `key`: the three parts of a signed structure (RFC 5280 section 4.1). */
static void put_signed(out *o, const out *data, gnutls_x509_privkey_t key, bool forged)
{
    gnutls_privkey_t signer;
    gnutls_datum_t tbs = {data->bytes, (unsigned)data->len}, signature = {0};
    out bits = start();
    need(gnutls_privkey_init(&signer) >= 0 && gnutls_privkey_import_x509(signer, key, 0) >= 0 &&
             gnutls_privkey_sign_data(signer, GNUTLS_DIG_SHA256, 0, &tbs, &signature) >= 0,
         "no signature");
    signature.data[signature.size - 1] ^= forged;
    raw(&bits, "\0", 1);
    raw(&bits, signature.data, signature.size);
    raw(o, data->bytes, data->len);
    raw(o, ECDSA_SHA256, sizeof ECDSA_SHA256);
    wrap(o, BIT_STRING, &bits);
    gnutls_free(signature.data);
    gnutls_privkey_deinit(signer);
}

static s2s_bytes finish(pki *p, out *o)
{
    s2s_bytes kept = pki__keep(p, o->bytes, o->len);
    free(o->bytes);
    return kept;
}

/* -- CRL (RFC 5280 section 5.1) ------------------------------------------------------------------------ */

static void put_extension(out *o, const char *oid, bool critical, const void *value, size_t len)
{
    out ext = start();
    put_oid(&ext, oid);
    raw(&ext, "\x01\x01\xff", critical ? 3 : 0);
    put(&ext, OCTET_STRING, value, len);
    wrap(o, SEQUENCE, &ext);
}

static void put_flag(out *o, uint8_t number, bool yes)
{
    if (yes)
        put(o, CONTEXT | number, "\xff", 1);
}

static void put_scope(out *o, const pki_crl *s)
{
    out scope = start(), value = start();
    if (s->uri) {
        out names = start(), point = start();
        put(&names, CONTEXT | 6, s->uri, strlen(s->uri));
        wrap(&point, CONTEXT_CONSTRUCTED, &names);
        wrap(&scope, CONTEXT_CONSTRUCTED, &point);
    }
    put_flag(&scope, 1, s->only_users);
    put_flag(&scope, 2, s->only_cas);
    if (s->some_reasons)
        put(&scope, CONTEXT | 3, "\x06\x40", 2);
    put_flag(&scope, 4, s->indirect);
    wrap(&value, SEQUENCE, &scope);
    put_extension(o, "2.5.29.28", true, value.bytes, value.len);
    free(value.bytes);
}

static void put_revoked(out *o, const pki_crl *s)
{
    out all = start();
    for (size_t i = 0; i < s->padding; i++) {
        out one = start();
        const uint8_t serial[] = {0x7f, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        put(&one, INTEGER, serial, sizeof serial);
        put_time(&one, -DAY);
        wrap(&all, SEQUENCE, &one);
    }
    for (size_t i = 0; i < PKI_REVOKED_MAX && s->revoked[i]; i++) {
        out one = start();
        put_serial(&one, s->revoked[i]);
        put_time(&one, -DAY);
        wrap(&all, SEQUENCE, &one);
    }
    if (all.len)
        wrap(o, SEQUENCE, &all);
    else
        free(all.bytes);
}

s2s_bytes pki_make_crl(pki *p, const pki_crl *s)
{
    bool usual = s->from == 0 && s->until == 0;
    out list = start(), whole = start(), signed_parts = start(), tbs = start(), extensions = start();
    put(&list, INTEGER, "\x01", 1);
    raw(&list, ECDSA_SHA256, sizeof ECDSA_SHA256);
    put_subject(&list, s->issuer);
    put_time(&list, usual ? -DAY : s->from);
    if (!s->no_next)
        put_time(&list, usual ? 7 * DAY : s->until);
    put_revoked(&list, s);
    if (s->uri || s->only_users || s->only_cas || s->some_reasons || s->indirect)
        put_scope(&extensions, s);
    if (s->scope.ptr)
        put_extension(&extensions, "2.5.29.28", true, s->scope.ptr, s->scope.len);
    if (s->critical_oid)
        put_extension(&extensions, s->critical_oid, true, "\x02\x01\x01", 3);
    if (s->number)
        put_extension(&extensions, "2.5.29.20", false, "\x02\x01\x07", 3);
    if (extensions.len) {
        out sequence = start();
        wrap(&sequence, SEQUENCE, &extensions);
        wrap(&list, CONTEXT_CONSTRUCTED, &sequence);
    } else {
        free(extensions.bytes);
    }
    wrap(&tbs, SEQUENCE, &list);
    put_signed(&signed_parts, &tbs, s->issuer->key, s->forged);
    free(tbs.bytes);
    wrap(&whole, SEQUENCE, &signed_parts);
    return finish(p, &whole);
}

const char *pki_write_crl(pki *p, const char *file, const pki_crl *spec)
{
    s2s_bytes der = pki_make_crl(p, spec);
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)der.ptr, (unsigned)der.len}, pem = {0};
    need(gnutls_pem_base64_encode2("X509 CRL", &in, &pem) >= 0, "no PEM");
    const char *path = pki__write_file(p, file, pem.data, pem.size);
    gnutls_free(pem.data);
    return path;
}

/* -- OCSP (RFC 6960 section 4.2.1) --------------------------------------------------------------------- */

/* CertID; the hash of the key is that of the bits alone. */
static void put_cert_id(out *o, const pki_ocsp *s)
{
    uint8_t hash[SHA1_LEN];
    gnutls_pubkey_t key;
    gnutls_datum_t spki = {0}, dn = {0};
    out id = start();
    raw(&id, SHA1, sizeof SHA1);
    need(gnutls_x509_crt_get_raw_issuer_dn(s->about->crt, &dn) >= 0 &&
             gnutls_hash_fast(GNUTLS_DIG_SHA1, dn.data, dn.size, hash) >= 0,
         "no issuer");
    put(&id, OCTET_STRING, hash, sizeof hash);
    need(gnutls_pubkey_init(&key) >= 0 && gnutls_pubkey_import_x509(key, s->issuer->crt, 0) >= 0 &&
             gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &spki) >= 0 && spki.size > POINT &&
             gnutls_hash_fast(GNUTLS_DIG_SHA1, spki.data + spki.size - POINT, POINT, hash) >= 0,
         "no key");
    put(&id, OCTET_STRING, hash, sizeof hash);
    put_serial(&id, s->about);
    wrap(o, SEQUENCE, &id);
    gnutls_free(dn.data);
    gnutls_free(spki.data);
    gnutls_pubkey_deinit(key);
}

static void put_status(out *o, pki_ocsp_status status)
{
    switch (status) {
    case PKI_OCSP_GOOD: put(o, CONTEXT, NULL, 0); return;
    case PKI_OCSP_REVOKED: {
        out info = start();
        put_time(&info, -DAY);
        wrap(o, CONTEXT_CONSTRUCTED | 1, &info);
        return;
    }
    case PKI_OCSP_UNKNOWN: put(o, CONTEXT | 2, NULL, 0); return;
    }
}

/* ResponseData: by name, produced now, one response. */
static void put_data(out *o, const pki_ocsp *s, const pki_cert *signer)
{
    bool usual = s->from == 0 && s->until == 0;
    out data = start(), single = start(), all = start(), name = start();
    put_subject(&name, signer);
    wrap(&data, CONTEXT_CONSTRUCTED | 1, &name);
    put_time(&data, 0);
    put_cert_id(&single, s);
    put_status(&single, s->status);
    put_time(&single, usual ? -HOUR : s->from);
    if (!s->no_next) {
        out next = start();
        put_time(&next, usual ? 7 * DAY : s->until);
        wrap(&single, CONTEXT_CONSTRUCTED, &next);
    }
    wrap(&all, SEQUENCE, &single);
    wrap(&data, SEQUENCE, &all);
    wrap(o, SEQUENCE, &data);
}

s2s_bytes pki_make_ocsp(pki *p, const pki_ocsp *s)
{
    static const uint8_t BASIC[] = {6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1};
    const pki_cert *signer = s->signer ? s->signer : s->issuer;
    out data = start(), parts = start(), basic = start(), bytes = start(), wrapped = start(), body = start(),
        whole = start();
    put_data(&data, s, signer);
    put_signed(&parts, &data, signer->key, s->forged);
    free(data.bytes);
    if (s->signer) {
        out certs = start(), list = start();
        raw(&certs, signer->der.data, signer->der.size);
        wrap(&list, SEQUENCE, &certs);
        wrap(&parts, CONTEXT_CONSTRUCTED, &list);
    }
    wrap(&basic, SEQUENCE, &parts);
    raw(&bytes, BASIC, sizeof BASIC);
    wrap(&bytes, OCTET_STRING, &basic);
    wrap(&wrapped, SEQUENCE, &bytes);
    put(&body, ENUMERATED, "\0", 1); /* successful */
    wrap(&body, CONTEXT_CONSTRUCTED, &wrapped);
    wrap(&whole, SEQUENCE, &body);
    return finish(p, &whole);
}
