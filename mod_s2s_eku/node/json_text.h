/* SPDX-License-Identifier: MIT */
/* json_text.h: JSON to and from text, whole or not at all. jansson (2.14) does not notice everywhere that its buffer could not grow. */
#ifndef S2SD_JSON_TEXT_H
#define S2SD_JSON_TEXT_H

#include <stdbool.h>

#include <jansson.h>

/* As json_dumps() has it, to be freed with free(); NULL: no memory, or `value` is NULL. json_dumps() itself may leave out a key. */
char *json_text(const json_t *value, size_t flags);

/* As json_loadb() with JSON_REJECT_DUPLICATES has it, which by itself may cut the end off a string. NULL: it is no JSON, or, with `*no_memory`, there is
 * not the memory to read it. */
json_t *json_read(const char *text, size_t len, bool *no_memory);

#endif
