/* SPDX-License-Identifier: MIT */
/* judge.c: the policy's verdicts and the facts of a chain. */
#include "probe/judge.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <arpa/inet.h>
#include <gnutls/x509.h>

#include "policy/chain.h"
#include "policy/facts.h"
#include "protocol/buf.h"

enum { NAMES_SHOWN_MAX = 32, TIME_ROOM = 32 };

static void judge_as(const probe_context *c, const judge_case *which, s2s_role role, s2s_verdict *out)
{
    s2s_peer peer = {.size = sizeof peer,
                     .role = role,
                     .local = s2s_str_of(c->from),
                     .remote = which->remote,
                     .chain = which->chain,
                     .chain_len = which->chain_len,
                     .wall = (int64_t)time(NULL),
                     .staple = role == S2S_ACCEPTOR ? which->staple : (s2s_bytes){NULL, 0},
                     .target = which->target ? s2s_str_of(which->target) : S2S_STR_ABSENT,
                     .tlsa_state = which->tlsa_state,
                     .tlsa = which->tlsa,
                     .tlsa_len = which->tlsa_len};
    s2s_verdict_init(out);
    if (c->judge.ops->judge(c->judge.self, &peer, 0, out) != S2S_OK)
        s2s_verdict_init(out);
}

void judge_chain(const probe_context *c, const judge_case *which, judgement *out)
{
    out->judged = true;
    judge_as(c, which, S2S_ACCEPTOR, &out->receiver);
    judge_as(c, which, S2S_INITIATOR, &out->initiator);
}

