/* SPDX-License-Identifier: MIT */
/* test_utf8.c: is it UTF-8? */
#include "protocol/xml/utf8.h"

#include <string.h>

#include <criterion/criterion.h>

static const struct {
    const char *id, *bytes;
    size_t len;
    s2s__utf8_result want;
    size_t good;
} ROWS[] = {
    {"nothing", "", 0, UTF8_OK, 0},
    {"ASCII", "0123456789abcdef\t\n\x01\x7f", 20, UTF8_OK, 20},
    {"two octets, least", "\xc2\x80", 2, UTF8_OK, 2},
    {"two octets, most", "\xdf\xbf", 2, UTF8_OK, 2},
    {"three octets, least", "\xe0\xa0\x80", 3, UTF8_OK, 3},
    {"before the surrogates", "\xed\x9f\xbf", 3, UTF8_OK, 3},
    {"behind the surrogates", "\xee\x80\x80", 3, UTF8_OK, 3},
    {"four octets, least", "\xf0\x90\x80\x80", 4, UTF8_OK, 4},
    {"U+10FFFF", "\xf4\x8f\xbf\xbf", 4, UTF8_OK, 4},
    {"XM-04 U+FEFF is a character", "\xef\xbb\xbfx", 4, UTF8_OK, 4},
    {"XM-03 NUL", "abc\0def", 7, UTF8_NUL, 3},
    {"XM-03 NUL in a word of ASCII", "abcdefg\0hijklmno", 16, UTF8_NUL, 7},
    {"XM-03 overlong of two", "a\xc0\xaf", 3, UTF8_BAD, 1},
    {"XM-03 overlong of two", "\xc1\xbf", 2, UTF8_BAD, 0},
    {"XM-03 overlong of three", "\xe0\x9f\xbf", 3, UTF8_BAD, 1},
    {"XM-03 overlong of four", "\xf0\x8f\xbf\xbf", 4, UTF8_BAD, 1},
    {"XM-03 surrogate", "\xed\xa0\x80", 3, UTF8_BAD, 1},
    {"XM-03 last surrogate", "\xed\xbf\xbf", 3, UTF8_BAD, 1},
    {"XM-03 above U+10FFFF", "\xf4\x90\x80\x80", 4, UTF8_BAD, 1},
    {"XM-03 F5", "\xf5\x80\x80\x80", 4, UTF8_BAD, 0},
    {"XM-03 FF", "12345678\xff", 9, UTF8_BAD, 8},
    {"XM-03 lone continuation", "\x80", 1, UTF8_BAD, 0},
    {"XM-03 a lead after a lead", "\xc3\xc3", 2, UTF8_BAD, 1},
    {"XM-03 a letter inside a character", "\xe2\x82" "a", 3, UTF8_BAD, 2},
    {"XM-03 NUL inside a character", "\xe2\0\x80", 3, UTF8_BAD, 1},
    {"XM-03 UTF-16 with BOM", "\xff\xfe<\0", 4, UTF8_BAD, 0},
    {"XM-03 UTF-16 without", "<\0?\0", 4, UTF8_NUL, 1},
    {"XM-03 latin1", "M\xfcller", 6, UTF8_BAD, 1},
    {"an end inside a character is not bad yet", "ab\xe2\x82", 4, UTF8_OK, 4},
};

Test(utf8, whole_and_split_at_every_octet)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const uint8_t *bytes = (const uint8_t *)ROWS[i].bytes;
        for (size_t split = 0; split <= ROWS[i].len; split++) {
            s2s__utf8 u = {0};
            size_t good = 99, before = 0;
            s2s__utf8_result r = s2s__utf8_check(&u, bytes, split, &good);
            if (r == UTF8_OK) {
                cr_expect_eq(good, split);
                before = split;
                r = s2s__utf8_check(&u, bytes + split, ROWS[i].len - split, &good);
            }
            cr_expect_eq(r, ROWS[i].want, "%s, split at %zu", ROWS[i].id, split);
            cr_expect_eq(before + good, ROWS[i].good, "%s, split at %zu", ROWS[i].id, split);
        }
    }
}

Test(utf8, an_unfinished_character_is_remembered)
{
    s2s__utf8 u = {0};
    size_t good;
    cr_expect_eq(s2s__utf8_check(&u, (const uint8_t *)"\xf0\x9f", 2, &good), UTF8_OK);
    cr_expect_eq(u.need, 2);
    cr_expect_eq(s2s__utf8_check(&u, (const uint8_t *)"\x98\x80 12345678", 11, &good), UTF8_OK);
    cr_expect_eq(u.need, 0);
}

/* Every lead with every second octet, against the table of RFC 3629 section 4. */
Test(utf8, second_octets_follow_rfc_3629)
{
    for (unsigned a = 0x80; a <= 0xff; a++) {
        for (unsigned b = 1; b <= 0xff; b++) {
            bool ok = a >= 0xc2 && a <= 0xf4 && b >= 0x80 && b <= 0xbf && !(a == 0xe0 && b < 0xa0) &&
                      !(a == 0xed && b > 0x9f) && !(a == 0xf0 && b < 0x90) && !(a == 0xf4 && b > 0x8f);
            const uint8_t in[] = {(uint8_t)a, (uint8_t)b};
            s2s__utf8 u = {0};
            size_t good;
            cr_assert_eq(s2s__utf8_check(&u, in, 2, &good) == UTF8_OK, ok, "%02x %02x", a, b);
        }
    }
}
