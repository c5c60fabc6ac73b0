/* SPDX-License-Identifier: MIT */
/* resolver.c: libunbound on a libuv loop: its thread asks, a pipe says when answers are there. */
#include "transport/resolver.h"

#include <stdio.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "protocol/why.h"
#include "transport/query.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"

static void answers_wait(uv_poll_t *poll, int status, int events)
{
    s2s__resolver *r = poll->data;
    (void)events;
    if (status == 0 && ub_process(r->dns) == 0)
        return;
    /* Its thread is gone; queries end by their timers. */
    s2s__log(r->env, S2S_LOG_ERROR, "the DNS resolver has failed", NULL, 0);
    if (!r->closing)
        (void)uv_poll_stop(poll);
}

static s2s_err use_servers(const s2s_env *env, struct ub_ctx *dns, const char *const *servers,
                           size_t count, char why[S2S_TEXT_MAX])
{
    for (size_t i = 0; i < count; i++) {
        int failed = ub_ctx_set_fwd(dns, servers[i]);
        if (failed)
            return s2s__refuse(why, S2S_E_INVAL, "DNS server %s: %s", servers[i], ub_strerror(failed));
    }
    if (count == 0 && ub_ctx_resolvconf(dns, RESOLV_CONF) != 0) {
        /* Not fatal: static routes need no DNS, and without a forwarder libunbound asks from the root down. */
        s2s_field field = {"file", S2S_STR(RESOLV_CONF)};
        s2s__log(env, S2S_LOG_WARN, "cannot be read: DNS goes to the root servers", &field, 1);
    }
    return S2S_OK;
}

static s2s_err use_anchors(struct ub_ctx *dns, const char *const *anchors, size_t count,
                           char why[S2S_TEXT_MAX])
{
    for (size_t i = 0; i < count; i++) {
        /* libunbound would look at it at the first question only, and then fail them all */
        FILE *f = fopen(anchors[i], "re");
        if (f)
            (void)fclose(f);
        int failed = f ? ub_ctx_add_ta_file(dns, anchors[i]) : UB_READFILE;
        if (failed)
            return s2s__refuse(why, S2S_E_INVAL, "%s: DNSSEC trust anchors: %s", anchors[i], ub_strerror(failed));
    }
    return S2S_OK;
}

/* Names known without asking. libunbound reads its settings here, so it comes last, and trust anchors that
 * it cannot read show here. */
static s2s_err use_local_names(const s2s_env *env, struct ub_ctx *dns, bool system,
                               char why[S2S_TEXT_MAX])
{
    /* Servers that were named decide about "test." too; libunbound would say that it does not exist. */
    int failed = system ? ub_ctx_hosts(dns, HOSTS) : ub_ctx_zone_add(dns, "test.", "transparent");
    if (failed == UB_READFILE) {
        s2s_field field = {"file", S2S_STR(HOSTS)};
        s2s__log(env, S2S_LOG_INFO, "cannot be read: only DNS is used", &field, 1);
    } else if (failed) {
        return s2s__refuse(why, failed == UB_NOMEM ? S2S_E_NOMEM : S2S_E_INVAL,
                           "the DNS resolver refuses its settings (trust anchors?): %s", ub_strerror(failed));
    }
    return S2S_OK;
}

static s2s_err configure(s2s__resolver *r, const char *const *servers, size_t servers_len,
                         const char *const *anchors, size_t anchors_len, char why[S2S_TEXT_MAX])
{
    (void)ub_ctx_debugout(r->dns, NULL); /* it would write to stderr, past our log */
    if (ub_ctx_async(r->dns, 1) != 0 || ub_ctx_set_option(r->dns, "do-not-query-localhost:", "no") != 0)
        return S2S_E_DNS;
    s2s_err err = use_servers(r->env, r->dns, servers, servers_len, why);
    if (err == S2S_OK)
        err = use_anchors(r->dns, anchors, anchors_len, why);
    if (err == S2S_OK)
        err = use_local_names(r->env, r->dns, servers_len == 0, why);
    return err;
}

s2s_err s2s__resolver_new(uv_loop_t *loop, const s2s_env *env, const char *const *servers,
                          size_t servers_len, const char *const *anchors, size_t anchors_len,
                          s2s__resolver **out, char why[S2S_TEXT_MAX])
{
    s2s_err err = s2s__refuse(why, S2S_E_NOMEM, "the DNS resolver cannot be set up");
    s2s__resolver *r = s2s__alloc(env, sizeof *r);
    if (!r)
        return err;
    *r = (s2s__resolver){.env = env, .loop = loop, .dns = ub_ctx_create()};
    if (!r->dns)
        goto fail;
    err = configure(r, servers, servers_len, anchors, anchors_len, why);
    if (err != S2S_OK)
        goto fail;
    if (uv_poll_init(loop, &r->poll, ub_fd(r->dns)) != 0) {
        err = S2S_E_DNS;
        goto fail;
    }
    r->handles = 1;
    r->poll.data = r;
    if (uv_poll_start(&r->poll, UV_READABLE, answers_wait) != 0) {
        s2s__resolver_close(r, NULL, NULL); /* the loop knows the handle already: it frees later */
        return S2S_E_DNS;
    }
    if (why)
        *why = '\0';
    *out = r;
    return S2S_OK;
fail:
    ub_ctx_delete(r->dns);
    s2s__free(env, r);
    return err;
}

/* From the loop, so never inside ub_process(), where the context must stay. */
void s2s__resolver_handle_closed(s2s__resolver *r)
{
    if (--r->handles > 0)
        return;
    void (*closed)(void *arg) = r->closed;
    void *arg = r->arg;
    ub_ctx_delete(r->dns); /* ends its thread */
    s2s__free(r->env, r);
    if (closed)
        closed(arg);
}

static void poll_closed(uv_handle_t *handle)
{
    s2s__resolver_handle_closed(handle->data);
}

void s2s__resolver_close(s2s__resolver *r, void (*closed)(void *arg), void *arg)
{
    if (!r || r->closing)
        return;
    r->closing = true;
    r->closed = closed;
    r->arg = arg;
    while (r->queries)
        s2s__resolver_cancel(r->queries);
    uv_close((uv_handle_t *)&r->poll, poll_closed);
}
