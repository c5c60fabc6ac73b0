/* SPDX-License-Identifier: MIT */
/* tree.c: a small element tree in one arena. */
#include "protocol/xml/tree.h"

#include <string.h>

#include "protocol/xml/expat_env.h"
#include "protocol/xml/ns.h"

enum { BLOCK_FIRST = 512, BLOCK_SIZE = 4096 }; /* most trees are <r/> or <a/> */

typedef struct block {
    struct block *next;
    size_t used, room;
} block;

struct s2s__tree {
    const s2s_env *env;
    block *blocks;
    s2s__node *root, *open;
};

/* Not cleared. */
static void *arena(s2s__tree *t, size_t size)
{
    size = (size + 15u) & ~(size_t)15u;
    block *b = t->blocks;
    if (!b || b->room - b->used < size) {
        size_t least = b ? BLOCK_SIZE : BLOCK_FIRST, room = size > least ? size : least;
        b = t->env->ops->resize(t->env->user, NULL, sizeof *b + room);
        if (!b)
            return NULL;
        *b = (block){.next = t->blocks, .room = room};
        t->blocks = b;
    }
    void *ptr = (uint8_t *)(b + 1) + b->used;
    b->used += size;
    return ptr;
}

static s2s_str keep(s2s__tree *t, s2s_str s, s2s_err *err)
{
    if (!s.ptr)
        return s;
    char *copy = arena(t, s.len + 1);
    if (!copy) {
        *err = S2S_E_NOMEM;
        return S2S_STR_ABSENT;
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (s2s_str){copy, s.len};
}

s2s_err s2s__tree_new(const s2s_env *env, s2s__tree **out)
{
    s2s__tree *t = s2s__alloc(env, sizeof *t);
    if (!t)
        return S2S_E_NOMEM;
    t->env = env;
    *out = t;
    return S2S_OK;
}

void s2s__tree_clear(s2s__tree *t)
{
    while (t->blocks) {
        block *next = t->blocks->next;
        s2s__free(t->env, t->blocks);
        t->blocks = next;
    }
    t->root = t->open = NULL;
}

void s2s__tree_free(s2s__tree *t)
{
    if (!t)
        return;
    s2s__tree_clear(t);
    s2s__free(t->env, t);
}

const s2s__node *s2s__tree_root(const s2s__tree *t)
{
    return t->root;
}

static s2s__node *add_node(s2s__tree *t)
{
    s2s__node *n = arena(t, sizeof *n);
    if (!n)
        return NULL;
    *n = (s2s__node){.parent = t->open};
    if (!t->open) {
        t->root = n;
    } else if (t->open->last) {
        t->open->last = t->open->last->next = n;
    } else {
        t->open->first = t->open->last = n;
    }
    return n;
}

s2s_err s2s__tree_open(s2s__tree *t, const char *name, const char **atts)
{
    s2s_err err = S2S_OK;
    s2s__node *n = add_node(t);
    if (!n)
        return S2S_E_NOMEM;
    s2s__qname q = s2s__qname_split(name);
    n->ns = keep(t, q.ns, &err);
    n->name = keep(t, q.local, &err);

    s2s__attr **tail = &n->attrs;
    for (; atts && *atts; atts += 2) {
        s2s__attr *a = arena(t, sizeof *a);
        if (!a)
            return S2S_E_NOMEM;
        q = s2s__qname_split(atts[0]);
        *a = (s2s__attr){.ns = keep(t, q.ns, &err),
                         .name = keep(t, q.local, &err),
                         .value = keep(t, s2s_str_of(atts[1]), &err)};
        *tail = a;
        tail = &a->next;
    }
    t->open = n;
    return err;
}

s2s_err s2s__tree_text(s2s__tree *t, const char *text, size_t len)
{
    if (!t->open)
        return S2S_E_STATE;
    s2s_err err = S2S_OK;
    s2s__node *n = add_node(t);
    if (!n)
        return S2S_E_NOMEM;
    n->text = keep(t, (s2s_str){text, len}, &err);
    return err;
}

void s2s__tree_close(s2s__tree *t)
{
    t->open = t->open->parent;
}

/* Building from a whole fragment. */
typedef struct fragment {
    s2s__tree *t;
    s2s_err err;
} fragment;

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    fragment *f = user;
    if (f->err == S2S_OK)
        f->err = s2s__tree_open(f->t, name, atts);
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    fragment *f = user;
    (void)name;
    if (f->err == S2S_OK)
        s2s__tree_close(f->t);
}

static void XMLCALL on_text(void *user, const XML_Char *text, int len)
{
    fragment *f = user;
    if (f->err == S2S_OK)
        f->err = s2s__tree_text(f->t, text, (size_t)len);
}

s2s_err s2s__tree_parse(s2s__tree *t, s2s_str fragment_text, const char *ns)
{
    return s2s__tree_parse_within(t, S2S_STR(" xmlns:stream='" NS_STREAMS "'"), fragment_text, ns);
}

