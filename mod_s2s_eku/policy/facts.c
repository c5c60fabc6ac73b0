/* SPDX-License-Identifier: MIT */
/* facts.c: the only code that reads what stands in a certificate. */
#include "policy/facts.h"

#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509-ext.h>

#include "policy/chain.h"
#include "policy/der.h"
#include "protocol/buf.h"

#define OID_SUBJECT_ALT_NAME "2.5.29.17"
#define OID_EXTENDED_KEY_USAGE "2.5.29.37"
#define OID_XMPP_ADDR "1.3.6.1.5.5.7.8.5"
#define OID_SRV_NAME "1.3.6.1.5.5.7.8.7"

enum { OID_MAX = 128 };

static s2s_err err_of(int gnutls)
{
    return gnutls == GNUTLS_E_MEMORY_ERROR ? S2S_E_NOMEM : S2S_E_SYNTAX;
}

s2s_eku eku__eku(const eku__purposes *p)
{
    if (!p->present)
        return S2S_EKU_NONE;
    if (p->server)
        return p->client ? S2S_EKU_BOTH : S2S_EKU_SERVER;
    if (p->client)
        return S2S_EKU_CLIENT;
    return p->any ? S2S_EKU_ANY : S2S_EKU_OTHER;
}

static s2s_err read_purposes(gnutls_x509_crt_t crt, eku__purposes *p)
{
    p->present = eku__crt_has(crt, OID_EXTENDED_KEY_USAGE);
    for (unsigned i = 0; p->present; i++) {
        char oid[OID_MAX];
        size_t size = sizeof oid;
        int r = gnutls_x509_crt_get_key_purpose_oid(crt, i, oid, &size, NULL);
        if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
            break;
        if (r == GNUTLS_E_SHORT_MEMORY_BUFFER)
            p->other = true; /* longer than any that we know */
        else if (r < 0)
            return err_of(r);
        else if (strcmp(oid, GNUTLS_KP_TLS_WWW_SERVER) == 0)
            p->server = true;
        else if (strcmp(oid, GNUTLS_KP_TLS_WWW_CLIENT) == 0)
            p->client = true;
        else if (strcmp(oid, GNUTLS_KP_ANY) == 0)
            p->any = true;
        else
            p->other = true;
    }
    return S2S_OK;
}

