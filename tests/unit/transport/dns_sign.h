/* SPDX-License-Identifier: MIT */
/* dns_sign.h: signatures of a DNS zone, made as they are needed (RFC 4034), for the DNS server of the tests. */
#ifndef TEST_DNS_SIGN_H
#define TEST_DNS_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include <gnutls/abstract.h>

/* Bytes of a message, or of a part of one. */
typedef struct dns_wire {
    uint8_t bytes[1500];
    size_t len;
} dns_wire;

void dns_put(dns_wire *m, const void *bytes, size_t len);
void dns_put16(dns_wire *m, unsigned value);
void dns_put_name(dns_wire *m, const char *name);

enum { DNS_NSEC = 47, DNS_DNSKEY = 48, DNS_RRSIG = 46, DNS_SOA = 6, DNS_TTL = 60 };

/* One key, algorithm 13 (ECDSA P-256), for all that is at or below `zone`. */
typedef struct dns_signer {
    const char *zone;
    gnutls_privkey_t key;
    dns_wire dnskey; /* the record's data */
    char anchor[64]; /* a file for libunbound */
} dns_signer;

void dns_signer_begin(dns_signer *s, const char *zone);
void dns_signer_end(dns_signer *s);

/* The data of the RRSIG record over a set of records. */
void dns_sign(const dns_signer *s, const char *owner, unsigned type, const dns_wire *rdata, size_t count,
              dns_wire *out);
/* That `owner` has no records at all (RFC 4470: a lie that is true enough): data of its NSEC record. */
void dns_nothing(const char *owner, dns_wire *out);

#endif
