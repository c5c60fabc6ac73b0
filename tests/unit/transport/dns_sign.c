/* SPDX-License-Identifier: MIT */
/* dns_sign.c: signatures of a DNS zone, RFC 4034 and RFC 6605. */
#include "dns_sign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <gnutls/crypto.h>

enum { CLASS_IN = 1, ALGORITHM = 13, COORDINATE = 32, RECORDS_MAX = 8, HOUR = 3600 };

void dns_put(dns_wire *m, const void *bytes, size_t len)
{
    cr_assert_leq(m->len + len, sizeof m->bytes);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

void dns_put16(dns_wire *m, unsigned value)
{
    dns_put(m, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put32(dns_wire *m, uint32_t value)
{
    dns_put16(m, value >> 16);
    dns_put16(m, value & 0xffff);
}

void dns_put_name(dns_wire *m, const char *name)
{
    while (*name && *name != '.') {
        size_t label = strcspn(name, ".");
        dns_put(m, &(uint8_t){(uint8_t)label}, 1);
        dns_put(m, name, label);
        name += label + (name[label] == '.');
    }
    dns_put(m, "", 1);
}

static unsigned labels_of(const char *name)
{
    unsigned labels = *name != '\0';
    for (; *name; name++)
        labels += *name == '.';
    return labels;
}

/* RFC 4034 appendix B. */
static unsigned key_tag(const dns_wire *dnskey)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < dnskey->len; i++)
        sum += i & 1 ? dnskey->bytes[i] : (uint32_t)dnskey->bytes[i] << 8;
    sum += sum >> 16;
    return sum & 0xffff;
}

/* A number as 32 octets, whatever zeros GnuTLS put before it or left out. */
static void put_coordinate(dns_wire *m, const gnutls_datum_t *number)
{
    uint8_t fixed[COORDINATE] = {0};
    size_t len = number->size < COORDINATE ? number->size : COORDINATE;
    memcpy(fixed + COORDINATE - len, number->data + number->size - len, len);
    dns_put(m, fixed, sizeof fixed);
}

static void write_anchor(dns_signer *s)
{
    gnutls_datum_t key = {s->dnskey.bytes + 4, (unsigned)s->dnskey.len - 4}, base64;
    cr_assert_eq(gnutls_base64_encode2(&key, &base64), 0);
    (void)snprintf(s->anchor, sizeof s->anchor, "/tmp/s2s-anchor-XXXXXX");
    int fd = mkstemp(s->anchor);
    cr_assert_geq(fd, 0);
    cr_assert_gt(dprintf(fd, "%s. IN DNSKEY 257 3 %d %.*s\n", s->zone, ALGORITHM, (int)base64.size,
                         (char *)base64.data), 0);
    (void)close(fd);
    gnutls_free(base64.data);
}

void dns_signer_begin(dns_signer *s, const char *zone)
{
    gnutls_datum_t x, y;
    *s = (dns_signer){.zone = zone};
    cr_assert_eq(gnutls_privkey_init(&s->key), 0);
    cr_assert_eq(gnutls_privkey_generate(s->key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0), 0);
    cr_assert_eq(gnutls_privkey_export_ecc_raw(s->key, NULL, &x, &y, NULL), 0);
    dns_put16(&s->dnskey, 257); /* zone key, entry point */
    dns_put(&s->dnskey, (uint8_t[]){3, ALGORITHM}, 2);
    put_coordinate(&s->dnskey, &x);
    put_coordinate(&s->dnskey, &y);
    gnutls_free(x.data);
    gnutls_free(y.data);
    write_anchor(s);
}

void dns_signer_end(dns_signer *s)
{
    (void)unlink(s->anchor);
    gnutls_privkey_deinit(s->key);
}

static int canonical(const void *a, const void *b)
{
    const dns_wire *x = a, *y = b;
    int order = memcmp(x->bytes, y->bytes, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

void dns_sign(const dns_signer *s, const char *owner, unsigned type, const dns_wire *rdata, size_t count,
              dns_wire *out)
{
    static dns_wire signed_over, sorted[RECORDS_MAX];
    gnutls_datum_t signature, r, t;
    uint32_t wall = (uint32_t)time(NULL);
    cr_assert_leq(count, (size_t)RECORDS_MAX);
    out->len = 0;
    dns_put16(out, type);
    dns_put(out, (uint8_t[]){ALGORITHM, (uint8_t)labels_of(owner)}, 2);
    put32(out, DNS_TTL);
    put32(out, wall + 24 * HOUR);
    put32(out, wall - HOUR);
    dns_put16(out, key_tag(&s->dnskey));
    dns_put_name(out, s->zone);
    signed_over = *out;
    memcpy(sorted, rdata, count * sizeof *rdata);
    qsort(sorted, count, sizeof *sorted, canonical);
    for (size_t i = 0; i < count; i++) {
        dns_put_name(&signed_over, owner);
        dns_put16(&signed_over, type);
        dns_put16(&signed_over, CLASS_IN);
        put32(&signed_over, DNS_TTL);
        dns_put16(&signed_over, (unsigned)sorted[i].len);
        dns_put(&signed_over, sorted[i].bytes, sorted[i].len);
    }
    gnutls_datum_t data = {signed_over.bytes, (unsigned)signed_over.len};
    cr_assert_eq(gnutls_privkey_sign_data(s->key, GNUTLS_DIG_SHA256, 0, &data, &signature), 0);
    cr_assert_eq(gnutls_decode_rs_value(&signature, &r, &t), 0);
    put_coordinate(out, &r);
    put_coordinate(out, &t);
    gnutls_free(signature.data);
    gnutls_free(r.data);
    gnutls_free(t.data);
}

void dns_nothing(const char *owner, dns_wire *out)
{
    /* types RRSIG (46) and NSEC (47): window 0, six octets */
    static const uint8_t BITMAP[] = {0, 6, 0, 0, 0, 0, 0, 3};
    out->len = 0;
    dns_put(out, (uint8_t[]){1, 0}, 2); /* the next name: "\000" before the owner's */
    dns_put_name(out, owner);
    dns_put(out, BITMAP, sizeof BITMAP);
}
