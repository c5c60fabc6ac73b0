/* SPDX-License-Identifier: MIT */
/* json_text.c: what is written is measured first; what is read is read twice, and must be the same. */
#include "json_text.h"

#include <stdlib.h>

char *json_text(const json_t *value, size_t flags)
{
    size_t len = value ? json_dumpb(value, NULL, 0, flags) : 0;
    char *text = len > 0 ? malloc(len + 1) : NULL;
    if (text && json_dumpb(value, text, len, flags) != len) { /* it takes memory to go through an object */
        free(text);
        return NULL;
    }
    if (text)
        text[len] = '\0';
    return text;
}

json_t *json_read(const char *text, size_t len, bool *no_memory)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    *no_memory = !value && json_error_code(&error) <= json_error_out_of_memory; /* or unknown, which is the same */
    if (!value)
        return NULL;
    json_t *again = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    *no_memory = !json_equal(value, again);
    json_decref(again);
    if (!*no_memory)
        return value;
    json_decref(value);
    return NULL;
}
