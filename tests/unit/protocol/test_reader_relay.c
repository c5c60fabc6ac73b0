/* SPDX-License-Identifier: MIT */
/* test_reader_relay.c: what a stanza is handed on as: its start tag anew, its inside verbatim where that is right,
 * and the same stanza when it is read again. */
#include "protocol/xml/reader.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "reading.h"

#define ROOT "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:p='urn:p' xml:lang='de'>"
#define ROOT_OPEN "open lang=de;"
#define M "<message xml:lang='de'>"

static const struct {
    const char *id, *in, *want;
    bool verbatim; /* the inside of `want` is the inside of `in` */
} ROWS[] = {
    {"SZ-05 references, quotes, CDATA", "<message><a b=\"'\" c='\"'/>&#x41;&amp;<![CDATA[<]]></message>",
     M "<a b=\"'\" c='\"'/>&#x41;&amp;<![CDATA[<]]></message>", true},
    {"SZ-05 spaces in tags", "<message ><body \n>x</body ></message >", M "<body \n>x</body ></message>", true},
    {"SZ-05 line ends", "<message>\r\n<body/>\r</message>", M "\r\n<body/>\r</message>", true},
    {"SZ-05 empty pair", "<message></message>", "<message xml:lang='de'/>", true},
    {"ST-09 own language", "<message xml:lang='fr'/>", "<message xml:lang='fr'/>", true},
    {"ST-09 empty language", "<message xml:lang=''/>", "<message xml:lang=''/>", true},
    {"SZ-05 attribute values", "<message id='&lt;&#10;&quot;' x=\"it's\"/>",
     "<message id='&lt;&#10;\"' xml:lang='de' x='it&apos;s'/>", true},
    {"NS-07 content namespace on the stanza itself", "<message xmlns='jabber:server'><body/></message>",
     M "<body/></message>", true},
    {"NS-07 content namespace inside", "<message><body xmlns='jabber:server'>&lt;<b/></body><c/></message>",
     M "<body>&lt;<b/></body><c/></message>", false},
    {"NS-07 content namespace inside, beside what cannot be without prefix", "<message><body xmlns='jabber:server'/><xml:x><b/></xml:x></message>",
     "<message xml:lang='de' xmlns:p='urn:p'><body/><xml:x><b/></xml:x></message>", false},
    {"NS-05 content prefixed by the stanza", "<message xmlns:j='jabber:server'><j:body/></message>",
     "<message xml:lang='de' xmlns:j='jabber:server' xmlns:p='urn:p'><body/></message>", false},
    {"NS-06 the root's prefix", "<message><p:x/></message>",
     "<message xml:lang='de' xmlns:p='urn:p'><p:x/></message>", true},
    {"NS-06 the root's prefix in an attribute", "<message><x p:y='1'/></message>",
     "<message xml:lang='de' xmlns:p='urn:p'><x p:y='1'/></message>", true},
    {"NS-06 the root's prefix on the stanza", "<message p:y='1'/>", "<message xml:lang='de' p:y='1' xmlns:p='urn:p'/>", true},
    {"NS-06 not used, not declared", "<message><x xmlns='urn:x'/></message>", M "<x xmlns='urn:x'/></message>", true},
    {"NS-06 declared where it is used", "<message><q:x xmlns:q='urn:q'/></message>",
     "<message xml:lang='de' xmlns:p='urn:p'><q:x xmlns:q='urn:q'/></message>", true},
    {"NS-06 the stream's own prefix", "<message><stream:x/></message>",
     "<message xml:lang='de' xmlns:p='urn:p'><stream:x/></message>", true},
    {"NS-07 inside a foreign child nothing changes",
     "<message><f xmlns='urn:f'><message xmlns='jabber:server'><s:b xmlns:s='jabber:server'/></message></f></message>",
     "<message xml:lang='de' xmlns:p='urn:p'><f xmlns='urn:f'><message xmlns='jabber:server'><s:b xmlns:s='jabber:server'/></message></f></message>",
     true},
    {"NS-07 no namespace", "<message><x xmlns=''><y/></x></message>", M "<x xmlns=''><y/></x></message>", true},
    {"NS-07 xml: needs no declaration", "<message><x xml:space='preserve'/></message>",
     M "<x xml:space='preserve'/></message>", true},
};
enum { ROWS_LEN = sizeof ROWS / sizeof *ROWS };

static s2s_str inside_of(const char *xml)
{
    const char *begin = strchr(xml, '>'), *end = strrchr(xml, '<');
    if (!begin || begin + 1 > end)
        return S2S_STR("");
    return (s2s_str){begin + 1, (size_t)(end - begin - 1)};
}

