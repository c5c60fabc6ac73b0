/* SPDX-License-Identifier: MIT */
/* crl.c: who was revoked, and which lists are complete enough to say that somebody was not. */
#include "policy/crl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/der.h"
#include "policy/file.h"
#include "protocol/buf.h"
#include "protocol/log.h"

#define OID_DELTA "2.5.29.27"
#define OID_SCOPE "2.5.29.28" /* issuingDistributionPoint */
#define PEM_ANY "-----BEGIN "
#define PEM_CRL "-----BEGIN X509 CRL"

enum { SERIAL_MAX = 32, OID_MAX = 128, URI_MAX = 512 }; /* RFC 5280 section 4.1.2.2: at most 20 octets */

typedef struct serial {
    uint8_t len, octets[SERIAL_MAX];
} serial;

typedef struct crl {
    struct crl *next;
    gnutls_x509_crl_t crl;
    gnutls_datum_t issuer; /* raw name */
    int64_t this_update, next_update; /* seconds since 1970; next 0: none given */
    bool partial;          /* it speaks of some reasons or in ways that are unknown here: proves nothing good */
    bool no_cas, cas_only; /* RFC 5280 section 5.2.5 */
    gnutls_datum_t scope;  /* what `uris` point into */
    s2s_str uris[EKU__CRL_URIS_MAX];
    size_t uris_len;
    serial *revoked; /* sorted */
    size_t revoked_len;
} crl;

struct eku__crls {
    const s2s_env *env;
    size_t len;
    crl *first, **end;
};

static int compare(const void *a, const void *b)
{
    const serial *x = a, *y = b;
    return x->len != y->len ? (int)x->len - (int)y->len : memcmp(x->octets, y->octets, x->len);
}

static void free_one(const s2s_env *env, crl *c)
{
    if (c->crl)
        gnutls_x509_crl_deinit(c->crl);
    gnutls_free(c->issuer.data);
    gnutls_free(c->scope.data);
    s2s__free(env, c->revoked);
    s2s__free(env, c);
}

void eku__crls_free(eku__crls *crls)
{
    if (!crls)
        return;
    while (crls->first) {
        crl *c = crls->first;
        crls->first = c->next;
        free_one(crls->env, c);
    }
    s2s__free(crls->env, crls);
}

/* -- loading ------------------------------------------------------------------------------------------- */

static s2s_err read_serials(const s2s_env *env, crl *c, const char *file, char why[S2S_TEXT_MAX])
{
    int count = gnutls_x509_crl_get_crt_count(c->crl);
    if (count < 0)
        return eku__refuse_gnutls(why, file, count);
    c->revoked = s2s__alloc(env, ((size_t)count + 1) * sizeof *c->revoked);
    if (!c->revoked)
        return eku__refuse_nomem(why);
    gnutls_x509_crl_iter_t at = NULL;
    s2s_err err = S2S_OK;
    while (err == S2S_OK && c->revoked_len < (size_t)count) {
        serial *s = &c->revoked[c->revoked_len];
        size_t size = sizeof s->octets;
        time_t when;
        int r = gnutls_x509_crl_iter_crt_serial(c->crl, &at, s->octets, &size, &when);
        if (r < 0) /* left out, it would not be revoked */
            err = eku__refuse_gnutls(why, file, r);
        s->len = (uint8_t)size;
        c->revoked_len++;
    }
    gnutls_x509_crl_iter_deinit(at);
    qsort(c->revoked, c->revoked_len, sizeof *c->revoked, compare);
    return err;
}

/* DistributionPointName: the URIs of a full name. False: another form. */
static bool read_point(s2s_bytes point, crl *c)
{
    eku__der names, name;
    if (!eku__der_take(&point, EKU__DER_CONTEXT_CONSTRUCTED, &names))
        return false;
    while (eku__der_next(&names.body, &name)) {
        if (name.tag != (EKU__DER_CONTEXT | 6))
            continue;
        if (c->uris_len == EKU__CRL_URIS_MAX)
            return false;
        c->uris[c->uris_len++] = (s2s_str){(const char *)name.body.ptr, name.body.len};
    }
    return c->uris_len > 0 && names.body.len == 0;
}

