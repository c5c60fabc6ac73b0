/* SPDX-License-Identifier: MIT */
/* test_dialback_key.c: XEP-0185 keys against vectors that were computed independently. */
#include "s2s/dialback.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "support/test_env.h"

static s2s_bytes bytes_of(const char *text)
{
    return (s2s_bytes){(const uint8_t *)text, strlen(text)};
}

static const struct {
    const char *id, *secret, *receiving, *originating, *stream, *key;
} ROWS[] = {
    {"DK-01 XEP-0185", "s3cr3tf0rd14lb4ck", "xmpp.example.com", "example.org", "D60000229F",
     "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643"},
    {"DK-01 other domains", "s3cr3tf0rd14lb4ck", "montague.example", "capulet.example", "D60000229F",
     "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3"},
    {"DK-01 other secret", "d14lb4ck43v3r", "capulet.example", "montague.example", "417GAF25",
     "225cc5aa6a071133249d25fef42ae516fc7a86c523aa1c6980a7f73e784c972d"},
    {"DK-01 short", "correct-horse", "b.example", "a.example", "k3x9Zq",
     "ebfbf197ff8ac5dc868260d1197058a9035b4233776b6b362e6d21f0f78d8649"},
    {"DK-01 swapped domains", "correct-horse", "a.example", "b.example", "k3x9Zq",
     "45cdf7a7441f7cd5258bb6d31e2c6ad69814c76dac39caed1ba14d9927e7f636"},
};
enum { ROW_COUNT = sizeof ROWS / sizeof *ROWS };

Test(dialback_key, vectors)
{
    test_env t;
    s2s_dialback_secret secret;
    char key[S2S_DIALBACK_KEY_LEN + 1];
    test_env_init(&t);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        s2s_str to = s2s_str_of(ROWS[i].receiving), from = s2s_str_of(ROWS[i].originating);
        s2s_str id = s2s_str_of(ROWS[i].stream);
        cr_assert_eq(s2s_dialback_secret_make(&t.env, bytes_of(ROWS[i].secret), &secret), S2S_OK);
        cr_assert_eq(s2s_dialback_key(&t.env, &secret, to, from, id, key), S2S_OK);
        cr_expect_str_eq(key, ROWS[i].key, "%s", ROWS[i].id);
        cr_expect(s2s_dialback_key_ok(&t.env, &secret, to, from, id, s2s_str_of(key)), "%s", ROWS[i].id);
        cr_expect(!s2s_dialback_key_ok(&t.env, &secret, from, to, id, s2s_str_of(key)), "%s", ROWS[i].id);
    }
    cr_expect_eq(t.live, 0u);
}

Test(dialback_key, the_hmac_key_is_the_digest_in_digits_not_raw)
{
    test_env t;
    s2s_dialback_secret secret;
    char key[S2S_DIALBACK_KEY_LEN + 1];
    test_env_init(&t);
    cr_assert_eq(s2s_dialback_secret_make(&t.env, bytes_of(ROWS[0].secret), &secret), S2S_OK);
    cr_expect_str_eq(secret.hex, "a7136eb1f46c9ef18c5e78c36ca257067c69b3d518285f0b18a96c33beae9acc");
    cr_assert_eq(s2s_dialback_key(&t.env, &secret, S2S_STR("xmpp.example.com"), S2S_STR("example.org"),
                                  S2S_STR("D60000229F"), key), S2S_OK);
    cr_expect_neq(strncmp(key, "4530485c", 8), 0, "DK-01: keyed with the 32 raw bytes");
}

Test(dialback_key, wrong_keys_are_wrong)
{
    static const char *const KEYS[] = {
        "", "ebfbf197", "ebfbf197ff8ac5dc868260d1197058a9035b4233776b6b362e6d21f0f78d8648",
        "fbfbf197ff8ac5dc868260d1197058a9035b4233776b6b362e6d21f0f78d8649",
        "EBFBF197FF8AC5DC868260D1197058A9035B4233776B6B362E6D21F0F78D8649",
        "ebfbf197ff8ac5dc868260d1197058a9035b4233776b6b362e6d21f0f78d86490",
    };
    test_env t;
    s2s_dialback_secret secret;
    test_env_init(&t);
    cr_assert_eq(s2s_dialback_secret_make(&t.env, bytes_of("correct-horse"), &secret), S2S_OK);
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        cr_expect(!s2s_dialback_key_ok(&t.env, &secret, S2S_STR("b.example"), S2S_STR("a.example"),
                                       S2S_STR("k3x9Zq"), s2s_str_of(KEYS[i])), "DK-03 %s", KEYS[i]);
}

Test(dialback_key, secrets_are_given_or_random)
{
    test_env t;
    s2s_dialback_secret a, b;
    test_env_init(&t);
    cr_expect_eq(s2s_dialback_secret_make(&t.env, bytes_of(""), &a), S2S_E_INVAL);
    cr_assert_eq(s2s_dialback_secret_make(&t.env, bytes_of("one"), &a), S2S_OK);
    cr_assert_eq(s2s_dialback_secret_make(&t.env, bytes_of("one"), &b), S2S_OK);
    cr_expect_str_eq(a.hex, b.hex, "DK-02: two nodes, one secret");
    cr_assert_eq(s2s_dialback_secret_random(&t.env, &a), S2S_OK);
    cr_assert_eq(s2s_dialback_secret_random(&t.env, &b), S2S_OK);
    cr_expect_str_neq(a.hex, b.hex, "DK-02: random at start");
    s2s_env_ops none = *t.env.ops;
    none.sha256 = NULL;
    t.env.ops = &none;
    cr_expect_eq(s2s_dialback_secret_make(&t.env, bytes_of("one"), &a), S2S_E_INVAL, "no hash, no dialback");
}
