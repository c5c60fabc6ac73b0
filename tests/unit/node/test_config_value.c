/* SPDX-License-Identifier: MIT */
/* test_config_value.c: domains, addresses, files and secrets in a configuration. */
#include <sys/stat.h>
#include <unistd.h>

#include "config_rows.h"
#include "node/config_tree.h"

TestSuite(config_value, .init = config_fixture_make, .fini = config_fixture_remove);

Test(config_value, brings_domains_into_normal_form)
{
    static const struct {
        const char *id, *given, *normal;
    } row[] = {
        {"AD-03", "a.example.", "a.example"},
        {"AD-04", "A.Example", "a.example"},
        {"AD-04", "xn--bcher-kva.example", "b\xc3\xbc" "cher.example"},
        {"AD-04", "B\xc3\x9c" "CHER.example", "b\xc3\xbc" "cher.example"},
        {"AD-06", "localhost", "localhost"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[256];
        config *c = NULL;
        (void)snprintf(text, sizeof text,
                       "domains: [{name: \"%s\", certificate: a.pem, key: a.key}]\n"
                       "routes: [{match: \"*.%s\", address: '127.0.0.1:1'}]\n"
                       "policy: {remotes: [{match: \"%s\"}]}\n", row[i].given, row[i].given, row[i].given);
        char *got = config_fixture_problems(s2s_str_of(text), &c);
        cr_assert_str_empty(got, "%s %s: %s", row[i].id, row[i].given, got);
        cr_expect_str_eq(c->domains[0].name, row[i].normal, "%s", row[i].id);
        cr_expect_str_eq(c->remotes[0].match, row[i].normal, "%s", row[i].id);
        cr_expect(strncmp(c->routes[0].match, "*.", 2) == 0);
        cr_expect_str_eq(c->routes[0].match + 2, row[i].normal, "%s", row[i].id);
        config_free(c);
        free(got);
    }
}

Test(config_value, refuses_what_is_not_a_domain)
{
    static const char *const row[][2] = {
        {"a b.example", "\"a b.example\" is not a domain name"},
        {"a..example", "\"a..example\" is not a domain name"},
        {"-a.example", "\"-a.example\" is not a domain name"},
        {"user@a.example", "\"user@a.example\" is not a domain name"},
        {"*.a.example", "\"*.a.example\" is not a domain name"},
        {"192.0.2.1", "\"192.0.2.1\" is an IP address, not a domain name"},
        {"[2001:db8::1]", "\"[2001:db8::1]\" is an IP address, not a domain name"},
        {"", "must not be empty"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char text[256], wanted[256];
        (void)snprintf(text, sizeof text, "domains: [{name: '%s', certificate: a.pem, key: a.key}]\n",
                       row[i][0]);
        (void)snprintf(wanted, sizeof wanted, AT(1, 18) "domains[0].name: %s\n", row[i][1]);
        char *got = config_fixture_problems(s2s_str_of(text), NULL);
        cr_expect_str_eq(got, wanted, "%s", got);
        free(got);
    }
}

Test(config_value, checks_what_routes_and_remotes_match)
{
    static const config_row row[] = {
        {DOMAINS "routes: [{match: '*', address: '127.0.0.1:1'}]\n", ""},
        {DOMAINS "routes: [{match: '*.', address: '127.0.0.1:1'}]\n",
         AT(2, 18) "routes[0].match: \"*.\" is not a domain name\n"},
        {DOMAINS "routes: [{match: 'a.*.b', address: '127.0.0.1:1'}]\n",
         AT(2, 18) "routes[0].match: \"a.*.b\" is not a domain name\n"},
        {DOMAINS "policy: {remotes: [{match: '*.*.b'}, {match: '10.0.0.1'}]}\n",
         AT(2, 28) "policy.remotes[0].match: \"*.*.b\" is not a domain name\n"
         AT(2, 46) "policy.remotes[1].match: \"10.0.0.1\" is an IP address, not a domain name\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

/* `before` is the configuration up to the quoted address, `after` the rest. */
static void expect_address(const char *before, const char *address, const char *after, const char *problem)
{
    char text[512];
    (void)snprintf(text, sizeof text, DOMAINS "%s'%s'%s\n", before, address, after);
    char *got = config_fixture_problems(s2s_str_of(text), NULL);
    cr_expect_str_eq(got, problem, "%s: %s", address, got);
    free(got);
}

Test(config_value, takes_addresses_with_ports)
{
    static const char *const row[] = {"127.0.0.1:5269", "0.0.0.0:0", "[::]:5269", "[2001:db8::1]:65535"};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        expect_address("listen: [{address: ", row[i], "}]", "");
        expect_address("components: {listen: ", row[i], "}", "");
    }
    expect_address("listen: [{address: ", "fd:servers", "}]", "");
    expect_address("components: {listen: ", "fd:components", "}", "");
    expect_address("components: {listen: ", "unix:/run/c.sock", "}", "");
    expect_address("components: {listen: ['127.0.0.1:1', ", "unix:c.sock", "]}", "");
}

Test(config_value, refuses_what_is_not_an_address)
{
    static const char *const row[] = {
        "127.0.0.1", "127.0.0.1:", ":5269", "*:5269", "localhost:5269", "127.0.0.1:65536", "127.0.0.1:05269",
        "127.0.0.1:+1", "127.0.0.1:1x", "127.0.0.256:1", "127.1:1", "::1:5269", "[::1]", "[]:1", "[::1:1",
        "[fe80::1%lo]:1", "[127.0.0.1]:1", " 127.0.0.1:1", "unix:/run/x", "127.0.0.1:100000",
        "fd:", "fd:a:b",
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char wanted[256];
        (void)snprintf(wanted, sizeof wanted,
                       AT(2, 20) "listen[0].address: must be ADDRESS:PORT, [IPV6]:PORT or fd:NAME, not \"%s\"\n", row[i]);
        expect_address("listen: [{address: ", row[i], "}]", wanted);
    }
    static const config_row other[] = {
        {DOMAINS "components: {listen: ['x', 'unix:']}\n",
         AT(2, 23) "components.listen[0]: must be ADDRESS:PORT, [IPV6]:PORT, unix:/PATH or fd:NAME, not \"x\"\n"
         AT(2, 28) "components.listen[1]: a path is missing after \"unix:\"\n"},
        {DOMAINS "components: {listen: x}\n",
         AT(2, 22) "components.listen: must be ADDRESS:PORT, [IPV6]:PORT, unix:/PATH or fd:NAME, not \"x\"\n"},
        {"domains:\n"
         "  - name: a.example\n    certificate: a.pem\n    key: a.key\n    contacts:\n"
         "      abuse: nobody\n      admin: ['mailto:a@a.example', ':a', 'mail to:a', '9:a', 'xmpp:']\n      suport: x:y\n",
         AT(6, 14) "domains[0].contacts.abuse: must be a URI such as mailto:admin@example.org, not \"nobody\"\n"
         AT(7, 37) "domains[0].contacts.admin[1]: must be a URI such as mailto:admin@example.org, not \":a\"\n"
         AT(7, 43) "domains[0].contacts.admin[2]: must be a URI such as mailto:admin@example.org, not \"mail to:a\"\n"
         AT(7, 56) "domains[0].contacts.admin[3]: must be a URI such as mailto:admin@example.org, not \"9:a\"\n"
         AT(7, 63) "domains[0].contacts.admin[4]: must be a URI such as mailto:admin@example.org, not \"xmpp:\"\n"
         AT(8, 7) "domains[0].contacts.suport: unknown key; did you mean \"support\"?\n"},
        {DOMAINS "components: {listen: ['fd:components', 'fd:', 'fd:a:b']}\n",
         AT(2, 40) "components.listen[1]: must be ADDRESS:PORT, [IPV6]:PORT, unix:/PATH or fd:NAME, not \"fd:\"\n"
         AT(2, 47) "components.listen[2]: must be ADDRESS:PORT, [IPV6]:PORT, unix:/PATH or fd:NAME, not \"fd:a:b\"\n"},
        {DOMAINS "routes: [{match: b.example, address: '127.0.0.1:0'}]\n", /* nothing can be reached there */
         AT(2, 38) "routes[0].address: must be ADDRESS:PORT or [IPV6]:PORT, not \"127.0.0.1:0\"\n"},
        {DOMAINS "dns: {servers: [127.0.0.53, 127.0.0.53@53, '::1', '::1@5353']}\n", ""},
        {DOMAINS "dns: {servers: ['127.0.0.53:53', resolver, '127.0.0.1@0', '@53', '']}\n",
         AT(2, 17) "dns.servers[0]: must be ADDRESS or ADDRESS@PORT, not \"127.0.0.53:53\"\n"
         AT(2, 34) "dns.servers[1]: must be ADDRESS or ADDRESS@PORT, not \"resolver\"\n"
         AT(2, 44) "dns.servers[2]: must be ADDRESS or ADDRESS@PORT, not \"127.0.0.1@0\"\n"
         AT(2, 59) "dns.servers[3]: must be ADDRESS or ADDRESS@PORT, not \"@53\"\n"
         AT(2, 66) "dns.servers[4]: must not be empty\n"},
    };
    CONFIG_ROWS_CHECK(other);
}

Test(config_value, refuses_files_that_cannot_be_read)
{
    cr_assert_eq(mkdir("directory", 0700), 0);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    cr_assert_eq(symlink("nowhere", "dangling"), 0);
    static const config_row row[] = {
        {"domains: [{name: a.example, certificate: nowhere/a.pem, key: a.pem/b}]\n",
         AT(1, 42) "domains[0].certificate: cannot read \"DIR/nowhere/a.pem\": No such file or directory\n"
         AT(1, 62) "domains[0].key: cannot read \"DIR/a.pem/b\": Not a directory\n"},
        {DOMAINS "trust: {ca_files: [ca.pem, directory, fifo, dangling, /dev/null]}\n",
         AT(2, 28) "trust.ca_files[1]: cannot read \"DIR/directory\": it is not a regular file\n"
         AT(2, 39) "trust.ca_files[2]: cannot read \"DIR/fifo\": it is not a regular file\n"
         AT(2, 45) "trust.ca_files[3]: cannot read \"DIR/dangling\": No such file or directory\n"
         AT(2, 55) "trust.ca_files[4]: cannot read \"/dev/null\": it is not a regular file\n"},
        {DOMAINS "dns: {trust_anchors: [anchors, none]}\n",
         AT(2, 32) "dns.trust_anchors[1]: cannot read \"DIR/none\": No such file or directory\n"},
        {DOMAINS "trust: {ca_files: [\"\"]}\n", AT(2, 20) "trust.ca_files[0]: must not be empty\n"},
        {DOMAINS "trust: {ca_files: [\"a\\0b\"]}\n",
         AT(2, 20) "trust.ca_files[0]: must not hold control characters\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_value, refuses_files_without_permission)
{
    if (geteuid() == 0) { /* root may read everything: try as somebody else */
        cr_assert_eq(chmod(".", 0711), 0);
        cr_assert_eq(chmod("ca.pem", 0600), 0);
        cr_assert_eq(seteuid(65534), 0);
    } else {
        cr_assert_eq(chmod("ca.pem", 0), 0);
    }
    static const config_row row[] = {
        {DOMAINS "trust: {ca_files: [ca.pem]}\n",
         AT(2, 20) "trust.ca_files[0]: cannot read \"DIR/ca.pem\": Permission denied: the user that s2sd runs as must be able to read it "
         "(chgrp, chmod 640) and to enter its directories\n"},
    };
    CONFIG_ROWS_CHECK(row);
    (void)seteuid(getuid());
}

#define ACCOUNT(keys) DOMAINS "components: {listen: '127.0.0.1:1', accounts: [{domain: c.a.example, " keys "}]}\n"

Test(config_value, reads_secrets)
{
    static const struct {
        const char *text, *secret;
    } row[] = {
        {ACCOUNT("secret: hush"), "hush"},
        {ACCOUNT("secret: 'hush '"), "hush "},
        {ACCOUNT("secret: 12345"), "12345"},
        {ACCOUNT("secret: \"h\xc3\xbcsh\""), "h\xc3\xbcsh"},
        {ACCOUNT("secret_file: chat.secret"), "hush"},
        {ACCOUNT("secret_file: ./chat.secret"), "hush"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        config *c = NULL;
        char *got = config_fixture_problems(s2s_str_of(row[i].text), &c);
        cr_assert_str_empty(got, "%s", got);
        cr_expect_str_eq(c->accounts[0].secret, row[i].secret, "row %zu", i);
        config_free(c);
        free(got);
    }
}

Test(config_value, takes_the_longest_secret)
{
    config *c = NULL;
    char *got = config_fixture_problems(s2s_str_of(ACCOUNT("secret_file: longest.secret")), &c);
    cr_assert_str_empty(got, "%s", got);
    cr_expect_eq(strlen(c->accounts[0].secret), CONFIG_SECRET_MAX);
    config_free(c);
    free(got);
}

#define AT_FILE AT(2, 83) "components.accounts[0].secret_file: "

Test(config_value, refuses_bad_secrets)
{
    config_fixture_write("nothing.secret", "", 0);
    config_fixture_write("blank.secret", "  \t \r\n", 6);
    config_fixture_write("no-end.secret", "x\0\n", 2);
    static const config_row row[] = {
        {ACCOUNT("secret: ''"), AT(2, 78) "components.accounts[0].secret: must not be empty\n"},
        {ACCOUNT("secret: ~"), AT(2, 78) "components.accounts[0].secret: must be text, not nothing\n"},
        {ACCOUNT("secret_file: none.secret"),
         AT_FILE "cannot read \"DIR/none.secret\": No such file or directory\n"},
        {ACCOUNT("secret_file: empty.secret"),
         AT_FILE "the first line of \"DIR/empty.secret\" is empty\n"},
        {ACCOUNT("secret_file: nothing.secret"),
         AT_FILE "the first line of \"DIR/nothing.secret\" is empty\n"},
        {ACCOUNT("secret_file: blank.secret"),
         AT_FILE "the first line of \"DIR/blank.secret\" is empty\n"},
        {ACCOUNT("secret_file: long.secret"),
         AT_FILE "the first line of \"DIR/long.secret\" is longer than 1024 bytes\n"},
        {ACCOUNT("secret_file: binary.secret"),
         AT_FILE "the first line of \"DIR/binary.secret\" is not text\n"},
        {ACCOUNT("secret_file: no-end.secret"),
         AT_FILE "the first line of \"DIR/no-end.secret\" is not text\n"},
        {ACCOUNT("secret_file: latin.secret"),
         AT_FILE "the first line of \"DIR/latin.secret\" is not text\n"},
    };
    CONFIG_ROWS_CHECK(row);
}

Test(config_value, bounds_the_path_of_a_socket)
{
    char path[109] = {0}, text[512], wanted[512];
    memset(path, 'p', sizeof path - 1);
    path[0] = '/';
    path[107] = '\0'; /* the longest that bind(2) takes */
    (void)snprintf(text, sizeof text, DOMAINS "control: %s\ncomponents: {listen: 'unix:%s'}\n", path, path);
    char *got = config_fixture_problems(s2s_str_of(text), NULL);
    cr_expect_str_empty(got, "%s", got);
    free(got);

    path[107] = 'p';
    (void)snprintf(text, sizeof text, DOMAINS "control: %s\ncomponents: {listen: 'unix:%s'}\n", path, path);
    (void)snprintf(wanted, sizeof wanted,
                   AT(2, 10) "control: \"%s\" is longer than the 107 bytes of a socket's path\n"
                   AT(3, 22) "components.listen: \"unix:%s\" is longer than the 107 bytes of a socket's path\n",
                   path, path);
    got = config_fixture_problems(s2s_str_of(text), NULL);
    cr_expect_str_eq(got, wanted, "%s", got);
    free(got);
}
