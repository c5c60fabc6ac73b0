/* SPDX-License-Identifier: MIT */
/* base.c: names of errors and conditions, and slices of text. */
#include "s2s/base.h"

#include <string.h>

const char *s2s_strerror(s2s_err err)
{
    switch (err) {
#define S2S_X(name, number, words)                                                                 \
    case name: return words;
        S2S_ERRORS(S2S_X)
#undef S2S_X
    }
    return "unknown error";
}

const char *s2s_cond_name(s2s_cond cond)
{
    switch (cond) {
#define S2S_X(name, wire)                                                                          \
    case name: return wire;
        S2S_CONDITIONS(S2S_X)
#undef S2S_X
    }
    return "undefined-condition";
}

const char *s2s_stanza_error_name(s2s_stanza_error error)
{
    switch (error) {
#define S2S_X(name, wire, type)                                                                    \
    case name: return wire;
        S2S_STANZA_ERRORS(S2S_X)
#undef S2S_X
    }
    return "undefined-condition";
}

const char *s2s_stanza_error_type(s2s_stanza_error error)
{
    switch (error) {
#define S2S_X(name, wire, type)                                                                    \
    case name: return type;
        S2S_STANZA_ERRORS(S2S_X)
#undef S2S_X
    }
    return "cancel";
}

const char *s2s_origin_name(s2s_origin origin)
{
    switch (origin) {
    case S2S_ORIGIN_LOCAL: return "local";
    case S2S_ORIGIN_PEER: return "peer";
    case S2S_ORIGIN_TRANSPORT: return "transport";
    case S2S_ORIGIN_INTERNAL: return "internal";
    }
    return "internal";
}

s2s_str s2s_str_of(const char *cstr)
{
    return (s2s_str){cstr, cstr ? strlen(cstr) : 0};
}

bool s2s_str_eq(s2s_str a, s2s_str b)
{
    if (!a.ptr || !b.ptr)
        return !a.ptr && !b.ptr;
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool s2s_str_caseeq(s2s_str a, s2s_str b)
{
    if (!a.ptr || !b.ptr)
        return !a.ptr && !b.ptr;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    }
    return true;
}
