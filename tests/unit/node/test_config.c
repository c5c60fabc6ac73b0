/* SPDX-License-Identifier: MIT */
/* test_config.c: a whole configuration from file to plain data, its defaults, and files that cannot be read. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_rows.h"
#include "node/config_tree.h"

TestSuite(config, .init = config_fixture_make, .fini = config_fixture_remove);

/* `relative` against the directory of the test. */
static void expect_path(const char *got, const char *relative)
{
    char here[4096], *wanted = NULL;
    cr_assert_not_null(getcwd(here, sizeof here));
    cr_assert_gt(asprintf(&wanted, "%s/%s", here, relative), 0);
    cr_expect_str_eq(got, wanted);
    free(wanted);
}

static config *load_good(const char *text)
{
    config *c = NULL;
    char *problems = config_fixture_problems(s2s_str_of(text), &c);
    cr_assert_str_empty(problems, "%s", problems);
    free(problems);
    return c;
}

#define PIN "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static const char whole[] =
    "domains:\n"
    "  - name: Example.ORG.\n"
    "    certificate: a.pem\n"
    "    key: a.key\n"
    "    services: [echo]\n"
    "    contacts: {abuse: 'mailto:abuse@example.org'}\n"
    "  - {name: b.example.org, certificate: b.pem, key: b.key, services: []}\n"
    "listen:\n"
    "  - address: \"[::]:5269\"\n"
    "  - {address: 127.0.0.1:5270, tls: direct}\n"
    "components:\n"
    "  listen: [127.0.0.1:5347, \"unix:/run/c.sock\", \"unix:c.sock\"]\n"
    "  accounts:\n"
    "    - {domain: chat.example.org, secret_file: chat.secret, conflict: replace, talk_to: [\"*.CORP.example\"]}\n"
    "    - {domain: x.b.example.org, secret: two, talk_to: []}\n"
    "    - {domain: b.example.org, secret: three}\n"
    "    - {domain: other.example, secret: four, certificate: b.pem, key: b.key}\n"
    "    - {domain: own.example.org, secret: five, certificate: ./b.pem, key: /etc/passwd}\n"
    "trust: {system: false, ca_files: [ca.pem, b.pem], crl_files: [b.pem]}\n"
    "policy:\n"
    "  eku: strict\n"
    "  require_eku: true\n"
    "  any_eku: accept\n"
    "  client_only: accept\n"
    "  allow: false\n"
    "  ocsp: must\n"
    "  dane: false\n"
    "  dialback: fallback\n"
    "  dialback_secret_file: chat.secret\n"
    "  remotes:\n"
    "    - {match: \"*.Corp.example\", eku: tolerant, allow: true, dialback: never, ca_files: [ca.pem],\n"
    "       pins: [\"" PIN "\"]}\n"
    "    - {match: peer.example}\n"
    "    - {match: \"*\", eku: strict}\n"
    "routes:\n"
    "  - {match: peer.example, address: 127.0.0.2:5269}\n"
    "  - {match: \"*\", address: \"[::1]:5269\", tls: direct}\n"
    "dns: {servers: [127.0.0.53@53, \"::1\"], trust_anchors: [anchors]}\n"
    "workers: 1\n"
    "limits: {stanza_bytes: 20000, retry_ms: 0, chain_bytes: 4096}\n"
    "control: run/control.sock\n"
    "http: null\n"
    "log: {level: debug, format: json}\n";

static void expect_domains(const config *c)
{
    cr_assert_eq(c->domains_len, 2);
    cr_expect_str_eq(c->domains[0].name, "example.org");
    expect_path(c->domains[0].certificate, "a.pem");
    expect_path(c->domains[0].key, "a.key");
    cr_expect(c->domains[0].echo);
    cr_expect_str_eq(c->domains[1].name, "b.example.org");
    expect_path(c->domains[1].certificate, "b.pem");
    expect_path(c->domains[1].key, "b.key");
    cr_expect_not(c->domains[1].echo);
}

static void expect_components(const config *c)
{
    static const char *const account[][4] = {
        {"chat.example.org", "hush", "a.pem", "a.key"}, {"x.b.example.org", "two", "b.pem", "b.key"},
        {"b.example.org", "three", "b.pem", "b.key"},   {"other.example", "four", "b.pem", "b.key"},
        {"own.example.org", "five", "./b.pem", NULL},
    };
    cr_assert_eq(c->component_listen_len, 3);
    cr_expect_str_eq(c->component_listen[0], "127.0.0.1:5347");
    cr_expect_str_eq(c->component_listen[1], "unix:/run/c.sock");
    cr_expect(strncmp(c->component_listen[2], "unix:/", 6) == 0);
    expect_path(c->component_listen[2] + 5, "c.sock");
    cr_assert_eq(c->accounts_len, 5);
    for (size_t i = 0; i < 5; i++) {
        cr_expect_str_eq(c->accounts[i].domain, account[i][0]);
        cr_expect_str_eq(c->accounts[i].secret, account[i][1]);
        expect_path(c->accounts[i].certificate, account[i][2]);
        if (account[i][3])
            expect_path(c->accounts[i].key, account[i][3]);
    }
    cr_expect_str_eq(c->accounts[4].key, "/etc/passwd");
    cr_expect(c->accounts[0].replace && c->accounts[0].restricted);
    cr_assert_eq(c->accounts[0].talk_to.len, 1);
    cr_expect_str_eq(c->accounts[0].talk_to.list[0], "*.corp.example");
    cr_expect(c->accounts[1].restricted && c->accounts[1].talk_to.len == 0 && !c->accounts[1].replace);
    cr_expect_not(c->accounts[2].restricted);
}

