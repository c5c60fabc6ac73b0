/* SPDX-License-Identifier: MIT */
/* handshakes.c: many TLS handshakes at once, their steps in libuv's threads, while the certificates are replaced. A plain program:
 * Criterion and the thread sanitizer do not go together. The env counts its blocks without a lock, so that a thread that used it would
 * be seen. */
#include <stdio.h>
#include <string.h>

#include "s2s/s2s.h"
#include "support/pki.h"
#include "support/test_env.h"

enum { DOMAINS = 60, NAME_MAX_BYTES = 32 };

typedef struct world world;

typedef struct node {
    world *w;
    test_env t;
    s2s_federation *f;
    char address[S2S_ADDRESS_MAX];
    size_t count; /* stanzas that came */
    bool stopped;
} node;

struct world {
    uv_loop_t loop;
    uv_timer_t renewal;
    node a, b;
    const char *cert, *key;
    size_t renewals;
};

static s2s_err trust_all(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    (void)self;
    (void)ticket;
    s2s_verdict_init(out);
    out->trusted = peer->chain_len > 0;
    return S2S_OK;
}

static void nothing(void *user)
{
    (void)user;
}

static void on_stopped(void *user)
{
    node *n = user;
    n->stopped = true;
    s2s_federation_free(n->f);
    n->f = NULL;
}

static bool deliver(void *user, const s2s_stanza *st)
{
    node *n = user;
    (void)st;
    n->count++;
    return true;
}

static s2s_setup *make_setup(world *w, const s2s_env *env, const char *domain)
{
    char why[S2S_TEXT_MAX] = "";
    s2s_setup *setup = NULL;
    if (s2s_setup_new(env, &setup) != S2S_OK ||
        s2s_setup_add_domain(setup, s2s_str_of(domain), w->cert, w->key, why) != S2S_OK)
        (void)fprintf(stderr, "%s: %s\n", domain, why);
    return setup;
}

/* B's one domain again and again, with a certificate that was read anew. */
static void on_renewal(uv_timer_t *timer)
{
    world *w = timer->data;
    if (!w->b.f)
        return;
    s2s_federation_replace(w->b.f, make_setup(w, &w->b.t.env, "b.example"));
    w->renewals++;
}

static bool begin(world *w, node *n)
{
    static const s2s_policy_ops POLICY_OPS = {.abi = S2S_POLICY_ABI, .judge = trust_all};
    static const s2s_federation_ops OPS = {
        .abi = S2S_FEDERATION_ABI, .deliver = deliver, .drained = nothing, .stopped = on_stopped};
    static const s2s_policy POLICY = {&POLICY_OPS, NULL};
    char why[S2S_TEXT_MAX] = "";
    s2s_federation_options o;
    n->w = w;
    test_env_init(&n->t);
    n->t.env.limits.handshakes_on_loop = 0;
    s2s_federation_options_init(&o);
    o.loop = &w->loop;
    o.env = &n->t.env;
    o.policy = &POLICY;
    o.ops = &OPS;
    o.user = n;
    if (s2s_federation_new(&o, &n->f, why) == S2S_OK &&
        s2s_federation_listen(n->f, "127.0.0.1:0", S2S_TLS_DIRECT, n->address, why) == S2S_OK)
        return true;
    (void)fprintf(stderr, "federation: %s\n", why);
    return false;
}

static bool send_all(world *w)
{
    char name[NAME_MAX_BYTES], from[NAME_MAX_BYTES + 2], why[S2S_TEXT_MAX];
    if (s2s_federation_route(w->a.f, "b.example", w->b.address, S2S_TLS_DIRECT, why) != S2S_OK)
        return false;
    for (int i = 0; i < DOMAINS; i++) {
        (void)snprintf(name, sizeof name, "d%d.a.example", i);
        (void)snprintf(from, sizeof from, "x@%s", name);
        s2s_stanza st = {.kind = S2S_MESSAGE, .from = s2s_str_of(from), .to = S2S_STR("y@b.example"), .id = S2S_STR("1"),
                         .attrs = S2S_STR(""), .inner = S2S_STR("<body>x</body>")};
        if (s2s_federation_add_domain(w->a.f, s2s_str_of(name), w->cert, w->key, why) != S2S_OK ||
            s2s_federation_send(w->a.f, &st) != S2S_OK)
            return false;
    }
    return true;
}

static void make_certificate(world *w, pki *p)
{
    const pki_cert *ca = pki_make(p, &(pki_spec){.cn = "anchor", .ca = true});
    const pki_cert *leaf = pki_make(p, &(pki_spec){.cn = "leaf", .issuer = ca,
                                                   .names = {{PKI_DNS, "b.example", 0}, {PKI_DNS, "*.a.example", 0}}});
    w->cert = pki_write_chain(p, "both.pem", (const pki_cert *[]){leaf, ca, NULL});
    w->key = pki_write_key(p, "both.key", leaf);
}

int main(void)
{
    world w = {.renewals = 0};
    pki *p = pki_new();
    make_certificate(&w, p);
    uv_loop_init(&w.loop);
    if (!begin(&w, &w.b) || !begin(&w, &w.a))
        return 1;
    uv_timer_init(&w.loop, &w.renewal);
    w.renewal.data = &w;
    on_renewal(&w.renewal);
    uv_timer_start(&w.renewal, on_renewal, 1, 1);
    if (!send_all(&w))
        return 1;
    while (w.b.count + w.a.count < DOMAINS)
        uv_run(&w.loop, UV_RUN_ONCE);
    s2s_federation_stop(w.a.f);
    s2s_federation_stop(w.b.f);
    uv_close((uv_handle_t *)&w.renewal, NULL);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    bool good = w.a.stopped && w.b.stopped && w.b.count == DOMAINS && w.a.count == 0 && w.a.t.live == 0 && w.b.t.live == 0 &&
                uv_loop_close(&w.loop) == 0;
    (void)printf("handshakes: %zu came, %zu bounced, %zu renewals\n", w.b.count, w.a.count, w.renewals);
    pki_free(p);
    return good ? 0 : 1;
}
