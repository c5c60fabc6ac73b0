/* SPDX-License-Identifier: MIT */
/* test_session.c: what a dialog cannot say, because it depends on how the bytes were cut. */
#include "s2s/session.h"

#include <criterion/criterion.h>
#include <string.h>

#include "support/test_env.h"

#define TLS "xmlns='urn:ietf:params:xml:ns:xmpp-tls'"
#define HEADER(rest)                                                                               \
    "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'" rest ">"

static s2s_event_type feed(s2s_session *s, const char *text, s2s_event *e)
{
    cr_assert_eq(s2s_session_feed(s, 1, (s2s_bytes){(const uint8_t *)text, strlen(text)}), S2S_OK);
    return s2s_session_next_event(s, e);
}

static void expect_cut(s2s_session *s, s2s_event_type got, const s2s_event *e)
{
    const uint8_t *bytes;
    cr_assert_eq(got, S2S_EV_CLOSED, "TL-05");
    cr_expect_eq(e->close->cond, S2S_COND_POLICY_VIOLATION);
    cr_expect_not(e->graceful);
    cr_expect_eq(s2s_session_output(s, &bytes), 0u, "not a word more in the clear");
}

Test(session, clear_text_behind_starttls_ends_the_connection)
{
    test_env t;
    s2s_session *s;
    s2s_session_options o;
    s2s_event e;
    test_env_init(&t);
    s2s_session_options_init(&o, S2S_ACCEPTOR);
    cr_assert_eq(s2s_session_new(&t.env, &o, 0, &s), S2S_OK);
    cr_assert_eq(feed(s, HEADER(" from='a.example' to='b.example'"), &e), S2S_EV_OPEN);
    cr_assert_eq(s2s_session_accept(s, 1), S2S_OK);
    expect_cut(s, feed(s, "<starttls " TLS "/><message/>", &e), &e);
    s2s_session_free(s);
    cr_expect_eq(t.live, 0u);
}

Test(session, clear_text_behind_proceed_ends_the_connection)
{
    test_env t;
    s2s_session *s;
    s2s_session_options o;
    s2s_event e;
    test_env_init(&t);
    s2s_session_options_init(&o, S2S_INITIATOR);
    o.local = S2S_STR("a.example");
    o.remote = S2S_STR("b.example");
    cr_assert_eq(s2s_session_new(&t.env, &o, 0, &s), S2S_OK);
    cr_assert_eq(feed(s, HEADER(" id='1'") "<stream:features/>", &e), S2S_EV_NONE);
    expect_cut(s, feed(s, "<proceed " TLS "/><stream:features/>", &e), &e);
    s2s_session_free(s);
    cr_expect_eq(t.live, 0u);
}

Test(session, an_initiator_takes_domains_in_normal_form_only)
{
    static const char *const ROWS[] = {"A.example", "a.example.", "xn--bcher-kva.example", "user@a.example", "a b.example",
                                       "\xff.example", "a.example\x01", ""};
    test_env t;
    s2s_session_options o;
    s2s_session *s = NULL;
    test_env_init(&t);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        s2s_session_options_init(&o, S2S_INITIATOR);
        o.local = s2s_str_of(ROWS[i]);
        o.remote = S2S_STR("b.example");
        cr_expect_eq(s2s_session_new(&t.env, &o, 0, &s), S2S_E_INVAL, "%s", ROWS[i]);
        o.remote = o.local;
        o.local = S2S_STR("b.example");
        cr_expect_eq(s2s_session_new(&t.env, &o, 0, &s), S2S_E_INVAL, "%s", ROWS[i]);
    }
    cr_expect_null(s);
    cr_expect_eq(t.live, 0u);
}
