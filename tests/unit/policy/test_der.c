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

/* The public key of a certificate, or nothing: whatever is cut off or replaced. */
Test(der, public_key_of_what_is_hardly_a_certificate)
{
    static const struct {
        const char *name, *octets;
        size_t len;
        bool ok;
    } ROWS[] = {
        {"with a version", "\x30\x10\x30\x0e\xa0\x00\x02\x00\x30\x00\x30\x00\x30\x00\x30\x00\x30\x00", 18, true},
        {"without a version", "\x30\x0e\x30\x0c\x02\x00\x30\x00\x30\x00\x30\x00\x30\x00\x30\x00", 16, true},
        {"nothing", "", 0, false},
        {"no sequence", "\x04\x02\x30\x00", 4, false},
        {"empty", "\x30\x00", 2, false},
        {"no sequence in it", "\x30\x02\x04\x00", 4, false},
        {"ends before the key", "\x30\x0a\x30\x08\x02\x00\x30\x00\x30\x00\x30\x00", 12, false},
        {"no key at its end", "\x30\x0c\x30\x0a\x02\x00\x30\x00\x30\x00\x30\x00\x30\x00", 14, false},
        {"a key that is no sequence", "\x30\x0e\x30\x0c\x02\x00\x30\x00\x30\x00\x30\x00\x30\x00\x04\x00", 16, false},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        s2s_bytes key = {NULL, 0};
        cr_expect_eq(eku__der_spki((s2s_bytes){(const uint8_t *)ROWS[i].octets, ROWS[i].len}, &key), ROWS[i].ok, "%s", ROWS[i].name);
        cr_expect(ROWS[i].ok ? key.ptr == (const uint8_t *)ROWS[i].octets + ROWS[i].len - 2 && key.len == 2 : key.len == 0, "%s",
                  ROWS[i].name);
    }
}
