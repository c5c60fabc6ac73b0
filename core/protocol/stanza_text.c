/* SPDX-License-Identifier: MIT */
/* stanza_text.c: text into stanzas and out of them, for programs that have no XML of their own. */
#include "s2s/stanza.h"

#include <string.h>

#include "protocol/buf.h"
#include "protocol/xml/ns.h"
#include "protocol/xml/reader.h"
#include "protocol/xml/utf8.h"

/* -- text into XML ------------------------------------------------------------------------------------- */

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

static const char *reference(unsigned char c)
{
    const char *known = s2s__reference_for((char)c);
    return known || c >= 0x20 ? known : REPLACEMENT;
}

/* The octets of the character at `p`; 0: it is none that XML 1.0 knows (section 2.2: nor U+FFFE and U+FFFF). */
static size_t character(const uint8_t *p, size_t len)
{
    s2s__utf8 state = {0};
    size_t good = 0, n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n > len || s2s__utf8_check(&state, p, n, &good) != UTF8_OK || state.need != 0)
        return 0;
    return n == 3 && p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe ? 0 : n;
}

size_t s2s_text_escape(s2s_str text, char *out, size_t room)
{
    size_t need = 0, n;
    for (size_t i = 0; i < text.len; i += n) {
        const uint8_t *at = (const uint8_t *)text.ptr + i;
        size_t whole = character(at, text.len - i);
        const char *as = whole == 0 ? REPLACEMENT : reference(*at);
        n = whole == 0 ? 1 : whole;
        size_t len = as ? strlen(as) : n;
        if (need + len <= room)
            memcpy(out + need, as ? as : (const char *)at, len);
        need += len;
    }
    return need;
}

/* -- XML into text ------------------------------------------------------------------------------------- */

s2s_err s2s_stanza_text(const s2s_env *env, const s2s_stanza *stanza, const char *child, char *out, size_t room)
{
    s2s__tree *tree = NULL;
    s2s_err err = s2s__tree_new(env, &tree);
    if (err == S2S_OK)
        err = s2s__tree_parse_within(tree, stanza->attrs, stanza->inner, NS_SERVER);
    const s2s__node *found = err == S2S_OK ? s2s__node_child(s2s__tree_root(tree), NS_SERVER, child) : NULL;
    if (err == S2S_OK && !found)
        err = S2S_E_NOTFOUND;
    size_t len = 0;
    for (const s2s__node *n = found ? found->first : NULL; n; n = n->next)
        len += n->text.len;
    if (err == S2S_OK && len >= room)
        err = S2S_E_LIMIT;
    if (err == S2S_OK) {
        size_t at = 0;
        for (const s2s__node *n = found->first; n; n = n->next) {
            if (n->text.len > 0)
                memcpy(out + at, n->text.ptr, n->text.len);
            at += n->text.len;
        }
        out[at] = '\0';
    }
    s2s__tree_free(tree);
    return err;
}

/* -- is it XML? ---------------------------------------------------------------------------------------- */

#define HEADER "<stream:stream xmlns='" NS_SERVER "' xmlns:stream='" NS_STREAMS "' version='1.0'>"

/* One stanza, whole, and nothing behind it: what stands inside cannot end it and begin another. */
static s2s_err read_one(s2s__reader *r, s2s_str xml)
{
    s2s__item item;
    s2s_err err = s2s__reader_feed(r, (s2s_bytes){(const uint8_t *)HEADER, sizeof HEADER - 1});
    if (err != S2S_OK)
        return err;
    if (s2s__reader_next(r, &item) != ITEM_OPEN || s2s__reader_next(r, &item) != ITEM_NONE)
        return S2S_E_NOMEM;
    if ((err = s2s__reader_feed(r, (s2s_bytes){(const uint8_t *)xml.ptr, xml.len})) != S2S_OK)
        return err;
    s2s__item_type type = s2s__reader_next(r, &item);
    if (type == ITEM_STANZA)
        type = s2s__reader_next(r, &item);
    else if (type != ITEM_ERROR)
        return S2S_E_SYNTAX;
    if (type == ITEM_ERROR)
        return item.cond == S2S_COND_INTERNAL_SERVER_ERROR ? S2S_E_NOMEM : S2S_E_SYNTAX;
    return type == ITEM_NONE && s2s__reader_pending(r) == 0 ? S2S_OK : S2S_E_SYNTAX;
}

s2s_err s2s_stanza_check(const s2s_env *env, const s2s_stanza *stanza)
{
    s2s__reader *r = NULL;
    size_t len = s2s_stanza_write(stanza, NULL, 0);
    if (len > env->limits.stanza_bytes)
        return S2S_E_LIMIT;
    char *xml = s2s__alloc(env, len);
    if (!xml)
        return S2S_E_NOMEM;
    (void)s2s_stanza_write(stanza, xml, len);
    s2s_err err = s2s__reader_new(env, NS_SERVER, &r);
    if (err == S2S_OK) {
        s2s__reader_set_limit(r, env->limits.stanza_bytes, 0);
        err = read_one(r, (s2s_str){xml, len});
    }
    s2s__reader_free(r);
    s2s__free(env, xml);
    return err;
}
