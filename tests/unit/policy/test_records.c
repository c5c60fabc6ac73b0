/* SPDX-License-Identifier: MIT */
/* test_records.c: what is remembered of remote domains, what is forgotten first, and who the other mode would cut off. */
#include "mod_s2s_eku/records.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

static test_env t;
static eku_records *r;

static void begin(size_t max)
{
    test_env_init(&t);
    cr_assert_eq(eku_records_new(&t.env, max, &r), S2S_OK);
}

static void end(void)
{
    eku_records_free(r);
    cr_expect_eq(t.live, 0u, "%zu blocks are left", t.live);
}

static s2s_verdict verdict(bool trusted, bool tolerant, bool strict)
{
    s2s_verdict v;
    s2s_verdict_init(&v);
    v.trusted = trusted;
    v.would_tolerant = tolerant;
    v.would_strict = strict;
    v.chain = trusted ? S2S_CHAIN_VALID : S2S_CHAIN_EXPIRED;
    v.eku = S2S_EKU_SERVER;
    (void)snprintf(v.reason, sizeof v.reason, "the reason");
    return v;
}

static eku_event event(const char *remote, s2s_role role, const s2s_verdict *v, int64_t wall)
{
    return (eku_event){.size = sizeof(eku_event), .local = S2S_STR("a.example"), .remote = s2s_str_of(remote), .role = role,
                       .mode = EKU_TOLERANT, .verdict = v, .mechanism = "none", .cause = "", .wall = wall};
}

static const eku_record *find(const char *remote, s2s_role role)
{
    return eku_records_find(r, s2s_str_of(remote), role);
}

Test(records, a_stream_from_its_verdict_to_its_end)
{
    s2s_verdict v = verdict(true, true, false);
    s2s_close plain = {.origin = S2S_ORIGIN_PEER};
    begin(0);
    eku_event e = event("p.example", S2S_ACCEPTOR, &v, 100);
    e.mechanism = "external";
    cr_expect(eku_records_note(r, &e));
    e.wall = 200;
    e.end = &plain;
    cr_expect(eku_records_note(r, &e));
    const eku_record *rec = find("p.example", S2S_ACCEPTOR);
    cr_assert_not_null(rec);
    cr_expect_null(find("p.example", S2S_INITIATOR));
    cr_expect_eq(rec->first_seen, 100);
    cr_expect_eq(rec->last_seen, 200);
    cr_expect_eq(rec->accepted, 1u, "one handshake, told of twice");
    cr_expect_eq(rec->established, 1u);
    cr_expect_eq(rec->failed, 0u, "an end in good order is no failure");
    cr_expect_str_eq(rec->mechanism, "external");
    cr_expect_str_eq(rec->local, "a.example");
    cr_expect(eku_record_cut_off(rec), "strict would refuse it");
    end();
}

Test(records, a_refused_peer_keeps_our_reason)
{
    s2s_verdict v = verdict(false, false, false);
    s2s_close close = {.origin = S2S_ORIGIN_LOCAL, .cond = S2S_COND_POLICY_VIOLATION};
    begin(0);
    eku_event e = event("p.example", S2S_INITIATOR, &v, 100);
    e.end = &close;
    cr_expect(eku_records_note(r, &e));
    const eku_record *rec = find("p.example", S2S_INITIATOR);
    cr_expect_eq(rec->refused, 1u);
    cr_expect_eq(rec->failed, 1u);
    cr_expect_eq(rec->established, 0u);
    cr_expect_str_eq(rec->failure.text, "the reason");
    cr_expect_eq(rec->failure.at, 100);
    cr_expect_eq(rec->peer_refused, 0u);
    cr_expect_not(eku_record_cut_off(rec), "it is out already");
    end();
}

Test(records, a_peer_that_refuses_us_is_named_with_its_cause)
{
    s2s_verdict v = verdict(true, true, true);
    s2s_close close = {.origin = S2S_ORIGIN_PEER, .cond = S2S_COND_NOT_AUTHORIZED, .sasl_refused = true};
    (void)snprintf(close.text, sizeof close.text, "unsupported certificate purpose");
    begin(0);
    eku_event e = event("p.example", S2S_INITIATOR, &v, 100);
    e.end = &close;
    e.cause = "it wants clientAuth";
    cr_expect(eku_records_note(r, &e));
    const eku_record *rec = find("p.example", S2S_INITIATOR);
    cr_expect_eq(rec->peer_refused, 1u);
    cr_expect_eq(rec->accepted, 1u);
    cr_expect_str_eq(rec->failure.text, "unsupported certificate purpose");
    cr_expect_str_eq(rec->failure.cause, "it wants clientAuth");
    cr_expect_eq(rec->failure.cond, S2S_COND_NOT_AUTHORIZED);
    end();
}

