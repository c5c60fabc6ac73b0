/* SPDX-License-Identifier: MIT */
/* pairs.h: which (local, remote) domain pairs a stream may carry. Authorisation is per pair, never per
 * connection, and is set before the reply that announces it. Internal. */
#ifndef S2S_PAIRS_H
#define S2S_PAIRS_H

#include "protocol/buf.h"

#define S2S_PAIRS_MAX 1 /* SASL EXTERNAL proves exactly one pair (SA-11) */

typedef struct s2s__pair {
    char *local, *remote; /* normal form */
} s2s__pair;

typedef struct s2s__pairs {
    s2s__pair list[S2S_PAIRS_MAX];
    size_t len;
} s2s__pairs;

/* S2S_OK, S2S_E_NOMEM, S2S_E_LIMIT. */
s2s_err s2s__pairs_add(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote);
void s2s__pairs_free(s2s__pairs *p, const s2s_env *env);

typedef enum s2s__pair_match {
    PAIR_OK,
    PAIR_REMOTE_UNKNOWN, /* nothing proves `remote` on this stream */
    PAIR_LOCAL_UNKNOWN,  /* `remote` is proven, but not towards `local` */
} s2s__pair_match;

/* Domains in any form. */
s2s__pair_match s2s__pairs_match(const s2s__pairs *p, s2s_str local, s2s_str remote);

#endif
