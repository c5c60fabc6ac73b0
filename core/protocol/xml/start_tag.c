/* SPDX-License-Identifier: MIT */
/* start_tag.c: attributes and namespaces of the header and of stanzas. */
#include "protocol/xml/start_tag.h"

#include <string.h>

#include "protocol/xml/ns.h"

enum { TAG_TEXT_MAX = 1 << 20 }; /* the element limit is the real bound; escaping grows text at most sixfold */

void s2s__start_tag_init(s2s__start_tag *t, const s2s_env *env, const char *content_ns)
{
    size_t max = 6 * (size_t)env->limits.stanza_bytes + TAG_TEXT_MAX;
    *t = (s2s__start_tag){.env = env, .content_ns = content_ns};
    s2s__buf *all[] = {&t->root_text, &t->root_decls, &t->text, &t->decls, &t->attrs, &t->scope};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        s2s__buf_init(all[i], env, max);
}

void s2s__start_tag_free(s2s__start_tag *t)
{
    s2s__buf *all[] = {&t->root_text, &t->root_decls, &t->text, &t->decls, &t->attrs, &t->scope};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        s2s__buf_free(all[i]);
}

void s2s__start_tag_forget(s2s__start_tag *t)
{
    const s2s_env *env = t->env;
    const char *ns = t->content_ns;
    s2s__start_tag_free(t);
    s2s__start_tag_init(t, env, ns);
}

/* Declarations are kept as "prefix\0uri\0" pairs; `step` goes through them. */
typedef struct pair {
    s2s_str prefix, uri;
} pair;

static void add_pair(s2s__buf *b, const char *prefix, const char *uri)
{
    s2s__buf_append(b, prefix, strlen(prefix) + 1);
    s2s__buf_append(b, uri, strlen(uri) + 1);
}

static bool step(const s2s__buf *b, size_t *at, pair *out)
{
    if (*at >= b->len)
        return false;
    const char *p = (const char *)s2s__buf_bytes(b) + *at;
    out->prefix = s2s_str_of(p);
    out->uri = s2s_str_of(p + out->prefix.len + 1);
    *at += out->prefix.len + out->uri.len + 2;
    return true;
}

static bool declares(const s2s__buf *b, s2s_str prefix)
{
    pair have;
    for (size_t at = 0; step(b, &at, &have);) {
        if (s2s_str_eq(have.prefix, prefix))
            return true;
    }
    return false;
}

/* Writes the declarations of `from` that `hidden_by` (may be NULL) does not make anew. */
static void write_decls(s2s__buf *out, const s2s__buf *from, const s2s__buf *hidden_by)
{
    pair have;
    for (size_t at = 0; step(from, &at, &have);) {
        if (hidden_by && declares(hidden_by, have.prefix))
            continue;
        s2s__buf_puts(out, " xmlns:");
        s2s__buf_str(out, have.prefix);
        s2s__buf_puts(out, "='");
        s2s__buf_escape(out, have.uri);
        s2s__buf_puts(out, "'");
    }
}

s2s_err s2s__start_tag_declare(s2s__start_tag *t, unsigned depth, const char *prefix, const char *uri)
{
    bool content = strcmp(uri, t->content_ns) == 0;
    if (content)
        t->content_declared = true;
    if (depth == 1 && !prefix) {
        t->default_seen = true;
        t->default_content = content;
        t->header.content_ns_ok = content || strcmp(uri, NS_STREAMS) == 0;
    } else if (depth == 1 && !(strcmp(prefix, "stream") == 0 && strcmp(uri, NS_STREAMS) == 0)) {
        add_pair(&t->root_decls, prefix, uri);
    } else if (depth == 2 && prefix) {
        add_pair(&t->decls, prefix, uri);
    }
    return depth == 1 ? t->root_decls.failed : t->decls.failed;
}

/* Copies the values of `atts` into `text`, which does not move meanwhile. */
static s2s_err reserve_values(s2s__buf *text, const char **atts)
{
    size_t need = 0;
    for (const char **a = atts; *a; a += 2)
        need += strlen(a[1]) + 1;
    s2s__buf_clear(text);
    return s2s__buf_reserve(text, need);
}

static s2s_str keep(s2s__buf *text, const char *value)
{
    size_t at = text->len, len = strlen(value);
    s2s__buf_append(text, value, len + 1);
    return (s2s_str){(const char *)s2s__buf_bytes(text) + at, len};
}

static bool is_xml_lang(s2s__qname q)
{
    return s2s__str_is(q.ns, NS_XML) && s2s__str_is(q.local, "lang");
}

s2s_err s2s__start_tag_root(s2s__start_tag *t, const char **atts)
{
    s2s_err err = reserve_values(&t->root_text, atts);
    if (err != S2S_OK)
        return err;
    if (!t->default_seen)
        t->header.content_ns_ok = true; /* RFC 6120 section 4.8.2: it need not be the default */
    t->content_declared = false;
    struct {
        const char *name;
        s2s_str *value;
    } known[] = {{"from", &t->header.from}, {"to", &t->header.to}, {"id", &t->header.id},
                 {"version", &t->header.version}};
    for (; *atts; atts += 2) {
        s2s__qname q = s2s__qname_split(atts[0]);
        if (is_xml_lang(q))
            t->header.lang = keep(&t->root_text, atts[1]);
        for (size_t i = 0; i < sizeof known / sizeof *known && !q.ns.ptr; i++) {
            if (s2s__str_is(q.local, known[i].name))
                *known[i].value = keep(&t->root_text, atts[1]);
        }
    }
    return S2S_OK;
}

