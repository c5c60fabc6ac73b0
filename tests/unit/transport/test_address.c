/* SPDX-License-Identifier: MIT */
/* test_address.c: socket addresses from text and back. */
#include "transport/address.h"

#include <criterion/criterion.h>

TestSuite(transport_address);

Test(transport_address, prints_back_what_it_reads)
{
    static const struct {
        const char *text, *canonical;
    } row[] = {
        {"127.0.0.1:5269", "127.0.0.1:5269"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"255.255.255.255:65535", "255.255.255.255:65535"},
        {"[::1]:5269", "[::1]:5269"},
        {"[::]:5269", "[::]:5269"},
        {"[2001:DB8:0:0::1]:1", "[2001:db8::1]:1"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sockaddr_storage address;
        char out[S2S_ADDRESS_MAX];
        cr_assert_eq(s2s__address_parse(s2s_str_of(row[i].text), &address), S2S_OK, "%s", row[i].text);
        s2s__address_print((struct sockaddr *)&address, out);
        cr_expect_str_eq(out, row[i].canonical);
    }
}

Test(transport_address, refuses_everything_else)
{
    static const char *const row[] = {
        "", ":", ":5269", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:99999999",
        "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:05269", "127.0.0.1:1x",
        " 127.0.0.1:1", "127.0.0.1 :1", "127.0.0:1", "127.0.0.256:1", "127.1:1", "::1:5269",
        "::1", "[::1]", "[::1]5269", "[]:5269", "[127.0.0.1]:5269", "[::1:5269", "::1]:5269",
        "[fe80::1%lo]:5269", "[[::1]]:1", "localhost:5269", "[1:2:3:4:5:6:7:8:9]:1",
        "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]:1",
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct sockaddr_storage address = {.ss_family = AF_UNIX};
        cr_expect_eq(s2s__address_parse(s2s_str_of(row[i]), &address), S2S_E_SYNTAX, "'%s'", row[i]);
        cr_expect_eq(address.ss_family, AF_UNIX, "'%s' touched the output", row[i]);
    }
    struct sockaddr_storage address;
    cr_expect_eq(s2s__address_parse((s2s_str){"127.0.0.1\0:1", 12}, &address), S2S_E_SYNTAX);
    cr_expect_eq(s2s__address_parse(S2S_STR_ABSENT, &address), S2S_E_SYNTAX);
}

Test(transport_address, prints_nothing_for_other_families)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    char out[S2S_ADDRESS_MAX] = "x";
    s2s__address_print((struct sockaddr *)&address, out);
    cr_expect_str_eq(out, "");
}
