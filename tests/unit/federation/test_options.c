/* SPDX-License-Identifier: MIT */
/* test_options.c: what s2s_federation_new says of options that will not do. */
#include "s2s/federation.h"

#include <criterion/criterion.h>
#include <string.h>

#include "support/test_env.h"

static s2s_err never_asked(void *self, const s2s_peer *peer, s2s_ticket ticket, s2s_verdict *out)
{
    (void)self;
    (void)peer;
    (void)ticket;
    (void)out;
    cr_assert_fail("nothing was made");
    return S2S_E_STATE;
}

static bool never_delivers(void *user, const s2s_stanza *stanza)
{
    (void)user;
    (void)stanza;
    cr_assert_fail("nothing was made");
    return false;
}

static void never_told(void *user)
{
    (void)user;
    cr_assert_fail("nothing was made");
}

Test(options, those_that_will_not_do_are_named)
{
    char why[S2S_TEXT_MAX];
    test_env t;
    uv_loop_t loop;
    s2s_federation *f = NULL;
    s2s_federation_options o;
    s2s_policy_ops judges = {0};
    s2s_policy policy = {.ops = &judges};
    s2s_federation_ops ops = {0};
    test_env_init(&t);
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_expect_eq(s2s_federation_new(NULL, &f, why), S2S_E_INVAL);
    memset(&o, 0, sizeof o);
    cr_expect_eq(s2s_federation_new(&o, &f, why), S2S_E_INVAL);
    cr_expect(strstr(why, "not initialised"), "%s", why);
    s2s_federation_options_init(&o);
    cr_expect_eq(s2s_federation_new(&o, &f, why), S2S_E_INVAL);
    cr_expect(strstr(why, "lack a loop"), "%s", why);
    o.loop = &loop;
    o.env = &t.env;
    o.policy = &policy;
    o.ops = &ops;
    cr_expect_eq(s2s_federation_new(&o, &f, why), S2S_E_INVAL);
    cr_expect(strstr(why, "policy"), "%s", why);
    judges = (s2s_policy_ops){.abi = S2S_POLICY_ABI, .judge = never_asked};
    cr_expect_eq(s2s_federation_new(&o, &f, why), S2S_E_INVAL);
    cr_expect(strstr(why, "lack deliver"), "%s", why);
    t.env.limits.xml_depth = 0;
    ops = (s2s_federation_ops){S2S_FEDERATION_ABI, .deliver = never_delivers, .drained = never_told, .stopped = never_told};
    cr_expect_eq(s2s_federation_new(&o, &f, why), S2S_E_INVAL);
    cr_expect(strstr(why, "limits.xml_depth"), "%s", why);
    o.dialback_secret = (s2s_bytes){(const uint8_t *)"x", 1};
    s2s_env_ops no_hash = *t.env.ops;
    no_hash.sha256 = NULL;
    t.env.ops = &no_hash;
    cr_expect_eq(s2s_federation_new(&o, &f, why), S2S_E_INVAL);
    cr_expect(strstr(why, "sha256"), "%s", why);
    cr_expect_eq(s2s_federation_new(&o, NULL, why), S2S_E_INVAL);
    cr_expect_null(f);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_expect_eq(t.live, 0u);
}
