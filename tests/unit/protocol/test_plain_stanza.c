/* SPDX-License-Identifier: MIT */
/* test_plain_stanza.c: what is read without expat, what is left to it, and that nobody can tell the difference. */
#include "protocol/xml/plain_stanza.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "reading.h"

#define A "from='u@a' to='v@b'"
#define DEEP_15 "<x><x><x><x><x><x><x><x><x><x><x><x><x><x><x>"
#define ENDS_15 "</x></x></x></x></x></x></x></x></x></x></x></x></x></x></x>"
#define TEN "a='' b='' c='' d='' e='' f='' g='' h='' i='' j=''"

static size_t look_at(const char *in, size_t len, s2s_stanza *out)
{
    test_env t;
    test_env_init(&t);
    char *bytes = malloc(len + 1); /* so that a byte read behind the end is seen */
    cr_assert_not_null(bytes);
    memcpy(bytes, in, len);
    size_t n = s2s__plain_stanza((const uint8_t *)bytes, len, NS_SERVER, &t.env.limits, out);
    s2s_stanza moved = *out;
    s2s_str *all[] = {&moved.from, &moved.to, &moved.id, &moved.type, &moved.lang, &moved.inner};
    for (size_t i = 0; i < sizeof all / sizeof *all && n > 0; i++) {
        if (all[i]->ptr && all[i]->ptr >= bytes && all[i]->ptr <= bytes + len)
            all[i]->ptr = in + (all[i]->ptr - bytes);
    }
    *out = moved;
    free(bytes);
    return n;
}

/* -- what is plain --------------------------------------------------------------------------------------- */

static const struct {
    const char *in, *written; /* NULL: as it came */
} PLAIN[] = {
    {"<message " A "><body>text</body></message>", NULL},
    {"<message " A " id='1' type='chat' xml:lang='de'/>", NULL},
    {"<presence " A "/>", NULL},
    {"<iq " A " id='1' type='get'><ping xmlns='urn:xmpp:ping'/></iq>", NULL},
    {"<iq id='1' type='set' " A "></iq>", "<iq " A " id='1' type='set'/>"},
    {"<message from=\"u@a\" to=\"v@b\" ><body >x</body></message>", "<message " A "><body >x</body></message>"},
    {"<message xmlns='jabber:server' " A "/>", "<message " A "/>"},
    {"<message from='' to=''/>", NULL},
    {"<message from=\"o'neill@a\" to='v@b/>'/>", "<message from='o&apos;neill@a' to='v@b/&gt;'/>"},
    {"<message from='\xef\xbc\xa1@a' to='v@\xc3\xa4'/>", NULL},
    {"<message " A ">\n\t<x a='&amp;&lt;&gt;&apos;&quot;\"' xml:lang=''/>\n</message>", NULL},
    {"<message " A "><body>&amp;&lt;&gt;&apos;&quot;] > ]x ]<x/>]&gt; [[x]] ]]&gt;]]</body></message>", NULL},
    {"<message " A "><body>\xe2\x9d\xa4\xef\xb8\x8f \xef\xbf\xbd \xf0\x9f\x98\x80</body></message>", NULL},
    {"<message " A "><x xmlns=''><_a.b-c xmlns='jabber:client'/></x></message>", NULL},
    {"<message " A ">" DEEP_15 ENDS_15 "</message>", NULL},
    {"<message " A "><x " TEN " k='' l=''/></message>", NULL},
};

Test(plain_stanza, is_taken_as_it_stands)
{
    for (size_t i = 0; i < sizeof PLAIN / sizeof *PLAIN; i++) {
        char in[1024], out[1024];
        s2s_stanza st;
        size_t len = strlen(PLAIN[i].in);
        int n = snprintf(in, sizeof in, "%s<", PLAIN[i].in); /* and no more than that */
        cr_expect_eq(look_at(in, (size_t)n, &st), len, "%s", in);
        size_t need = s2s_stanza_write(&st, out, sizeof out);
        const char *want = PLAIN[i].written ? PLAIN[i].written : PLAIN[i].in;
        cr_expect(need == strlen(want) && memcmp(out, want, need) == 0, "%s was written as %.*s", in, (int)need, out);
        while (len-- > 0)
            cr_expect_eq(look_at(in, len, &st), 0, "%.*s", (int)len, in);
    }
}

