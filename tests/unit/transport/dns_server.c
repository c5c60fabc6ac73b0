/* SPDX-License-Identifier: MIT */
/* dns_server.c: a DNS server over UDP for tests. */
#include "dns_server.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>
#include <criterion/criterion.h>

enum { HEADER = 12, FLAGS_ANSWER = 0x8180 /* QR, RD, RA */, CLASS_IN = 1, TTL = 60, NAME_MAX_LEN = 256 };

struct message {
    uint8_t bytes[1500];
    size_t len;
};

static void put(struct message *m, const void *bytes, size_t len)
{
    cr_assert_leq(m->len + len, sizeof m->bytes);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static void put16(struct message *m, unsigned value)
{
    put(m, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_name(struct message *m, const char *name)
{
    while (*name && *name != '.') {
        size_t label = strcspn(name, ".");
        put(m, &(uint8_t){(uint8_t)label}, 1);
        put(m, name, label);
        name += label + (name[label] == '.');
    }
    put(m, "", 1);
}

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

static void put_record(struct message *m, const dns_row *row, const char *name)
{
    put_name(m, name);
    put16(m, row->type);
    put16(m, CLASS_IN);
    put16(m, 0);
    put16(m, TTL);
    size_t length_at = m->len;
    uint8_t address[16];
    put16(m, 0);
    if (row->type == DNS_A || row->type == DNS_AAAA) {
        cr_assert_eq(inet_pton(row->type == DNS_A ? AF_INET : AF_INET6, row->data, address), 1);
        put(m, address, row->type == DNS_A ? 4 : 16);
    } else {
        if (row->type == DNS_SRV) {
            put16(m, row->priority);
            put16(m, row->weight);
            put16(m, row->port);
        }
        put_name(m, row->data);
    }
    m->bytes[length_at + 1] = (uint8_t)(m->len - length_at - 2);
}

/* Adds what the table has; returns the response code, or -1 for silence. */
static int answer(const dns_server *server, struct message *m, const char *name, unsigned type, unsigned *count)
{
    int rcode = DNS_NXDOMAIN;
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
        put_record(m, row, name);
        ++*count;
        if (row->type == DNS_CNAME)
            return answer(server, m, row->data, type, count);
    }
    return rcode;
}

static void received(uv_udp_t *udp, ssize_t len, const uv_buf_t *buf, const struct sockaddr *from, unsigned flags)
{
    dns_server *server = udp->data;
    struct message m = {.len = 0};
    char name[NAME_MAX_LEN];
    unsigned count = 0;
    (void)flags, (void)buf;
    if (!from || len < HEADER)
        return;
    server->questions++;
    size_t type_at = question_name(server->in, (size_t)len, name);
    unsigned type = (unsigned)(server->in[type_at] << 8 | server->in[type_at + 1]);
    put(&m, server->in, type_at + 4);
    int rcode = answer(server, &m, name, type, &count);
    if (rcode < 0)
        return;
    const uint8_t head[] = {FLAGS_ANSWER >> 8, (uint8_t)((FLAGS_ANSWER & 0xff) | rcode), 0, 1,
                            0, (uint8_t)count, 0, 0, 0, 0};
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