static void expect_policy(const config *c)
{
    cr_expect_not(c->trust_system);
    cr_assert_eq(c->ca_files_len, 2);
    expect_path(c->ca_files[0], "ca.pem");
    expect_path(c->ca_files[1], "b.pem");
    cr_expect_eq(c->mode, EKU_STRICT);
    cr_assert_eq(c->remotes_len, 3);
    cr_expect_str_eq(c->remotes[0].match, "*.corp.example");
    cr_expect(c->remotes[0].has_mode && c->remotes[0].mode == EKU_TOLERANT);
    cr_expect_eq(c->remotes[0].allow, EKU_YES);
    cr_expect_eq(c->remotes[0].dialback, EKU_NO);
    cr_assert_eq(c->remotes[0].ca_files_len, 1);
    expect_path(c->remotes[0].ca_files[0], "ca.pem");
    cr_assert_eq(c->remotes[0].pins_len, 1);
    cr_expect_str_eq(c->remotes[0].pins[0], PIN);
    cr_expect_str_eq(c->dialback_secret, "hush");
    cr_expect(c->require_eku && c->any_eku && c->client_only && !c->allow && c->dialback && !c->dane);
    cr_expect_eq(c->ocsp, EKU_OCSP_MUST);
    cr_assert_eq(c->crl_files_len, 1);
    expect_path(c->crl_files[0], "b.pem");
    cr_expect_str_eq(c->remotes[1].match, "peer.example");
    cr_expect_not(c->remotes[1].has_mode, "it comes from above");
    cr_expect_eq(c->remotes[1].allow, EKU_INHERIT);
    cr_expect_eq(c->remotes[1].dialback, EKU_INHERIT);
    cr_expect_eq(c->remotes[1].ca_files_len + c->remotes[1].pins_len, 0);
    cr_expect_str_eq(c->remotes[2].match, "*");
    cr_expect_eq(c->remotes[2].mode, EKU_STRICT);
}

static void expect_network(const config *c)
{
    cr_assert_eq(c->listen_len, 2);
    cr_expect_str_eq(c->listen[0].address, "[::]:5269");
    cr_expect_str_eq(c->listen[1].address, "127.0.0.1:5270");
    cr_expect_eq(c->listen[0].tls, S2S_TLS_STARTTLS);
    cr_expect_eq(c->listen[1].tls, S2S_TLS_DIRECT);
    cr_assert_eq(c->routes_len, 2);
    cr_expect_str_eq(c->routes[0].match, "peer.example");
    cr_expect_str_eq(c->routes[0].address, "127.0.0.2:5269");
    cr_expect_eq(c->routes[0].tls, S2S_TLS_STARTTLS);
    cr_expect_eq(c->routes[1].tls, S2S_TLS_DIRECT);
    cr_expect_str_eq(c->routes[1].match, "*");
    cr_expect_str_eq(c->routes[1].address, "[::1]:5269");
    cr_assert_eq(c->dns_servers_len, 2);
    cr_expect_str_eq(c->dns_servers[0], "127.0.0.53@53");
    cr_expect_str_eq(c->dns_servers[1], "::1");
    cr_assert_eq(c->dns_anchors_len, 1);
    expect_path(c->dns_anchors[0], "anchors");
}

Test(config, reads_every_field)
{
    s2s_limits limits;
    s2s_limits_init(&limits);
    limits.stanza_bytes = 20000;
    limits.retry_ms = 0;
    limits.chain_bytes = 4096;

    config *c = load_good(whole);
    expect_domains(c);
    expect_components(c);
    expect_policy(c);
    expect_network(c);
    cr_expect_eq(memcmp(&c->limits, &limits, sizeof limits), 0);
    expect_path(c->control, "run/control.sock");
    cr_expect_eq(c->log_level, S2S_LOG_DEBUG);
    cr_expect(c->log_json);
    config_free(c);
}

