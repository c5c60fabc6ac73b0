/* SPDX-License-Identifier: MIT */
/* trust.c: the system's CA store and PEM files as one set of anchors. */
#include "policy/trust.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "protocol/buf.h"

S2S_PRINTF(3, 4)
static s2s_err refuse(char why[S2S_TEXT_MAX], s2s_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, S2S_TEXT_MAX, format, args);
    va_end(args);
    return err;
}

static s2s_err refuse_gnutls(char why[S2S_TEXT_MAX], const char *what, int r)
{
    return refuse(why, r == GNUTLS_E_MEMORY_ERROR ? S2S_E_NOMEM : S2S_E_INVAL, "%s: %s", what,
                  gnutls_strerror(r));
}

static s2s_err load_file(const char *file, gnutls_datum_t *out, char why[S2S_TEXT_MAX])
{
    struct stat st;
    if (stat(file, &st) != 0)
        return refuse(why, S2S_E_INVAL, "%s: %s", file, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return refuse(why, S2S_E_INVAL, "%s: not a file", file);
    if (st.st_size > EKU__CA_FILE_MAX)
        return refuse(why, S2S_E_INVAL, "%s: larger than %d bytes", file, (int)EKU__CA_FILE_MAX);
    errno = 0;
    if (gnutls_load_file(file, out) < 0)
        return refuse(why, S2S_E_INVAL, "%s: cannot be read: %s", file, strerror(errno));
    return S2S_OK;
}

static s2s_err add_file(gnutls_x509_trust_list_t list, const char *file, char why[S2S_TEXT_MAX])
{
    gnutls_datum_t pem = {0};
    gnutls_x509_crt_t *crts = NULL;
    unsigned count = 0;
    s2s_err err = load_file(file, &pem, why);
    if (err != S2S_OK)
        return err;
    int r = gnutls_x509_crt_list_import2(&crts, &count, &pem, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(pem.data);
    if (r == GNUTLS_E_NO_CERTIFICATE_FOUND || (r >= 0 && count == 0))
        return refuse(why, S2S_E_INVAL, "%s: there is no certificate in it", file);
    if (r < 0)
        return refuse_gnutls(why, file, r);
    int added = gnutls_x509_trust_list_add_cas(list, crts, count, 0); /* takes over those it added */
    for (unsigned i = added < 0 ? 0 : (unsigned)added; i < count; i++)
        gnutls_x509_crt_deinit(crts[i]);
    gnutls_free(crts);
    return added < (int)count ? refuse_gnutls(why, file, GNUTLS_E_MEMORY_ERROR) : S2S_OK;
}

static s2s_err add_all(const eku__anchors *from, gnutls_x509_trust_list_t list, char why[S2S_TEXT_MAX])
{
    if (!from->system && from->files_len == 0)
        return refuse(why, S2S_E_INVAL, "no trust anchors: neither the system's CA store nor a CA file is given");
    if (from->system) {
        int added = gnutls_x509_trust_list_add_system_trust(list, 0, 0);
        if (added < 0)
            return refuse_gnutls(why, "the system's CA store", added);
        if (added == 0)
            return refuse(why, S2S_E_INVAL, "the system's CA store is empty");
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
        return refuse(why, S2S_E_NOMEM, "%s", s2s_strerror(S2S_E_NOMEM));
    t->env = env;
    t->system = from->system;
    s2s_err err = gnutls_x509_trust_list_init(&t->list, 0) < 0
                      ? refuse(why, S2S_E_NOMEM, "%s", s2s_strerror(S2S_E_NOMEM))
                      : add_all(from, t->list, why);
    if (err != S2S_OK) {
        eku__trust_free(t);
        return err;
    }
    *out = t;
    return S2S_OK;
}

void eku__trust_free(eku__trust *t)
{
    if (!t)
        return;
    if (t->list)
        gnutls_x509_trust_list_deinit(t->list, 1);
    s2s__free(t->env, t);
}
