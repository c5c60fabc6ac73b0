/* SPDX-License-Identifier: MIT */
/* test_conclude.c: what several conversations prove together. */
#include "probe/conclude.h"

#include <string.h>

#include <criterion/criterion.h>

#include "support/test_env.h"

enum { BOTH, SERVER, OTHER, NONE = -1 };

static test_env env;
static probe_options options;
static probe_context context;
static attempt attempts[PROBE_OURS_MAX + 1];
static probe_record record;

static void begin(void)
{
    test_env_init(&env);
    options = (probe_options){.from = "us.example"};
    context = (probe_context){.env = &env.env, .options = &options, .from = "us.example", .ours_len = 3};
    context.ours[BOTH] =
        (probe_ours){.file = "both.pem", .eku = S2S_EKU_BOTH, .chain_client = true, .chain_server = true};
    context.ours[SERVER] = (probe_ours){.file = "server.pem", .eku = S2S_EKU_SERVER, .chain_server = true};
    context.ours[OTHER] = (probe_ours){.file = "other.pem", .eku = S2S_EKU_SERVER, .chain_server = true};
    record = (probe_record){.context = &context, .domain = "peer.example"};
}

TestSuite(ctl_conclude, .init = begin);

static attempt *add(int ours, attempt_outcome outcome, bool direct, const char *peer_text)
{
    attempt *a = &attempts[record.attempts_len];
    *a = (attempt){.context = &context,
                   .ours = ours == NONE ? NULL : &context.ours[ours],
                   .outcome = outcome,
                   .alert = -1,
                   .remote = "peer.example",
                   .endpoint = {.target = "peer.example", .direct = direct},
                   .tls = true,
                   .sent_certificate = ours != NONE};
    a->steps[0].ok = true;
    a->steps_len = 1;
    a->judgement.judged = a->judgement.receiver.trusted = true;
    (void)snprintf(a->peer_text, sizeof a->peer_text, "%s", peer_text);
    record.attempts[record.attempts_len++] = a;
    return a;
}

typedef struct shown {
    int ours;
    attempt_outcome outcome;
    const char *text;
} shown;

