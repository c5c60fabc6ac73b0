/* SPDX-License-Identifier: MIT */
/* name_index.c: a sorted list of names. */
#include "name_index.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/buf.h"

typedef struct named {
    const char *name;
    size_t item;
} named;

static int compare(const void *a, const void *b)
{
    const named *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->item > y->item) - (x->item < y->item);
}

s2s_err name_index_init(name_index *index, const s2s_env *env, const void *first_name, size_t item_size, size_t len)
{
    *index = (name_index){.env = env};
    named *sorted = s2s__alloc(env, len * sizeof *sorted);
    index->names = s2s__alloc(env, len * sizeof *index->names);
    index->items = s2s__alloc(env, len * sizeof *index->items);
    if (!sorted || !index->names || !index->items) {
        s2s__free(env, sorted);
        name_index_free(index);
        return S2S_E_NOMEM;
    }
    for (size_t i = 0; i < len; i++)
        sorted[i] = (named){.name = *(char *const *)((const char *)first_name + i * item_size), .item = i};
    qsort(sorted, len, sizeof *sorted, compare);
    for (size_t i = 0; i < len; i++) {
        index->names[i] = sorted[i].name;
        index->items[i] = sorted[i].item;
    }
    index->len = len;
    s2s__free(env, sorted);
    return S2S_OK;
}

void name_index_free(name_index *index)
{
    if (index->env) {
        s2s__free(index->env, index->names);
        s2s__free(index->env, index->items);
    }
    *index = (name_index){0};
}

/* As strcmp() would order `name`. */
static int order_of(s2s_str name, const char *other)
{
    int order = strncmp(name.ptr, other, name.len);
    return order ? order : other[name.len] ? -1 : 0;
}

size_t name_index_find(const name_index *index, s2s_str name)
{
    size_t low = 0, high = index->len;
    while (low < high) { /* the first that is not less */
        size_t middle = low + (high - low) / 2;
        if (order_of(name, index->names[middle]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < index->len && order_of(name, index->names[low]) == 0 ? index->items[low] : index->len;
}
