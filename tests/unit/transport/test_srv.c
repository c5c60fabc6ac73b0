/* SPDX-License-Identifier: MIT */
/* test_srv.c: SRV records read, and ordered as RFC 2782 says (DN-01). */
#include "transport/srv.h"

#include <criterion/criterion.h>
#include <string.h>

#include "support/test_env.h"

TestSuite(transport_srv);

/* A small generator of its own: the same numbers in every run. */
static s2s_err fixed_random(void *user, void *out, size_t len)
{
    uint64_t *state = user;
    for (size_t i = 0; i < len; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        ((uint8_t *)out)[i] = (uint8_t)(*state >> 56);
    }
    return S2S_OK;
}

static s2s_err no_random(void *user, void *out, size_t len)
{
    (void)user, (void)out, (void)len;
    return S2S_E_IO;
}

static s2s__srv record(uint16_t priority, uint16_t weight, const char *target)
{
    s2s__srv srv = {.priority = priority, .weight = weight, .port = 5269};
    memcpy(srv.target, target, strlen(target));
    return srv;
}

Test(transport_srv, lower_priority_always_comes_first)
{
    uint64_t state = 1;
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI, .random = fixed_random};
    s2s_env env;
    s2s_env_init(&env, &ops, &state);
    for (int run = 0; run < 200; run++) {
        s2s__srv set[] = {record(30, 9, "d"), record(10, 1, "a"), record(20, 65535, "c"),
                          record(10, 60000, "b"), record(65535, 0, "e")};
        cr_assert_eq(s2s__srv_order(&env, set, 5), S2S_OK);
        for (size_t i = 1; i < 5; i++)
            cr_expect_leq(set[i - 1].priority, set[i].priority);
    }
}

Test(transport_srv, weights_are_shares)
{
    enum { RUNS = 20000 };
    uint64_t state = 7;
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI, .random = fixed_random};
    s2s_env env;
    s2s_env_init(&env, &ops, &state);
    size_t first[3] = {0}, second_after_c[2] = {0};
    for (int run = 0; run < RUNS; run++) {
        s2s__srv set[] = {record(1, 10, "a"), record(1, 20, "b"), record(1, 70, "c")};
        cr_assert_eq(s2s__srv_order(&env, set, 3), S2S_OK);
        first[set[0].target[0] - 'a']++;
        if (set[0].target[0] == 'c')
            second_after_c[set[1].target[0] - 'a']++;
    }
    /* RFC 2782 draws from 0..sum inclusive, which favours the first record by 1/(sum+1) */
    cr_expect(first[0] > RUNS * 9 / 100 && first[0] < RUNS * 13 / 100, "a %zu", first[0]);
    cr_expect(first[1] > RUNS * 18 / 100 && first[1] < RUNS * 22 / 100, "b %zu", first[1]);
    cr_expect(first[2] > RUNS * 67 / 100 && first[2] < RUNS * 72 / 100, "c %zu", first[2]);
    cr_expect(second_after_c[1] > second_after_c[0] * 3 / 2, "%zu %zu", second_after_c[0], second_after_c[1]);
}

Test(transport_srv, weight_zero_is_seldom_first_but_not_never)
{
    enum { RUNS = 20000 };
    uint64_t state = 3;
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI, .random = fixed_random};
    s2s_env env;
    s2s_env_init(&env, &ops, &state);
    size_t zero_first = 0;
    for (int run = 0; run < RUNS; run++) {
        s2s__srv set[] = {record(1, 99, "a"), record(1, 0, "z")};
        cr_assert_eq(s2s__srv_order(&env, set, 2), S2S_OK);
        zero_first += set[0].target[0] == 'z';
    }
    cr_expect(zero_first > 0 && zero_first < RUNS * 2 / 100, "%zu", zero_first);
}