Test(records, what_does_not_matter_is_not_kept)
{
    s2s_close close = {.origin = S2S_ORIGIN_TRANSPORT};
    begin(0);
    eku_event e = event("p.example", S2S_ACCEPTOR, NULL, 1);
    e.end = &close;
    cr_expect(eku_records_note(r, &e), "connected to us and went");
    e.remote = S2S_STR_ABSENT;
    e.role = S2S_INITIATOR;
    cr_expect(eku_records_note(r, &e));
    cr_expect_eq(eku_records_count(r), 0u);
    e.remote = S2S_STR("p.example");
    cr_expect(eku_records_note(r, &e), "we could not reach it");
    cr_expect_eq(eku_records_count(r), 1u);
    cr_expect_not(find("p.example", S2S_INITIATOR)->judged);
    end();
}

Test(records, a_break_of_an_established_stream_is_a_failure)
{
    s2s_verdict v = verdict(true, true, true);
    s2s_close close = {.origin = S2S_ORIGIN_TRANSPORT};
    begin(0);
    eku_event e = event("p.example", S2S_INITIATOR, &v, 5);
    e.mechanism = "external";
    e.end = &close;
    cr_expect(eku_records_note(r, &e));
    cr_expect_eq(find("p.example", S2S_INITIATOR)->failed, 1u);
    end();
}

Test(records, sorted_by_domain_and_direction)
{
    static const char *const NAMES[] = {"b.example", "a.example", "ab.example", "a", "zz", "b.example"};
    s2s_verdict v = verdict(true, true, true);
    begin(0);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        eku_event e = event(NAMES[i], i % 2 ? S2S_ACCEPTOR : S2S_INITIATOR, &v, (int64_t)i);
        cr_expect(eku_records_note(r, &e));
    }
    cr_assert_eq(eku_records_count(r), 6u);
    for (size_t i = 1; i < 6; i++)
        cr_expect_leq(strcmp(eku_records_at(r, i - 1)->remote, eku_records_at(r, i)->remote), 0);
    cr_expect_eq(eku_records_at(r, 3)->role, S2S_INITIATOR, "b.example, out before in");
    cr_expect_eq(eku_records_at(r, 4)->role, S2S_ACCEPTOR);
    cr_expect_null(eku_records_at(r, 6));
    end();
}

/* Names that an attacker makes up do not push out peers that have been established. */
Test(records, full_forgets_the_oldest_of_those_that_never_were_established)
{
    s2s_verdict good = verdict(true, true, true), bad = verdict(false, false, false);
    char name[32];
    begin(4);
    eku_event e = event("good.example", S2S_ACCEPTOR, &good, 1);
    e.mechanism = "external";
    cr_expect(eku_records_note(r, &e));
    for (int i = 0; i < 100; i++) {
        s2s_close close = {.origin = S2S_ORIGIN_LOCAL};
        (void)snprintf(name, sizeof name, "x%d.example", i);
        e = event(name, S2S_ACCEPTOR, &bad, 10 + i);
        e.end = &close;
        cr_expect(eku_records_note(r, &e));
        cr_expect_leq(eku_records_count(r), 4u);
    }
    cr_expect_not_null(find("good.example", S2S_ACCEPTOR));
    cr_expect_not_null(find("x99.example", S2S_ACCEPTOR));
    cr_expect_null(find("x96.example", S2S_ACCEPTOR));
    end();
}

