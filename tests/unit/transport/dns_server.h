/* SPDX-License-Identifier: MIT */
/* dns_server.h: a DNS server over UDP for tests, on the test's own loop, answering from a table. */
#ifndef TEST_DNS_SERVER_H
#define TEST_DNS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "dns_sign.h"

enum { DNS_A = 1, DNS_CNAME = 5, DNS_TXT = 16, DNS_AAAA = 28, DNS_SRV = 33, DNS_TLSA = 52, DNS_ANY = 255 };
enum { DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3 };

/* One record; or with `rcode` an error, with `silent` no answer at all, for questions of this name and type (DNS_ANY:
 * all). A name that is in no row does not exist. */
typedef struct dns_row {
    const char *name;
    uint16_t type;
    const char *data; /* an address, the name of an SRV target or CNAME ("." is the root), or of TLSA "3 1 1 HEX" */
    uint16_t priority, weight, port;
    int rcode;
    bool silent;
    bool forged; /* the signature over the records of this name and type is wrong */
} dns_row;

typedef struct dns_server {
    uv_udp_t udp;
    const dns_row *rows;
    size_t rows_len;
    size_t questions;  /* that came */
    const dns_signer *signer; /* NULL: no zone is signed */
    char address[32];  /* "127.0.0.1@PORT", as libunbound takes it */
    uint8_t in[1500];
} dns_server;

void dns_begin(dns_server *server, uv_loop_t *loop, const dns_row *rows, size_t rows_len);
void dns_end(dns_server *server); /* the loop must run once more */

#endif
