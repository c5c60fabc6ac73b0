/* SPDX-License-Identifier: MIT */
/* caps.c: each item becomes a line, lines are sorted, a form's are lines within its line (XEP-0115 section 5.1). */
#include "caps.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>

#include "protocol/auth/base64.h"
#include "protocol/xml/ns.h"
#include "protocol/xml/tree.h"

#define NS_FORM "jabber:x:data"

/* Inside of lines these stand for '<' and '/': below every character of XML, they sort parts before lines, as the section wants it. */
enum { END = '\0', SLASH = '\1', SHA1_BYTES = 20, TEXT_MAX = 1 << 20 };

typedef struct lines {
    const s2s_env *env;
    s2s__buf *list;
    size_t len;
    s2s_err failed; /* sticks */
} lines;

static void add_byte(s2s__buf *b, char c)
{
    s2s__buf_append(b, &c, 1);
}

/* A new line, to be filled at once; NULL: `failed` says why. */
static s2s__buf *add_line(lines *l)
{
    if (l->failed == S2S_OK && l->len == CAPS_LINES_MAX)
        l->failed = S2S_E_LIMIT;
    s2s__buf *list = l->failed == S2S_OK ? l->env->ops->resize(l->env->user, l->list, (l->len + 1) * sizeof *list) : NULL;
    if (!list) {
        l->failed = l->failed == S2S_OK ? S2S_E_NOMEM : l->failed;
        return NULL;
    }
    l->list = list;
    s2s__buf_init(&list[l->len], l->env, TEXT_MAX);
    return &list[l->len++];
}

static int by_octets(const void *a, const void *b)
{
    s2s_str x = s2s__buf_view(a), y = s2s__buf_view(b);
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order ? order : x.len < y.len ? -1 : x.len > y.len;
}

/* Sorted to the end of `out`; `l` is empty then. */
static s2s_err put_lines(s2s__buf *out, lines *l)
{
    for (size_t i = 0; i < l->len && l->failed == S2S_OK; i++)
        l->failed = l->list[i].failed;
    if (l->failed == S2S_OK && l->len > 0)
        qsort(l->list, l->len, sizeof *l->list, by_octets);
    for (size_t i = 0; i < l->len; i++) {
        if (l->failed == S2S_OK)
            l->failed = s2s__buf_str(out, s2s__buf_view(&l->list[i]));
        s2s__buf_free(&l->list[i]);
    }
    s2s__free(l->env, l->list);
    l->list = NULL;
    l->len = 0;
    return l->failed;
}

static void add_attribute(s2s__buf *line, const s2s__node *n, const char *name, char end)
{
    s2s__buf_str(line, s2s__node_attr(n, name));
    add_byte(line, end);
}

static s2s_err put_identities(s2s__buf *out, const s2s__node *query, const s2s_env *env)
{
    lines l = {.env = env};
    for (const s2s__node *n = s2s__node_next_element(query->first); n; n = s2s__node_next_element(n->next)) {
        s2s__buf *line = s2s__node_is(n, NS_DISCO_INFO, "identity") ? add_line(&l) : NULL;
        if (!line)
            continue;
        add_attribute(line, n, "category", SLASH);
        add_attribute(line, n, "type", SLASH);
        s2s__buf_str(line, s2s__node_lang(n));
        add_byte(line, SLASH);
        add_attribute(line, n, "name", END);
    }
    return put_lines(out, &l);
}

static s2s_err put_features(s2s__buf *out, const s2s__node *query, const s2s_env *env)
{
    lines l = {.env = env};
    for (const s2s__node *n = s2s__node_next_element(query->first); n; n = s2s__node_next_element(n->next)) {
        s2s__buf *line = s2s__node_is(n, NS_DISCO_INFO, "feature") ? add_line(&l) : NULL;
        if (line)
            add_attribute(line, n, "var", END);
    }
    return put_lines(out, &l);
}