/* IssuingDistributionPoint (RFC 5280 section 5.2.5). False: an indirect list. */
static bool read_scope(crl *c)
{
    s2s_bytes all = {c->scope.data, c->scope.size};
    eku__der scope, part;
    if (!eku__der_take(&all, EKU__DER_SEQUENCE, &scope)) {
        c->partial = true;
        return true;
    }
    while (eku__der_next(&scope.body, &part)) {
        bool yes = part.body.len > 0 && part.body.ptr[0] != 0;
        if (part.tag == EKU__DER_CONTEXT_CONSTRUCTED)
            c->partial = c->partial || !read_point(part.body, c);
        else if (part.tag == (EKU__DER_CONTEXT | 1))
            c->no_cas = yes;
        else if (part.tag == (EKU__DER_CONTEXT | 2))
            c->cas_only = yes;
        else if (part.tag == (EKU__DER_CONTEXT | 4) && yes)
            return false;
        else
            c->partial = true;
    }
    c->partial = c->partial || scope.body.len > 0;
    return true;
}

static s2s_err read_extensions(crl *c, const char *file, char why[S2S_TEXT_MAX])
{
    for (unsigned i = 0;; i++) {
        char oid[OID_MAX];
        size_t size = sizeof oid;
        unsigned critical = 0;
        int r = gnutls_x509_crl_get_extension_info(c->crl, i, oid, &size, &critical);
        if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            return S2S_OK;
        if (r < 0)
            return eku__refuse_gnutls(why, file, r);
        if (strcmp(oid, OID_DELTA) == 0)
            return s2s__refuse(why, S2S_E_INVAL, "%s: a delta CRL, which is not supported", file);
        if (strcmp(oid, OID_SCOPE) != 0) {
            c->partial = c->partial || critical; /* RFC 5280 section 5.2 */
            continue;
        }
        if (c->scope.data)
            return s2s__refuse(why, S2S_E_INVAL, "%s: two issuing distribution points in one CRL", file);
        if ((r = gnutls_x509_crl_get_extension_data2(c->crl, i, &c->scope)) < 0)
            return eku__refuse_gnutls(why, file, r);
        if (!read_scope(c))
            return s2s__refuse(why, S2S_E_INVAL, "%s: an indirect CRL, which is not supported", file);
    }
}

static void tell_if_expired(const s2s_env *env, const crl *c, const char *file)
{
    char until[32] = "?";
    time_t at = (time_t)c->next_update;
    struct tm tm;
    if (c->next_update == 0 || time(NULL) <= at)
        return;
    if (gmtime_r(&at, &tm))
        (void)strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    const s2s_field fields[] = {{"file", s2s_str_of(file)}, {"until", s2s_str_of(until)}};
    s2s__log(env, S2S_LOG_WARN, "a CRL has expired: it proves revocation, and nothing else", fields,
             sizeof fields / sizeof *fields);
}

static s2s_err read_one(const s2s_env *env, crl *c, const char *file, char why[S2S_TEXT_MAX])
{
    int r = gnutls_x509_crl_get_raw_issuer_dn(c->crl, &c->issuer);
    if (r < 0)
        return eku__refuse_gnutls(why, file, r);
    time_t next = gnutls_x509_crl_get_next_update(c->crl);
    c->this_update = (int64_t)gnutls_x509_crl_get_this_update(c->crl);
    c->next_update = next == (time_t)-1 ? 0 : (int64_t)next;
    s2s_err err = read_extensions(c, file, why);
    if (err == S2S_OK)
        err = read_serials(env, c, file, why);
    if (err == S2S_OK)
        tell_if_expired(env, c, file);
    return err;
}

static bool has(const gnutls_datum_t *data, const char *text)
{
    return memmem(data->data, data->size, text, strlen(text)) != NULL;
}

static int import(const gnutls_datum_t *data, gnutls_x509_crl_t **out, unsigned *count)
{
    if (has(data, PEM_ANY) && !has(data, PEM_CRL))
        return GNUTLS_E_NO_CERTIFICATE_FOUND;
    if (has(data, PEM_CRL))
        return gnutls_x509_crl_list_import2(out, count, data, GNUTLS_X509_FMT_PEM, 0);
    if (!(*out = gnutls_malloc(sizeof **out)))
        return GNUTLS_E_MEMORY_ERROR;
    int r = gnutls_x509_crl_init(*out);
    if (r >= 0 && (r = gnutls_x509_crl_import(**out, data, GNUTLS_X509_FMT_DER)) < 0)
        gnutls_x509_crl_deinit(**out);
    if (r < 0) {
        gnutls_free(*out);
        *out = NULL;
        return r;
    }
    *count = 1;
    return r;
}

