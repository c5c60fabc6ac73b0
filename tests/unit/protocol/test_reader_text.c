/* SPDX-License-Identifier: MIT */
/* test_reader_text.c: text that expat does not see changes nothing: the reader takes and refuses what expat alone does,
 * over fixed cases and over random pieces of XML, in chunks of many sizes. */
#include "protocol/xml/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/expat_env.h"
#include "protocol/xml/ns.h"
#include "protocol/xml/plain_text.h"
#include "reading.h"

#define W "words and words, so many that it is worth to pass over them; " /* more than TEXT_WORTH */
#define M "<message from='u@a' to='v@b'"
#define BODY(x) HEAD M "><body>" x "</body></message>"
#define SAID(x) OPENED "stanza " M "><body>" x "</body></message>;"

static const struct {
    const char *id, *in, *want;
} ROWS[] = {
    {"text", BODY(W W), SAID(W W)},
    {"line ends and tabs", BODY(W "\n\t" W), SAID(W "\n\t" W)},
    {"references", BODY(W "&amp;" W "&#228;" W), SAID(W "&amp;" W "&#228;" W)},
    {"an unknown entity", BODY(W "&x;" W), OPENED "error restricted-xml: entity reference;"},
    {"> alone", BODY(W ">" W ">>" W), SAID(W ">" W ">>" W)},
    {"brackets", BODY(W "]]" W "] ]>" W), SAID(W "]]" W "] ]>" W)},
    {"the end of no CDATA", BODY(W "]]>" W), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"a control character", BODY(W "\x01" W), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"NUL", NULL, OPENED "error not-well-formed: NUL byte;"},
    {"U+FFFF", BODY(W "\xef\xbf\xbf" W), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"U+FFFE", BODY(W "\xef\xbf\xbe" W), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"U+FFFD", BODY(W "\xef\xbf\xbd" W), SAID(W "\xef\xbf\xbd" W)},
    {"two, three and four bytes", BODY(W "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" W), SAID(W "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" W)},
    {"> in an attribute", HEAD M "><x a='1>" W "'>" W "</x></message>",
     OPENED "stanza " M "><x a='1>" W "'>" W "</x></message>;"},
    {"> in an attribute, then <", HEAD M "><x a='1>" W "<'/></message>",
     OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"CDATA", BODY("<![CDATA[<a>" W "</a>" W "]]>" W), SAID("<![CDATA[<a>" W "</a>" W "]]>" W)},
    {"a comment", BODY(W "<!-- > " W "-->"), OPENED "error restricted-xml: comment;"},
    {"a comment with a tag", BODY("<!--<x>" W "--></x>"), OPENED "error restricted-xml: comment;"},
    {"an instruction", BODY("<?x >" W "?>"), OPENED "error restricted-xml: processing instruction;"},
    {"a wrong end", HEAD M "><body>" W "</bodi></message>", OPENED "error not-well-formed: mismatched tag;"},
    {"text between stanzas", HEAD M ">" W "</message>" W, OPENED "stanza " M ">" W "</message>;"
     "error bad-format: text between elements;"},
    {"a nonza's text", HEAD "<x xmlns='urn:x'>" W W "</x>", OPENED "nonza {urn:x}x;"},
    {"written anew", HEAD M "><body xmlns='jabber:server'>" W "</body></message>",
     OPENED "stanza " M "><body>" W "</body></message>;"},
};

Test(reader_text, fixed_cases)
{
    static const char NUL[] = HEAD M "><body>" W "\0" W "</body></message>";
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *in = ROWS[i].in ? ROWS[i].in : NUL;
        reading_check(ROWS[i].id, in, ROWS[i].in ? strlen(in) : sizeof NUL - 1, 0, ROWS[i].want);
    }
}

