/* SPDX-License-Identifier: MIT */
/* test_services.c: what a domain answers by itself. */
#include "node/services.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

#define DISCO_INFO "http://jabber.org/protocol/disco#info"
#define DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define FEATURE(ns) "<feature var='" ns "'/>"
#define FROM_U " from='our.example' to='u@peer.example/r'"
#define ERROR(type, condition)                                                                                 \
    "<error type='" type "'><" condition " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
#define UNAVAILABLE ERROR("cancel", "service-unavailable") "</error>"
#define ECHOED(type, inner)                                                                                    \
    "<message from='echo@our.example' to='u@peer.example/r' id='1'" type ">" inner "</message>"

static const struct {
    const char *id, *name;
    s2s_kind kind;
    const char *to, *type, *attrs, *inner;
    const char *want; /* NULL: no answer */
    const char *from; /* NULL: u@peer.example/r */
} ROWS[] = {
    {"XEP-0199", "ping", S2S_IQ, "our.example", "get", "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq" FROM_U " id='1' type='result'/>"},
    {"XEP-0199", "ping with a prefix", S2S_IQ, "our.example", "get", " xmlns:p='urn:xmpp:ping'", "<p:ping/>",
     "<iq" FROM_U " id='1' type='result'/>"},
    {"XEP-0199", "ping as a set", S2S_IQ, "our.example", "set", "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq" FROM_U " id='1' type='error'>" UNAVAILABLE "</iq>"},
    {"DI-01", "disco#info", S2S_IQ, "our.example", "get", "", "<query xmlns='" DISCO_INFO "'/>",
     "<iq" FROM_U " id='1' type='result'><query xmlns='" DISCO_INFO "'>"
     "<identity category='server' type='im' name='s2sd'/>" FEATURE("http://jabber.org/protocol/caps") FEATURE(DISCO_INFO) FEATURE(DISCO_ITEMS)
     FEATURE("jabber:iq:version") FEATURE("urn:xmpp:ping") "</query></iq>"},
    {"DI-01", "disco#info, node", S2S_IQ, "our.example", "get", "", "<query xmlns='" DISCO_INFO "' node='x'/>",
     "<iq" FROM_U " id='1' type='error'>" ERROR("cancel", "item-not-found") "</error></iq>"},
    {"DI-02", "disco#items", S2S_IQ, "our.example", "get", "", "<query xmlns='" DISCO_ITEMS "'/>",
     "<iq" FROM_U " id='1' type='result'><query xmlns='" DISCO_ITEMS "'><item jid='chat.our.example'/></query></iq>"},
    {"DI-02", "disco#items, node", S2S_IQ, "our.example", "get", "", "<query xmlns='" DISCO_ITEMS "' node='x'/>",
     "<iq" FROM_U " id='1' type='error'>" ERROR("cancel", "item-not-found") "</error></iq>"},
    {"DI-03", "version", S2S_IQ, "our.example", "get", "", "<query xmlns='jabber:iq:version'/>",
     "<iq" FROM_U " id='1' type='result'><query xmlns='jabber:iq:version'><name>s2sd</name><version>" S2S_VERSION
     "</version></query></iq>"},
    {"IQ", "unknown request", S2S_IQ, "our.example", "get", "", "<query xmlns='urn:t'/>",
     "<iq" FROM_U " id='1' type='error'>" UNAVAILABLE "</iq>"},
    {"IQ", "no child", S2S_IQ, "our.example", "get", "", "",
     "<iq" FROM_U " id='1' type='error'>" ERROR("modify", "bad-request")},
    {"IQ", "two children", S2S_IQ, "our.example", "get", "", "<a xmlns='urn:t'/><b xmlns='urn:t'/>",
     "<iq" FROM_U " id='1' type='error'>" ERROR("modify", "bad-request")},
    {"IQ", "unknown type", S2S_IQ, "our.example", "ask", "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq" FROM_U " id='1' type='error'>" ERROR("modify", "bad-request")},
    {"IQ", "no type", S2S_IQ, "our.example", NULL, "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq" FROM_U " id='1' type='error'>" ERROR("modify", "bad-request")},
    {"IQ", "result", S2S_IQ, "our.example", "result", "", "", NULL},
    {"IQ", "error", S2S_IQ, "our.example", "error", "", "", NULL},
    {"RFC 6121 8.5.1", "iq to a user", S2S_IQ, "u@our.example", "get", "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq from='u@our.example' to='u@peer.example/r' id='1' type='error'>" UNAVAILABLE "</iq>"},
    {"RFC 6121 8.5.1", "iq to a resource", S2S_IQ, "our.example/r", "set", "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq from='our.example/r' to='u@peer.example/r' id='1' type='error'>" UNAVAILABLE "</iq>"},
    {"RFC 6121 8.5.1", "iq to echo", S2S_IQ, "echo@our.example", "get", "", "<ping xmlns='urn:xmpp:ping'/>",
     "<iq from='echo@our.example' to='u@peer.example/r' id='1' type='error'>" UNAVAILABLE "</iq>"},
    {"RFC 6121 8.5.1", "message to a user", S2S_MESSAGE, "u@our.example", "chat", "", "<body>x</body>",
     "<message from='u@our.example' to='u@peer.example/r' id='1' type='error'>" UNAVAILABLE "</message>"},
    {"RFC 6121 8.5.1", "message to the domain", S2S_MESSAGE, "our.example", NULL, "", "<body>x</body>",
     "<message" FROM_U " id='1' type='error'>" UNAVAILABLE "</message>"},
    {"RFC 6121 8.5.2.2", "headline", S2S_MESSAGE, "u@our.example", "headline", "", "<body>x</body>", NULL},
    {"RFC 6121 8.5.2.2", "error", S2S_MESSAGE, "u@our.example", "error", "", "", NULL},
    {"RFC 6121 8.5.1", "presence", S2S_PRESENCE, "u@our.example", "subscribe", "", "", NULL},
    {"RFC 6121 8.5.1", "probe", S2S_PRESENCE, "our.example", "probe", "", "", NULL},
    {"echo", "chat", S2S_MESSAGE, "echo@our.example", "chat", "", "<body>a &lt;b&gt;</body>",
     ECHOED(" type='chat'", "<body>a &lt;b&gt;</body>")},
    {"echo", "no type", S2S_MESSAGE, "echo@our.example/r", NULL, "", "<body>x</body>",
     "<message from='echo@our.example/r' to='u@peer.example/r' id='1'><body>x</body></message>"},
    {"echo", "just the bodies", S2S_MESSAGE, "echo@our.example", "chat", "",
     "<active xmlns='urn:c'/><body>x</body><request xmlns='urn:xmpp:receipts'/><body xml:lang='de'>y</body>",
     ECHOED(" type='chat'", "<body>x</body><body xml:lang='de'>y</body>")},
    {"echo", "no body", S2S_MESSAGE, "echo@our.example", "chat", "", "<active xmlns='urn:c'/>", NULL},
    {"echo", "error", S2S_MESSAGE, "echo@our.example", "error", "", "<body>x</body>", NULL},
    {"echo", "headline", S2S_MESSAGE, "echo@our.example", "headline", "", "<body>x</body>", NULL},
    {"echo", "group chat", S2S_MESSAGE, "echo@our.example", "groupchat", "", "<body>x</body>",
     "<message from='echo@our.example' to='u@peer.example/r' id='1' type='error'>" UNAVAILABLE "</message>"},
    {"echo", "another echo", S2S_MESSAGE, "echo@our.example", "chat", "", "<body>x</body>", NULL, "echo@peer.example"},
    {"echo", "switched off", S2S_MESSAGE, "echo@quiet.example", "chat", "", "<body>x</body>",
     "<message from='echo@quiet.example' to='u@peer.example/r' id='1' type='error'>" UNAVAILABLE "</message>"},
};

