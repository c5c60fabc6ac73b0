/* SPDX-License-Identifier: MIT */
/* test_explain.c: each row of the table against the line that it was made for. */
#include "explain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

Test(ctl_explain, each_row_explains_its_own_line)
{
    size_t count;
    const explain_row *rows = explain_rows(&count);
    cr_assert_gt(count, 30);
    for (size_t i = 0; i < count; i++) {
        const explain_row *found = explain_line(rows[i].test);
        cr_expect_eq(found, &rows[i], "%s %s: \"%s\" is explained by %s %s", rows[i].program, rows[i].code,
                     rows[i].test, found ? found->program : "nothing", found ? found->code : "");
        cr_expect_neq(rows[i].means[strlen(rows[i].means) - 1], '.', "%s %s: the full stop is ours", rows[i].program,
                      rows[i].code);
        cr_expect_neq(strlen(rows[i].how), 0, "%s %s: says what to do", rows[i].program, rows[i].code);
        for (size_t k = 0; k < i; k++)
            cr_expect(strcmp(rows[k].program, rows[i].program) != 0 || strcmp(rows[k].code, rows[i].code) != 0,
                      "%s %s twice", rows[i].program, rows[i].code);
    }
}

/* Lines that other servers have written, and what they must not be taken for. */
Test(ctl_explain, lines_seen_elsewhere)
{
    static const struct {
        const char *line, *code; /* NULL: not known */
    } ROWS[] = {
        {"not-authorized: unsupported certificate purpose", "purpose"},
        {"UNSUITABLE CERTIFICATE PURPOSE", "purpose"},
        {"Your server's certificate has expired", "expired"},
        {"Your server's certificate is self-signed", "self-signed"},
        {"Your server's certificate is not valid for this name", "name"},
        {"Failed inbound s2s EXTERNAL authentication a -> b (1.2.3.4): certificate has expired", "expired"},
        {"javax.net.ssl.SSLHandshakeException: Received fatal alert: unsupported_certificate", "alert-43"},
        {"certificate verification failed for x[192.0.2.1]: untrusted issuer /CN=y", "unknown-issuer"},
        {"postfix/smtpd[129]: certificate verification failed for localhost[127.0.0.1]: untrusted issuer /CN=otherca",
         "unknown-issuer"},
        {"postfix/smtpd[126]: NOQUEUE: abort: TLS from localhost[127.0.0.1]: No client certificate presented",
         "no-certificate"},
        {"The certificate issuer is unknown.", "unknown-issuer"},
        {"text=\"TLS handshake failed: the peer sent TLS alert 48 (CA is unknown), in the clear\"", "unknown-issuer"},
        {"text=\"TLS handshake failed: the peer sent TLS alert 43 (Certificate is not supported), in the clear\"", "alert-43"},
        {"jabber.example.net: connection established", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const explain_row *found = explain_line(ROWS[i].line);
        cr_expect_eq(found == NULL, ROWS[i].code == NULL, "%s", ROWS[i].line);
        if (found && ROWS[i].code)
            cr_expect_str_eq(found->code, ROWS[i].code, "%s", ROWS[i].line);
    }
}

static char *run(const char *text, size_t len, bool json, int want)
{
    char *out = NULL;
    size_t out_len;
    FILE *in = fmemopen((char *)(uintptr_t)text, len, "r"), *to = open_memstream(&out, &out_len);
    cr_assert_eq(explain_stream(in, to, json), want);
    (void)fclose(in);
    (void)fclose(to);
    return out;
}

Test(ctl_explain, a_log_is_explained_once_for_each_thing)
{
    static const char LOG[] = "a connection\nunsuitable certificate purpose\n\n\x1b[31munsuitable certificate "
                              "purpose\r\ncertificate has expired\n";
    char *out = run(LOG, sizeof LOG - 1, false, 0);
    cr_expect_not_null(strstr(out, "openssl (purpose), 2 lines:\n  unsuitable certificate purpose\n"), "%s", out);
    cr_expect_not_null(strstr(out, "any (expired), 1 line:"), "%s", out);
    cr_expect_not_null(strstr(out, "1 of 4 lines say nothing"), "%s", out);
    cr_expect_null(strchr(out, '\x1b'));
    free(out);
    out = run(LOG, sizeof LOG - 1, true, 0);
    json_t *all = json_loads(out, 0, NULL);
    cr_expect_eq(json_array_size(json_object_get(all, "explanations")), 2);
    cr_expect_eq(json_integer_value(json_object_get(all, "unknown")), 1);
    json_decref(all);
    free(out);
}

Test(ctl_explain, nothing_known_is_a_negative_answer)
{
    free(run("hello\n", 6, false, 1));
    free(run("\0\0\0\n", 4, true, 1));
}
