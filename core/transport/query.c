/* SPDX-License-Identifier: MIT */
/* query.c: one domain's way to its addresses (RFC 6120 section 3.2), in at most two rounds of questions. */
#include "transport/query.h"

#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "transport/address.h"

static const char *const SRV_PREFIX[SRV_KINDS] = {"_xmpp-server._tcp.", "_xmpps-server._tcp."};

enum {
    RR_CLASS_IN = 1,
    RR_A = 1,
    RR_AAAA = 28,
    RR_SRV = 33,
    RR_TLSA = 52,
    LABEL_MAX = 63,
    PREFIX_MAX = 24, /* of what is put before a name: "_xmpps-server._tcp.", "_65535._tcp." */
};

/* --- the end --- */

static void timer_closed(uv_handle_t *handle)
{
    s2s__query *q = handle->data;
    s2s__resolver *r = q->resolver;
    for (size_t i = 0; i < SRV_KINDS; i++)
        ub_resolve_free(q->srv[i].result);
    for (size_t i = 0; i < q->questions_len; i++)
        ub_resolve_free(q->questions[i].result);
    s2s__free(r->env, q->questions);
    s2s__free(r->env, q->records);
    s2s__resolution_free(q->resolution);
    s2s__free(r->env, q);
    s2s__resolver_handle_closed(r);
}

static void cancel_questions(s2s__query *q, s2s__question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (questions[i].waiting)
            (void)ub_cancel(q->resolver->asker->dns, questions[i].id); /* fails only if it is not waiting */
        questions[i].waiting = false;
    }
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
    cancel_questions(q, q->srv, SRV_KINDS);
    cancel_questions(q, q->questions, q->questions_len);
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
    s2s__resolution *resolution = q->resolution;
    q->resolution = NULL;
    finish(q);
    q->done(q->arg, resolution);
}

static void deliver_failure(s2s__query *q, s2s__resolved status, const char *text)
{
    q->resolution->status = status;
    q->resolution->count = 0;
    s2s__copy_text(q->resolution->text, s2s_str_of(text));
    deliver(q);
}

/* --- asking --- */

static void answered(void *arg, int failure, struct ub_result *result);

/* A name that would be too long cannot exist: it is not asked for. */
static void ask(s2s__question *question, s2s__query *q, const char *prefix, const char *name, int rrtype)
{
    char full[PREFIX_MAX + S2S_ASCII_DOMAIN_MAX + 1];
    *question = (s2s__question){.query = q};
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    if (strlen(full) > S2S_ASCII_DOMAIN_MAX)
        return;
    question->failure = ub_resolve_async(q->resolver->asker->dns, full, rrtype, RR_CLASS_IN, question, answered,
                                         &question->id);
    if (question->failure)
        s2s__resolver_failed(q->resolver);
    question->asked = true;
    question->waiting = question->failure == 0;
}

static bool any_waits(const s2s__question *questions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (questions[i].waiting)
            return true;
    }
    return false;
}

/* --- round 2: the targets' addresses, and their TLSA records --- */

/* A name that does not exist has nothing below it either (RFC 8020), whatever befell the SRV questions. */
static bool domain_is_missing(const s2s__query *q)
{
    for (size_t i = 0; !q->resolution->from_srv && i < q->questions_len; i++) {
        const struct ub_result *a = i % TARGET_QUESTIONS == TARGET_TLSA ? NULL : q->questions[i].result;
        if (a && a->nxdomain && !a->bogus)
            return true;
    }
    return false;
}

static void addresses_answered(s2s__query *q)
{
    s2s__resolution *r = q->resolution;
    s2s_err err = s2s__query_collect(q);
    if (err != S2S_OK) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(err));
        return;
    }
    if (r->count > 0) {
        r->status = S2S__RESOLVED_FOUND;
        r->text[0] = '\0';
        deliver(q);
        return;
    }
    if (domain_is_missing(q)) {
        deliver_failure(q, S2S__RESOLVED_NOT_FOUND, "the domain does not exist in DNS");
        return;
    }
    for (size_t i = 0; !r->from_srv && i < SRV_KINDS; i++)
        s2s__query_blame_answer(q, &q->srv[i]);
    for (size_t i = 0; i < q->questions_len; i++)
        s2s__query_blame_answer(q, &q->questions[i]);
    s2s__query_blame(q, S2S__RESOLVED_NOT_FOUND,
                     r->from_srv ? "no target of the domain's SRV records has an address"
                                 : "the domain has neither an SRV record nor an address in DNS");
    deliver(q);
}

static void time_is_up(uv_timer_t *timer);

static void ask_about_targets(s2s__query *q)
{
    q->questions = s2s__alloc(q->resolver->env, TARGET_QUESTIONS * q->records_len * sizeof *q->questions);
    if (!q->questions) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    q->state = EXPECT_ADDRESSES;
    q->questions_len = TARGET_QUESTIONS * q->records_len;
    for (size_t t = 0; t < q->records_len; t++) {
        const s2s__srv *srv = &q->records[t];
        s2s__question *of = &q->questions[t * TARGET_QUESTIONS];
        char prefix[PREFIX_MAX];
        (void)snprintf(prefix, sizeof prefix, "_%u._tcp.", (unsigned)srv->port);
        ask(&of[TARGET_AAAA], q, "", srv->target, RR_AAAA);
        ask(&of[TARGET_A], q, "", srv->target, RR_A);
        if (q->dane && srv->secure)
            ask(&of[TARGET_TLSA], q, prefix, srv->target, RR_TLSA);
    }
    if (any_waits(q->questions, q->questions_len))
        (void)uv_timer_start(&q->timer, time_is_up, q->resolver->env->limits.dns_ms, 0);
    else
        addresses_answered(q);
}

