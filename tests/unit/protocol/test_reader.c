/* SPDX-License-Identifier: MIT */
/* test_reader.c: from bytes to first-level elements, and restricted XML, in chunks of every size. */
#include "protocol/xml/reader.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "reading.h"

#define M "<message from='u@a' to='v@b'"
#define S_M "stanza " M

/* The place of the fault: before the header, between stanzas, inside one. */
#define AT_START(x) x HEAD
#define BETWEEN(x) HEAD M "/>" x M "/>"
#define INSIDE(x) HEAD M "><body>" x "</body></message>"
#define ONE OPENED S_M "/>;"
#define RESTRICTED(what) "error restricted-xml: " what ";"
#define ENCODING "error unsupported-encoding: not UTF-8 (RFC 6120 section 11.6);"
#define UTF8_ONLY "error unsupported-encoding: only UTF-8 is XMPP (RFC 6120 section 11.6);"

static const struct {
    const char *id, *in, *want;
} ROWS[] = {
    {"ST-09 header alone", HEAD, OPENED},
    {"XM-07 declaration", "<?xml version='1.0'?>" HEAD "</stream:stream>", OPENED "close;"},
    {"XM-07 line end before and behind the declaration", "\r\n<?xml version='1.0'?>\n" HEAD, OPENED},
    {"XM-03 encoding in lower case", "<?xml version='1.0' encoding='utf-8'?>" HEAD, OPENED},
    {"XM-05 standalone", "<?xml version='1.0' standalone='yes'?>" HEAD, OPENED},
    {"XM-04 U+FEFF first", "\xef\xbb\xbf" HEAD, OPENED},
    {"ST-05 ST-09 all attributes",
     "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' id='i' xml:lang='de' x='y'>", "open id=i lang=de;"},
    {"NS-02 client namespace", "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
     "open bad-namespace;"},
    {"NS-03 prefix-free", "<stream xmlns='http://etherx.jabber.org/streams'><message xmlns='jabber:server'/></stream>",
     "open;stanza <message/>;close;"},
    {"NS-04 another prefix", "<s:stream xmlns='jabber:server' xmlns:s='http://etherx.jabber.org/streams'/>", "open;close;"},
    {"NS-01 another root namespace", "<stream:stream xmlns:stream='http://x'>", "error invalid-namespace: not a stream;"},
    {"NS-01 no root namespace", "<stream>", "error invalid-namespace: not a stream;"},
    {"NS-01 another root", "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>",
     "error bad-format: not a stream header;"},
    {"ST-16 HTTP", "GET / HTTP/1.1\r\n", "error not-well-formed: syntax error;"},
    {"ST-24 whitespace between elements", HEAD " \t\r\n" M "/> \n " M "/>\n", OPENED S_M "/>;" S_M "/>;"},
    {"XM-09 text between elements", HEAD M "/>x", ONE "error bad-format: text between elements;"},
    {"XM-09 a reference between elements", HEAD M "/>&#120;", ONE "error bad-format: text between elements;"},
    {"XM-09 a CDATA section between elements", HEAD M "/><![CDATA[ ]]>" M "/>", ONE "error bad-format: text between elements;"},
    {"XM-09 in one that seems to be a keepalive", HEAD M "/><![CDATA[ " M "/>", ONE "error bad-format: text between elements;"},
    {"ST-24 a reference to a space", HEAD M "/>&#32;", ONE},
    {"NS-08 nonzas", HEAD "<db:result xmlns:db='jabber:server:dialback'>k</db:result><foo xmlns=''/><bar/>",
     OPENED "nonza {jabber:server:dialback}result;nonza {}foo;nonza {jabber:server}bar;"},
    {"NS-02 stanza of another content namespace", HEAD "<message xmlns='jabber:client'/>",
     OPENED "nonza {jabber:client}message;"},
    {"NS-05 prefixed stanza", HEAD "<p:message xmlns:p='jabber:server'/>",
     OPENED "error bad-namespace-prefix: prefixed stanza;"},
    {"NS-05 prefixed unknown", HEAD "<p:zzz xmlns:p='jabber:server'/>",
     OPENED "error bad-namespace-prefix: prefixed stanza;"},
    {"XM-01 predefined entities and references", INSIDE("&amp;&lt;&gt;&apos;&quot;&#228;&#xe4;"),
     OPENED S_M "><body>&amp;&lt;&gt;&apos;&quot;&#228;&#xe4;</body></message>;"},
    {"XM-01 comment first", AT_START("<!-- c -->"), RESTRICTED("comment")},
    {"XM-01 comment between", BETWEEN("<!-- c -->"), ONE RESTRICTED("comment")},
    {"XM-01 comment inside", INSIDE("<!-- c -->"), OPENED RESTRICTED("comment")},
    {"XM-01 PI first", AT_START("<?pi x?>"), RESTRICTED("processing instruction")},
    {"XM-01 PI between", BETWEEN("<?pi x?>"), ONE RESTRICTED("processing instruction")},
    {"XM-01 PI inside", INSIDE("<?pi x?>"), OPENED RESTRICTED("processing instruction")},
    {"XM-01 DOCTYPE", AT_START("<!DOCTYPE x>"), RESTRICTED("document type declaration")},
    {"XM-02 DOCTYPE at its start",
     "<!DOCTYPE x [<!ENTITY a 'aaaaaaaa'><!ENTITY b '&a;&a;'><!ENTITY c '&b;&b;'>]>" HEAD,
     RESTRICTED("document type declaration")},
    {"XM-01 entity inside", INSIDE("&nbsp;"), OPENED RESTRICTED("entity reference")},
    {"XM-01 entity in an attribute", HEAD M " id='&x;'/>", OPENED RESTRICTED("entity reference")},
    {"XM-01 entity between", BETWEEN("&x;"), ONE RESTRICTED("entity reference")},
    {"XM-06 DOCTYPE in the middle", BETWEEN("<!DOCTYPE x>"), ONE "error not-well-formed: not well-formed (invalid token);"},
    {"XM-07 second declaration", BETWEEN("<?xml version='1.0'?>"),
     ONE "error not-well-formed: XML or text declaration not at start of entity;"},
    {"XM-03 latin1 declared", "<?xml version='1.0' encoding='iso-8859-1'?>" HEAD, UTF8_ONLY},
    {"XM-03 UTF-16 declared", "<?xml version='1.0' encoding='UTF-16'?>" HEAD, UTF8_ONLY},
    {"XM-03 an unknown encoding declared", "<?xml version='1.0' encoding='x-y'?>" HEAD, UTF8_ONLY},
    {"XM-06 XML 1.1", "<?xml version='1.1'?>" HEAD, "error not-well-formed: XML version;"},
    {"XM-03 overlong", INSIDE("\xc0\xaf"), OPENED ENCODING},
    {"XM-03 surrogate", INSIDE("\xed\xa0\x80"), OPENED ENCODING},
    {"XM-03 latin1", INSIDE("M\xfcller"), OPENED ENCODING},
    {"XM-03 what came before it counts", BETWEEN("\xff"), ONE ENCODING},
    {"XM-06 control character", INSIDE("\x01"), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"XM-06 reference to a control character", INSIDE("&#1;"),
     OPENED "error not-well-formed: reference to invalid character number;"},
    {"XM-06 U+FFFE", INSIDE("\xef\xbf\xbe"), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"XM-06 unbound prefix", INSIDE("<p:x/>"), OPENED "error not-well-formed: unbound prefix;"},
    {"XM-06 duplicate attribute", INSIDE("<x a='1' a='2'/>"), OPENED "error not-well-formed: duplicate attribute;"},
    {"XM-06 duplicate expanded attribute", INSIDE("<x xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>"),
     OPENED "error not-well-formed: duplicate attribute;"},
    {"XM-06 mismatched tag", INSIDE("</message>"), OPENED "error not-well-formed: mismatched tag;"},
    {"XM-06 the end tag of the stream inside", INSIDE("</stream:stream>"), OPENED "error not-well-formed: mismatched tag;"},
    {"XM-06 no quotes", INSIDE("<x a=1/>"), OPENED "error not-well-formed: not well-formed (invalid token);"},
    {"XM-08 nothing on a partial stanza", HEAD M "><body>half", OPENED},
    {"ST-19 bytes behind the end", HEAD "</stream:stream>x", OPENED "close;error not-well-formed: junk after document element;"},
};