/* -- what is not ----------------------------------------------------------------------------------------- */

static const char *const NOT_PLAIN[] = {
    "", "x", " <message/>", "<!-- -->", "</message>", "<messages/>", "<msg/>", "<r xmlns='urn:xmpp:sm:3'/>",
    "<s:message " A "/>", "<message:s " A "/>", "<message " A " x='1'/>", "<message " A " xmlns:x='y'/>",
    "<message xmlns='jabber:client'/>", "<message xmlns=''/>",
    /* what is not well-formed (XM-06) */
    "<message from='a' from='b'/>", "<message " A "><x a='1' a='2'/></message>", "<message xml:lang='a' xml:lang='b'/>",
    "<message " A "><x xmlns='a' xmlns='b'/></message>", "<message from='a'to='b'/>", "<message from=a/>", "<message from/>",
    "<message from='a<'/>", "<message " A "/ >", "<message " A "><a></b></message>", "<message " A "><a></message></a>",
    "<message " A "></messagex>", "<message " A ">]]></message>", "<message " A ">&</message>", "<message " A ">&x;</message>",
    "<message " A ">\x01</message>", "<message " A ">\xef\xbf\xbe</message>", "<message " A ">\xef\xbf\xbf</message>",
    "<message from='\xef\xbf\xbf'/>", "<message from='\x01'/>", "<message " A "><1/></message>", "<message " A "><-/></message>",
    "<message " A "><x xmlns='http://www.w3.org/XML/1998/namespace'/></message>",
    "<message " A "><x xmlns='http://www.w3.org/2000/xmlns/'/></message>", "<message " A "><x xml:space=''/></message>",
    "<message " A "><x:y/></message>", "<message " A "><x y:z=''/></message>", "<message " A "><x xmlns:y=''/></message>",
    "<message " A "><x xml:lang:y=''/></message>", "<message " A "><x =''/></message>",
    /* what is well-formed, and has more than one way to be read or written */
    "<message from='a&amp;b'/>", "<message from='a\tb'/>", "<message\nfrom='a'/>", "<message from = 'a'/>", "<message  from='a'/>", "<message></message >",
    "<message " A ">&#65;</message>", "<message " A ">\r\n</message>", "<message " A "><x a='\t'/></message>",
    "<message " A "><![CDATA[x]]></message>", "<message " A "><!-- x --></message>", "<message " A "><?x?></message>",
    "<message " A "><x xmlns='jabber:server'/></message>", "<message " A "><x xmlns='a&amp;b'/></message>", "<message " A ">]]]></message>",
    "<message " A "><\xc3\xa4/></message>",
    /* more than it has room for */
    "<message " A ">" DEEP_15 "<x/>" ENDS_15 "</message>", "<message " A "><x " TEN " k='' l='' m=''/></message>",
};

Test(plain_stanza, anything_else_is_left_to_expat)
{
    for (size_t i = 0; i < sizeof NOT_PLAIN / sizeof *NOT_PLAIN; i++) {
        s2s_stanza st;
        cr_expect_eq(look_at(NOT_PLAIN[i], strlen(NOT_PLAIN[i]), &st), 0, "%s", NOT_PLAIN[i]);
    }
}

Test(plain_stanza, limits_are_the_readers)
{
    test_env t;
    s2s_stanza st;
    const uint8_t *in = (const uint8_t *)"<message from='a'><x><y/></x></message>";
    test_env_init(&t);
    t.env.limits.xml_depth = 4; /* the stream, the stanza, x, y */
    t.env.limits.xml_attributes = 1;
    cr_expect_eq(s2s__plain_stanza(in, 39, NS_SERVER, &t.env.limits, &st), 39);
    t.env.limits.xml_depth = 3;
    cr_expect_eq(s2s__plain_stanza(in, 39, NS_SERVER, &t.env.limits, &st), 0);
    t.env.limits.xml_depth = 4;
    t.env.limits.xml_attributes = 0;
    cr_expect_eq(s2s__plain_stanza(in, 39, NS_SERVER, &t.env.limits, &st), 0);
    t.env.limits.xml_attributes = 1;
    t.env.limits.xml_depth = 1;
    cr_expect_eq(s2s__plain_stanza(in, 39, NS_SERVER, &t.env.limits, &st), 0);
}