/* Takes `list` over, also on failure. */
static s2s_err add_one(eku__crls *crls, gnutls_x509_crl_t list, const char *file, char why[S2S_TEXT_MAX])
{
    crl *c = crls->len < EKU__CRLS_MAX ? s2s__alloc(crls->env, sizeof *c) : NULL;
    if (!c) {
        gnutls_x509_crl_deinit(list);
        return crls->len < EKU__CRLS_MAX
                   ? eku__refuse_nomem(why)
                   : s2s__refuse(why, S2S_E_INVAL, "%s: more than %d CRLs in all", file, (int)EKU__CRLS_MAX);
    }
    c->crl = list;
    *crls->end = c;
    crls->end = &c->next;
    crls->len++;
    return read_one(crls->env, c, file, why);
}

static s2s_err add_file(eku__crls *crls, const char *file, char why[S2S_TEXT_MAX])
{
    gnutls_datum_t data = {0};
    gnutls_x509_crl_t *list = NULL;
    unsigned count = 0;
    s2s_err err = eku__file_load(file, EKU__CRL_FILE_MAX, &data, why);
    if (err != S2S_OK)
        return err;
    int r = import(&data, &list, &count);
    gnutls_free(data.data);
    if (r == GNUTLS_E_NO_CERTIFICATE_FOUND || (r >= 0 && count == 0))
        return s2s__refuse(why, S2S_E_INVAL, "%s: there is no CRL in it", file);
    if (r < 0)
        return eku__refuse_gnutls(why, file, r);
    for (unsigned i = 0; i < count; i++) {
        if (err == S2S_OK)
            err = add_one(crls, list[i], file, why);
        else
            gnutls_x509_crl_deinit(list[i]);
    }
    gnutls_free(list);
    return err;
}

s2s_err eku__crls_new(const s2s_env *env, const char *const *files, size_t len, eku__crls **out,
                      char why[S2S_TEXT_MAX])
{
    eku__crls *crls = s2s__alloc(env, sizeof *crls);
    if (!crls)
        return eku__refuse_nomem(why);
    crls->env = env;
    crls->end = &crls->first;
    s2s_err err = S2S_OK;
    for (size_t i = 0; i < len && err == S2S_OK; i++)
        err = add_file(crls, files[i], why);
    if (err != S2S_OK) {
        eku__crls_free(crls);
        return err;
    }
    *out = crls;
    return S2S_OK;
}

/* -- looking up ---------------------------------------------------------------------------------------- */

typedef struct subject {
    gnutls_x509_crt_t crt, issuer;
    gnutls_datum_t issuer_name; /* raw */
    serial serial;
    bool ca;
} subject;

static bool is_listed(const crl *c, const serial *s)
{
    return bsearch(s, c->revoked, c->revoked_len, sizeof *s, compare) != NULL;
}

static bool has_uri(gnutls_x509_crt_t crt, s2s_str wanted)
{
    for (unsigned i = 0;; i++) {
        char uri[URI_MAX];
        size_t size = sizeof uri;
        int r = gnutls_x509_crt_get_crl_dist_points(crt, i, uri, &size, NULL, NULL);
        if (r == GNUTLS_SAN_URI && s2s_str_eq((s2s_str){uri, size}, wanted))
            return true;
        if (r < 0 && r != GNUTLS_E_SHORT_MEMORY_BUFFER)
            return false;
    }
}

/* Whether the list would name this certificate if it were revoked (RFC 5280 section 6.3.3, b). */
static bool covers(const crl *c, const subject *s)
{
    if (c->partial || (s->ca ? c->no_cas : c->cas_only))
        return false;
    for (size_t i = 0; i < c->uris_len; i++) {
        if (has_uri(s->crt, c->uris[i]))
            return true;
    }
    return c->uris_len == 0;
}

/* Its dates are judged by the caller's clock: GnuTLS, which looks at them last, may say what it likes of them. Without memory nothing
 * is known: a list that could not be verified is not a forged one, which would not count. */
static s2s_err is_signed_by(const crl *c, gnutls_x509_crt_t issuer, bool *yes)
{
    const unsigned dates = GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED | GNUTLS_CERT_REVOCATION_DATA_ISSUED_IN_FUTURE;
    unsigned status = 0;
    int r = gnutls_x509_crl_verify(c->crl, &issuer, 1, GNUTLS_PROFILE_TO_VFLAGS(GNUTLS_PROFILE_MEDIUM), &status);
    if (r == GNUTLS_E_MEMORY_ERROR)
        return S2S_E_NOMEM;
    *yes = r >= 0 && (status == 0 || ((status & dates) && !(status & ~(dates | GNUTLS_CERT_INVALID))));
    return S2S_OK;
}