Test(reader, tells_the_same_in_chunks_of_every_size)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        reading_check(ROWS[i].id, ROWS[i].in, strlen(ROWS[i].in), 0, ROWS[i].want);
}

Test(reader, nul_bytes_are_utf16_before_the_header_and_a_fault_inside)
{
    static const char utf16[] = "<\0?\0x\0m\0l\0", inside[] = HEAD M "><body>\0</body>";
    reading_check("XM-03", utf16, sizeof utf16 - 1, 0, ENCODING);
    reading_check("XM-03 with BOM", "\xff\xfe<\0", 4, 0, ENCODING);
    reading_check("XM-06", inside, sizeof inside - 1, 0, OPENED "error not-well-formed: NUL byte;");
}

Test(reader, an_item_is_told_with_its_last_byte)
{
    static const char in[] = HEAD "\n" M "><body>x</body></message>";
    reading rd;
    reading_begin(&rd);
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
    reading_feed(&rd, in, sizeof in - 2, 1);
    reading_expect(&rd, "XM-10", 1, OPENED);
    reading_feed(&rd, in + sizeof in - 2, 1, 1);
    reading_expect(&rd, "XM-10", 1, S_M "><body>x</body></message>;");
    reading_end(&rd);
}

Test(reader, an_error_repeats_and_later_bytes_do_not_count)
{
    reading rd;
    s2s__item item;
    reading_begin(&rd);
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
    reading_feed(&rd, "<x/>", 4, 0);
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(s2s__reader_feed(rd.reader, (s2s_bytes){(const uint8_t *)HEAD, sizeof HEAD - 1}), S2S_OK);
        cr_expect_eq(s2s__reader_next(rd.reader, &item), ITEM_ERROR);
        cr_expect_eq(item.cond, S2S_COND_INVALID_NAMESPACE);
        cr_expect_not_null(item.why);
    }
    reading_end(&rd);
}