Test(records, cut_off_by_the_other_mode)
{
    static const struct {
        eku_mode mode;
        bool trusted, tolerant, strict, cut_off;
    } ROWS[] = {
        {EKU_TOLERANT, true, true, true, false},  {EKU_TOLERANT, true, true, false, true},
        {EKU_TOLERANT, false, false, false, false}, {EKU_STRICT, true, true, true, false},
        {EKU_STRICT, false, true, false, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        eku_record rec = {.judged = true, .mode = ROWS[i].mode,
                          .verdict = verdict(ROWS[i].trusted, ROWS[i].tolerant, ROWS[i].strict)};
        cr_expect_eq(eku_record_cut_off(&rec), ROWS[i].cut_off, "row %zu", i);
        rec.judged = false;
        cr_expect_not(eku_record_cut_off(&rec));
    }
}

Test(records, out_of_memory_leaves_what_there_was)
{
    s2s_verdict v = verdict(true, true, true);
    bool noted = false;
    for (long after = 0; !noted; after++) {
        begin(0);
        eku_event e = event("p.example", S2S_INITIATOR, &v, 1);
        t.fail_after = after;
        noted = eku_records_note(r, &e);
        t.fail_after = -1;
        cr_expect(eku_records_note(r, &e));
        cr_expect_eq(eku_records_count(r), 1u);
        end();
        cr_assert_lt(after, 20);
    }
}

static s2s_err restore(const char *remote, s2s_role role)
{
    eku_record old = {.remote = remote, .local = "a.example", .role = role, .established = 3, .last_seen = 7};
    return eku_records_restore(r, &old);
}

Test(records, what_was_kept_elsewhere_comes_back_once_and_within_the_limit)
{
    begin(2);
    cr_expect_eq(restore("p.example", S2S_INITIATOR), S2S_OK);
    cr_expect_eq(restore("p.example", S2S_INITIATOR), S2S_E_EXISTS);
    t.fail_after = 0;
    cr_expect_eq(restore("p.example", S2S_ACCEPTOR), S2S_E_NOMEM);
    t.fail_after = -1;
    cr_expect_eq(restore("p.example", S2S_ACCEPTOR), S2S_OK);
    cr_expect_eq(restore("q.example", S2S_ACCEPTOR), S2S_E_LIMIT);
    cr_expect_eq(eku_records_count(r), 2u);
    cr_assert_not_null(find("p.example", S2S_INITIATOR));
    cr_expect_eq(find("p.example", S2S_INITIATOR)->established, 3u);
    cr_expect_eq(find("p.example", S2S_INITIATOR)->last_seen, 7);
    end();
}

Test(records, as_many_as_there_are_in_order_and_found_again)
{
    enum { MANY = 300 };
    char name[32];
    s2s_verdict v = verdict(true, true, true);
    begin(0);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "p%03d.example", i * 7 % MANY);
        eku_event e = event(name, S2S_INITIATOR, &v, i);
        cr_expect(eku_records_note(r, &e));
    }
    cr_assert_eq(eku_records_count(r), (size_t)MANY);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof name, "p%03d.example", i);
        cr_expect_str_eq(eku_records_at(r, (size_t)i)->remote, name);
        cr_expect_eq(find(name, S2S_INITIATOR), eku_records_at(r, (size_t)i));
    }
    end();
}

/* How a stream that comes in, or one that was established, ended. */
Test(records, which_ends_are_failures)
{
    static const struct {
        const char *name, *mechanism, *cause;
        s2s_close close;
        bool judged, kept;
        unsigned failed, peer_refused;
    } ROWS[] = {
        {"never judged, for no known cause", "none", "", {.origin = S2S_ORIGIN_PEER}, false, false, 0, 0},
        {"never judged, with a cause", "none", "their CA", {.origin = S2S_ORIGIN_PEER}, false, true, 1, 1},
        {"never judged, refused in SASL", "none", "", {.origin = S2S_ORIGIN_PEER, .sasl_refused = true}, false, true, 1, 1},
        {"established, broken", "external", "", {.origin = S2S_ORIGIN_TRANSPORT}, true, true, 1, 0},
        {"established, our own fault", "external", "", {.origin = S2S_ORIGIN_INTERNAL}, true, true, 1, 0},
        {"established, in good order", "external", "", {.origin = S2S_ORIGIN_PEER}, true, true, 0, 0},
        {"established, with an error", "external", "", {.origin = S2S_ORIGIN_PEER, .cond = S2S_COND_RESET}, true, true, 1, 0},
    };
    s2s_verdict v = verdict(true, true, true);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        begin(0);
        eku_event e = event("p.example", S2S_ACCEPTOR, ROWS[i].judged ? &v : NULL, 1);
        e.mechanism = ROWS[i].mechanism;
        e.cause = ROWS[i].cause;
        e.end = &ROWS[i].close;
        cr_expect(eku_records_note(r, &e));
        const eku_record *rec = find("p.example", S2S_ACCEPTOR);
        cr_expect_eq(rec != NULL, ROWS[i].kept, "%s", ROWS[i].name);
        if (rec) {
            cr_expect_eq(rec->failed, ROWS[i].failed, "%s: %u", ROWS[i].name, (unsigned)rec->failed);
            cr_expect_eq(rec->peer_refused, ROWS[i].peer_refused, "%s", ROWS[i].name);
        }
        end();
    }
}
