/* SPDX-License-Identifier: MIT */
/* remotes.h: what holds for which remote domain. Internal. */
#ifndef EKU_REMOTES_H
#define EKU_REMOTES_H

#include <stdatomic.h>

#include "policy/known.h"

enum { EKU__PINS_MAX = 64 }; /* of one remote; more are refused */

/* The terms on which a domain is judged; nothing in it is left to inherit. */
typedef struct eku__terms {
    eku_mode mode;
    bool require_eku, any_eku;
    bool client_only; /* counts only if `trust` is without the system's store */
    eku_ocsp ocsp;
    bool allow, dialback, dane;
    const eku__trust *trust;
    const uint8_t (*pins)[EKU_PIN_BYTES]; /* none: any key */
    size_t pins_len;
} eku__terms;

/* The rest of a policy: its own terms, and those of remotes in order. Owns the anchors and pins that they point to. */
typedef struct eku__remote eku__remote;
typedef struct eku__remotes eku__remotes;
struct eku__remotes {
    const s2s_env *env;
    eku__remotes *of;       /* whose anchors, lists and remotes these are; NULL: its own */
    atomic_uint references; /* of those that are its own */
    eku__trust *trust;
    eku__crls *crls;   /* NULL: none */
    eku__cache *cache; /* of what is below these anchors, by these CRLs */
    eku__terms terms;
    eku__remote *first, **end;
};

/* As eku_policy_new and eku_policy_add_remote; `why` is not NULL. */
s2s_err eku__remotes_new(const eku_options *options, eku__remotes **out, char why[S2S_TEXT_MAX]);
s2s_err eku__remotes_add(eku__remotes *remotes, const eku_remote *remote, char why[S2S_TEXT_MAX]);
/* The same for another thread, with a cache of its own; what it shares changes no more. S2S_OK, S2S_E_NOMEM. */
s2s_err eku__remotes_share(eku__remotes *remotes, eku__remotes **out);
void eku__remotes_free(eku__remotes *remotes); /* takes NULL */

/* `remote` in normal form. Valid as long as `remotes`. */
const eku__terms *eku__remotes_find(const eku__remotes *remotes, s2s_str remote);

#endif
