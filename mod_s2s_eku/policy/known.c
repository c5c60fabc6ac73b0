/* SPDX-License-Identifier: MIT */
/* known.c: chain -> facts and path, and the cache of the results.
 *
 * Only chains that hold are kept: a stranger who sends junk can neither fill the cache nor push others out of it. */
#include "policy/known.h"

#include <string.h>

#include <gnutls/crypto.h>

#include "policy/chain.h"
#include "policy/verify.h"
#include "protocol/buf.h"

enum { KEY_LEN = 32 };

typedef struct entry {
    uint8_t key[KEY_LEN];
    eku__known known;
    int64_t from, until; /* seconds since 1970, both included */
    uint64_t used;       /* by the cache's count of calls; 0: empty */
    size_t bytes;
} entry;

struct eku__cache {
    const s2s_env *env;
    eku__known last; /* one that was not kept */
    eku__cache_count count;
    entry entries[EKU__CACHE_ENTRIES];
};

void eku__known_free(eku__known *k)
{
    eku__facts_free(&k->facts);
    eku__path_free(&k->path);
}

static s2s_err examine(const s2s_env *env, const eku__trust *trust, const eku__crls *crls, const s2s_peer *peer,
                       eku__known *k)
{
    eku__chain chain;
    s2s_err err = eku__chain_import(env, peer->chain, peer->chain_len, &chain);
    if (err != S2S_OK)
        return err;
    err = eku__facts_read(&chain, &k->facts);
    if (err == S2S_OK)
        err = eku__verify(trust->list, &chain, &k->path);
    if (err == S2S_OK && crls)
        err = eku__crls_check(crls, &chain, peer->wall, &k->path);
    eku__chain_free(&chain);
    return err;
}

s2s_err eku__known_make(const s2s_env *env, const eku__trust *trust, const eku__crls *crls, const s2s_peer *peer,
                        eku__known *out)
{
    *out = (eku__known){.facts = {.env = env}, .path = {.env = env, .status = S2S_CHAIN_ABSENT}};
    if (peer->chain_len == 0)
        return S2S_OK;
    s2s_err err = examine(env, trust, crls, peer, out);
    if (err == S2S_OK)
        return S2S_OK;
    eku__known_free(out);
    out->path.status = S2S_CHAIN_MALFORMED;
    return err == S2S_E_SYNTAX || err == S2S_E_LIMIT ? S2S_OK : err;
}

/* -- the cache ----------------------------------------------------------------------------------------- */

s2s_err eku__cache_new(const s2s_env *env, eku__cache **out)
{
    eku__cache *c = s2s__alloc(env, sizeof *c);
    if (!c)
        return S2S_E_NOMEM;
    c->env = env;
    c->last.facts.env = c->last.path.env = env;
    *out = c;
    return S2S_OK;
}

static void clear(eku__cache *c, entry *e)
{
    if (e->used == 0)
        return;
    eku__known_free(&e->known);
    c->count.bytes -= e->bytes;
    c->count.entries--;
    *e = (entry){.used = 0};
}

void eku__cache_free(eku__cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < EKU__CACHE_ENTRIES; i++)
        clear(c, &c->entries[i]);
    eku__known_free(&c->last);
    s2s__free(c->env, c);
}

eku__cache_count eku__cache_counted(const eku__cache *cache)
{
    return cache->count;
}

/* Anchors, and every certificate in the order presented. The CRLs are the cache's own, and the profile is a constant. */
static bool make_key(const eku__trust *trust, const s2s_peer *peer, uint8_t key[KEY_LEN])
{
    gnutls_hash_hd_t hash;
    uintptr_t anchors = (uintptr_t)trust; /* lives as long as the cache */
    if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0)
        return false;
    bool good = gnutls_hash(hash, &anchors, sizeof anchors) >= 0;
    for (size_t i = 0; i < peer->chain_len && good; i++) {
        const s2s_bytes *der = &peer->chain[i];
        good = gnutls_hash(hash, &der->len, sizeof der->len) >= 0 && gnutls_hash(hash, der->ptr, der->len) >= 0;
    }
    gnutls_hash_deinit(hash, key);
    return good;
}

