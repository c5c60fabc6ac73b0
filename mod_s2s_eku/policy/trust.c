/* SPDX-License-Identifier: MIT */
/* trust.c: the system's CA store and PEM files as one set of anchors. */
#include "policy/trust.h"

#include "policy/file.h"
#include "protocol/buf.h"

static s2s_err add_file(gnutls_x509_trust_list_t list, const char *file, char why[S2S_TEXT_MAX])
{
    gnutls_datum_t pem = {0};
    gnutls_x509_crt_t *crts = NULL;
    unsigned count = 0;
    s2s_err err = eku__file_load(file, EKU__CA_FILE_MAX, &pem, why);
    if (err != S2S_OK)
        return err;
    int r = gnutls_x509_crt_list_import2(&crts, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(pem.data);
    if (r == GNUTLS_E_NO_CERTIFICATE_FOUND || (r >= 0 && count == 0))
        return s2s__refuse(why, S2S_E_INVAL, "%s: there is no certificate in it", file);
    if (r < 0)
        return eku__refuse_gnutls(why, file, r);
    int added = gnutls_x509_trust_list_add_cas(list, crts, count, 0); /* takes over those it added */
    for (unsigned i = added < 0 ? 0 : (unsigned)added; i < count; i++)
        gnutls_x509_crt_deinit(crts[i]);
    gnutls_free(crts);
    return added < (int)count ? eku__refuse_gnutls(why, file, GNUTLS_E_MEMORY_ERROR) : S2S_OK;
}

static s2s_err add_all(const eku__anchors *from, gnutls_x509_trust_list_t list, char why[S2S_TEXT_MAX])
{
    if (!from->system && from->files_len == 0)
        return s2s__refuse(why, S2S_E_INVAL, "no trust anchors: neither the system's CA store nor a CA file is given");
    if (from->system) {
        int added = gnutls_x509_trust_list_add_system_trust(list, 0, 0);
        if (added < 0)
            return eku__refuse_gnutls(why, "the system's CA store", added);
        if (added == 0)
            return s2s__refuse(why, S2S_E_INVAL, "the system's CA store is empty");
    }
    for (size_t i = 0; i < from->files_len; i++) {
        s2s_err err = add_file(list, from->files[i], why);
        if (err != S2S_OK)
            return err;
    }
    return S2S_OK;
}

s2s_err eku__trust_new(const s2s_env *env, const eku__anchors *from, eku__trust **out, char why[S2S_TEXT_MAX])
{
    eku__trust *t = s2s__alloc(env, sizeof *t);
    if (!t)
        return eku__refuse_nomem(why);
    t->env = env;
    t->system = from->system;
    s2s_err err = gnutls_x509_trust_list_init(&t->list, 0) < 0
                      ? eku__refuse_nomem(why)
                      : add_all(from, t->list, why);
    if (err != S2S_OK) {
        eku__trust_free(t);
        return err;
    }
    *out = t;
    return S2S_OK;
}

s2s_err eku__trust_of(const s2s_env *env, s2s_bytes certificate, eku__trust **out)
{
    /* GnuTLS takes the bytes as writable, and only reads them. */
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)certificate.ptr, (unsigned)certificate.len};
    gnutls_x509_crt_t crt = NULL;
    eku__trust *t = s2s__alloc(env, sizeof *t);
    if (!t)
        return S2S_E_NOMEM;
    t->env = env;
    s2s_err err = S2S_E_NOMEM;
    if (gnutls_x509_trust_list_init(&t->list, 0) < 0 || gnutls_x509_crt_init(&crt) < 0)
        goto fail;
    err = S2S_E_SYNTAX;
    if (gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER) < 0)
        goto fail;
    err = S2S_E_NOMEM;
    if (gnutls_x509_trust_list_add_cas(t->list, &crt, 1, 0) != 1) /* else it is the list's */
        goto fail;
    *out = t;
    return S2S_OK;
fail:
    if (crt)
        gnutls_x509_crt_deinit(crt);
    eku__trust_free(t);
    return err;
}

void eku__trust_free(eku__trust *t)
{
    if (!t)
        return;
    if (t->list)
        gnutls_x509_trust_list_deinit(t->list, 1);
    s2s__free(t->env, t);
}
