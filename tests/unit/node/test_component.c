/* SPDX-License-Identifier: MIT */
/* test_component.c: nothing is lost: what a component says and what it is sent, fast, slow, and when it goes away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "component_fixture.h"
#include "node/component_stream.h"

enum { BULK = 10000, LARGE = 60000 };

static fixture f;

static void start(void)
{
    fixture_start(&f);
}

static void stop(void)
{
    fixture_stop(&f);
}

TestSuite(component, .init = start, .fini = stop, .timeout = 60);

static s2s_err deliver(size_t number, size_t body_len)
{
    char id[32], *body = malloc(body_len + 1);
    cr_assert_not_null(body);
    memset(body, 'x', body_len);
    (void)snprintf(id, sizeof id, "%zu", number);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("a@b.example"), .to = S2S_STR("c@chat.example"),
                     .id = s2s_str_of(id), .attrs = S2S_STR(""), .inner = {body, body_len}};
    s2s_err err = components_deliver(f.components, S2S_STR("chat.example"), &st);
    free(body);
    return err;
}

/* Takes whole messages off what was read; they must be numbered from `next` on. */
static size_t take_messages(script *s, size_t next)
{
    char want[32];
    (void)script_read(s);
    for (char *end; (end = strstr(s->text, "</message>")) || (end = strstr(s->text, "/>"));) {
        end += *end == '<' ? strlen("</message>") : strlen("/>");
        (void)snprintf(want, sizeof want, " id='%zu'", next);
        char *id = strstr(s->text, want);
        cr_assert(id && id < end, "out of order: %zu expected: %.100s", next, s->text);
        next++;
        s->len -= (size_t)(end - s->text);
        memmove(s->text, end, s->len + 1);
    }
    return next;
}

Test(component, nothing_attached_takes_nothing)
{
    fixture_listen(&f);
    cr_expect_eq(deliver(0, 0), S2S_E_NOTFOUND);
    cr_expect(components_has(f.components, S2S_STR("chat.example")));
    cr_expect_not(components_has(f.components, S2S_STR("b.example")));
    cr_expect_eq(f.undelivered, 0);
}

Test(component, without_memory_for_a_connection_that_one_ends_and_the_next_is_taken)
{
    script s, next;
    fixture_listen(&f);
    for (long k = 0; k < 2; k++) {
        f.t.fail_once = true;
        f.t.fail_after = k;
        script_connect(&s, &f);
        while (!s.eof) {
            fixture_turn(&f);
            (void)script_read(&s);
        }
        script_close(&s);
        f.t.fail_after = -1;
    }
    script_attach(&next, &f, "chat.example");
    script_close(&next);
}

static bool saw_bulk(void *arg)
{
    (void)arg;
    components_resume(f.components);
    return f.stanzas == BULK;
}

Test(component, ten_thousand_from_a_component_come_in_order_however_often_it_is_paused)
{
    script s;
    char text[128];
    f.pause_every = 7;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    for (size_t i = 0; i < BULK; i++) {
        (void)snprintf(text, sizeof text, "<message from='chat.example' to='a@b.example' id='%zu'/>", i);
        script_send(&s, text);
        if (i % 100 == 0)
            components_resume(f.components);
    }
    fixture_until(&f, saw_bulk, NULL);
    cr_expect(f.in_order);
    script_close(&s);
}

Test(component, paused_component_is_not_read)
{
    script s;
    f.pause_every = 1;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    for (size_t i = 0; i < 3; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "<message from='chat.example' to='a@b.example' id='%zu'/>", i);
        script_send(&s, text);
    }
    for (size_t i = 1; i <= 3; i++) {
        for (size_t turn = 0; turn < 50; turn++)
            fixture_turn(&f);
        cr_expect_eq(f.stanzas, i, "%zu of %zu", f.stanzas, i);
        components_resume(f.components);
    }
    script_close(&s);
}

static bool saw_so_many(void *count)
{
    return f.stanzas >= *(const size_t *)count;
}

static void until_stanzas(size_t count)
{
    fixture_until(&f, saw_so_many, &count);
}

