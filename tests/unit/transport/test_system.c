/* SPDX-License-Identifier: MIT */
/* test_system.c: memory, entropy and a hash of the machine's own. */
#include "s2s/system.h"

#include <string.h>

#include <criterion/criterion.h>

Test(system, it_is_an_env)
{
    static const s2s_env_ops OPS = {.abi = S2S_ENV_ABI, .resize = s2s_system_resize, .random = s2s_system_random,
                                    .sha256 = s2s_system_sha256};
    /* FIPS 180-4's "abc". */
    static const uint8_t ABC[S2S_SHA256_LEN] = {
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
        0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    uint8_t hash[S2S_SHA256_LEN], one[16] = {0}, two[16] = {0};
    char *text = OPS.resize(NULL, NULL, 4);
    cr_assert_not_null(text);
    memcpy(text, "abc", 4);
    text = OPS.resize(NULL, text, 4096);
    cr_assert_str_eq(text, "abc");
    cr_expect_null(OPS.resize(NULL, text, 0));
    cr_expect_eq(OPS.sha256(NULL, (s2s_bytes){(const uint8_t *)"abc", 3}, hash), S2S_OK);
    cr_expect_arr_eq(hash, ABC, sizeof ABC);
    cr_expect_eq(OPS.random(NULL, one, sizeof one), S2S_OK);
    cr_expect_eq(OPS.random(NULL, two, sizeof two), S2S_OK);
    cr_expect(memcmp(one, two, sizeof one) != 0);
}