/* -- in the reader ---------------------------------------------------------------------------------------- */

static void expect_said(const char *id, const char *in, const char *want)
{
    reading_check(id, in, strlen(in), 0, want);
}

Test(plain_stanza, the_reader_gives_it_the_streams_language)
{
    expect_said("inherited", "<stream:stream xmlns='jabber:server' xmlns:stream='" NS_STREAMS "' version='1.0' xml:lang='de'>"
                "<message " A "/><message " A " xml:lang='fr'/>",
                "open version=1.0 lang=de;stanza <message " A " xml:lang='de'/>;stanza <message " A " xml:lang='fr'/>;");
}

/* NS-03: there a name without prefix is of the stream's namespace. */
Test(plain_stanza, is_none_where_the_default_namespace_is_another)
{
    expect_said("prefix-free", "<stream xmlns='" NS_STREAMS "' version='1.0'><message " A "/><message xmlns='jabber:server' " A "/>",
                "open version=1.0;nonza {" NS_STREAMS "}message;stanza <message " A "/>;");
    expect_said("prefixed", "<stream:stream xmlns:s='jabber:server' xmlns:stream='" NS_STREAMS "' version='1.0'><message " A "/>",
                "open version=1.0;nonza {}message;");
}

Test(plain_stanza, may_come_before_and_behind_what_is_not)
{
    expect_said("mixed", HEAD "<message " A "/>\n<message " A "><!--x--></message>", OPENED "stanza <message " A "/>;error restricted-xml: comment;");
    expect_said("after", HEAD "<message " A ">&#65;</message> <message " A "/><x xmlns='y'/><message " A "/></stream:stream>",
                OPENED "stanza <message " A ">&#65;</message>;stanza <message " A "/>;nonza {y}x;stanza <message " A "/>;close;");
}

/* -- other elements ---------------------------------------------------------------------------------------- */

static size_t leaf(const char *in, size_t len, s2s__plain_leaf *out)
{
    test_env t;
    test_env_init(&t);
    return s2s__plain_leaf_read((const uint8_t *)in, len, NS_SERVER, &t.env.limits, out);
}

Test(plain_stanza, an_empty_element_that_says_its_namespace_is_plain_too)
{
    s2s__plain_leaf out;
    const char *in = "<a h='5' xmlns='urn:xmpp:sm:3' x=\"'\"/>";
    cr_assert_eq(leaf(in, strlen(in), &out), strlen(in));
    cr_expect(s2s__node_is(&out.node, NS_SM, "a"));
    cr_expect(s2s__str_is(s2s__node_attr(&out.node, "h"), "5") && s2s__str_is(s2s__node_attr(&out.node, "x"), "'"));
    cr_expect_null(s2s__node_attr(&out.node, "xmlns").ptr);
    cr_expect_null(out.node.first);
    for (size_t len = strlen(in); len-- > 0;)
        cr_expect_eq(leaf(in, len, &out), 0);
    static const char *const NOT[] = {"<a/>", "<a xmlns=''/>", "<a xmlns='x'></a>", "<a xmlns='x'>", "<a xmlns='jabber:server'/>", "<a xmlns='x' b='&lt;'/>",
                                      "<a xmlns='x' xml:lang='de'/>", "<a xmlns='x' b:c=''/>", "<b:a xmlns='x'/>", "<a xmlns='x' xmlns='y'/>",
                                      "<a xmlns='" NS_XML "'/>"};
    for (size_t i = 0; i < sizeof NOT / sizeof *NOT; i++)
        cr_expect_eq(leaf(NOT[i], strlen(NOT[i]), &out), 0, "%s", NOT[i]);
}