static s2s_err put_values(s2s__buf *out, s2s__tree *t, const s2s__node *field, const s2s_env *env)
{
    lines l = {.env = env};
    for (const s2s__node *n = s2s__node_next_element(field->first); n; n = s2s__node_next_element(n->next)) {
        s2s__buf *line = s2s__node_is(n, NS_FORM, "value") ? add_line(&l) : NULL;
        if (!line)
            continue;
        s2s__buf_str(line, s2s__node_text(t, n));
        add_byte(line, END);
    }
    return put_lines(out, &l);
}

static bool is_form_type(const s2s__node *field)
{
    return s2s__node_is(field, NS_FORM, "field") && s2s__str_is(s2s__node_attr(field, "var"), "FORM_TYPE");
}

/* The field that says what the form is; it is hidden, or the form does not count (section 5.4). */
static const s2s__node *form_type(const s2s__node *form)
{
    const s2s__node *n = s2s__node_next_element(form->first);
    while (n && !is_form_type(n))
        n = s2s__node_next_element(n->next);
    return n && s2s__str_is(s2s__node_attr(n, "type"), "hidden") ? n : NULL;
}

static s2s_err put_fields(s2s__buf *out, s2s__tree *t, const s2s__node *form, const s2s_env *env)
{
    lines l = {.env = env};
    for (const s2s__node *n = s2s__node_next_element(form->first); n; n = s2s__node_next_element(n->next)) {
        s2s__buf *line = s2s__node_is(n, NS_FORM, "field") && !is_form_type(n) ? add_line(&l) : NULL;
        if (!line)
            continue;
        add_attribute(line, n, "var", END);
        s2s_err err = put_values(line, t, n, env);
        l.failed = l.failed == S2S_OK ? err : l.failed;
    }
    return put_lines(out, &l);
}

static s2s_err put_forms(s2s__buf *out, s2s__tree *t, const s2s__node *query, const s2s_env *env)
{
    lines l = {.env = env};
    for (const s2s__node *n = s2s__node_next_element(query->first); n; n = s2s__node_next_element(n->next)) {
        const s2s__node *type = s2s__node_is(n, NS_FORM, "x") ? form_type(n) : NULL;
        s2s__buf *line = type ? add_line(&l) : NULL;
        if (!line)
            continue;
        s2s_err err = put_values(line, t, type, env);
        if (err == S2S_OK)
            err = put_fields(line, t, n, env);
        l.failed = l.failed == S2S_OK ? err : l.failed;
    }
    return put_lines(out, &l);
}

static s2s_err finish(s2s__buf *text, char out[CAPS_VER_MAX])
{
    uint8_t hash[SHA1_BYTES];
    for (size_t i = 0; i < text->len; i++) {
        uint8_t *at = text->data + text->start + i;
        *at = *at == END ? '<' : *at == SLASH ? '/' : *at;
    }
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, s2s__buf_bytes(text), text->len, hash) != 0)
        return S2S_E_STATE; /* a GnuTLS without SHA-1 */
    s2s__base64_encode((s2s_bytes){hash, sizeof hash}, out);
    out[CAPS_VER_MAX - 1] = '\0';
    return S2S_OK;
}

s2s_err caps_ver(const s2s_env *env, s2s_str query, char out[CAPS_VER_MAX])
{
    s2s__tree *tree = NULL;
    s2s__buf text;
    s2s__buf_init(&text, env, TEXT_MAX);
    s2s_err err = s2s__tree_new(env, &tree);
    if (err == S2S_OK)
        err = s2s__tree_parse(tree, query, NS_SERVER);
    const s2s__node *q = err == S2S_OK ? s2s__node_child(s2s__tree_root(tree), NS_DISCO_INFO, "query") : NULL;
    if (err == S2S_OK && !q)
        err = S2S_E_INVAL;
    if (err == S2S_OK)
        err = put_identities(&text, q, env);
    if (err == S2S_OK)
        err = put_features(&text, q, env);
    if (err == S2S_OK)
        err = put_forms(&text, tree, q, env);
    if (err == S2S_OK)
        err = finish(&text, out);
    s2s__tree_free(tree);
    s2s__buf_free(&text);
    return err;
}
