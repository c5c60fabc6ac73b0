/* SPDX-License-Identifier: MIT */
/* test_reader_limits.c: each limit of the reader, at it and one above, in chunks of every size. */
#include "protocol/xml/reader.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "reading.h"
#include "s2s/session.h"

#define TOO_LARGE "error policy-violation: element too large;"

static const size_t CHUNKS[] = READING_CHUNKS;
static char input[4 * S2S_FEED_MAX];

/* Writes `name` with an inside, `len` bytes from < to >. */
static void element(char *out, const char *name, size_t len)
{
    size_t head = strlen(name) + 2, tail = strlen(name) + 3;
    memset(out, 'x', len);
    out[0] = '<';
    memcpy(out + 1, name, head - 2);
    out[head - 1] = '>';
    memcpy(out + len - tail, "</", 2);
    memcpy(out + len - tail + 2, name, head - 2);
    out[len - 1] = '>';
    out[len] = '\0';
}

/* What is said of `input`, in short. */
static void expect(reading *rd, const char *id, size_t chunk, bool fits, const char *head)
{
    bool refused = rd->said_len >= sizeof TOO_LARGE - 1 &&
                   strcmp(rd->said + rd->said_len - (sizeof TOO_LARGE - 1), TOO_LARGE) == 0;
    cr_expect_eq(!rd->over, fits, "%s, chunks of %zu: %.200s", id, chunk, rd->said);
    cr_expect_eq(refused, !fits, "%s, chunks of %zu: %.200s", id, chunk, rd->said);
    cr_expect(strncmp(rd->said, head, strlen(head)) == 0, "%s, chunks of %zu: %.200s", id, chunk, rd->said);
}

static void check_size(const char *id, const char *before, const char *name, size_t len, bool fits)
{
    enum { LIMIT = 5000 };
    for (size_t i = 0; i < READING_CHUNKS_LEN; i++) {
        reading rd;
        reading_begin(&rd);
        cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
        s2s__reader_set_limit(rd.reader, LIMIT, 0);
        size_t n = (size_t)snprintf(input, sizeof input, HEAD "%s", before);
        element(input + n, name, LIMIT + len);
        reading_feed(&rd, input, strlen(input), CHUNKS[i]);
        expect(&rd, id, CHUNKS[i], fits, OPENED);
        reading_end(&rd);
    }
}

Test(reader_limits, an_element_may_have_its_limit_from_less_to_greater)
{
    check_size("DO-01 stanza at the limit", "", "message", 0, true);
    check_size("DO-01 stanza above it", "", "message", 1, false);
    check_size("DO-04 nonza at the limit", "", "foo", 0, true);
    check_size("DO-04 nonza above it", "", "foo", 1, false);
    check_size("ST-24 whitespace before it does not count", " \n\t ", "message", 0, true);
    check_size("ST-24 nor does the stanza before", "<message/>\n", "message", 0, true);
    check_size("DO-01 stanza above it behind others", "<message/>\n<iq/>", "message", 1, false);
}

Test(reader_limits, the_header_is_an_element_too)
{
    enum { LIMIT = 5000 };
    for (size_t extra = 0; extra < 2; extra++) {
        for (size_t i = 0; i < READING_CHUNKS_LEN; i++) {
            reading rd;
            reading_begin(&rd);
            cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
            s2s__reader_set_limit(rd.reader, LIMIT, 0);
            size_t head = strlen(HEAD) - 1, fill = LIMIT - head - strlen(" x=''>") + extra;
            char *at = input + snprintf(input, sizeof input, "<?xml version='1.0'?>%.*s x='", (int)head, HEAD);
            memset(at, 'y', fill);
            memcpy(at + fill, "'>", 3);
            reading_feed(&rd, input, strlen(input), CHUNKS[i]);
            expect(&rd, extra ? "DO-04 header above the limit" : "DO-04 header at the limit", CHUNKS[i], extra == 0,
                   extra ? "" : OPENED);
            reading_end(&rd);
        }
    }
}