typedef struct answers {
    size_t count;
    char text[4096];
} answers;

static void take(void *user, const s2s_stanza *answer)
{
    answers *a = user;
    size_t len = s2s_stanza_write(answer, a->text, sizeof a->text - 1);
    cr_assert_lt(len, sizeof a->text);
    a->text[len] = '\0';
    a->count++;
}

Test(services, each_stanza_gets_the_answer_it_should)
{
    /* PG-01 SZ-10 */
    static char ours[] = "our.example", quiet[] = "quiet.example", chat[] = "chat.our.example",
                other[] = "other.example";
    static const config_account ACCOUNTS[] = {{.domain = chat}, {.domain = other}};
    static const config_domain DOMAINS[] = {{.name = ours, .echo = true}, {.name = quiet}};
    test_env t;
    test_env_init(&t);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        answers got = {0};
        s2s_jid to;
        services s = {.env = &t.env, .accounts = ACCOUNTS, .accounts_len = 2, .answer = take, .user = &got};
        s2s_stanza st = {.kind = ROWS[i].kind,
                         .from = s2s_str_of(ROWS[i].from ? ROWS[i].from : "u@peer.example/r"),
                         .to = s2s_str_of(ROWS[i].to),
                         .id = S2S_STR("1"),
                         .type = s2s_str_of(ROWS[i].type),
                         .attrs = s2s_str_of(ROWS[i].attrs),
                         .inner = s2s_str_of(ROWS[i].inner)};
        cr_assert_eq(s2s_jid_split(st.to, &to), S2S_OK);
        services_take(&s, s2s_str_eq(to.domain, S2S_STR("quiet.example")) ? &DOMAINS[1] : &DOMAINS[0], &to, &st);
        cr_expect_eq(got.count, ROWS[i].want ? 1 : 0, "%s %s: %zu answers", ROWS[i].id, ROWS[i].name, got.count);
        if (ROWS[i].want)
            cr_expect(strncmp(got.text, ROWS[i].want, strlen(ROWS[i].want)) == 0, "%s %s: %s", ROWS[i].id,
                      ROWS[i].name, got.text);
    }
    cr_expect_eq(t.live, 0);
}

