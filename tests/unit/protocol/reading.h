/* SPDX-License-Identifier: MIT */
/* reading.h: a reader fed in chunks, and what it said as text. */
#ifndef READING_H
#define READING_H

#include "protocol/xml/ns.h"
#include "protocol/xml/reader.h"
#include "support/test_env.h"

#define HEAD "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' from='a' to='b' version='1.0'>"
#define OPENED "open from=a to=b version=1.0;"

enum { SAID_MAX = 1 << 20 };

typedef struct reading {
    test_env env;
    s2s__reader *reader;
    char *said; /* "open ...;", "stanza XML;", "nonza {ns}name;", "close;", "error COND: WHY;" */
    size_t said_len;
    bool over;  /* an error was said */
    bool rests; /* the reader is put to rest behind each chunk */
} reading;

/* Chunk sizes to try everything with; 0 is the whole. */
#define READING_CHUNKS {1, 2, 3, 7, 0}
enum { READING_CHUNKS_LEN = 5 };

void reading_begin(reading *rd);
/* After a change of rd->env.env.limits; NULL-safe end. */
s2s_err reading_open(reading *rd, const char *content_ns);
void reading_end(reading *rd); /* nothing may have leaked */

/* Puts the reader to rest and wakes it up. False: it may not rest now. */
bool reading_rest(s2s__reader **r);

/* Feeds and pulls as a session does, up to the first error. */
void reading_feed(reading *rd, const char *bytes, size_t len, size_t chunk);
void reading_expect(reading *rd, const char *id, size_t chunk, const char *want);

/* Begins, reads, compares, ends, for every chunk size. `limit` 0: the default of the reader. */
void reading_check(const char *id, const char *bytes, size_t len, size_t limit, const char *want);

#endif
