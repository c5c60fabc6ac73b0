/* SPDX-License-Identifier: MIT */
/* chain.c: DER as presented -> GnuTLS objects, within the limits. */
#include "policy/chain.h"

#include "protocol/buf.h"

void eku__chain_free(eku__chain *c)
{
    for (size_t i = 0; i < c->len; i++)
        gnutls_x509_crt_deinit(c->crt[i]);
    if (c->crt)
        s2s__free(c->env, c->crt);
    *c = (eku__chain){.env = c->env};
}

static s2s_err import_one(s2s_bytes der, gnutls_x509_crt_t *out)
{
    /* GnuTLS takes the bytes as writable, and only reads them. */
    gnutls_datum_t datum = {.data = (unsigned char *)(uintptr_t)der.ptr, .size = (unsigned)der.len};
    gnutls_x509_crt_t crt = NULL;
    if (gnutls_x509_crt_init(&crt) < 0)
        return S2S_E_NOMEM;
    int r = gnutls_x509_crt_import(crt, &datum, GNUTLS_X509_FMT_DER);
    if (r < 0) {
        gnutls_x509_crt_deinit(crt);
        return r == GNUTLS_E_MEMORY_ERROR ? S2S_E_NOMEM : S2S_E_SYNTAX;
    }
    *out = crt;
    return S2S_OK;
}

bool eku__chain_in_limits(const s2s_env *env, const s2s_bytes *der, size_t len)
{
    size_t bytes = 0;
    if (len > env->limits.chain_certificates)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (der[i].len > env->limits.chain_bytes - bytes)
            return false;
        bytes += der[i].len;
    }
    return true;
}

s2s_err eku__chain_import(const s2s_env *env, const s2s_bytes *der, size_t len, eku__chain *out)
{
    if (!eku__chain_in_limits(env, der, len))
        return S2S_E_LIMIT;
    eku__chain c = {.env = env, .crt = s2s__alloc(env, len * sizeof(gnutls_x509_crt_t))};
    if (!c.crt)
        return S2S_E_NOMEM;
    for (; c.len < len; c.len++) {
        s2s_err err = import_one(der[c.len], &c.crt[c.len]);
        if (err != S2S_OK) {
            eku__chain_free(&c);
            return err;
        }
    }
    *out = c;
    return S2S_OK;
}

bool eku__crt_has(gnutls_x509_crt_t crt, const char *oid)
{
    gnutls_datum_t value = {0};
    int r = gnutls_x509_crt_get_extension_by_oid2(crt, oid, 0, &value, NULL);
    gnutls_free(value.data);
    return r != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE;
}
