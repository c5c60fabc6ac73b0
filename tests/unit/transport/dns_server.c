/* SPDX-License-Identifier: MIT */
/* dns_server.c: a DNS server over UDP for tests. */
#include "dns_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <criterion/criterion.h>

enum { HEADER = 12, FLAGS_ANSWER = 0x8180 /* QR, RD, RA */, CLASS_IN = 1, NAME_MAX_LEN = 256 };

/* The first question's name as text; returns where its type stands. */
static size_t question_name(const uint8_t *in, size_t len, char out[NAME_MAX_LEN])
{
    size_t at = HEADER, n = 0;
    while (at < len && in[at] != 0) {
        size_t label = in[at++];
        cr_assert(at + label < len && n + label + 1 < NAME_MAX_LEN);
        memcpy(out + n, in + at, label);
        n += label;
        at += label;
        out[n++] = '.';
    }
    out[n ? n - 1 : 0] = '\0';
    return at + 1;
}

static void put_record(dns_wire *m, const char *owner, unsigned type, const dns_wire *rdata)
{
    dns_put_name(m, owner);
    dns_put16(m, type);
    dns_put16(m, CLASS_IN);
    dns_put16(m, 0);
    dns_put16(m, DNS_TTL);
    dns_put16(m, (unsigned)rdata->len);
    dns_put(m, rdata->bytes, rdata->len);
}

static void put_tlsa(dns_wire *m, const char *text)
{
    char *at = (char *)(uintptr_t)text, octet[3] = ""; /* strtoul wants it so; only read */
    for (size_t i = 0; i < 3; i++)
        dns_put(m, &(uint8_t){(uint8_t)strtoul(at, &at, 10)}, 1);
    for (at += *at == ' '; at[0] && at[1]; at += 2) {
        memcpy(octet, at, 2);
        dns_put(m, &(uint8_t){(uint8_t)strtoul(octet, NULL, 16)}, 1);
    }
}

static void read_row(const dns_row *row, dns_wire *rdata)
{
    uint8_t address[16];
    rdata->len = 0;
    if (row->type == DNS_A || row->type == DNS_AAAA) {
        cr_assert_eq(inet_pton(row->type == DNS_A ? AF_INET : AF_INET6, row->data, address), 1);
        dns_put(rdata, address, row->type == DNS_A ? 4 : 16);
        return;
    }
    if (row->type == DNS_TLSA) {
        put_tlsa(rdata, row->data);
        return;
    }
    if (row->type == DNS_SRV) {
        dns_put16(rdata, row->priority);
        dns_put16(rdata, row->weight);
        dns_put16(rdata, row->port);
    }
    dns_put_name(rdata, row->data);
}

/* -- the signed zone ----------------------------------------------------------------------------------- */

static bool is_signed(const dns_server *server, const char *name)
{
    size_t len = strlen(name), zone = server->signer ? strlen(server->signer->zone) : len + 1;
    return len >= zone && strcasecmp(name + len - zone, server->signer->zone) == 0 &&
           (len == zone || name[len - zone - 1] == '.');
}

static void put_signed(const dns_server *server, dns_wire *m, const char *owner, unsigned type, const dns_wire *rdata,
                       size_t count, bool forged)
{
    dns_wire signature;
    dns_sign(server->signer, owner, type, rdata, count, &signature);
    signature.bytes[signature.len - 1] ^= forged;
    put_record(m, owner, DNS_RRSIG, &signature);
}

/* SOA and NSEC, each with its signature; returns how many records. */
static unsigned put_denial(const dns_server *server, dns_wire *m, const char *name)
{
    dns_wire soa = {.len = 0}, nsec;
    dns_put_name(&soa, server->signer->zone);
    dns_put_name(&soa, server->signer->zone);
    for (size_t i = 0; i < 10; i++) /* serial, refresh, retry, expire, minimum: 60 will do for all */
        dns_put16(&soa, i % 2 ? DNS_TTL : 0);
    dns_nothing(name, &nsec);
    put_record(m, server->signer->zone, DNS_SOA, &soa);
    put_signed(server, m, server->signer->zone, DNS_SOA, &soa, 1, false);
    put_record(m, name, DNS_NSEC, &nsec);
    put_signed(server, m, name, DNS_NSEC, &nsec, 1, false);
    return 4;
}