json_t *judge_time(int64_t seconds)
{
    char text[TIME_ROOM];
    struct tm tm;
    time_t when = (time_t)seconds;
    if (seconds == 0 || !gmtime_r(&when, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        return json_null();
    return json_string(text);
}

/* Certificates may hold any bytes: what is not UTF-8 is shown as '?'. */
static json_t *text(s2s_str s)
{
    char copy[S2S_TEXT_MAX];
    s2s__copy_text(copy, s);
    json_t *out = json_string(copy);
    if (out)
        return out;
    for (char *p = copy; *p; p++) {
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    }
    return json_string(copy);
}

static json_t *name_of(const eku__name *n)
{
    char out[S2S_TEXT_MAX], ip[INET6_ADDRSTRLEN] = "?";
    switch (n->type) {
    case EKU__NAME_DNS: return text(n->value);
    case EKU__NAME_SRV: (void)snprintf(out, sizeof out, "SRV:%.*s", S2S_FMT(n->value)); break;
    case EKU__NAME_XMPP: (void)snprintf(out, sizeof out, "xmppAddr:%.*s", S2S_FMT(n->value)); break;
    case EKU__NAME_IP:
        (void)inet_ntop(n->value.len == 4 ? AF_INET : AF_INET6, n->value.ptr, ip, sizeof ip);
        (void)snprintf(out, sizeof out, "IP:%s", ip);
        break;
    }
    return text(s2s_str_of(out));
}

static json_t *cert_of(const eku__cert *cert)
{
    json_t *names = json_array();
    for (size_t i = 0; i < cert->names_len && i < NAMES_SHOWN_MAX; i++)
        json_array_append_new(names, name_of(&cert->names[i]));
    return json_pack("{s:o, s:o, s:o, s:i, s:s, s:b, s:o, s:o, s:s, s:i, s:s}", "subject",
                     text(s2s_str_of(cert->subject)), "issuer", text(s2s_str_of(cert->issuer)), "names", names,
                     "names_total", (int)(cert->names_len + cert->names_unusable), "eku",
                     s2s_eku_word(eku__eku(&cert->purposes)), "ca", cert->ca, "not_before", judge_time(cert->not_before),
                     "not_after", judge_time(cert->not_after), "key", cert->key_algorithm, "key_bits",
                     (int)cert->key_bits, "signature", cert->signature_algorithm);
}

static json_t *json_of_facts(const eku__facts *facts)
{
    json_t *out = json_array();
    for (size_t i = 0; i < facts->len; i++)
        json_array_append_new(out, cert_of(&facts->certs[i]));
    return out;
}

json_t *judge_facts(const s2s_env *env, const s2s_bytes *der, size_t len)
{
    eku__chain chain = {0};
    eku__facts facts;
    if (len == 0 || eku__chain_import(env, der, len, &chain) != S2S_OK)
        return NULL;
    if (eku__facts_read(&chain, &facts) != S2S_OK) {
        eku__chain_free(&chain);
        return NULL;
    }
    json_t *out = json_of_facts(&facts);
    eku__facts_free(&facts);
    eku__chain_free(&chain);
    return out;
}

static void read_ours(probe_ours *ours, const eku__facts *facts)
{
    ours->eku = eku__eku(&facts->certs[0].purposes);
    ours->chain_client = ours->chain_server = true;
    for (size_t i = 0; i < facts->len; i++) {
        const eku__purposes *p = &facts->certs[i].purposes;
        ours->chain_client &= !p->present || p->client;
        ours->chain_server &= !p->present || p->server;
    }
}

/* -- PEM files ------------------------------------------------------------------------------------------ */

typedef struct pem_list {
    gnutls_x509_crt_t *crt;
    unsigned len;
} pem_list;

static bool read_pem(const char *text, size_t len, pem_list *out)
{
    gnutls_datum_t pem = {(unsigned char *)(uintptr_t)text, (unsigned)len}; /* only read */
    *out = (pem_list){0};
    return gnutls_x509_crt_list_import2(&out->crt, &out->len, &pem, GNUTLS_X509_FMT_PEM, 0) >= 0 && out->len > 0;
}

static void free_pem(pem_list *list)
{
    for (unsigned i = 0; i < list->len; i++)
        gnutls_x509_crt_deinit(list->crt[i]);
    gnutls_free(list->crt);
}

static s2s_err facts_of_list(const s2s_env *env, const pem_list *list, eku__facts *facts)
{
    eku__chain chain = {.env = env, .crt = list->crt, .len = list->len};
    return eku__facts_read(&chain, facts);
}

json_t *judge_pem(const s2s_env *env, const char *pem, size_t len, char fingerprint[JUDGE_FINGERPRINT_LEN + 1])
{
    pem_list list;
    eku__facts facts;
    json_t *out = NULL;
    unsigned char hash[JUDGE_FINGERPRINT_LEN / 2];
    size_t size = sizeof hash;
    fingerprint[0] = '\0';
    if (read_pem(pem, len, &list) &&
        gnutls_x509_crt_get_fingerprint(list.crt[0], GNUTLS_DIG_SHA256, hash, &size) >= 0 &&
        facts_of_list(env, &list, &facts) == S2S_OK) {
        for (size_t i = 0; i < size; i++)
            (void)snprintf(fingerprint + 2 * i, 3, "%02x", hash[i]);
        out = json_of_facts(&facts);
        eku__facts_free(&facts);
    }
    free_pem(&list);
    return out;
}

s2s_err judge_file(const s2s_env *env, probe_ours *ours, char why[S2S_TEXT_MAX])
{
    gnutls_datum_t pem = {0};
    pem_list list;
    eku__facts facts;
    s2s_err err = S2S_E_INVAL;
    (void)snprintf(why, S2S_TEXT_MAX, "%.200s: cannot be read as certificates", ours->file);
    if (gnutls_load_file(ours->file, &pem) < 0)
        return err;
    if (read_pem((const char *)pem.data, pem.size, &list) && (err = facts_of_list(env, &list, &facts)) == S2S_OK) {
        read_ours(ours, &facts);
        eku__facts_free(&facts);
    }
    free_pem(&list);
    gnutls_free(pem.data);
    return err;
}
