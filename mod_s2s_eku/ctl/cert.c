/* SPDX-License-Identifier: MIT */
/* cert.c: s2sctl cert: the facts of a PEM chain, and what each mode makes of it. */
#include "cert.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <gnutls/gnutls.h>

#include "command.h"
#include "policy/explain.h"
#include "policy/file.h"
#include "policy/names.h"
#include "policy/remotes.h"
#include "probe/judge.h"
#include "protocol/auth/base64.h"
#include "s2s/addr.h"

#define PEM_BEGIN "-----BEGIN CERTIFICATE-----"

/* The certificates of a file, still as they stand there: also what is no certificate in the end. */
typedef struct pem {
    gnutls_datum_t block[CERT_CHAIN_MAX];
    s2s_bytes der[CERT_CHAIN_MAX];
    size_t len;
} pem;

typedef struct report {
    const cert_options *options;
    char domain[S2S_DOMAIN_MAX + 1];
    s2s_peer peer;
    eku__known known;
    s2s_verdict verdict[2]; /* by mode */
} report;

static const eku_mode MODES[] = {EKU_TOLERANT, EKU_STRICT};

/* Each block for itself: one that is cut short or no base64 becomes an empty certificate, which is malformed. */
static void read_blocks(const gnutls_datum_t *text, pem *out)
{
    const unsigned char *at = text->data, *end = text->data + text->size;
    while (out->len < CERT_CHAIN_MAX && (at = memmem(at, (size_t)(end - at), PEM_BEGIN, strlen(PEM_BEGIN)))) {
        gnutls_datum_t rest = {(unsigned char *)(uintptr_t)at, (unsigned)(end - at)}, *block = &out->block[out->len];
        if (gnutls_pem_base64_decode2("CERTIFICATE", &rest, block) < 0)
            *block = (gnutls_datum_t){0};
        out->der[out->len++] = (s2s_bytes){block->data, block->size};
        at += strlen(PEM_BEGIN);
    }
}

static void free_blocks(pem *p)
{
    for (size_t i = 0; i < p->len; i++)
        gnutls_free(p->block[i].data);
}

/* The same facts for both modes. */
static void rule(report *r)
{
    const eku__facts *facts = &r->known.facts;
    s2s_str of = r->options->domain ? s2s_str_of(r->domain) : S2S_STR("this file");
    eku__case c = {.facts = facts, .path = &r->known.path, .identity = S2S_IDENTITY_ABSENT, .allow = true, .pinned = true,
                   .role = r->options->role, .wall = r->peer.wall};
    if (facts->len && r->options->domain)
        c.identity = eku__names_match(facts->certs[0].names, facts->certs[0].names_len, r->peer.remote,
                                      r->known.path.constrained);
    else if (facts->len)
        c.identity = S2S_IDENTITY_MATCH; /* the chain alone is asked for */
    for (size_t m = 0; m < 2; m++) {
        c.mode = MODES[m];
        eku__ruling ruling = eku__rule(&c, &r->verdict[m]);
        eku__explain(&c, &ruling, of, &r->verdict[m]);
    }
}

static s2s_err judge(const s2s_env *env, report *r, char why[S2S_TEXT_MAX])
{
    eku_options o;
    eku__remotes *set = NULL;
    eku_options_init(&o, env);
    o.system_trust = r->options->ca_files_len == 0;
    o.ca_files = r->options->ca_files;
    o.ca_files_len = r->options->ca_files_len;
    s2s_err err = eku__remotes_new(&o, &set, why);
    if (err == S2S_OK)
        err = eku__known_make(env, set->trust, NULL, &r->peer, &r->known);
    if (err == S2S_OK)
        rule(r);
    eku__remotes_free(set);
    return err;
}

/* -- the report ---------------------------------------------------------------------------------------- */

static const char *accept_word(bool accepted)
{
    return accepted ? "accept" : "refuse";
}

static const char *role_word(s2s_role role)
{
    return role == S2S_INITIATOR ? "initiator" : "receiver";
}

static bool is_on_path(const eku__path *path, size_t index)
{
    for (size_t i = 0; i < path->len; i++) {
        if (path->index[i] == index)
            return true;
    }
    return false;
}

static void pin_of(const eku__cert *cert, char out[sizeof "sha256/" + S2S_BASE64_LEN(EKU_PIN_BYTES)])
{
    memcpy(out, "sha256/", strlen("sha256/"));
    s2s__base64_encode((s2s_bytes){cert->spki_sha256, EKU_PIN_BYTES}, out + strlen("sha256/"));
    out[strlen("sha256/") + S2S_BASE64_LEN(EKU_PIN_BYTES)] = '\0';
}

