/* SPDX-License-Identifier: MIT */
/* plain_stanza.h: a stanza that is written so plainly that there is one way to read it, and no parser is needed. Internal. */
#ifndef S2S_PLAIN_STANZA_H
#define S2S_PLAIN_STANZA_H

#include "protocol/xml/tree.h"
#include "s2s/limits.h"
#include "s2s/stanza.h"

/* What stands at `p`, which is UTF-8 from the start of a character on (the last may be cut off), between two children of a stream whose
 * default namespace is `content_ns`. Returns the bytes of the stanza there, from < to >, and fills `out`, of which all but an inherited `lang`
 * is said; its slices are `p`'s.
 *
 * 0: it is not certain, and a parser must see it: what is there is no stanza, not all of one, or one of another kind. Of the plain kind are
 * those with names of ASCII letters, digits, '.', '-' and '_' without prefix (but xml:lang), in the start tag no attributes but those of a router
 * and no references, inside no CDATA, no comment, no character reference, no second declaration of `content_ns`; within `limits`' depth and
 * attributes, and within some of its own. Each is well-formed (XML 1.0, Namespaces in XML 1.0). */
size_t s2s__plain_stanza(const uint8_t *p, size_t len, const char *content_ns, const s2s_limits *limits, s2s_stanza *out);

/* The same for an empty element without references that declares its namespace, another one, itself: as <r/> and <a/> do. The node's
 * slices are `p`'s; its attributes lie in `out`. */
enum { S2S__PLAIN_ATTRIBUTES_MAX = 12 }; /* an element with more is not plain */
typedef struct s2s__plain_leaf {
    s2s__node node;
    s2s__attr attributes[S2S__PLAIN_ATTRIBUTES_MAX];
} s2s__plain_leaf;
size_t s2s__plain_leaf_read(const uint8_t *p, size_t len, const char *content_ns, const s2s_limits *limits, s2s__plain_leaf *out);

#endif
