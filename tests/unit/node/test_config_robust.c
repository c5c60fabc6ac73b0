/* SPDX-License-Identifier: MIT */
/* test_config_robust.c: no cut and no changed byte of a configuration does harm. The sanitizers judge. */
#include "config_rows.h"

TestSuite(config_robust, .init = config_fixture_make, .fini = config_fixture_remove);

static const char good[] =
    "domains:\n"
    "  - {name: b\xc3\xbc.example, certificate: a.pem, key: a.key, services: [echo]}\n"
    "listen: [address: \"[::]:5269\"]\n"
    "components: {listen: 'unix:c', accounts: [{domain: c.b\xc3\xbc.example, secret_file: chat.secret}]}\n"
    "policy: {eku: strict, remotes: [{match: \"*.b\", eku: tolerant}], dane: false, plugin: ~}\n"
    "dns: {servers: [\"::1@53\"]}\n"
    "limits: {retry_ms: 0}\n"
    "log: {level: warn}\n";

Test(config_robust, is_good_to_begin_with)
{
    char *problems = config_fixture_problems(s2s_str_of(good), NULL);
    cr_expect_str_empty(problems, "%s", problems);
    free(problems);
}

/* In memory of just its size, so that one byte too far is seen. */
static s2s_err load_exactly(const char *text, size_t len)
{
    char *exact = malloc(len ? len : 1);
    cr_assert_not_null(exact);
    memcpy(exact, text, len);
    s2s_err err = config_fixture_load((s2s_str){exact, len});
    free(exact);
    return err;
}

Test(config_robust, survives_every_prefix)
{
    for (size_t len = 0; len < sizeof good; len++) {
        s2s_err err = load_exactly(good, len);
        cr_expect(err == S2S_OK || err == S2S_E_INVAL, "%zu bytes: %d", len, (int)err);
    }
}

Test(config_robust, survives_every_changed_byte)
{
    static const char other[] = "\0\n\t !\"#&'*,-0:?[]`{|}~\x80\xc3\xff";
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    for (size_t i = 0; i + 1 < sizeof good; i++) {
        for (size_t k = 0; k + 1 < sizeof other; k++) {
            text[i] = other[k];
            s2s_err err = load_exactly(text, sizeof good - 1);
            cr_expect(err == S2S_OK || err == S2S_E_INVAL, "byte %zu, %#x: %d", i, other[k], (int)err);
        }
        text[i] = good[i];
    }
}

Test(config_robust, survives_every_byte_left_out_or_doubled)
{
    char text[sizeof good + 1];
    for (size_t i = 0; i + 1 < sizeof good; i++) {
        memcpy(text, good, i);
        memcpy(text + i, good + i + 1, sizeof good - i - 2);
        s2s_err err = load_exactly(text, sizeof good - 2);
        cr_expect(err == S2S_OK || err == S2S_E_INVAL, "without byte %zu: %d", i, (int)err);

        memcpy(text, good, i + 1);
        memcpy(text + i + 1, good + i, sizeof good - 1 - i);
        err = load_exactly(text, sizeof good);
        cr_expect(err == S2S_OK || err == S2S_E_INVAL, "with byte %zu twice: %d", i, (int)err);
    }
}
