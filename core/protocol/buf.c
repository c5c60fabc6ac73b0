/* SPDX-License-Identifier: MIT */
/* buf.c: the bounded buffer, and memory through the environment. */
#include "protocol/buf.h"

#include <string.h>

enum { BUF_FIRST = 256 };
#define BUF_MOST (UINT32_C(1) << 31)

void *s2s__alloc(const s2s_env *env, size_t size)
{
    void *ptr = env->ops->resize(env->user, NULL, size ? size : 1);
    if (ptr)
        memset(ptr, 0, size);
    return ptr;
}

void s2s__free(const s2s_env *env, void *ptr)
{
    if (ptr)
        (void)env->ops->resize(env->user, ptr, 0);
}

char *s2s__strdup(const s2s_env *env, s2s_str s)
{
    char *copy = s2s__alloc(env, s.len + 1);
    if (copy && s.len)
        memcpy(copy, s.ptr, s.len);
    return copy;
}

void s2s__buf_init(s2s__buf *b, const s2s_env *env, size_t max)
{
    *b = (s2s__buf){.env = env, .max = max < BUF_MOST ? (uint32_t)max : BUF_MOST};
}

void s2s__buf_free(s2s__buf *b)
{
    /* It had to grow: start there the next time. It did not: perhaps half of it would have been enough. */
    uint32_t hint = b->room > b->hint ? b->room : b->room / 2;
    s2s__free(b->env, b->data);
    s2s__buf_init(b, b->env, b->max);
    b->hint = hint;
}

void s2s__buf_emptied(s2s__buf *b)
{
    if (b->room > S2S__BUF_KEPT)
        s2s__buf_free(b);
    else
        s2s__buf_clear(b);
}

void s2s__buf_fit(s2s__buf *b)
{
    if (b->len == 0) {
        s2s__buf_free(b);
        return;
    }
    memmove(b->data, b->data + b->start, b->len);
    b->start = 0;
    uint8_t *data = b->env->ops->resize(b->env->user, b->data, b->len);
    if (!data)
        return; /* it stays as it is */
    b->data = data;
    b->room = b->len;
}

void s2s__buf_clear(s2s__buf *b)
{
    b->start = b->len = 0;
    b->failed = S2S_OK;
}

s2s_err s2s__buf_reserve(s2s__buf *b, size_t more)
{
    if (b->failed != S2S_OK)
        return b->failed;
    if (more > b->max || b->len > b->max - more)
        return b->failed = S2S_E_LIMIT;
    if (b->start + b->len + more <= b->room)
        return S2S_OK;
    if (b->start && b->start >= b->len / 2) { /* what is moved was dropped before: the cost per byte is bounded */
        memmove(b->data, b->data + b->start, b->len);
        b->start = 0;
        if (b->len + more <= b->room)
            return S2S_OK;
    }
    size_t room = b->room ? b->room : b->hint > BUF_FIRST ? b->hint : BUF_FIRST;
    while (room < b->start + b->len + more)
        room *= 2;
    uint8_t *data = b->env->ops->resize(b->env->user, b->data, room);
    if (!data)
        return b->failed = S2S_E_NOMEM;
    b->data = data;
    b->room = (uint32_t)room;
    return S2S_OK;
}

s2s_err s2s__buf_append(s2s__buf *b, const void *bytes, size_t len)
{
    s2s_err err = s2s__buf_reserve(b, len);
    if (err != S2S_OK || len == 0)
        return err;
    memcpy(b->data + b->start + b->len, bytes, len);
    b->len += (uint32_t)len;
    return S2S_OK;
}

s2s_err s2s__buf_puts(s2s__buf *b, const char *cstr)
{
    return s2s__buf_append(b, cstr, strlen(cstr));
}

s2s_err s2s__buf_str(s2s__buf *b, s2s_str s)
{
    return s2s__buf_append(b, s.ptr, s.len);
}

const char *s2s__reference_for(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&apos;";
    case '"': return "&quot;";
    case '\t': return "&#9;";
    case '\n': return "&#10;";
    case '\r': return "&#13;";
    default: return NULL;
    }
}

s2s_err s2s__buf_escape(s2s__buf *b, s2s_str text)
{
    size_t from = 0;
    if (text.len == 0)
        return b->failed;
    for (size_t i = 0; i < text.len; i++) {
        const char *ref = s2s__reference_for(text.ptr[i]);
        if (!ref)
            continue;
        s2s__buf_append(b, text.ptr + from, i - from);
        s2s__buf_puts(b, ref);
        from = i + 1;
    }
    return s2s__buf_append(b, text.ptr + from, text.len - from);
}

s2s_err s2s__buf_attr(s2s__buf *b, const char *name, s2s_str value)
{
    if (!value.ptr)
        return b->failed;
    s2s__buf_puts(b, " ");
    s2s__buf_puts(b, name);
    s2s__buf_puts(b, "='");
    s2s__buf_escape(b, value);
    return s2s__buf_puts(b, "'");
}

void s2s__buf_drop(s2s__buf *b, size_t len)
{
    b->start += (uint32_t)len;
    b->len -= (uint32_t)len;
    if (b->len == 0)
        b->start = 0;
}

void s2s__copy_text(char out[S2S_TEXT_MAX], s2s_str text)
{
    size_t len = text.len < S2S_TEXT_MAX - 1 ? text.len : S2S_TEXT_MAX - 1;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len--; /* not in the middle of a character */
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        out[i] = c < 0x20 || c == 0x7f ? '?' : text.ptr[i];
    }
    out[len] = '\0';
}