static json_t *certificates_json(const s2s_env *env, const report *r)
{
    json_t *all = judge_facts(env, r->peer.chain, r->peer.chain_len);
    for (size_t i = 0; all && i < json_array_size(all) && i < r->known.facts.len; i++) {
        char pin[sizeof "sha256/" + S2S_BASE64_LEN(EKU_PIN_BYTES)];
        pin_of(&r->known.facts.certs[i], pin);
        json_object_set_new(json_array_get(all, i), "pin", json_string(pin));
        json_object_set_new(json_array_get(all, i), "on_path", json_boolean(is_on_path(&r->known.path, i)));
    }
    return all ? all : json_array();
}

static json_t *report_json(const s2s_env *env, const report *r)
{
    const s2s_verdict *v = &r->verdict[EKU_TOLERANT];
    const char *identity = r->options->domain ? s2s_identity_word(v->identity) : NULL;
    return json_pack("{s:b, s:s, s:s?, s:s, s:{s:b, s:b}, s:{s:s, s:s}, s:s, s:s, s:s?, s:o, s:s, s:{s:s, s:s}, s:o}",
                     "trusted", v->trusted, "chain", s2s_chain_status_word(v->chain), "identity", identity, "eku",
                     s2s_eku_word(v->eku), "purpose", "server", v->purpose_server, "client", v->purpose_client, "would",
                     "tolerant", accept_word(v->would_tolerant), "strict", accept_word(v->would_strict), "revocation",
                     s2s_revocation_word(v->revocation), "as", role_word(r->options->role), "domain",
                     r->options->domain ? r->domain : NULL, "expires", judge_time(v->expires), "reason", v->reason,
                     "reasons", "tolerant", v->reason, "strict", r->verdict[EKU_STRICT].reason, "certificates",
                     certificates_json(env, r));
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static void print_certificate(FILE *out, const json_t *cert, size_t i)
{
    size_t n;
    const json_t *names = json_object_get(cert, "names"), *name;
    (void)fprintf(out, "%zu %s%s\n", i, json_is_true(json_object_get(cert, "ca")) ? "CA" : "certificate",
                  json_is_true(json_object_get(cert, "on_path")) ? "" : " (not on the path)");
    (void)fprintf(out, "  subject    %s\n", *word(cert, "subject") ? word(cert, "subject") : "(empty)");
    (void)fprintf(out, "  issuer     %s\n", word(cert, "issuer"));
    if (json_array_size(names)) {
        (void)fprintf(out, "  names     ");
        json_array_foreach(names, n, name)
            (void)fprintf(out, " %s", json_string_value(name));
        if ((json_int_t)json_array_size(names) < json_integer_value(json_object_get(cert, "names_total")))
            (void)fprintf(out, " (of %d)", (int)json_integer_value(json_object_get(cert, "names_total")));
        (void)fputc('\n', out);
    }
    (void)fprintf(out, "  eku        %s\n", word(cert, "eku"));
    (void)fprintf(out, "  valid      %s to %s\n", word(cert, "not_before"), word(cert, "not_after"));
    (void)fprintf(out, "  key        %s %d, signed by %s\n", word(cert, "key"),
                  (int)json_integer_value(json_object_get(cert, "key_bits")), word(cert, "signature"));
    (void)fprintf(out, "  pin        %s\n", word(cert, "pin"));
}

static void print_text(FILE *out, const json_t *all)
{
    size_t i;
    const json_t *certs = json_object_get(all, "certificates"), *cert;
    const json_t *purpose = json_object_get(all, "purpose"), *would = json_object_get(all, "would");
    const json_t *reasons = json_object_get(all, "reasons");
    json_array_foreach(certs, i, cert)
        print_certificate(out, cert, i);
    (void)fprintf(out, "%schain        %s\n", json_array_size(certs) ? "\n" : "", word(all, "chain"));
    (void)fprintf(out, "identity     %s%s%s\n", json_is_null(json_object_get(all, "identity")) ? "not asked" : word(all, "identity"),
                  json_is_null(json_object_get(all, "domain")) ? "" : " for ",
                  json_is_null(json_object_get(all, "domain")) ? "" : word(all, "domain"));
    (void)fprintf(out, "eku          %s\n", word(all, "eku"));
    (void)fprintf(out, "purpose      server %s, client %s\n", json_is_true(json_object_get(purpose, "server")) ? "yes" : "no",
                  json_is_true(json_object_get(purpose, "client")) ? "yes" : "no");
    (void)fprintf(out, "revocation   %s\n", word(all, "revocation"));
    (void)fprintf(out, "as           %s\n", word(all, "as"));
    (void)fprintf(out, "tolerant     %s: %s\n", word(would, "tolerant"), word(reasons, "tolerant"));
    (void)fprintf(out, "strict       %s: %s\n", word(would, "strict"), word(reasons, "strict"));
}

static void print(const s2s_env *env, const report *r, FILE *out)
{
    json_t *all = report_json(env, r);
    if (r->options->json) {
        (void)json_dumpf(all, out, JSON_INDENT(2));
        (void)fputc('\n', out);
    } else {
        print_text(out, all);
    }
    json_decref(all);
}

/* -- the command --------------------------------------------------------------------------------------- */

static bool prepare(report *r, const pem *p, char why[S2S_TEXT_MAX])
{
    const cert_options *o = r->options;
    if (p->len == 0) {
        (void)s2s__refuse(why, S2S_E_INVAL, "%s: there is no certificate in it", o->file);
        return false;
    }
    if (o->domain && s2s_domain_normalise(s2s_str_of(o->domain), r->domain) != S2S_OK) {
        (void)s2s__refuse(why, S2S_E_INVAL, "not a domain: %s", o->domain);
        return false;
    }
    r->peer = (s2s_peer){.size = sizeof r->peer, .role = o->role, .remote = s2s_str_of(r->domain), .chain = p->der,
                         .chain_len = p->len, .wall = (int64_t)time(NULL)};
    return true;
}

int cert_run(const cert_options *options, FILE *out, FILE *errors)
{
    char why[S2S_TEXT_MAX] = "";
    s2s_env env;
    gnutls_datum_t text = {0};
    pem blocks = {.len = 0};
    report r = {.options = options};
    int status = CTL_USAGE;
    probe_env_init(&env);
    if (eku__file_load(options->file, CERT_FILE_MAX, &text, why) == S2S_OK) {
        read_blocks(&text, &blocks);
        if (prepare(&r, &blocks, why) && judge(&env, &r, why) == S2S_OK) {
            print(&env, &r, out);
            status = r.verdict[EKU_TOLERANT].trusted ? CTL_GOOD : CTL_NEGATIVE;
            eku__known_free(&r.known);
        }
    }
    if (status == CTL_USAGE)
        (void)fprintf(errors, "s2sctl: cert: %s\n", why);
    free_blocks(&blocks);
    gnutls_free(text.data);
    return status;
}

static const char USAGE[] =
    "Usage: s2sctl cert [OPTIONS] FILE\n"
    "\n"
    "Reads a PEM chain, leaf first; prints its facts, and what each mode of the policy makes of it.\n"
    "\n"
    "  --domain D           judge its names as those of a server of this domain (default: the chain alone)\n"
    "  --ca FILE            a PEM file of anchors in place of the system's; may be repeated\n"
    "  --as ROLE            initiator (it connects to us; the default) or receiver (we connect to it)\n"
    "  --json               print one JSON object\n"
    "  --help               show this\n"
    "\n"
    "Exit status: 0 tolerant accepts it, 1 tolerant refuses it, 2 usage, or a file that cannot be used.\n";

static bool read_role(const char *word, s2s_role *out)
{
    *out = strcmp(word, "receiver") == 0 ? S2S_ACCEPTOR : S2S_INITIATOR;
    return *out == S2S_ACCEPTOR || strcmp(word, "initiator") == 0;
}

int command_cert(int argc, char **argv)
{
    enum { DOMAIN = 256, CA, AS, JSON, HELP, CA_FILES_MAX = 64 };
    static const struct option OPTIONS[] = {{"domain", required_argument, NULL, DOMAIN}, {"ca", required_argument, NULL, CA},
                                            {"as", required_argument, NULL, AS},         {"json", no_argument, NULL, JSON},
                                            {"help", no_argument, NULL, HELP},           {0}};
    const char *ca_files[CA_FILES_MAX];
    cert_options o = {.ca_files = ca_files, .role = S2S_INITIATOR};
    bool good = true;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case DOMAIN: o.domain = optarg; break;
        case CA:
            good = good && o.ca_files_len < CA_FILES_MAX;
            if (good)
                ca_files[o.ca_files_len++] = optarg;
            break;
        case AS: good = read_role(optarg, &o.role) && good; break;
        case JSON: o.json = true; break;
        case HELP: (void)fputs(USAGE, stdout); return CTL_GOOD;
        default: good = false; break;
        }
    }
    if (!good || optind + 1 != argc) {
        (void)fputs(USAGE, stderr);
        return CTL_USAGE;
    }
    o.file = argv[optind];
    return cert_run(&o, stdout, stderr);
}