Test(transport_srv, without_weights_all_are_equal)
{
    enum { RUNS = 6000 };
    uint64_t state = 5;
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI, .random = fixed_random};
    s2s_env env;
    s2s_env_init(&env, &ops, &state);
    size_t first[3] = {0};
    for (int run = 0; run < RUNS; run++) {
        s2s__srv set[] = {record(1, 0, "a"), record(1, 0, "b"), record(1, 0, "c")};
        cr_assert_eq(s2s__srv_order(&env, set, 3), S2S_OK);
        first[set[0].target[0] - 'a']++;
    }
    for (size_t i = 0; i < 3; i++)
        cr_expect(first[i] > RUNS * 30 / 100 && first[i] < RUNS * 37 / 100, "%zu", first[i]);
}

Test(transport_srv, extreme_weights_do_not_overflow_and_nothing_is_lost)
{
    enum { COUNT = 256 };
    test_env t;
    test_env_init(&t);
    static s2s__srv set[COUNT];
    bool seen[COUNT] = {false};
    for (size_t i = 0; i < COUNT; i++) {
        set[i] = record(1, 65535, "x");
        set[i].port = (uint16_t)i;
    }
    cr_assert_eq(s2s__srv_order(&t.env, set, COUNT), S2S_OK);
    for (size_t i = 0; i < COUNT; i++) {
        cr_expect_not(seen[set[i].port]);
        seen[set[i].port] = true;
    }
    cr_expect_eq(s2s__srv_order(&t.env, set, 0), S2S_OK);
}

Test(transport_srv, no_entropy_is_an_error)
{
    static const s2s_env_ops ops = {.abi = S2S_ENV_ABI, .random = no_random};
    s2s_env env;
    s2s_env_init(&env, &ops, NULL);
    s2s__srv set[] = {record(1, 1, "a"), record(1, 1, "b")};
    cr_expect_eq(s2s__srv_order(&env, set, 2), S2S_E_IO);
}

#define BYTES(text) {(const uint8_t *)(text), sizeof(text) - 1}

Test(transport_srv, reads_records)
{
    static const struct {
        s2s_bytes rdata;
        const char *target; /* NULL: malformed */
    } row[] = {
        {BYTES("\0\1\0\2\x14\x95\1a\7example\0"), "a.example"},
        {BYTES("\0\1\0\2\x14\x95\0"), ""},
        {BYTES("\0\1\0\2\x14\x95\5_a-9Z\0"), "_a-9Z"},
        {BYTES(""), NULL},
        {BYTES("\0\1\0\2\x14"), NULL},
        {BYTES("\0\1\0\2\x14\x95"), NULL},
        {BYTES("\0\1\0\2\x14\x95\1a"), NULL},
        {BYTES("\0\1\0\2\x14\x95\2a\0"), NULL},
        {BYTES("\0\1\0\2\x14\x95\1a\0x"), NULL},
        {BYTES("\0\1\0\2\x14\x95\3a.b\0"), NULL},
        {BYTES("\0\1\0\2\x14\x95\3a\\b\0"), NULL},
        {BYTES("\0\1\0\2\x14\x95\3a\0b\0"), NULL},
        {BYTES("\0\1\0\2\x14\x95\xc0\x0c"), NULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        s2s__srv srv = {.port = 1};
        s2s_err err = s2s__srv_parse(row[i].rdata, &srv);
        cr_assert_eq(err, row[i].target ? S2S_OK : S2S_E_SYNTAX, "row %zu", i);
        cr_expect_eq(srv.port, row[i].target ? 5269 : 1, "row %zu", i);
        if (row[i].target)
            cr_expect_str_eq(srv.target, row[i].target);
    }
}

Test(transport_srv, refuses_names_longer_than_the_dns_allows)
{
    uint8_t rdata[6 + 5 * 64 + 1] = {0};
    for (size_t i = 0; i < 5; i++) {
        rdata[6 + i * 64] = 63;
        memset(&rdata[7 + i * 64], 'a', 63);
    }
    s2s__srv srv;
    cr_expect_eq(s2s__srv_parse((s2s_bytes){rdata, sizeof rdata}, &srv), S2S_E_SYNTAX);
}
