/* SPDX-License-Identifier: MIT */
/* test_reader_rest.c: a reader at rest holds no parser, and goes on as if it had not rested. All other tests of the reader
 * run with rests at every split point, too (reading_check). */
#include "protocol/xml/reader.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "reading.h"

static reading rd;

static void begin(void)
{
    reading_begin(&rd);
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
}

static void end(void)
{
    reading_end(&rd);
}

TestSuite(reader_rest, .init = begin, .fini = end);

static void feed(const char *text)
{
    reading_feed(&rd, text, strlen(text), 0);
}

Test(reader_rest, all_but_a_few_hundred_bytes_are_given_back)
{
    size_t empty = rd.env.live;
    feed(HEAD "<message from='u@a' to='v@b'/>");
    cr_expect_gt(rd.env.live, empty);
    s2s__rested *rested = s2s__reader_rest(rd.reader);
    cr_assert_not_null(rested);
    cr_expect_eq(rd.env.live, 1, "blocks of memory: %zu", rd.env.live);
    rd.reader = s2s__reader_wake(rested);
    cr_assert_not_null(rd.reader);
}

Test(reader_rest, what_is_plain_needs_no_parser)
{
    feed(HEAD);
    cr_expect(reading_rest(&rd.reader));
    size_t awake = rd.env.live;
    feed(" <message from='u@a' to='v@b'/>\n<r xmlns='urn:x'/>\n");
    cr_expect_leq(rd.env.live, awake + 1, "the buffer, at most: %zu, %zu", awake, rd.env.live);
    cr_expect(reading_rest(&rd.reader));
    feed("<message from='u@a' to='v@b'>&#65;</message>");
    cr_expect_gt(rd.env.live, awake + 5, "a parser: %zu, %zu", awake, rd.env.live);
    reading_expect(&rd, "rest", 0, OPENED "stanza <message from='u@a' to='v@b'/>;nonza {urn:x}r;stanza <message from='u@a' to='v@b'>&#65;</message>;");
}

Test(reader_rest, without_memory_for_a_parser_the_stream_ends)
{
    for (long n = 0;; n++) {
        reading one;
        reading_begin(&one);
        cr_assert_eq(reading_open(&one, NS_SERVER), S2S_OK);
        reading_feed(&one, HEAD, strlen(HEAD), 0);
        cr_expect(reading_rest(&one.reader));
        reading_feed(&one, " ", 1, 0); /* so that there is a buffer */
        one.env.fail_after = n;
        reading_feed(&one, "<?", 2, 0);
        bool enough = !one.over;
        reading_expect(&one, "rest", 0, enough ? OPENED : OPENED "error internal-server-error: out of memory;");
        one.env.fail_after = -1;
        reading_end(&one);
        cr_assert_lt(n, 200);
        if (enough) {
            cr_expect_gt(n, 5);
            break;
        }
    }
}

Test(reader_rest, not_within_a_stanza)
{
    feed(HEAD "<message from='u@a' to='v@b'><body>half");
    cr_expect_not(reading_rest(&rd.reader));
    feed("</body></message>");
    reading_expect(&rd, "rest", 0, OPENED "stanza <message from='u@a' to='v@b'><body>half</body></message>;");
}

Test(reader_rest, not_before_the_header_nor_behind_the_end)
{
    cr_expect_not(reading_rest(&rd.reader));
    feed("<?xml version='1.0'?>");
    cr_expect_not(reading_rest(&rd.reader));
    feed(HEAD "</stream:stream>");
    cr_expect_not(reading_rest(&rd.reader));
}

Test(reader_rest, not_in_the_middle_of_a_character)
{
    feed(HEAD "\xc3");
    cr_expect_not(reading_rest(&rd.reader));
}

Test(reader_rest, keeps_namespaces_language_and_the_name_of_the_end)
{
    feed("<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' xmlns:p='urn:p' xml:lang='de'>");
    cr_expect(reading_rest(&rd.reader));
    feed("<message from='u@a' to='v@b'><p:x/></message>");
    cr_expect(reading_rest(&rd.reader));
    feed("</s:stream>");
    reading_expect(&rd, "rest", 0,
                   "open lang=de;stanza <message from='u@a' to='v@b' xml:lang='de' xmlns:s='" NS_STREAMS
                   "' xmlns:p='urn:p'><p:x/></message>;close;");
}

Test(reader_rest, the_wrong_end_tag_is_still_wrong)
{
    feed(HEAD);
    cr_expect(reading_rest(&rd.reader));
    feed("</stream>");
    reading_expect(&rd, "rest", 0, OPENED "error not-well-formed: mismatched tag;");
}

Test(reader_rest, a_new_stream_on_the_connection_forgets_the_old)
{
    feed(HEAD);
    cr_expect(reading_rest(&rd.reader));
    cr_assert_eq(s2s__reader_restart(rd.reader, false), S2S_OK);
    feed("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>");
    cr_expect(reading_rest(&rd.reader));
    feed("<iq from='u@a' to='v@b'/>");
    reading_expect(&rd, "rest", 0, OPENED "open;stanza <iq from='u@a' to='v@b'/>;");
}

Test(reader_rest, a_very_long_header_keeps_the_parser)
{
    char long_head[4096];
    int n = snprintf(long_head, sizeof long_head,
                     "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' x='%03000d'>", 0);
    reading_feed(&rd, long_head, (size_t)n, 0);
    cr_expect_not(reading_rest(&rd.reader));
}

Test(reader_rest, keeps_its_limits)
{
    feed(HEAD);
    s2s__reader_set_limit(rd.reader, 40, 1000);
    cr_expect(reading_rest(&rd.reader));
    feed("<message from='u@a' to='v@b'><body>more than forty bytes</body></message><iq from='u@a' to='v@b'/>");
    reading_expect(&rd, "rest", 0, OPENED "oversizestanza <message from='u@a' to='v@b'/>;stanza <iq from='u@a' to='v@b'/>;");
}

Test(reader_rest, without_memory_it_stays_as_it_is)
{
    feed(HEAD);
    rd.env.fail_after = 0;
    cr_expect_null(s2s__reader_rest(rd.reader));
    rd.env.fail_after = -1;
    s2s__rested *rested = s2s__reader_rest(rd.reader);
    cr_assert_not_null(rested);
    size_t live = rd.env.live;
    for (long n = 0; (rd.reader = (rd.env.fail_after = n, s2s__reader_wake(rested))) == NULL; n++) {
        cr_expect_eq(rd.env.live, live, "allocation %ld", n);
        cr_assert_lt(n, 100);
    }
    rd.env.fail_after = -1;
    feed("<iq from='u@a' to='v@b'/>");
    reading_expect(&rd, "rest", 0, OPENED "stanza <iq from='u@a' to='v@b'/>;");
}
