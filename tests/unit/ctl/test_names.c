/* SPDX-License-Identifier: MIT */
/* test_names.c: lists of domains. */
#include "probe/list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static list_names names;
static char path[] = "/tmp/s2s-names-XXXXXX", why[S2S_TEXT_MAX];

static void begin(void)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert_eq(list_names_init(&names), S2S_OK);
}

static void end(void)
{
    list_names_free(&names);
    unlink(path);
}

TestSuite(ctl_names, .init = begin, .fini = end);

static s2s_err read_text(const char *text)
{
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
    return list_names_read(&names, path, why);
}

static const char *at(size_t i)
{
    return json_string_value(json_array_get(names.names, i));
}

Test(ctl_names, one_on_each_line_each_once_in_order)
{
    cr_assert_eq(read_text("# list\n b.example \r\n\na.example # why\nb.example\n\tc.example"), S2S_OK, "%s", why);
    cr_assert_eq(json_array_size(names.names), 3);
    cr_expect_str_eq(at(0), "b.example");
    cr_expect_str_eq(at(1), "a.example");
    cr_expect_str_eq(at(2), "c.example");
}

Test(ctl_names, an_empty_file_is_an_empty_list)
{
    cr_assert_eq(read_text(""), S2S_OK, "%s", why);
    cr_expect_eq(json_array_size(names.names), 0);
}

Test(ctl_names, a_bad_line_is_named)
{
    cr_expect_eq(read_text("a.example\nb example\n"), S2S_E_SYNTAX);
    cr_expect_not_null(strstr(why, ":2: not a domain name"), "%s", why);
    cr_expect_eq(read_text("\n\xff\xfe\n"), S2S_E_SYNTAX);
    cr_expect_not_null(strstr(why, ":2: "), "%s", why);
}

Test(ctl_names, a_line_that_is_too_long_is_refused)
{
    char line[PROBE_NAME_MAX + 2];
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    cr_expect_eq(read_text(line), S2S_E_SYNTAX);
    line[PROBE_NAME_MAX] = '\0';
    cr_expect_eq(read_text(line), S2S_OK);
}

Test(ctl_names, a_file_that_is_not_there_is_named)
{
    cr_expect_eq(list_names_read(&names, "/nonexistent/list", why), S2S_E_IO);
    cr_expect_not_null(strstr(why, "/nonexistent/list: "), "%s", why);
}
