/* SPDX-License-Identifier: MIT */
/* remotes.c: a policy's options and the rules of its remotes, as terms without anything left to inherit. */
#include "policy/remotes.h"

#include <string.h>

#include "policy/file.h"
#include "protocol/auth/base64.h"
#include "protocol/buf.h"
#include "protocol/sized.h"
#include "s2s/addr.h"

struct eku__remote {
    eku__remote *next;
    eku__trust *trust; /* its own; NULL: the policy's */
    uint8_t (*pins)[EKU_PIN_BYTES];
    eku__terms terms;
    char match[S2S_DOMAIN_MAX + 1]; /* normal form */
};

#define PIN_PREFIX "sha256/"

s2s_err eku_pin_decode(const char *pin, uint8_t hash[EKU_PIN_BYTES])
{
    enum { ROOM = S2S_BASE64_LEN(EKU_PIN_BYTES) / 4 * 3 };
    uint8_t octets[ROOM];
    size_t len = 0;
    if (strncmp(pin, PIN_PREFIX, strlen(PIN_PREFIX)) != 0)
        return S2S_E_SYNTAX;
    s2s_str text = s2s_str_of(pin + strlen(PIN_PREFIX));
    if (text.len != S2S_BASE64_LEN(EKU_PIN_BYTES) || s2s__base64_decode(text, octets, &len) != S2S_OK ||
        len != EKU_PIN_BYTES)
        return S2S_E_SYNTAX;
    memcpy(hash, octets, EKU_PIN_BYTES);
    return S2S_OK;
}

static bool mode_ok(eku_mode mode)
{
    return mode == EKU_TOLERANT || mode == EKU_STRICT;
}

s2s_err eku__remotes_new(const eku_options *o, eku__remotes **out, char why[S2S_TEXT_MAX])
{
    if (!mode_ok(o->mode))
        return s2s__refuse(why, S2S_E_INVAL, "policy: the options are not set up");
    eku__remotes *r = s2s__alloc(o->env, sizeof *r);
    if (!r)
        return eku__refuse_nomem(why);
    r->env = o->env;
    atomic_init(&r->references, 1);
    r->end = &r->first;
    eku__anchors from = {.system = o->system_trust, .files = o->ca_files, .files_len = o->ca_files_len};
    s2s_err err = eku__trust_new(o->env, &from, &r->trust, why);
    if (err == S2S_OK && o->crl_files_len)
        err = eku__crls_new(o->env, o->crl_files, o->crl_files_len, &r->crls, why);
    if (err == S2S_OK && eku__cache_new(o->env, &r->cache) != S2S_OK)
        err = eku__refuse_nomem(why);
    if (err != S2S_OK) {
        eku__remotes_free(r);
        return err;
    }
    r->terms = (eku__terms){.mode = o->mode, .require_eku = o->require_eku, .any_eku = o->any_eku,
                            .client_only = o->client_only, .ocsp = o->ocsp, .allow = o->allow,
                            .dialback = o->dialback, .dane = o->dane, .trust = r->trust};
    *out = r;
    return S2S_OK;
}

static void free_remote(const s2s_env *env, eku__remote *r)
{
    eku__trust_free(r->trust);
    s2s__free(env, r->pins);
    s2s__free(env, r);
}

s2s_err eku__remotes_share(eku__remotes *remotes, eku__remotes **out)
{
    eku__remotes *r = s2s__alloc(remotes->env, sizeof *r);
    if (!r)
        return S2S_E_NOMEM;
    s2s_err err = eku__cache_new(remotes->env, &r->cache);
    if (err != S2S_OK) {
        s2s__free(remotes->env, r);
        return err;
    }
    r->of = remotes->of ? remotes->of : remotes;
    atomic_fetch_add(&r->of->references, 1);
    r->env = remotes->env;
    r->trust = remotes->trust;
    r->crls = remotes->crls;
    r->terms = remotes->terms;
    r->first = remotes->first;
    *out = r;
    return S2S_OK;
}

void eku__remotes_free(eku__remotes *remotes)
{
    if (!remotes)
        return;
    eku__remotes *of = remotes->of;
    if (of) {
        eku__cache_free(remotes->cache);
        s2s__free(remotes->env, remotes);
        remotes = of;
    }
    if (atomic_fetch_sub(&remotes->references, 1) > 1)
        return;
    while (remotes->first) {
        eku__remote *r = remotes->first;
        remotes->first = r->next;
        free_remote(remotes->env, r);
    }
    eku__cache_free(remotes->cache);
    eku__crls_free(remotes->crls);
    eku__trust_free(remotes->trust);
    s2s__free(remotes->env, remotes);
}

