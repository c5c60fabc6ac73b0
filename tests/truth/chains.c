/* SPDX-License-Identifier: MIT */
/* chains.c: every purpose of leaf and CAs, every defect, and the truth about each.
 *
 * The table of purposes is that of RFC 5280 section 4.2.1.12 with two readings that deployed servers share: a CA's purposes
 * bound those below it, and anyExtendedKeyUsage stands for nothing. */
#include <string.h>

#include "truth.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define XMPP_OID "1.3.6.1.5.5.7.8.5"
enum { DAY = 86400 };

typedef struct purpose {
    const char *name, *ekus[2];
} purpose;

enum { LEAF_ABSENT, LEAF_SERVER, LEAF_CLIENT, LEAF_BOTH, LEAF_ANY, LEAF_EMAIL, LEAF_XMPP, LEAVES };
static const purpose LEAF[LEAVES] = {
    {"absent", {NULL}}, {"server", {"server"}}, {"client", {"client"}}, {"both", {"server", "client"}},
    {"any", {"any"}},   {"email", {"email"}},   {"xmpp", {XMPP_OID}},
};
enum { CA_ABSENT, CA_BOTH, CA_SERVER, CA_CLIENT, CA_ANY, CAS };
static const purpose CA[CAS] = {
    {"absent", {NULL}}, {"both", {"server", "client"}}, {"server", {"server"}}, {"client", {"client"}}, {"any", {"any"}},
};

/* "A": fit as a server's; "B": as a client's. */
static const char *const TABLE[LEAVES][CAS] = {
    /*               CA: absent both  server client any */
    [LEAF_ABSENT] = {"AB", "AB", "A-", "-B", "--"},
    [LEAF_SERVER] = {"A-", "A-", "A-", "--", "--"},
    [LEAF_CLIENT] = {"-B", "-B", "--", "-B", "--"},
    [LEAF_BOTH] = {"AB", "AB", "A-", "-B", "--"},
    [LEAF_ANY] = {"--", "--", "--", "--", "--"},
    [LEAF_EMAIL] = {"--", "--", "--", "--", "--"},
    [LEAF_XMPP] = {"--", "--", "--", "--", "--"},
};
/* With any_eku, a leaf of anyExtendedKeyUsage. */
static const char *const ANY_ROW[CAS] = {"AB", "AB", "A-", "-B", "--"};

typedef enum defect { GOOD, EXPIRED, EARLY, FORGED, STRANGER, REVOKED, OTHER_NAME, CA_EXPIRED, CA_FORGED, DEFECTS } defect;
static const struct {
    const char *name;
    s2s_chain_status status;
} DEFECT[DEFECTS] = {
    [GOOD] = {"good", S2S_CHAIN_VALID},
    [EXPIRED] = {"expired", S2S_CHAIN_EXPIRED},
    [EARLY] = {"not yet valid", S2S_CHAIN_NOT_YET_VALID},
    [FORGED] = {"forged", S2S_CHAIN_BAD_SIGNATURE},
    [STRANGER] = {"unknown root", S2S_CHAIN_UNKNOWN_ISSUER},
    [REVOKED] = {"revoked", S2S_CHAIN_REVOKED},
    [OTHER_NAME] = {"other name", S2S_CHAIN_VALID},
    [CA_EXPIRED] = {"CA expired", S2S_CHAIN_EXPIRED},
    [CA_FORGED] = {"CA forged", S2S_CHAIN_BAD_SIGNATURE},
};

static truth_chain *next(truth *t, const pki_cert *leaf, const pki_cert *ca, const pki_cert *above)
{
    TRUTH_NEED(t->len < TRUTH_CHAINS_MAX, "too many chains");
    truth_chain *c = &t->chains[t->len++];
    *c = (truth_chain){.certs = {leaf, ca, above}, .status = S2S_CHAIN_VALID, .identity = S2S_IDENTITY_MATCH};
    return c;
}

