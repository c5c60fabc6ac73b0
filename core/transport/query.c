/* SPDX-License-Identifier: MIT */
/* query.c: one domain's way to its addresses (RFC 6120 section 3.2), in at most two rounds of questions. */
#include "transport/query.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"
#include "transport/srv.h"

#define SRV_PREFIX "_xmpp-server._tcp."
enum {
    RR_CLASS_IN = 1,
    RR_A = 1,
    RR_AAAA = 28,
    RR_SRV = 33,
    RCODE_NOERROR = 0,
    RCODE_NXDOMAIN = 3,
    V4_LEN = 4,
    V6_LEN = 16,
    LABEL_MAX = 63,
    SRV_RECORDS_MAX = 256, /* of one answer; the rest is ignored */
};

/* One DNS question, and its answer once that came. */
struct question {
    s2s__query *query;
    int id;                   /* libunbound's, for cancelling */
    bool asked, waiting;
    int failure;              /* libunbound's own error code: there is no answer */
    struct ub_result *result; /* NULL: none (yet) */
};

enum state { EXPECT_START, EXPECT_SRV, EXPECT_ADDRESSES, DONE };

struct s2s__query {
    s2s__resolver *resolver;
    s2s__query *prev, *next;
    uv_timer_t timer;
    enum state state;
    char domain[S2S_ASCII_DOMAIN_MAX + 1];
    s2s__resolved_cb done;
    void *arg;
    struct question srv;
    s2s__srv *targets; /* in the order to try; without SRV the domain itself */
    size_t targets_len;
    struct question *questions; /* two for each target: AAAA, A */
    size_t questions_len;
    s2s__endpoint *endpoints;
    s2s__resolution resolution;
    char text[S2S_TEXT_MAX];
};

/* --- the end --- */

static void timer_closed(uv_handle_t *handle)
{
    s2s__query *q = handle->data;
    s2s__resolver *r = q->resolver;
    ub_resolve_free(q->srv.result);
    for (size_t i = 0; i < q->questions_len; i++)
        ub_resolve_free(q->questions[i].result);
    s2s__free(r->env, q->questions);
    s2s__free(r->env, q->targets);
    s2s__free(r->env, q->endpoints);
    s2s__free(r->env, q);
    s2s__resolver_handle_closed(r);
}

static void cancel_question(s2s__query *q, struct question *question)
{
    if (question->waiting)
        (void)ub_cancel(q->resolver->dns, question->id); /* fails only if it is not waiting */
    question->waiting = false;
}

/* Nothing reaches the query any more; its memory goes when the loop has let go of the timer. */
static void finish(s2s__query *q)
{
    if (q->prev)
        q->prev->next = q->next;
    else
        q->resolver->queries = q->next;
    if (q->next)
        q->next->prev = q->prev;
    cancel_question(q, &q->srv);
    for (size_t i = 0; i < q->questions_len; i++)
        cancel_question(q, &q->questions[i]);
    q->state = DONE;
    uv_close((uv_handle_t *)&q->timer, timer_closed);
}

void s2s__resolver_cancel(s2s__query *query)
{
    if (query)
        finish(query);
}

static void deliver(s2s__query *q)
{
    q->resolution.endpoints = q->endpoints;
    q->resolution.text = q->text;
    finish(q);
    q->done(q->arg, &q->resolution);
}

static void deliver_failure(s2s__query *q, s2s__resolved status, const char *text)
{
    q->resolution.status = status;
    s2s__copy_text(q->text, s2s_str_of(text));
    deliver(q);
}

/* --- what went wrong, if there is no address in the end --- */

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

static void blame(s2s__query *q, s2s__resolved status, const char *text)
{
    if (weight_of(status) <= weight_of(q->resolution.status))
        return;
    q->resolution.status = status;
    s2s__copy_text(q->text, s2s_str_of(text));
}