Test(reader_text, the_scan_stops_where_a_byte_by_byte_look_would)
{
    uint8_t text[80];
    for (unsigned c = 1; c < 256; c++) {
        bool stop = (c < 0x20 && c != '\t' && c != '\n') || strchr("<&]", (int)c) || c == 0xef;
        if (c >= 0x80 && c != 0xef)
            continue; /* no character alone */
        for (size_t at = 0; at < sizeof text; at++) {
            memset(text, 'x', sizeof text);
            text[at] = (uint8_t)c;
            cr_assert_eq(s2s__plain_text(text, sizeof text), stop ? at : sizeof text, "%02x at %zu", c, at);
        }
    }
}

Test(reader_text, the_scan_ends_between_characters)
{
    static const uint8_t EURO[] = "0123456789abcde\xe2\x82\xac";
    cr_expect_eq(s2s__plain_text(EURO, 18), 15, "the last may go on");
    cr_expect_eq(s2s__plain_text(EURO, 17), 15);
    cr_expect_eq(s2s__plain_text(EURO, 16), 15);
    cr_expect_eq(s2s__plain_text(EURO, 15), 15);
    cr_expect_eq(s2s__plain_text((const uint8_t *)"\xe2\x82\xac<", 4), 3);
    cr_expect_eq(s2s__plain_text(EURO, 0), 0);
}

/* -- against expat alone ------------------------------------------------------------------------------- */

/* The insides of the stanzas that `p` completes, one after the other; and whether it found a fault. */
typedef struct heard {
    char bytes[32768];
    size_t len;
    bool fault;
    /* of the oracle */
    XML_Parser parser;
    const char *doc;
    unsigned depth;
    size_t inner;
} heard;

static void note(heard *h, const char *inner, size_t len)
{
    cr_assert_lt(h->len + len + 1, sizeof h->bytes);
    memcpy(h->bytes + h->len, inner, len);
    h->len += len;
    h->bytes[h->len++] = '\n';
}

static void XMLCALL oracle_start(void *user, const XML_Char *name, const XML_Char **atts)
{
    heard *h = user;
    (void)name;
    (void)atts;
    if (++h->depth == 2)
        h->inner = (size_t)XML_GetCurrentByteIndex(h->parser) + (size_t)XML_GetCurrentByteCount(h->parser);
}

static void XMLCALL oracle_end(void *user, const XML_Char *name)
{
    heard *h = user;
    (void)name;
    if (--h->depth != 1)
        return;
    size_t end = (size_t)XML_GetCurrentByteIndex(h->parser);
    note(h, h->doc + h->inner, end > h->inner ? end - h->inner : 0);
}

/* What the reader does not let through, although it is well-formed. */
static void XMLCALL oracle_refuses(void *user, const XML_Char *text)
{
    XML_StopParser(((heard *)user)->parser, XML_FALSE);
    (void)text;
}

static void XMLCALL oracle_text(void *user, const XML_Char *text, int len)
{
    heard *h = user;
    for (int i = 0; h->depth == 1 && i < len; i++) {
        if (!strchr(" \t\r\n", text[i]))
            XML_StopParser(h->parser, XML_FALSE);
    }
}

static void ask_oracle(heard *h, const char *doc, size_t len)
{
    test_env t;
    test_env_init(&t);
    *h = (heard){.doc = doc, .parser = s2s__expat_new(&t.env)};
    XML_SetUserData(h->parser, h);
    XML_SetElementHandler(h->parser, oracle_start, oracle_end);
    XML_SetCommentHandler(h->parser, oracle_refuses);
    XML_SetCharacterDataHandler(h->parser, oracle_text);
    h->fault = s2s__expat_parse(&t.env, h->parser, doc, len, false) != XML_STATUS_OK;
    s2s__expat_free(&t.env, h->parser);
}