static pki_spec ca_spec(const pki_cert *issuer, size_t class, defect d)
{
    pki_spec s = {.cn = CA[class].name, .issuer = issuer, .ca = true, .ekus = {CA[class].ekus[0], CA[class].ekus[1]},
                  .forged = d == CA_FORGED};
    if (d == CA_EXPIRED) {
        s.from = -2 * DAY;
        s.until = -DAY;
    }
    return s;
}

static pki_spec leaf_spec(const pki_cert *issuer, size_t class, defect d)
{
    pki_spec s = {.issuer = issuer, .ekus = {LEAF[class].ekus[0], LEAF[class].ekus[1]},
                  .names = {{PKI_DNS, d == OTHER_NAME ? "other.example" : TRUTH_DOMAIN}}, .forged = d == FORGED};
    if (d == EXPIRED || d == EARLY) {
        s.from = d == EXPIRED ? -2 * DAY : DAY;
        s.until = s.from + DAY;
    }
    return s;
}

static void set_purposes(truth_chain *c, size_t leaf, const char *cell, const char *any_cell)
{
    c->a = cell[0] == 'A';
    c->b = cell[1] == 'B';
    c->absent = leaf == LEAF_ABSENT;
    c->any = leaf == LEAF_ANY;
    c->any_a = any_cell[0] == 'A';
    c->any_b = any_cell[1] == 'B';
}

/* One CA of a class, with the defect, and a leaf of each class below it. */
static void one_ca(truth *t, size_t class, defect d)
{
    const pki_cert *stranger = d == STRANGER ? pki_make(t->pki, &(pki_spec){.cn = "Stranger", .ca = true}) : NULL;
    pki_spec spec = ca_spec(stranger ? stranger : t->root, class, d);
    const pki_cert *ca = pki_make(t->pki, &spec);
    pki_crl crl = {.issuer = ca};
    for (size_t leaf = 0; leaf < LEAVES; leaf++) {
        spec = leaf_spec(ca, leaf, d);
        const pki_cert *cert = pki_make(t->pki, &spec);
        truth_chain *c = next(t, cert, ca, NULL);
        crl.revoked[leaf] = cert;
        (void)snprintf(c->name, sizeof c->name, "%s, leaf %s, CA %s", DEFECT[d].name, LEAF[leaf].name, CA[class].name);
        set_purposes(c, leaf, TABLE[leaf][class], ANY_ROW[class]);
        c->status = DEFECT[d].status;
        c->identity = d == OTHER_NAME ? S2S_IDENTITY_MISMATCH : S2S_IDENTITY_MATCH;
        c->options = d == GOOD;
        c->tls = d == GOOD || (leaf == LEAF_SERVER && class == CA_SERVER);
    }
    if (d == REVOKED) {
        char file[32];
        (void)snprintf(file, sizeof file, "%s.crl", CA[class].name);
        t->crl_files[t->crl_files_len++] = pki_write_crl(t->pki, file, &crl);
    }
}

/* Every CA on the path must permit it. */
static void two_cas(truth *t, size_t upper, size_t lower)
{
    pki_spec spec = ca_spec(t->root, upper, GOOD);
    const pki_cert *above = pki_make(t->pki, &spec);
    spec = ca_spec(above, lower, GOOD);
    const pki_cert *ca = pki_make(t->pki, &spec);
    for (size_t leaf = LEAF_ABSENT; leaf <= LEAF_BOTH; leaf++) {
        const char *x = TABLE[leaf][upper], *y = TABLE[leaf][lower];
        char cell[3] = {x[0] == y[0] ? x[0] : '-', x[1] == y[1] ? x[1] : '-', '\0'};
        spec = leaf_spec(ca, leaf, GOOD);
        truth_chain *c = next(t, pki_make(t->pki, &spec), ca, above);
        (void)snprintf(c->name, sizeof c->name, "good, leaf %s, CA %s below CA %s", LEAF[leaf].name, CA[lower].name,
                       CA[upper].name);
        set_purposes(c, leaf, cell, "--");
        c->options = true;
    }
}

