/* SPDX-License-Identifier: MIT */
/* answers.c: what the DNS has answered to a query's questions, read: SRV, addresses, TLSA, and faults. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "transport/query.h"

enum {
    RR_AAAA = 28,
    RCODE_NOERROR = 0,
    RCODE_SERVFAIL = 2,
    RCODE_NXDOMAIN = 3,
    V4_LEN = 4,
    V6_LEN = 16,
    TLSA_FIXED = 3,
    SRV_RECORDS_MAX = 256, /* of one answer; the rest is ignored */
    TLSA_RECORDS_MAX = 64, /* of one target; the rest is ignored, so what matches only there is refused */
};

bool s2s__answer_usable(const s2s__question *question)
{
    const struct ub_result *a = question->result;
    return a && !a->bogus && a->havedata;
}

/* --- what went wrong --- */

static int weight_of(s2s__resolved status)
{
    switch (status) {
    case S2S__RESOLVED_FOUND: return 0;
    case S2S__RESOLVED_NOT_FOUND: return 1;
    case S2S__RESOLVED_NOT_OFFERED: return 2;
    case S2S__RESOLVED_FAILED: return 3;
    case S2S__RESOLVED_TIMEOUT: return 4;
    case S2S__RESOLVED_BOGUS: return 5;
    }
    return 0;
}

void s2s__query_blame(s2s__query *q, s2s__resolved status, const char *text)
{
    if (weight_of(status) <= weight_of(q->resolution->status))
        return;
    q->resolution->status = status;
    s2s__copy_text(q->resolution->text, s2s_str_of(text));
}

/* The fault of an answer: FOUND if there is none. */
static s2s__resolved fault_of(const s2s__query *q, const s2s__question *question, char text[S2S_TEXT_MAX])
{
    const struct ub_result *a = question->result;
    if (!question->asked)
        return S2S__RESOLVED_FOUND;
    if (question->failure) {
        (void)snprintf(text, S2S_TEXT_MAX, "the DNS resolver failed: %s", ub_strerror(question->failure));
        return S2S__RESOLVED_FAILED;
    }
    if (!a) {
        (void)snprintf(text, S2S_TEXT_MAX, "DNS did not answer within %u ms: is its server reachable?",
                       (unsigned)q->resolver->env->limits.dns_ms);
        return S2S__RESOLVED_TIMEOUT;
    }
    if (a->bogus) {
        (void)snprintf(text, S2S_TEXT_MAX, "DNSSEC validation failed: %s",
                       a->why_bogus ? a->why_bogus : "no reason given");
        return S2S__RESOLVED_BOGUS;
    }
    if (a->rcode != RCODE_NOERROR && a->rcode != RCODE_NXDOMAIN) {
        (void)snprintf(text, S2S_TEXT_MAX, "DNS answered with error code %d%s", a->rcode,
                       a->rcode == RCODE_SERVFAIL ? " (SERVFAIL)" : "");
        return S2S__RESOLVED_FAILED;
    }
    return S2S__RESOLVED_FOUND;
}

void s2s__query_blame_answer(s2s__query *q, const s2s__question *question)
{
    char text[S2S_TEXT_MAX];
    s2s__resolved fault = fault_of(q, question, text);
    if (fault != S2S__RESOLVED_FOUND)
        s2s__query_blame(q, fault, text);
}

/* --- SRV --- */

static size_t records_of(const s2s__question *question)
{
    size_t records = 0;
    while (s2s__answer_usable(question) && records < SRV_RECORDS_MAX && question->result->data[records])
        records++;
    return records;
}

/* Adds the records of one answer; true if it is a single ".". */
static bool add_records(s2s__query *q, const s2s__question *question, bool direct)
{
    const struct ub_result *a = question->result;
    size_t count = records_of(question), roots = 0;
    for (size_t i = 0; i < count; i++) {
        s2s__srv *record = &q->records[q->records_len];
        if (s2s__srv_parse((s2s_bytes){(const uint8_t *)a->data[i], (size_t)a->len[i]}, record) != S2S_OK)
            continue;
        if (record->target[0] == '\0') {
            roots++;
            continue;
        }
        record->direct = direct;
        record->secure = a->secure;
        q->records_len++;
    }
    return count == 1 && roots == 1;
}

s2s_err s2s__query_read_srv(s2s__query *q, bool *refused)
{
    const s2s_env *env = q->resolver->env;
    size_t room = records_of(&q->srv[SRV_STARTTLS]) + records_of(&q->srv[SRV_DIRECT]) + 1;
    q->records = s2s__alloc(env, room * sizeof *q->records);
    if (!q->records)
        return S2S_E_NOMEM;
    bool no_starttls = add_records(q, &q->srv[SRV_STARTTLS], false);
    bool no_direct = add_records(q, &q->srv[SRV_DIRECT], true);
    *refused = no_starttls || no_direct;
    s2s_err err = s2s__srv_order(env, q->records, q->records_len); /* as one set (DN-04) */
    if (q->records_len > env->limits.dns_targets)
        q->records_len = env->limits.dns_targets;
    return err;
}

/* --- TLSA --- */

