/* SPDX-License-Identifier: MIT */
/* rested.h: what reader.c and rested.c know of each other. */
#ifndef S2S_RESTED_H
#define S2S_RESTED_H

#include "protocol/xml/reader.h"

/* A longer start tag of the stream is not kept, and such a stream keeps its reader. */
#define S2S__ROOT_TAG_MAX 2048u

struct s2s__rested {
    const s2s_env *env;
    const char *content_ns;
    size_t limit, skip_limit;
    size_t len; /* of the stream's start tag, which follows */
};

/* The start tag of the stream, if all that was fed is dealt with and the reader is between two elements; else empty. */
s2s_str s2s__reader_root(const s2s__reader *r);
s2s__rested s2s__reader_bounds(const s2s__reader *r); /* all but `len` */

#endif
