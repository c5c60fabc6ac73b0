/* SPDX-License-Identifier: MIT */
/* test_setup.c: certificates, domains and routes exchanged while streams live; peers judged again; streams closed by command. */
#include "two_nodes.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { SWAPS = 100 };

static net n;

static void begin(void)
{
    net_begin(&n);
    net_begin_nodes(&n);
}

/* One stanza from a to b, which makes the stream. */
static void connect_a_to_b(const char *id)
{
    size_t before = n.b.count;
    cr_assert_eq(node_send(&n.a, "b.example", id), S2S_OK);
    net_until(&n, &n.b.count, before + 1);
}

static void add(s2s_setup *setup, const char *domain, const char *name)
{
    char cert[CERTS_PATH], key[CERTS_PATH], file[64], why[S2S_TEXT_MAX] = "";
    (void)snprintf(file, sizeof file, "%s.pem", name);
    certs_path(&n.certs, file, cert);
    (void)snprintf(file, sizeof file, "%s.key", name);
    certs_path(&n.certs, file, key);
    cr_assert_eq(s2s_setup_add_domain(setup, s2s_str_of(domain), cert, key, why), S2S_OK, "%s", why);
}

static s2s_setup *new_setup(node *of)
{
    s2s_setup *setup = NULL;
    cr_assert_eq(s2s_setup_new(&of->t.env, &setup), S2S_OK);
    return setup;
}

/* -- CE-04 --------------------------------------------------------------------------------------------- */

Test(federation_recheck, an_expired_peer_is_closed_with_reset_and_renewed_when_needed)
{
    begin();
    n.b.expires = (int64_t)time(NULL) + 2;
    connect_a_to_b("m1");
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.last_end.origin, S2S_ORIGIN_PEER);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_RESET);
    cr_expect_geq((int64_t)time(NULL), n.b.expires);
    n.b.expires = 0;
    connect_a_to_b("m2");
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    net_end(&n);
}

Test(federation_recheck, a_peer_that_is_refused_now_is_closed_with_reset)
{
    begin();
    connect_a_to_b("m1");
    n.b.refuses = true;
    s2s_federation_recheck(n.b.f);
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.last_end.origin, S2S_ORIGIN_PEER);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_RESET);
    net_end(&n);
}

Test(federation_recheck, a_peer_that_is_good_stays)
{
    begin();
    connect_a_to_b("m1");
    size_t judged = n.b.judged;
    s2s_federation_recheck(n.b.f);
    net_until(&n, &n.b.judged, judged + 1);
    connect_a_to_b("m2");
    cr_expect_eq(n.a.ended, 0u);
    cr_expect_eq(n.a.established, 1u, "the same stream");
    net_end(&n);
}

Test(federation_recheck, the_second_word_may_come_later)
{
    s2s_verdict verdict;
    begin();
    connect_a_to_b("m1");
    size_t judged = n.b.judged;
    n.b.pends = true;
    s2s_federation_recheck(n.b.f);
    net_until(&n, &n.b.judged, judged + 1);
    connect_a_to_b("m2");
    cr_expect_eq(n.a.ended, 0u, "until then the first holds");
    s2s_verdict_init(&verdict);
    cr_expect_eq(s2s_federation_answer(n.b.f, n.b.asked, &verdict), S2S_OK);
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_RESET);
    net_end(&n);
}

/* -- replacing ----------------------------------------------------------------------------------------- */

Test(federation_setup, new_streams_show_the_new_certificate_and_old_ones_stay)
{
    /* CE-05 */
    char why[S2S_TEXT_MAX] = "";
    begin();
    connect_a_to_b("m1");
    cr_expect_str_eq(n.a.judged_name, "b.example");
    certs_make(&n.certs, "renewed", &(certs_spec){.dns = "new.example", .dns_too = "b.example"});
    s2s_setup *setup = new_setup(&n.b);
    add(setup, "b.example", "renewed");
    cr_assert_eq(s2s_setup_add_route(setup, "a.example", n.a.address, n.tls, why), S2S_OK, "%s", why);
    s2s_federation_replace(n.b.f, setup);
    connect_a_to_b("m2");
    cr_expect_eq(n.a.established, 1u, "the same stream");
    cr_expect_eq(s2s_federation_close_remote(n.a.f, S2S_STR("B.example.")), 1u);
    connect_a_to_b("m3");
    cr_expect_str_eq(n.a.judged_name, "new.example");
    cr_assert_eq(node_send(&n.b, "a.example", "back"), S2S_OK);
    net_until(&n, &n.a.count, 1);
    cr_expect(strstr(node_last(&n.a), "back"), "the new route is used");
    net_end(&n);
}

