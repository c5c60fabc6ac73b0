/* SPDX-License-Identifier: MIT */
/* plain_stanza.c: a recogniser of the plainest stanzas, as most are. It finds no faults: at the first byte that is not as it expects, it
 * leaves the whole to expat. What it takes is a small part of XML in which nothing can be read in two ways (docs/adr/0025). */
#include "protocol/xml/plain_stanza.h"

#include <string.h>

#include "protocol/xml/ns.h"
#include "protocol/xml/plain_text.h"
#include "protocol/xml/start_tag.h"

#define NS_XMLNS "http://www.w3.org/2000/xmlns/"

enum { DEPTH_MAX = 16 }; /* more is left to expat: it bounds what stands on the stack */

/* What a byte can be. */
enum { FIRST = 1, NAME = 2, STOPS = 4 /* a value at it, to be looked at */ };
static const uint8_t CLASS[256] = {
    ['a' ... 'z'] = FIRST | NAME, ['A' ... 'Z'] = FIRST | NAME, ['_'] = FIRST | NAME,
    ['0' ... '9'] = NAME, ['-'] = NAME, ['.'] = NAME,
    [0 ... ' ' - 1] = STOPS, ['<'] = STOPS, ['&'] = STOPS, ['\''] = STOPS, ['"'] = STOPS, [0xef] = STOPS,
};

typedef struct attribute {
    s2s_str name, value;
} attribute;

typedef struct tag {
    s2s_str name;
    attribute attributes[S2S__PLAIN_ATTRIBUTES_MAX];
    size_t len;
    bool empty;
} tag;

typedef struct scan {
    const uint8_t *at, *end;
    const char *content_ns;
    size_t depth_max, attributes_max; /* depth 1: the stanza itself */
} scan;

/* -- bytes ---------------------------------------------------------------------------------------------- */

static bool is_next(const scan *s, char c)
{
    return s->at < s->end && *s->at == (uint8_t)c;
}

static bool take(scan *s, char c)
{
    if (!is_next(s, c))
        return false;
    s->at++;
    return true;
}

static bool take_word(scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return false;
    s->at += len;
    return true;
}

static s2s_str since(const scan *s, const uint8_t *from)
{
    return (s2s_str){(const char *)from, (size_t)(s->at - from)};
}

/* The five that need no declaration (XML 1.0 section 4.6). */
static bool take_reference(scan *s)
{
    static const s2s_str KNOWN[] = {{"&amp;", 5}, {"&lt;", 4}, {"&gt;", 4}, {"&apos;", 6}, {"&quot;", 6}};
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        if (take_word(s, KNOWN[i].ptr, KNOWN[i].len))
            return true;
    }
    return false;
}

/* U+F000 to U+FFFF, of which the last two are no characters (XML 1.0 section 2.2). */
static bool take_high(scan *s)
{
    if (s->end - s->at < 3 || (s->at[1] == 0xbf && s->at[2] >= 0xbe))
        return false;
    s->at += 3;
    return true;
}

/* -- tags ------------------------------------------------------------------------------------------------ */

static bool take_name(scan *s, s2s_str *out)
{
    const uint8_t *from = s->at;
    if (s->at == s->end || !(CLASS[*s->at] & FIRST))
        return false;
    while (s->at < s->end && CLASS[*s->at] & NAME)
        s->at++;
    *out = since(s, from);
    return true;
}

/* With its quotes. Space other than ' ' would be read as ' ' (XML 1.0 section 3.3.3). */
static bool take_value(scan *s, s2s_str *out)
{
    uint8_t quote = is_next(s, '"') ? '"' : '\'';
    if (!take(s, (char)quote))
        return false;
    const uint8_t *from = s->at;
    for (;;) {
        while (s->at < s->end && !(CLASS[*s->at] & STOPS))
            s->at++;
        if (s->at == s->end)
            return false;
        if (*s->at == quote)
            break;
        if (*s->at == '\'' || *s->at == '"')
            s->at++;
        else if (*s->at == 0xef ? !take_high(s) : !take_reference(s))
            return false;
    }
    *out = since(s, from);
    s->at++;
    return true;
}

static bool take_attribute(scan *s, attribute *out)
{
    const uint8_t *from = s->at;
    if (!take_word(s, "xml:lang", 8) && !take_name(s, &out->name))
        return false;
    out->name = since(s, from);
    return take(s, '=') && take_value(s, &out->value);
}

static bool is_unique(const tag *t, s2s_str name)
{
    for (size_t i = 0; i < t->len; i++) {
        if (s2s_str_eq(t->attributes[i].name, name))
            return false;
    }
    return true;
}

/* From behind its name on. */
static bool take_attributes(scan *s, tag *out)
{
    out->len = 0;
    for (;;) {
        bool space = take(s, ' ');
        if (take(s, '>')) {
            out->empty = false;
            return true;
        }
        if (is_next(s, '/')) {
            out->empty = true;
            return take_word(s, "/>", 2);
        }
        attribute *a = &out->attributes[out->len];
        if (!space || out->len == s->attributes_max || !take_attribute(s, a) || !is_unique(out, a->name))
            return false;
        out->len++;
    }
}

/* Its namespace is neither the stanza's, which would be a reason to write the inside anew, nor one that must not be the default
 * (Namespaces in XML 1.0 section 3). */
