/* SPDX-License-Identifier: MIT */
/* credentials.c: loading our certificates, and what every TLS session starts from. */
#include "transport/credentials_gnutls.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/x509-ext.h>
#include <gnutls/x509.h>
#include <uv.h>

#include "protocol/buf.h"
#include "protocol/why.h"
#include "s2s/addr.h"

/* TLS 1.3 and 1.2, forward secrecy and AEAD only (RFC 9325 section 4). Starting from SECURE128 keeps
 * SHA-1 signatures out, which NORMAL would let in. */
#define PRIORITY                                                                                   \
    "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:"         \
    "+CHACHA20-POLY1305:-MAC-ALL:+AEAD:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-GROUP-ALL:"                \
    "+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"

#define OID_SAN "2.5.29.17"
#define OID_SRV_NAME "1.3.6.1.5.5.7.8.7" /* id-on-dnsSRV, RFC 4985 */
#define SRV_SERVICE "_xmpp-server."
enum { DER_IA5STRING = 0x16, DER_LENGTH_LONG = 0x80, KEY_ID_MAX = 64 };

struct s2s__identity {
    const s2s_env *env;
    atomic_uint references;
    gnutls_x509_crt_t *chain; /* GnuTLS's memory */
    unsigned chain_len;
    gnutls_pcert_st *presented; /* the same chain, ready to be sent */
    unsigned presented_len;
    gnutls_privkey_t key;
};

static s2s_err read_file(const char *file, s2s__buf *out, char why[S2S_TEXT_MAX])
{
    enum { CHUNK = 4096 };
    FILE *f = fopen(file, "rbe");
    if (!f)
        return s2s__refuse(why, S2S_E_IO, "%s: cannot be read: %s", file, uv_strerror(uv_translate_sys_error(errno)));
    s2s_err err;
    size_t got = 0;
    (void)setvbuf(f, NULL, _IONBF, 0); /* no second copy of a key */
    while ((err = s2s__buf_reserve(out, CHUNK)) == S2S_OK) {
        got = fread(out->data + out->start + out->len, 1, CHUNK, f);
        out->len += (uint32_t)got;
        if (got < CHUNK)
            break;
    }
    if (err == S2S_E_LIMIT)
        (void)s2s__refuse(why, err, "%s: larger than %d bytes", file, S2S__PEM_MAX);
    if (err == S2S_OK && ferror(f))
        err = s2s__refuse(why, S2S_E_IO, "%s: cannot be read: %s", file, uv_strerror(uv_translate_sys_error(errno)));
    (void)fclose(f);
    return err;
}

static s2s_err present(s2s__identity *identity)
{
    identity->presented = s2s__alloc(identity->env, identity->chain_len * sizeof(gnutls_pcert_st));
    if (!identity->presented)
        return S2S_E_NOMEM;
    for (unsigned i = 0; i < identity->chain_len; i++) {
        if (gnutls_pcert_import_x509(&identity->presented[i], identity->chain[i], 0) < 0)
            return S2S_E_NOMEM;
        identity->presented_len++;
    }
    return S2S_OK;
}

/* A PEM text, and what it is called; `pem` absent: the file of that name. */
typedef struct source {
    const char *name;
    s2s_bytes pem;
} source;

static s2s_err parse_chain(s2s__identity *identity, s2s_bytes pem, const char *name, char why[S2S_TEXT_MAX])
{
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)pem.ptr, (unsigned)pem.len};
    int r = gnutls_x509_crt_list_import2(&identity->chain, &identity->chain_len, &data, GNUTLS_X509_FMT_PEM, 0);
    if (r == GNUTLS_E_NO_CERTIFICATE_FOUND || (r >= 0 && identity->chain_len == 0))
        return s2s__refuse(why, S2S_E_INVAL, "%s: there is no certificate in it", name);
    if (r < 0)
        return s2s__refuse(why, S2S_E_INVAL, "%s: the certificate cannot be read: %s", name, gnutls_strerror(r));
    return present(identity);
}

