/* SPDX-License-Identifier: MIT */
/* test_der.c: tag, length, value: what is DER, and what is cut short or not the shortest form. */
#include "policy/der.h"

#include <string.h>

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(der, lengths)
{
    static const struct {
        const char *name;
        uint8_t octets[8];
        size_t len;
        bool ok;
        size_t body, rest;
    } ROWS[] = {
        {"nothing", {0}, 0, false, 0, 0},
        {"a tag alone", {0x30}, 1, false, 0, 0},
        {"empty", {0x30, 0}, 2, true, 0, 0},
        {"one octet", {0x04, 1, 7}, 3, true, 1, 0},
        {"and more behind", {0x04, 1, 7, 8, 9}, 5, true, 1, 2},
        {"cut short", {0x04, 2, 7}, 3, false, 0, 0},
        {"indefinite", {0x30, 0x80, 0, 0}, 4, false, 0, 0},
        {"long form of a short length", {0x04, 0x81, 1, 7}, 4, false, 0, 0},
        {"leading zero", {0x04, 0x82, 0, 0x80}, 4, false, 0, 0},
        {"length cut short", {0x04, 0x82, 1}, 3, false, 0, 0},
        {"far too long", {0x04, 0x84, 0xff, 0xff, 0xff, 0xff}, 6, false, 0, 0},
        {"five octets of length", {0x04, 0x85, 1, 0, 0, 0, 0}, 7, false, 0, 0},
        {"long tag", {0x1f, 1, 7}, 3, false, 0, 0},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_bytes in = {ROWS[i].octets, ROWS[i].len};
        eku__der value;
        cr_assert_eq(eku__der_next(&in, &value), ROWS[i].ok, "%s", ROWS[i].name);
        cr_expect_eq(in.len, ROWS[i].ok ? ROWS[i].rest : ROWS[i].len, "%s", ROWS[i].name);
        if (ROWS[i].ok)
            cr_expect_eq(value.body.len, ROWS[i].body, "%s", ROWS[i].name);
    }
}

Test(der, takes_only_the_tag_that_was_asked_for)
{
    static const uint8_t IN[] = {0x30, 0, 0x04, 0};
    s2s_bytes in = {IN, sizeof IN};
    eku__der value;
    cr_expect_not(eku__der_take(&in, 0x04, &value));
    cr_expect_eq(in.len, sizeof IN);
    cr_expect(eku__der_take(&in, 0x30, &value) && eku__der_take(&in, 0x04, &value) && in.len == 0);
}