Test(config, has_defaults_for_all_but_a_domain)
{
    s2s_limits limits;
    s2s_limits_init(&limits);
    config *c = load_good(DOMAINS);
    cr_expect_eq(c->domains_len, 1);
    cr_expect_not(c->domains[0].echo);
    cr_expect_eq(c->listen_len, 0);
    cr_expect_eq(c->component_listen_len, 0);
    cr_expect_eq(c->accounts_len, 0);
    cr_expect(c->trust_system);
    cr_expect(c->allow && !c->require_eku && !c->any_eku && !c->client_only && !c->dialback && c->dane);
    cr_expect_eq(c->ocsp, EKU_OCSP_SOFT);
    cr_expect_eq(c->crl_files_len, 0);
    cr_expect_eq(c->ca_files_len, 0);
    cr_expect_eq(c->mode, EKU_TOLERANT);
    cr_expect_eq(c->remotes_len, 0);
    cr_expect_eq(c->routes_len, 0);
    cr_expect_eq(c->dns_servers_len, 0);
    cr_expect_eq(c->dns_anchors_len, 0);
    cr_expect_eq(memcmp(&c->limits, &limits, sizeof limits), 0);
    cr_expect_str_eq(c->control, "/run/s2sd/control.sock");
    cr_expect_eq(c->log_level, S2S_LOG_INFO);
    cr_expect_not(c->log_json);
    config_free(c);
}

Test(config, takes_each_word_of_the_log)
{
    static const struct {
        const char *word;
        s2s_level level;
    } row[] = {{"debug", S2S_LOG_DEBUG}, {"info", S2S_LOG_INFO}, {"warn", S2S_LOG_WARN}, {"error", S2S_LOG_ERROR}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[256];
        (void)snprintf(text, sizeof text, DOMAINS "log: {level: %s, format: text}\n", row[i].word);
        config *c = load_good(text);
        cr_expect_eq(c->log_level, row[i].level);
        cr_expect_not(c->log_json);
        config_free(c);
    }
}

Test(config, reads_one_address_without_a_list)
{
    config *c = load_good(DOMAINS "components: {listen: 'unix:c.sock'}\n");
    cr_assert_eq(c->component_listen_len, 1);
    expect_path(c->component_listen[0] + strlen("unix:"), "c.sock");
    config_free(c);
}

static void expect_from(const char *file, const char *certificate)
{
    config *c = NULL;
    char *problems = config_fixture_file_problems(file, &c);
    cr_assert_str_empty(problems, "%s: %s", file, problems);
    cr_expect_str_eq(c->domains[0].certificate, certificate, "%s: %s", file, c->domains[0].certificate);
    config_free(c);
    free(problems);
}

Test(config, takes_relative_paths_from_the_directory_of_the_file)
{
    char here[4096], certificate[5000], file[5000];
    cr_assert_not_null(getcwd(here, sizeof here));
    cr_assert_eq(mkdir("conf", 0700), 0);
    config_fixture_write("conf/a.pem", "-\n", 2);
    config_fixture_write("conf/a.key", "-\n", 2);
    config_fixture_write("conf/s2sd.yaml", DOMAINS, strlen(DOMAINS));
    config_fixture_write("s2sd.yaml", DOMAINS, strlen(DOMAINS));

    (void)snprintf(certificate, sizeof certificate, "%s/conf/a.pem", here);
    (void)snprintf(file, sizeof file, "%s/conf/s2sd.yaml", here);
    expect_from("conf/s2sd.yaml", certificate);
    expect_from(file, certificate);
    cr_assert_eq(chdir("conf"), 0);
    expect_from("s2sd.yaml", certificate);
    (void)snprintf(certificate, sizeof certificate, "%s/conf/../a.pem", here);
    expect_from("../s2sd.yaml", certificate);
    cr_assert_eq(chdir(".."), 0);
}

Test(config, says_why_the_file_cannot_be_read)
{
    char *large = malloc(CONFIG_BYTES_MAX + 1);
    cr_assert_not_null(large);
    memset(large, '\n', CONFIG_BYTES_MAX + 1);
    memcpy(large, DOMAINS, strlen(DOMAINS));
    config_fixture_write("largest.yaml", large, CONFIG_BYTES_MAX);
    config_fixture_write("large.yaml", large, CONFIG_BYTES_MAX + 1);
    config_fixture_write("bad.yaml", DOMAINS "x: 1\n", strlen(DOMAINS) + 5);
    free(large);
    static const char *const row[][2] = {
        {"none.yaml", "none.yaml:1:1: cannot be read: No such file or directory\n"},
        {".", ".:1:1: cannot be read: Is a directory\n"},
        {"large.yaml", "large.yaml:1:1: larger than 1048576 bytes\n"},
        {"largest.yaml", ""},
        {"./bad.yaml", "./bad.yaml:2:1: x: unknown key\n"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *got = config_fixture_file_problems(row[i][0], NULL);
        cr_expect_str_eq(got, row[i][1], "%s", got);
        free(got);
    }
}

Test(config, frees_nothing)
{
    config_free(NULL);
}
