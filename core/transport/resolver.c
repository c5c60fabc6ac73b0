/* SPDX-License-Identifier: MIT */
/* resolver.c: libunbound on a libuv loop: its thread asks, a pipe says when answers are there. One that has failed is replaced. */
#include "transport/resolver.h"

#include <stdio.h>
#include <string.h>

#include "protocol/buf.h"
#include "protocol/log.h"
#include "protocol/why.h"
#include "transport/query.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define HOSTS "/etc/hosts"

/* -- failing ------------------------------------------------------------------------------------------- */

void s2s__resolver_failed(s2s__resolver *r)
{
    if (!r->failed)
        s2s__log(r->env, S2S_LOG_ERROR, "the DNS resolver has failed: another one will take its place", NULL, 0);
    r->failed = true;
}

static void answers_wait(uv_poll_t *poll, int status, int events)
{
    s2s__asker *a = poll->data;
    s2s__resolver *r = a->resolver;
    (void)events;
    if (status == 0 && ub_process(a->dns) == 0)
        return;
    /* What it says is lost, or its thread is gone; queries end by their timers. */
    s2s__resolver_failed(r);
    if (!r->closing)
        (void)uv_poll_stop(poll);
}

/* -- settings ------------------------------------------------------------------------------------------ */

static s2s_err use_servers(const s2s_env *env, struct ub_ctx *dns, char *const *servers, size_t count,
                           char why[S2S_TEXT_MAX])
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

static s2s_err use_anchors(struct ub_ctx *dns, char *const *anchors, size_t count,
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

static s2s_err configure(const s2s__resolver *r, struct ub_ctx *dns, char why[S2S_TEXT_MAX])
{
    (void)ub_ctx_debugout(dns, NULL); /* it would write to stderr, past our log */
    if (ub_ctx_async(dns, 1) != 0 || ub_ctx_set_option(dns, "do-not-query-localhost:", "no") != 0)
        return S2S_E_DNS;
    s2s_err err = use_servers(r->env, dns, r->names, r->servers_len, why);
    if (err == S2S_OK)
        err = use_anchors(dns, r->names + r->servers_len, r->anchors_len, why);
    if (err == S2S_OK)
        err = use_local_names(r->env, dns, r->servers_len == 0, why);
    return err;
}

/* -- askers -------------------------------------------------------------------------------------------- */

static void asker_free(s2s__asker *a)
{
    ub_ctx_delete(a->dns); /* ends its thread */
    s2s__free(a->resolver->env, a);
}

/* From the loop, so never inside ub_process(), where the context must stay. */
static void asker_closed(uv_handle_t *handle)
{
    s2s__asker *a = handle->data;
    s2s__resolver *r = a->resolver;
    asker_free(a);
    s2s__resolver_handle_closed(r);
}

static void asker_close(s2s__asker *a)
{
    uv_close((uv_handle_t *)&a->poll, asker_closed);
}

/* The resolver has it, or, on failure, the one that it had before. */
static s2s_err asker_new(s2s__resolver *r, char why[S2S_TEXT_MAX])
{
    s2s__asker *a = s2s__alloc(r->env, sizeof *a);
    if (!a)
        return S2S_E_NOMEM;
    *a = (s2s__asker){.resolver = r, .dns = ub_ctx_create()};
    s2s_err err = a->dns ? configure(r, a->dns, why) : S2S_E_NOMEM;
    if (err == S2S_OK && uv_poll_init(r->loop, &a->poll, ub_fd(a->dns)) != 0)
        err = S2S_E_DNS;
    if (err != S2S_OK) {
        asker_free(a);
        return err;
    }
    r->handles++;
    a->poll.data = a;
    if (uv_poll_start(&a->poll, UV_READABLE, answers_wait) != 0) {
        asker_close(a); /* the loop knows the handle already: it frees later */
        return S2S_E_DNS;
    }
    r->asker = a;
    return S2S_OK;
}

s2s_err s2s__resolver_ready(s2s__resolver *r)
{
    s2s__asker *before = r->asker;
    if (r->closing)
        return S2S_E_STATE;
    if (!r->failed)
        return S2S_OK;
    if (r->handles > 1 || asker_new(r, NULL) != S2S_OK) /* while a query waits, its ids are the old one's */
        return S2S_E_DNS;
    r->failed = false;
    asker_close(before);
    return S2S_OK;
}

/* -- life ---------------------------------------------------------------------------------------------- */

static char *put_text(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *kept = memcpy(*at, text, size);
    *at += size;
    return kept;
}

static s2s_err keep_names(s2s__resolver *r, const char *const *servers, const char *const *anchors)
{
    size_t count = r->servers_len + r->anchors_len, size = (count + 1) * sizeof *r->names;
    for (size_t i = 0; i < count; i++)
        size += strlen(i < r->servers_len ? servers[i] : anchors[i - r->servers_len]) + 1;
    r->names = s2s__alloc(r->env, size);
    if (!r->names)
        return S2S_E_NOMEM;
    char *at = (char *)(r->names + count + 1);
    for (size_t i = 0; i < count; i++)
        r->names[i] = put_text(&at, i < r->servers_len ? servers[i] : anchors[i - r->servers_len]);
    return S2S_OK;
}

static void resolver_free(s2s__resolver *r)
{
    s2s__free(r->env, r->names);
    s2s__free(r->env, r);
}

s2s_err s2s__resolver_new(uv_loop_t *loop, const s2s_env *env, const char *const *servers,
                          size_t servers_len, const char *const *anchors, size_t anchors_len,
                          s2s__resolver **out, char why[S2S_TEXT_MAX])
{
    (void)s2s__refuse(why, S2S_E_NOMEM, "the DNS resolver cannot be set up");
    s2s__resolver *r = s2s__alloc(env, sizeof *r);
    if (!r)
        return S2S_E_NOMEM;
    *r = (s2s__resolver){.env = env, .loop = loop, .servers_len = servers_len, .anchors_len = anchors_len};
    s2s_err err = keep_names(r, servers, anchors);
    if (err == S2S_OK)
        err = asker_new(r, why);
    if (err != S2S_OK && r->handles == 0)
        resolver_free(r); /* else with its handle */
    if (err != S2S_OK)
        return err;
    if (why)
        *why = '\0';
    *out = r;
    return S2S_OK;
}

void s2s__resolver_handle_closed(s2s__resolver *r)
{
    if (--r->handles > 0)
        return;
    void (*closed)(void *arg) = r->closed;
    void *arg = r->arg;
    resolver_free(r);
    if (closed)
        closed(arg);
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
    asker_close(r->asker);
}