s2s__header s2s__start_tag_header(const s2s__start_tag *t)
{
    return t->header;
}

bool s2s__start_tag_kind(s2s_str local, s2s_kind *kind)
{
    if (s2s__str_is(local, "message"))
        *kind = S2S_MESSAGE;
    else if (s2s__str_is(local, "presence"))
        *kind = S2S_PRESENCE;
    else if (s2s__str_is(local, "iq"))
        *kind = S2S_IQ;
    else
        return false;
    return true;
}

/* An attribute that a router does not know: kept as it is. */
static void other_attr(s2s__start_tag *t, s2s__qname q, const char *value)
{
    s2s__buf_puts(&t->attrs, " ");
    if (q.prefix.len) {
        s2s__buf_str(&t->attrs, q.prefix);
        s2s__buf_puts(&t->attrs, ":");
        t->prefix_used |= !s2s__str_is(q.ns, NS_XML);
    }
    s2s__buf_str(&t->attrs, q.local);
    s2s__buf_puts(&t->attrs, "='");
    s2s__buf_escape(&t->attrs, s2s_str_of(value));
    s2s__buf_puts(&t->attrs, "'");
}

/* Where a router's attribute goes; NULL: it is another one. */
static s2s_str *slot_for(s2s__start_tag *t, s2s__qname q)
{
    if (q.ns.ptr)
        return is_xml_lang(q) ? &t->lang : NULL;
    if (q.local.len == 2)
        return s2s__str_is(q.local, "to") ? &t->to : s2s__str_is(q.local, "id") ? &t->id : NULL;
    if (q.local.len == 4)
        return s2s__str_is(q.local, "from") ? &t->from : s2s__str_is(q.local, "type") ? &t->type : NULL;
    return NULL;
}

s2s_err s2s__start_tag_stanza(s2s__start_tag *t, const char **atts, size_t tag_len)
{
    s2s__buf_clear(&t->attrs);
    t->from = t->to = t->id = t->type = t->lang = S2S_STR_ABSENT;
    t->foreign = 0;
    t->content_declared = t->prefix_used = t->rewrite = false;
    s2s__buf_clear(&t->text);
    /* References only shrink a value, and its end takes less than its quotes: it does not move while it fills. */
    s2s_err err = s2s__buf_reserve(&t->text, tag_len);
    if (err != S2S_OK)
        return err;
    for (; *atts; atts += 2) {
        s2s__qname q = s2s__qname_split(atts[0]);
        s2s_str *slot = slot_for(t, q);
        if (slot)
            *slot = keep(&t->text, atts[1]);
        else
            other_attr(t, q, atts[1]);
    }
    return t->text.failed != S2S_OK ? t->text.failed : t->attrs.failed;
}

void s2s__start_tag_inside(s2s__start_tag *t, unsigned depth, s2s__qname name, const char **atts)
{
    bool declared = t->content_declared;
    t->content_declared = false;
    if (!t->foreign) {
        if (!s2s__str_is(name.ns, t->content_ns))
            t->foreign = depth;
        else if (name.prefix.len || declared)
            t->rewrite = true;
    }
    t->prefix_used |= name.prefix.len > 0;
    for (; *atts && !t->prefix_used; atts += 2) {
        s2s__qname q = s2s__qname_split(atts[0]);
        t->prefix_used = q.ns.ptr && !s2s__str_is(q.ns, NS_XML);
    }
}

void s2s__start_tag_inside_end(s2s__start_tag *t, unsigned depth)
{
    if (t->foreign == depth)
        t->foreign = 0;
}

s2s_err s2s__start_tag_fill(s2s__start_tag *t, s2s_str stream_lang, s2s_stanza *out)
{
    write_decls(&t->attrs, &t->decls, NULL);
    if (t->prefix_used) /* NS-06: the target's root does not have them */
        write_decls(&t->attrs, &t->root_decls, &t->decls);
    out->from = t->from;
    out->to = t->to;
    out->id = t->id;
    out->type = t->type;
    out->lang = t->lang.ptr ? t->lang : stream_lang;
    out->attrs = s2s__buf_view(&t->attrs);
    return t->attrs.failed;
}

s2s_err s2s__start_tag_scope(s2s__start_tag *t, s2s_str *out)
{
    s2s__buf_clear(&t->scope);
    write_decls(&t->scope, &t->decls, NULL);
    write_decls(&t->scope, &t->root_decls, &t->decls);
    s2s_str stream = S2S_STR("stream");
    if (!declares(&t->decls, stream) && !declares(&t->root_decls, stream))
        s2s__buf_puts(&t->scope, " xmlns:stream='" NS_STREAMS "'");
    *out = s2s__buf_view(&t->scope);
    return t->scope.failed;
}

void s2s__start_tag_done(s2s__start_tag *t)
{
    s2s__buf_clear(&t->decls);
    t->content_declared = false;
}
