/* SPDX-License-Identifier: MIT */
/* test_watch.c: a file that changes is told of once, when it has stopped changing; and when a certificate is near its end. */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "certificates.h"
#include "support/test_env.h"

enum { GUARD_MS = 60000 };

typedef struct fixture {
    test_env t;
    uv_loop_t loop;
    uv_timer_t guard;
    char dir[32], file[64];
    watch *watch;
    unsigned changes;
} fixture;

static void on_changed(void *user)
{
    ((fixture *)user)->changes++;
}

static void on_guard(uv_timer_t *timer)
{
    (void)timer;
    cr_assert_fail("waited too long");
}

static void write_file(const fixture *x, const char *text)
{
    char other[80];
    (void)snprintf(other, sizeof other, "%s.new", x->file);
    FILE *f = fopen(other, "w");
    cr_assert_not_null(f);
    (void)fputs(text, f);
    cr_assert_eq(fclose(f), 0);
    cr_assert_eq(rename(other, x->file), 0);
}

static void begin(fixture *x)
{
    *x = (fixture){.dir = "/tmp/s2sd-watch-XXXXXX"};
    test_env_init(&x->t);
    cr_assert_not_null(mkdtemp(x->dir));
    (void)snprintf(x->file, sizeof x->file, "%s/file", x->dir);
    uv_loop_init(&x->loop);
    uv_timer_init(&x->loop, &x->guard);
    uv_timer_start(&x->guard, on_guard, GUARD_MS, 0);
    cr_assert_eq(watch_new(&x->t.env, &x->loop, on_changed, x, &x->watch), S2S_OK);
}

static void end(fixture *x)
{
    watch_stop(x->watch);
    uv_close((uv_handle_t *)&x->guard, NULL);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    watch_free(x->watch);
    cr_expect_eq(uv_loop_close(&x->loop), 0);
    (void)unlink(x->file);
    cr_expect_eq(rmdir(x->dir), 0);
    cr_expect_eq(x->t.live, 0u, "%zu blocks are left", x->t.live);
}

static s2s_err set(fixture *x)
{
    const char *files[] = {x->file};
    watch_files *f;
    s2s_err err = watch_look(&x->t.env, files, 1, &f);
    if (err == S2S_OK)
        watch_take(x->watch, f);
    return err;
}

static void until(fixture *x, unsigned changes)
{
    while (x->changes < changes)
        uv_run(&x->loop, UV_RUN_ONCE);
}

Test(watch, tells_once_of_a_file_that_is_replaced_or_appears)
{
    fixture x;
    begin(&x);
    cr_assert_eq(set(&x), S2S_OK, "it need not be there");
    write_file(&x, "one");
    until(&x, 1);
    write_file(&x, "two");
    until(&x, 2);
    cr_expect_eq(set(&x), S2S_OK, "what there is now is known");
    write_file(&x, "three");
    until(&x, 3);
    cr_expect_eq(x.changes, 3u);
    end(&x);
}

Test(watch, tells_of_what_changed_before_a_reading_that_failed)
{
    fixture x;
    begin(&x);
    write_file(&x, "one");
    cr_assert_eq(set(&x), S2S_OK);
    write_file(&x, "two");
    const char *files[] = {x.file};
    watch_files *f;
    cr_assert_eq(watch_look(&x.t.env, files, 1, &f), S2S_OK);
    watch_files_free(f); /* something else could not be read */
    until(&x, 1);
    end(&x);
}

Test(watch, tells_of_what_changed_between_the_look_and_the_end_of_the_reading)
{
    fixture x;
    begin(&x);
    write_file(&x, "one");
    const char *files[] = {x.file};
    watch_files *f;
    cr_assert_eq(watch_look(&x.t.env, files, 1, &f), S2S_OK);
    write_file(&x, "two");
    watch_take(x.watch, f);
    until(&x, 1);
    end(&x);
}

Test(watch, out_of_memory_keeps_what_is_watched)
{
    fixture x;
    begin(&x);
    write_file(&x, "one");
    cr_assert_eq(set(&x), S2S_OK);
    for (long after = 0; after < 3; after++) {
        x.t.fail_after = after;
        cr_expect_eq(set(&x), S2S_E_NOMEM);
        x.t.fail_after = -1;
    }
    write_file(&x, "two");
    until(&x, 1);
    end(&x);
}

Test(certificates, near_their_end)
{
    enum { DAY = 86400 };
    static const struct {
        const char *what;
        int64_t life, left;
        bool near;
    } ROWS[] = {
        {"90 days, renewed in time", 90 * DAY, 30 * DAY, false}, {"90 days, late", 90 * DAY, 14 * DAY, true},
        {"90 days, 15 left", 90 * DAY, 15 * DAY, false},         {"45 days, 8 left", 45 * DAY, 8 * DAY, false},
        {"45 days, 7 left", 45 * DAY, 7 * DAY, true},            {"6 days, 2 left", 6 * DAY, 2 * DAY, false},
        {"6 days, 1 left", 6 * DAY, DAY, true},                  {"over", 90 * DAY, -DAY, true},
        {"10 years, a month left", 3650 * (int64_t)DAY, 30 * DAY, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++)
        cr_expect_eq(certificates_is_near(1000, 1000 + ROWS[i].life, 1000 + ROWS[i].life - ROWS[i].left), ROWS[i].near, "%s",
                     ROWS[i].what);
}