/* The records and the bytes behind them in one block. Too short ones are left out. */
static s2s_err copy_tlsa(const s2s_env *env, const struct ub_result *a, s2s__target *target)
{
    size_t count = 0, bytes = 0;
    while (a->havedata && count < TLSA_RECORDS_MAX && a->data[count])
        bytes += (size_t)a->len[count++];
    if (count == 0)
        return S2S_OK;
    target->tlsa = s2s__alloc(env, count * sizeof *target->tlsa + bytes);
    if (!target->tlsa)
        return S2S_E_NOMEM;
    uint8_t *at = (uint8_t *)(target->tlsa + count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *rdata = (const uint8_t *)a->data[i];
        if (a->len[i] <= TLSA_FIXED)
            continue;
        size_t len = (size_t)a->len[i] - TLSA_FIXED;
        memcpy(at, rdata + TLSA_FIXED, len);
        target->tlsa[target->tlsa_len++] =
            (s2s_tlsa){.usage = rdata[0], .selector = rdata[1], .matching = rdata[2], .data = {at, len}};
        at += len;
    }
    return S2S_OK;
}

/* S2S_E_DNS: this target may not be used (DA-01). */
static s2s_err read_tlsa(s2s__query *q, const s2s__question *question, bool secure, s2s__target *target,
                         char why[S2S_TEXT_MAX])
{
    if (!q->dane)
        return S2S_OK;
    target->tlsa_state = S2S_DNSSEC_INSECURE;
    if (!secure || !question->asked)
        return S2S_OK;
    s2s__resolved fault = fault_of(q, question, why);
    if (fault != S2S__RESOLVED_FOUND) {
        s2s__query_blame(q, fault, why);
        return S2S_E_DNS;
    }
    if (!question->result->secure)
        return S2S_OK;
    target->tlsa_state = S2S_DNSSEC_SECURE;
    return copy_tlsa(q->resolver->env, question->result, target);
}

/* --- addresses --- */

static bool add_address(s2s__query *q, const s2s__target *target, const struct ub_result *a, size_t i)
{
    s2s__resolution *r = q->resolution;
    s2s__endpoint *e = &r->endpoints[r->count];
    *e = (s2s__endpoint){.target = target};
    if (a->qtype == RR_AAAA && a->len[i] == V6_LEN) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e->address;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(target->srv.port);
        memcpy(&v6->sin6_addr, a->data[i], V6_LEN);
    } else if (a->qtype != RR_AAAA && a->len[i] == V4_LEN) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&e->address;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(target->srv.port);
        memcpy(&v4->sin_addr, a->data[i], V4_LEN);
    } else {
        return false; /* malformed: no address */
    }
    r->count++;
    return true;
}

/* By turns IPv6 and IPv4 (RFC 8305 section 4), up to limits.dns_addresses. */
static void add_addresses(s2s__query *q, const s2s__target *target, const s2s__question *questions)
{
    size_t room = q->resolver->env->limits.dns_addresses, next[2] = {0, 0};
    bool more = true;
    while (more && room > 0) {
        more = false;
        for (size_t k = TARGET_AAAA; k <= TARGET_A && room > 0; k++) {
            const struct ub_result *a = questions[k].result;
            if (!s2s__answer_usable(&questions[k]) || !a->data[next[k]])
                continue;
            more = true;
            if (add_address(q, target, a, next[k]++))
                room--;
        }
    }
}

static void left_out(const s2s__query *q, const s2s__srv *srv, const char *why)
{
    s2s_field fields[] = {{"domain", s2s_str_of(q->domain)}, {"target", s2s_str_of(srv->target)},
                          {"reason", s2s_str_of(why)}};
    s2s__log(q->resolver->env, S2S_LOG_INFO, "a server of the domain is left out", fields,
             sizeof fields / sizeof *fields);
}

/* One target with its addresses, if it may be used. */
static s2s_err collect_target(s2s__query *q, const s2s__srv *srv, const s2s__question *questions)
{
    char why[S2S_TEXT_MAX];
    bool secure = srv->secure;
    s2s__target *target = &q->resolution->targets[q->resolution->targets_len];
    *target = (s2s__target){.srv = *srv};
    for (size_t k = TARGET_AAAA; k <= TARGET_A; k++) {
        const struct ub_result *a = questions[k].result;
        if (a && a->bogus) {
            s2s__query_blame_answer(q, &questions[k]);
            (void)fault_of(q, &questions[k], why);
            left_out(q, srv, why);
            return S2S_OK;
        }
        if (a && a->havedata && !a->secure)
            secure = false;
    }
    s2s_err err = read_tlsa(q, &questions[TARGET_TLSA], secure, target, why);
    if (err == S2S_E_DNS) {
        left_out(q, srv, why);
        return S2S_OK;
    }
    if (err != S2S_OK)
        return err;
    q->resolution->targets_len++;
    add_addresses(q, target, questions);
    return S2S_OK;
}

s2s_err s2s__query_collect(s2s__query *q)
{
    const s2s_env *env = q->resolver->env;
    s2s__resolution *r = q->resolution;
    r->targets = s2s__alloc(env, q->records_len * sizeof *r->targets);
    r->endpoints = s2s__alloc(env, q->records_len * env->limits.dns_addresses * sizeof *r->endpoints);
    if (!r->targets || !r->endpoints)
        return S2S_E_NOMEM;
    for (size_t t = 0; t < q->records_len; t++) {
        s2s_err err = collect_target(q, &q->records[t], &q->questions[t * TARGET_QUESTIONS]);
        if (err != S2S_OK)
            return err;
    }
    return S2S_OK;
}
