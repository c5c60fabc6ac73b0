/* SPDX-License-Identifier: MIT */
/* context.h: what all probes of one run share: the loop, the DNS, our certificates, the policy, the patience. */
#ifndef PROBE_CONTEXT_H
#define PROBE_CONTEXT_H

#include <uv.h>

#include "mod_s2s_eku/eku.h"
#include "s2s/addr.h"
#include "transport/credentials.h"
#include "transport/resolver.h"

enum {
    PROBE_OURS_MAX = 4,       /* certificates of ours that are tried one after the other */
    PROBE_FILES_MAX = 16,     /* CA files, DNS servers, trust anchors: each */
    PROBE_ENDPOINTS_MAX = 16, /* addresses of one domain that are tried; the rest is named, not tried */
    PROBE_DNS_MS = 5000,      /* one DNS question */
    PROBE_TCP_MS = 5000,      /* one TCP connection attempt */
    PROBE_DIALOG_MS = 15000,  /* from TCP to the end of one conversation */
    PROBE_TIMEOUT_S = 60,     /* all of one domain, unless --timeout says otherwise */
};

typedef enum probe_protocol { PROBE_XMPP, PROBE_SMTP, PROBE_LMTP, PROBE_TLS } probe_protocol;
const char *probe_protocol_word(probe_protocol protocol);

/* One of our certificates. */
typedef struct probe_ours {
    const char *file;
    s2s__identity *identity;
    s2s_eku eku;       /* of the leaf */
    bool chain_client; /* leaf and sent CAs permit a TLS client */
    bool chain_server; /* and a TLS server */
    int64_t expires;
} probe_ours;

typedef struct probe_options {
    probe_protocol protocol;
    const char *from; /* the domain that we speak for; NULL: none */
    const char *certificates[PROBE_OURS_MAX], *keys[PROBE_OURS_MAX];
    size_t certificates_len, keys_len;
    const char *ca_files[PROBE_FILES_MAX], *dns[PROBE_FILES_MAX], *anchors[PROBE_FILES_MAX];
    size_t ca_files_len, dns_len, anchors_len;
    bool system_trust;
    const char *route;   /* ADDRESS:PORT instead of the DNS; NULL: the DNS */
    bool route_direct;   /* TLS comes first there */
    const char *control; /* of a running node that is to ping the domain; NULL: none */
    unsigned timeout_s;
} probe_options;

typedef struct probe_context {
    const s2s_env *env;
    uv_loop_t *loop;
    const probe_options *options;
    s2s__credentials *credentials;
    struct wire_room *room;
    eku_policy *policy;
    s2s_policy judge;
    probe_ours ours[PROBE_OURS_MAX];
    size_t ours_len;
    char from[S2S_DOMAIN_MAX + 1]; /* normal form; "" none */
    struct sockaddr_storage route; /* ss_family 0: none */
} probe_context;

/* `env`, `loop` and `options` outlive it. S2S_OK; any other: `why` says what is wrong with the options. */
s2s_err probe_context_init(probe_context *c, const s2s_env *env, uv_loop_t *loop, const probe_options *options,
                           char why[S2S_TEXT_MAX]);
/* All probes are over. The loop must run until it is empty. */
void probe_context_free(probe_context *c);

/* The environment of s2sctl: malloc, the kernel's entropy, no log. */
void probe_env_init(s2s_env *env);

#endif
