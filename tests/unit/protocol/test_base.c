/* SPDX-License-Identifier: MIT */
/* test_base.c: names of errors and conditions, and slices of text. */
#include "s2s/base.h"

#include <string.h>

#include <criterion/criterion.h>

Test(base, errors_keep_their_numbers_and_have_words)
{
    static const struct {
        s2s_err err;
        int number;
        const char *words;
    } rows[] = {
        {S2S_OK, 0, "success"},
        {S2S_E_NOMEM, -1, "out of memory"},
        {S2S_E_INVAL, -2, "invalid argument"},
        {S2S_E_STATE, -3, "not possible in this state"},
        {S2S_E_LIMIT, -4, "a limit was reached"},
        {S2S_E_SYNTAX, -5, "malformed input"},
        {S2S_E_CLOSED, -6, "closed"},
        {S2S_E_AGAIN, -7, "try again later"},
        {S2S_E_PENDING, -8, "the answer comes later"},
        {S2S_E_NOTFOUND, -9, "not found"},
        {S2S_E_EXISTS, -10, "exists already"},
        {S2S_E_TLS, -11, "TLS failure"},
        {S2S_E_IO, -12, "input/output failure"},
        {S2S_E_DNS, -13, "name resolution failure"},
        {S2S_E_TIMEOUT, -14, "timed out"},
        {S2S_E_REFUSED, -15, "refused by policy"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq((int)rows[i].err, rows[i].number, "%s", rows[i].words);
        cr_expect_str_eq(s2s_strerror(rows[i].err), rows[i].words);
    }
}

Test(base, every_stream_condition_of_rfc_6120_has_its_wire_name)
{
    static const char *const names[] = {
        "", "bad-format", "bad-namespace-prefix", "conflict", "connection-timeout", "host-gone",
        "host-unknown", "improper-addressing", "internal-server-error", "invalid-from",
        "invalid-namespace", "invalid-xml", "not-authorized", "not-well-formed", "policy-violation",
        "remote-connection-failed", "reset", "resource-constraint", "restricted-xml", "see-other-host",
        "system-shutdown", "undefined-condition", "unsupported-encoding", "unsupported-feature",
        "unsupported-stanza-type", "unsupported-version",
    };
    cr_assert_eq(sizeof names / sizeof *names, (size_t)S2S_COND_UNSUPPORTED_VERSION + 1);
    for (s2s_cond c = S2S_COND_NONE; c <= S2S_COND_UNSUPPORTED_VERSION; c++)
        cr_expect_str_eq(s2s_cond_name(c), names[c]);
}

Test(base, stanza_errors_have_the_type_of_rfc_6120_8_3_3)
{
    static const struct {
        s2s_stanza_error error;
        const char *name, *type;
    } rows[] = {
        {S2S_SE_BAD_REQUEST, "bad-request", "modify"},
        {S2S_SE_CONFLICT, "conflict", "cancel"},
        {S2S_SE_FEATURE_NOT_IMPLEMENTED, "feature-not-implemented", "cancel"},
        {S2S_SE_FORBIDDEN, "forbidden", "auth"},
        {S2S_SE_GONE, "gone", "cancel"},
        {S2S_SE_INTERNAL_SERVER_ERROR, "internal-server-error", "cancel"},
        {S2S_SE_ITEM_NOT_FOUND, "item-not-found", "cancel"},
        {S2S_SE_JID_MALFORMED, "jid-malformed", "modify"},
        {S2S_SE_NOT_ACCEPTABLE, "not-acceptable", "modify"},
        {S2S_SE_NOT_ALLOWED, "not-allowed", "cancel"},
        {S2S_SE_NOT_AUTHORIZED, "not-authorized", "auth"},
        {S2S_SE_POLICY_VIOLATION, "policy-violation", "modify"},
        {S2S_SE_RECIPIENT_UNAVAILABLE, "recipient-unavailable", "wait"},
        {S2S_SE_REMOTE_SERVER_NOT_FOUND, "remote-server-not-found", "cancel"},
        {S2S_SE_REMOTE_SERVER_TIMEOUT, "remote-server-timeout", "wait"},
        {S2S_SE_RESOURCE_CONSTRAINT, "resource-constraint", "wait"},
        {S2S_SE_SERVICE_UNAVAILABLE, "service-unavailable", "cancel"},
        {S2S_SE_UNDEFINED_CONDITION, "undefined-condition", "cancel"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_str_eq(s2s_stanza_error_name(rows[i].error), rows[i].name);
        cr_expect_str_eq(s2s_stanza_error_type(rows[i].error), rows[i].type, "%s", rows[i].name);
    }
}

Test(base, origins_have_names)
{
    cr_expect_str_eq(s2s_origin_name(S2S_ORIGIN_LOCAL), "local");
    cr_expect_str_eq(s2s_origin_name(S2S_ORIGIN_PEER), "peer");
    cr_expect_str_eq(s2s_origin_name(S2S_ORIGIN_TRANSPORT), "transport");
    cr_expect_str_eq(s2s_origin_name(S2S_ORIGIN_INTERNAL), "internal");
}

Test(base, absent_and_empty_text_differ)
{
    static const struct {
        s2s_str a, b;
        bool eq, caseeq;
    } rows[] = {
        {{NULL, 0}, {NULL, 0}, true, true},
        {{NULL, 0}, {"", 0}, false, false},
        {{"", 0}, {NULL, 0}, false, false},
        {{"", 0}, {"", 0}, true, true},
        {{"a", 1}, {"A", 1}, false, true},
        {{"aZ@[", 4}, {"Az@[", 4}, false, true},
        {{"@", 1}, {"`", 1}, false, false},
        {{"[", 1}, {"{", 1}, false, false},
        {{"abc", 2}, {"abd", 2}, true, true},
        {{"ab", 2}, {"abc", 3}, false, false},
        {{"\xc3\x84", 2}, {"\xc3\xa4", 2}, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        cr_expect_eq(s2s_str_eq(rows[i].a, rows[i].b), rows[i].eq, "row %zu", i);
        cr_expect_eq(s2s_str_caseeq(rows[i].a, rows[i].b), rows[i].caseeq, "row %zu", i);
    }
    cr_expect_null(s2s_str_of(NULL).ptr);
    cr_expect_eq(s2s_str_of("four").len, 4);
}
