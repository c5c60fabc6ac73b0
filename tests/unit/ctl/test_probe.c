/* SPDX-License-Identifier: MIT */
/* test_probe.c: one domain from its name to a conclusion, against a real acceptor and against peers that are none. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "s2s/federation.h"

static world w;

static void begin(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    world_begin(&w, S2S_TLS_STARTTLS);
}

static void end(void)
{
    world_end(&w);
}

TestSuite(ctl_probe, .init = begin, .fini = end, .timeout = 60);

static void expect(const char *path, const char *want)
{
    cr_expect_str_eq(at(w.result, path), want, "%s: %s", path, at(w.result, "summary"));
}

static bool has_code(const char *code)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(w.result, "findings"), i, f)
    {
        if (strcmp(at(f, "code"), code) == 0)
            return true;
    }
    return false;
}

Test(ctl_probe, a_server_that_takes_our_certificate)
{
    world_probe(&w, "B.example."); /* any form of the name */
    expect("domain", "b.example");
    expect("answer", "accepts");
    expect("mechanism", "external");
    expect("chain", "valid");
    expect("identity", "match");
    expect("attempts.0.outcome", "accepted");
    expect("attempts.0.transport", "starttls");
    expect("attempts.0.tls.version", "TLS1.3");
    expect("attempts.0.tls.sni", "b.example");
    cr_expect(json_is_true(json_object_get(w.result, "trusted")));
    cr_expect_eq(w.net.b.count, 0, "no stanza reached it");
    cr_expect_geq(w.net.b.judged, 1);
    cr_expect_str_eq(w.net.b.judged_name, "a.example");
}

Test(ctl_probe, without_a_certificate_it_is_asked_nothing)
{
    w.options.certificates_len = w.options.keys_len = 0;
    w.options.from = NULL;
    w.net.b.refuses = true;
    world_probe(&w, "b.example");
    expect("answer", "unasked");
    expect("attempts.0.outcome", "no-certificate");
    cr_expect_gt(json_array_size(json_object_get(w.result, "unknown")), 0);
}

Test(ctl_probe, a_server_that_refuses_our_certificate)
{
    w.net.b.refuses = true;
    world_probe(&w, "b.example");
    expect("answer", "refuses");
    expect("mechanism", "none");
    cr_expect(has_code("refused"), "%s", at(w.result, "summary"));
    cr_expect_neq(strlen(at(w.result, "ours.0.why")), 0);
}

Test(ctl_probe, a_server_whose_certificate_does_not_hold_is_looked_at_to_the_end)
{
    (void)certs_path(&w.net.certs, "a.example.pem", w.ca);
    world_probe(&w, "b.example");
    expect("answer", "untrusted");
    expect("chain", "bad-signature"); /* another CA of the same name */
    expect("mechanism", "external");
    cr_expect(has_code("certificate"));
}

Test(ctl_probe, a_certificate_for_another_domain)
{
    net_add_domain(&w.net, &w.net.b, "c.example");
    (void)certs_path(&w.net.certs, "c.example.pem", w.ca);
    world_probe(&w, "c.example");
    expect("identity", "match");
    expect("answer", "accepts");
}

Test(ctl_probe, a_domain_that_is_not_served_there)
{
    world_probe(&w, "nobody.example");
    expect("answer", "broken");
    expect("attempts.0.peer_text", "host-unknown");
    cr_expect(has_code("stream"));
}

Test(ctl_probe, the_difference_between_two_certificates_is_told)
{
    w.options.certificates[1] = w.options.certificates[0];
    w.options.keys[1] = w.options.keys[0];
    w.options.certificates_len = w.options.keys_len = 2;
    world_probe(&w, "b.example");
    cr_expect_eq(json_array_size(json_object_get(w.result, "ours")), 2);
    expect("differential.refuses_purpose", "unknown"); /* they permit clients, both of them */
}

Test(ctl_probe, a_certificate_of_ours_that_names_somebody_else_is_said_to)
{
    w.options.from = "x.example";
    world_probe(&w, "b.example");
    cr_expect(has_code("our-name"));
}

Test(ctl_probe, nobody_listens)
{
    w.options.route = "127.0.0.1:1";
    world_probe(&w, "b.example");
    expect("answer", "unreachable");
    cr_expect(has_code("tcp"));
}

