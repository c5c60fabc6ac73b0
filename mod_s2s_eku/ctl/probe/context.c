/* SPDX-License-Identifier: MIT */
/* context.c: reading our certificates and setting up DNS, TLS and the policy. */
#include "probe/context.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "policy/facts.h"
#include "probe/judge.h"
#include "probe/wire.h"
#include "protocol/buf.h"
#include "s2s/addr.h"
#include "s2s/system.h"
#include "transport/address.h"

void probe_env_init(s2s_env *env)
{
    static const s2s_env_ops OPS = {.abi = S2S_ENV_ABI, .resize = s2s_system_resize, .random = s2s_system_random};
    s2s_env_init(env, &OPS, NULL);
    env->limits.dns_ms = PROBE_DNS_MS;
}

const char *probe_protocol_word(probe_protocol protocol)
{
    switch (protocol) {
    case PROBE_XMPP: return "xmpp";
    case PROBE_SMTP: return "smtp";
    case PROBE_LMTP: return "lmtp";
    case PROBE_TLS: return "tls";
    }
    return "xmpp";
}

static s2s_err load_ours(probe_context *c, char why[S2S_TEXT_MAX])
{
    const probe_options *o = c->options;
    if (o->keys_len != 0 && o->keys_len != o->certificates_len) {
        (void)snprintf(why, S2S_TEXT_MAX,
                       "each --certificate needs its --key (or none has one: the key is in the same file)");
        return S2S_E_INVAL;
    }
    for (size_t i = 0; i < o->certificates_len; i++) {
        probe_ours *ours = &c->ours[i];
        ours->file = o->certificates[i];
        s2s_err err =
            s2s__identity_load(c->env, ours->file, o->keys_len ? o->keys[i] : ours->file, &ours->identity, why);
        if (err != S2S_OK)
            return err;
        c->ours_len++;
        ours->expires = s2s__identity_expires(ours->identity);
        if ((err = judge_file(c->env, ours, why)) != S2S_OK)
            return err;
    }
    return S2S_OK;
}

static s2s_err read_from(probe_context *c, char why[S2S_TEXT_MAX])
{
    const probe_options *o = c->options;
    if (!o->from) {
        if (o->protocol == PROBE_XMPP && o->certificates_len > 0) {
            (void)snprintf(why, S2S_TEXT_MAX, "--certificate needs --from: the domain that the certificate is for");
            return S2S_E_INVAL;
        }
        return S2S_OK;
    }
    if (s2s_domain_normalise(s2s_str_of(o->from), c->from) == S2S_OK)
        return S2S_OK;
    (void)snprintf(why, S2S_TEXT_MAX, "--from: not a domain: %.100s", o->from);
    return S2S_E_INVAL;
}

static s2s_err make_policy(probe_context *c, char why[S2S_TEXT_MAX])
{
    eku_options o;
    eku_options_init(&o, c->env);
    o.system_trust = c->options->system_trust;
    o.dane = true; /* counts where DNSSEC says "secure" */
    o.ocsp = EKU_OCSP_SOFT;
    o.ca_files = c->options->ca_files;
    o.ca_files_len = c->options->ca_files_len;
    s2s_err err = eku_policy_new(&o, &c->policy, why);
    if (err == S2S_OK)
        c->judge = eku_policy_interface(c->policy);
    return err;
}

/* Each lookup makes a resolver of its own; here it is seen whether that can be done. */
static s2s_err check_dns(probe_context *c, char why[S2S_TEXT_MAX])
{
    const probe_options *o = c->options;
    s2s__resolver *resolver = NULL;
    s2s_err err = s2s__resolver_new(c->loop, c->env, o->dns, o->dns_len, o->anchors, o->anchors_len, &resolver, why);
    if (err == S2S_OK)
        s2s__resolver_close(resolver, NULL, NULL);
    return err;
}

s2s_err probe_context_init(probe_context *c, const s2s_env *env, uv_loop_t *loop, const probe_options *options,
                           char why[S2S_TEXT_MAX])
{
    *c = (probe_context){.env = env, .loop = loop, .options = options};
    (void)snprintf(why, S2S_TEXT_MAX, "%s", s2s_strerror(S2S_E_NOMEM));
    s2s_err err = read_from(c, why);
    if (err == S2S_OK && options->route && (err = s2s__address_parse(s2s_str_of(options->route), &c->route)) != S2S_OK)
        (void)snprintf(why, S2S_TEXT_MAX, "--route: not ADDRESS:PORT: %.100s", options->route);
    if (err == S2S_OK && !(c->room = s2s__alloc(env, sizeof *c->room)))
        err = S2S_E_NOMEM;
    if (err == S2S_OK)
        err = s2s__credentials_new(env, &c->credentials, why);
    if (err == S2S_OK)
        err = load_ours(c, why);
    if (err == S2S_OK)
        err = make_policy(c, why);
    if (err == S2S_OK)
        err = check_dns(c, why);
    if (err != S2S_OK)
        probe_context_free(c);
    return err;
}

void probe_context_free(probe_context *c)
{
    eku_policy_free(c->policy);
    for (size_t i = 0; i < PROBE_OURS_MAX; i++)
        s2s__identity_unref(c->ours[i].identity);
    s2s__credentials_free(c->credentials);
    s2s__free(c->env, c->room);
    *c = (probe_context){0};
}
