/* SPDX-License-Identifier: MIT */
/* test_cert.c: s2sctl cert: its text and its JSON, word for word, its exit status, and files that are no use. */
#include "cert.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define GOLDEN(name) GOLDEN_DIR "/cert/" name

static char *slurp(const char *path)
{
    char *text = calloc(1, 1 << 16);
    FILE *f = fopen(path, "re");
    cr_assert(text && f, "%s", path);
    (void)fread(text, 1, (1 << 16) - 1, f);
    (void)fclose(f);
    return text;
}

static char *run(const cert_options *o, int want, char **errors)
{
    char *out = NULL;
    size_t out_len = 0, errors_len = 0;
    FILE *f = open_memstream(&out, &out_len), *e = open_memstream(errors, &errors_len);
    cr_expect_eq(cert_run(o, f, e), want, "%s", o->file);
    (void)fclose(f);
    (void)fclose(e);
    return out;
}

Test(cert, says_word_for_word)
{
    static const char *const CA[] = {GOLDEN("root.pem")};
    static const struct {
        const char *want;
        cert_options o;
        int status;
    } ROWS[] = {
        {GOLDEN("web.txt"), {.file = GOLDEN("web.pem"), .domain = "Peer.Example."}, 0},
        {GOLDEN("web-chain.txt"), {.file = GOLDEN("web.pem")}, 0},
        {GOLDEN("web-receiver.json"), {.file = GOLDEN("web.pem"), .domain = "a.peer.example", .role = S2S_ACCEPTOR, .json = true}, 0},
        {GOLDEN("web-other.json"), {.file = GOLDEN("web.pem"), .domain = "else.example", .json = true}, 1},
        {GOLDEN("web-chain.json"), {.file = GOLDEN("web.pem"), .json = true}, 0},
        {GOLDEN("both.txt"), {.file = GOLDEN("both.pem"), .domain = "peer.example"}, 0},
        {GOLDEN("expired.txt"), {.file = GOLDEN("expired.pem"), .domain = "peer.example"}, 1},
        {GOLDEN("truncated.txt"), {.file = GOLDEN("truncated.pem"), .domain = "peer.example"}, 1},
        {GOLDEN("root.txt"), {.file = GOLDEN("root.pem")}, 1},
    };
    for (size_t i = 0; i < COUNT(ROWS); i++) {
        cert_options o = ROWS[i].o;
        o.ca_files = CA;
        o.ca_files_len = 1;
        char *errors = NULL, *got = run(&o, ROWS[i].status, &errors), *want = slurp(ROWS[i].want);
        cr_expect_str_eq(got, want, "%s:\n%s", ROWS[i].want, got);
        cr_expect_str_eq(errors, "");
        free(got);
        free(want);
        free(errors);
    }
}

Test(cert, files_that_are_no_use)
{
    static const char *const CA[] = {GOLDEN("root.pem")}, *const NO_CA[] = {GOLDEN("missing.pem")};
    const struct {
        cert_options o;
        const char *said;
    } rows[] = {
        {{.file = GOLDEN("missing.pem"), .ca_files = CA, .ca_files_len = 1}, "missing.pem: No such file"},
        {{.file = GOLDEN("web.txt"), .ca_files = CA, .ca_files_len = 1}, "web.txt: there is no certificate in it"},
        {{.file = "/", .ca_files = CA, .ca_files_len = 1}, "/: not a file"},
        {{.file = GOLDEN("web.pem"), .ca_files = NO_CA, .ca_files_len = 1}, "missing.pem: No such file"},
        {{.file = GOLDEN("web.pem"), .domain = "a..b", .ca_files = CA, .ca_files_len = 1}, "not a domain: a..b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *errors = NULL, *got = run(&rows[i].o, 2, &errors);
        cr_expect_str_eq(got, "");
        cr_expect_not_null(strstr(errors, rows[i].said), "%s", errors);
        free(got);
        free(errors);
    }
}