Test(services, request_without_an_id_is_refused)
{
    static char ours[] = "our.example";
    config_domain domain = {.name = ours};
    answers got = {0};
    test_env t;
    test_env_init(&t);
    s2s_jid to = {.domain = S2S_STR("our.example")};
    services s = {.env = &t.env, .answer = take, .user = &got};
    s2s_stanza st = {.kind = S2S_IQ, .from = S2S_STR("u@peer.example"), .to = S2S_STR("our.example"),
                     .type = S2S_STR("get"), .attrs = S2S_STR(""), .inner = S2S_STR("<ping xmlns='urn:xmpp:ping'/>")};
    services_take(&s, &domain, &to, &st);
    cr_expect_eq(got.count, 1);
    cr_expect(strstr(got.text, "bad-request"), "%s", got.text);
}

Test(services, without_memory_the_answer_is_an_error_or_right)
{
    static char ours[] = "our.example";
    config_domain domain = {.name = ours, .echo = true};
    for (long n = 0; n < 12; n++) {
        answers got = {0};
        test_env t;
        test_env_init(&t);
        t.fail_after = n;
        s2s_jid to = {.domain = S2S_STR("our.example")};
        services s = {.env = &t.env, .answer = take, .user = &got};
        s2s_stanza st = {.kind = S2S_IQ, .from = S2S_STR("u@peer.example"), .to = S2S_STR("our.example"),
                         .id = S2S_STR("1"), .type = S2S_STR("get"), .attrs = S2S_STR(""),
                         .inner = S2S_STR("<query xmlns='jabber:iq:version'/>")};
        services_take(&s, &domain, &to, &st);
        cr_expect_eq(got.count, 1, "%ld allocations", n);
        cr_expect(strstr(got.text, "type='result'") || strstr(got.text, "internal-server-error"), "%s", got.text);
        cr_expect_eq(t.live, 0);
    }
}

