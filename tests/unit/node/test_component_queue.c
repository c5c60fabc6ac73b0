/* SPDX-License-Identifier: MIT */
/* test_component_queue.c: what is queued goes out byte by byte as it came, whatever the pieces, or comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"
#include "node/component_queue.h"

enum { PIECES = 8, LARGE = 20000, MANY = 1000, OUT_MAX = 1 << 20 };

static test_env env;
static component_queue q;
static char *out;
static size_t out_len;

static void start(void)
{
    test_env_init(&env);
    component_queue_init(&q, &env.env);
    out = calloc(1, OUT_MAX);
    out_len = 0;
    cr_assert_not_null(out);
}

static void stop(void)
{
    component_queue_free(&q);
    free(out);
}

TestSuite(component_queue, .init = start, .fini = stop, .timeout = 30);

static void push(size_t number, const char *inner)
{
    char id[32];
    (void)snprintf(id, sizeof id, "%zu", number);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("a&<'@b.example"), .to = S2S_STR("c@d.example/r"), .id = s2s_str_of(id),
                     .lang = S2S_STR("en"), .attrs = S2S_STR(" x='/>'"), .inner = s2s_str_of(inner)};
    cr_assert_eq(component_queue_stanza(&q, &st), S2S_OK);
}

/* Takes up to `max` bytes as a socket would. */
static size_t take(size_t max)
{
    uv_buf_t bufs[PIECES];
    size_t n = component_queue_lend(&q, bufs, PIECES), taken = 0;
    for (size_t i = 0; i < n && taken < max; i++) {
        size_t step = bufs[i].len < max - taken ? bufs[i].len : max - taken;
        memcpy(out + out_len, bufs[i].base, step);
        out_len += step;
        taken += step;
    }
    component_queue_sent(&q, taken);
    return taken;
}

Test(component_queue, all_goes_out_in_order_in_steps_of_any_size)
{
    char want[256], *at = out, *large = malloc(LARGE + 1);
    size_t step = 1;
    cr_assert_not_null(large);
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    for (size_t i = 0; i < MANY; i++) {
        push(i, i % 100 == 50 ? large : "<body>hi</body>");
        if (i % 3 == 0)
            (void)take(step = step * 7 % 1009);
    }
    while (take(10007) > 0) {}
    cr_expect_eq(q.bytes, 0);
    cr_expect_null(q.first, "no memory is kept");
    for (size_t i = 0; i < MANY; i++) {
        (void)snprintf(want, sizeof want,
                       "<message from='a&amp;&lt;&apos;@b.example' to='c@d.example/r' id='%zu' xml:lang='en' x='/>'>%s</message>", i,
                       i % 100 == 50 ? "" : "<body>hi</body>");
        size_t head = i % 100 == 50 ? strlen(want) - strlen("</message>") : strlen(want);
        cr_assert_eq(memcmp(at, want, head), 0, "%zu: %.120s", i, at);
        at += i % 100 == 50 ? strlen(want) + LARGE : strlen(want);
    }
    cr_expect_eq((size_t)(at - out), out_len);
    free(large);
}

Test(component_queue, what_has_not_gone_out_whole_comes_back_and_framing_stays)
{
    s2s_stanza st;
    component_block *held;
    char id[32];
    size_t next = 1;
    cr_assert_eq(component_queue_text(&q, S2S_STR("<handshake/>")), S2S_OK);
    for (size_t i = 0; i < MANY; i++)
        push(i, "<body/>");
    cr_expect_not(component_queue_in_the_middle(&q));
    (void)take(strlen("<handshake/>"));
    while (!strstr(out, "</message>"))
        (void)take(1);
    cr_expect_not(component_queue_in_the_middle(&q));
    (void)take(5);
    cr_expect(component_queue_in_the_middle(&q));
    cr_assert_eq(component_queue_text(&q, S2S_STR("</stream:stream>")), S2S_OK);
    for (; component_queue_pop(&q, &st, &held); next++) {
        (void)snprintf(id, sizeof id, "%zu", next);
        cr_assert(s2s_str_eq(st.id, s2s_str_of(id)), "%zu", next);
        cr_assert(s2s_str_eq(st.from, S2S_STR("a&<'@b.example")));
        cr_assert(s2s_str_eq(st.to, S2S_STR("c@d.example/r")));
        cr_assert_null(st.type.ptr);
        cr_assert_eq(st.inner.len, 0);
        component_queue_drop(&q, held);
    }
    cr_expect_eq(next, MANY);
    out_len = 0;
    cr_expect_eq(q.bytes, strlen("</stream:stream>"));
    (void)take(OUT_MAX);
    cr_expect_eq(memcmp(out, "</stream:stream>", strlen("</stream:stream>")), 0);
    cr_expect_null(q.first);
}

Test(component_queue, framing_before_what_is_taken_out_goes_out)
{
    s2s_stanza st;
    component_block *one, *two;
    uv_buf_t first;
    cr_assert_eq(component_queue_text(&q, S2S_STR("<handshake/>")), S2S_OK);
    push(0, "");
    push(1, "");
    cr_assert(component_queue_lend_first(&q, &first));
    cr_expect_eq(first.len, strlen("<handshake/>"));
    cr_assert(component_queue_pop(&q, &st, &one));
    cr_assert(component_queue_pop(&q, &st, &two)); /* while the other is lent */
    cr_expect(s2s_str_eq(st.id, S2S_STR("1")));
    cr_assert_eq(component_queue_text(&q, S2S_STR("</end>")), S2S_OK);
    component_queue_drop(&q, one);
    component_queue_drop(&q, two);
    while (take(3) > 0) {}
    cr_expect_eq(out_len, strlen("<handshake/></end>"));
    cr_expect_eq(memcmp(out, "<handshake/></end>", out_len), 0);
    cr_expect_not(component_queue_lend_first(&q, &first));
}
