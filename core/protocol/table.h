/* SPDX-License-Identifier: MIT */
/* table.h: a hash table over the caller's own structs, keyed by one or two strings. Remote servers choose many of these
 * strings, so the hash has a random key (SipHash-1-3): nobody outside can make them collide. Internal. */
#ifndef S2S_TABLE_H
#define S2S_TABLE_H

#include "s2s/env.h"

/* Part of each entry; the table's own. An entry is in one table at most per slot. */
typedef struct s2s__slot {
    struct s2s__slot *next;
    uint64_t hash;
} s2s__slot;

typedef struct s2s__table {
    const s2s_env *env;
    s2s__slot **heads; /* NULL until the first entry comes */
    size_t room, len;  /* heads, a power of two; entries */
    uint64_t key[2];
} s2s__table;

/* S2S_OK, or what the environment's random source says. Takes no memory. */
s2s_err s2s__table_init(s2s__table *t, const s2s_env *env);
void s2s__table_free(s2s__table *t); /* not the entries; of a zeroed table, too */

/* Of a key of one string (`b` absent) or of two. */
uint64_t s2s__table_hash(const s2s__table *t, s2s_str a, s2s_str b);
/* The entries with this hash, one after the other; NULL: no more. The caller compares the keys. */
s2s__slot *s2s__table_first(const s2s__table *t, uint64_t hash);
s2s__slot *s2s__table_next(const s2s__slot *slot);

/* S2S_OK or S2S_E_NOMEM. The bound on their number is the caller's. */
s2s_err s2s__table_add(s2s__table *t, s2s__slot *slot, uint64_t hash);
void s2s__table_remove(s2s__table *t, s2s__slot *slot);

/* Calls `what` for each entry, in no order. It may remove the one that it gets from the table, and must add none. */
void s2s__table_each(const s2s__table *t, void (*what)(s2s__slot *slot, void *arg), void *arg);

#endif