static const char *ask(services *s, const config_domain *domain, answers *got, const char *inner)
{
    s2s_jid to;
    s2s_stanza st = {.kind = S2S_IQ, .from = S2S_STR("u@peer.example/r"), .to = S2S_STR("our.example"), .id = S2S_STR("1"),
                     .type = S2S_STR("get"), .attrs = S2S_STR(""), .inner = s2s_str_of(inner)};
    cr_assert_eq(s2s_jid_split(st.to, &to), S2S_OK);
    got->count = 0;
    services_take(s, domain, &to, &st);
    cr_assert_eq(got->count, 1);
    return got->text;
}

Test(services, contacts_are_a_form_in_disco_info)
{
    /* DI-05 */
    static char ours[] = "our.example", one[] = "mailto:abuse@our.example?subject=a&b", two[] = "xmpp:abuse@our.example",
                three[] = "https://our.example/security";
    char *abuse[] = {one, two}, *security[] = {three};
    config_domain domain = {.name = ours};
    answers got = {0};
    test_env t;
    test_env_init(&t);
    services s = {.env = &t.env, .answer = take, .user = &got};
    domain.contacts[CONFIG_CONTACT_abuse] = (config_texts){abuse, 2};
    domain.contacts[CONFIG_CONTACT_security] = (config_texts){security, 1};
    const char *text = ask(&s, &domain, &got, "<query xmlns='" DISCO_INFO "'/>");
    cr_expect_not_null(strstr(text, "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>"
        "<value>http://jabber.org/network/serverinfo</value></field>"
        "<field var='abuse-addresses' type='list-multi'><value>mailto:abuse@our.example?subject=a&amp;b</value>"
        "<value>xmpp:abuse@our.example</value></field>"
        "<field var='security-addresses' type='list-multi'><value>https://our.example/security</value></field></x></query>"),
        "%s", text);
    cr_expect_eq(t.live, 0);
}

Test(services, operating_system_is_told_only_if_the_operator_says_so) /* DI-03 */
{
    static char ours[] = "our.example";
    config_domain domain = {.name = ours};
    answers got = {0};
    test_env t;
    test_env_init(&t);
    services s = {.env = &t.env, .answer = take, .user = &got};
    cr_expect_null(strstr(ask(&s, &domain, &got, "<query xmlns='jabber:iq:version'/>"), "<os>"));
    s.os = true;
    cr_expect_not_null(strstr(ask(&s, &domain, &got, "<query xmlns='jabber:iq:version'/>"), "<os>Linux</os></query>"), "%s",
                       got.text);
}

Test(services, disco_info_answers_for_the_capabilities_that_were_told) /* DI-04 */
{
    static char ours[] = "our.example", one[] = "mailto:abuse@our.example";
    char *abuse[] = {one}, ver[CAPS_VER_MAX] = "", other[CAPS_VER_MAX] = "", question[256];
    config_domain domain = {.name = ours};
    answers got = {0};
    test_env t;
    test_env_init(&t);
    services s = {.env = &t.env, .answer = take, .user = &got};
    cr_assert_eq(services_caps(&t.env, &domain, ver), S2S_OK);
    domain.contacts[CONFIG_CONTACT_abuse] = (config_texts){abuse, 1};
    cr_assert_eq(services_caps(&t.env, &domain, other), S2S_OK);
    cr_expect_str_neq(ver, other, "contacts are part of it");
    (void)snprintf(question, sizeof question, "<query xmlns='" DISCO_INFO "' node='" CAPS_NODE "#%s'/>", other);
    const char *text = ask(&s, &domain, &got, question);
    cr_expect_not_null(strstr(text, "type='result'"), "%s", text);
    cr_expect_not_null(strstr(text, other), "the node is echoed: %s", text);
    cr_expect_not_null(strstr(text, one), "%s", text);
    (void)snprintf(question, sizeof question, "<query xmlns='" DISCO_INFO "' node='" CAPS_NODE "#%s'/>", ver);
    cr_expect_not_null(strstr(ask(&s, &domain, &got, question), "item-not-found"));
    cr_expect_eq(t.live, 0);
}
