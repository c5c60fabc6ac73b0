/* SPDX-License-Identifier: MIT */
/* pairs.h: which (local, remote) domain pairs a stream may carry. Authorisation is per pair, never per
 * connection, and is set before the reply that announces it. Internal. */
#ifndef S2S_PAIRS_H
#define S2S_PAIRS_H

#include "protocol/buf.h"

typedef enum s2s__pair_state {
    PAIR_ASKED, /* dialback was asked for, nothing is decided (XEP-0220) */
    PAIR_PROVEN,
} s2s__pair_state;

typedef struct s2s__pair {
    char *local, *remote; /* normal form; they do not move while the pair is listed */
    s2s__pair_state state;
} s2s__pair;

/* All zero is empty. At most limits.stream_pairs, of them at most limits.dialback_asked undecided. */
typedef struct s2s__pairs {
    s2s__pair *list;
    size_t len, proven;
} s2s__pairs;

/* A pair in normal form, proven or asked for. One that is there already is not listed twice: an asked one becomes proven.
 * S2S_OK, S2S_E_NOMEM, S2S_E_LIMIT. */
s2s_err s2s__pairs_add(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote);
s2s_err s2s__pairs_ask(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote);
/* Normal form. NULL: not listed. Valid until the next change. */
const s2s__pair *s2s__pairs_find(const s2s__pairs *p, s2s_str local, s2s_str remote);
/* Strikes out one that was asked for. */
void s2s__pairs_drop(s2s__pairs *p, const s2s_env *env, s2s_str local, s2s_str remote);
size_t s2s__pairs_asked(const s2s__pairs *p);
void s2s__pairs_free(s2s__pairs *p, const s2s_env *env);

typedef enum s2s__pair_match {
    PAIR_OK,
    PAIR_REMOTE_UNKNOWN, /* nothing proves `remote` on this stream */
    PAIR_LOCAL_UNKNOWN,  /* `remote` is proven, but not towards `local` */
} s2s__pair_match;

/* Domains in any form; what is only asked for does not count. */
s2s__pair_match s2s__pairs_match(const s2s__pairs *p, s2s_str local, s2s_str remote);

#endif
