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
