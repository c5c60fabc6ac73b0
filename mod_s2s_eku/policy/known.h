/* SPDX-License-Identifier: MIT */
/* known.h: what a presented chain is: facts and path, worked out once and kept for a while. Internal. */
#ifndef EKU_KNOWN_H
#define EKU_KNOWN_H

#include "policy/crl.h"
#include "policy/facts.h"
#include "policy/trust.h"

enum {
    EKU__CACHE_ENTRIES = 256,
    EKU__CACHE_BYTES = 4 << 20,
    EKU__CACHE_SECONDS = 3600,
};

typedef struct eku__known {
    eku__facts facts;
    eku__path path;
} eku__known;

/* A chain that cannot be read leaves no facts, and its path's status says so. S2S_OK, S2S_E_NOMEM. */
s2s_err eku__known_make(const s2s_env *env, const eku__trust *trust, const eku__crls *crls, const s2s_peer *peer,
                        eku__known *out);
void eku__known_free(eku__known *known); /* takes an empty one */

/* The path results of valid chains under one set of anchors and CRLs: belongs to that set, and goes with it. Names, role,
 * mode, pins, DANE and OCSP are not in it. The least recently used goes first. */
typedef struct eku__cache eku__cache;
s2s_err eku__cache_new(const s2s_env *env, eku__cache **out); /* S2S_E_NOMEM */
void eku__cache_free(eku__cache *cache); /* takes NULL */

/* What the peer's chain is below `trust`: from the cache, or worked out, and then kept if the chain is valid and there is
 * room. `*out` is good until the next call with this cache. S2S_OK, S2S_E_NOMEM. */
s2s_err eku__cache_know(eku__cache *cache, const eku__trust *trust, const eku__crls *crls, const s2s_peer *peer,
                        const eku__known **out);

/* Of all calls so far: how many were answered from it. */
typedef struct eku__cache_count {
    uint64_t asked, hit;
    size_t entries, bytes;
} eku__cache_count;
eku__cache_count eku__cache_counted(const eku__cache *cache);

#endif
