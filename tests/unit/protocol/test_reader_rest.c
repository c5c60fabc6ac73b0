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

static size_t live_after_rest(void)
{
    s2s__reader_rest(rd.reader);
    return rd.env.live;
}

Test(reader_rest, gives_the_parser_back)
{
    feed(HEAD "<message from='u@a' to='v@b'/>");
    size_t before = rd.env.live;
    cr_expect_lt(live_after_rest() + 10, before);
    before = rd.env.live;
    cr_expect_eq(live_after_rest(), before, "a second time does nothing");
}

Test(reader_rest, not_within_a_stanza)
{
    feed(HEAD "<message from='u@a' to='v@b'><body>half");
    size_t before = rd.env.live;
    cr_expect_eq(live_after_rest(), before);
    feed("</body></message>");
    reading_expect(&rd, "rest", 0, OPENED "stanza <message from='u@a' to='v@b'><body>half</body></message>;");
}

Test(reader_rest, not_before_the_header_nor_behind_the_end)
{
    size_t before = rd.env.live;
    cr_expect_eq(live_after_rest(), before);
    feed("<?xml version='1.0'?>");
    before = rd.env.live;
    cr_expect_eq(live_after_rest(), before);
    feed(HEAD "</stream:stream>");
    before = rd.env.live;
    cr_expect_eq(live_after_rest(), before);
}

Test(reader_rest, keeps_namespaces_language_and_the_name_of_the_end)
{
    feed("<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams' xmlns:p='urn:p' xml:lang='de'>");
    s2s__reader_rest(rd.reader);
    feed("<message from='u@a' to='v@b'><p:x/></message>");
    s2s__reader_rest(rd.reader);
    feed("</s:stream>");
    reading_expect(&rd, "rest", 0,
                   "open lang=de;stanza <message from='u@a' to='v@b' xml:lang='de' xmlns:s='" NS_STREAMS
                   "' xmlns:p='urn:p'><p:x/></message>;close;");
}

Test(reader_rest, the_wrong_end_tag_is_still_wrong)
{
    feed(HEAD);
    s2s__reader_rest(rd.reader);
    feed("</stream>");
    reading_expect(&rd, "rest", 0, OPENED "error not-well-formed: mismatched tag;");
}

Test(reader_rest, a_new_stream_on_the_connection_forgets_the_old)
{
    feed(HEAD);
    s2s__reader_rest(rd.reader);
    cr_assert_eq(s2s__reader_restart(rd.reader, false), S2S_OK);
    feed("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>");
    s2s__reader_rest(rd.reader);
    feed("<iq from='u@a' to='v@b'/>");
    reading_expect(&rd, "rest", 0, OPENED "open;stanza <iq from='u@a' to='v@b'/>;");
}

Test(reader_rest, a_very_long_header_keeps_the_parser)
{
    char long_head[4096];
    int n = snprintf(long_head, sizeof long_head,
                     "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' x='%03000d'>", 0);
    reading_feed(&rd, long_head, (size_t)n, 0);
    size_t before = rd.env.live;
    cr_expect_eq(live_after_rest(), before);
}

Test(reader_rest, without_memory_to_wake_up_the_stream_ends)
{
    feed(HEAD);
    s2s__reader_rest(rd.reader);
    for (long n = 1;; n++) { /* 0 is the copy of the bytes: reader_feed says so itself */
        reading other;
        reading_begin(&other);
        cr_assert_eq(reading_open(&other, NS_SERVER), S2S_OK);
        reading_feed(&other, HEAD, strlen(HEAD), 0);
        s2s__reader_rest(other.reader);
        other.env.fail_after = n;
        reading_feed(&other, "<message from='u@a' to='v@b'/>", strlen("<message from='u@a' to='v@b'/>"), 0);
        other.env.fail_after = -1;
        bool failed = other.over;
        if (failed)
            reading_expect(&other, "rest", 0, OPENED "error internal-server-error: out of memory;");
        else
            reading_expect(&other, "rest", 0, OPENED "stanza <message from='u@a' to='v@b'/>;");
        reading_end(&other);
        if (!failed)
            break;
        cr_assert_lt(n, 100);
    }
}
