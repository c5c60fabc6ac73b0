/* SPDX-License-Identifier: MIT */
/* authority.c: a trusted and a rogue certification authority on GnuTLS. */
#include "sim/authority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

enum { DAY = 86400, PATH_ROOM = 96, PEM_ROOM = 16384, DOMAINS_MAX = 1024 };

typedef struct issuer {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
} issuer;

typedef struct paper {
    struct paper *next;
    int domain;
    sim_paper kind;
    gnutls_datum_t der;
    char chain[PATH_ROOM], key[PATH_ROOM];
} paper;

static struct {
    issuer trusted, rogue;
    paper *papers;
    unsigned serial;
    char dir[32], anchor[PATH_ROOM];
} authority;

static void must(int r, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "authority: %s: %s\n", what, gnutls_strerror(r));
    abort();
}

const char *sim_paper_word(sim_paper kind)
{
    static const char *const WORDS[] = {
#define S2S_X(name, word) word,
        SIM_PAPERS(S2S_X)
#undef S2S_X
    };
    return kind < PAPERS ? WORDS[kind] : "?";
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *f = fopen(path, "we");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
        abort();
}

static gnutls_x509_privkey_t new_key(void)
{
    gnutls_x509_privkey_t key;
    must(gnutls_x509_privkey_init(&key), "key");
    must(gnutls_x509_privkey_generate(key, GNUTLS_PK_EDDSA_ED25519, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_ED25519), 0),
         "key generation");
    return key;
}

static gnutls_x509_crt_t new_certificate(gnutls_x509_privkey_t key, const char *cn, int64_t from, int64_t until)
{
    gnutls_x509_crt_t c;
    unsigned char serial[8] = {1};
    authority.serial++;
    memcpy(serial + 1, &authority.serial, sizeof authority.serial);
    must(gnutls_x509_crt_init(&c), "certificate");
    must(gnutls_x509_crt_set_version(c, 3), "version");
    must(gnutls_x509_crt_set_serial(c, serial, sizeof serial), "serial");
    must(gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, cn, (unsigned)strlen(cn)), "name");
    must(gnutls_x509_crt_set_activation_time(c, (time_t)from), "activation");
    must(gnutls_x509_crt_set_expiration_time(c, (time_t)until), "expiration");
    must(gnutls_x509_crt_set_key(c, key), "public key");
    return c;
}

static issuer new_issuer(void)
{
    issuer i = {.key = new_key()};
    i.crt = new_certificate(i.key, "Simulated Authority", SIM_WALL_BASE - 1000 * (int64_t)DAY,
                            SIM_WALL_BASE + 5000 * (int64_t)DAY);
    must(gnutls_x509_crt_set_basic_constraints(i.crt, 1, -1), "constraints");
    must(gnutls_x509_crt_set_key_usage(i.crt, GNUTLS_KEY_KEY_CERT_SIGN), "usage");
    must(gnutls_x509_crt_sign2(i.crt, i.crt, i.key, GNUTLS_DIG_SHA512, 0), "signature");
    return i;
}

void authority_begin(void)
{
    unsigned char pem[PEM_ROOM];
    size_t len = sizeof pem;
    memset(&authority, 0, sizeof authority);
    (void)snprintf(authority.dir, sizeof authority.dir, "/tmp/s2s-sim-XXXXXX");
    if (!mkdtemp(authority.dir))
        abort();
    authority.trusted = new_issuer();
    authority.rogue = new_issuer();
    must(gnutls_x509_crt_export(authority.trusted.crt, GNUTLS_X509_FMT_PEM, pem, &len), "export");
    (void)snprintf(authority.anchor, sizeof authority.anchor, "%s/anchor.pem", authority.dir);
    write_file(authority.anchor, pem, len);
}

static void end_issuer(issuer *i)
{
    gnutls_x509_crt_deinit(i->crt);
    gnutls_x509_privkey_deinit(i->key);
}

