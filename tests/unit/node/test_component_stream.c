/* SPDX-License-Identifier: MIT */
/* test_component_stream.c: what a component may say, and what ends its stream (XEP-0114). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "component_fixture.h"

static fixture f;

static void start(void)
{
    fixture_start(&f);
}

static void stop(void)
{
    fixture_stop(&f);
}

TestSuite(component_stream, .init = start, .fini = stop);

Test(component_stream, the_proof_is_that_of_the_specification)
{
    static const struct {
        const char *id, *secret, *want; /* CO-02 */
    } ROWS[] = {{"3BF96D32", "secret", "b09ea9b3b7f586be8a08d0a3dd7466f110aeb136"},
                {"s2s-test-1", "sesame", "a623e1c6eee242c61b4f3ea14af589a1f3221e14"}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char proof[41];
        script_proof(ROWS[i].id, ROWS[i].secret, proof);
        cr_expect_str_eq(proof, ROWS[i].want);
    }
}

Test(component_stream, header_names_the_component_and_has_no_version) /* CO-01 */
{
    script s;
    fixture_listen(&f);
    script_connect(&s, &f);
    script_send(&s, SCRIPT_HEADER("chat.example"));
    script_expect(&s, "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept'"
                      " xmlns:stream='http://etherx.jabber.org/streams' from='chat.example' id='");
    script_expect(&s, "'>");
    cr_expect_null(strstr(s.text, "version"));
    script_close(&s);
}

Test(component_stream, right_handshake_attaches) /* CO-02 */
{
    script s;
    fixture_listen(&f);
    cr_expect_not(components_attached(f.components, S2S_STR("chat.example")));
    script_attach(&s, &f, "chat.example");
    cr_expect(components_attached(f.components, S2S_STR("chat.example")));
    cr_expect_not(components_attached(f.components, S2S_STR("news.example")));
    script_send(&s, "</stream:stream>");
    script_expect_end(&s);
    script_close(&s);
    cr_expect_not(components_attached(f.components, S2S_STR("chat.example")));
}

Test(component_stream, end_comes_before_the_handshake)
{
    script s;
    fixture_listen(&f);
    script_connect(&s, &f);
    script_send(&s, SCRIPT_HEADER("chat.example") "</stream:stream>");
    script_expect(&s, "<stream:stream");
    script_expect_end(&s);
    script_close(&s);
}

static const struct refused_row {
    const char *id, *name, *header, *secret, *then, *condition;
} REFUSED[] = {
    {"CO-02", "wrong secret", SCRIPT_HEADER("chat.example"), "Sesame", NULL, "not-authorized"},
    {"CO-02", "no secret", SCRIPT_HEADER("chat.example"), NULL, "<handshake/>", "not-authorized"},
    {"CO-02", "upper-case proof", SCRIPT_HEADER("chat.example"), NULL,
     "<handshake>A623E1C6EEE242C61B4F3EA14AF589A1F3221E14</handshake>", "not-authorized"},
    {"CO-02", "no handshake", SCRIPT_HEADER("chat.example"), NULL,
     "<message from='chat.example' to='a@b.example'/>", "not-authorized"},
    {"CO-03", "unknown domain", SCRIPT_HEADER("other.example"), NULL, NULL, "host-unknown"},
    {"CO-03", "subdomain of an account", SCRIPT_HEADER("a.chat.example"), NULL, NULL, "host-unknown"},
    {"CO-03", "not a domain", SCRIPT_HEADER("@"), NULL, NULL, "host-unknown"},
    {"CO-01", "no to",
     "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams'>", NULL, NULL,
     "improper-addressing"},
    {"CO-03", "wrong namespace",
     "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='chat.example'>", NULL,
     NULL, "invalid-namespace"},
    {"NS-01", "not a stream", "<stream xmlns='jabber:component:accept' to='chat.example'>", NULL, NULL,
     "invalid-namespace"},
    {"XM-01", "not XML", "GET / HTTP/1.1\r\n", NULL, NULL, "not-well-formed"},
    {"XM-02", "document type", "<?xml version='1.0'?><!DOCTYPE a><a/>", NULL, NULL, "restricted-xml"},
    {"CO-04", "foreign from", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET,
     "<message from='a@b.example' to='c@d.example'/>", "invalid-from"},
    {"CO-04", "from at a subdomain", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET,
     "<message from='a@b.chat.example' to='c@d.example'/>", "invalid-from"},
    {"CO-04", "from at another component", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET,
     "<message from='a@news.example' to='c@d.example'/>", "invalid-from"},
    {"CO-04", "no from", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET, "<message to='c@d.example'/>", "invalid-from"},
    {"NS-08", "unknown element", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET, "<foo xmlns='urn:t'/>",
     "unsupported-stanza-type"},
    {"NS-08", "second handshake", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET, "<handshake/>",
     "unsupported-stanza-type"},
    {"XM-01", "mismatched tags", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET, "<message></iq>", "not-well-formed"},
    {"XM-01", "comment", SCRIPT_HEADER("chat.example"), FIXTURE_SECRET, "<!-- -->", "restricted-xml"},
};

