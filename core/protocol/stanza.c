/* SPDX-License-Identifier: MIT */
/* stanza.c: writing a stanza's start tag anew, and error answers. */
#include "s2s/stanza.h"

#include <string.h>

#include "protocol/xml/ns.h"

const char *s2s_kind_name(s2s_kind kind)
{
    switch (kind) {
    case S2S_MESSAGE: return "message";
    case S2S_PRESENCE: return "presence";
    case S2S_IQ: return "iq";
    }
    return "message";
}

/* Where bytes go while there is room; `need` counts on in any case. */
typedef struct sink {
    char *out;
    size_t room, need;
} sink;

static void put(sink *k, const char *bytes, size_t len)
{
    if (len && k->need + len <= k->room)
        memcpy(k->out + k->need, bytes, len);
    k->need += len;
}

static void puts_to(sink *k, const char *cstr)
{
    put(k, cstr, strlen(cstr));
}

/* What must not stand in an attribute as it is. */
static const bool SPECIAL[256] = {['\t'] = true, ['\n'] = true, ['\r'] = true, ['&'] = true,
                                  ['\''] = true, ['<'] = true,  ['>'] = true};

static const char *reference(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\'': return "&apos;";
    case '\t': return "&#9;";
    case '\n': return "&#10;";
    default: return "&#13;";
    }
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t has_zero(uint64_t v)
{
    return (v - EACH(1)) & ~v & EACH(0x80);
}

/* False: one of the eight bytes at `p` may be special, which all are that stand in SPECIAL. */
static bool eight_plain(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    uint64_t control = (v - EACH(0x20)) & ~v & EACH(0x80);
    uint64_t ampersand_or_quote = has_zero((v | EACH(1)) ^ EACH('\'')), bracket = has_zero((v | EACH(2)) ^ EACH('>'));
    return (control | ampersand_or_quote | bracket) == 0;
}

/* False: something in it may be special. The last eight are looked at together, though some of them may have been seen. */
static bool all_plain(s2s_str text)
{
    size_t i = 0;
    if (text.len < sizeof(uint64_t))
        return text.len == 0;
    for (; text.len - i > sizeof(uint64_t); i += sizeof(uint64_t)) {
        if (!eight_plain(text.ptr + i))
            return false;
    }
    return eight_plain(text.ptr + text.len - sizeof(uint64_t));
}

static void put_escaped(sink *k, s2s_str text)
{
    size_t from = 0;
    if (all_plain(text)) {
        put(k, text.ptr, text.len);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (!SPECIAL[(unsigned char)text.ptr[i]])
            continue;
        put(k, text.ptr + from, i - from);
        puts_to(k, reference(text.ptr[i]));
        from = i + 1;
    }
    if (text.len > from)
        put(k, text.ptr + from, text.len - from);
}

static void put_attr(sink *k, s2s_str name, s2s_str value)
{
    if (!value.ptr)
        return;
    put(k, name.ptr, name.len);
    put_escaped(k, value);
    put(k, "'", 1);
}

static void put_stanza(sink *k, const s2s_stanza *st)
{
    const char *name = s2s_kind_name(st->kind);
    put(k, "<", 1);
    puts_to(k, name);
    put_attr(k, S2S_STR(" from='"), st->from);
    put_attr(k, S2S_STR(" to='"), st->to);
    put_attr(k, S2S_STR(" id='"), st->id);
    put_attr(k, S2S_STR(" type='"), st->type);
    put_attr(k, S2S_STR(" xml:lang='"), st->lang);
    put(k, st->attrs.ptr, st->attrs.len);
    if (st->inner.len == 0) {
        put(k, "/>", 2);
        return;
    }
    put(k, ">", 1);
    put(k, st->inner.ptr, st->inner.len);
    put(k, "</", 2);
    puts_to(k, name);
    put(k, ">", 1);
}

size_t s2s_stanza_write(const s2s_stanza *stanza, char *out, size_t room)
{
    sink k = {.out = out, .room = room};
    put_stanza(&k, stanza);
    return k.need;
}

bool s2s_stanza_may_bounce(const s2s_stanza *stanza)
{
    if (!stanza->from.ptr || !stanza->to.ptr)
        return false;
    if (s2s_str_eq(stanza->type, S2S_STR("error")))
        return false;
    return stanza->kind != S2S_IQ || !s2s_str_eq(stanza->type, S2S_STR("result"));
}

bool s2s_stanza_bounce(const s2s_stanza *stanza, s2s_stanza_error error, const char *text, char *buf,
                       size_t room, s2s_stanza *out)
{
    return s2s_stanza_bounce_detail(stanza, error, text, NULL, buf, room, out);
}

bool s2s_stanza_bounce_detail(const s2s_stanza *stanza, s2s_stanza_error error, const char *text, const char *detail,
                              char *buf, size_t room, s2s_stanza *out)
{
    if (!s2s_stanza_may_bounce(stanza))
        return false;

    sink k = {.out = buf, .room = room};
    puts_to(&k, "<error type='");
    puts_to(&k, s2s_stanza_error_type(error));
    puts_to(&k, "'><");
    puts_to(&k, s2s_stanza_error_name(error));
    puts_to(&k, " xmlns='" NS_STANZA_ERRORS "'/>");
    if (text && *text) {
        puts_to(&k, "<text xmlns='" NS_STANZA_ERRORS "' xml:lang='en'>");
        put_escaped(&k, s2s_str_of(text));
        puts_to(&k, "</text>");
    }
    if (detail)
        puts_to(&k, detail);
    puts_to(&k, "</error>");
    if (k.need > room)
        return false;

    *out = (s2s_stanza){.kind = stanza->kind,
                        .from = stanza->to,
                        .to = stanza->from,
                        .id = stanza->id,
                        .type = S2S_STR("error"),
                        .attrs = S2S_STR(""),
                        .inner = {buf, k.need}};
    return true;
}