Test(reader, a_restart_forgets_and_keeps_or_drops_what_was_not_parsed)
{
    static const char in[] = HEAD "<a/>" "<?xml version='1.0'?>" HEAD M "/>";
    for (int keep = 0; keep < 2; keep++) {
        reading rd;
        s2s__item item;
        reading_begin(&rd);
        cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
        cr_assert_eq(s2s__reader_feed(rd.reader, (s2s_bytes){(const uint8_t *)in, sizeof in - 1}), S2S_OK);
        cr_expect_eq(s2s__reader_next(rd.reader, &item), ITEM_OPEN);
        cr_expect_eq(s2s__reader_next(rd.reader, &item), ITEM_NONZA);
        cr_expect_eq(s2s__reader_pending(rd.reader), sizeof in - sizeof(HEAD "<a/>"), "TL-05");
        cr_expect_eq(s2s__reader_restart(rd.reader, keep), S2S_OK);
        cr_expect_eq(s2s__reader_pending(rd.reader), keep ? sizeof in - sizeof(HEAD "<a/>") : 0, "ST-13");
        cr_expect_eq(s2s__reader_next(rd.reader, &item), keep ? ITEM_OPEN : ITEM_NONE, "ST-13");
        if (keep)
            cr_expect_eq(s2s__reader_next(rd.reader, &item), ITEM_STANZA);
        reading_end(&rd);
    }
}

Test(reader, what_follows_counts_as_pending_also_if_it_is_no_text)
{
    static const char *const behind[] = {" ", "x", "\x16\x03\x01", "\xff", "\xc3"};
    for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
        reading rd;
        s2s__item item;
        reading_begin(&rd);
        cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
        reading_feed(&rd, HEAD, sizeof HEAD - 1, 0);
        cr_expect_eq(s2s__reader_pending(rd.reader), 0);
        char in[16];
        size_t len = (size_t)snprintf(in, sizeof in, "<a/>%s", behind[i]);
        cr_assert_eq(s2s__reader_feed(rd.reader, (s2s_bytes){(const uint8_t *)in, len}), S2S_OK);
        cr_assert_eq(s2s__reader_next(rd.reader, &item), ITEM_NONZA);
        cr_expect_gt(s2s__reader_pending(rd.reader), 0, "TL-05 row %zu", i);
        cr_assert_eq(s2s__reader_restart(rd.reader, false), S2S_OK);
        rd.said_len = 0;
        reading_feed(&rd, HEAD, sizeof HEAD - 1, 0);
        reading_expect(&rd, "TL-05 and does not harm the next stream", 0, OPENED);
        reading_end(&rd);
    }
}

Test(reader, serves_components_too)
{
    static const char in[] =
        "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='c'>"
        "<handshake>x</handshake><message xmlns='jabber:component:accept' to='u@a'><body xmlns='jabber:component:accept'/>"
        "</message><message xmlns='jabber:server'/>";
    reading rd;
    reading_begin(&rd);
    cr_assert_eq(reading_open(&rd, NS_COMPONENT), S2S_OK);
    reading_feed(&rd, in, sizeof in - 1, 3);
    reading_expect(&rd, "CO-01 CO-05", 3,
                   "open to=c;nonza {jabber:component:accept}handshake;stanza <message to='u@a'><body/></message>;"
                   "nonza {jabber:server}message;");
    reading_end(&rd);
}

static const char EVERYTHING[] =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:p='urn:p' "
    "xmlns:stream='http://etherx.jabber.org/streams' from='a' to='b' version='1.0'>"
    "<auth xmlns='urn:t' mechanism='X'>abc</auth>" M " odd='&lt;'><s:body xmlns:s='jabber:server'>x<p:y p:z='1'/></s:body>"
    "</message>" M "><body>plain</body></message></stream:stream>";

Test(reader, every_allocation_may_fail)
{
    bool through = false;
    long n = 0;
    for (; !through && n < 500; n++) {
        reading rd;
        reading_begin(&rd);
        rd.env.fail_after = n;
        if (reading_open(&rd, NS_SERVER) == S2S_OK) {
            reading_feed(&rd, EVERYTHING, sizeof EVERYTHING - 1, 0);
            through = !rd.over;
            cr_expect(through || strstr(rd.said, "error internal-server-error: out of memory;") ||
                          strstr(rd.said, "feed failed;"), "allocation %ld: %s", n, rd.said);
            cr_expect(!through || strstr(rd.said, "close;"));
        }
        reading_end(&rd);
    }
    cr_expect(through);
    cr_expect_gt(n, 20);
}
