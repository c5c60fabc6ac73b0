/* SPDX-License-Identifier: MIT */
/* name_index.h: finds things of the configuration by their name: sorted once, then found by halving. The names are the
 * operator's, so no hash is needed that others could not guess. Internal to s2sd. */
#ifndef S2SD_NAME_INDEX_H
#define S2SD_NAME_INDEX_H

#include "s2s/env.h"

typedef struct name_index {
    const s2s_env *env;
    const char **names; /* sorted */
    size_t *items;      /* the number of the item that has the name beside it */
    size_t len;
} name_index;

/* `first_name` is the name pointer in the first of `len` items of `item_size` bytes; names are borrowed. Of items with the
 * same name the first is found. S2S_OK or S2S_E_NOMEM. */
s2s_err name_index_init(name_index *index, const s2s_env *env, const void *first_name, size_t item_size, size_t len);
void name_index_free(name_index *index); /* of a zeroed one, too */
/* The item's number, or `len` if none has that name. */
size_t name_index_find(const name_index *index, s2s_str name);

#endif
