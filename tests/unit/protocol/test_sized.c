/* SPDX-License-Identifier: MIT */
/* test_sized.c: programs that were built with older or newer headers. */
#include "protocol/sized.h"

#include <criterion/criterion.h>
#include <string.h>

#include "s2s/session.h"
#include "support/test_env.h"

typedef struct pair {
    size_t size;
    int first, second;
} pair;

enum { UNTOUCHED = 0x5a };

static const pair DEFAULTS = {.first = 1, .second = 2};

Test(sized, nothing_is_written_behind_an_older_struct)
{
    pair theirs;
    memset(&theirs, UNTOUCHED, sizeof theirs);
    s2s__sized_write(&theirs, offsetof(pair, second), &DEFAULTS, sizeof DEFAULTS);
    cr_expect_eq(theirs.size, offsetof(pair, second));
    cr_expect_eq(theirs.first, 1);
    for (size_t i = offsetof(pair, second); i < sizeof theirs; i++)
        cr_expect_eq(((unsigned char *)&theirs)[i], UNTOUCHED);
}

Test(sized, what_a_newer_struct_has_more_is_zero)
{
    struct {
        pair known;
        int more;
    } theirs;
    memset(&theirs, UNTOUCHED, sizeof theirs);
    s2s__sized_write(&theirs, sizeof theirs, &DEFAULTS, sizeof DEFAULTS);
    cr_expect_eq(theirs.known.size, sizeof theirs);
    cr_expect_eq(theirs.known.second, 2);
    cr_expect_eq(theirs.more, 0);
}

Test(sized, fields_that_an_older_struct_lacks_keep_their_defaults)
{
    pair ours = DEFAULTS, theirs = {.size = offsetof(pair, second), .first = 7, .second = 8};
    cr_assert(s2s__sized_read(&ours, sizeof ours, &theirs));
    cr_expect_eq(ours.first, 7);
    cr_expect_eq(ours.second, 2);
    cr_expect_eq(ours.size, sizeof ours);
}

Test(sized, a_struct_that_is_not_set_up_or_newer_is_refused)
{
    pair ours = DEFAULTS, theirs = {.size = 0, .first = 7};
    cr_expect(!s2s__sized_read(&ours, sizeof ours, &theirs));
    theirs.size = sizeof theirs + 1;
    cr_expect(!s2s__sized_read(&ours, sizeof ours, &theirs));
    cr_expect_eq(ours.first, 1);
}

Test(sized, an_env_of_another_layout_makes_nothing)
{
    test_env t;
    s2s_session_options options;
    s2s_session *session = NULL;
    test_env_init(&t);
    s2s_session_options_init(&options, S2S_ACCEPTOR);
    s2s_env_ops ops = *t.env.ops;
    s2s_env env = t.env;
    env.ops = &ops;
    ops.abi = S2S_ENV_ABI - 1;
    cr_expect_eq(s2s_session_new(&env, &options, 0, &session), S2S_E_INVAL);
    ops.abi = S2S_ENV_ABI;
    env.size--;
    cr_expect_eq(s2s_session_new(&env, &options, 0, &session), S2S_E_INVAL);
    env.size++;
    cr_expect_eq(s2s_session_new(NULL, &options, 0, &session), S2S_E_INVAL);
    cr_expect_eq(s2s_session_new(&env, NULL, 0, &session), S2S_E_INVAL);
    cr_expect_eq(s2s_session_new(&env, &options, 0, NULL), S2S_E_INVAL);
    cr_expect_eq(s2s_session_new(&env, &options, 0, &session), S2S_OK);
    s2s_session_free(session);
    cr_expect_eq(t.live, 0u);
}
