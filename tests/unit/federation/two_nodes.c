/* SPDX-License-Identifier: MIT */
/* two_nodes.c: the nodes, their policy and their ends. */
#include "two_nodes.h"

#include <criterion/criterion.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD_MS = 30000, LOOK_MS = 20 };

/* -- the policy ---------------------------------------------------------------------------------------- */

static void read_name(const s2s_peer *peer, char *out, size_t room)
{
    gnutls_x509_crt_t leaf;
    out[0] = '\0';
    if (peer->chain_len == 0)
        return;
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)peer->chain[0].ptr, (unsigned)peer->chain[0].len};
    cr_assert_eq(gnutls_x509_crt_init(&leaf), 0);
    cr_assert_eq(gnutls_x509_crt_import(leaf, &der, GNUTLS_X509_FMT_DER), 0);
    (void)gnutls_x509_crt_get_subject_alt_name(leaf, 0, out, &room, NULL);
    gnutls_x509_crt_deinit(leaf);
}

static s2s_err judge(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    node *n = self;
    n->judged++;
    n->judged_role = peer->role;
    n->judged_chain = peer->chain_len;
    read_name(peer, n->judged_name, sizeof n->judged_name);
    n->asked = ticket;
    n->judged_tlsa_state = peer->tlsa_state;
    n->judged_tlsa = peer->tlsa_len;
    (void)snprintf(n->judged_target, sizeof n->judged_target, "%.*s", S2S_FMT(peer->target));
    out->trusted = !n->refuses && n->judged > n->refuses_first;
    out->dialback = !out->trusted && n->falls_back;
    out->expires = n->expires;
    out->chain = S2S_CHAIN_VALID;
    (void)snprintf(out->reason, sizeof out->reason, "the test says so");
    (void)snprintf(out->tell, sizeof out->tell, "told by the test");
    return n->pends ? S2S_E_PENDING : S2S_OK;
}

static bool explain(void *self, const s2s_refusal *refusal, char out[S2S_TEXT_MAX])
{
    node *n = self;
    (void)snprintf(n->explained, sizeof n->explained, "%d %.*s", refusal->alert, S2S_FMT(refusal->text));
    n->refused_by = refusal->by;
    n->presented = refusal->chain_len;
    (void)snprintf(out, S2S_TEXT_MAX, "explained by the test");
    return true;
}

static void rule(void *self, s2s_str local, s2s_str remote, s2s_remote_rule *out)
{
    (void)local;
    (void)remote;
    out->allow = !((node *)self)->forbids;
    out->dialback = ((node *)self)->falls_back;
    out->dane = true;
}

static const s2s_policy_ops POLICY = {S2S_POLICY_ABI, judge, explain, rule};

/* -- the owner ----------------------------------------------------------------------------------------- */

static void answer(node *n, const s2s_stanza *st)
{
    char buf[S2S_BOUNCE_MAX];
    s2s_stanza error;
    if (s2s_stanza_bounce(st, S2S_SE_SERVICE_UNAVAILABLE, NULL, buf, sizeof buf, &error))
        n->told += s2s_federation_send(n->f, &error) == S2S_E_AGAIN;
}

static bool deliver(void *user, const s2s_stanza *st)
{
    node *n = user;
    char line[8192];
    (void)snprintf(line, sizeof line, "%s %.*s %.*s %.*s %.*s", s2s_kind_name(st->kind), S2S_FMT(st->type),
                   S2S_FMT(st->id), S2S_FMT(st->from), S2S_FMT(st->inner));
    cr_assert_lt(n->count, (size_t)NODE_KEPT);
    n->received[n->count++] = strdup(line);
    if (n->slows)
        cr_assert_eq(s2s_federation_pause_to(n->f, s2s_str_of(n->domain)), S2S_OK);
    if (n->answers)
        answer(n, st);
    return !n->hold;
}

static void drained(void *user)
{
    ((node *)user)->drained++;
}

static void on_stream(void *user, const s2s_stream_info *info, const s2s_close *end)
{
    node *n = user;
    if (!end) {
        n->established++;
        return;
    }
    (void)snprintf(n->cause, sizeof n->cause, "%s", info->cause);
    n->ended++;
    n->last_end = *end;
}

static void stopped(void *user)
{
    node *n = user;
    n->stopped = true;
    if (n->stays)
        return;
    s2s_federation_free(n->f);
    n->f = NULL;
}

static bool owns(void *user, s2s_str remote)
{
    (void)user;
    (void)remote;
    return false;
}

static const s2s_federation_ops OPS = {S2S_FEDERATION_ABI, deliver, drained, on_stream, stopped, owns};

/* -- the network --------------------------------------------------------------------------------------- */

/* Wakes the loop: what is waited for may happen in a timer, after which it would sleep on. */
static void on_guard(uv_timer_t *timer)
{
    const net *n = timer->data;
    cr_assert_lt(uv_now(&n->loop), n->give_up, "waited too long");
}

static void guard(net *n)
{
    uv_update_time(&n->loop);
    n->give_up = uv_now(&n->loop) + GUARD_MS;
    n->guard.data = n;
    uv_timer_start(&n->guard, on_guard, LOOK_MS, LOOK_MS);
}

void net_add_domain(net *n, node *to, const char *domain)
{
    char cert[CERTS_PATH], key[CERTS_PATH], why[S2S_TEXT_MAX] = "", file[64];
    certs_make(&n->certs, domain, &(certs_spec){.dns = domain});
    (void)snprintf(file, sizeof file, "%s.pem", domain);
    certs_path(&n->certs, file, cert);
    (void)snprintf(file, sizeof file, "%s.key", domain);
    certs_path(&n->certs, file, key);
    s2s_err err = s2s_federation_add_domain(to->f, s2s_str_of(domain), cert, key, why);
    cr_assert_eq(err, S2S_OK, "%s", why);
}