static bool is_plain_inside(const scan *s, const tag *t)
{
    for (size_t i = 0; i < t->len; i++) {
        s2s_str value = t->attributes[i].value;
        if (s2s__str_is(t->attributes[i].name, "xmlns") &&
            (memchr(value.ptr, '&', value.len) || s2s__str_is(value, s->content_ns) || s2s__str_is(value, NS_XML) ||
             s2s__str_is(value, NS_XMLNS)))
            return false;
    }
    return true;
}

/* -- the inside ------------------------------------------------------------------------------------------ */

/* Up to a <. */
static bool take_text(scan *s)
{
    for (;;) {
        s->at += s2s__plain_text(s->at, (size_t)(s->end - s->at));
        if (s->at == s->end)
            return false;
        switch (*s->at) {
        case '<': return true;
        case ']':
            if (take_word(s, "]]>", 3)) /* the end of a CDATA section that never began */
                return false;
            s->at++;
            break;
        case '&':
            if (!take_reference(s))
                return false;
            break;
        case 0xef:
            if (!take_high(s))
                return false;
            break;
        default: return false;
        }
    }
}

/* Up to the end tag of the stanza, of that name, and over it. */
static bool take_inside(scan *s, s2s_str name, s2s_str *inner)
{
    s2s_str open[DEPTH_MAX] = {name};
    size_t depth = 1;
    tag t;
    const uint8_t *from = s->at;
    while (take_text(s)) {
        *inner = since(s, from);
        s->at++;
        if (take(s, '/')) {
            s2s_str end = open[--depth];
            if (!take_word(s, end.ptr, end.len) || !take(s, '>'))
                return false;
            if (depth == 0)
                return true;
        } else if (!take_name(s, &t.name) || !take_attributes(s, &t) || depth == s->depth_max || !is_plain_inside(s, &t)) {
            return false;
        } else if (!t.empty) {
            open[depth++] = t.name;
        }
    }
    return false;
}

/* -- the stanza ------------------------------------------------------------------------------------------ */

/* Where a router's attribute goes; NULL: it is another one. */
static s2s_str *slot_for(s2s_stanza *st, s2s_str name)
{
    return s2s__str_is(name, "from")       ? &st->from
           : s2s__str_is(name, "to")       ? &st->to
           : s2s__str_is(name, "id")       ? &st->id
           : s2s__str_is(name, "type")     ? &st->type
           : s2s__str_is(name, "xml:lang") ? &st->lang
                                           : NULL;
}

static bool take_routing(const scan *s, const tag *t, s2s_stanza *out)
{
    for (size_t i = 0; i < t->len; i++) {
        attribute a = t->attributes[i];
        s2s_str *slot = slot_for(out, a.name);
        if (memchr(a.value.ptr, '&', a.value.len))
            return false;
        if (slot)
            *slot = a.value;
        else if (!s2s__str_is(a.name, "xmlns") || !s2s__str_is(a.value, s->content_ns))
            return false;
    }
    return true;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static scan begin(const uint8_t *p, size_t len, const char *content_ns, const s2s_limits *limits)
{
    return (scan){.at = p,
                  .end = p + len,
                  .content_ns = content_ns,
                  .depth_max = smaller(DEPTH_MAX, limits->xml_depth > 0 ? limits->xml_depth - 1 : 0), /* the stream's is one more */
                  .attributes_max = smaller(S2S__PLAIN_ATTRIBUTES_MAX, limits->xml_attributes)};
}

static bool take_start(scan *s, s2s_str *name)
{
    return s->depth_max > 0 && take(s, '<') && take_name(s, name);
}

size_t s2s__plain_stanza(const uint8_t *p, size_t len, const char *content_ns, const s2s_limits *limits, s2s_stanza *out)
{
    scan s = begin(p, len, content_ns, limits);
    tag t;
    *out = (s2s_stanza){.attrs = S2S_STR(""), .inner = S2S_STR("")};
    if (!take_start(&s, &t.name) || !s2s__start_tag_kind(t.name, &out->kind) || !take_attributes(&s, &t) || !take_routing(&s, &t, out))
        return 0;
    if (!t.empty && !take_inside(&s, t.name, &out->inner))
        return 0;
    return (size_t)(s.at - p);
}

/* -- other elements --------------------------------------------------------------------------------------- */

size_t s2s__plain_leaf_read(const uint8_t *p, size_t len, const char *content_ns, const s2s_limits *limits, s2s__plain_leaf *out)
{
    scan s = begin(p, len, content_ns, limits);
    tag t;
    if (!take_start(&s, &t.name) || !take_attributes(&s, &t) || !t.empty || !is_plain_inside(&s, &t))
        return 0;
    out->node = (s2s__node){.name = t.name};
    s2s__attr **tail = &out->node.attrs;
    for (size_t i = 0; i < t.len; i++) {
        attribute a = t.attributes[i];
        if (memchr(a.value.ptr, '&', a.value.len) || memchr(a.name.ptr, ':', a.name.len))
            return 0;
        if (s2s__str_is(a.name, "xmlns")) {
            out->node.ns = a.value;
            continue;
        }
        out->attributes[i] = (s2s__attr){.name = a.name, .value = a.value};
        *tail = &out->attributes[i];
        tail = &out->attributes[i].next;
    }
    return out->node.ns.len > 0 ? (size_t)(s.at - p) : 0;
}
