/* SPDX-License-Identifier: MIT */
/* main.c: prints the whole truth table, what is expected beside what the policy says; fails if a row differs. */
#include <string.h>
#include <time.h>

#include <gnutls/x509.h>

#include "truth.h"

typedef enum option { NO_OPTION, REQUIRE_EKU, ANY_EKU, CLIENT_ONLY, OPTIONS } option;
static const char *const OPTION[OPTIONS] = {"-", "require_eku", "any_eku", "client_only"};

typedef struct table {
    truth t;
    eku_policy *policy[OPTIONS][2]; /* by mode */
    gnutls_x509_trust_list_t trust; /* GnuTLS's own word */
    size_t rows, wrong;
} table;

static bool is_sound(const truth_chain *c)
{
    return c->status == S2S_CHAIN_VALID && c->identity == S2S_IDENTITY_MATCH;
}

/* What the references say: tolerant, what Prosody, ejabberd, Metre and xmpp-proxy do; strict, RFC 5280 by the role in TLS;
 * a receiver is a server. */
static bool expected(const truth_chain *c, option o, eku_mode mode, s2s_role role)
{
    bool a = o == ANY_EKU && c->any ? c->any_a : c->a, b = o == ANY_EKU && c->any ? c->any_b : c->b;
    if (!is_sound(c) || (o == REQUIRE_EKU && c->absent))
        return false;
    if (role == S2S_ACCEPTOR)
        return a;
    if (o == CLIENT_ONLY && !a)
        return b;
    return mode == EKU_STRICT ? a && b : a;
}

static void row(table *all, const truth_chain *c, option o, eku_mode mode, s2s_role role, const char *way,
                const s2s_bytes *der, size_t len)
{
    s2s_policy p = eku_policy_interface(all->policy[o][mode]);
    s2s_peer peer = {.size = sizeof peer, .role = role, .local = S2S_STR("us.example"), .remote = S2S_STR(TRUTH_DOMAIN),
                     .chain = der, .chain_len = len, .wall = (int64_t)time(NULL)};
    s2s_verdict v;
    TRUTH_NEED(p.ops->judge(p.self, &peer, 1, &v) == S2S_OK, "judge");
    bool want = expected(c, o, mode, role);
    bool good = v.trusted == want && v.chain == c->status && v.identity == c->identity &&
                v.would_tolerant == expected(c, o, EKU_TOLERANT, role) && v.would_strict == expected(c, o, EKU_STRICT, role);
    if (o == NO_OPTION) /* A and B themselves: of a chain that fails neither holds */
        good = good && v.purpose_server == (c->a && c->status == S2S_CHAIN_VALID) &&
               v.purpose_client == (c->b && c->status == S2S_CHAIN_VALID);
    all->rows++;
    all->wrong += !good;
    (void)printf("%s %-44s %-9s %-8s %-11s %-15s expected %s %s, got %s %s%s%s\n", good ? "ok   " : "WRONG", c->name,
                 role == S2S_INITIATOR ? "initiator" : "receiver", eku_mode_word(mode), OPTION[o], way,
                 want ? "accept" : "refuse", s2s_chain_status_word(c->status), v.trusted ? "accept" : "refuse",
                 s2s_chain_status_word(v.chain), good ? "" : ": ", good ? "" : v.reason);
}

static void rows(table *all, const truth_chain *c, s2s_role role, const char *way, const s2s_bytes *der, size_t len)
{
    for (option o = NO_OPTION; o < (c->options && *way == '-' ? OPTIONS : 1); o++) {
        row(all, c, o, EKU_TOLERANT, role, way, der, len);
        row(all, c, o, EKU_STRICT, role, way, der, len);
    }
}

static void arrived(void *arg, const truth_chain *c, s2s_role role, const char *way, const s2s_bytes *der, size_t len)
{
    rows(arg, c, role, way, der, len);
}

