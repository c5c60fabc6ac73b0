/* SPDX-License-Identifier: MIT */
/* test_sasl.c: SASL EXTERNAL. */
#include "protocol/auth/sasl.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "protocol/xml/ns.h"
#include "support/test_env.h"

static test_env env;
static s2s__buf out;
static s2s__tree *tree;

static void begin(void)
{
    test_env_init(&env);
    s2s__buf_init(&out, &env.env, 10000);
    cr_assert_eq(s2s__tree_new(&env.env, &tree), S2S_OK);
}

static void end(void)
{
    s2s__buf_free(&out);
    s2s__tree_free(tree);
    cr_expect_eq(env.live, 0, "%zu blocks were not freed", env.live);
}

TestSuite(sasl, .init = begin, .fini = end);

Test(sasl, names_itself_in_the_initial_response)
{
    char domain[S2S_TEXT_MAX];
    cr_expect_eq(s2s__sasl_write_auth(&out, S2S_STR("a.example")), S2S_OK);
    cr_expect(s2s_str_eq(s2s__buf_view(&out),
                         S2S_STR("<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>YS5leGFtcGxl</auth>")), "SA-04");
    s2s__buf_clear(&out);
    memset(domain, 'd', sizeof domain);
    cr_expect_eq(s2s__sasl_write_auth(&out, (s2s_str){domain, sizeof domain}), S2S_OK);
}

Test(sasl, failures_have_the_conditions_of_rfc_6120_6_5)
{
    static const char *const names[] = {"", "aborted", "encryption-required", "incorrect-encoding",
                                        "invalid-authzid", "invalid-mechanism", "malformed-request",
                                        "not-authorized", "temporary-auth-failure"};
    for (s2s__sasl c = SASL_ABORTED; c <= SASL_TEMPORARY_AUTH_FAILURE; c++) {
        char want[256];
        (void)snprintf(want, sizeof want, "<failure xmlns='" NS_SASL "'><%s/></failure>", names[c]);
        s2s__buf_clear(&out);
        cr_expect_eq(s2s__sasl_write_failure(&out, c), S2S_OK);
        cr_expect(s2s_str_eq(s2s__buf_view(&out), s2s_str_of(want)), "SA-07 %s", names[c]);
    }
}

Test(sasl, the_identity_must_be_the_one_that_was_verified)
{
    static const struct {
        const char *id, *text, *remote;
        s2s__sasl want;
    } rows[] = {
        {"SA-02 empty", "=", "a.example", SASL_OK},
        {"SA-03 the same", "YS5leGFtcGxl", "a.example", SASL_OK},
        {"SA-03 case", "QS5FWEFNUExF", "a.example", SASL_OK},
        {"SA-03 A-labels", "eG4tLWJjaGVyLWt2YS5leGFtcGxl", "b\xc3\xbc" "cher.example", SASL_OK},
        {"SA-03 U-labels", "YsO8Y2hlci5leGFtcGxl", "b\xc3\xbc" "cher.example", SASL_OK},
        {"SA-03 other domain", "Yy5leGFtcGxl", "a.example", SASL_INVALID_AUTHZID},
        {"SA-03 account", "dUBhLmV4YW1wbGU=", "a.example", SASL_INVALID_AUTHZID},
        {"SA-03 full JID", "YS5leGFtcGxlL3I=", "a.example", SASL_INVALID_AUTHZID},
        {"SA-03 NUL", "YS5leGFtcGxlAA==", "a.example", SASL_INVALID_AUTHZID},
        {"SA-03 bad UTF-8", "/y5leGFtcGxl", "a.example", SASL_INVALID_AUTHZID},
        {"SA-06 line end", "YS5leGFtcGxl\n", "a.example", SASL_INCORRECT_ENCODING},
        {"SA-06 pad first", "=AAA", "a.example", SASL_INCORRECT_ENCODING},
        {"SA-06 pad bits", "YR==", "a.example", SASL_INCORRECT_ENCODING},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        cr_expect_eq(s2s__sasl_check_identity(&env.env, s2s_str_of(rows[i].text), s2s_str_of(rows[i].remote)),
                     rows[i].want, "%s", rows[i].id);
}

Test(sasl, a_huge_response_is_only_a_wrong_one)
{
    enum { MEBIBYTE = 1 << 20 };
    char *text = s2s__alloc(&env.env, MEBIBYTE);
    cr_assert_not_null(text);
    memset(text, 'A', MEBIBYTE);
    cr_expect_eq(s2s__sasl_check_identity(&env.env, (s2s_str){text, MEBIBYTE}, S2S_STR("a.example")),
                 SASL_INVALID_AUTHZID, "SA-06");
    s2s__free(&env.env, text);
}

Test(sasl, our_own_trouble_is_told_as_such)
{
    env.fail_after = 0;
    cr_expect_eq(s2s__sasl_check_identity(&env.env, S2S_STR("YS5leGFtcGxl"), S2S_STR("a.example")),
                 SASL_TEMPORARY_AUTH_FAILURE, "SA-07");
    cr_expect_eq(s2s__sasl_write_failure(&out, SASL_TEMPORARY_AUTH_FAILURE), S2S_E_NOMEM);
    env.fail_after = -1;
}

static void failure_text(const char *inside, char text[S2S_TEXT_MAX])
{
    s2s__buf_clear(&out);
    s2s__buf_puts(&out, "<failure xmlns='" NS_SASL "'>");
    s2s__buf_puts(&out, inside);
    s2s__buf_puts(&out, "</failure>");
    cr_assert_eq(s2s__tree_parse(tree, s2s__buf_view(&out), "jabber:server"), S2S_OK);
    s2s__sasl_failure_text(tree, s2s__tree_root(tree)->first, text);
}

Test(sasl, failures_are_put_into_words)
{
    static const struct {
        const char *id, *inside, *want;
    } rows[] = {
        {"SA-07", "<aborted/>", "aborted"},
        {"SA-08 unknown", "<zzz/>", "not-authorized"},
        {"SA-08 empty", "", "not-authorized"},
        {"SA-08 foreign", "<aborted xmlns='urn:x'/>", "not-authorized"},
        {"SA-07 text", "<not-authorized/><text xml:lang='en'>bad\tpurpose</text>", "not-authorized: bad?purpose"},
        {"SA-07 order", "<text>why</text><invalid-authzid/>", "invalid-authzid: why"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[S2S_TEXT_MAX];
        failure_text(rows[i].inside, text);
        cr_expect_str_eq(text, rows[i].want, "%s", rows[i].id);
    }
}

Test(sasl, long_failure_texts_are_cut_between_characters)
{
    for (size_t shift = 0; shift < 2; shift++) {
        char inside[2 * S2S_TEXT_MAX], text[S2S_TEXT_MAX];
        size_t n = (size_t)snprintf(inside, sizeof inside, "<text>%s", shift ? "x" : "");
        for (int i = 0; i < 150; i++)
            n += (size_t)snprintf(inside + n, sizeof inside - n, "\xc3\xa4");
        (void)snprintf(inside + n, sizeof inside - n, "</text>");
        failure_text(inside, text);
        size_t len = strlen(text), head = strlen("not-authorized: ") + shift;
        cr_expect_geq(len, S2S_TEXT_MAX - 2);
        cr_expect_eq((len - head) % 2, 0, "%zu: a character was cut in two", shift);
    }
}
