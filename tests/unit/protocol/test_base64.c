/* SPDX-License-Identifier: MIT */
/* test_base64.c: strict base64. */
#include "protocol/auth/base64.h"

#include <string.h>

#include <criterion/criterion.h>

Test(base64, knows_the_vectors_of_rfc_4648)
{
    static const char *const rows[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"a.example", "YS5leGFtcGxl"}, {"\xfb\xff\xfe", "+//+"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t plain = strlen(rows[i][0]), coded = strlen(rows[i][1]), len = 99;
        char text[16];
        uint8_t raw[16];
        cr_assert_eq(S2S_BASE64_LEN(plain), coded);
        s2s__base64_encode((s2s_bytes){(const uint8_t *)rows[i][0], plain}, text);
        cr_expect(memcmp(text, rows[i][1], coded) == 0, "%s", rows[i][1]);
        cr_assert_eq(s2s__base64_decode(s2s_str_of(rows[i][1]), raw, &len), S2S_OK);
        cr_assert_eq(len, plain);
        cr_expect(memcmp(raw, rows[i][0], len) == 0, "%s", rows[i][1]);
    }
}

Test(base64, refuses_everything_that_is_not_canonical)
{
    static const struct {
        const char *what, *text;
    } rows[] = {
        {"line end", "YS5leGFtcGxl\n"}, {"line end inside", "YS5l\neGFtcGx"}, {"space", "YS5l GFt"},
        {"pad first", "=AAA"}, {"pad inside", "BB=C"}, {"pad in an earlier group", "YQ==YQ=="},
        {"only pad", "===="}, {"three pads", "Y==="}, {"pad bits of one", "YR=="}, {"pad bits of two", "YWJ="},
        {"no pad", "YQ"}, {"too short", "Y"}, {"url alphabet", "-__-"}, {"above ASCII", "YS5\xc3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t raw[16];
        size_t len = 99;
        cr_expect_eq(s2s__base64_decode(s2s_str_of(rows[i].text), raw, &len), S2S_E_SYNTAX, "SA-06 %s",
                     rows[i].what);
        cr_expect_eq(len, 99, "SA-06 %s: outputs stay", rows[i].what);
    }
    uint8_t raw[16];
    size_t len;
    cr_expect_eq(s2s__base64_decode((s2s_str){"YS5\0", 4}, raw, &len), S2S_E_SYNTAX, "SA-06 NUL");
}

Test(base64, any_bytes_come_back)
{
    uint8_t in[96], out[96];
    char text[S2S_BASE64_LEN(sizeof in)];
    uint32_t x = 1;
    for (size_t n = 0; n <= sizeof in; n++) {
        size_t len = 0;
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
        s2s__base64_encode((s2s_bytes){in, n}, text);
        cr_assert_eq(s2s__base64_decode((s2s_str){text, S2S_BASE64_LEN(n)}, out, &len), S2S_OK);
        cr_assert_eq(len, n);
        cr_expect(memcmp(in, out, n) == 0);
    }
}