void authority_end(void)
{
    while (authority.papers) {
        paper *p = authority.papers;
        authority.papers = p->next;
        (void)unlink(p->chain);
        (void)unlink(p->key);
        gnutls_free(p->der.data);
        free(p);
    }
    (void)unlink(authority.anchor);
    (void)rmdir(authority.dir);
    end_issuer(&authority.trusted);
    end_issuer(&authority.rogue);
}

const char *authority_anchor_file(void)
{
    return authority.anchor;
}

/* -- leaves -------------------------------------------------------------------------------------------- */

static void validity(sim_paper kind, int64_t *from, int64_t *until)
{
    *from = SIM_WALL_BASE - 30 * (int64_t)DAY;
    *until = SIM_WALL_BASE + 2000 * (int64_t)DAY;
    if (kind == PAPER_EXPIRED)
        *until = SIM_WALL_BASE - 10 * (int64_t)DAY;
    if (kind == PAPER_SOON)
        *until = SIM_WALL_BASE + SIM_SOON_SECONDS;
    if (kind == PAPER_FUTURE)
        *from = SIM_WALL_BASE + SIM_SOON_SECONDS;
}

static void set_purposes(gnutls_x509_crt_t c, sim_paper kind)
{
    if (kind == PAPER_NO_EKU)
        return;
    if (kind != PAPER_CLIENT)
        must(gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_SERVER, 0), "purpose");
    if (kind != PAPER_SERVER)
        must(gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_CLIENT, 0), "purpose");
}

static paper *make(int domain, sim_paper kind)
{
    char name[32];
    int64_t from, until;
    gnutls_datum_t pem = {0};
    const issuer *by = kind == PAPER_ROGUE ? &authority.rogue : &authority.trusted;
    paper *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->domain = domain;
    p->kind = kind;
    (void)snprintf(name, sizeof name, "d%03d.example", domain);
    (void)snprintf(p->chain, sizeof p->chain, "%s/%03d-%d.pem", authority.dir, domain, (int)kind);
    (void)snprintf(p->key, sizeof p->key, "%s/%03d-%d.key", authority.dir, domain, (int)kind);
    validity(kind, &from, &until);
    gnutls_x509_privkey_t key = new_key();
    gnutls_x509_crt_t c = new_certificate(key, name, from, until);
    must(gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), 0), "SAN");
    must(gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
    set_purposes(c, kind);
    must(gnutls_x509_crt_sign2(c, by->crt, by->key, GNUTLS_DIG_SHA512, 0), "signature");
    must(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_DER, &p->der), "export");
    must(gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &pem), "export");
    write_file(p->chain, pem.data, pem.size);
    gnutls_free(pem.data);
    must(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), "export");
    write_file(p->key, pem.data, pem.size);
    gnutls_free(pem.data);
    gnutls_x509_crt_deinit(c);
    gnutls_x509_privkey_deinit(key);
    p->next = authority.papers;
    authority.papers = p;
    return p;
}

void authority_files(int domain, sim_paper kind, const char **chain, const char **key)
{
    paper *p = authority.papers;
    while (p && (p->domain != domain || p->kind != kind))
        p = p->next;
    if (!p)
        p = make(domain, kind);
    *chain = p->chain;
    *key = p->key;
}

bool authority_find(s2s_bytes leaf, int *domain, sim_paper *kind)
{
    for (const paper *p = authority.papers; p; p = p->next) {
        if (p->der.size == leaf.len && memcmp(p->der.data, leaf.ptr, leaf.len) == 0) {
            *domain = p->domain;
            *kind = p->kind;
            return true;
        }
    }
    return false;
}

bool authority_expects(sim_paper kind, bool strict, s2s_role peer_role, int64_t wall)
{
    int64_t from, until;
    validity(kind, &from, &until);
    if (wall < from || wall > until || kind == PAPER_ROGUE || kind == PAPER_CLIENT)
        return false;
    return kind != PAPER_SERVER || !strict || peer_role == S2S_ACCEPTOR;
}