Test(component_stream, faults_end_the_stream_with_their_condition)
{
    fixture_listen(&f);
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        const struct refused_row *row = &REFUSED[i];
        script s;
        char want[128];
        script_connect(&s, &f);
        if (row->secret)
            script_shake(&s, row->header, row->secret);
        else
            script_send(&s, row->header);
        if (row->then)
            script_send(&s, row->then);
        (void)snprintf(want, sizeof want, "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
                       row->condition);
        script_expect(&s, want);
        script_expect_end(&s);
        script_close(&s);
        cr_expect_eq(f.stanzas, 0, "%s %s", row->id, row->name);
    }
}

Test(component_stream, unknown_domain_gets_a_header_without_from) /* ST-03 */
{
    script s;
    fixture_listen(&f);
    script_connect(&s, &f);
    script_send(&s, SCRIPT_HEADER("other.example"));
    script_expect(&s, "xmlns:stream='http://etherx.jabber.org/streams' id='");
    script_expect_end(&s);
    script_close(&s);
}

Test(component_stream, second_stream_of_a_component_is_a_conflict_and_the_first_stays) /* CO-03 */
{
    script first, second;
    fixture_listen(&f);
    script_attach(&first, &f, "chat.example");
    script_connect(&second, &f);
    script_shake(&second, SCRIPT_HEADER("chat.example"), FIXTURE_SECRET);
    script_expect(&second, "<stream:error><conflict ");
    script_expect_end(&second);
    script_close(&second);
    cr_expect(components_attached(f.components, S2S_STR("chat.example")));
    s2s_stanza st = {.kind = S2S_MESSAGE, .to = S2S_STR("a@chat.example"), .inner = S2S_STR("<body>still</body>")};
    cr_expect_eq(components_deliver(f.components, S2S_STR("chat.example"), &st), S2S_OK);
    script_expect(&first, "<message to='a@chat.example'><body>still</body></message>");
    script_close(&first);
}

Test(component_stream, new_stream_replaces_the_first_where_it_may)
{
    script first, second;
    fixture_listen(&f);
    script_attach(&first, &f, "news.example");
    script_attach(&second, &f, "news.example");
    script_expect(&first, "<stream:error><conflict ");
    script_expect_end(&first);
    script_close(&first);
    cr_expect(components_attached(f.components, S2S_STR("news.example")));
    s2s_stanza st = {.kind = S2S_MESSAGE, .to = S2S_STR("a@news.example"), .inner = S2S_STR("<body>x</body>")};
    cr_expect_eq(components_deliver(f.components, S2S_STR("news.example"), &st), S2S_OK);
    script_expect(&second, "<message to='a@news.example'><body>x</body></message>");
    cr_expect_eq(f.undelivered, 0);
    script_close(&second);
}

