/* SPDX-License-Identifier: MIT */
/* fixture.c: see its header. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "transport/address.h"

static void begin(world *w, s2s_tls_start tls, bool bidi)
{
    memset(w, 0, sizeof *w);
    net_begin(&w->net);
    w->net.tls = tls;
    w->net.b.bidi = bidi;
    net_begin_nodes(&w->net);
    (void)certs_path(&w->net.certs, "a.example.pem", w->cert);
    (void)certs_path(&w->net.certs, "a.example.key", w->key);
    (void)certs_path(&w->net.certs, "b.example.pem", w->ca); /* holds the issuer too */
    w->options = (probe_options){.from = "a.example",
                                 .certificates = {w->cert},
                                 .keys = {w->key},
                                 .certificates_len = 1,
                                 .keys_len = 1,
                                 .ca_files = {w->ca},
                                 .ca_files_len = 1,
                                 .dns = {w->net.dns.address},
                                 .dns_len = 1,
                                 .route = w->net.b.address,
                                 .route_direct = tls == S2S_TLS_DIRECT,
                                 .timeout_s = 60};
}

void world_begin(world *w, s2s_tls_start tls)
{
    begin(w, tls, false);
}

void world_begin_bidi(world *w)
{
    begin(w, S2S_TLS_STARTTLS, true);
}

void world_open(world *w)
{
    char why[S2S_TEXT_MAX];
    cr_assert_eq(probe_context_init(&w->context, &w->net.a.t.env, &w->net.loop, &w->options, why), S2S_OK, "%s", why);
    w->has_context = true;
}

static void on_result(void *arg, json_t *result)
{
    world *w = arg;
    w->result = result;
}

void world_probe(world *w, const char *domain)
{
    probe *p;
    if (!w->has_context)
        world_open(w);
    json_decref(w->result);
    w->result = NULL;
    cr_assert_eq(probe_start(&w->context, domain, on_result, w, &p), S2S_OK);
    cr_assert_null(w->result, "never from inside the call");
    while (!w->result)
        (void)uv_run(&w->net.loop, UV_RUN_ONCE);
}

void world_end(world *w)
{
    if (w->has_context)
        probe_context_free(&w->context);
    if (w->has_peer) {
        uv_close((uv_handle_t *)&w->peer.server, NULL);
        for (size_t i = 0; i < w->peer.accepted; i++) {
            if (!uv_is_closing((uv_handle_t *)&w->peer.connections[i]))
                uv_close((uv_handle_t *)&w->peer.connections[i], NULL);
        }
    }
    json_decref(w->result);
    net_end(&w->net);
}

/* -- a peer that is none --------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    static char ignored[4096]; /* whatever the probe says */
    (void)handle;
    (void)suggested;
    *buf = uv_buf_init(ignored, sizeof ignored);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    (void)buf;
    if (n < 0)
        uv_close((uv_handle_t *)stream, NULL);
}

static void on_connection(uv_stream_t *server, int status)
{
    scripted *s = server->data;
    cr_assert_eq(status, 0);
    cr_assert_lt(s->accepted, (size_t)SCRIPT_CONNECTIONS_MAX);
    uv_tcp_t *tcp = &s->connections[s->accepted++];
    cr_assert_eq(uv_tcp_init(server->loop, tcp), 0);
    cr_assert_eq(uv_accept(server, (uv_stream_t *)tcp), 0);
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)s->says, (unsigned)strlen(s->says));
    if (buf.len)
        cr_assert_eq(uv_try_write((uv_stream_t *)tcp, &buf, 1), (int)buf.len);
    if (s->closes)
        uv_close((uv_handle_t *)tcp, NULL);
    else
        cr_assert_eq(uv_read_start((uv_stream_t *)tcp, on_alloc, on_read), 0);
}

void world_script(world *w, const char *says, bool closes)
{
    scripted *s = &w->peer;
    struct sockaddr_storage bound;
    int len = sizeof bound;
    s->says = says;
    s->closes = closes;
    w->has_peer = true;
    cr_assert_eq(s2s__address_parse(S2S_STR("127.0.0.1:0"), &bound), S2S_OK);
    cr_assert_eq(uv_tcp_init(&w->net.loop, &s->server), 0);
    s->server.data = s;
    cr_assert_eq(uv_tcp_bind(&s->server, (struct sockaddr *)&bound, 0), 0);
    cr_assert_eq(uv_listen((uv_stream_t *)&s->server, 8, on_connection), 0);
    cr_assert_eq(uv_tcp_getsockname(&s->server, (struct sockaddr *)&bound, &len), 0);
    s2s__address_print((struct sockaddr *)&bound, s->address);
    w->options.route = s->address;
    w->options.route_direct = false;
}

void world_publish(world *w, const char *service_name)
{
    uint16_t port = (uint16_t)strtoul(strrchr(w->net.b.address, ':') + 1, NULL, 10);
    w->rows[0] = (dns_row){service_name, DNS_SRV, "xmpp.b.example", 5, 0, port};
    w->rows[1] = (dns_row){"xmpp.b.example", DNS_A, "127.0.0.1"};
    w->rows[2] = (dns_row){"refuses.example", DNS_ANY, .rcode = DNS_SERVFAIL};
    w->rows[3] = (dns_row){"_xmpp-server._tcp.closed.example", DNS_SRV, "."};
    w->rows[4] = (dns_row){"closed.example", DNS_A, "127.0.0.1"};
    w->net.dns.rows = w->rows;
    w->net.dns.rows_len = 5;
    w->options.route = NULL;
}

void world_publish_signed(world *w, const char *tlsa)
{
    uint16_t port = (uint16_t)strtoul(strrchr(w->net.b.address, ':') + 1, NULL, 10);
    net_add_domain(&w->net, &w->net.b, "signed.example");
    (void)certs_path(&w->net.certs, "signed.example.pem", w->ca);
    (void)snprintf(w->tlsa_name, sizeof w->tlsa_name, "_%u._tcp.xmpp.signed.example", (unsigned)port);
    w->rows[0] = (dns_row){"_xmpp-server._tcp.signed.example", DNS_SRV, "xmpp.signed.example", 5, 0, port};
    w->rows[1] = (dns_row){"xmpp.signed.example", DNS_A, "127.0.0.1"};
    w->rows[2] = (dns_row){w->tlsa_name, DNS_TLSA, tlsa};
    w->net.dns.rows = w->rows;
    w->net.dns.rows_len = tlsa ? 3 : 2;
    w->options.route = NULL;
    w->options.anchors[0] = w->net.signer.anchor;
    w->options.anchors_len = 1;
}

/* -- reading results ------------------------------------------------------------------------------------- */

const char *at(const json_t *object, const char *path)
{
    char copy[256], *rest = copy;
    (void)snprintf(copy, sizeof copy, "%s", path);
    for (char *key; object && (key = strsep(&rest, "."));)
        object = json_is_array(object) ? json_array_get(object, strtoul(key, NULL, 10)) : json_object_get(object, key);
    const char *text = json_string_value(object);
    return text ? text : "";
}
