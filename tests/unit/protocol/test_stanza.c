/* SPDX-License-Identifier: MIT */
/* test_stanza.c: writing a stanza's start tag anew, and error answers. */
#include "s2s/stanza.h"

#include <string.h>

#include <criterion/criterion.h>

#include "protocol/stanza_copy.h"

#define E_NS "urn:ietf:params:xml:ns:xmpp-stanzas"

Test(stanza, kinds_have_their_element_names)
{
    cr_expect_str_eq(s2s_kind_name(S2S_MESSAGE), "message");
    cr_expect_str_eq(s2s_kind_name(S2S_PRESENCE), "presence");
    cr_expect_str_eq(s2s_kind_name(S2S_IQ), "iq");
}

Test(stanza, is_written_unprefixed_and_without_namespace)
{
    static const struct {
        const char *id;
        s2s_stanza stanza;
        const char *want;
    } rows[] = {
        {"NS-05 nothing but a kind", {.kind = S2S_PRESENCE}, "<presence/>"},
        {"SZ-05 all parts",
         {.kind = S2S_IQ, .from = {"a", 1}, .to = {"b", 1}, .id = {"1", 1}, .type = {"get", 3},
          .lang = {"de", 2}, .attrs = {" x:y='z'", 8}, .inner = {"<q/>", 4}},
         "<iq from='a' to='b' id='1' type='get' xml:lang='de' x:y='z'><q/></iq>"},
        {"ST-09 an empty xml:lang is not an absent one",
         {.kind = S2S_MESSAGE, .lang = {"", 0}, .id = {"", 0}}, "<message id='' xml:lang=''/>"},
        {"XM-06 values are escaped",
         {.kind = S2S_MESSAGE, .id = {"<&>'\"\t\n\r", 8}},
         "<message id='&lt;&amp;&gt;&apos;\"&#9;&#10;&#13;'/>"},
        {"SZ-05 the inside goes as it is",
         {.kind = S2S_MESSAGE, .inner = {"a &amp; <b c='\"'/>", 18}}, "<message>a &amp; <b c='\"'/></message>"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[256];
        size_t need = s2s_stanza_write(&rows[i].stanza, out, sizeof out);
        cr_assert_eq(need, strlen(rows[i].want), "%s", rows[i].id);
        cr_expect(memcmp(out, rows[i].want, need) == 0, "%s: %.*s", rows[i].id, (int)need, out);
        cr_expect_eq(s2s_stanza_write(&rows[i].stanza, NULL, 0), need, "%s", rows[i].id);
    }
}

Test(stanza, every_octet_is_escaped_or_not_wherever_it_stands)
{
    enum { LEN = 19, ROOM = 64 };
    static const char SPECIAL[] = "<>&'\t\n\r";
    for (int c = 1; c < 256; c++) {
        for (size_t at = 0; at < LEN; at++) {
            char value[LEN], out[ROOM];
            memset(value, 'a', sizeof value);
            value[at] = (char)c;
            size_t need = s2s_stanza_write(&(s2s_stanza){.kind = S2S_MESSAGE, .id = {value, LEN}}, out, sizeof out);
            const char *id = out + strlen("<message id='");
            cr_assert_leq(need, sizeof out);
            cr_assert_eq(id[at] == '&', strchr(SPECIAL, c) != NULL, "octet %d at %zu", c, at);
            cr_assert(memcmp(id, value, at) == 0, "octet %d at %zu", c, at);
            cr_assert(memcmp(out + need - strlen("'/>") - (LEN - at - 1), value + at + 1, LEN - at - 1) == 0, "octet %d at %zu", c, at);
        }
    }
}

Test(stanza, never_writes_beyond_the_room)
{
    const s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("a'b"), .attrs = S2S_STR(" x='1'"),
                           .inner = S2S_STR("<body>text</body>")};
    size_t need = s2s_stanza_write(&st, NULL, 0);
    for (size_t room = 0; room <= need; room++) {
        char out[128];
        memset(out, '#', sizeof out);
        cr_expect_eq(s2s_stanza_write(&st, out, room), need);
        for (size_t i = room; i < sizeof out; i++)
            cr_assert_eq(out[i], '#', "room %zu, octet %zu", room, i);
    }
}

