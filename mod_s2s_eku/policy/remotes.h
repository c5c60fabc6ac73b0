/* SPDX-License-Identifier: MIT */
/* remotes.h: what holds for which remote domain. Internal. */
#ifndef EKU_REMOTES_H
#define EKU_REMOTES_H

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
typedef struct eku__remotes {
    const s2s_env *env;
    eku__trust *trust;
    eku__crls *crls;   /* NULL: none */
    eku__cache *cache; /* of what is below these anchors, by these CRLs */
    eku__terms terms;
    eku__remote *first, **end;
} eku__remotes;

/* As eku_policy_new and eku_policy_add_remote; `why` is not NULL. */
s2s_err eku__remotes_new(const eku_options *options, eku__remotes **out, char why[S2S_TEXT_MAX]);
s2s_err eku__remotes_add(eku__remotes *remotes, const eku_remote *remote, char why[S2S_TEXT_MAX]);
void eku__remotes_free(eku__remotes *remotes); /* takes NULL */

/* `remote` in normal form. Valid as long as `remotes`. */
const eku__terms *eku__remotes_find(const eku__remotes *remotes, s2s_str remote);

#endif