/* Blames what is wrong with one answer; "no data" is not wrong. */
static void blame_answer(s2s__query *q, const struct question *question)
{
    const struct ub_result *a = question->result;
    char text[S2S_TEXT_MAX];
    if (!question->asked)
        return;
    if (question->failure) {
        (void)snprintf(text, sizeof text, "the DNS resolver failed: %s",
                       ub_strerror(question->failure));
        blame(q, S2S__RESOLVED_FAILED, text);
    } else if (!a) {
        (void)snprintf(text, sizeof text, "DNS did not answer within %u ms",
                       (unsigned)q->resolver->env->limits.dns_ms);
        blame(q, S2S__RESOLVED_TIMEOUT, text);
    } else if (a->bogus) {
        (void)snprintf(text, sizeof text, "DNSSEC validation failed: %s",
                       a->why_bogus ? a->why_bogus : "no reason given");
        blame(q, S2S__RESOLVED_BOGUS, text);
    } else if (a->rcode != RCODE_NOERROR && a->rcode != RCODE_NXDOMAIN) {
        (void)snprintf(text, sizeof text, "DNS answered with error code %d%s", a->rcode,
                       a->rcode == 2 ? " (SERVFAIL)" : "");
        blame(q, S2S__RESOLVED_FAILED, text);
    }
}

static bool usable(const struct question *question)
{
    const struct ub_result *a = question->result;
    return a && !a->bogus && a->havedata;
}

/* --- asking --- */

static void answered(void *arg, int failure, struct ub_result *result);

static void ask(struct question *question, s2s__query *q, const char *name, int rrtype)
{
    *question = (struct question){.query = q};
    question->failure = ub_resolve_async(q->resolver->dns, name, rrtype, RR_CLASS_IN, question,
                                         answered, &question->id);
    question->asked = true;
    question->waiting = question->failure == 0;
}

static bool any_waits(const s2s__query *q)
{
    for (size_t i = 0; i < q->questions_len; i++) {
        if (q->questions[i].waiting)
            return true;
    }
    return false;
}

/* --- round 2: the targets' addresses --- */

static void add_endpoint(s2s__query *q, const s2s__srv *target, const struct ub_result *a, int i)
{
    s2s__endpoint *e = &q->endpoints[q->resolution.count];
    *e = (s2s__endpoint){.target = target->target, .priority = target->priority};
    if (a->qtype == RR_AAAA && a->len[i] == V6_LEN) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e->address;
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(target->port);
        memcpy(&v6->sin6_addr, a->data[i], V6_LEN);
    } else if (a->qtype == RR_A && a->len[i] == V4_LEN) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)&e->address;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(target->port);
        memcpy(&v4->sin_addr, a->data[i], V4_LEN);
    } else {
        return; /* malformed: no address */
    }
    q->resolution.count++;
}

static s2s_err collect(s2s__query *q)
{
    const s2s_env *env = q->resolver->env;
    size_t most = env->limits.dns_addresses;
    q->endpoints = s2s__alloc(env, q->targets_len * most * sizeof *q->endpoints);
    if (!q->endpoints)
        return S2S_E_NOMEM;
    for (size_t t = 0; t < q->targets_len; t++) {
        size_t first = q->resolution.count;
        for (size_t k = 2 * t; k < 2 * t + 2; k++) {
            const struct ub_result *a = q->questions[k].result;
            if (!usable(&q->questions[k]))
                continue;
            for (int i = 0; a->data[i] && q->resolution.count - first < most; i++)
                add_endpoint(q, &q->targets[t], a, i);
        }
    }
    return S2S_OK;
}

/* A name that does not exist has nothing below it either (RFC 8020), whatever befell the SRV question. */
static bool domain_is_missing(const s2s__query *q)
{
    for (size_t i = 0; !q->resolution.from_srv && i < q->questions_len; i++) {
        const struct ub_result *a = q->questions[i].result;
        if (a && a->nxdomain && !a->bogus)
            return true;
    }
    return false;
}