Test(reader_limits, an_element_without_end_is_refused_when_it_passes_the_limit)
{
    enum { LIMIT = 5000 };
    static const char *const begins[] = {"<message><body>", "<foo a='", "<!--", "<?pi ", "<foo><![CDATA["};
    for (size_t k = 0; k < sizeof begins / sizeof *begins; k++) {
        reading rd;
        reading_begin(&rd);
        cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
        s2s__reader_set_limit(rd.reader, LIMIT, 0);
        size_t n = (size_t)snprintf(input, sizeof input, "%s", begins[k]);
        memset(input + n, 'x', LIMIT);
        reading_feed(&rd, HEAD, sizeof HEAD - 1, 0);
        reading_feed(&rd, input, LIMIT, 7);
        cr_expect_str_eq(rd.said, OPENED, "XM-08 %s", begins[k]);
        reading_feed(&rd, "x", 1, 0);
        cr_expect_str_eq(rd.said, OPENED TOO_LARGE, "XM-09 %s", begins[k]);
        reading_end(&rd);
    }
}

Test(reader_limits, whitespace_for_ever_is_no_element)
{
    reading rd;
    reading_begin(&rd);
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
    s2s__reader_set_limit(rd.reader, 4096, 0);
    reading_feed(&rd, HEAD, sizeof HEAD - 1, 0);
    memset(input, '\n', sizeof input);
    reading_feed(&rd, input, sizeof input, 0);
    size_t live = rd.env.live;
    reading_feed(&rd, input, sizeof input, 0);
    cr_expect_leq(rd.env.live, live);
    reading_feed(&rd, "<message/>", 10, 0);
    reading_expect(&rd, "ST-24", 0, OPENED "stanza <message/>;");
    reading_end(&rd);
}

Test(reader_limits, nesting)
{
    enum { DEPTH = 8 };
    static const char *const names[] = {"message", "foo"};
    for (unsigned k = 0; k < 4; k++) {
        for (size_t i = 0; i < READING_CHUNKS_LEN; i++) {
            reading rd;
            reading_begin(&rd);
            rd.env.env.limits.xml_depth = DEPTH;
            cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
            bool above = k % 2;
            size_t n = (size_t)snprintf(input, sizeof input, HEAD "<%s>", names[k / 2]);
            for (int d = 2; d < DEPTH + above; d++) /* the root is the first, this element the second */
                n += (size_t)snprintf(input + n, sizeof input - n, "<x>");
            for (int d = 2; d < DEPTH + above; d++)
                n += (size_t)snprintf(input + n, sizeof input - n, "</x>");
            n += (size_t)snprintf(input + n, sizeof input - n, "</%s>", names[k / 2]);
            reading_feed(&rd, input, n, CHUNKS[i]);
            cr_expect_eq(rd.over, above, "XM-09 %u: %s", k, rd.said);
            cr_expect(!above || strstr(rd.said, "error policy-violation: elements nested too deep;"));
            reading_end(&rd);
        }
    }
}

Test(reader_limits, attributes_and_declarations_count_together)
{
    static const struct {
        const char *id;
        int attributes, declarations;
        bool ok;
    } rows[] = {
        {"XM-09 attributes at the limit", 8, 0, true},      {"XM-09 attributes above", 9, 0, false},
        {"XM-09 declarations at the limit", 0, 8, true},    {"XM-09 declarations above", 0, 9, false},
        {"XM-09 both at the limit", 4, 4, true},            {"XM-09 both above", 5, 4, false},
        {"XM-09 very many declarations", 0, 2000, false},
    };
    static const char *const before[] = {"", "<message>"};
    for (size_t k = 0; k < 2 * sizeof rows / sizeof *rows; k++) {
        for (size_t i = 0; i < READING_CHUNKS_LEN; i++) {
            reading rd;
            reading_begin(&rd);
            rd.env.env.limits.xml_attributes = 8;
            cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
            s2s__reader_set_limit(rd.reader, S2S_FEED_MAX, 0);
            size_t n = (size_t)snprintf(input, sizeof input, HEAD "%s<iq", before[k % 2]);
            for (int a = 0; a < rows[k / 2].attributes; a++)
                n += (size_t)snprintf(input + n, sizeof input - n, " a%d=''", a);
            for (int a = 0; a < rows[k / 2].declarations; a++)
                n += (size_t)snprintf(input + n, sizeof input - n, " xmlns:p%d='u'", a);
            n += (size_t)snprintf(input + n, sizeof input - n, "/>%s", k % 2 ? "</message>" : "");
            reading_feed(&rd, input, n, CHUNKS[i]);
            cr_expect_eq(!rd.over, rows[k / 2].ok, "%s: %.200s", rows[k / 2].id, rd.said);
            cr_expect(rows[k / 2].ok || strstr(rd.said, "error policy-violation: too many attributes;"));
            reading_end(&rd);
        }
    }
}

