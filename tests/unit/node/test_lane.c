/* SPDX-License-Identifier: MIT */
/* test_lane.c: what is written into a lane is read in order, whole, once, and counted when it was read. */
#include "node/lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

enum { MANY = 2000, EACH = 400 /* a note */ };

static struct {
    test_env t;
    uv_loop_t loop;
    uv_async_t wake;
    lane lane;
    int next, stop_at; /* the number that must come; the one after which reading stops, or 0 */
    int notes, rooms;
    bool full; /* the writer was told to pause */
} w;

static void on_wake(uv_async_t *wake)
{
    (void)wake;
}

static void begin(void)
{
    memset(&w, 0, sizeof w);
    test_env_init(&w.t);
    cr_assert_eq(uv_loop_init(&w.loop), 0);
    cr_assert_eq(uv_async_init(&w.loop, &w.wake, on_wake), 0);
    cr_assert_eq(lane_init(&w.lane, &w.t.env, &w.wake), S2S_OK);
}

static void end(void)
{
    lane_free(&w.lane);
    uv_close((uv_handle_t *)&w.wake, NULL);
    (void)uv_run(&w.loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&w.loop), 0);
    cr_expect_eq(w.t.live, 0u);
}

TestSuite(lane, .init = begin, .fini = end);

static s2s_err write_one(int number, size_t inner, bool counted)
{
    char id[16], *body = calloc(1, inner + 1);
    memset(body, 'x', inner);
    (void)snprintf(id, sizeof id, "%d", number);
    s2s_stanza st = {.kind = S2S_MESSAGE, .from = S2S_STR("a@b.example"), .to = S2S_STR("c@d.example"), .id = s2s_str_of(id),
                     .type = S2S_STR("chat"), .attrs = S2S_STR(" x='y'"), .inner = {body, inner}};
    s2s_err err = lane_write(&w.lane, &st, counted);
    free(body);
    return err;
}

static bool each(void *arg, const s2s_stanza *st)
{
    char id[16];
    (void)arg;
    (void)snprintf(id, sizeof id, "%.*s", S2S_FMT(st->id));
    cr_assert_eq(strtol(id, NULL, 10), w.next, "%s comes instead of %d", id, w.next);
    cr_expect(s2s_str_eq(st->from, S2S_STR("a@b.example")) && s2s_str_eq(st->to, S2S_STR("c@d.example")));
    cr_expect(s2s_str_eq(st->attrs, S2S_STR(" x='y'")) && !st->lang.ptr);
    for (size_t i = 0; i < st->inner.len; i++)
        cr_assert_eq(st->inner.ptr[i], 'x');
    w.next++;
    return w.next - 1 != w.stop_at || w.stop_at == 0;
}

static void on_room(void *arg)
{
    (void)arg;
    w.rooms++;
}

static bool read_all(void)
{
    return lane_read(&w.lane, each, on_room, NULL);
}

static void on_note(void *arg)
{
    cr_expect_eq(w.next, *(const int *)arg, "a note has its place, too");
    w.notes++;
}

Test(lane, keeps_the_order_over_chunks_of_all_sizes)
{
    static int at[MANY / EACH];
    for (int i = 0; i < MANY; i++) {
        if (i % EACH == 0) {
            at[i / EACH] = i;
            cr_assert_eq(lane_write_note(&w.lane, on_note, &at[i / EACH]), S2S_OK);
        }
        cr_assert_eq(write_one(i, i % 100 == 7 ? 2 * LANE_CHUNK_BYTES : (size_t)(i % 50), false), S2S_OK);
        if (i == MANY / 2) /* the rest is read after what was there */
            lane_flush(&w.lane);
        if (i % 700 == 699)
            (void)read_all();
    }
    lane_flush(&w.lane);
    cr_expect(read_all());
    cr_expect_eq(w.next, MANY);
    cr_expect_eq(w.notes, MANY / EACH);
}

Test(lane, nothing_is_read_before_it_is_handed_over)
{
    cr_assert_eq(write_one(0, 10, true), S2S_OK);
    cr_expect(read_all());
    cr_expect_eq(w.next, 0);
    lane_flush(&w.lane);
    cr_expect(read_all());
    cr_expect_eq(w.next, 1);
}

/* A worker acknowledges what this counts. */
Test(lane, counts_what_was_read_and_not_what_was_written)
{
    for (int i = 0; i < 10; i++)
        cr_assert_eq(write_one(i, 10, i % 2 == 0), S2S_OK);
    lane_flush(&w.lane);
    cr_expect_eq(lane_count(&w.lane), 0u);
    w.stop_at = 4;
    cr_expect_not(read_all());
    cr_expect_eq(w.next, 5);
    cr_expect_eq(lane_count(&w.lane), 0u, "by whole chunks");
    w.stop_at = 0;
    cr_expect(read_all());
    cr_expect_eq(lane_count(&w.lane), 5u);
}

Test(lane, says_when_it_is_full_and_once_when_there_is_room)
{
    int written = 0;
    while (!lane_is_full(&w.lane)) {
        cr_assert_eq(write_one(written++, 1000, false), S2S_OK);
        cr_assert_lt(written, 1000000);
    }
    cr_expect(lane_is_full(&w.lane), "until the reader has said so");
    cr_assert_eq(write_one(written++, 1000, false), S2S_OK, "what comes all the same is taken");
    lane_flush(&w.lane);
    cr_expect(read_all());
    cr_expect_eq(w.next, written);
    cr_expect_eq(w.rooms, 1);
    cr_expect_not(lane_is_full(&w.lane));
}

Test(lane, without_memory_nothing_is_taken)
{
    cr_assert_eq(write_one(0, 10, false), S2S_OK);
    w.t.fail_after = 0;
    cr_expect_eq(write_one(1, 2 * LANE_CHUNK_BYTES, false), S2S_E_NOMEM);
    cr_expect_eq(lane_write_note(&w.lane, on_note, NULL), S2S_E_NOMEM);
    w.t.fail_after = -1;
    cr_assert_eq(write_one(1, 10, false), S2S_OK);
    lane_flush(&w.lane);
    cr_expect(read_all());
    cr_expect_eq(w.next, 2);
}