/* -- in one piece and byte by byte, when expat sees all of it ---------------------------------------------- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static const char *any_of(uint32_t *state, const char *const list[], size_t len)
{
    return list[next_random(state) % len];
}
#define ANY(list) any_of(state, list, sizeof(list) / sizeof *(list))

/* Stanzas from the words of the grammar; one word in `oddness` is one that it knows not. */
static size_t random_stanzas(uint32_t *state, unsigned oddness, char *out, size_t room)
{
    static const char *const STARTS[] = {"<message", "<message", "<presence", "<iq"};
    static const char *const ROUTING[] = {" from='u@a'", " to='v@b'", " id='1'", " type=\"get\"", " xml:lang='x'", " xmlns='jabber:server'", " "};
    static const char *const INSIDE[] = {"text", "<x>", "<x>", "</x>", "</x>", "<x xmlns='y'>", "<x a='1' b=\"'\"/>", "<x/>", "&amp;", "]", "\xef\xbc\xa1"};
    static const char *const ODD[] = {"<", ">", "/>", "'", "\"", "&", "&#65;", "]]>", "<!--x-->", "<![CDATA[<x>]]>", "<x a='1' a='2'/>", "<x xmlns='jabber:server'/>",
                                      " a:b=''", "\x01", "\xef\xbf\xbf", "\r", "=", "\t", "</message>", "<s:x/>", "<x xmlns:s='z'/>", " x='1'"};
    size_t len = (size_t)snprintf(out, room, "%s", HEAD);
    static const char *const BETWEEN[] = {" ", "\r\n", "<r xmlns='urn:x'/>", "<a xmlns='urn:x' h='1'/>", "<a/>", "<a xmlns='urn:x'>text</a>"};
#define PUT(word) len += (size_t)snprintf(out + len, room - len, "%s", next_random(state) % oddness == 0 ? ANY(ODD) : (word))
    for (unsigned stanzas = 1 + next_random(state) % 3; stanzas > 0; stanzas--) {
        const char *start = ANY(STARTS);
        PUT(start);
        unsigned first = next_random(state) % 7, many = next_random(state) % 7;
        for (unsigned i = 0; i < many; i++)
            PUT(ROUTING[(first + i) % 7]);
        PUT(">");
        unsigned open = 0;
        for (unsigned pieces = next_random(state) % 8; pieces > 0; pieces--) {
            const char *p = ANY(INSIDE);
            if (strcmp(p, "</x>") == 0 && open == 0)
                continue;
            open += strcmp(p, "<x>") == 0 || strcmp(p, "<x xmlns='y'>") == 0;
            open -= strcmp(p, "</x>") == 0;
            PUT(p);
        }
        while (open-- > 0)
            PUT("</x>");
        len += (size_t)snprintf(out + len, room - len, "</%s>", start + 1);
        if (next_random(state) % 4 == 0)
            PUT(ANY(BETWEEN));
    }
#undef PUT
    return len;
}

Test(plain_stanza, random_ones_are_read_as_expat_reads_them, .timeout = 120)
{
    uint32_t state = 1;
    unsigned plain = 0, faults = 0;
    for (unsigned n = 0; n < 3000; n++) {
        char doc[4096];
        size_t len = random_stanzas(&state, n % 2 == 0 ? 30 : 1000, doc, sizeof doc);
        s2s_stanza st;
        plain += look_at(doc + sizeof HEAD - 1, len - sizeof HEAD + 1, &st) > 0;
        reading whole, bytes;
        reading_begin(&whole);
        reading_begin(&bytes);
        cr_assert(reading_open(&whole, NS_SERVER) == S2S_OK && reading_open(&bytes, NS_SERVER) == S2S_OK);
        reading_feed(&whole, doc, len, 0);
        reading_feed(&bytes, doc, len, 1);
        cr_assert_str_eq(whole.said, bytes.said, "document %u: %.*s\nin one piece: %s\nbyte by byte: %s", n, (int)len, doc, whole.said, bytes.said);
        faults += whole.over;
        reading_end(&whole);
        reading_end(&bytes);
    }
    cr_expect(plain > 1000 && faults > 300 && faults < 2000, "%u plain, %u faults", plain, faults);
}