Test(ctl_conclude, the_difference_is_the_proof)
{
    static const struct {
        const char *name;
        shown shown[3];
        size_t count;
        const char *refuses_purpose;
    } ROWS[] = {
        {"with clientAuth yes, without no",
         {{BOTH, OUTCOME_ACCEPTED, ""}, {SERVER, OUTCOME_REFUSED, "not-authorized"}},
         2,
         "yes"},
        {"the same by silence", {{BOTH, OUTCOME_ACCEPTED, ""}, {SERVER, OUTCOME_NOT_OFFERED, ""}}, 2, "yes"},
        {"the same by an end without a word", {{BOTH, OUTCOME_ACCEPTED, ""}, {SERVER, OUTCOME_CUT, ""}}, 2, "yes"},
        {"both", {{BOTH, OUTCOME_ACCEPTED, ""}, {SERVER, OUTCOME_ACCEPTED, ""}}, 2, "no"},
        {"the one without", {{SERVER, OUTCOME_ACCEPTED, ""}}, 1, "no"},
        {"neither", {{BOTH, OUTCOME_REFUSED, "x"}, {SERVER, OUTCOME_REFUSED, "x"}}, 2, "unknown"},
        {"neither, but it says so of one",
         {{BOTH, OUTCOME_REFUSED, "certificate has expired"},
          {SERVER, OUTCOME_REFUSED, "not-authorized: unsupported certificate purpose"}},
         2,
         "yes"},
        {"one, in its own words",
         {{SERVER, OUTCOME_REFUSED, "not-authorized: unsupported certificate purpose"}},
         1,
         "yes"},
        {"one, without a reason", {{SERVER, OUTCOME_REFUSED, "not-authorized"}}, 1, "unknown"},
        {"one that is not trusted, which may mean all",
         {{SERVER, OUTCOME_REFUSED, "Your server's certificate is not trusted"}},
         1,
         "unknown"},
        {"one with clientAuth is taken: no proof", {{BOTH, OUTCOME_ACCEPTED, ""}}, 1, "unknown"},
        {"none was judged", {{BOTH, OUTCOME_NOT_REACHED, ""}, {NONE, OUTCOME_NO_CERTIFICATE, ""}}, 2, "unknown"},
        {"two without, one of them taken", {{SERVER, OUTCOME_REFUSED, "x"}, {OTHER, OUTCOME_ACCEPTED, ""}}, 2, "no"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        record.attempts_len = 0;
        for (size_t k = 0; k < ROWS[i].count; k++)
            (void)add(ROWS[i].shown[k].ours, ROWS[i].shown[k].outcome, false, ROWS[i].shown[k].text);
        json_t *d = differential_of(&record);
        cr_expect_str_eq(json_string_value(json_object_get(d, "refuses_purpose")), ROWS[i].refuses_purpose, "%s: %s",
                         ROWS[i].name, json_string_value(json_object_get(d, "text")));
        json_decref(d);
    }
}

static const char *word(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "";
}

Test(ctl_conclude, answers_and_mechanisms)
{
    static const struct {
        const char *name;
        attempt_outcome outcome;
        bool dialback, untrusted;
        const char *answer, *mechanism;
    } ROWS[] = {
        {"accepted", OUTCOME_ACCEPTED, false, false, "accepts", "external"},
        {"accepted, theirs does not hold", OUTCOME_ACCEPTED, false, true, "untrusted", "external"},
        {"refused", OUTCOME_REFUSED, false, false, "refuses", "none"},
        {"refused, dialback is offered", OUTCOME_REFUSED, true, false, "dialback", "dialback"},
        {"not offered", OUTCOME_NOT_OFFERED, false, false, "refuses", "none"},
        {"not offered, dialback is", OUTCOME_NOT_OFFERED, true, false, "dialback", "dialback"},
        {"cut, whatever was offered before", OUTCOME_CUT, true, false, "refuses", "none"},
        {"it asks for none", OUTCOME_NOT_ASKED, true, false, "dialback", "dialback"},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        record.attempts_len = 0;
        attempt *a = add(BOTH, ROWS[i].outcome, false, "");
        a->have_features[STAGE_TLS] = true;
        a->features[STAGE_TLS].bits = ROWS[i].dialback ? UINT32_C(1) << S2S__OFFERS_DIALBACK : 0;
        a->judgement.receiver.trusted = !ROWS[i].untrusted;
        json_t *r = conclude(&record);
        cr_expect_str_eq(word(r, "answer"), ROWS[i].answer, "%s", ROWS[i].name);
        cr_expect_str_eq(word(r, "mechanism"), ROWS[i].mechanism, "%s", ROWS[i].name);
        cr_expect_neq(strlen(word(r, "summary")), 0, "%s", ROWS[i].name);
        json_decref(r);
    }
}

Test(ctl_conclude, two_ports_with_different_settings_are_told)
{
    (void)add(BOTH, OUTCOME_ACCEPTED, false, "");
    (void)add(BOTH, OUTCOME_REFUSED, true, "not-authorized");
    json_t *r = conclude(&record);
    cr_expect_str_eq(word(r, "answer"), "accepts");
    bool told = false;
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(r, "findings"), i, f) told |= strcmp(word(f, "code"), "transports") == 0;
    cr_expect(told);
    json_decref(r);
}

Test(ctl_conclude, each_finding_says_who_and_how)
{
    (void)add(SERVER, OUTCOME_REFUSED, false, "not-authorized: unsupported certificate purpose");
    record.bad_name = NULL;
    record.timed_out = true;
    record.endpoints_left = 3;
    json_t *r = conclude(&record);
    size_t i;
    json_t *f;
    cr_expect_geq(json_array_size(json_object_get(r, "findings")), 3);
    json_array_foreach(json_object_get(r, "findings"), i, f)
    {
        cr_expect_neq(strlen(word(f, "what")), 0);
        cr_expect_neq(strlen(word(f, "who")), 0);
        cr_expect_neq(strlen(word(f, "how")), 0);
    }
    json_decref(r);
}

Test(ctl_conclude, what_a_peer_says_need_not_be_utf_8)
{
    (void)add(SERVER, OUTCOME_REFUSED, false, "\xff\xfe");
    json_t *r = conclude(&record);
    cr_assert_not_null(r);
    char *text = json_dumps(r, JSON_COMPACT);
    cr_expect_not_null(text);
    free(text);
    json_decref(r);
}