static s2s_err parse_key(s2s__identity *identity, s2s_bytes pem, const char *name, char why[S2S_TEXT_MAX])
{
    gnutls_datum_t data = {(unsigned char *)(uintptr_t)pem.ptr, (unsigned)pem.len};
    if (gnutls_privkey_init(&identity->key) < 0)
        return S2S_E_NOMEM;
    int r = gnutls_privkey_import_x509_raw(identity->key, &data, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (r == GNUTLS_E_DECRYPTION_FAILED)
        return s2s__refuse(why, S2S_E_INVAL, "%s: the private key is encrypted", name);
    if (r < 0)
        return s2s__refuse(why, S2S_E_INVAL, "%s: there is no private key in it that can be used: %s", name, gnutls_strerror(r));
    return S2S_OK;
}

typedef s2s_err (*parser)(s2s__identity *identity, s2s_bytes pem, const char *name, char why[S2S_TEXT_MAX]);

static s2s_err take(s2s__identity *identity, const source *from, parser parse, char why[S2S_TEXT_MAX])
{
    if (from->pem.len > S2S__PEM_MAX)
        return s2s__refuse(why, S2S_E_LIMIT, "%s: larger than %d bytes", from->name, S2S__PEM_MAX);
    if (from->pem.ptr)
        return parse(identity, from->pem, from->name, why);
    s2s__buf pem;
    s2s__buf_init(&pem, identity->env, S2S__PEM_MAX);
    s2s_err err = read_file(from->name, &pem, why);
    if (err == S2S_OK)
        err = parse(identity, (s2s_bytes){s2s__buf_bytes(&pem), pem.len}, from->name, why);
    if (pem.data)
        gnutls_memset(pem.data, 0, pem.room);
    s2s__buf_free(&pem);
    return err;
}

static s2s_err check_pair(const s2s__identity *identity, const char *certificate_file,
                          const char *key_file, char why[S2S_TEXT_MAX])
{
    uint8_t of_leaf[KEY_ID_MAX], of_key[KEY_ID_MAX];
    size_t leaf_len = sizeof of_leaf, key_len = sizeof of_key;
    gnutls_pubkey_t public;
    if (gnutls_pubkey_init(&public) < 0)
        return S2S_E_NOMEM;
    int r = gnutls_pubkey_import_privkey(public, identity->key, 0, 0);
    if (r >= 0)
        r = gnutls_pubkey_get_key_id(public, GNUTLS_KEYID_USE_SHA256, of_key, &key_len);
    if (r >= 0)
        r = gnutls_x509_crt_get_key_id(identity->chain[0], GNUTLS_KEYID_USE_SHA256, of_leaf,
                                       &leaf_len);
    gnutls_pubkey_deinit(public);
    if (r >= 0 && leaf_len == key_len && memcmp(of_leaf, of_key, key_len) == 0)
        return S2S_OK;
    return s2s__refuse(why, S2S_E_INVAL, "%s: the key does not belong to the first certificate in %s", key_file, certificate_file);
}

static void identity_free(s2s__identity *identity)
{
    for (unsigned i = 0; i < identity->presented_len; i++)
        gnutls_pcert_deinit(&identity->presented[i]);
    s2s__free(identity->env, identity->presented);
    for (unsigned i = 0; i < identity->chain_len; i++)
        gnutls_x509_crt_deinit(identity->chain[i]);
    gnutls_free(identity->chain);
    if (identity->key)
        gnutls_privkey_deinit(identity->key);
    s2s__free(identity->env, identity);
}

static s2s_err make(const s2s_env *env, const source *certificate, const source *key, s2s__identity **out,
                    char why[S2S_TEXT_MAX])
{
    (void)s2s__refuse(why, S2S_E_NOMEM, "%s: %s", certificate->name, s2s_strerror(S2S_E_NOMEM));
    s2s__identity *identity = s2s__alloc(env, sizeof *identity);
    if (!identity)
        return S2S_E_NOMEM;
    identity->env = env;
    atomic_init(&identity->references, 1);
    s2s_err err = take(identity, certificate, parse_chain, why);
    if (err == S2S_OK)
        err = take(identity, key, parse_key, why);
    if (err == S2S_OK)
        err = check_pair(identity, certificate->name, key->name, why);
    if (err != S2S_OK) {
        identity_free(identity);
        return err;
    }
    if (why)
        *why = '\0';
    *out = identity;
    return S2S_OK;
}

s2s_err s2s__identity_load(const s2s_env *env, const char *certificate_file, const char *key_file, s2s__identity **out,
                           char why[S2S_TEXT_MAX])
{
    return make(env, &(source){.name = certificate_file}, &(source){.name = key_file}, out, why);
}

s2s_err s2s__identity_read(const s2s_env *env, s2s_bytes certificate, s2s_bytes key, s2s__identity **out,
                           char why[S2S_TEXT_MAX])
{
    if (!certificate.ptr || !key.ptr)
        return s2s__refuse(why, S2S_E_INVAL, "%s: there is none", certificate.ptr ? "key" : "certificate");
    return make(env, &(source){"certificate", certificate}, &(source){"key", key}, out, why);
}

s2s__identity *s2s__identity_ref(s2s__identity *identity)
{
    if (identity)
        atomic_fetch_add(&identity->references, 1);
    return identity;
}

void s2s__identity_unref(s2s__identity *identity)
{
    if (identity && atomic_fetch_sub(&identity->references, 1) == 1)
        identity_free(identity);
}

int64_t s2s__identity_expires(const s2s__identity *identity)
{
    return (int64_t)gnutls_x509_crt_get_expiration_time(identity->chain[0]);
}

int64_t s2s__identity_begins(const s2s__identity *identity)
{
    return (int64_t)gnutls_x509_crt_get_activation_time(identity->chain[0]);
}

size_t s2s__identity_chain(const s2s__identity *identity, s2s_bytes out[S2S__IDENTITY_CHAIN_MAX])
{
    size_t len = 0;
    for (; len < identity->presented_len && len < S2S__IDENTITY_CHAIN_MAX; len++)
        out[len] = (s2s_bytes){identity->presented[len].cert.data, identity->presented[len].cert.size};
    return len;
}

/* Both in ASCII. A wildcard stands for exactly one whole left-most label (ID-05). */
static bool name_covers(s2s_str presented, s2s_str domain)
{
    if (presented.len > 2 && presented.ptr[0] == '*' && presented.ptr[1] == '.') {
        const char *dot = memchr(domain.ptr, '.', domain.len);
        if (!dot || dot == domain.ptr)
            return false;
        presented = (s2s_str){presented.ptr + 1, presented.len - 1};
        domain = (s2s_str){dot, domain.len - (size_t)(dot - domain.ptr)};
    }
    return presented.len > 0 && s2s_str_caseeq(presented, domain);
}

/* The name behind `_xmpp-server.` in a DER IA5String; absent if it is something else. */
static s2s_str srv_name(const gnutls_datum_t *der)
{
    s2s_str service = S2S_STR(SRV_SERVICE);
    if (der->size < 2 || der->data[0] != DER_IA5STRING || der->data[1] >= DER_LENGTH_LONG ||
        der->data[1] != der->size - 2)
        return S2S_STR_ABSENT;
    s2s_str name = {(const char *)der->data + 2, der->size - 2};
    if (name.len <= service.len || !s2s_str_caseeq((s2s_str){name.ptr, service.len}, service))
        return S2S_STR_ABSENT;
    return (s2s_str){name.ptr + service.len, name.len - service.len};
}

static bool any_name_covers(gnutls_subject_alt_names_t names, s2s_str domain)
{
    unsigned type;
    gnutls_datum_t name, oid;
    /* "type" alone is not enough for SRV names: newer releases have a value of their own for them */
    for (unsigned i = 0; oid = (gnutls_datum_t){0},
                  gnutls_subject_alt_names_get(names, i, &type, &name, &oid) >= 0;
         i++) {
        s2s_str presented = S2S_STR_ABSENT;
        if (type == GNUTLS_SAN_DNSNAME)
            presented = (s2s_str){(const char *)name.data, name.size};
        else if (oid.data && s2s_str_eq((s2s_str){(const char *)oid.data, strlen((char *)oid.data)},
                                        S2S_STR(OID_SRV_NAME)))
            presented = srv_name(&name);
        if (presented.ptr && name_covers(presented, domain))
            return true;
    }
    return false;
}

bool s2s__identity_covers(const s2s__identity *identity, s2s_str domain)
{
    char ascii[S2S_ASCII_DOMAIN_MAX + 1];
    gnutls_datum_t der = {0};
    gnutls_subject_alt_names_t names;
    bool covers = false;
    if (s2s_domain_to_ascii(domain, ascii) != S2S_OK)
        return false;
    if (gnutls_x509_crt_get_extension_by_oid2(identity->chain[0], OID_SAN, 0, &der, NULL) < 0)
        return false;
    if (gnutls_subject_alt_names_init(&names) >= 0) {
        if (gnutls_x509_ext_import_subject_alt_names(&der, names, 0) >= 0)
            covers = any_name_covers(names, s2s_str_of(ascii));
        gnutls_subject_alt_names_deinit(names);
    }
    gnutls_free(der.data);
    return covers;
}

/* GnuTLS asks what to present: the identity set by s2s__credentials_apply, whatever CAs the peer lists. The
 * peer may know our CA although its list does not say so; with GnuTLS's own choice nothing would be sent. */
static int present_identity(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                            gnutls_pcert_st **certs, unsigned *certs_len, gnutls_ocsp_data_st **ocsp,
                            unsigned *ocsp_len, gnutls_privkey_t *key, unsigned *flags)
{
    (void)info;
    const s2s__identity *identity = gnutls_session_get_ptr(session);
    *certs = identity ? identity->presented : NULL;
    *certs_len = identity ? identity->presented_len : 0;
    *key = identity ? identity->key : NULL;
    *ocsp = NULL;
    *ocsp_len = 0;
    *flags = 0; /* all of it stays ours */
    return 0;
}

int s2s__credentials_apply(const s2s__credentials *credentials, s2s__identity *identity,
                           gnutls_session_t session)
{
    gnutls_session_set_ptr(session, identity);
    int r = gnutls_priority_set(session, credentials->priority);
    if (r >= 0)
        r = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials->certificates);
    return r;
}

s2s_err s2s__credentials_new(const s2s_env *env, s2s__credentials **out, char why[S2S_TEXT_MAX])
{
    s2s__credentials *credentials = s2s__alloc(env, sizeof *credentials);
    if (!credentials)
        return s2s__refuse(why, S2S_E_NOMEM, "%s", s2s_strerror(S2S_E_NOMEM));
    credentials->env = env;
    int r = gnutls_certificate_allocate_credentials(&credentials->certificates);
    if (r >= 0)
        r = gnutls_priority_init(&credentials->priority, PRIORITY, NULL);
    if (r < 0) {
        s2s__credentials_free(credentials);
        return s2s__refuse(why, S2S_E_TLS, "TLS cannot be set up: %s", gnutls_strerror(r));
    }
    gnutls_certificate_set_retrieve_function3(credentials->certificates, present_identity);
    *out = credentials;
    return S2S_OK;
}

void s2s__credentials_free(s2s__credentials *credentials)
{
    if (!credentials)
        return;
    if (credentials->priority)
        gnutls_priority_deinit(credentials->priority);
    if (credentials->certificates)
        gnutls_certificate_free_credentials(credentials->certificates);
    s2s__free(credentials->env, credentials);
}