static s2s_err set_match(eku__remote *r, const char *match, char why[S2S_TEXT_MAX])
{
    s2s_err err = s2s_pattern_normalise(s2s_str_of(match), r->match);
    if (err == S2S_E_NOMEM)
        return eku__refuse_nomem(why);
    return err == S2S_OK ? err : s2s__refuse(why, S2S_E_INVAL, "%s: %s", match, "not a domain name, nor \"*.\" before one, nor \"*\"");
}

static s2s_err set_pins(const s2s_env *env, eku__remote *r, const eku_remote *from, char why[S2S_TEXT_MAX])
{
    if (from->pins_len > EKU__PINS_MAX)
        return s2s__refuse(why, S2S_E_INVAL, "%s: %s", from->match, "more pins than a remote may have");
    if (from->pins_len == 0)
        return S2S_OK;
    r->pins = s2s__alloc(env, from->pins_len * sizeof *r->pins);
    if (!r->pins)
        return eku__refuse_nomem(why);
    for (size_t i = 0; i < from->pins_len; i++) {
        if (eku_pin_decode(from->pins[i], r->pins[i]) != S2S_OK)
            return s2s__refuse(why, S2S_E_INVAL, "%s: %s", from->pins[i], "not \"sha256/\" and the base64 of 32 octets");
    }
    r->terms.pins = (const uint8_t(*)[EKU_PIN_BYTES])r->pins;
    r->terms.pins_len = from->pins_len;
    return S2S_OK;
}

/* CE-03: with anchors of its own the general ones do not count; nor does DNS, which the operator did not name. */
static s2s_err set_anchors(const s2s_env *env, eku__remote *r, const eku_remote *from, char why[S2S_TEXT_MAX])
{
    if (from->ca_files_len == 0)
        return S2S_OK;
    eku__anchors anchors = {.files = from->ca_files, .files_len = from->ca_files_len};
    s2s_err err = eku__trust_new(env, &anchors, &r->trust, why);
    r->terms.trust = r->trust;
    r->terms.dane = false;
    return err;
}

static bool chosen(eku_choice choice, bool inherited)
{
    switch (choice) {
    case EKU_INHERIT: return inherited;
    case EKU_NO: return false;
    case EKU_YES: return true;
    }
    return false;
}

static s2s_err fill(const s2s_env *env, eku__remote *r, const eku_remote *from, char why[S2S_TEXT_MAX])
{
    if (from->mode)
        r->terms.mode = *from->mode;
    r->terms.allow = chosen(from->allow, r->terms.allow);
    r->terms.dialback = chosen(from->dialback, r->terms.dialback);
    s2s_err err = set_match(r, from->match, why);
    if (err == S2S_OK)
        err = set_pins(env, r, from, why);
    if (err == S2S_OK)
        err = set_anchors(env, r, from, why);
    return err;
}

s2s_err eku__remotes_add(eku__remotes *remotes, const eku_remote *given, char why[S2S_TEXT_MAX])
{
    eku_remote read = {0}, *remote = &read;
    if (!s2s__sized_read(remote, sizeof *remote, given) || !remote->match || (remote->mode && !mode_ok(*remote->mode)))
        return s2s__refuse(why, S2S_E_INVAL, "policy: the remote is not set up");
    if (remotes->of || atomic_load(&remotes->references) > 1) /* other threads read it */
        return s2s__refuse(why, S2S_E_STATE, "policy: its rules are shared and do not change any more");
    eku__remote *r = s2s__alloc(remotes->env, sizeof *r);
    if (!r)
        return eku__refuse_nomem(why);
    r->terms = remotes->terms;
    s2s_err err = fill(remotes->env, r, remote, why);
    if (err != S2S_OK) {
        free_remote(remotes->env, r);
        return err;
    }
    *remotes->end = r;
    remotes->end = &r->next;
    return S2S_OK;
}

const eku__terms *eku__remotes_find(const eku__remotes *remotes, s2s_str remote)
{
    for (const eku__remote *r = remotes->first; r; r = r->next) {
        if (s2s_pattern_matches(s2s_str_of(r->match), remote))
            return &r->terms;
    }
    return &remotes->terms;
}