static bool gnutls_accepts(table *all, const s2s_bytes *der, size_t len, const char *purpose)
{
    gnutls_x509_crt_t crts[TRUTH_CERTS_MAX];
    gnutls_typed_vdata_st data = {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)purpose, 0};
    unsigned status = 1, flags = GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM);
    for (size_t i = 0; i < len; i++) {
        gnutls_datum_t d = {(unsigned char *)(uintptr_t)der[i].ptr, (unsigned)der[i].len};
        TRUTH_NEED(gnutls_x509_crt_init(&crts[i]) == 0 && gnutls_x509_crt_import(crts[i], &d, GNUTLS_X509_FMT_DER) == 0, "import");
    }
    (void)gnutls_x509_trust_list_verify_crt2(all->trust, crts, (unsigned)len, &data, 1, flags, &status, NULL);
    for (size_t i = 0; i < len; i++)
        gnutls_x509_crt_deinit(crts[i]);
    return status == 0;
}

/* The table itself is held against GnuTLS: full verification for each purpose. It knows no CRL here, takes a CA and key usage
 * as a leaf, and takes anyExtendedKeyUsage, which the policy does not by default. */
static void hold_against_gnutls(table *all, const truth_chain *c, const s2s_bytes *der, size_t len)
{
    static const char *const PURPOSE[] = {GNUTLS_KP_TLS_WWW_SERVER, GNUTLS_KP_TLS_WWW_CLIENT};
    bool narrower = c->status == S2S_CHAIN_REVOKED || c->status == S2S_CHAIN_IS_A_CA || c->status == S2S_CHAIN_KEY_USAGE;
    for (size_t i = 0; i < 2; i++) {
        bool ours = c->status == S2S_CHAIN_VALID && (i ? (c->any ? c->any_b : c->b) : (c->any ? c->any_a : c->a));
        bool theirs = gnutls_accepts(all, der, len, PURPOSE[i]);
        bool good = ours == theirs || (narrower && theirs);
        all->rows++;
        all->wrong += !good;
        (void)printf("%s %-44s GnuTLS's own verification for %s: expected %s, got %s\n", good ? "ok   " : "WRONG", c->name,
                     i ? "clientAuth" : "serverAuth", ours ? "accept" : "refuse", theirs ? "accept" : "refuse");
    }
}

static void make_policies(table *all)
{
    for (size_t i = 0; i < OPTIONS * 2; i++) {
        char why[S2S_TEXT_MAX] = "";
        eku_options o;
        eku_options_init(&o, &all->t.env.env);
        o.mode = i % 2 ? EKU_STRICT : EKU_TOLERANT;
        o.require_eku = i / 2 == REQUIRE_EKU;
        o.any_eku = i / 2 == ANY_EKU;
        o.client_only = i / 2 == CLIENT_ONLY;
        o.system_trust = false;
        o.ca_files = &all->t.root_file;
        o.ca_files_len = 1;
        o.crl_files = all->t.crl_files;
        o.crl_files_len = all->t.crl_files_len;
        TRUTH_NEED(eku_policy_new(&o, &all->policy[i / 2][i % 2], why) == S2S_OK, "%s", why);
    }
    TRUTH_NEED(gnutls_x509_trust_list_init(&all->trust, 0) == 0 &&
                   gnutls_x509_trust_list_add_trust_file(all->trust, all->t.root_file, NULL, GNUTLS_X509_FMT_PEM, 0, 0) == 1,
               "anchors");
}

int main(void)
{
    table *all = calloc(1, sizeof *all);
    TRUTH_NEED(all != NULL, "memory");
    truth_make(&all->t);
    make_policies(all);
    size_t through_tls = 0;
    for (size_t i = 0; i < all->t.len; i++) {
        const truth_chain *c = &all->t.chains[i];
        s2s_bytes der[PKI_CHAIN_MAX];
        size_t len = pki_chain(c->certs, der);
        rows(all, c, S2S_INITIATOR, "-", der, len);
        rows(all, c, S2S_ACCEPTOR, "-", der, len);
        hold_against_gnutls(all, c, der, len);
        if (c->tls)
            truth_send(&all->t, c, arrived, all);
        through_tls += c->tls;
    }
    (void)printf("%zu chains, %zu of them also through TLS 1.2 and 1.3, STARTTLS and direct; %zu rows, %zu wrong\n", all->t.len,
                 through_tls, all->rows, all->wrong);
    int status = all->wrong ? 1 : 0;
    for (size_t i = 0; i < OPTIONS * 2; i++)
        eku_policy_free(all->policy[i / 2][i % 2]);
    gnutls_x509_trust_list_deinit(all->trust, 1);
    pki_free(all->t.pki);
    free(all);
    return status;
}
