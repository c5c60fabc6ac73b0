/* SPDX-License-Identifier: MIT */
/* dns.h: all that the DNS says of a domain's servers: SRV of both kinds, addresses, TLSA, each with its DNSSEC state. */
#ifndef PROBE_DNS_H
#define PROBE_DNS_H

#include <jansson.h>

#include "probe/context.h"
#include "s2s/addr.h"
#include "transport/ask.h"
#include "transport/srv.h"

enum {
    DNS_RECORDS_MAX = 16,  /* SRV records of one kind; the rest is ignored */
    DNS_HOSTS_MAX = 8,     /* different targets; the rest is ignored */
    DNS_ADDRESSES_MAX = 8, /* of one target; the rest is ignored */
    DNS_TLSA_MAX = 8,      /* records of one target and port; the rest is ignored */
    DNS_TLSA_BYTES = 128,  /* of one record's data; larger ones (whole certificates) are left out */
};

enum { DNS_STARTTLS, DNS_DIRECT, DNS_SERVICES };

typedef struct dns_service {
    s2s__resolved status; /* NOT_OFFERED: the sole record is "." */
    s2s_dnssec dnssec;
    s2s__srv records[DNS_RECORDS_MAX]; /* in the order to try */
    size_t len;
    char text[S2S_TEXT_MAX];
} dns_service;

typedef struct dns_host {
    char name[S2S_ASCII_DOMAIN_MAX + 1];
    s2s__resolved status; /* the better of the two questions */
    s2s_dnssec dnssec;
    struct sockaddr_storage addresses[DNS_ADDRESSES_MAX]; /* without port; IPv6 first */
    size_t len;
    char text[S2S_TEXT_MAX];
} dns_host;

typedef struct dns_tlsa {
    char host[S2S_ASCII_DOMAIN_MAX + 1];
    uint16_t port;
    s2s__resolved status;
    s2s_dnssec dnssec;
    s2s_tlsa records[DNS_TLSA_MAX]; /* their data points into `bytes` */
    uint8_t bytes[DNS_TLSA_MAX][DNS_TLSA_BYTES];
    size_t len;
} dns_tlsa;

typedef struct dns_endpoint {
    struct sockaddr_storage address;
    const char *target;
    const dns_tlsa *tlsa; /* NULL: none was looked up */
    bool direct;
    bool secure_target; /* named by a DNSSEC-secure SRV record */
} dns_endpoint;

typedef struct dns_lookup dns_lookup;

/* `ascii` in A-labels, or an IP literal; `port` 0: by SRV, as RFC 6120 says; else only its addresses. `done` is called
 * once, from the loop. S2S_OK or S2S_E_NOMEM. */
s2s_err dns_start(const probe_context *c, const char *ascii, uint16_t port, void (*done)(void *arg), void *arg,
                  dns_lookup **out);
/* At any time; `done` will not be called. Takes NULL. */
void dns_free(dns_lookup *d);

/* After `done`. */
const dns_service *dns_service_of(const dns_lookup *d, size_t service);
/* One sentence if there is no endpoint at all; else "". */
const char *dns_problem(const dns_lookup *d);
s2s__resolved dns_status(const dns_lookup *d);
/* Those of one service in the order to try; returns how many there are, and writes up to `room`. */
size_t dns_endpoints(const dns_lookup *d, size_t service, dns_endpoint *out, size_t room);
/* New reference. */
json_t *dns_json(const dns_lookup *d);

#endif