static entry *find(eku__cache *c, const uint8_t key[KEY_LEN])
{
    for (size_t i = 0; i < EKU__CACHE_ENTRIES; i++) {
        if (c->entries[i].used && memcmp(c->entries[i].key, key, KEY_LEN) == 0)
            return &c->entries[i];
    }
    return NULL;
}

static size_t weight(const eku__known *k)
{
    size_t bytes = k->path.anchor_len + k->facts.len * sizeof *k->facts.certs;
    for (size_t i = 0; i < k->facts.len; i++) {
        const eku__cert *cert = &k->facts.certs[i];
        bytes += cert->names_len * sizeof *cert->names;
        for (size_t n = 0; n < cert->names_len; n++)
            bytes += cert->names[n].value.len + 1;
    }
    return bytes;
}

/* An hour, within the validity of the path and of the lists that were looked at. */
static void set_times(entry *e, int64_t wall)
{
    const eku__path *path = &e->known.path;
    e->from = wall;
    e->until = wall + EKU__CACHE_SECONDS;
    for (size_t i = 0; i < path->len; i++) {
        int64_t end = e->known.facts.certs[path->index[i]].not_after;
        if (end < e->until)
            e->until = end;
    }
    if (path->crl.state == EKU__CRL_CURRENT && path->crl.until != 0 && path->crl.until < e->until)
        e->until = path->crl.until;
}

static entry *make_room(eku__cache *c, size_t bytes)
{
    for (;;) {
        entry *oldest = NULL, *empty = NULL;
        for (size_t i = 0; i < EKU__CACHE_ENTRIES; i++) {
            entry *e = &c->entries[i];
            if (e->used == 0)
                empty = e;
            else if (!oldest || e->used < oldest->used)
                oldest = e;
        }
        if (empty && c->count.bytes + bytes <= EKU__CACHE_BYTES)
            return empty;
        if (!oldest)
            return NULL; /* larger than the cache */
        clear(c, oldest);
    }
}

/* Moves `c->last` into the cache; NULL: it stays where it is. */
static entry *keep(eku__cache *c, const uint8_t key[KEY_LEN], int64_t wall)
{
    size_t bytes = weight(&c->last);
    entry *e = c->last.path.status == S2S_CHAIN_VALID ? make_room(c, bytes) : NULL;
    if (!e)
        return NULL;
    *e = (entry){.known = c->last, .used = c->count.asked, .bytes = bytes};
    memcpy(e->key, key, KEY_LEN);
    set_times(e, wall);
    c->last = (eku__known){.facts = {.env = c->env}, .path = {.env = c->env}};
    c->count.bytes += bytes;
    c->count.entries++;
    return e;
}

s2s_err eku__cache_know(eku__cache *c, const eku__trust *trust, const eku__crls *crls, const s2s_peer *peer,
                        const eku__known **out)
{
    uint8_t key[KEY_LEN];
    bool keyed = peer->chain_len > 0 && eku__chain_in_limits(c->env, peer->chain, peer->chain_len) &&
                 make_key(trust, peer, key);
    entry *e = keyed ? find(c, key) : NULL;
    c->count.asked++;
    if (e && (peer->wall < e->from || peer->wall > e->until)) {
        clear(c, e);
        e = NULL;
    }
    if (e) {
        c->count.hit++;
        e->used = c->count.asked;
        *out = &e->known;
        return S2S_OK;
    }
    eku__known_free(&c->last);
    s2s_err err = eku__known_make(c->env, trust, crls, peer, &c->last);
    if (err != S2S_OK)
        return err;
    e = keyed ? keep(c, key, peer->wall) : NULL;
    *out = e ? &e->known : &c->last;
    return S2S_OK;
}