static void begin_node(net *n, node *x, const char *domain)
{
    char why[S2S_TEXT_MAX] = "";
    const char *servers[] = {n->dns.address}, *anchors[] = {n->signer.anchor};
    s2s_policy policy = {&POLICY, x};
    s2s_federation_options o;
    x->domain = domain;
    s2s_federation_options_init(&o);
    o.loop = &n->loop;
    o.env = &x->t.env;
    o.policy = &policy;
    o.ops = &OPS;
    o.user = x;
    o.dns_servers = servers;
    o.dns_servers_len = 1;
    o.dns_anchors = anchors;
    o.dns_anchors_len = 1;
    o.bidi = x->bidi;
    o.part = x->part;
    o.parts = x->parts;
    o.taken_later = x->taken_later;
    o.route = x->route;
    if (x->secret)
        o.dialback_secret = (s2s_bytes){(const uint8_t *)x->secret, strlen(x->secret)};
    cr_assert_eq(s2s_federation_new(&o, &x->f, why), S2S_OK, "%s", why);
    net_add_domain(n, x, domain);
    cr_assert_eq(s2s_federation_listen(x->f, "127.0.0.1:0", n->tls, x->address, why), S2S_OK, "%s", why);
}

void net_begin_node(net *n, node *x, const char *domain)
{
    test_env_init(&x->t);
    begin_node(n, x, domain);
}

void net_begin(net *n)
{
    static const dns_row ROWS[] = {{.name = "nowhere.example", .type = DNS_ANY, .rcode = DNS_NXDOMAIN}};
    memset(n, 0, sizeof *n);
    uv_loop_init(&n->loop);
    uv_timer_init(&n->loop, &n->guard);
    certs_begin(&n->certs);
    dns_signer_begin(&n->signer, "signed.example");
    dns_begin(&n->dns, &n->loop, ROWS, 1);
    n->dns.signer = &n->signer;
    test_env_init(&n->a.t);
    test_env_init(&n->b.t);
}

void net_begin_nodes_unrouted(net *n)
{
    begin_node(n, &n->a, "a.example");
    begin_node(n, &n->b, "b.example");
}

void net_begin_nodes(net *n)
{
    char why[S2S_TEXT_MAX] = "";
    net_begin_nodes_unrouted(n);
    cr_assert_eq(s2s_federation_route(n->a.f, "b.example", n->b.address, n->tls, why), S2S_OK, "%s", why);
    if (!n->route_b_elsewhere)
        cr_assert_eq(s2s_federation_route(n->b.f, "a.example", n->a.address, n->tls, why), S2S_OK, "%s", why);
}

void net_until(net *n, const size_t *value, size_t want)
{
    guard(n);
    while (*value < want)
        uv_run(&n->loop, UV_RUN_ONCE);
    uv_timer_stop(&n->guard);
}

static void on_silent(uv_stream_t *listener, int status)
{
    (void)listener;
    (void)status;
}

void net_listen_silently(net *n, uv_tcp_t *silent, char address[NET_ADDRESS])
{
    struct sockaddr_in at;
    int len = sizeof at;
    uv_tcp_init(&n->loop, silent);
    uv_ip4_addr("127.0.0.1", 0, &at);
    uv_tcp_bind(silent, (const struct sockaddr *)&at, 0);
    cr_assert_eq(uv_listen((uv_stream_t *)silent, 8, on_silent), 0);
    uv_tcp_getsockname(silent, (struct sockaddr *)&at, &len);
    (void)snprintf(address, NET_ADDRESS, "127.0.0.1:%d", ntohs(at.sin_port));
}

void net_until_true(net *n, const bool *value)
{
    guard(n);
    while (!*value)
        uv_run(&n->loop, UV_RUN_ONCE);
    uv_timer_stop(&n->guard);
}

static void end_node(net *n, node *x)
{
    if (x->f)
        s2s_federation_stop(x->f);
    if (!x->stopped)
        net_until_true(n, &x->stopped);
    for (size_t i = 0; i < x->count; i++)
        free(x->received[i]);
}

void net_end_node(net *n, node *x)
{
    end_node(n, x);
    cr_expect_eq(x->t.live, 0u, "%zu blocks of %s are left", x->t.live, x->domain);
}

void net_end(net *n)
{
    end_node(n, &n->a);
    end_node(n, &n->b);
    dns_end(&n->dns);
    uv_close((uv_handle_t *)&n->guard, NULL);
    uv_run(&n->loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&n->loop), 0, "handles are left");
    certs_end(&n->certs);
    dns_signer_end(&n->signer);
    cr_expect_eq(n->a.t.live, 0u, "%zu blocks of a are left", n->a.t.live);
    cr_expect_eq(n->b.t.live, 0u, "%zu blocks of b are left", n->b.t.live);
}

s2s_err node_send(node *n, const char *to, const char *id)
{
    char from[128], address[1100], inner[256];
    (void)snprintf(from, sizeof from, "x@%s", n->domain);
    (void)snprintf(address, sizeof address, "y@%s", to);
    (void)snprintf(inner, sizeof inner, "<body>%s</body>", id);
    s2s_stanza st = {.kind = S2S_MESSAGE,
                     .from = s2s_str_of(from),
                     .to = s2s_str_of(address),
                     .id = s2s_str_of(id),
                     .attrs = S2S_STR(""),
                     .inner = s2s_str_of(inner)};
    return s2s_federation_send(n->f, &st);
}

const char *node_last(const node *n)
{
    return n->count ? n->received[n->count - 1] : "";
}
