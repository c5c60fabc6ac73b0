/* SPDX-License-Identifier: MIT */
/* start_tag.h: what a relayed stanza's new start tag must carry, gathered while expat runs: attributes, namespace
 * declarations, and whether the inside can go verbatim. Part of the reader. */
#ifndef S2S_START_TAG_H
#define S2S_START_TAG_H

#include "protocol/xml/expat_env.h"
#include "protocol/xml/reader.h"

typedef struct s2s__start_tag {
    const s2s_env *env;
    const char *content_ns;
    s2s__buf root_text;  /* the header's attribute values */
    s2s__buf root_decls; /* prefixes declared on the root, as pairs "prefix\0uri\0" */
    s2s__buf text;       /* the stanza's attribute values */
    s2s__buf decls;      /* prefixes declared on the stanza's start tag, in the same form */
    s2s__buf attrs;      /* other attributes; completed by _fill with the declarations needed */
    s2s__buf scope;      /* all prefixes in force inside the stanza */
    s2s__header header;
    s2s_str from, to, id, type, lang;
    unsigned foreign;    /* depth of the outermost foreign child; 0: none */
    bool default_seen;   /* the root declared a default namespace */
    bool default_content; /* and it is the content namespace */
    bool content_declared; /* the element about to start declares the content namespace */
    bool prefix_used;    /* a prefix is used in the stanza */
    bool rewrite;        /* the inside names the content namespace itself */
} s2s__start_tag;

void s2s__start_tag_init(s2s__start_tag *t, const s2s_env *env, const char *content_ns);
void s2s__start_tag_free(s2s__start_tag *t);
void s2s__start_tag_forget(s2s__start_tag *t); /* for a new stream */

/* In the order of expat's events. `depth`: 1 root, 2 stanza, above: inside. `prefix` NULL: the default namespace. */
s2s_err s2s__start_tag_declare(s2s__start_tag *t, unsigned depth, const char *prefix, const char *uri);
s2s_err s2s__start_tag_root(s2s__start_tag *t, const char **atts);
s2s_err s2s__start_tag_stanza(s2s__start_tag *t, const char **atts, size_t tag_len); /* bytes from < to > */
void s2s__start_tag_inside(s2s__start_tag *t, unsigned depth, s2s__qname name, const char **atts);
void s2s__start_tag_inside_end(s2s__start_tag *t, unsigned depth);

s2s__header s2s__start_tag_header(const s2s__start_tag *t);
bool s2s__start_tag_kind(s2s_str local, s2s_kind *kind);
/* Everything but `kind` and `inner`. `stream_lang` is inherited where the stanza has none of its own. */
s2s_err s2s__start_tag_fill(s2s__start_tag *t, s2s_str stream_lang, s2s_stanza *out);
/* Every prefix in force inside the stanza, as declarations; valid until the next call on `t`. */
s2s_err s2s__start_tag_scope(s2s__start_tag *t, s2s_str *out);
/* The element is dealt with. */
void s2s__start_tag_done(s2s__start_tag *t);

#endif