Test(reader_limits, input_that_nobody_reads_has_a_maximum)
{
    reading rd;
    reading_begin(&rd);
    rd.env.env.limits.stanza_bytes = 10000;
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
    size_t max = rd.env.env.limits.preauth_element_bytes + 2 * (size_t)S2S_FEED_MAX, given = 0;
    s2s_err err = S2S_OK;
    memset(input, ' ', sizeof input);
    while (err == S2S_OK && given < 2 * max) {
        err = s2s__reader_feed(rd.reader, (s2s_bytes){(const uint8_t *)input, 1024});
        given += 1024;
    }
    cr_expect_eq(err, S2S_E_LIMIT);
    cr_expect_eq(given, max / 1024 * 1024 + 1024);
    reading_end(&rd);
}

/* A long name that the prefix-free form must repeat: what comes out may not grow without bound. */
Test(reader_limits, an_inside_that_grows_when_written_anew_is_too_large)
{
    enum { URI = 4000, USES = 400 };
    reading rd;
    reading_begin(&rd);
    rd.env.env.limits.stanza_bytes = 10000;
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
    size_t n = (size_t)snprintf(input, sizeof input, HEAD "<message><s:body xmlns:s='jabber:server' xmlns:p='");
    memset(input + n, 'u', URI);
    n += URI;
    n += (size_t)snprintf(input + n, sizeof input - n, "'>");
    for (int i = 0; i < USES; i++)
        n += (size_t)snprintf(input + n, sizeof input - n, "<p:a/>");
    n += (size_t)snprintf(input + n, sizeof input - n, "</s:body></message>");
    reading_feed(&rd, input, n, 0);
    reading_expect(&rd, "XM-09", 0, OPENED TOO_LARGE);
    reading_end(&rd);
}

/* -- too large, and read over -------------------------------------------------------------------------- */

static void check_skip(const char *id, size_t len, size_t skip, bool fits)
{
    enum { LIMIT = 5000 };
    for (size_t i = 0; i < READING_CHUNKS_LEN; i++) {
        reading rd;
        reading_begin(&rd);
        cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
        s2s__reader_set_limit(rd.reader, LIMIT, skip);
        size_t n = (size_t)snprintf(input, sizeof input, HEAD);
        element(input + n, "message", len);
        n = strlen(input);
        (void)snprintf(input + n, sizeof input - n, "<iq/>");
        reading_feed(&rd, input, strlen(input), CHUNKS[i]);
        expect(&rd, id, CHUNKS[i], fits, OPENED);
        cr_expect_eq(strstr(rd.said, "oversize") != NULL, fits, "%s: %.200s", id, rd.said);
        cr_expect(strstr(rd.said, "xxxx") == NULL, "%s: without its inside", id);
        reading_end(&rd);
    }
}

Test(reader_limits, a_stanza_that_is_too_large_is_read_over_up_to_a_limit)
{
    check_skip("DO-01 one byte too many", 5001, 20000, true);
    check_skip("DO-01 as much as may be read over", 25000, 20000, true);
    check_skip("XM-09 one byte more", 25001, 20000, false);
    check_skip("DO-01 nothing is", 5001, 0, false);
}