static void single(truth *t, const char *name, s2s_chain_status status, const pki_cert *ca, const pki_cert *above,
                   const pki_spec *spec)
{
    truth_chain *c = next(t, pki_make(t->pki, spec), ca, above);
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    set_purposes(c, LEAF_ABSENT, "AB", "AB");
    c->status = status;
    if (spec->names[0].type == PKI_NAME_END)
        c->identity = S2S_IDENTITY_ABSENT;
}

static void singles(truth *t)
{
    const pki_spec usual = {.issuer = t->root, .names = {{PKI_DNS, TRUTH_DOMAIN}}};
    const pki_cert *zero = pki_make(t->pki, &(pki_spec){.cn = "Zero", .issuer = t->root, .ca = true, .path_len_zero = true});
    const pki_cert *below = pki_make(t->pki, &(pki_spec){.cn = "Below", .issuer = zero, .ca = true});
    const pki_cert *no_ca = pki_make(t->pki, &(pki_spec){.cn = "No CA", .issuer = t->root});
    const pki_cert *unsent = pki_make(t->pki, &(pki_spec){.cn = "Unsent", .issuer = t->root, .ca = true});
    const pki_cert *named = pki_make(t->pki, &(pki_spec){.cn = "Named", .issuer = t->root, .ca = true,
                                                         .permit_dns = "other.example"});
    pki_spec s = usual;
    s.key = PKI_RSA_1024;
    single(t, "RSA-1024", S2S_CHAIN_WEAK, NULL, NULL, &s);
    s.key = PKI_RSA_2048;
    single(t, "RSA-2048", S2S_CHAIN_VALID, NULL, NULL, &s);
    s.key = PKI_ED25519;
    single(t, "Ed25519", S2S_CHAIN_VALID, NULL, NULL, &s);
    s = usual;
    s.sha1 = true;
    single(t, "SHA-1", S2S_CHAIN_WEAK, NULL, NULL, &s);
    s = usual;
    s.issuer = NULL;
    s.cn = "me";
    single(t, "self-signed", S2S_CHAIN_SELF_SIGNED, NULL, NULL, &s);
    s = usual;
    s.ca = true;
    s.key_usage = PKI_KU_SIGN | PKI_KU_CERT_SIGN;
    single(t, "the leaf is a CA", S2S_CHAIN_IS_A_CA, NULL, NULL, &s);
    s = usual;
    s.key_usage = PKI_KU_ENCIPHER;
    single(t, "EK-03 keyEncipherment alone", S2S_CHAIN_KEY_USAGE, NULL, NULL, &s);
    s = usual;
    s.critical_oid = "1.2.3.4";
    single(t, "unknown critical extension", S2S_CHAIN_CONSTRAINT, NULL, NULL, &s);
    s = usual;
    s.names[0] = (pki_name){PKI_NAME_END};
    s.cn = TRUTH_DOMAIN;
    single(t, "ID-04 common name alone", S2S_CHAIN_VALID, NULL, NULL, &s);
    s = usual;
    s.issuer = below;
    single(t, "path length", S2S_CHAIN_CONSTRAINT, below, zero, &s);
    s.issuer = no_ca;
    single(t, "issued by no CA", S2S_CHAIN_NOT_A_CA, no_ca, NULL, &s);
    s.issuer = unsent;
    single(t, "intermediate not sent", S2S_CHAIN_UNKNOWN_ISSUER, NULL, NULL, &s);
    s.issuer = named;
    single(t, "name constraint", S2S_CHAIN_CONSTRAINT, named, NULL, &s);
}

void truth_make(truth *t)
{
    test_env_init(&t->env);
    t->pki = pki_new();
    t->root = pki_make(t->pki, &(pki_spec){.cn = "Root", .ca = true});
    t->root_file = pki_write_chain(t->pki, "root.pem", (const pki_cert *[]){t->root, NULL});
    for (defect d = GOOD; d < DEFECTS; d++) {
        for (size_t class = 0; class < CAS; class++)
            one_ca(t, class, d);
    }
    for (size_t i = 0; i < CAS * CAS; i++)
        two_cas(t, i / CAS, i % CAS);
    singles(t);
}