Test(reader_relay, start_tag_anew_and_inside_verbatim_or_rewritten)
{
    for (size_t i = 0; i < ROWS_LEN; i++) {
        char in[1024], want[1024];
        (void)snprintf(in, sizeof in, ROOT "%s", ROWS[i].in);
        (void)snprintf(want, sizeof want, ROOT_OPEN "stanza %s;", ROWS[i].want);
        reading_check(ROWS[i].id, in, strlen(in), 0, want);
        cr_expect_eq(s2s_str_eq(inside_of(ROWS[i].in), inside_of(ROWS[i].want)), ROWS[i].verbatim, "%s", ROWS[i].id);
    }
}

/* Reads `stanza` behind `root`; what it is handed on as goes to `out`. */
static bool relay(const char *root, const char *stanza, size_t chunk, char *out, size_t room)
{
    reading rd;
    reading_begin(&rd);
    cr_assert_eq(reading_open(&rd, NS_SERVER), S2S_OK);
    reading_feed(&rd, root, strlen(root), 0);
    rd.said_len = 0;
    rd.said[0] = '\0';
    reading_feed(&rd, stanza, strlen(stanza), chunk);
    size_t head = strlen("stanza ");
    bool ok = !rd.over && strncmp(rd.said, "stanza ", head) == 0;
    if (ok)
        (void)snprintf(out, room, "%.*s", (int)(rd.said_len - head - 1), rd.said + head);
    reading_end(&rd);
    return ok;
}

/* A tiny grammar: enough to mix namespaces, prefixes, references and text in ways nobody thinks of. */
typedef struct maker {
    char *out;
    size_t room, len;
    uint32_t seed;
} maker;

static unsigned pick(maker *m, unsigned n)
{
    m->seed = m->seed * 1664525u + 1013904223u;
    return (m->seed >> 16) % n;
}

static void put(maker *m, const char *text)
{
    m->len += (size_t)snprintf(m->out + m->len, m->room - m->len, "%s", text);
}

static void make_attributes(maker *m)
{
    static const char *const some[] = {"",
                                       " a='1'",
                                       " a=\"it's\" b='&lt;&amp;'",
                                       " p:a='1'",
                                       " xml:lang='en'",
                                       " xmlns='urn:x'",
                                       " xmlns=''",
                                       " xmlns='jabber:server'",
                                       " xmlns:p='urn:q' p:a='2'",
                                       " xmlns:s='jabber:server'",
                                       " xmlns:q='urn:q' q:a='&#10;'"};
    put(m, some[pick(m, sizeof some / sizeof *some)]);
}

static void make_inside(maker *m, int depth)
{
    static const char *const text[] = {"", "x", " \n", "&amp;", "&#x20ac;", "<![CDATA[a<b]]>", "\xc3\xa4", "]]&gt;"};
    static const char *const names[] = {"body", "x", "p:x", "message", "stream:y", "xml:x"};
    for (unsigned n = pick(m, 3); n > 0 && depth < 5; n--) {
        const char *name = names[pick(m, sizeof names / sizeof *names)];
        put(m, text[pick(m, sizeof text / sizeof *text)]);
        put(m, "<");
        put(m, name);
        make_attributes(m);
        put(m, ">");
        make_inside(m, depth + 1);
        put(m, "</");
        put(m, name);
        put(m, ">");
    }
    put(m, text[pick(m, sizeof text / sizeof *text)]);
}

Test(reader_relay, what_is_written_is_read_back_the_same)
{
    enum { MANY = 600, ROOM = 16384 };
    static const char *const kinds[] = {"message", "presence", "iq"};
    static const size_t chunks[] = READING_CHUNKS;
    static char in[ROOM], once[ROOM], twice[ROOM];
    for (unsigned i = 0; i < MANY; i++) {
        maker m = {.out = in, .room = sizeof in, .seed = i};
        const char *kind = kinds[pick(&m, 3)];
        put(&m, "<");
        put(&m, kind);
        put(&m, " from='u@a' id='");
        put(&m, pick(&m, 2) ? "&#9;&apos;" : "1");
        put(&m, "'");
        put(&m, pick(&m, 4) ? "" : " p:odd='1' xml:lang=''");
        put(&m, pick(&m, 4) ? ">" : " xmlns:s='urn:s'>");
        make_inside(&m, 0);
        put(&m, "</");
        put(&m, kind);
        put(&m, ">");
        cr_assert(relay(ROOT, in, chunks[i % READING_CHUNKS_LEN], once, sizeof once), "seed %u: %s", i, in);
        /* The target's root has the standard prefixes only (NS-06), and no language. */
        cr_assert(relay(HEAD, once, 0, twice, sizeof twice), "seed %u: %s\nas %s", i, in, once);
        cr_expect_str_eq(twice, once, "seed %u: %s\nas %s\nas %s", i, in, once, twice);
        cr_expect_null(strstr(once, "<s:body"), "NS-05 seed %u: %s", i, once);
    }
}
