/* SPDX-License-Identifier: MIT */
/* fake_unbound.c: the part of libunbound that the library uses. */
#include "sim/fake_unbound.h"

#include <stdlib.h>
#include <string.h>

#include <unbound.h>

#include "sim/fake_uv.h"

typedef struct question {
    struct question *next;
    int id;
    bool answered, cancelled;
    void *arg;
    ub_callback_type done;
    struct ub_result *result;
} question;

struct ub_ctx {
    sim_host *host;
    int fd, next_id;
    question *questions;
    bool deleted;
};

static struct {
    sim_zone zone;
    void *arg;
    size_t contexts;
} dns;

void sim_dns_begin(sim_zone zone, void *arg)
{
    dns.zone = zone;
    dns.arg = arg;
    dns.contexts = 0;
}

size_t sim_dns_contexts(void)
{
    return dns.contexts;
}

static bool readable(const void *object)
{
    const struct ub_ctx *c = object;
    for (const question *q = c->questions; q; q = q->next) {
        if (q->answered && !q->cancelled)
            return true;
    }
    return false;
}

struct ub_ctx *ub_ctx_create(void)
{
    struct ub_ctx *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->host = sim_host_current();
    c->fd = sim_fd_new(readable, c);
    dns.contexts++;
    return c;
}

/* Its memory goes with the last question, of which the clock still knows. */
static void free_if_idle(struct ub_ctx *c)
{
    if (c->deleted && !c->questions)
        free(c);
}

void ub_ctx_delete(struct ub_ctx *c)
{
    if (!c)
        return;
    sim_fd_free(c->fd);
    dns.contexts--;
    for (question **at = &c->questions; *at;) {
        question *q = *at;
        q->cancelled = true;
        if (q->answered) {
            *at = q->next;
            ub_resolve_free(q->result);
            free(q);
        } else {
            at = &q->next;
        }
    }
    c->deleted = true;
    free_if_idle(c);
}

int ub_fd(struct ub_ctx *c)
{
    return c->fd;
}

int ub_ctx_debugout(struct ub_ctx *c, void *out)
{
    (void)c;
    (void)out;
    return 0;
}

int ub_ctx_async(struct ub_ctx *c, int dothread)
{
    (void)c;
    (void)dothread;
    return 0;
}

int ub_ctx_set_option(struct ub_ctx *c, const char *opt, const char *val)
{
    (void)c;
    (void)opt;
    (void)val;
    return 0;
}

int ub_ctx_set_fwd(struct ub_ctx *c, const char *addr)
{
    (void)c;
    (void)addr;
    return 0;
}

int ub_ctx_resolvconf(struct ub_ctx *c, const char *name)
{
    (void)c;
    (void)name;
    return 0;
}

int ub_ctx_hosts(struct ub_ctx *c, const char *name)
{
    (void)c;
    (void)name;
    return 0;
}

int ub_ctx_add_ta_file(struct ub_ctx *c, const char *name)
{
    (void)c;
    (void)name;
    return 0;
}

int ub_ctx_zone_add(struct ub_ctx *c, const char *name, const char *type)
{
    (void)c;
    (void)name;
    (void)type;
    return 0;
}

const char *ub_strerror(int err)
{
    return err ? "simulated failure" : "no error";
}

/* -- questions ----------------------------------------------------------------------------------------- */

static struct ub_result *make_result(const char *name, int type, const sim_answer *a)
{
    struct ub_result *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    r->qname = strdup(name);
    r->qtype = type;
    r->qclass = 1;
    r->rcode = a->rcode;
    r->nxdomain = a->rcode == 3;
    r->secure = a->secure;
    r->bogus = a->bogus;
    r->havedata = a->records > 0;
    r->data = calloc(a->records + 1, sizeof *r->data);
    r->len = calloc(a->records + 1, sizeof *r->len);
    if (!r->data || !r->len)
        abort();
    for (size_t i = 0; i < a->records; i++) {
        r->data[i] = malloc(a->len[i] ? a->len[i] : 1);
        if (!r->data[i])
            abort();
        memcpy(r->data[i], a->rdata[i], a->len[i]);
        r->len[i] = (int)a->len[i];
    }
    return r;
}

void ub_resolve_free(struct ub_result *r)
{
    if (!r)
        return;
    for (size_t i = 0; r->data[i]; i++)
        free(r->data[i]);
    free(r->data);
    free(r->len);
    free(r->qname);
    free(r);
}

typedef struct coming {
    struct ub_ctx *ctx;
    question *question;
} coming;

static void unlink_question(struct ub_ctx *c, question *q)
{
    for (question **at = &c->questions; *at; at = &(*at)->next) {
        if (*at == q) {
            *at = q->next;
            return;
        }
    }
}

static void answer_comes(void *arg)
{
    coming *a = arg;
    struct ub_ctx *c = a->ctx;
    question *q = a->question;
    free(a);
    if (!q->cancelled) {
        q->answered = true;
        sim_host_wake(c->host, sim_now());
        return;
    }
    unlink_question(c, q);
    ub_resolve_free(q->result);
    free(q);
    free_if_idle(c);
}

int ub_resolve_async(struct ub_ctx *c, const char *name, int type, int class, void *arg, ub_callback_type done,
                     int *id)
{
    enum { NEVER_SECONDS = 3600 };
    sim_answer answer = {0};
    question *q = calloc(1, sizeof *q);
    coming *a = calloc(1, sizeof *a);
    (void)class;
    if (!q || !a)
        abort();
    dns.zone(dns.arg, c->host, name, type, &answer);
    *q = (question){.id = ++c->next_id, .arg = arg, .done = done, .result = make_result(name, type, &answer)};
    question **at = &c->questions;
    while (*at)
        at = &(*at)->next;
    *at = q;
    *a = (coming){c, q};
    sim_at(sim_now() + (answer.never ? (uint64_t)NEVER_SECONDS * SIM_SECOND : answer.delay_ms * (uint64_t)SIM_MS),
           answer_comes, a);
    if (id)
        *id = q->id;
    return 0;
}

int ub_cancel(struct ub_ctx *c, int id)
{
    for (question *q = c->questions; q; q = q->next) {
        if (q->id != id || q->cancelled)
            continue;
        q->cancelled = true;
        if (q->answered) { /* the clock has let go of it */
            unlink_question(c, q);
            ub_resolve_free(q->result);
            free(q);
        }
        return 0;
    }
    return UB_NOID;
}

int ub_process(struct ub_ctx *c)
{
    for (;;) {
        question *q = c->questions;
        while (q && (!q->answered || q->cancelled))
            q = q->next;
        if (!q)
            return 0;
        unlink_question(c, q);
        q->done(q->arg, 0, q->result);
        free(q);
    }
}