Test(component_stream, wrong_secret_replaces_nobody)
{
    script first, second;
    fixture_listen(&f);
    script_attach(&first, &f, "news.example");
    script_connect(&second, &f);
    script_shake(&second, SCRIPT_HEADER("news.example"), "wrong");
    script_expect(&second, "<stream:error><not-authorized ");
    script_expect_end(&second);
    script_close(&second);
    s2s_stanza st = {.kind = S2S_MESSAGE, .to = S2S_STR("a@news.example"), .inner = S2S_STR("<body>still</body>")};
    cr_expect_eq(components_deliver(f.components, S2S_STR("news.example"), &st), S2S_OK);
    script_expect(&first, "<message to='a@news.example'><body>still</body></message>");
    script_close(&first);
}

Test(component_stream, large_elements_are_refused_before_and_after_the_handshake) /* DO-01, DO-04 */
{
    script s;
    char *big = malloc(f.t.env.limits.stanza_bytes + 1);
    cr_assert_not_null(big);
    memset(big, 'x', f.t.env.limits.stanza_bytes);
    big[f.t.env.limits.stanza_bytes] = '\0';
    fixture_listen(&f);

    script_attach(&s, &f, "chat.example");
    script_send(&s, "<message from='chat.example' to='a@b.example'><body>");
    script_send(&s, big);
    script_expect(&s, "<policy-violation ");
    script_expect_end(&s);
    script_close(&s);

    script_connect(&s, &f);
    script_send(&s, SCRIPT_HEADER("chat.example") "<handshake>");
    big[f.t.env.limits.preauth_element_bytes + 1] = '\0';
    script_send(&s, big);
    script_expect(&s, "<policy-violation ");
    script_expect_end(&s);
    script_close(&s);
    free(big);
}

Test(component_stream, handshake_has_a_time_limit) /* CX: negotiation_ms */
{
    script s;
    f.t.env.limits.negotiation_ms = 50;
    fixture_listen(&f);
    script_connect(&s, &f);
    script_send(&s, SCRIPT_HEADER("chat.example"));
    script_expect(&s, "<connection-timeout ");
    script_expect_end(&s);
    script_close(&s);
}

static bool saw_one(void *arg)
{
    (void)arg;
    return f.stanzas == 1;
}

Test(component_stream, stanza_is_handed_over_without_its_namespace) /* CO-05, NS-07 */
{
    script s;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    script_send(&s, "<message xmlns='jabber:component:accept' from='Bot@CHAT.example/r' to='a@b.example' id='0'>"
                    "<body xmlns='jabber:component:accept'>&lt;hi&gt;</body></message>");
    fixture_until(&f, saw_one, NULL);
    cr_expect_str_eq(f.last, "<message from='Bot@CHAT.example/r' to='a@b.example' id='0'><body>&lt;hi&gt;</body></message>");
    script_close(&s);
}

Test(component_stream, unix_socket_serves_too)
{
    char path[] = "unix:component-test.sock", why[S2S_TEXT_MAX] = "";
    cr_assert_eq(components_listen(f.components, path, NULL, why), S2S_OK, "%s", why);
    cr_expect_eq(components_listen(f.components, path, NULL, why), S2S_E_EXISTS);
    cr_expect_str_eq(why, "component-test.sock: another process listens there");
}

Test(component_stream, bad_listen_addresses_are_named)
{
    char none[] = "localhost:5347", gone[] = "unix:/nonexistent/dir/c.sock", why[S2S_TEXT_MAX] = "";
    cr_expect_eq(components_listen(f.components, none, NULL, why), S2S_E_SYNTAX);
    cr_expect_str_eq(why, "localhost:5347: not an address with a port");
    cr_expect_eq(components_listen(f.components, gone, NULL, why), S2S_E_IO);
    cr_expect_str_eq(why, "/nonexistent/dir/c.sock: its directory does not exist");
}
