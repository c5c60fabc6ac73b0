/* SPDX-License-Identifier: MIT */
/* test_lines.c: mail servers and bare TLS, as far as it goes without a mail server: see interop/probe_servers.py. */
#include <signal.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"

static world w;

static void begin(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    world_begin(&w, S2S_TLS_DIRECT);
    w.options.protocol = PROBE_SMTP;
}

static void end(void)
{
    world_end(&w);
}

TestSuite(ctl_lines, .init = begin, .fini = end, .timeout = 60);

Test(ctl_lines, mail_servers_without_tls_and_others)
{
    static char endless[3000];
    static const struct {
        const char *says;
        bool closes;
        const char *ended;
    } ROWS[] = {
        {"220 mx.example ESMTP\r\n250-mx.example\r\n250 PIPELINING\r\n", false, "STARTTLS is not offered"},
        {"220 mx.example ESMTP\r\n502 what?\r\n", false, "STARTTLS is not offered"},
        {"554 go away\r\n", false, "554 go away"},
        {"220 mx\r\n250-mx\r\n250 STARTTLS\r\n454 not now\r\n", false, "STARTTLS was offered and then refused"},
        {"SSH-2.0-OpenSSH_9.2\r\n", false, "the server does not speak this protocol"},
        {"\r\n", false, "the server does not speak this protocol"},
        {endless, false, "a line longer than the protocol allows"},
        {"", true, "the peer closed the connection without a word"},
    };
    memset(endless, '2', sizeof endless - 1);
    world_script(&w, ROWS[0].says, ROWS[0].closes);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        w.peer.says = ROWS[i].says;
        w.peer.closes = ROWS[i].closes;
        world_probe(&w, "mx.example");
        cr_expect_str_eq(at(w.result, "answer"), "broken", "row %zu", i);
        cr_expect_str_eq(at(w.result, "attempts.0.end"), ROWS[i].ended, "row %zu", i);
    }
}

/* What follows the answer to STARTTLS in the clear does not count. */
Test(ctl_lines, plaintext_behind_starttls_is_not_taken_for_an_answer)
{
    world_script(&w, "220 mx\r\n250-mx\r\n250 STARTTLS\r\n220 go\r\n250 injected\r\n", false);
    w.options.timeout_s = 1;
    world_probe(&w, "mx.example");
    cr_expect_str_eq(at(w.result, "attempts.0.outcome"), "not-reached");
}

Test(ctl_lines, a_tls_server_that_goes_on_with_and_without_is_undecided)
{
    w.options.protocol = PROBE_TLS;
    world_probe(&w, "b.example:443");
    cr_expect_str_eq(at(w.result, "answer"), "undecided", "%s", at(w.result, "summary"));
    cr_expect_str_eq(at(w.result, "attempts.0.outcome"), "undecided");
    cr_expect_str_eq(at(w.result, "attempts.1.outcome"), "no-certificate");
    cr_expect(json_is_true(json_object_get(
        json_object_get(json_array_get(json_object_get(w.result, "attempts"), 0), "tls"), "certificate_requested")));
}

Test(ctl_lines, names_with_ports)
{
    static const char *const NAMES[] = {"mx.example:", "mx.example:0", "mx.example:65536", "mx.example:25x", ":25"};
    w.options.route = NULL;
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        world_probe(&w, NAMES[i]);
        cr_expect_str_eq(at(w.result, "findings.0.code"), "name", "%s", NAMES[i]);
    }
    world_probe(&w, "mx.example:2525");
    cr_expect_eq(json_integer_value(json_object_get(w.result, "port")), 2525);
    cr_expect_str_eq(at(w.result, "findings.0.code"), "dns-none");
}