Test(component, one_that_waits_for_a_remote_domain_is_not_resumed_for_another)
{
    script s, other;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    script_attach(&other, &f, "news.example");
    f.held_for = "slow.example";
    script_send(&s, "<message from='chat.example' to='a@slow.example' id='0'/><message from='chat.example' to='a@b.example' id='1'/>");
    until_stanzas(1);
    components_resume(f.components);
    script_send(&other, "<message from='news.example' to='a@b.example' id='1'/>");
    until_stanzas(2);
    components_resume(f.components);
    for (size_t turn = 0; turn < 50; turn++)
        fixture_turn(&f);
    cr_expect_eq(f.stanzas, 2u, "held until its own remote domain has room");
    f.held_for = "slower.example";
    components_resume(f.components);
    until_stanzas(3);
    script_close(&s);
    script_close(&other);
}

Test(component, ten_thousand_to_a_slow_component_come_in_order_and_senders_pause)
{
    script s;
    size_t sent = 0, got = 0, pauses = 0;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    while (got < BULK) {
        while (sent < BULK && !components_any_slow(f.components))
            cr_assert_eq(deliver(sent++, 1000), S2S_OK);
        pauses += components_any_slow(f.components);
        fixture_turn(&f);
        got = take_messages(&s, got);
    }
    cr_expect_gt(pauses, 0, "the socket took everything");
    cr_expect_gt(f.drained, 0);
    cr_expect_eq(f.undelivered, 0);
    script_close(&s);
}

static bool is_detached(void *arg)
{
    (void)arg;
    return !components_attached(f.components, S2S_STR("chat.example"));
}

static bool all_accounted(void *arg)
{
    (void)arg;
    return f.undelivered > 0;
}

Test(component, component_too_far_behind_takes_no_more_until_it_has_read)
{
    script s;
    size_t sent = 0, got = 0;
    s2s_err err;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    while ((err = deliver(sent, LARGE)) == S2S_OK) {
        sent++;
        fixture_turn(&f);
        cr_assert_lt(sent, 2 * COMPONENT_HARD_BYTES, "no end");
    }
    cr_expect_eq(err, S2S_E_LIMIT);
    cr_expect_eq(deliver(sent, 0), S2S_E_LIMIT);
    cr_expect(components_slow(f.components, S2S_STR("chat.example")));
    cr_expect_not(components_slow(f.components, S2S_STR("news.example")));
    while (got < sent) {
        fixture_turn(&f);
        got = take_messages(&s, got);
    }
    cr_expect_eq(f.undelivered, 0, "what was taken has come");
    cr_expect_not(components_any_slow(f.components));
    cr_expect_eq(deliver(sent, 0), S2S_OK, "and it takes more");
    while (got <= sent) {
        fixture_turn(&f);
        got = take_messages(&s, got);
    }
    script_close(&s);
}

Test(component, what_a_vanished_component_was_not_sent_bounces)
{
    script s;
    size_t sent = 0;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    while (!components_any_slow(f.components)) {
        cr_assert_eq(deliver(sent++, LARGE), S2S_OK);
        fixture_turn(&f);
    }
    script_close(&s);
    fixture_until(&f, is_detached, NULL);
    fixture_until(&f, all_accounted, NULL);
    cr_expect_gt(f.undelivered, 0);
    cr_expect_leq(f.undelivered, sent);
    cr_expect_not(components_any_slow(f.components));
    char want[128];
    (void)snprintf(want, sizeof want, "<message from='a@b.example' to='c@chat.example' id='%zu'/>", sent - 1);
    cr_expect_str_eq(f.last, want);
}

Test(component, what_a_leaving_component_was_not_sent_bounces)
{
    script s;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    script_send(&s, "</stream:stream>");
    cr_assert_eq(deliver(0, 0), S2S_OK); /* the end is on its way, not yet seen */
    fixture_until(&f, is_detached, NULL);
    (void)deliver(1, 0);
    script_expect_end(&s);
    script_close(&s);
    cr_expect_leq(f.undelivered, 1);
}