Test(ctl_probe, peers_that_are_none)
{
    static const struct {
        const char *says;
        bool closes;
        const char *answer;
    } ROWS[] = {
        {"SSH-2.0-OpenSSH_9.2\r\n", false, "broken"},
        {"", true, "broken"},
        {"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
         "id='1'>",
         false, "broken"}, /* ST-06: no version */
        {"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
         "id='1' "
         "version='1.0'><stream:features/>",
         false, "broken"}, /* TL-03: no STARTTLS */
        {"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
         "id='1' "
         "version='1.0'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
         "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><x/>",
         false, "broken"}, /* TL-05 */
        {"<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
         "id='1' "
         "version='1.0'><stream:error><host-gone "
         "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>",
         true, "broken"},
    };
    world_script(&w, ROWS[0].says, ROWS[0].closes);
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        w.peer.says = ROWS[i].says;
        w.peer.closes = ROWS[i].closes;
        world_probe(&w, "b.example");
        cr_expect_str_eq(at(w.result, "answer"), ROWS[i].answer, "row %zu: %s", i, at(w.result, "summary"));
        cr_expect(has_code("stream"), "row %zu: %s", i, at(w.result, "summary"));
    }
}

Test(ctl_probe, a_peer_that_says_nothing_takes_no_longer_than_the_timeout)
{
    w.options.timeout_s = 1;
    world_script(&w, "", false);
    world_probe(&w, "b.example");
    expect("answer", "broken");
    cr_expect(has_code("time"));
}

Test(ctl_probe, names_that_are_none)
{
    static const char *const NAMES[] = {"", "a b", "x@b.example", "..",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        world_probe(&w, NAMES[i]);
        cr_expect_str_eq(at(w.result, "answer"), "unreachable", "%s", NAMES[i]);
        cr_expect(has_code("name"), "%s: %s", NAMES[i], at(w.result, "summary"));
    }
}

Test(ctl_probe, by_the_dns)
{
    static const struct {
        const char *domain, *answer, *code;
    } ROWS[] = {
        {"b.example", "accepts", NULL},
        {"gone.example", "unreachable", "dns-none"},
        {"closed.example", "unreachable", "dns-not-offered"},
        {"refuses.example", "unreachable", "dns-failed"},
    };
    world_publish(&w, "_xmpp-server._tcp.b.example");
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        world_probe(&w, ROWS[i].domain);
        cr_expect_str_eq(at(w.result, "answer"), ROWS[i].answer, "%s: %s", ROWS[i].domain, at(w.result, "summary"));
        if (ROWS[i].code)
            cr_expect(has_code(ROWS[i].code), "%s: %s", ROWS[i].domain, at(w.result, "summary"));
    }
}

Test(ctl_probe, when_one_server_is_no_good_the_next_one_speaks_for_the_domain)
{
    world_script(&w, "SSH-2.0-OpenSSH_9.2\r\n", false);
    world_publish(&w, "_xmpp-server._tcp.b.example");
    w.rows[5] = (dns_row){"_xmpp-server._tcp.b.example",
                          DNS_SRV,
                          "xmpp.b.example",
                          1,
                          0,
                          (uint16_t)strtoul(strrchr(w.peer.address, ':') + 1, NULL, 10)};
    w.net.dns.rows_len = 6;
    world_probe(&w, "b.example");
    expect("answer", "accepts");
    expect("attempts.0.outcome", "not-reached");
    expect("attempts.1.outcome", "accepted");
    expect("findings.0.level", "warning");
    cr_expect(has_code("stream"));
}

Test(ctl_probe, the_records_are_shown)
{
    world_publish(&w, "_xmpp-server._tcp.b.example");
    world_probe(&w, "b.example");
    expect("dns.srv.0.service", "xmpp-server");
    expect("dns.srv.0.records.0.target", "xmpp.b.example");
    expect("dns.srv.1.status", "none");
    expect("dns.srv.0.dnssec", "unchecked"); /* no anchor was given */
    expect("dns.hosts.0.addresses.0", "127.0.0.1");
}

Test(ctl_probe, dnssec_is_shown)
{
    world_publish_signed(&w, NULL);
    world_probe(&w, "signed.example");
    expect("answer", "accepts");
    expect("dns.srv.0.dnssec", "secure");
    expect("dns.hosts.0.dnssec", "secure");
    expect("dns.tlsa.0.host", "xmpp.signed.example");
    expect("dns.tlsa.0.status", "none");
}

Test(ctl_probe, tlsa_records_that_do_not_match_refuse)
{
    world_publish_signed(&w, "3 1 1 0000000000000000000000000000000000000000000000000000000000000000");
    world_probe(&w, "signed.example");
    expect("dns.tlsa.0.dnssec", "secure");
    expect("answer", "untrusted");
    cr_expect(has_code("certificate"), "%s", at(w.result, "summary"));
}

Test(ctl_probe, forged_records_are_bogus)
{
    world_publish_signed(&w, NULL);
    w.rows[0].forged = true;
    world_probe(&w, "signed.example");
    expect("answer", "unreachable");
    expect("dns.srv.0.dnssec", "bogus");
    cr_expect(has_code("dns-bogus"));
}