static void addresses_answered(s2s__query *q)
{
    if (collect(q) != S2S_OK) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    if (q->resolution.count > 0) {
        q->resolution.status = S2S__RESOLVED_FOUND;
        q->text[0] = '\0';
        deliver(q);
        return;
    }
    if (domain_is_missing(q)) {
        deliver_failure(q, S2S__RESOLVED_NOT_FOUND, "the domain does not exist in DNS");
        return;
    }
    if (!q->resolution.from_srv)
        blame_answer(q, &q->srv);
    for (size_t i = 0; i < q->questions_len; i++)
        blame_answer(q, &q->questions[i]);
    blame(q, S2S__RESOLVED_NOT_FOUND,
          q->resolution.from_srv ? "no target of the domain's SRV records has an address"
                                 : "the domain has neither an SRV record nor an address in DNS");
    deliver(q);
}

static void time_is_up(uv_timer_t *timer);

static void ask_addresses(s2s__query *q)
{
    q->questions = s2s__alloc(q->resolver->env, 2 * q->targets_len * sizeof *q->questions);
    if (!q->questions) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    q->state = EXPECT_ADDRESSES;
    q->questions_len = 2 * q->targets_len;
    for (size_t t = 0; t < q->targets_len; t++) {
        ask(&q->questions[2 * t], q, q->targets[t].target, RR_AAAA);
        ask(&q->questions[2 * t + 1], q, q->targets[t].target, RR_A);
    }
    if (any_waits(q))
        (void)uv_timer_start(&q->timer, time_is_up, q->resolver->env->limits.dns_ms, 0);
    else
        addresses_answered(q);
}

/* --- round 1: SRV --- */

static void use_domain_itself(s2s__query *q)
{
    q->targets = s2s__alloc(q->resolver->env, sizeof *q->targets);
    if (!q->targets) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    q->targets_len = 1;
    q->targets[0].port = S2S__PORT;
    memcpy(q->targets[0].target, q->domain, sizeof q->domain);
    ask_addresses(q);
}

/* Reads and orders the records; "." among others and malformed ones are left out. */
static s2s_err read_targets(s2s__query *q)
{
    const s2s_env *env = q->resolver->env;
    const struct ub_result *a = q->srv.result;
    size_t records = 0;
    while (records < SRV_RECORDS_MAX && a->data[records])
        records++;
    q->targets = s2s__alloc(env, records * sizeof *q->targets);
    if (!q->targets)
        return S2S_E_NOMEM;
    for (size_t i = 0; i < records; i++) {
        s2s_bytes rdata = {(const uint8_t *)a->data[i], (size_t)a->len[i]};
        s2s__srv *target = &q->targets[q->targets_len];
        if (s2s__srv_parse(rdata, target) == S2S_OK && target->target[0] != '\0')
            q->targets_len++;
    }
    s2s_err err = s2s__srv_order(env, q->targets, q->targets_len);
    if (q->targets_len > env->limits.dns_targets)
        q->targets_len = env->limits.dns_targets;
    return err;
}

static bool not_offered(const struct ub_result *a)
{
    s2s__srv only;
    return a->data[0] && !a->data[1] &&
           s2s__srv_parse((s2s_bytes){(const uint8_t *)a->data[0], (size_t)a->len[0]}, &only) ==
               S2S_OK &&
           only.target[0] == '\0';
}

static void srv_answered(s2s__query *q)
{
    if (q->srv.result && q->srv.result->bogus) {
        blame_answer(q, &q->srv);
        deliver(q);
        return;
    }
    if (!usable(&q->srv)) { /* RFC 6120 section 3.2.1, point 9 */
        use_domain_itself(q);
        return;
    }
    q->resolution.from_srv = true; /* and so no fall-back (DN-03) */
    if (not_offered(q->srv.result)) {
        deliver_failure(q, S2S__RESOLVED_NOT_OFFERED,
                        "the domain's SRV record says that it does not offer XMPP federation");
        return;
    }
    s2s_err err = read_targets(q);
    if (err != S2S_OK)
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(err));
    else if (q->targets_len == 0)
        deliver_failure(q, S2S__RESOLVED_NOT_FOUND, "the domain's SRV records name no usable host");
    else
        ask_addresses(q);
}

