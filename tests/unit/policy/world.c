/* SPDX-License-Identifier: MIT */
/* world.c: the fixture of the policy's tests. */
#include "world.h"

#include <time.h>

#include <criterion/criterion.h>
#include <gnutls/x509.h>

eku_policy *world_policy(world *w, eku_mode mode, const char *file)
{
    char why[S2S_TEXT_MAX] = "";
    eku_policy *policy = NULL;
    eku_options options;
    eku_options_init(&options, &w->env.env);
    options.system_trust = false;
    options.mode = mode;
    options.dane = false;
    options.ca_files = &file;
    options.ca_files_len = 1;
    cr_assert_eq(eku_policy_new(&options, &policy, why), S2S_OK, "%s", why);
    return policy;
}

void world_options(world *w, eku_options *o)
{
    eku_options_init(o, &w->env.env);
    o->system_trust = false;
    o->ca_files = &w->root_file;
    o->ca_files_len = 1;
}

eku_policy *world_make(const eku_options *o)
{
    char why[S2S_TEXT_MAX] = "";
    eku_policy *p = NULL;
    cr_assert_eq(eku_policy_new(o, &p, why), S2S_OK, "%s", why);
    return p;
}

void world_add(eku_policy *policy, const eku_remote *remote)
{
    char why[S2S_TEXT_MAX] = "";
    cr_assert_eq(eku_policy_add_remote(policy, remote, why), S2S_OK, "%s", why);
}

s2s_err world_remote(eku_policy *policy, const char *match, eku_mode mode)
{
    eku_remote r;
    eku_remote_init(&r, match);
    r.mode = &mode;
    return eku_policy_add_remote(policy, &r, NULL);
}

void world_begin(world *w)
{
    test_env_init(&w->env);
    w->pki = pki_new();
    w->root = pki_make(w->pki, &(pki_spec){.cn = "Test Root", .ca = true});
    w->root_file = pki_write_chain(w->pki, "root.pem", (const pki_cert *[]){w->root, NULL});
    w->tolerant = world_policy(w, EKU_TOLERANT, w->root_file);
    w->strict = world_policy(w, EKU_STRICT, w->root_file);
}

void world_end(world *w)
{
    eku_policy_free(w->tolerant);
    eku_policy_free(w->strict);
    pki_free(w->pki);
    cr_expect_eq(w->env.live, 0);
}

const pki_cert *world_ca(world *w, const char *cn, const pki_cert *issuer, const char *eku, const char *eku_too)
{
    return pki_make(w->pki, &(pki_spec){.cn = cn, .issuer = issuer, .ca = true, .ekus = {eku, eku_too}});
}

const pki_cert *world_leaf(world *w, const pki_cert *issuer, const char *eku, const char *eku_too)
{
    return pki_make(w->pki, &(pki_spec){.issuer = issuer, .ekus = {eku, eku_too}, .names = {{PKI_DNS, DOMAIN}}});
}

s2s_peer world_peer(s2s_role role, const pki_cert *const *certs, s2s_bytes der[PKI_CHAIN_MAX])
{
    return (s2s_peer){.size = sizeof(s2s_peer), .role = role, .local = S2S_STR("us.example"), .remote = S2S_STR(DOMAIN),
                      .chain = der, .chain_len = pki_chain(certs, der), .wall = (int64_t)time(NULL)};
}

s2s_verdict world_ask(eku_policy *policy, const s2s_peer *peer)
{
    s2s_policy p = eku_policy_interface(policy);
    s2s_verdict v;
    cr_assert_eq(p.ops->judge(p.self, peer, 1, &v), S2S_OK);
    cr_assert_eq(v.size, sizeof v);
    cr_assert_eq(v.trusted, v.tell[0] == '\0', "a refusal is told, nothing else");
    cr_assert_eq(v.trusted, v.proof != S2S_PROOF_NONE);
    cr_assert_neq(v.reason[0], '\0');
    cr_assert_not(v.would_strict && !v.would_tolerant, "strict never takes what tolerant refuses");
    return v;
}

s2s_verdict world_judge_as(eku_policy *policy, s2s_role role, const char *remote, int64_t wall,
                           const pki_cert *const *certs)
{
    s2s_bytes der[PKI_CHAIN_MAX];
    s2s_peer peer = world_peer(role, certs, der);
    peer.remote = s2s_str_of(remote);
    peer.wall = wall;
    return world_ask(policy, &peer);
}

s2s_verdict world_judge(eku_policy *policy, s2s_role role, const pki_cert *const *certs)
{
    return world_judge_as(policy, role, DOMAIN, (int64_t)time(NULL), certs);
}

bool world_gnutls_accepts(const world *w, const pki_cert *const *certs, const char *purpose)
{
    gnutls_x509_trust_list_t list;
    gnutls_x509_crt_t crts[PKI_CHAIN_MAX];
    s2s_bytes der[PKI_CHAIN_MAX];
    unsigned status = ~0u;
    size_t len = pki_chain(certs, der);
    cr_assert_eq(gnutls_x509_trust_list_init(&list, 0), 0);
    cr_assert_eq(gnutls_x509_trust_list_add_trust_file(list, w->root_file, NULL, GNUTLS_X509_FMT_PEM, 0, 0), 1);
    for (size_t i = 0; i < len; i++) {
        gnutls_datum_t d = {(unsigned char *)(uintptr_t)der[i].ptr, (unsigned)der[i].len};
        cr_assert_eq(gnutls_x509_crt_init(&crts[i]), 0);
        cr_assert_eq(gnutls_x509_crt_import(crts[i], &d, GNUTLS_X509_FMT_DER), 0);
    }
    gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)purpose, 0};
    unsigned flags = GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);
    cr_assert_geq(gnutls_x509_trust_list_verify_crt2(list, crts, (unsigned)len, &data, 1, flags, &status, NULL), 0);
    for (size_t i = 0; i < len; i++)
        gnutls_x509_crt_deinit(crts[i]);
    gnutls_x509_trust_list_deinit(list, 1);
    return status == 0;
}
