/* SPDX-License-Identifier: MIT */
/* test_sm.c: stream management where dialogs cannot easily go: counters that wrap, buffers that are given back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "protocol/session/machine.h"
#include "support/test_env.h"

static test_env t;
static s2s_session *s;

/* An established session of either role whose counters stand at `at`. */
static void begin(s2s_role role, uint32_t at)
{
    s2s_session_options o;
    test_env_init(&t);
    s2s_session_options_init(&o, role);
    o.local = S2S_STR("a.example");
    o.remote = S2S_STR("b.example");
    cr_assert_eq(s2s_session_new(&t.env, &o, 0, &s), S2S_OK);
    cr_assert_eq(s2s__pairs_add(&s->pairs, &t.env, o.local, o.remote), S2S_OK);
    static const char HEADER[] = "<stream:stream xmlns='jabber:server' "
                                 "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
    s2s_event e;
    cr_assert_eq(s2s_session_feed(s, 0, (s2s_bytes){(const uint8_t *)HEADER, sizeof HEADER - 1}), S2S_OK);
    (void)s2s_session_next_event(s, &e);
    s->state = ESTABLISHED;
    s->sm.state = SM_ON;
    s->sm.acked = s->sm.asked_h = s->sm.handled = at;
    const uint8_t *bytes;
    s2s_session_sent(s, 0, s2s_session_output(s, &bytes));
}

static void end(void)
{
    s2s_session_free(s);
    cr_expect_eq(t.live, 0u);
}

static s2s_event_type feed(const char *bytes, s2s_event *e)
{
    cr_assert_eq(s2s_session_feed(s, 0, (s2s_bytes){(const uint8_t *)bytes, strlen(bytes)}), S2S_OK);
    return s2s_session_next_event(s, e);
}

static void send_one(void)
{
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example")};
    cr_assert_eq(s2s_session_send(s, &st), S2S_OK);
}

static void send_out(void)
{
    const uint8_t *bytes;
    s2s_session_sent(s, 0, s2s_session_output(s, &bytes));
}

Test(sm, the_count_of_what_we_sent_wraps)
{
    s2s_event e;
    s2s_acks acks;
    begin(S2S_INITIATOR, UINT32_MAX - 1);
    for (int i = 0; i < 4; i++)
        send_one();
    send_out();
    cr_assert_eq(feed("<a xmlns='urn:xmpp:sm:3' h='4294967295'/>", &e), S2S_EV_ACKED);
    cr_expect_eq(e.acked, 1u, "SM-02");
    cr_assert_eq(feed("<a xmlns='urn:xmpp:sm:3' h='1'/>", &e), S2S_EV_ACKED);
    cr_expect_eq(e.acked, 2u);
    s2s_session_acks(s, &acks);
    cr_expect_eq(acks.acknowledged, 3u);
    cr_expect_eq(acks.unacknowledged, 1u);
    end();
}

Test(sm, the_count_of_what_we_got_wraps)
{
    s2s_event e;
    const uint8_t *bytes;
    static const char WANT[] = "<a xmlns='urn:xmpp:sm:3' h='0'/>";
    begin(S2S_ACCEPTOR, UINT32_MAX);
    cr_assert_eq(feed("<message from='x@b.example' to='y@a.example'/><r xmlns='urn:xmpp:sm:3'/>", &e), S2S_EV_STANZA);
    cr_assert_eq(s2s_session_next_event(s, &e), S2S_EV_NONE);
    size_t len = s2s_session_output(s, &bytes);
    cr_assert_eq(len, sizeof WANT - 1);
    cr_expect_eq(memcmp(bytes, WANT, len), 0, "SM-02");
    end();
}

Test(sm, what_has_not_left_cannot_be_acknowledged)
{
    s2s_event e;
    begin(S2S_INITIATOR, 0);
    send_one();
    cr_assert_eq(feed("<a xmlns='urn:xmpp:sm:3' h='1'/>", &e), S2S_EV_NONE);
    cr_expect_str_eq(s2s_session_state(s), "draining", "SM-03");
    end();
}