Test(federation_setup, a_domain_that_is_gone_closes_its_streams)
{
    begin();
    net_add_domain(&n, &n.b, "b2.example");
    connect_a_to_b("m1");
    s2s_setup *setup = new_setup(&n.b);
    add(setup, "b2.example", "b2.example");
    s2s_federation_replace(n.b.f, setup);
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.last_end.cond, S2S_COND_HOST_GONE);
    cr_expect_not(s2s_federation_serves(n.b.f, S2S_STR("b.example")));
    cr_expect(s2s_federation_serves(n.b.f, S2S_STR("b2.example")));
    net_end(&n);
}

/* Certificates are swapped while streams come and go: each stream shows one of the two, and every stanza arrives. */
Test(federation_setup, a_hundred_swaps_while_streams_open_and_close)
{
    static const char *const NAMES[] = {"first", "second"}, *const DOMAINS[] = {"one.example", "two.example"};
    begin();
    for (size_t i = 0; i < 2; i++)
        certs_make(&n.certs, NAMES[i], &(certs_spec){.dns = DOMAINS[i], .dns_too = "b.example"});
    for (size_t i = 0; i < SWAPS; i++) {
        s2s_setup *setup = new_setup(&n.b);
        add(setup, "b.example", NAMES[i % 2]);
        cr_assert_eq(node_send(&n.a, "b.example", "m"), S2S_OK);
        if (i % 3 == 0) /* in the middle of a handshake */
            uv_run(&n.loop, UV_RUN_ONCE);
        s2s_federation_replace(n.b.f, setup);
        net_until(&n, &n.b.count, i + 1);
        cr_assert(strcmp(n.a.judged_name, DOMAINS[0]) == 0 || strcmp(n.a.judged_name, DOMAINS[1]) == 0 ||
                  (i == 0 && strcmp(n.a.judged_name, "b.example") == 0), "%s", n.a.judged_name);
        if (i % 4 == 3)
            s2s_federation_close_remote(n.a.f, S2S_STR("b.example"));
    }
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    cr_expect_geq(n.a.established, (size_t)SWAPS / 4);
    net_end(&n);
}

/* -- closing by command -------------------------------------------------------------------------------- */

Test(federation_close_remote, forgets_a_failure)
{
    begin();
    n.a.refuses = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.ended, 1);
    n.a.refuses = false;
    cr_expect_eq(n.a.count, 1u, "bounced");
    cr_expect_leq(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 1u, "it may still be closing");
    connect_a_to_b("m2");
    net_end(&n);
}

Test(federation_close_remote, what_waits_for_a_stream_that_is_being_made_begins_anew)
{
    begin();
    n.b.pends = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.b.judged, 1);
    n.b.pends = false;
    cr_expect_eq(s2s_federation_close_remote(n.a.f, S2S_STR("other.example")), 0u);
    cr_expect_eq(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 1u);
    net_until(&n, &n.b.count, 1);
    cr_expect(strstr(node_last(&n.b), "m1"), "%s", node_last(&n.b));
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    net_end(&n);
}

Test(federation_close_remote, what_waits_for_a_connection_begins_anew)
{
    begin();
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    cr_expect_eq(s2s_federation_close_remote(n.a.f, S2S_STR("b.example")), 1u, "nothing has happened yet");
    net_until(&n, &n.b.count, 1);
    cr_expect_eq(n.a.count, 0u, "nothing bounced");
    cr_expect_eq(n.a.established, 1u);
    net_end(&n);
}

/* -- what it tells ------------------------------------------------------------------------------------- */

static void take_domain(void *arg, const s2s_domain_info *info)
{
    size_t *count = arg;
    cr_expect(s2s_str_eq(info->domain, S2S_STR("b.example")));
    cr_expect_not_null(strstr(info->certificate_file, "b.example.pem"));
    cr_expect_geq(info->chain_len, 1u);
    cr_expect_gt(info->expires, (int64_t)time(NULL));
    cr_expect_lt(info->not_before, info->expires);
    (*count)++;
}

Test(federation_setup, tells_of_its_certificates)
{
    size_t count = 0;
    begin();
    s2s_federation_domains(n.b.f, take_domain, &count);
    cr_expect_eq(count, 1u);
    net_end(&n);
}

Test(federation_setup, a_refusal_is_told_with_our_certificate_and_its_cause)
{
    begin();
    n.b.refuses = true;
    cr_assert_eq(node_send(&n.a, "b.example", "m1"), S2S_OK);
    net_until(&n, &n.a.ended, 1);
    cr_expect_eq(n.a.refused_by, S2S_REFUSED_BY_STREAM_ERROR);
    cr_expect_geq(n.a.presented, 1u);
    cr_expect_str_eq(n.a.cause, "explained by the test");
    net_end(&n);
}