/* What one list says of one certificate. */
static s2s_err ask(const crl *c, const subject *s, int64_t wall, eku__crl_answer *answer)
{
    bool is_signed = false;
    if (c->issuer.size != s->issuer_name.size || memcmp(c->issuer.data, s->issuer_name.data, c->issuer.size) != 0)
        return S2S_OK;
    bool listed = is_listed(c, &s->serial);
    if (!listed && !covers(c, s))
        return S2S_OK;
    s2s_err err = is_signed_by(c, s->issuer, &is_signed);
    if (err != S2S_OK)
        return err;
    if (!is_signed) {
        if (answer->state == EKU__CRL_NONE)
            answer->state = EKU__CRL_FORGED;
    } else if (listed) {
        answer->state = EKU__CRL_LISTED;
    } else if (answer->state == EKU__CRL_LISTED) {
        ;
    } else if (c->this_update <= wall && (c->next_update == 0 || wall <= c->next_update)) {
        answer->state = EKU__CRL_CURRENT;
        answer->until = c->next_update;
    } else if (answer->state != EKU__CRL_CURRENT) {
        answer->state = EKU__CRL_EXPIRED;
        answer->until = c->next_update;
    }
    return S2S_OK;
}

static s2s_err look_up(const eku__crls *crls, subject *s, int64_t wall, eku__crl_answer *answer)
{
    *answer = (eku__crl_answer){.state = EKU__CRL_NONE};
    size_t size = sizeof s->serial.octets;
    if (gnutls_x509_crt_get_serial(s->crt, s->serial.octets, &size) < 0)
        return S2S_OK; /* longer than any that a list may have */
    s->serial.len = (uint8_t)size;
    if (gnutls_x509_crt_get_raw_issuer_dn(s->crt, &s->issuer_name) < 0)
        return S2S_E_NOMEM;
    s2s_err err = S2S_OK;
    for (const crl *c = crls->first; c && err == S2S_OK; c = c->next)
        err = ask(c, s, wall, answer);
    gnutls_free(s->issuer_name.data);
    return err;
}

static s2s_err import_anchor(const eku__path *path, gnutls_x509_crt_t *out)
{
    gnutls_datum_t der = {path->anchor, (unsigned)path->anchor_len};
    if (gnutls_x509_crt_init(out) < 0)
        return S2S_E_NOMEM;
    return gnutls_x509_crt_import(*out, &der, GNUTLS_X509_FMT_DER) < 0 ? S2S_E_NOMEM : S2S_OK;
}

static s2s_err check_path(const eku__crls *crls, const eku__chain *chain, gnutls_x509_crt_t anchor, int64_t wall,
                          eku__path *path)
{
    for (size_t i = 0; i < path->len; i++) {
        subject s = {.crt = chain->crt[path->index[i]],
                     .issuer = i + 1 < path->len ? chain->crt[path->index[i + 1]] : anchor,
                     .ca = i > 0};
        eku__crl_answer answer;
        s2s_err err = look_up(crls, &s, wall, &answer);
        if (err != S2S_OK)
            return err;
        if (answer.state == EKU__CRL_LISTED) {
            path->status = S2S_CHAIN_REVOKED;
            path->crl = answer;
            path->revoked_at = i;
            return S2S_OK;
        }
        if (i == 0)
            path->crl = answer;
        else if (answer.state == EKU__CRL_CURRENT && path->crl.state == EKU__CRL_CURRENT && answer.until != 0 &&
                 (path->crl.until == 0 || answer.until < path->crl.until))
            path->crl.until = answer.until;
    }
    return S2S_OK;
}

s2s_err eku__crls_check(const eku__crls *crls, const eku__chain *chain, int64_t wall, eku__path *path)
{
    gnutls_x509_crt_t anchor = NULL;
    if (crls->len == 0 || path->status != S2S_CHAIN_VALID || !path->anchor)
        return S2S_OK;
    s2s_err err = import_anchor(path, &anchor);
    if (err == S2S_OK)
        err = check_path(crls, chain, anchor, wall, path);
    if (anchor)
        gnutls_x509_crt_deinit(anchor);
    return err;
}