Test(sm, much_is_asked_about_at_once)
{
    enum { MANY = 1000, EVERY = 16384, LAST = 64 /* the stanza that goes over it, at most */ };
    static const char R[] = "<r xmlns='urn:xmpp:sm:3'/>";
    const uint8_t *bytes;
    begin(S2S_INITIATOR, 0);
    size_t asked = 0;
    for (int i = 0; i < MANY; i++) {
        send_one();
        size_t all = s2s_session_output(s, &bytes);
        asked += memcmp(bytes + all - (sizeof R - 1), R, sizeof R - 1) == 0;
    }
    size_t all = s2s_session_output(s, &bytes);
    cr_expect_eq(asked, all / (EVERY + sizeof R - 1 + LAST), "%zu for %zu bytes", asked, all);
    end();
}

Test(sm, an_idle_stream_holds_no_buffer_and_a_flood_of_questions_none_that_grows)
{
    enum { MANY = 4096 };
    s2s_event e;
    begin(S2S_INITIATOR, 0);
    size_t idle = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            send_one();
        send_out();
        char ack[64];
        (void)snprintf(ack, sizeof ack, "<a xmlns='urn:xmpp:sm:3' h='%d'/>", (round + 1) * MANY);
        cr_assert_eq(feed(ack, &e), S2S_EV_ACKED);
        cr_assert_eq(s2s_session_next_event(s, &e), S2S_EV_NONE);
        send_out();
        if (round == 0)
            idle = t.live; /* with what the reader has for its first element */
        cr_expect_eq(t.live, idle, "%zu blocks, %zu before", t.live, idle);
        cr_expect_null(s->out.data);
        cr_expect_null(s->sm.ends.data);
    }
    for (int i = 0; i < MANY; i++)
        (void)feed("<r xmlns='urn:xmpp:sm:3'/>", &e); /* nobody takes the answers */
    const uint8_t *bytes;
    cr_expect_lt(s2s_session_output(s, &bytes), 65536u);
    cr_expect(s2s_session_is_open(s));
    end();
}

static void lose(void)
{
    s2s_event e;
    s2s_session_lost(s, 0, "the cable");
    while (s2s_session_next_event(s, &e) != S2S_EV_NONE)
        continue;
}

static bool same(s2s_str a, s2s_str b)
{
    return !a.ptr == !b.ptr && s2s_str_eq(a, b);
}

static const s2s_stanza ODD[] = {
    {.kind = S2S_MESSAGE, .from = S2S_STR("x@a.example"), .to = S2S_STR("y@b.example"), .attrs = S2S_STR(""), .inner = S2S_STR("")},
    {.kind = S2S_IQ,
     .from = S2S_STR("x@a.example/<&>'\"\t\n\r;&amp;"),
     .to = S2S_STR("y@b.example/&#9;&"),
     .id = S2S_STR(""),
     .type = S2S_STR("get"),
     .lang = S2S_STR("de'"),
     .attrs = S2S_STR(" xmlns:q='urn:q' q:id=\"/>'\" q:to='>\"/'"),
     .inner = S2S_STR("<iq from='z'><message/></iq>")},
    {.kind = S2S_PRESENCE, .from = S2S_STR("x@a.example"), .to = S2S_STR("b.example"), .lang = S2S_STR("en"), .attrs = S2S_STR(""), .inner = S2S_STR(" ")},
    {.kind = S2S_IQ, .from = S2S_STR("a.example"), .to = S2S_STR("b.example"), .id = S2S_STR("' id='"), .attrs = S2S_STR(" x='y'"), .inner = S2S_STR("")},
};