static void ask_srv(s2s__query *q)
{
    char name[sizeof SRV_PREFIX + S2S_ASCII_DOMAIN_MAX];
    (void)snprintf(name, sizeof name, SRV_PREFIX "%s", q->domain);
    if (strlen(name) > S2S_ASCII_DOMAIN_MAX) { /* such a record cannot exist */
        use_domain_itself(q);
        return;
    }
    q->state = EXPECT_SRV;
    ask(&q->srv, q, name, RR_SRV);
    if (q->srv.waiting)
        (void)uv_timer_start(&q->timer, time_is_up, q->resolver->env->limits.dns_ms, 0);
    else
        srv_answered(q);
}

/* --- the three things that can happen --- */

static void start(s2s__query *q)
{
    s2s__endpoint literal = {.target = q->domain};
    if (s2s__address_parse_host(s2s_str_of(q->domain), S2S__PORT, &literal.address) != S2S_OK) {
        ask_srv(q);
        return;
    }
    q->endpoints = s2s__alloc(q->resolver->env, sizeof literal);
    if (!q->endpoints) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    q->endpoints[0] = literal;
    q->resolution.count = 1;
    deliver(q);
}

static void time_is_up(uv_timer_t *timer)
{
    s2s__query *q = timer->data;
    switch (q->state) {
    case EXPECT_START: start(q); break;
    case EXPECT_SRV:
        cancel_question(q, &q->srv);
        srv_answered(q);
        break;
    case EXPECT_ADDRESSES:
        for (size_t i = 0; i < q->questions_len; i++)
            cancel_question(q, &q->questions[i]);
        addresses_answered(q); /* what came in time counts */
        break;
    case DONE: break;
    }
}

static void answered(void *arg, int failure, struct ub_result *result)
{
    struct question *question = arg;
    s2s__query *q = question->query;
    question->waiting = false;
    question->failure = failure;
    question->result = result;
    switch (q->state) {
    case EXPECT_START: break;
    case EXPECT_SRV: srv_answered(q); break;
    case EXPECT_ADDRESSES:
        if (!any_waits(q))
            addresses_answered(q);
        break;
    case DONE: break;
    }
}

/* --- a new query --- */

/* Letters, digits, '-' and '_' in labels of 1 to 63. libunbound's text form knows escapes: none get there. */
static bool is_host_name(s2s_str name)
{
    size_t label = 0;
    if (name.len > S2S_ASCII_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_') {
            if (++label > LABEL_MAX)
                return false;
        } else {
            return false;
        }
    }
    return label > 0;
}

s2s_err s2s__resolver_query(s2s__resolver *r, const char *domain, s2s__resolved_cb done, void *arg,
                            s2s__query **out)
{
    struct sockaddr_storage literal;
    s2s_str name = s2s_str_of(domain);
    if (r->closing)
        return S2S_E_STATE;
    if (!is_host_name(name) && s2s__address_parse_host(name, S2S__PORT, &literal) != S2S_OK)
        return S2S_E_SYNTAX;
    s2s__query *q = s2s__alloc(r->env, sizeof *q);
    if (!q)
        return S2S_E_NOMEM;
    q->resolver = r;
    q->done = done;
    q->arg = arg;
    memcpy(q->domain, name.ptr, name.len);
    (void)uv_timer_init(r->loop, &q->timer); /* these two cannot fail */
    q->timer.data = q;
    (void)uv_timer_start(&q->timer, time_is_up, 0, 0);
    r->handles++;
    q->next = r->queries;
    if (r->queries)
        r->queries->prev = q;
    r->queries = q;
    *out = q;
    return S2S_OK;
}
