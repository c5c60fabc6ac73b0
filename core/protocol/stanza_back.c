/* SPDX-License-Identifier: MIT */
/* stanza_back.c: cuts up what s2s_stanza_write() has written, by its form. */
#include "protocol/stanza_back.h"

#include <string.h>

typedef struct cursor {
    char *at, *end;
} cursor;

static bool skip(cursor *c, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(c->end - c->at) < len || memcmp(c->at, text, len) != 0)
        return false;
    c->at += len;
    return true;
}

static bool skip_kind(cursor *c, s2s_kind kind)
{
    cursor start = *c;
    if (skip(c, "<") && skip(c, s2s_kind_name(kind)) && c->at < c->end &&
        (*c->at == ' ' || *c->at == '/' || *c->at == '>'))
        return true;
    *c = start;
    return false;
}

/* The stanza's start, behind whatever else we wrote before it: <r/>, <a/>, answers of dialback. No '<' stands in those but a tag's. */
static bool find_stanza(cursor *c, s2s_kind *kind)
{
    for (; c->at < c->end; c->at++) {
        for (*kind = S2S_MESSAGE; *kind <= S2S_IQ; (*kind)++) {
            if (skip_kind(c, *kind))
                return true;
        }
    }
    return false;
}

/* The references that s2s_stanza_write() makes. */
static char unescape(cursor *c)
{
    static const struct {
        const char *text;
        char is;
    } REFERENCES[] = {{"&amp;", '&'}, {"&lt;", '<'},   {"&gt;", '>'},  {"&apos;", '\''},
                      {"&#9;", '\t'}, {"&#10;", '\n'}, {"&#13;", '\r'}};
    for (size_t i = 0; i < sizeof REFERENCES / sizeof *REFERENCES; i++) {
        if (skip(c, REFERENCES[i].text))
            return REFERENCES[i].is;
    }
    return *c->at++;
}

/* Absent if it is not the next one: the order is s2s_stanza_write()'s. */
static s2s_str take_attr(cursor *c, const char *name)
{
    if (!skip(c, name))
        return S2S_STR_ABSENT;
    char *value = c->at, *to = value;
    while (c->at < c->end && *c->at != '\'')
        *to++ = unescape(c);
    c->at += c->at < c->end;
    return (s2s_str){value, (size_t)(to - value)};
}

/* Other attributes, whatever the quotes are. */
static s2s_str take_attrs(cursor *c)
{
    char *start = c->at, quote = '\0';
    for (; c->at < c->end && (quote || (*c->at != '>' && *c->at != '/')); c->at++) {
        if (quote ? *c->at == quote : *c->at == '\'' || *c->at == '"')
            quote = quote ? '\0' : *c->at;
    }
    return (s2s_str){start, (size_t)(c->at - start)};
}

bool s2s__stanza_read_back(char *bytes, size_t len, s2s_stanza *out)
{
    cursor all = {bytes, bytes + len}, *c = &all;
    s2s_kind kind;
    if (!find_stanza(c, &kind))
        return false;
    *out = (s2s_stanza){.kind = kind, .from = take_attr(c, " from='"), .inner = S2S_STR("")};
    out->to = take_attr(c, " to='");
    out->id = take_attr(c, " id='");
    out->type = take_attr(c, " type='");
    out->lang = take_attr(c, " xml:lang='");
    out->attrs = take_attrs(c);
    if (skip(c, "/>"))
        return true;
    size_t tail = strlen("</>") + strlen(s2s_kind_name(kind));
    if (!skip(c, ">") || (size_t)(c->end - c->at) < tail)
        return false;
    out->inner = (s2s_str){c->at, (size_t)(c->end - c->at) - tail};
    return true;
}