s2s_err s2s__tree_parse_within(s2s__tree *t, s2s_str decls, s2s_str fragment_text, const char *ns)
{
    s2s__tree_clear(t);
    XML_Parser p = s2s__expat_new(t->env);
    if (!p)
        return S2S_E_NOMEM;
    fragment f = {.t = t};
    XML_SetUserData(p, &f);
    XML_SetElementHandler(p, on_start, on_end);
    XML_SetCharacterDataHandler(p, on_text);

    s2s__buf head;
    s2s__buf_init(&head, t->env, decls.len + BLOCK_SIZE);
    s2s__buf_puts(&head, "<fragment");
    s2s__buf_attr(&head, "xmlns", s2s_str_of(ns));
    s2s__buf_str(&head, decls);
    s2s_err err = s2s__buf_puts(&head, ">");
    s2s_str h = s2s__buf_view(&head), tail = S2S_STR("</fragment>");
    if (err == S2S_OK &&
        (s2s__expat_parse(t->env, p, h.ptr, h.len, false) != XML_STATUS_OK ||
         s2s__expat_parse(t->env, p, fragment_text.ptr, fragment_text.len, false) != XML_STATUS_OK ||
         s2s__expat_parse(t->env, p, tail.ptr, tail.len, true) != XML_STATUS_OK))
        err = s2s__expat_error(p) == XML_ERROR_NO_MEMORY ? S2S_E_NOMEM : S2S_E_SYNTAX;
    s2s__buf_free(&head);
    s2s__expat_free(t->env, p);
    if (err == S2S_OK)
        err = f.err;
    if (err != S2S_OK)
        s2s__tree_clear(t);
    return err;
}

const s2s__node *s2s__node_next_element(const s2s__node *n)
{
    while (n && !n->name.ptr)
        n = n->next;
    return n;
}

bool s2s__node_is(const s2s__node *n, const char *ns, const char *name)
{
    return n && s2s__str_is(n->name, name) && (!ns || s2s__str_is(n->ns, ns));
}

const s2s__node *s2s__node_child(const s2s__node *n, const char *ns, const char *name)
{
    for (n = n ? n->first : NULL; n; n = n->next) {
        if (s2s__node_is(n, ns, name))
            return n;
    }
    return NULL;
}

s2s_str s2s__node_attr(const s2s__node *n, const char *name)
{
    for (const s2s__attr *a = n ? n->attrs : NULL; a; a = a->next) {
        if (!a->ns.ptr && s2s__str_is(a->name, name))
            return a->value;
    }
    return S2S_STR_ABSENT;
}

s2s_str s2s__node_lang(const s2s__node *n)
{
    for (const s2s__attr *a = n ? n->attrs : NULL; a; a = a->next) {
        if (s2s__str_is(a->ns, NS_XML) && s2s__str_is(a->name, "lang"))
            return a->value;
    }
    return S2S_STR_ABSENT;
}

s2s_str s2s__node_text(s2s__tree *t, const s2s__node *n)
{
    size_t len = 0;
    for (const s2s__node *c = n ? n->first : NULL; c; c = c->next)
        len += c->text.len;
    char *all = len ? arena(t, len) : NULL;
    if (!all)
        return S2S_STR("");
    size_t at = 0;
    for (const s2s__node *c = n->first; c; c = c->next) {
        if (c->text.len)
            memcpy(all + at, c->text.ptr, c->text.len);
        at += c->text.len;
    }
    return (s2s_str){all, len};
}

/* Attributes in a namespace need a prefix: xml's is fixed, the others are numbered per element. */
static void write_attrs(s2s__buf *out, const s2s__node *n)
{
    unsigned k = 0;
    for (const s2s__attr *a = n->attrs; a; a = a->next) {
        char digits[] = {'n', (char)('a' + k % 26), (char)('a' + k / 26 % 26),
                         (char)('a' + k / (26 * 26) % 26), ':', '\0'};
        const char *prefix = "";
        if (s2s__str_is(a->ns, NS_XML)) {
            prefix = "xml:";
        } else if (a->ns.ptr) {
            s2s__buf_puts(out, " xmlns:");
            s2s__buf_append(out, digits, 4);
            s2s__buf_puts(out, "='");
            s2s__buf_escape(out, a->ns);
            s2s__buf_puts(out, "'");
            prefix = digits;
            k++;
        }
        s2s__buf_puts(out, " ");
        s2s__buf_puts(out, prefix);
        s2s__buf_str(out, a->name);
        s2s__buf_puts(out, "='");
        s2s__buf_escape(out, a->value);
        s2s__buf_puts(out, "'");
    }
}

/* `around`: the default namespace where this is written; absent while it is the target's content namespace. */
static void write_node(s2s__buf *out, const s2s__node *n, s2s_str from_ns, s2s_str around)
{
    if (!n->name.ptr) {
        s2s__buf_escape(out, n->text);
        return;
    }
    bool xml = s2s__str_is(n->ns, NS_XML); /* it must not be the default (Namespaces in XML 1.0 section 3), and has its prefix everywhere */
    const char *prefix = xml ? "xml:" : "";
    s2s_str own = xml                                         ? around
                  : !around.ptr && s2s_str_eq(n->ns, from_ns) ? S2S_STR_ABSENT
                  : n->ns.ptr                                 ? n->ns
                                                              : S2S_STR("");
    s2s__buf_puts(out, "<");
    s2s__buf_puts(out, prefix);
    s2s__buf_str(out, n->name);
    if (!s2s_str_eq(own, around))
        s2s__buf_attr(out, "xmlns", own);
    write_attrs(out, n);
    if (!n->first) {
        s2s__buf_puts(out, "/>");
        return;
    }
    s2s__buf_puts(out, ">");
    for (const s2s__node *c = n->first; c; c = c->next)
        write_node(out, c, from_ns, own);
    s2s__buf_puts(out, "</");
    s2s__buf_puts(out, prefix);
    s2s__buf_str(out, n->name);
    s2s__buf_puts(out, ">");
}

s2s_err s2s__tree_write(s2s__buf *out, const s2s__node *n, const char *from_ns)
{
    write_node(out, n, s2s_str_of(from_ns), S2S_STR_ABSENT);
    return out->failed;
}