static s2s_err read_usage(gnutls_x509_crt_t crt, eku__cert *out)
{
    unsigned usage = 0, ca = 0;
    int r = gnutls_x509_crt_get_key_usage(crt, &usage, NULL);
    if (r < 0 && r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return err_of(r);
    out->key_usage = r >= 0;
    out->digital_signature = r >= 0 && (usage & GNUTLS_KEY_DIGITAL_SIGNATURE);
    out->cert_sign = r >= 0 && (usage & GNUTLS_KEY_KEY_CERT_SIGN);

    out->path_len = -1;
    r = gnutls_x509_crt_get_basic_constraints(crt, NULL, &ca, &out->path_len);
    if (r < 0 && r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
        return err_of(r);
    out->ca = r >= 0 && ca;
    out->name_constraints = eku__crt_has(crt, EKU__OID_NAME_CONSTRAINTS);
    return S2S_OK;
}

/* One string of type `tag` that fills `der`. */
static bool der_string(gnutls_datum_t der, uint8_t tag, s2s_str *out)
{
    s2s_bytes in = {der.data, der.size};
    eku__der value;
    if (!eku__der_take(&in, tag, &value) || in.len > 0)
        return false;
    *out = (s2s_str){(const char *)value.body.ptr, value.body.len};
    return true;
}

/* A name with a NUL inside is unusable as a whole: it is never cut there. */
static bool usable_name(unsigned type, gnutls_datum_t value, gnutls_datum_t oid, eku__name *out)
{
    s2s_str text = {(const char *)value.data, value.size};
    if (type == GNUTLS_SAN_IPADDRESS) {
        *out = (eku__name){EKU__NAME_IP, text};
        return value.size == 4 || value.size == 16;
    }
    if (type == GNUTLS_SAN_DNSNAME) {
        *out = (eku__name){EKU__NAME_DNS, text};
    } else if (type == GNUTLS_SAN_OTHERNAME && oid.data) {
        s2s_str kind = {(const char *)oid.data, oid.size};
        if (kind.len && kind.ptr[kind.len - 1] == '\0')
            kind.len--; /* some versions count the terminator */
        if (s2s_str_eq(kind, S2S_STR(OID_SRV_NAME)) && der_string(value, EKU__DER_IA5_STRING, &text))
            *out = (eku__name){EKU__NAME_SRV, text};
        else if (s2s_str_eq(kind, S2S_STR(OID_XMPP_ADDR)) && der_string(value, EKU__DER_UTF8_STRING, &text))
            *out = (eku__name){EKU__NAME_XMPP, text};
        else
            return false;
    } else {
        return false;
    }
    return text.len > 0 && !memchr(text.ptr, 0, text.len);
}

static s2s_err copy_names(const s2s_env *env, gnutls_subject_alt_names_t sans, eku__cert *out)
{
    gnutls_datum_t value, oid;
    unsigned type, count = 0;
    while (count < EKU__NAMES_MAX && gnutls_subject_alt_names_get(sans, count, &type, &value, &oid) >= 0)
        count++;
    out->names = s2s__alloc(env, count * sizeof *out->names);
    if (!out->names)
        return S2S_E_NOMEM;
    for (unsigned i = 0; i < count; i++) {
        eku__name name;
        oid = (gnutls_datum_t){0};
        (void)gnutls_subject_alt_names_get(sans, i, &type, &value, &oid);
        if (!usable_name(type, value, oid, &name)) {
            out->names_unusable++;
            continue;
        }
        if (!(name.value.ptr = s2s__strdup(env, name.value)))
            return S2S_E_NOMEM;
        out->names[out->names_len++] = name;
    }
    return S2S_OK;
}

/* From the extension itself: GnuTLS's shortcuts for otherNames changed their meaning between its releases. */
static s2s_err read_names(const s2s_env *env, gnutls_x509_crt_t crt, eku__cert *out)
{
    gnutls_datum_t ext = {0};
    gnutls_subject_alt_names_t sans = NULL;
    int r = gnutls_x509_crt_get_extension_by_oid2(crt, OID_SUBJECT_ALT_NAME, 0, &ext, NULL);
    if (r < 0)
        return r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ? S2S_OK : err_of(r);
    s2s_err err = S2S_E_NOMEM;
    if (gnutls_subject_alt_names_init(&sans) < 0)
        goto done;
    r = gnutls_x509_ext_import_subject_alt_names(&ext, sans, 0);
    err = r < 0 ? err_of(r) : copy_names(env, sans, out);
done:
    if (sans)
        gnutls_subject_alt_names_deinit(sans);
    gnutls_free(ext.data);
    return err;
}

static void copy_dn(char out[EKU__SUBJECT_MAX], int gnutls, gnutls_datum_t *dn)
{
    size_t len = gnutls < 0 ? 0 : dn->size;
    if (len >= EKU__SUBJECT_MAX)
        len = EKU__SUBJECT_MAX - 1;
    if (len)
        memcpy(out, dn->data, len);
    out[len] = '\0';
    gnutls_free(dn->data);
}

/* Of the octets as they stand in the certificate: that is what pins and TLSA records are made of. */
static s2s_err read_spki(gnutls_x509_crt_t crt, uint8_t out[EKU__SPKI_HASH])
{
    gnutls_datum_t der = {0};
    s2s_bytes spki;
    int r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);
    if (r < 0)
        return err_of(r);
    s2s_err err = eku__der_spki((s2s_bytes){der.data, der.size}, &spki) ? S2S_OK : S2S_E_SYNTAX;
    if (err == S2S_OK && gnutls_hash_fast(GNUTLS_DIG_SHA256, spki.ptr, spki.len, out) < 0)
        err = S2S_E_NOMEM;
    gnutls_free(der.data);
    return err;
}

static s2s_err read_cert(const s2s_env *env, gnutls_x509_crt_t crt, eku__cert *out)
{
    gnutls_datum_t dn = {0};
    copy_dn(out->subject, gnutls_x509_crt_get_dn3(crt, &dn, 0), &dn);
    dn = (gnutls_datum_t){0};
    copy_dn(out->issuer, gnutls_x509_crt_get_issuer_dn3(crt, &dn, 0), &dn);

    out->not_before = (int64_t)gnutls_x509_crt_get_activation_time(crt);
    out->not_after = (int64_t)gnutls_x509_crt_get_expiration_time(crt);
    int algorithm = gnutls_x509_crt_get_pk_algorithm(crt, &out->key_bits);
    out->key_algorithm = gnutls_pk_algorithm_get_name((gnutls_pk_algorithm_t)algorithm);
    algorithm = gnutls_x509_crt_get_signature_algorithm(crt);
    out->signature_algorithm = gnutls_sign_get_name((gnutls_sign_algorithm_t)algorithm);
    out->signature_strong = gnutls_sign_is_secure2((gnutls_sign_algorithm_t)algorithm,
                                                   GNUTLS_SIGN_FLAG_SECURE_FOR_CERTS) != 0;
    if (!out->key_algorithm)
        out->key_algorithm = "unknown";
    if (!out->signature_algorithm)
        out->signature_algorithm = "unknown";

    s2s_err err = read_spki(crt, out->spki_sha256);
    if (err == S2S_OK)
        err = read_purposes(crt, &out->purposes);
    if (err == S2S_OK)
        err = read_usage(crt, out);
    return err == S2S_OK ? read_names(env, crt, out) : err;
}

s2s_err eku__facts_read(const eku__chain *chain, eku__facts *out)
{
    eku__facts f = {.env = chain->env, .certs = s2s__alloc(chain->env, chain->len * sizeof(eku__cert))};
    if (!f.certs)
        return S2S_E_NOMEM;
    while (f.len < chain->len) {
        eku__cert *cert = &f.certs[f.len];
        s2s_err err = read_cert(f.env, chain->crt[f.len++], cert);
        if (err != S2S_OK) {
            eku__facts_free(&f);
            return err;
        }
    }
    *out = f;
    return S2S_OK;
}

void eku__path_free(eku__path *path)
{
    if (path->anchor)
        s2s__free(path->env, path->anchor);
    *path = (eku__path){.env = path->env};
}

void eku__facts_free(eku__facts *f)
{
    for (size_t i = 0; i < f->len; i++) {
        eku__cert *cert = &f->certs[i];
        for (size_t n = 0; n < cert->names_len; n++)
            s2s__free(f->env, (char *)(uintptr_t)cert->names[n].value.ptr);
        s2s__free(f->env, cert->names);
    }
    s2s__free(f->env, f->certs);
    *f = (eku__facts){.env = f->env};
}
