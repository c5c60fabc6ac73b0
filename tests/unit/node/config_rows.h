/* SPDX-License-Identifier: MIT */
/* config_rows.h: tables of (configuration, exact lines that are written for it). */
#ifndef CONFIG_ROWS_H
#define CONFIG_ROWS_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "config_fixture.h"

/* What every configuration needs, in one line. */
#define DOMAINS "domains: [{name: a.example, certificate: a.pem, key: a.key}]\n"
/* The place and the file's name, before each line. */
#define AT(line, column) "s2sd.yaml:" #line ":" #column ": "

typedef struct config_row {
    const char *text, *problems; /* "": it is good */
} config_row;

static inline void config_rows_check(const config_row *row, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *got = config_fixture_problems(s2s_str_of(row[i].text), NULL);
        cr_expect_str_eq(got, row[i].problems, "%s\ngot:\n%s\nwanted:\n%s", row[i].text, got,
                         row[i].problems);
        free(got);
    }
}
#define CONFIG_ROWS_CHECK(row) config_rows_check(row, sizeof(row) / sizeof *(row))

#endif
