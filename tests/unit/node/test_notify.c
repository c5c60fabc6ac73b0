/* SPDX-License-Identifier: MIT */
/* test_notify.c: what the service manager hears, over paths and abstract names, and when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "node/notify.h"
#include "support/test_env.h"

enum { HEARD_MAX = 256, PATIENCE_SECONDS = 20 };

static test_env t;
static uv_loop_t loop;
static notify n;
static int manager = -1;
static char heard[HEARD_MAX];

static void start(void)
{
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    socklen_t len = sizeof at;
    char name[sizeof at.sun_path + 1] = "";
    test_env_init(&t);
    cr_assert_eq(uv_loop_init(&loop), 0);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(manager >= 0);
    cr_assert_eq(bind(manager, (const struct sockaddr *)&at, sizeof at.sun_family), 0); /* the kernel picks an abstract name */
    cr_assert_eq(getsockname(manager, (struct sockaddr *)&at, &len), 0);
    name[0] = '@';
    memcpy(name + 1, at.sun_path + 1, len - sizeof at.sun_family - 1);
    cr_assert_eq(setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    cr_assert_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

static void stop(void)
{
    notify_stop(&n);
    notify_stop(&n);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_expect_eq(uv_loop_close(&loop), 0, "handles are left");
    close(manager);
}

TestSuite(notify, .init = start, .fini = stop, .timeout = 60);

static const char *hear(void)
{
    ssize_t got = recv(manager, heard, sizeof heard - 1, 0);
    cr_assert(got >= 0, "nothing was said");
    heard[got] = '\0';
    return heard;
}

Test(notify, states_arrive_as_they_are_at_an_abstract_name)
{
    notify_start(&n, &t.env, &loop);
    notify_send(&n, "READY=1");
    cr_expect_str_eq(hear(), "READY=1");
    notify_send(&n, "STOPPING=1");
    cr_expect_str_eq(hear(), "STOPPING=1");
}

Test(notify, a_path_is_as_good)
{
    char directory[] = "/tmp/notify-XXXXXX";
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    cr_assert_not_null(mkdtemp(directory));
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s/socket", directory);
    close(manager);
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(manager, (const struct sockaddr *)&at, sizeof at), 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    notify_start(&n, &t.env, &loop);
    notify_send(&n, "READY=1");
    cr_expect_str_eq(hear(), "READY=1");
    unlink(at.sun_path);
    rmdir(directory);
}

Test(notify, a_reload_says_when_it_began)
{
    notify_start(&n, &t.env, &loop);
    notify_reloading(&n);
    unsigned long long at = 0;
    cr_assert_eq(strncmp(hear(), "RELOADING=1\nMONOTONIC_USEC=", 27), 0, "%s", heard);
    at = strtoull(heard + 27, NULL, 10);
    cr_expect(at > 0 && at <= uv_hrtime() / 1000);
}

Test(notify, signs_of_life_come_from_the_loop_and_do_not_keep_it)
{
    setenv("WATCHDOG_USEC", "2000", 1);
    notify_start(&n, &t.env, &loop);
    cr_expect_eq(uv_run(&loop, UV_RUN_NOWAIT), 0);
    uv_ref((uv_handle_t *)&n.watchdog);
    uv_run(&loop, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)&n.watchdog);
    cr_expect_str_eq(hear(), "WATCHDOG=1");
}

static bool every_other(void *count)
{
    return (*(unsigned *)count)++ % 2 == 1;
}

Test(notify, without_life_there_is_no_sign_of_it)
{
    unsigned asked = 0;
    setenv("WATCHDOG_USEC", "2000", 1);
    notify_start(&n, &t.env, &loop);
    n.lives = every_other;
    n.arg = &asked;
    uv_ref((uv_handle_t *)&n.watchdog);
    while (asked < 4)
        uv_run(&loop, UV_RUN_ONCE);
    uv_unref((uv_handle_t *)&n.watchdog);
    notify_send(&n, "STOPPING=1");
    cr_expect_str_eq(hear(), "WATCHDOG=1");
    cr_expect_str_eq(hear(), "WATCHDOG=1");
    cr_expect_str_eq(hear(), "STOPPING=1");
}

Test(notify, a_watchdog_of_another_process_or_none_is_left_alone)
{
    static const char *const ROWS[][2] = {{"2000", "1"}, {"0", NULL}, {"-5", NULL}, {"", NULL}, {"2000x", NULL},
                                          {"99999999999999999999999", NULL}, {"1", NULL}};
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        setenv("WATCHDOG_USEC", ROWS[i][0], 1);
        if (ROWS[i][1])
            setenv("WATCHDOG_PID", ROWS[i][1], 1);
        else
            unsetenv("WATCHDOG_PID");
        notify_start(&n, &t.env, &loop);
        cr_expect_not(n.beats, "%s", ROWS[i][0]);
    }
}

Test(notify, without_a_manager_nothing_happens)
{
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "2000", 1);
    notify_start(&n, &t.env, &loop);
    notify_send(&n, "READY=1");
    notify_reloading(&n);
    cr_expect_not(n.beats);
    cr_expect_str_empty(t.last_log);
    n = (notify){0}; /* as before the start */
    notify_send(&n, "STOPPING=1");
}

Test(notify, a_manager_that_is_gone_or_unfit_is_a_line_in_the_log)
{
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    notify_start(&n, &t.env, &loop);
    notify_send(&n, "READY=1");
    cr_expect_not_null(strstr(t.last_log, "could not be told"), "%s", t.last_log);
    *t.last_log = '\0';
    setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
    notify_start(&n, &t.env, &loop);
    cr_expect_null(n.path);
    cr_expect_not_null(strstr(t.last_log, "neither a path"), "%s", t.last_log);
}