Test(stanza, errors_and_results_are_never_answered)
{
    static const struct {
        const char *id;
        s2s_kind kind;
        const char *from, *to, *type;
        bool may;
    } rows[] = {
        {"SZ-08 message", S2S_MESSAGE, "a", "b", NULL, true},
        {"SZ-08 chat", S2S_MESSAGE, "a", "b", "chat", true},
        {"SZ-07 message error", S2S_MESSAGE, "a", "b", "error", false},
        {"SZ-08 presence", S2S_PRESENCE, "a", "b", "subscribe", true},
        {"SZ-07 presence error", S2S_PRESENCE, "a", "b", "error", false},
        {"SZ-08 get", S2S_IQ, "a", "b", "get", true},
        {"SZ-08 set", S2S_IQ, "a", "b", "set", true},
        {"SZ-07 iq result", S2S_IQ, "a", "b", "result", false},
        {"SZ-07 iq error", S2S_IQ, "a", "b", "error", false},
        {"SZ-07 result says nothing of a message", S2S_MESSAGE, "a", "b", "result", true},
        {"SZ-01 no from", S2S_MESSAGE, NULL, "b", NULL, false},
        {"SZ-01 no to", S2S_MESSAGE, "a", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        s2s_stanza st = {.kind = rows[i].kind, .from = s2s_str_of(rows[i].from),
                         .to = s2s_str_of(rows[i].to), .type = s2s_str_of(rows[i].type)};
        s2s_stanza answer = {.kind = S2S_IQ, .id = S2S_STR("untouched")};
        char buf[S2S_BOUNCE_MAX];
        cr_expect_eq(s2s_stanza_may_bounce(&st), rows[i].may, "%s", rows[i].id);
        cr_expect_eq(s2s_stanza_bounce(&st, S2S_SE_GONE, NULL, buf, sizeof buf, &answer), rows[i].may);
        if (!rows[i].may)
            cr_expect_str_eq(answer.id.ptr, "untouched", "%s", rows[i].id);
    }
}

Test(stanza, an_error_answer_swaps_addresses_and_echoes_nothing)
{
    char buf[S2S_BOUNCE_MAX], out[1024];
    s2s_stanza answer;
    const s2s_stanza st = {.kind = S2S_IQ, .from = S2S_STR("u@a/x"), .to = S2S_STR("b"), .id = S2S_STR("7"),
                           .type = S2S_STR("get"), .lang = S2S_STR("de"), .attrs = S2S_STR(" x='1'"),
                           .inner = S2S_STR("<secret/>")};
    cr_assert(s2s_stanza_bounce(&st, S2S_SE_ITEM_NOT_FOUND, "no <such> thing", buf, sizeof buf, &answer));
    size_t len = s2s_stanza_write(&answer, out, sizeof out - 1);
    out[len] = '\0';
    cr_expect_str_eq(out,
                     "<iq from='b' to='u@a/x' id='7' type='error'><error type='cancel'>"
                     "<item-not-found xmlns='" E_NS "'/><text xmlns='" E_NS "' xml:lang='en'>"
                     "no &lt;such&gt; thing</text></error></iq>",
                     "SZ-08");
    cr_assert(s2s_stanza_bounce(&st, S2S_SE_RESOURCE_CONSTRAINT, "", buf, sizeof buf, &answer));
    cr_expect(s2s_str_eq(answer.inner, S2S_STR("<error type='wait'><resource-constraint xmlns='" E_NS
                                               "'/></error>")));
}

Test(stanza, the_bounce_buffer_is_always_enough_and_less_is_refused)
{
    char text[S2S_TEXT_MAX], buf[S2S_BOUNCE_MAX];
    const s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("a"), .to = S2S_STR("b")};
    s2s_stanza answer;
    memset(text, '\'', sizeof text - 1); /* grows most by escaping */
    text[sizeof text - 1] = '\0';
    for (s2s_stanza_error e = S2S_SE_BAD_REQUEST; e <= S2S_SE_UNDEFINED_CONDITION; e++) {
        cr_assert(s2s_stanza_bounce(&st, e, text, buf, sizeof buf, &answer));
        size_t need = answer.inner.len;
        cr_expect(s2s_stanza_bounce(&st, e, text, buf, need, &answer));
        cr_expect_not(s2s_stanza_bounce(&st, e, text, buf, need - 1, &answer));
    }
}

Test(stanza, a_copy_has_its_own_bytes_and_no_others)
{
    char lent[] = "a.exampleb.example1getde x:y='z'<q/>", text[sizeof lent + 1];
    s2s_stanza stanza = {.kind = S2S_IQ, .from = {lent, 9}, .to = {lent + 9, 9}, .id = {lent + 18, 1}, .type = {lent + 19, 3},
                         .lang = {lent + 22, 2}, .attrs = {lent + 24, 8}, .inner = {lent + 32, 4}}, copy;
    memset(text, '!', sizeof text);
    cr_assert_eq(s2s__stanza_text(&stanza), sizeof lent - 1);
    s2s__stanza_copy(&stanza, text, &copy);
    memset(lent, '?', sizeof lent);
    cr_expect_eq(copy.kind, S2S_IQ);
    cr_expect(s2s_str_eq(copy.from, S2S_STR("a.example")) && s2s_str_eq(copy.to, S2S_STR("b.example")));
    cr_expect(s2s_str_eq(copy.id, S2S_STR("1")) && s2s_str_eq(copy.type, S2S_STR("get")) && s2s_str_eq(copy.lang, S2S_STR("de")));
    cr_expect(s2s_str_eq(copy.attrs, S2S_STR(" x:y='z'")) && s2s_str_eq(copy.inner, S2S_STR("<q/>")));
    cr_expect_eq(text[sizeof lent - 1], '!', "nothing behind it");
}

Test(stanza, what_is_absent_is_absent_in_a_copy)
{
    char text[1];
    s2s_stanza copy;
    s2s__stanza_copy(&(s2s_stanza){.kind = S2S_MESSAGE, .lang = {"", 0}}, text, &copy);
    cr_expect_null(copy.from.ptr);
    cr_expect_null(copy.inner.ptr);
    cr_expect(copy.lang.ptr != NULL && copy.lang.len == 0, "ST-09 an empty xml:lang is not an absent one");
}