static const uint8_t OPT[] = {0, 0, 41, 4, 208, 0, 0, 128, 0, 0, 0}; /* EDNS: 1232 octets, DNSSEC OK */

/* -- answering ----------------------------------------------------------------------------------------- */

enum { SET_MAX = 8 };

/* Adds what the table has; returns the response code, or -1 for silence. */
static int answer(const dns_server *server, dns_wire *m, const char *name, unsigned type, unsigned *count)
{
    static dns_wire set[SET_MAX];
    size_t found = 0;
    int rcode = DNS_NXDOMAIN;
    bool forged = false;
    for (size_t i = 0; i < server->rows_len; i++) {
        const dns_row *row = &server->rows[i];
        if (strcasecmp(row->name, name) != 0)
            continue;
        bool asked = row->type == type || row->type == DNS_ANY || row->type == DNS_CNAME;
        if (asked && row->silent)
            return -1;
        if (asked && row->rcode)
            return row->rcode;
        rcode = 0;
        if (!asked || row->type == DNS_ANY)
            continue;
        forged = forged || row->forged;
        dns_wire *rdata = &set[found < SET_MAX ? found : 0];
        found++;
        read_row(row, rdata);
        put_record(m, name, row->type, rdata);
        ++*count;
        if (row->type == DNS_CNAME)
            return answer(server, m, row->data, type, count);
    }
    if (is_signed(server, name) && type == DNS_DNSKEY && strcasecmp(name, server->signer->zone) == 0) {
        set[found++] = server->signer->dnskey;
        put_record(m, name, DNS_DNSKEY, &set[0]);
        ++*count;
    }
    if (is_signed(server, name) && found > 0) {
        cr_assert_leq(found, (size_t)SET_MAX);
        put_signed(server, m, name, type, set, found, forged);
        ++*count;
    }
    return rcode;
}

static void received(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
    dns_server *server = udp->data;
    dns_wire m = {.len = 0};
    char name[NAME_MAX_LEN];
    unsigned count = 0;
    (void)flags, (void)buf;
    if (!from || len < HEADER)
        return;
    server->questions++;
    size_t type_at = question_name(server->in, (size_t)len, name);
    unsigned type = (unsigned)(server->in[type_at] << 8 | server->in[type_at + 1]);
    dns_put(&m, server->in, type_at + 4);
    int rcode = answer(server, &m, name, type, &count);
    if (rcode < 0)
        return;
    unsigned authority = 0, additional = 0;
    if (is_signed(server, name)) {
        if (count == 0 && (rcode == 0 || rcode == DNS_NXDOMAIN)) {
            rcode = 0; /* the proof is that there are no records, not that there is no name */
            authority = put_denial(server, &m, name);
        }
        dns_put(&m, OPT, sizeof OPT);
        additional = 1;
    }
    const uint8_t head[] = {FLAGS_ANSWER >> 8, (uint8_t)((FLAGS_ANSWER & 0xff) | rcode), 0, 1,
                            0, (uint8_t)count, 0, (uint8_t)authority, 0, (uint8_t)additional};
    memcpy(m.bytes + 2, head, sizeof head);
    uv_buf_t out = uv_buf_init((char *)m.bytes, (unsigned)m.len);
    cr_assert_eq(uv_udp_try_send(udp, &out, 1, from), (int)m.len);
}

static void lend(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    dns_server *server = handle->data;
    (void)suggested;
    *buf = uv_buf_init((char *)server->in, sizeof server->in);
}

void dns_begin(dns_server *server, uv_loop_t *loop, const dns_row *rows, size_t rows_len)
{
    struct sockaddr_in address;
    int len = sizeof address;
    *server = (dns_server){.rows = rows, .rows_len = rows_len};
    cr_assert_eq(uv_udp_init(loop, &server->udp), 0);
    server->udp.data = server;
    cr_assert_eq(uv_ip4_addr("127.0.0.1", 0, &address), 0);
    cr_assert_eq(uv_udp_bind(&server->udp, (struct sockaddr *)&address, 0), 0);
    cr_assert_eq(uv_udp_getsockname(&server->udp, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(server->address, sizeof server->address, "127.0.0.1@%u", ntohs(address.sin_port));
    cr_assert_eq(uv_udp_recv_start(&server->udp, lend, received), 0);
}

void dns_end(dns_server *server)
{
    uv_close((uv_handle_t *)&server->udp, NULL);
}
