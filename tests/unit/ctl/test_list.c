/* SPDX-License-Identifier: MIT */
/* test_list.c: many domains at once, results kept, interrupted and taken up again. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "probe/list.h"

static world w;
static list_names names;
static list_options options;
static size_t fresh, old;
static bool interrupt_at_first;
static char path[] = "/tmp/s2s-list-XXXXXX";

static void on_result(void *arg, const json_t *result, bool is_old)
{
    (void)arg;
    cr_expect_neq(strlen(at(result, "domain")), 0);
    *(is_old ? &old : &fresh) += 1;
    if (interrupt_at_first && !is_old)
        (void)raise(SIGINT);
}

static void begin(void)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    world_begin(&w, S2S_TLS_STARTTLS);
    cr_assert_eq(list_names_init(&names), S2S_OK);
    options = (list_options){.jobs = 2, .rate = 0, .result = on_result};
    fresh = old = 0;
    interrupt_at_first = false;
}

static void end(void)
{
    list_names_free(&names);
    world_end(&w);
    unlink(path);
}

TestSuite(ctl_list, .init = begin, .fini = end, .timeout = 60);

static void add(const char *const *list, size_t len)
{
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(list_names_add(&names, list[i]), S2S_OK);
}

static void run_list(bool want_interrupted)
{
    char why[S2S_TEXT_MAX];
    bool interrupted = false;
    if (!w.has_context)
        world_open(&w);
    cr_assert_eq(list_run(&w.context, &names, &options, &interrupted, why), S2S_OK, "%s", why);
    cr_expect_eq(interrupted, want_interrupted);
}

static const char *const FIVE[] = {"b.example", "x.example", "y.example", "B.EXAMPLE", "z.example"};

Test(ctl_list, each_is_probed)
{
    add(FIVE, 5);
    run_list(false);
    cr_expect_eq(fresh, 5);
}

Test(ctl_list, an_empty_list_ends_at_once)
{
    run_list(false);
    cr_expect_eq(fresh, 0);
}

Test(ctl_list, the_other_way_is_asked_of_a_node_and_a_node_that_is_not_there_is_no_end)
{
    w.options.control = "/nonexistent/socket";
    add(FIVE, 2);
    run_list(false);
    cr_expect_eq(fresh, 2);
}

Test(ctl_list, what_the_output_file_holds_is_not_probed_again)
{
    options.output = path;
    add(FIVE, 3);
    run_list(false);
    cr_expect_eq(fresh, 3);
    add(FIVE, 5);
    run_list(false);
    cr_expect_eq(old, 3);
    cr_expect_eq(fresh, 4, "z.example alone: B.EXAMPLE is b.example");
}

Test(ctl_list, a_line_that_was_cut_is_probed_again)
{
    options.output = path;
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    (void)fputs("{\"domain\":\"x.example\",\"from\":\"a.example\",\"protocol\":\"xmpp\",\"answer\":\"broken\"}\n{"
                "\"domain\":\"y.exa",
                f);
    (void)fclose(f);
    add(FIVE, 3);
    run_list(false);
    cr_expect_eq(old, 1);
    cr_expect_eq(fresh, 2);
    fresh = old = 0;
    run_list(false);
    cr_expect_eq(old, 3, "the file is whole again");
    cr_expect_eq(fresh, 0);
}

Test(ctl_list, results_of_another_question_are_not_mixed_in)
{
    char why[S2S_TEXT_MAX];
    bool interrupted;
    options.output = path;
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    (void)fputs("{\"domain\":\"x.example\",\"from\":\"other.example\",\"protocol\":\"xmpp\"}\n", f);
    (void)fclose(f);
    add(FIVE, 1);
    world_open(&w);
    cr_expect_eq(list_run(&w.context, &names, &options, &interrupted, why), S2S_E_INVAL);
    cr_expect_not_null(strstr(why, "--from"), "%s", why);
    cr_expect_eq(fresh, 0);
}

Test(ctl_list, an_interrupt_keeps_what_there_is)
{
    options.output = path;
    options.jobs = 1;
    interrupt_at_first = true;
    add(FIVE, 5);
    run_list(true);
    cr_expect_eq(fresh, 1);
    interrupt_at_first = false;
    run_list(false);
    cr_expect_eq(old, 1);
}