Test(ctl_probe, stopped_in_the_middle_it_gives_what_it_has)
{
    probe *p;
    world_open(&w);
    cr_assert_eq(probe_start(&w.context, "b.example", NULL, NULL, &p), S2S_OK);
    for (int i = 0; i < 3; i++)
        (void)uv_run(&w.net.loop, UV_RUN_ONCE);
    w.result = probe_stop(p);
    expect("domain", "b.example");
}

Test(ctl_probe, options_that_cannot_be)
{
    static const struct {
        const char *name, *from, *route, *says;
        bool no_key_file;
    } ROWS[] = {
        {"no domain for the certificate", NULL, NULL, "--from"},
        {"a domain that is none", "a b", NULL, "--from"},
        {"a route that is none", "a.example", "localhost:5269", "--route"},
        {"a key that is not there", "a.example", NULL, "nonexistent", true},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char why[S2S_TEXT_MAX];
        w.options.from = ROWS[i].from;
        w.options.route = ROWS[i].route;
        if (ROWS[i].no_key_file)
            w.options.keys[0] = "/nonexistent/key";
        cr_expect_neq(probe_context_init(&w.context, &w.net.a.t.env, &w.net.loop, &w.options, why), S2S_OK, "%s",
                      ROWS[i].name);
        cr_expect_not_null(strstr(why, ROWS[i].says), "%s: %s", ROWS[i].name, why);
    }
}

/* Where the peer offers bidi, it is asked two questions, and answers on the same stream. */
static world bidi;

static void begin_bidi(void)
{
    world_begin_bidi(&bidi);
}

static void end_bidi(void)
{
    world_end(&bidi);
}

TestSuite(ctl_probe_bidi, .init = begin_bidi, .fini = end_bidi, .timeout = 60);

static void on_answer(void *arg, json_t *result)
{
    bidi.result = result;
    (void)arg;
}

static void answer(const char *id, const char *inner)
{
    s2s_stanza st = {.kind = S2S_IQ,
                     .from = S2S_STR("b.example"),
                     .to = S2S_STR("a.example"),
                     .id = s2s_str_of(id),
                     .type = S2S_STR("result"),
                     .attrs = S2S_STR(""),
                     .inner = s2s_str_of(inner)};
    cr_assert_eq(s2s_federation_send(bidi.net.b.f, &st), S2S_OK);
}

Test(ctl_probe_bidi, software_and_features_of_the_bare_domain)
{
    probe *p;
    world_open(&bidi);
    cr_assert_eq(probe_start(&bidi.context, "b.example", on_answer, NULL, &p), S2S_OK);
    net_until(&bidi.net, &bidi.net.b.count, 2);
    cr_expect_str_eq(bidi.net.b.received[0], "iq get probe-version a.example <query xmlns='jabber:iq:version'/>");
    cr_expect_str_eq(bidi.net.b.received[1],
                     "iq get probe-disco a.example <query xmlns='http://jabber.org/protocol/disco#info'/>");
    answer("probe-version", "<query xmlns='jabber:iq:version'><name>Test</name><version>1.0</version></query>");
    answer("probe-disco",
           "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:ping'/></query>");
    while (!bidi.result)
        (void)uv_run(&bidi.net.loop, UV_RUN_ONCE);
    cr_expect_str_eq(at(bidi.result, "answer"), "accepts", "%s", at(bidi.result, "summary"));
    cr_expect_str_eq(at(bidi.result, "software"), "Test 1.0");
    cr_expect_str_eq(at(bidi.result, "attempts.0.disco.0"), "urn:xmpp:ping");
}

/* Direct TLS needs another listener. */
static world direct;

static void begin_direct(void)
{
    world_begin(&direct, S2S_TLS_DIRECT);
}

static void end_direct(void)
{
    world_end(&direct);
}

TestSuite(ctl_probe_direct, .init = begin_direct, .fini = end_direct, .timeout = 60);

Test(ctl_probe_direct, by_route)
{
    world_probe(&direct, "b.example");
    cr_expect_str_eq(at(direct.result, "answer"), "accepts", "%s", at(direct.result, "summary"));
    cr_expect_str_eq(at(direct.result, "attempts.0.transport"), "direct");
    cr_expect_str_eq(at(direct.result, "attempts.0.tls.alpn"), "xmpp-server", "DN-06");
}

Test(ctl_probe_direct, by_the_dns)
{
    world_publish(&direct, "_xmpps-server._tcp.b.example");
    world_probe(&direct, "b.example");
    cr_expect_str_eq(at(direct.result, "answer"), "accepts", "%s", at(direct.result, "summary"));
    cr_expect_str_eq(at(direct.result, "dns.srv.1.records.0.target"), "xmpp.b.example");
    cr_expect_str_eq(at(direct.result, "attempts.0.transport"), "direct");
}
