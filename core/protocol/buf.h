/* SPDX-License-Identifier: MIT */
/* buf.h: a growing byte buffer that always has a maximum. Internal. */
#ifndef S2S_BUF_H
#define S2S_BUF_H

#include "s2s/env.h"

/* Memory through the environment; calloc's and free's contracts. */
void *s2s__alloc(const s2s_env *env, size_t size); /* zeroed */
void s2s__free(const s2s_env *env, void *ptr);
/* A NUL-terminated copy; NULL when out of memory. An absent string is copied as "". */
char *s2s__strdup(const s2s_env *env, s2s_str s);

typedef struct s2s__buf {
    const s2s_env *env;
    uint8_t *data;
    uint32_t start, len, room; /* valid bytes are data[start .. start+len) */
    uint32_t max;
    uint32_t hint;  /* how much to take at first: from what it came to before the memory was last given back */
    s2s_err failed; /* the first failure sticks: check once after a series of appends */
} s2s__buf;

/* No memory is taken before the first byte. `max` bounds `len`; at most 2 GB. */
void s2s__buf_init(s2s__buf *b, const s2s_env *env, size_t max);
void s2s__buf_free(s2s__buf *b);   /* gives the memory back; the buffer is empty and usable */
/* For an empty buffer of a stream at work: gives back much memory, keeps little for what comes next. */
#define S2S__BUF_KEPT 4096u
void s2s__buf_emptied(s2s__buf *b);
void s2s__buf_fit(s2s__buf *b);    /* gives back what is not used; the bytes may move */
void s2s__buf_clear(s2s__buf *b);  /* keeps the memory, forgets bytes and failure */

s2s_err s2s__buf_reserve(s2s__buf *b, size_t more);
s2s_err s2s__buf_append(s2s__buf *b, const void *bytes, size_t len);
s2s_err s2s__buf_puts(s2s__buf *b, const char *cstr);
s2s_err s2s__buf_str(s2s__buf *b, s2s_str s);
/* Text with & < > ' " escaped: right in text and in an attribute with either quote. Tab, LF and CR become
 * references, so that attribute normalisation does not change them. */
s2s_err s2s__buf_escape(s2s__buf *b, s2s_str text);
const char *s2s__reference_for(char c); /* what is written so; NULL: the character itself */
/* " name='value'", or nothing if the value is absent. */
s2s_err s2s__buf_attr(s2s__buf *b, const char *name, s2s_str value);
/* Drops the first `len` bytes. */
void s2s__buf_drop(s2s__buf *b, size_t len);

static inline const uint8_t *s2s__buf_bytes(const s2s__buf *b)
{
    return b->data ? b->data + b->start : (const uint8_t *)"";
}
static inline s2s_str s2s__buf_view(const s2s__buf *b)
{
    return (s2s_str){(const char *)s2s__buf_bytes(b), b->len};
}

/* Copies a peer's or our own text for a human: cut to fit, control characters replaced by '?'. */
void s2s__copy_text(char out[S2S_TEXT_MAX], s2s_str text);

#endif
