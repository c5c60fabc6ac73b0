/* SPDX-License-Identifier: MIT */
/* test_queue.c: order, bounds, and what a full queue says. */
#include "federation/queue.h"

#include <criterion/criterion.h>
#include <string.h>

#include "support/test_env.h"

static s2s_stanza stanza(const char *id, s2s_str inner)
{
    return (s2s_stanza){.kind = S2S_IQ,
                        .from = S2S_STR("a@x.example"),
                        .to = S2S_STR("b@y.example"),
                        .id = s2s_str_of(id),
                        .type = S2S_STR("get"),
                        .attrs = S2S_STR(""),
                        .inner = inner};
}

Test(queue, gives_back_what_came_in_order_with_absent_parts_absent)
{
    test_env t;
    s2s__queue q = {0};
    test_env_init(&t);
    s2s_stanza one = stanza("1", S2S_STR("<q/>")), two = stanza("2", S2S_STR(""));
    two.type = S2S_STR_ABSENT;
    cr_assert_eq(s2s__queue_push(&q, &t.env, &one), S2S_OK);
    cr_assert_eq(s2s__queue_push(&q, &t.env, &two), S2S_OK);
    const s2s_stanza *got = s2s__queue_first(&q);
    cr_expect(s2s_str_eq(got->id, S2S_STR("1")) && s2s_str_eq(got->inner, S2S_STR("<q/>")));
    cr_expect_eq(got->kind, S2S_IQ);
    cr_expect_null(got->lang.ptr);
    s2s__queue_pop(&q, &t.env);
    got = s2s__queue_first(&q);
    cr_expect(s2s_str_eq(got->id, S2S_STR("2")));
    cr_expect_null(got->type.ptr);
    s2s__queue_pop(&q, &t.env);
    cr_expect_null(s2s__queue_first(&q));
    cr_expect_eq(q.bytes, 0u);
    cr_expect_eq(t.live, 0u);
}

Test(queue, is_bounded_by_number_and_by_bytes)
{
    static char big[40000];
    test_env t;
    s2s__queue q = {0};
    test_env_init(&t);
    memset(big, 'x', sizeof big);
    t.env.limits.queue_stanzas = 4;
    t.env.limits.queue_bytes = 65536;
    s2s_stanza small = stanza("s", S2S_STR("")), large = stanza("l", (s2s_str){big, sizeof big});
    cr_expect_eq(s2s__queue_filled(&q, &t.env, 4), 0u);
    cr_assert_eq(s2s__queue_push(&q, &t.env, &large), S2S_OK);
    cr_expect_eq(s2s__queue_filled(&q, &t.env, 4), 2u, "40 of 64 kB");
    cr_expect_eq(s2s__queue_push(&q, &t.env, &large), S2S_E_LIMIT);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(s2s__queue_push(&q, &t.env, &small), S2S_OK);
    cr_expect_eq(s2s__queue_push(&q, &t.env, &small), S2S_E_LIMIT);
    cr_expect_eq(s2s__queue_filled(&q, &t.env, 4), 4u);
    s2s__queue_clear(&q, &t.env);
    t.fail_after = 0;
    cr_expect_eq(s2s__queue_push(&q, &t.env, &small), S2S_E_NOMEM);
    cr_expect_eq(t.live, 0u);
}

/* What a broken stream leaves goes ahead of what came later (XEP-0198 section 4), whichever of the two is empty. */
Test(queue, what_is_older_goes_before_in_order)
{
    static const char *const IDS[] = {"1", "2", "3", "4"};
    for (size_t split = 0; split <= 4; split++) {
        test_env t;
        s2s__queue older = {0}, q = {0};
        test_env_init(&t);
        for (size_t i = 0; i < 4; i++) {
            s2s_stanza st = stanza(IDS[i], S2S_STR("<q/>"));
            cr_assert_eq(s2s__queue_add(i < split ? &older : &q, &t.env, &st), S2S_OK);
        }
        s2s__queue_put_before(&q, &older);
        cr_expect_eq(older.stanzas + older.bytes, 0u);
        cr_expect_null(s2s__queue_first(&older));
        cr_expect_eq(q.stanzas, 4u);
        s2s_stanza last = stanza("5", S2S_STR(""));
        cr_assert_eq(s2s__queue_push(&q, &t.env, &last), S2S_OK);
        for (size_t i = 0; i < 4; i++) {
            cr_expect(s2s_str_eq(s2s__queue_first(&q)->id, s2s_str_of(IDS[i])), "%zu of which %zu are older", i, split);
            s2s__queue_pop(&q, &t.env);
        }
        cr_expect(s2s_str_eq(s2s__queue_first(&q)->id, S2S_STR("5")));
        s2s__queue_pop(&q, &t.env);
        cr_expect_eq(q.bytes, 0u);
        cr_expect_eq(t.live, 0u);
    }
}
