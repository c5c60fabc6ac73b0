/* SPDX-License-Identifier: MIT */
/* test_access.c: which component may talk to whom, both ways. */
#include <criterion/criterion.h>

#include "node/access.h"
#include "support/test_env.h"

static char open_domain[] = "open.example", corp_domain[] = "app.corp.example", mute_domain[] = "mute.example",
            below[] = "*.corp.example", partner[] = "partner.example";
static char *corp_talks_to[] = {below, partner};
static config_account accounts[] = {{.domain = open_domain},
                                    {.domain = corp_domain, .restricted = true, .talk_to = {corp_talks_to, 2}},
                                    {.domain = mute_domain, .restricted = true}};

static const struct {
    const char *from, *to;
    bool permits;
} ROWS[] = {
    {"bot@open.example", "u@anywhere.example", true},
    {"u@anywhere.example", "bot@open.example", true},
    {"app.corp.example", "u@hr.corp.example/r", true},
    {"u@a.b.CORP.example", "app.corp.example", true},
    {"app.corp.example", "u@partner.example", true},
    {"app.corp.example", "u@sub.partner.example", false},
    {"app.corp.example", "corp.example", false},
    {"app.corp.example", "u@evilcorp.example", false},
    {"u@stranger.example", "app.corp.example", false},
    {"bot@open.example", "app.corp.example", false},
    {"app.corp.example", "bot@open.example", false},
    {"app.corp.example", "other@app.corp.example", true},
    {"mute.example", "u@anywhere.example", false},
    {"u@anywhere.example", "mute.example", false},
    {"a@mute.example", "b@mute.example/r", true},
    {"u@stranger.example", "u@other.example", true},
    {"app.corp.example", NULL, true},
    {"app.corp.example", "@", true},
};

static void on_stopped(void *user)
{
    *(bool *)user = true;
}

Test(access, rules_count_in_both_directions)
{
    test_env t;
    uv_loop_t loop;
    components *c = NULL;
    bool stopped = false;
    const components_ops ops = {.stopped = on_stopped};
    test_env_init(&t);
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(components_new(&t.env, &loop, accounts, 3, &ops, &stopped, &c), S2S_OK);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const s2s_stanza st = {.kind = S2S_MESSAGE, .from = s2s_str_of(ROWS[i].from), .to = s2s_str_of(ROWS[i].to)};
        cr_expect_eq(access_permits(c, &st), ROWS[i].permits, "%s to %s", ROWS[i].from, ROWS[i].to);
    }
    components_stop(c);
    uv_run(&loop, UV_RUN_DEFAULT);
    cr_assert(stopped);
    components_free(c);
    cr_expect_eq(uv_loop_close(&loop), 0, "handles are left");
    cr_expect_eq(t.live, 0);
}

Test(access, without_rules_nobody_is_asked)
{
    config c = {.accounts = accounts, .accounts_len = 1};
    cr_expect_not(access_has_rules(&c));
    c.accounts_len = 2;
    cr_expect(access_has_rules(&c));
}
