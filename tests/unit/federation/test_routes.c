/* SPDX-License-Identifier: MIT */
/* test_routes.c: which route a domain takes. */
#include "federation/routes.h"

#include <criterion/criterion.h>

#include "support/test_env.h"
#include "transport/address.h"

Test(routes, first_match_wins)
{
    static const struct {
        const char *domain, *want; /* NULL: no route */
    } ROWS[] = {
        {"peer.example", "127.0.0.1:1"},    {"a.corp.example", "127.0.0.2:2"}, {"b.a.corp.example", "127.0.0.2:2"},
        {"corp.example", NULL},             {"xcorp.example", NULL},           {"b\xc3\xbc"
                                                                                "cher.example",
                                                                                "[::1]:3"},
        {"sub.peer.example", NULL},
    };
    test_env t;
    s2s__routes r = {0};
    char why[S2S_TEXT_MAX], got[S2S_ADDRESS_MAX];
    test_env_init(&t);
    cr_assert_eq(s2s__routes_add(&r, &t.env, "Peer.Example.", "127.0.0.1:1", S2S_TLS_STARTTLS, why), S2S_OK);
    cr_assert_eq(s2s__routes_add(&r, &t.env, "*.corp.example", "127.0.0.2:2", S2S_TLS_STARTTLS, why), S2S_OK);
    cr_assert_eq(s2s__routes_add(&r, &t.env, "a.corp.example", "127.0.0.9:9", S2S_TLS_STARTTLS, why), S2S_OK);
    cr_assert_eq(s2s__routes_add(&r, &t.env, "xn--bcher-kva.example", "[::1]:3", S2S_TLS_STARTTLS, why), S2S_OK);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const s2s__route *at = s2s__routes_find(&r, s2s_str_of(ROWS[i].domain));
        cr_assert_eq(at != NULL, ROWS[i].want != NULL, "%s", ROWS[i].domain);
        if (!at)
            continue;
        s2s__address_print((const struct sockaddr *)&at->address, got);
        cr_expect_str_eq(got, ROWS[i].want, "%s", ROWS[i].domain);
    }
    cr_assert_eq(s2s__routes_add(&r, &t.env, "*", "127.0.0.4:4", S2S_TLS_DIRECT, why), S2S_OK);
    cr_assert_not_null(s2s__routes_find(&r, S2S_STR("corp.example")));
    cr_expect_eq(s2s__routes_find(&r, S2S_STR("corp.example"))->tls, S2S_TLS_DIRECT);
    cr_expect_eq(s2s__routes_find(&r, S2S_STR("peer.example"))->tls, S2S_TLS_STARTTLS);
    s2s__routes_free(&r, &t.env);
    cr_expect_eq(t.live, 0u);
}

Test(routes, bad_ones_are_named)
{
    static const struct {
        const char *match, *address, *word;
    } ROWS[] = {
        {"*.*.example", "127.0.0.1:1", "*.*.example"}, {"", "127.0.0.1:1", "domain"},
        {"a..b", "127.0.0.1:1", "a..b"},               {"*.127.0.0.1", "127.0.0.1:1", "*.127.0.0.1"},
        {"a.example", "host:5269", "host:5269"},       {"a.example", "127.0.0.1", "127.0.0.1"},
        {"*a.example", "127.0.0.1:1", "*a.example"},
    };
    test_env t;
    s2s__routes r = {0};
    test_env_init(&t);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char why[S2S_TEXT_MAX] = "";
        cr_expect_eq(s2s__routes_add(&r, &t.env, ROWS[i].match, ROWS[i].address, S2S_TLS_STARTTLS, why), S2S_E_SYNTAX, "%s",
                     ROWS[i].match);
        cr_expect_not_null(strstr(why, ROWS[i].word), "%s", why);
    }
    s2s__routes_free(&r, &t.env);
    cr_expect_eq(t.live, 0u);
}
