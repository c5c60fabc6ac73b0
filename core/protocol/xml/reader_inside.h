/* SPDX-License-Identifier: MIT */
/* reader_inside.h: what the files of the reader share. */
#ifndef S2S_READER_INSIDE_H
#define S2S_READER_INSIDE_H

#include "protocol/xml/expat_env.h"
#include "protocol/xml/plain_stanza.h"
#include "protocol/xml/reader.h"
#include "protocol/xml/start_tag.h"
#include "protocol/xml/utf8.h"

/* A longer start tag of the stream is not kept, and such a stream keeps its reader. */
#define S2S__ROOT_TAG_MAX 2048u

struct s2s__rested {
    const s2s_env *env;
    const char *content_ns;
    size_t limit, skip_limit;
    s2s_str root, lang; /* the stream's start tag and its language; what they say follows */
    bool default_content;
};

struct s2s__reader {
    const s2s_env *env;
    const char *content_ns;
    XML_Parser parser;         /* NULL since a rest: nothing has come that is not plain */
    s2s__rested *rested;       /* NULL: it has not rested since the stream began */
    s2s__buf root;             /* the stream's start tag as it came; empty: there is none yet, it is too long, or in `rested` */
    s2s__utf8 utf8;
    s2s__utf8_result bad;      /* what follows the bytes in `buf` */
    size_t limit;              /* bytes of one element */
    size_t skip_limit;         /* bytes beyond that of a stanza, which are read over */

    s2s__buf buf;              /* bytes of the stream from offset `base` on */
    uint64_t base, given, done; /* stream offsets: buf's first byte; seen by expat; end of the last item */
    uint64_t skipped;          /* bytes before `given` that expat has not seen: its offsets are less by so much */
    uint64_t tag_end;          /* where the last tag ended, or the text passed over behind it */
    bool suspended, began;
    bool whole;                /* a guess was wrong: expat gets the rest of what is there in one piece */

    unsigned depth;
    uint32_t declared;         /* namespace declarations of the element about to start: attributes, too */
    uint64_t start, inner_start, inner_end; /* of the element at hand */
    s2s__start_tag tag;
    s2s__tree *tree;           /* of a nonza, or of a stanza's inside that must be written anew */
    s2s__buf rewritten;
    bool building;             /* the element at hand goes into `tree` */
    bool skipping;             /* it is a stanza, too large: its bytes are not kept */
    uint64_t skip_seen;        /* skipping: to where expat has told what there is */
    bool open_ready, element_ready, close_ready;

    s2s__header header;
    s2s_stanza stanza;
    s2s__plain_leaf leaf;
    s2s_cond cond;             /* the fault that ended reading; S2S_COND_NONE: none */
    const char *why;
};

static inline uint64_t s2s__reader_end(const s2s__reader *r)
{
    return r->base + r->buf.len;
}

/* The fault that ends reading; the first one stays. */
static inline void s2s__reader_fault(s2s__reader *r, s2s_cond cond, const char *why)
{
    if (r->cond != S2S_COND_NONE)
        return;
    r->cond = cond;
    r->why = why;
}

/* A reader without a parser. NULL: out of memory. */
s2s__reader *s2s__reader_make(const s2s_env *env, const char *content_ns);
/* A new parser, which has seen nothing, instead of the one there is. S2S_OK or S2S_E_NOMEM; then the old one stays. */
s2s_err s2s__reader_new_parser(s2s__reader *r);
/* Runs expat to the next item or fault, or to the end of a piece. False: it has seen all there is. */
bool s2s__reader_run(s2s__reader *r);
/* What follows of the stanza at hand is not kept; `skip_seen` says how far expat is in it. */
void s2s__reader_begin_skip(s2s__reader *r);

#endif
