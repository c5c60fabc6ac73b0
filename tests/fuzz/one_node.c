/* SPDX-License-Identifier: MIT */
/* one_node.c: the node's own objects, a certificate made for the day, and a policy that trusts nobody. */
#include "fuzz/one_node.h"

#include <stdio.h>
#include <string.h>

#include "fuzz/fuzz.h"
#include "node/config.h"
#include "node/policy.h"
#include "support/pki.h"

static one_node one;
static pki *papers;
static config *settings;
static eku_policy *policy;
static s2s_policy face;

static void on_stopped(void *user)
{
    (void)user;
}

static void take_down(void)
{
    node_stop(one.node);
    (void)uv_run(&one.loop, UV_RUN_DEFAULT);
    node_free(one.node);
    eku_policy_free(policy);
    fuzz_must(uv_loop_close(&one.loop) == 0);
    config_free(settings);
    pki_free(papers);
    fuzz_must(one.t.live == 0);
}

static void quiet(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count)
{
    (void)user;
    (void)level;
    (void)message;
    (void)fields;
    (void)count;
}

/* Nobody answers at that DNS server. */
static void make(void)
{
    static s2s_env_ops ops;
    char text[2048], why[S2S_TEXT_MAX] = "";
    papers = pki_new();
    const pki_cert *cert = pki_make(papers, &(pki_spec){.cn = "our", .names = {{.type = PKI_DNS, .value = "our.example"}}});
    const pki_cert *chain[] = {cert, NULL};
    (void)snprintf(text, sizeof text,
                   "domains: [{name: our.example, certificate: %s, key: %s, services: [echo]}]\n"
                   "listen: [{address: \"127.0.0.1:0\"}]\ntrust: {system: false, ca_files: [%s]}\n"
                   "dns: {servers: [\"127.0.0.1@1\"]}\nlimits: {negotiation_ms: 1000, dns_ms: 500, attempt_ms: 500}\n",
                   pki_write_chain(papers, "a.pem", chain), pki_write_key(papers, "a.key", cert),
                   pki_path(papers, "a.pem"));
    fuzz_must(config_load_text("/nonexistent/s2sd.yaml", s2s_str_of(text), stderr, &settings) == S2S_OK);
    test_env_init(&one.t);
    ops = *one.t.env.ops;
    ops.log = quiet;
    one.t.env.ops = &ops;
    one.t.env.limits = settings->limits;
    fuzz_must(uv_loop_init(&one.loop) == 0);
    fuzz_must(node_policy_new(&one.t.env, settings, &policy, why) == S2S_OK);
    face = eku_policy_interface(policy);
    node_options o = {.env = &one.t.env, .loop = &one.loop, .config = settings, .policies = &face, .workers = 1, .stopped = on_stopped};
    fuzz_must(node_new(&o, stderr, &one.node) == S2S_OK);
    fuzz_must(atexit(take_down) == 0);
}

one_node *one_node_get(void)
{
    if (!one.node)
        make();
    return &one;
}
