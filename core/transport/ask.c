/* SPDX-License-Identifier: MIT */
/* ask.c: one question to libunbound, with a deadline. */
#include "transport/ask.h"

#include <stdio.h>

#include "protocol/buf.h"
#include "transport/query.h"

enum { CLASS_IN = 1, RCODE_NOERROR = 0, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

struct s2s__ask {
    s2s__resolver *resolver;
    uv_timer_t timer;
    int id; /* libunbound's, for cancelling */
    bool waiting;
    s2s__answered_cb done;
    void *arg;
};

static void timer_closed(uv_handle_t *handle)
{
    s2s__ask *a = handle->data;
    s2s__resolver *r = a->resolver;
    s2s__free(r->env, a);
    s2s__resolver_handle_closed(r);
}

/* Nothing reaches the question any more; its memory goes when the loop has let go of the timer. */
static void finish(s2s__ask *a)
{
    if (a->waiting)
        (void)ub_cancel(a->resolver->asker->dns, a->id); /* fails only if it is not waiting */
    a->waiting = false;
    uv_close((uv_handle_t *)&a->timer, timer_closed);
}

void s2s__ask_cancel(s2s__ask *a)
{
    if (a)
        finish(a);
}

static void deliver(s2s__ask *a, const s2s__answer *answer)
{
    finish(a);
    a->done(a->arg, answer);
}

static void deliver_failure(s2s__ask *a, s2s__resolved status, s2s_dnssec dnssec, const char *text)
{
    s2s__answer answer = {.status = status, .dnssec = dnssec, .text = text};
    deliver(a, &answer);
}

static void deliver_result(s2s__ask *a, const struct ub_result *result)
{
    s2s_bytes data[S2S__ANSWER_MAX];
    s2s__answer answer = {.status = S2S__RESOLVED_NOT_FOUND, .exists = !result->nxdomain, .data = data, .text = "",
                          .dnssec = result->secure ? S2S_DNSSEC_SECURE : S2S_DNSSEC_INSECURE};
    for (; result->havedata && answer.count < S2S__ANSWER_MAX && result->data[answer.count]; answer.count++)
        data[answer.count] = (s2s_bytes){(const uint8_t *)result->data[answer.count],
                                         (size_t)result->len[answer.count]};
    if (answer.count > 0)
        answer.status = S2S__RESOLVED_FOUND;
    deliver(a, &answer);
}

static void answered(void *arg, int failure, struct ub_result *result)
{
    s2s__ask *a = arg;
    char text[S2S_TEXT_MAX];
    a->waiting = false;
    if (failure) {
        (void)snprintf(text, sizeof text, "the DNS resolver failed: %s", ub_strerror(failure));
        deliver_failure(a, S2S__RESOLVED_FAILED, S2S_DNSSEC_UNCHECKED, text);
    } else if (result->bogus) {
        (void)snprintf(text, sizeof text, "DNSSEC validation failed: %s",
                       result->why_bogus ? result->why_bogus : "no reason given");
        deliver_failure(a, S2S__RESOLVED_BOGUS, S2S_DNSSEC_BOGUS, text);
    } else if (result->rcode != RCODE_NOERROR && result->rcode != RCODE_NXDOMAIN) {
        (void)snprintf(text, sizeof text, "DNS answered with error code %d%s", result->rcode,
                       result->rcode == RCODE_SERVFAIL ? " (SERVFAIL)" : "");
        deliver_failure(a, S2S__RESOLVED_FAILED, S2S_DNSSEC_UNCHECKED, text);
    } else {
        deliver_result(a, result);
    }
    ub_resolve_free(result);
}

static void time_is_up(uv_timer_t *timer)
{
    s2s__ask *a = timer->data;
    char text[S2S_TEXT_MAX];
    (void)snprintf(text, sizeof text, "DNS did not answer within %u ms: is its server reachable?",
                   (unsigned)a->resolver->env->limits.dns_ms);
    deliver_failure(a, S2S__RESOLVED_TIMEOUT, S2S_DNSSEC_UNCHECKED, text);
}

s2s_err s2s__ask_start(s2s__resolver *r, const char *name, int rrtype, s2s__answered_cb done, void *arg,
                       s2s__ask **out)
{
    s2s_err err = s2s__resolver_ready(r);
    if (err != S2S_OK)
        return err;
    s2s__ask *a = s2s__alloc(r->env, sizeof *a);
    if (!a)
        return S2S_E_NOMEM;
    *a = (s2s__ask){.resolver = r, .done = done, .arg = arg};
    uv_timer_init(r->loop, &a->timer);
    a->timer.data = a;
    r->handles++;
    int failure = ub_resolve_async(r->asker->dns, name, rrtype, CLASS_IN, a, answered, &a->id);
    if (failure) {
        if (failure != UB_SYNTAX)
            s2s__resolver_failed(r);
        finish(a);
        return S2S_E_DNS;
    }
    a->waiting = true;
    uv_timer_start(&a->timer, time_is_up, r->env->limits.dns_ms, 0);
    *out = a;
    return S2S_OK;
}