Test(sm, what_is_taken_back_is_what_was_sent_also_without_memory)
{
    s2s_event e;
    begin(S2S_INITIATOR, 0);
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        cr_assert_eq(s2s_session_send(s, &ODD[i]), S2S_OK);
        (void)feed("<r xmlns='urn:xmpp:sm:3'/>", &e); /* what else we write stands between them */
    }
    send_out();
    lose();
    t.fail_after = 0;
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        const s2s_stanza *got = s2s_session_unacknowledged(s), *want = &ODD[i];
        cr_assert_not_null(got, "SM-04: %zu is lost", i);
        cr_expect_eq(got->kind, want->kind, "%zu", i);
        cr_expect(same(got->from, want->from) && same(got->to, want->to) && same(got->id, want->id), "%zu", i);
        cr_expect(same(got->type, want->type) && same(got->lang, want->lang), "%zu", i);
        cr_expect(same(got->attrs, want->attrs) && same(got->inner, want->inner), "%zu: %.*s", i, S2S_FMT(got->inner));
    }
    cr_expect_null(s2s_session_unacknowledged(s));
    t.fail_after = -1;
    end();
}

Test(sm, what_nobody_will_get_is_taken_back_while_the_peer_is_still_read)
{
    s2s_event e;
    s2s_acks acks;
    const uint8_t *bytes;
    begin(S2S_INITIATOR, 0);
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++)
        cr_assert_eq(s2s_session_send(s, &ODD[i]), S2S_OK);
    send_out();
    cr_assert_eq(s2s_session_send(s, &ODD[0]), S2S_OK); /* this one has not left */
    cr_assert_eq(feed("<a xmlns='urn:xmpp:sm:3' h='1'/>", &e), S2S_EV_ACKED);
    s2s_session_mute(s);
    cr_expect_eq(s2s_session_send(s, &ODD[0]), S2S_E_STATE);
    cr_expect_eq(s2s_session_output(s, &bytes), 0u);
    s2s_session_acks(s, &acks);
    cr_expect_eq(acks.acknowledged, 1u);
    cr_expect_eq(acks.unacknowledged, 4u);
    const s2s_stanza *got = s2s_session_unacknowledged(s);
    cr_assert_not_null(got);
    s2s_session_close(s, 0, S2S_COND_UNDEFINED_CONDITION, "what is written now must not move what is lent");
    cr_expect(same(got->from, ODD[1].from) && same(got->attrs, ODD[1].attrs) && same(got->inner, ODD[1].inner));
    for (size_t i = 2; i < sizeof ODD / sizeof *ODD; i++) {
        got = s2s_session_unacknowledged(s);
        cr_assert_not_null(got, "SM-04: %zu is lost", i);
        cr_expect(same(got->id, ODD[i].id) && same(got->inner, ODD[i].inner), "%zu", i);
    }
    got = s2s_session_unacknowledged(s);
    cr_assert_not_null(got);
    cr_expect(same(got->from, ODD[0].from) && same(got->inner, ODD[0].inner));
    cr_expect_null(s2s_session_unacknowledged(s));
    end();
}

Test(sm, what_a_mute_session_reads_is_delivered_and_its_acknowledgements_count_for_nothing)
{
    s2s_event e;
    s2s_acks acks;
    const uint8_t *bytes;
    begin(S2S_INITIATOR, 0);
    send_one();
    send_one();
    send_out();
    s2s_session_mute(s);
    while (s2s_session_unacknowledged(s))
        continue;
    cr_expect_eq(feed("<a xmlns='urn:xmpp:sm:3' h='2'/><r xmlns='urn:xmpp:sm:3'/>", &e), S2S_EV_NONE, "not too high");
    cr_expect_eq(s2s_session_output(s, &bytes), 0u, "nobody would read the answer");
    s2s_session_acks(s, &acks);
    cr_expect_eq(acks.acknowledged + acks.unacknowledged, 0u);
    cr_expect(!acks.on);
    lose();
    cr_expect_null(s2s_session_unacknowledged(s));
    end();
}
