/* SPDX-License-Identifier: MIT */
/* srv.c: SRV records, RFC 2782. */
#include "transport/srv.h"

#include <string.h>

enum { SRV_FIXED = 6, LABEL_MAX = 63 };

static uint16_t read16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static bool is_host_octet(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Wire form (length, label, ..., 0) to text; all of `wire` must be used. */
static s2s_err parse_name(s2s_bytes wire, char out[S2S_ASCII_DOMAIN_MAX + 1])
{
    size_t at = 0, len = 0;
    while (at < wire.len && wire.ptr[at] != 0) {
        size_t label = wire.ptr[at++];
        if (label > LABEL_MAX || label >= wire.len - at)
            return S2S_E_SYNTAX;
        if (len + (len > 0) + label > S2S_ASCII_DOMAIN_MAX)
            return S2S_E_SYNTAX;
        if (len > 0)
            out[len++] = '.';
        for (size_t i = 0; i < label; i++) {
            if (!is_host_octet(wire.ptr[at + i]))
                return S2S_E_SYNTAX;
            out[len++] = (char)wire.ptr[at + i];
        }
        at += label;
    }
    out[len] = '\0';
    return at + 1 == wire.len ? S2S_OK : S2S_E_SYNTAX;
}

s2s_err s2s__srv_parse(s2s_bytes rdata, s2s__srv *out)
{
    s2s__srv srv = {0};
    if (rdata.len <= SRV_FIXED)
        return S2S_E_SYNTAX;
    s2s_err err = parse_name((s2s_bytes){rdata.ptr + SRV_FIXED, rdata.len - SRV_FIXED}, srv.target);
    if (err != S2S_OK)
        return err;
    srv.priority = read16(rdata.ptr);
    srv.weight = read16(rdata.ptr + 2);
    srv.port = read16(rdata.ptr + 4);
    *out = srv;
    return S2S_OK;
}

/* Moves records[from] to records[to] (to <= from) and keeps the order of the others. */
static void move_up(s2s__srv *records, size_t from, size_t to)
{
    s2s__srv moved = records[from];
    memmove(&records[to + 1], &records[to], (from - to) * sizeof *records);
    records[to] = moved;
}

/* By priority; weight 0 first within one, as RFC 2782 wants it for the selection ("Weight"). */
static bool goes_before(const s2s__srv *a, const s2s__srv *b)
{
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->weight == 0 && b->weight != 0;
}

static void sort(s2s__srv *records, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        size_t to = i;
        while (to > 0 && goes_before(&records[i], &records[to - 1]))
            to--;
        move_up(records, i, to);
    }
}

/* A random number between 0 and the sum of the weights picks the first record whose running sum
 * reaches it; where no record has a weight, all are equal. */
static size_t pick(const s2s__srv *group, size_t count, uint64_t random)
{
    uint64_t sum = 0, running = 0;
    size_t i = 0;
    for (size_t k = 0; k < count; k++)
        sum += group[k].weight;
    if (sum == 0)
        return (size_t)(random % count);
    /* 64 random bits for a number below 2^32: the modulo's bias does not matter */
    random %= sum + 1;
    while ((running += group[i].weight) < random)
        i++;
    return i;
}

/* Orders one group of equal priority. */
static s2s_err shuffle(const s2s_env *env, s2s__srv *group, size_t count)
{
    for (size_t done = 0; done + 1 < count; done++) {
        uint64_t random;
        s2s_err err = env->ops->random(env->user, &random, sizeof random);
        if (err != S2S_OK)
            return err;
        move_up(group, done + pick(group + done, count - done, random), done);
    }
    return S2S_OK;
}

s2s_err s2s__srv_order(const s2s_env *env, s2s__srv *records, size_t count)
{
    sort(records, count);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start + 1; end < count && records[end].priority == records[start].priority; end++)
            ;
        s2s_err err = shuffle(env, &records[start], end - start);
        if (err != S2S_OK)
            return err;
    }
    return S2S_OK;
}
