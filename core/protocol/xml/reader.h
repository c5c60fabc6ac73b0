/* SPDX-License-Identifier: MIT */
/* reader.h: bytes -> stream header, stanzas as slices, nonzas as small trees. Restricted XML (RFC 6120
 * section 11), every limit enforced. Serves s2s streams and XEP-0114 components. Internal. */
#ifndef S2S_READER_H
#define S2S_READER_H

#include "protocol/xml/tree.h"
#include "s2s/stanza.h"

typedef enum s2s__item_type {
    ITEM_NONE,   /* more bytes are needed */
    ITEM_OPEN,   /* the stream header: `header` */
    ITEM_STANZA, /* `stanza` */
    ITEM_OVERSIZE, /* `stanza`, without its inside: it was larger than may be, and is read over */
    ITEM_NONZA,  /* any other first-level element: `node` */
    ITEM_CLOSE,  /* the stream's end tag */
    ITEM_ERROR,  /* `cond` and `why`; it repeats from now on */
} s2s__item_type;

typedef struct s2s__header {
    s2s_str from, to, id, version, lang; /* absent if not there */
    bool content_ns_ok; /* the default namespace is the content namespace, or the prefix-free form (NS-03) */
} s2s__header;

typedef struct s2s__item {
    s2s__item_type type;
    const s2s__header *header;
    const s2s_stanza *stanza;
    const s2s__node *node;
    s2s__tree *tree; /* of `node`, for s2s__node_text */
    s2s_cond cond;
    const char *why;
} s2s__item;

typedef struct s2s__reader s2s__reader;

/* `content_ns` (static) is jabber:server or jabber:component:accept. */
s2s_err s2s__reader_new(const s2s_env *env, const char *content_ns, s2s__reader **out);
void s2s__reader_free(s2s__reader *r); /* takes NULL */

/* A new stream on the same connection (RFC 6120 section 4.3.3): a new parser; bytes not yet parsed are kept for it
 * if `keep_pending`, else dropped. */
s2s_err s2s__reader_restart(s2s__reader *r, bool keep_pending);
/* The largest element from now on. What a stanza is larger is read over up to `skip_bytes`, without keeping it; 0: never. */
void s2s__reader_set_limit(s2s__reader *r, size_t element_bytes, size_t skip_bytes);

/* Copies `in`. Only after _next said ITEM_NONE. S2S_E_NOMEM or S2S_OK; bad input is reported by _next. */
s2s_err s2s__reader_feed(s2s__reader *r, s2s_bytes in);
/* What the item lends is valid until the next call on `r`. */
s2s__item_type s2s__reader_next(s2s__reader *r, s2s__item *item);
/* Bytes that were fed but not parsed yet (TL-05). */
size_t s2s__reader_pending(const s2s__reader *r);
/* What was fed and is not dealt with begins with the end of the stream: its end tag, or a stream error. Told by the bytes alone,
 * for who does not want to read the rest yet. */
bool s2s__reader_at_end(const s2s__reader *r);

/* What is left of a reader while its stream is idle: the start tag, to begin with again. */
typedef struct s2s__rested s2s__rested;
/* Frees `r`. NULL, and `r` stays: not all that was fed is dealt with, it is not between two elements of an open stream, or there is no
 * memory. */
s2s__rested *s2s__reader_rest(s2s__reader *r);
/* A reader that goes on as if there had been no rest; frees `rested`. NULL, and `rested` stays: out of memory. */
s2s__reader *s2s__reader_wake(s2s__rested *rested);
void s2s__rested_free(s2s__rested *rested); /* takes NULL */

#endif