static void ask_reader(heard *h, const char *doc, size_t len, size_t chunk, bool rests)
{
    test_env t;
    s2s__reader *r;
    s2s__item item = {.type = ITEM_NONE};
    test_env_init(&t);
    h->len = 0;
    cr_assert_eq(s2s__reader_new(&t.env, NS_SERVER, &r), S2S_OK);
    s2s__reader_set_limit(r, t.env.limits.stanza_bytes, 0);
    for (size_t at = 0; at < len && item.type != ITEM_ERROR; at += chunk) {
        size_t n = len - at < chunk ? len - at : chunk;
        cr_assert_eq(s2s__reader_feed(r, (s2s_bytes){(const uint8_t *)doc + at, n}), S2S_OK);
        while (s2s__reader_next(r, &item) != ITEM_NONE && item.type != ITEM_ERROR) {
            if (item.type == ITEM_STANZA)
                note(h, item.stanza->inner.ptr, item.stanza->inner.len);
        }
        if (rests)
            (void)reading_rest(&r);
    }
    h->fault = item.type == ITEM_ERROR;
    s2s__reader_free(r);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* Stanzas of random pieces, most of them well-formed. */
static size_t random_document(uint32_t *state, char *out, size_t room)
{
    static const char *const PIECES[] = {W, W, "<b>", "</b>", "<b>", "</b>", "<b/>", "short", "\n", "\t", "&amp;", ">", ">" W,
                                         "\xc3\xa4", "\xef\xbf\xbd", "<b a='>" W "'/>", "<b a=\">\">", "]", "<![CDATA[<b>" W "]]>"};
    static const char *const BAD[] = {"]]>", "&", "<", "\x02", "\xef\xbf\xbf", "<!--" W "-->", "<b a='", "'", "</c>", "<![CDATA[>" W};
    size_t len = (size_t)snprintf(out, room, "%s", HEAD);
    for (unsigned stanzas = 1 + next_random(state) % 3; stanzas > 0; stanzas--) {
        unsigned open = 0;
        len += (size_t)snprintf(out + len, room - len, M ">");
        for (unsigned pieces = next_random(state) % 12; pieces > 0; pieces--) {
            const char *p = PIECES[next_random(state) % (sizeof PIECES / sizeof *PIECES)];
            if (next_random(state) % 60 == 0)
                p = BAD[next_random(state) % (sizeof BAD / sizeof *BAD)];
            if (strcmp(p, "</b>") == 0 && open-- == 0) {
                open = 0;
                continue;
            }
            open += strcmp(p, "<b>") == 0 || strcmp(p, "<b a=\">\">") == 0;
            len += (size_t)snprintf(out + len, room - len, "%s", p);
        }
        while (open-- > 0)
            len += (size_t)snprintf(out + len, room - len, "</b>");
        len += (size_t)snprintf(out + len, room - len, "</message>\n");
    }
    return len;
}

Test(reader_text, random_documents_as_expat_alone, .timeout = 120)
{
    static const size_t CHUNKS[] = {1, 5, 16, 61, 200, 32768};
    heard *want = calloc(1, sizeof *want), *got = calloc(1, sizeof *got);
    char *doc = malloc(32768);
    uint32_t state = 1;
    size_t faults = 0;
    cr_assert(want && got && doc);
    for (unsigned n = 0; n < 2000; n++) {
        size_t len = random_document(&state, doc, 32768);
        ask_oracle(want, doc, len);
        faults += want->fault;
        size_t chunk = CHUNKS[n % (sizeof CHUNKS / sizeof *CHUNKS)];
        ask_reader(got, doc, len, chunk, n % 2 == 0);
        cr_assert(want->fault == got->fault && want->len == got->len && memcmp(want->bytes, got->bytes, got->len) == 0,
                  "document %u, chunks of %zu: fault %d %d, heard %zu %zu: %.*s", n, chunk, want->fault, got->fault, want->len,
                  got->len, (int)len, doc);
    }
    cr_expect_gt(faults, 50, "%zu", faults);
    cr_expect_lt(faults, 1000, "%zu", faults);
    free(want);
    free(got);
    free(doc);
}