Test(component, component_that_takes_nothing_is_cut_off_in_time)
{
    script s;
    size_t sent = 0;
    f.t.env.limits.stall_ms = 1000; /* less, and it may be over before it is slow, on a busy machine */
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    while (!components_any_slow(f.components)) {
        cr_assert_eq(deliver(sent++, LARGE), S2S_OK);
        fixture_turn(&f);
    }
    fixture_until(&f, is_detached, NULL);
    fixture_until(&f, all_accounted, NULL);
    cr_expect_eq(f.drained, 1, "senders are told to go on");
    script_close(&s);
}

Test(component, stop_sends_what_is_queued_and_ends_the_stream)
{
    script s;
    size_t got = 0;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    for (size_t i = 0; i < 10; i++)
        cr_assert_eq(deliver(i, LARGE), S2S_OK);
    components_stop(f.components);
    while (got < 10) {
        fixture_turn(&f);
        got = take_messages(&s, got);
    }
    script_expect_end(&s);
    script_close(&s);
    cr_expect_eq(f.undelivered, 0);
}

Test(component, drain_waits_for_nobody_when_nothing_is_queued)
{
    script s, half;
    fixture_listen(&f);
    cr_expect_not(components_drain(f.components));
    script_connect(&half, &f);
    script_send(&half, SCRIPT_HEADER("news.example"));
    script_attach(&s, &f, "chat.example");
    cr_expect_not(components_drain(f.components), "a handshake is no stanza");
    cr_expect_eq(f.emptied, 0);
    script_close(&half);
    script_close(&s);
}

static bool is_drained(void *arg)
{
    (void)arg;
    return f.emptied > 0;
}

/* How many it takes. */
static size_t deliver_until_slow(void)
{
    size_t sent = 0;
    while (!components_any_slow(f.components)) {
        cr_assert_eq(deliver(sent++, LARGE), S2S_OK);
        fixture_turn(&f);
    }
    return sent;
}

Test(component, drain_sends_what_is_queued_and_the_component_stays)
{
    script s;
    size_t got = 0;
    f.t.env.limits.close_ms = 60000;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    size_t sent = deliver_until_slow();
    cr_assert(components_drain(f.components));
    while (got < sent) {
        cr_expect(components_any_slow(f.components) || f.emptied == 1, "who sends to it waits to the end");
        fixture_turn(&f);
        got = take_messages(&s, got);
    }
    fixture_until(&f, is_drained, NULL);
    cr_expect_not(components_any_slow(f.components));
    cr_assert_eq(deliver(sent, 0), S2S_OK);
    while (got <= sent) {
        fixture_turn(&f);
        got = take_messages(&s, got);
    }
    cr_expect_eq(f.emptied, 1);
    cr_expect_eq(f.undelivered, 0);
    script_close(&s);
}

Test(component, drain_returns_what_a_component_does_not_take_in_time)
{
    script s;
    f.t.env.limits.close_ms = 100;
    fixture_listen(&f);
    script_attach(&s, &f, "chat.example");
    (void)deliver_until_slow();
    cr_assert(components_drain(f.components));
    fixture_until(&f, is_drained, NULL);
    cr_expect(f.undelivered_then > 0);
    cr_expect_eq(f.undelivered_then, f.undelivered, "all had come back when it was said to be over");
    cr_expect_not(components_attached(f.components, S2S_STR("chat.example")));
    script_close(&s);
}

Test(component, more_connections_than_allowed_are_turned_away)
{
    script s[3];
    fixture_listen(&f);
    for (size_t i = 0; i < 3; i++)
        script_connect(&s[i], &f);
    int extra[COMPONENT_CONNECTIONS_MAX];
    script one;
    for (size_t i = 0; i < COMPONENT_CONNECTIONS_MAX; i++) {
        script_connect(&one, &f);
        extra[i] = one.fd;
        fixture_turn(&f);
    }
    script_expect(&one, "<resource-constraint ");
    script_expect_end(&one);
    for (size_t i = 0; i < COMPONENT_CONNECTIONS_MAX; i++) {
        one.fd = extra[i];
        script_close(&one);
    }
    for (size_t i = 0; i < 3; i++)
        script_close(&s[i]);
}
