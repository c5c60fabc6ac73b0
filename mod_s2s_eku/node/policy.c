/* SPDX-License-Identifier: MIT */
/* policy.c: from the configuration's `trust` and `policy` to a policy. */
#include "node/policy.h"

static s2s_err add_remote(eku_policy *policy, const config_remote *from, char why[S2S_TEXT_MAX])
{
    eku_remote r;
    eku_remote_init(&r, from->match);
    r.mode = from->has_mode ? &from->mode : NULL;
    r.allow = from->allow;
    r.dialback = from->dialback;
    r.ca_files = (const char *const *)from->ca_files;
    r.ca_files_len = from->ca_files_len;
    r.pins = (const char *const *)from->pins;
    r.pins_len = from->pins_len;
    return eku_policy_add_remote(policy, &r, why);
}

s2s_err node_policy_new(const s2s_env *env, const config *c, eku_policy **out, char why[S2S_TEXT_MAX])
{
    eku_policy *policy = NULL;
    eku_options o;
    eku_options_init(&o, env);
    o.mode = c->mode;
    o.require_eku = c->require_eku;
    o.any_eku = c->any_eku;
    o.client_only = c->client_only;
    o.ocsp = c->ocsp;
    o.dane = c->dane;
    o.dialback = c->dialback;
    o.allow = c->allow;
    o.system_trust = c->trust_system;
    o.ca_files = (const char *const *)c->ca_files;
    o.ca_files_len = c->ca_files_len;
    o.crl_files = (const char *const *)c->crl_files;
    o.crl_files_len = c->crl_files_len;
    s2s_err err = eku_policy_new(&o, &policy, why);
    for (size_t i = 0; i < c->remotes_len && err == S2S_OK; i++)
        err = add_remote(policy, &c->remotes[i], why);
    if (err != S2S_OK) {
        eku_policy_free(policy);
        return err;
    }
    *out = policy;
    return S2S_OK;
}
