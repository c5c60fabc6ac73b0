/* SPDX-License-Identifier: MIT */
/* test_starved.c: making a policy, judging and explaining with an allocation that fails, each in turn, GnuTLS's too. Nothing may leak or
 * crash; what fails says so; and what is not good is never trusted. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <gnutls/crypto.h>
#include <gnutls/ocsp.h>
#include <gnutls/x509.h>

#include "mod_s2s_eku/records.h"
#include "support/starve.h"
#include "world.h"

/* Before GnuTLS's own, which end the process or write through NULL when they get no memory (3.7.9: gnutls_x509_dn_init, and GMP's functions).
 * ISO C has no conversion from what dlsym returns. */
static const char *without; /* one of them that has no memory, whatever the others have */

#define AS_ONE(type, failure, name, parameters, arguments)                                                     \
    __attribute__((visibility("default"))) type name parameters                                                \
    {                                                                                                          \
        static type(*next) parameters;                                                                         \
        if (starve_one() || (without && strcmp(without, #name) == 0))                                          \
            return failure;                                                                                    \
        bool before = starve_spare(true);                                                                      \
        void *found = dlsym(RTLD_NEXT, #name);                                                                 \
        memcpy(&next, &found, sizeof next);                                                                    \
        type r = next arguments;                                                                               \
        (void)starve_spare(before);                                                                            \
        return r;                                                                                              \
    }

AS_ONE(int, GNUTLS_E_MEMORY_ERROR, gnutls_x509_trust_list_verify_crt2,
       (gnutls_x509_trust_list_t list, gnutls_x509_crt_t *certs, unsigned size, gnutls_typed_vdata_st *data, unsigned elements,
        unsigned flags, unsigned *status, gnutls_verify_output_function *each),
       (list, certs, size, data, elements, flags, status, each))
AS_ONE(int, GNUTLS_E_MEMORY_ERROR, gnutls_x509_crl_verify,
       (gnutls_x509_crl_t crl, const gnutls_x509_crt_t *issuers, unsigned size, unsigned flags, unsigned *status),
       (crl, issuers, size, flags, status))
AS_ONE(int, GNUTLS_E_MEMORY_ERROR, gnutls_ocsp_resp_verify_direct,
       (gnutls_ocsp_resp_const_t response, gnutls_x509_crt_t issuer, unsigned *status, unsigned flags),
       (response, issuer, status, flags))
AS_ONE(int, GNUTLS_E_MEMORY_ERROR, gnutls_hash_init, (gnutls_hash_hd_t *out, gnutls_digest_algorithm_t algorithm),
       (out, algorithm)) /* it leaks */
AS_ONE(unsigned, 0, gnutls_x509_crt_check_issuer, (gnutls_x509_crt_t crt, gnutls_x509_crt_t issuer), (crt, issuer))

static world w;
static const pki_cert *ca, *leaf, *revoked, *expired;
static const char *crl_files[2];
static s2s_bytes staple;
static s2s_tlsa tlsa[2];
static uint8_t hash[32];

static void make_papers(void)
{
    world_begin(&w);
    ca = world_ca(&w, "CA", w.root, NULL, NULL);
    leaf = world_leaf(&w, ca, "server", NULL);
    revoked = world_leaf(&w, ca, "server", "client");
    expired = pki_make(w.pki, &(pki_spec){.issuer = ca, .from = -200, .until = -100, .ekus = {"server"},
                                          .names = {{PKI_DNS, DOMAIN}, {PKI_SRV, "_xmpp-server." DOMAIN}, {PKI_XMPP, DOMAIN}}});
    crl_files[0] = pki_write_crl(w.pki, "ca.crl", &(pki_crl){.issuer = ca, .revoked = {revoked}});
    crl_files[1] = pki_write_bytes(w.pki, "shard.crl", pki_make_crl(w.pki, &(pki_crl){.issuer = ca, .uri = "http://ca.example/"}));
    staple = pki_make_ocsp(w.pki, &(pki_ocsp){leaf, ca});
    tlsa[0] = (s2s_tlsa){.usage = 3, .selector = 1, .matching = 1, .data = {hash, sizeof hash}};
    tlsa[1] = (s2s_tlsa){.usage = 2, .selector = 0, .matching = 0, .data = pki_der(ca)};
}

static s2s_err make_policy(eku_policy **out, char why[S2S_TEXT_MAX])
{
    static const eku_mode STRICT = EKU_STRICT;
    const char *pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    eku_options o;
    eku_remote pinned, own;
    world_options(&w, &o);
    o.crl_files = crl_files;
    o.crl_files_len = 2;
    eku_remote_init(&pinned, "pinned.example");
    pinned.pins = &pin;
    pinned.pins_len = 1;
    eku_remote_init(&own, "*.own.example");
    own.ca_files = &w.root_file;
    own.ca_files_len = 1;
    own.mode = &STRICT;
    s2s_err err = eku_policy_new(&o, out, why);
    if (err == S2S_OK)
        err = eku_policy_add_remote(*out, &pinned, why);
    if (err == S2S_OK)
        err = eku_policy_add_remote(*out, &own, why);
    return err;
}

static s2s_err judge(eku_policy *policy, const pki_cert *first, bool dane, s2s_verdict *v)
{
    s2s_bytes der[PKI_CHAIN_MAX];
    const pki_cert *chain[] = {first, ca, NULL};
    s2s_policy face = eku_policy_interface(policy);
    s2s_peer peer = world_peer(S2S_ACCEPTOR, chain, der);
    if (first == leaf)
        peer.staple = staple;
    if (dane) {
        peer.tlsa = tlsa;
        peer.tlsa_len = 2;
        peer.tlsa_state = S2S_DNSSEC_SECURE;
    }
    s2s_verdict_init(v);
    return face.ops->judge(face.self, &peer, 0, v);
}

enum { RUNS = 5 };

/* What is said is judged outside of the hunger, where Criterion may allocate. */
typedef struct said {
    s2s_err made, judged[RUNS];
    s2s_verdict verdict[RUNS];
    char why[S2S_TEXT_MAX];
    bool explained;
} said;

static void scenario(said *s)
{
    eku_policy *policy = NULL, *second = NULL, *shared = NULL;
    char text[S2S_TEXT_MAX], ignored[S2S_TEXT_MAX];
    memset(s, 0, sizeof *s);
    s->made = make_policy(&policy, s->why);
    if (s->made == S2S_OK) {
        s->judged[0] = judge(policy, leaf, false, &s->verdict[0]);
        s->judged[1] = judge(policy, leaf, true, &s->verdict[1]);
        s->judged[2] = judge(policy, revoked, false, &s->verdict[2]);
        s->judged[3] = judge(policy, expired, false, &s->verdict[3]);
        s->judged[4] = eku_policy_share(policy, &shared);
        if (s->judged[4] == S2S_OK)
            s->judged[4] = judge(shared, revoked, true, &s->verdict[4]);
        if (make_policy(&second, ignored) == S2S_OK) {
            eku_policy_replace(policy, second);
            second = NULL;
        }
        s2s_bytes own[2] = {pki_der(leaf), pki_der(ca)};
        s2s_refusal r = {.size = sizeof r, .role = S2S_INITIATOR, .chain = own, .chain_len = 2, .alert = -1,
                         .by = S2S_REFUSED_BY_SASL, .text = S2S_STR("unsupported certificate purpose")};
        s2s_policy face = eku_policy_interface(policy);
        s->explained = face.ops->explain_refusal(face.self, &r, text);
    }
    eku_policy_free(second);
    eku_policy_free(policy);
    eku_policy_free(shared);
}

static void check(const said *s, size_t n)
{
    if (s->made != S2S_OK) {
        cr_expect(s->made == S2S_E_NOMEM || *s->why, "%zu: %d without a word", n, (int)s->made);
        return;
    }
    for (size_t i = 0; i < RUNS; i++) {
        const s2s_verdict *v = &s->verdict[i];
        cr_expect(s->judged[i] == S2S_OK || s->judged[i] == S2S_E_NOMEM, "%zu.%zu: %d", n, i, (int)s->judged[i]);
        if (s->judged[i] == S2S_OK)
            cr_expect(*v->reason, "%zu.%zu: a verdict without a reason", n, i);
        if (i >= 2) /* whatever is out of memory: revoked and expired are not good */
            cr_expect(s->judged[i] != S2S_OK || !v->trusted, "%zu.%zu is trusted: %s", n, i, v->reason);
    }
}

static void starved(bool once)
{
    said s;
    make_papers();
    scenario(&s); /* what GnuTLS keeps for ever is there now */
    cr_assert(s.made == S2S_OK && s.verdict[0].trusted && s.explained, "%s %s", s.why, s.verdict[0].reason);
    cr_assert(!s.verdict[2].trusted && !s.verdict[3].trusted);
    size_t total = 0, runs = 0;
    for (bool failed = true; failed; total += 1024) { /* how many there are, to the thousand */
        starve_begin(total, true);
        scenario(&s);
        failed = starve_end();
    }
    size_t step = starve_step(total);
    for (size_t n = 0; n < total; n += step, runs++) {
        starve_begin(n, once);
        scenario(&s);
        (void)starve_end();
        check(&s, n);
    }
    cr_log_info("%zu runs of up to %zu allocations", runs, total);
    world_end(&w);
}

Test(starved, one_allocation_fails)
{
    starved(true);
}

Test(starved, all_allocations_fail_from_one_on)
{
    starved(false);
}

/* Each may say "no" or "error" where it only has no memory: what was revoked stays so. */
Test(starved, without_memory_nothing_is_known)
{
    static const char *const NAMES[] = {"gnutls_x509_trust_list_verify_crt2", "gnutls_x509_crl_verify",
                                        "gnutls_ocsp_resp_verify_direct", "gnutls_hash_init", "gnutls_x509_crt_check_issuer"};
    make_papers();
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char why[S2S_TEXT_MAX];
        eku_policy *policy = NULL;
        s2s_verdict v;
        cr_assert_eq(make_policy(&policy, why), S2S_OK, "%s", why);
        without = NAMES[i];
        s2s_err err = judge(policy, revoked, false, &v);
        cr_expect(err == S2S_E_NOMEM || (err == S2S_OK && !v.trusted), "%s: %d %s", NAMES[i], (int)err, v.reason);
        without = NULL;
        cr_expect_eq(judge(policy, revoked, false, &v), S2S_OK);
        cr_expect_eq(v.chain, S2S_CHAIN_REVOKED, "%s: nothing of it stays: %s", NAMES[i], v.reason);
        cr_expect(judge(policy, leaf, false, &v) == S2S_OK && v.trusted, "%s: %s", NAMES[i], v.reason);
        eku_policy_free(policy);
    }
    world_end(&w);
}
