/* SPDX-License-Identifier: MIT */
/* spki_policy.c: a policy in a shared object: a remote domain may connect if its key is on a list. No CA counts, and no date.
 *
 * The list stands beside the shared object, as FILE.list: lines of "DOMAIN sha256/BASE64", the hash being that of the certificate's
 * SubjectPublicKeyInfo, as in `pins` of the configuration. Lines that begin with '#' are left out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "mod_s2s_eku/plugin.h"

enum { ENTRIES_MAX = 1000, LINE_MAX_BYTES = 1200, HASH = 32, BASE64 = 44 };

typedef struct entry {
    char domain[LINE_MAX_BYTES];
    char pin[sizeof "sha256/" + BASE64];
} entry;

typedef struct list {
    entry *entries;
    size_t len;
} list;

static void close_list(s2s_policy policy)
{
    list *l = policy.self;
    free(l->entries);
    free(l);
}

/* "sha256/BASE64" of the leaf's key. */
static bool pin_of(const s2s_peer *peer, char out[sizeof "sha256/" + BASE64])
{
    unsigned char hash[HASH];
    size_t len = sizeof hash;
    gnutls_x509_crt_t leaf;
    gnutls_datum_t base64 = {0};
    if (peer->chain_len == 0 || gnutls_x509_crt_init(&leaf) < 0)
        return false;
    gnutls_datum_t der = {(unsigned char *)(uintptr_t)peer->chain[0].ptr, (unsigned)peer->chain[0].len};
    bool ok = gnutls_x509_crt_import(leaf, &der, GNUTLS_X509_FMT_DER) >= 0 &&
              gnutls_x509_crt_get_key_id(leaf, GNUTLS_KEYID_USE_SHA256, hash, &len) >= 0;
    gnutls_x509_crt_deinit(leaf);
    gnutls_datum_t raw = {hash, HASH};
    ok = ok && gnutls_base64_encode2(&raw, &base64) >= 0;
    if (ok)
        (void)snprintf(out, sizeof "sha256/" + BASE64, "sha256/%.*s", (int)base64.size, (const char *)base64.data);
    gnutls_free(base64.data);
    return ok;
}

static bool is_listed(const list *l, s2s_str remote, const char *pin)
{
    for (size_t i = 0; i < l->len; i++) {
        const char *domain = l->entries[i].domain;
        if (strlen(domain) == remote.len && memcmp(domain, remote.ptr, remote.len) == 0 && strcmp(l->entries[i].pin, pin) == 0)
            return true;
    }
    return false;
}

static s2s_err judge(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    char pin[sizeof "sha256/" + BASE64] = "";
    (void)ticket;
    bool read = pin_of(peer, pin), listed = read && is_listed(self, peer->remote, pin);
    out->trusted = out->would_tolerant = out->would_strict = listed;
    out->purpose_server = out->purpose_client = listed;
    out->chain = listed ? S2S_CHAIN_VALID : peer->chain_len == 0 ? S2S_CHAIN_ABSENT : S2S_CHAIN_UNKNOWN_ISSUER;
    out->identity = listed ? S2S_IDENTITY_MATCH : S2S_IDENTITY_MISMATCH;
    (void)snprintf(out->reason, sizeof out->reason, "the key %s is %son the list", read ? pin : "(none)", listed ? "" : "not ");
    (void)snprintf(out->tell, sizeof out->tell, "%s", listed ? "" : "Your server's key is not known here");
    return S2S_OK;
}

static bool take_line(list *l, char *line)
{
    char *rest = line, *domain = strsep(&rest, " \t\r\n"), *pin = strsep(&rest, " \t\r\n");
    if (!*domain || *domain == '#')
        return true;
    if (!pin || strncmp(pin, "sha256/", 7) != 0 || strlen(pin) != 7 + BASE64 || l->len == ENTRIES_MAX)
        return false;
    entry *e = &l->entries[l->len++];
    (void)snprintf(e->domain, sizeof e->domain, "%s", domain);
    (void)snprintf(e->pin, sizeof e->pin, "%s", pin);
    return true;
}

static s2s_err read_list(list *l, const char *path, char why[S2S_TEXT_MAX])
{
    char line[LINE_MAX_BYTES];
    FILE *f = fopen(path, "re");
    bool ok = true;
    if (!f) {
        (void)snprintf(why, S2S_TEXT_MAX, "%.200s cannot be read", path);
        return S2S_E_INVAL;
    }
    for (size_t number = 1; ok && fgets(line, sizeof line, f); number++) {
        ok = take_line(l, line);
        if (!ok)
            (void)snprintf(why, S2S_TEXT_MAX, "%.150s:%zu: not \"DOMAIN sha256/BASE64\", or one too many", path, number);
    }
    (void)fclose(f);
    return ok ? S2S_OK : S2S_E_INVAL;
}

static s2s_err open_list(const s2s_env *env, const char *file, s2s_policy *out, char why[S2S_TEXT_MAX])
{
    static const s2s_policy_ops OPS = {.abi = S2S_POLICY_ABI, .judge = judge};
    char path[4096];
    list *l = calloc(1, sizeof *l);
    (void)env;
    if (!l || !(l->entries = calloc(ENTRIES_MAX, sizeof *l->entries))) {
        free(l);
        return S2S_E_NOMEM;
    }
    (void)snprintf(path, sizeof path, "%s.list", file);
    s2s_err err = read_list(l, path, why);
    if (err != S2S_OK) {
        close_list((s2s_policy){.self = l});
        return err;
    }
    *out = (s2s_policy){&OPS, l};
    return S2S_OK;
}

__attribute__((visibility("default"))) extern const s2s_policy_plugin s2s_policy_plugin_v1;
const s2s_policy_plugin s2s_policy_plugin_v1 = {.abi = S2S_POLICY_PLUGIN_ABI, .policy_abi = S2S_POLICY_ABI,
                                                .name = "keys on a list", .open = open_list, .close = close_list};
