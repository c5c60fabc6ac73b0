/* SPDX-License-Identifier: MIT */
/* tree.h: a small element tree, for what we read ourselves: nonzas and the stanzas that we answer. Internal. */
#ifndef S2S_TREE_H
#define S2S_TREE_H

#include <string.h>

#include "protocol/buf.h"

typedef struct s2s__attr {
    struct s2s__attr *next;
    s2s_str ns, name, value; /* ns absent for unqualified attributes */
} s2s__attr;

/* An element, or (name absent) a run of text. */
typedef struct s2s__node {
    struct s2s__node *parent, *first, *last, *next;
    s2s__attr *attrs;
    s2s_str ns, name; /* ns absent: in no namespace */
    s2s_str text;
} s2s__node;

typedef struct s2s__tree s2s__tree;

s2s_err s2s__tree_new(const s2s_env *env, s2s__tree **out);
void s2s__tree_free(s2s__tree *t); /* with all its nodes; takes NULL */
void s2s__tree_clear(s2s__tree *t);
/* NULL while empty; owned by the tree. */
const s2s__node *s2s__tree_root(const s2s__tree *t);

/* Building, in document order. Names are expat's triplets "ns\nlocal\nprefix", "ns\nlocal" or "local";
 * `atts` is expat's NULL-ended list of pairs. Everything is copied. */
s2s_err s2s__tree_open(s2s__tree *t, const char *name, const char **atts);
s2s_err s2s__tree_text(s2s__tree *t, const char *text, size_t len);
void s2s__tree_close(s2s__tree *t);

/* Parses a whole XML fragment (any number of elements and text) whose default namespace is `ns`. The root of
 * the tree is a wrapper element named "" that holds it. For what a reader has accepted already (`inner`), or our own. */
s2s_err s2s__tree_parse(s2s__tree *t, s2s_str fragment, const char *ns);
/* The same where further prefixes are in scope: `decls` is " xmlns:p='uri'...". */
s2s_err s2s__tree_parse_within(s2s__tree *t, s2s_str decls, s2s_str fragment, const char *ns);

/* NULL / absent if there is none. `ns` NULL: any namespace. */
const s2s__node *s2s__node_child(const s2s__node *n, const char *ns, const char *name);
const s2s__node *s2s__node_next_element(const s2s__node *n); /* first sibling from `n` on that is an element */
s2s_str s2s__node_attr(const s2s__node *n, const char *name); /* unqualified */
s2s_str s2s__node_lang(const s2s__node *n);                   /* xml:lang */
bool s2s__node_is(const s2s__node *n, const char *ns, const char *name);
/* All text directly inside; a slice of tree memory. S2S_STR("") if there is none. */
s2s_str s2s__node_text(s2s__tree *t, const s2s__node *n);

/* Writes `n` and what it holds, prefix-free; elements in `from_ns` whose ancestors all are in it too are written
 * without namespace: they take the content namespace of the place they are written to (NS-07). Depth is bounded by the
 * reader that accepted the input. */
s2s_err s2s__tree_write(s2s__buf *out, const s2s__node *n, const char *from_ns);

static inline bool s2s__str_is(s2s_str s, const char *cstr)
{
    return s.ptr && s.len == strlen(cstr) && memcmp(s.ptr, cstr, s.len) == 0;
}

#endif