/* --- round 1: SRV of both kinds --- */

static void use_domain_itself(s2s__query *q)
{
    q->records = s2s__alloc(q->resolver->env, sizeof *q->records);
    if (!q->records) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    q->records_len = 1;
    q->records[0].port = S2S__PORT;
    q->records[0].secure = true; /* that there is no SRV, as far as DNSSEC says so */
    for (size_t i = 0; i < SRV_KINDS; i++) {
        const struct ub_result *a = q->srv[i].result;
        if (q->srv[i].asked && !(a && a->secure))
            q->records[0].secure = false;
    }
    memcpy(q->records[0].target, q->domain, sizeof q->domain);
    ask_about_targets(q);
}

static void use_records(s2s__query *q)
{
    bool refused = false;
    s2s_err err = s2s__query_read_srv(q, &refused);
    if (err != S2S_OK)
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(err));
    else if (q->records_len > 0)
        ask_about_targets(q);
    else if (refused) /* DN-02, DN-07 */
        deliver_failure(q, S2S__RESOLVED_NOT_OFFERED,
                        "the domain's SRV records say that it does not offer XMPP federation");
    else
        deliver_failure(q, S2S__RESOLVED_NOT_FOUND, "the domain's SRV records name no usable host");
}

static void srv_answered(s2s__query *q)
{
    for (size_t i = 0; i < SRV_KINDS; i++) {
        if (q->srv[i].result && q->srv[i].result->bogus) { /* DA-01 */
            s2s__query_blame_answer(q, &q->srv[i]);
            deliver(q);
            return;
        }
    }
    q->resolution->from_srv = /* and so no fall-back (DN-03) */
        s2s__answer_usable(&q->srv[SRV_STARTTLS]) || s2s__answer_usable(&q->srv[SRV_DIRECT]);
    if (q->resolution->from_srv)
        use_records(q);
    else if (q->resolver->failed) /* nobody was asked: nothing says that there are no SRV records */
        deliver_failure(q, S2S__RESOLVED_FAILED, "the DNS resolver failed");
    else
        use_domain_itself(q); /* RFC 6120 section 3.2.1, point 9 */
}

static void ask_srv(s2s__query *q)
{
    q->state = EXPECT_SRV;
    for (size_t i = 0; i < SRV_KINDS; i++)
        ask(&q->srv[i], q, SRV_PREFIX[i], q->domain, RR_SRV);
    if (any_waits(q->srv, SRV_KINDS))
        (void)uv_timer_start(&q->timer, time_is_up, q->resolver->env->limits.dns_ms, 0);
    else
        srv_answered(q);
}

/* --- the three things that can happen --- */

static void start(s2s__query *q)
{
    struct sockaddr_storage literal;
    if (s2s__address_parse_host(s2s_str_of(q->domain), S2S__PORT, &literal) != S2S_OK) {
        ask_srv(q);
        return;
    }
    s2s__resolution *itself =
        s2s__resolution_fixed(q->resolver->env, (const struct sockaddr *)&literal, false);
    if (!itself) {
        deliver_failure(q, S2S__RESOLVED_FAILED, s2s_strerror(S2S_E_NOMEM));
        return;
    }
    s2s__resolution_free(q->resolution);
    q->resolution = itself;
    deliver(q);
}

static void time_is_up(uv_timer_t *timer)
{
    s2s__query *q = timer->data;
    switch (q->state) {
    case EXPECT_START: start(q); break;
    case EXPECT_SRV:
        cancel_questions(q, q->srv, SRV_KINDS);
        srv_answered(q); /* what came in time counts */
        break;
    case EXPECT_ADDRESSES:
        cancel_questions(q, q->questions, q->questions_len);
        addresses_answered(q);
        break;
    case DONE: break;
    }
}

static void answered(void *arg, int failure, struct ub_result *result)
{
    s2s__question *question = arg;
    s2s__query *q = question->query;
    question->waiting = false;
    question->failure = failure;
    question->result = result;
    switch (q->state) {
    case EXPECT_START: break;
    case EXPECT_SRV:
        if (!any_waits(q->srv, SRV_KINDS))
            srv_answered(q);
        break;
    case EXPECT_ADDRESSES:
        if (!any_waits(q->questions, q->questions_len))
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

s2s_err s2s__resolver_query(s2s__resolver *r, const char *domain, bool dane, s2s__resolved_cb done, void *arg,
                            s2s__query **out)
{
    struct sockaddr_storage literal;
    s2s_str name = s2s_str_of(domain);
    s2s_err err = s2s__resolver_ready(r);
    if (err != S2S_OK)
        return err;
    if (!is_host_name(name) && s2s__address_parse_host(name, S2S__PORT, &literal) != S2S_OK)
        return S2S_E_SYNTAX;
    s2s__query *q = s2s__alloc(r->env, sizeof *q);
    s2s__resolution *resolution = s2s__alloc(r->env, sizeof *resolution);
    if (!q || !resolution) {
        s2s__free(r->env, q);
        s2s__free(r->env, resolution);
        return S2S_E_NOMEM;
    }
    resolution->env = r->env;
    q->resolution = resolution;
    q->resolver = r;
    q->dane = dane;
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
