/* SPDX-License-Identifier: MIT */
/* report_text.c: a result as text for a terminal. */
#include <stdbool.h>
#include <string.h>

#include "probe/report.h"

enum { COLUMN = 18 };

/* C0 and C1 control characters of a peer must not reach the terminal. */
static void put(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
        (void)fputc(*p < 0x20 || *p == 0x7f || c1 ? '?' : *p, out);
        p += c1;
    }
}

static void line(FILE *out, const char *label, const char *text)
{
    (void)fprintf(out, "    %-*s ", COLUMN, label);
    put(out, text);
    (void)fputc('\n', out);
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static void put_list(FILE *out, const json_t *list, const char *none)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        (void)fputs(i ? " " : "", out);
        put(out, json_string_value(item) ? json_string_value(item) : "?");
    }
    (void)fputs(json_array_size(list) ? "\n" : none, out);
}

static void print_srv(FILE *out, const json_t *srv)
{
    size_t i;
    json_t *record;
    (void)fprintf(out, "    _%s._tcp: %s, DNSSEC %s\n", report_word(srv, "service"), report_word(srv, "status"),
                  report_word(srv, "dnssec"));
    json_array_foreach(json_object_get(srv, "records"), i, record)
    {
        (void)fprintf(out, "      %lld %lld %lld ", (long long)json_integer_value(json_object_get(record, "priority")),
                      (long long)json_integer_value(json_object_get(record, "weight")),
                      (long long)json_integer_value(json_object_get(record, "port")));
        put(out, report_word(record, "target"));
        (void)fputc('\n', out);
    }
}

static void print_dns(FILE *out, const json_t *dns)
{
    size_t i;
    json_t *item;
    if (!json_is_object(dns))
        return;
    (void)fputs("  DNS\n", out);
    json_array_foreach(json_object_get(dns, "srv"), i, item) print_srv(out, item);
    json_array_foreach(json_object_get(dns, "hosts"), i, item)
    {
        (void)fputs("    ", out);
        put(out, report_word(item, "name"));
        (void)fprintf(out, " (DNSSEC %s): ", report_word(item, "dnssec"));
        put_list(out, json_object_get(item, "addresses"), "no address\n");
    }
    json_array_foreach(json_object_get(dns, "tlsa"), i, item)
    {
        (void)fprintf(out, "    TLSA _%lld._tcp.%s (DNSSEC %s): %zu record(s)\n",
                      (long long)json_integer_value(json_object_get(item, "port")), report_word(item, "host"),
                      report_word(item, "dnssec"), json_array_size(json_object_get(item, "records")));
    }
}

static void print_steps(FILE *out, const json_t *steps)
{
    size_t i;
    json_t *step;
    (void)fprintf(out, "    %-*s ", COLUMN, "steps");
    json_array_foreach(steps, i, step)(void) fprintf(out, "%s%s %s%lld ms", i ? ", " : "", report_word(step, "step"),
                                                     is_true(step, "ok") ? "" : "FAILED after ",
                                                     (long long)json_integer_value(json_object_get(step, "took")));
    (void)fputc('\n', out);
}

static void print_tls(FILE *out, const json_t *tls)
{
    if (!json_is_object(tls))
        return;
    long long cas = (long long)json_integer_value(json_object_get(tls, "cas_total"));
    (void)fprintf(out, "    %-*s %s, %s, SNI %s, ALPN %s\n", COLUMN, "TLS", report_word(tls, "version"),
                  report_word(tls, "cipher"), *report_word(tls, "sni") ? report_word(tls, "sni") : "none",
                  *report_word(tls, "alpn") ? report_word(tls, "alpn") : "none");
    (void)fprintf(out, "    %-*s %s", COLUMN, "client certificate",
                  is_true(tls, "certificate_requested") ? "asked for" : "not asked for");
    if (is_true(tls, "certificate_requested") && cas == 0)
        (void)fputs(", of any CA", out);
    if (cas > 0)
        (void)fprintf(out, ", of %lld CA(s): ", cas);
    if (cas > 0)
        put_list(out, json_object_get(tls, "cas"), "\n");
    else
        (void)fputc('\n', out);
}

static void print_features(FILE *out, const json_t *attempt)
{
    static const struct {
        const char *key, *label;
    } STAGES[] = {{"clear", "before TLS"}, {"tls", "after TLS"}, {"authenticated", "authenticated"}};
    const json_t *features = json_object_get(attempt, "features"), *limits = json_object_get(attempt, "limits");
    for (size_t i = 0; i < sizeof STAGES / sizeof *STAGES; i++) {
        const json_t *list = json_object_get(features, STAGES[i].key);
        if (!json_is_array(list))
            continue;
        (void)fprintf(out, "    %-*s ", COLUMN, STAGES[i].label);
        put_list(out, list, "no features\n");
    }
    if (*report_word(attempt, "mechanisms"))
        line(out, "SASL", report_word(attempt, "mechanisms"));
    if (json_is_object(limits))
        (void)fprintf(out, "    %-*s %lld bytes, idle %lld s (0: not said)\n", COLUMN, "limits",
                      (long long)json_integer_value(json_object_get(limits, "max_bytes")),
                      (long long)json_integer_value(json_object_get(limits, "idle_seconds")));
    if (json_is_array(json_object_get(attempt, "disco")))
        (void)fprintf(out, "    %-*s %zu feature(s) named\n", COLUMN, "disco",
                      json_array_size(json_object_get(attempt, "disco")));
}

static void print_attempt(FILE *out, const json_t *attempt)
{
    (void)fprintf(out, "  %s %s (",
                  strcmp(report_word(attempt, "transport"), "direct") == 0 ? "direct TLS" : "STARTTLS",
                  report_word(attempt, "address"));
    put(out, report_word(attempt, "target"));
    (void)fputs(")\n", out);
    print_steps(out, json_object_get(attempt, "steps"));
    print_tls(out, json_object_get(attempt, "tls"));
    print_features(out, attempt);
    if (*report_word(attempt, "greeting"))
        line(out, "greeting", report_word(attempt, "greeting"));
    if (*report_word(attempt, "certificate")) {
        line(out, "our certificate", report_word(attempt, "certificate"));
        line(out, "outcome", report_word(attempt, "outcome"));
    }
    if (*report_word(attempt, "peer_text"))
        line(out, "the peer said", report_word(attempt, "peer_text"));
    if (*report_word(attempt, "end"))
        line(out, "ended", report_word(attempt, "end"));
}

static void print_certificate(FILE *out, const json_t *r)
{
    size_t i;
    json_t *cert;
    const json_t *purpose = json_object_get(r, "purpose"), *would = json_object_get(r, "would");
    if (!json_is_object(purpose))
        return;
    (void)fputs("  its certificate\n", out);
    json_array_foreach(json_object_get(r, "certificate"), i, cert)
    {
        line(out, i ? "issued by" : "subject",
             *report_word(cert, "subject") ? report_word(cert, "subject") : "(empty)");
        (void)fprintf(out, "    %-*s EKU %s, %s %lld bits, until %s\n", COLUMN, "", report_word(cert, "eku"),
                      report_word(cert, "key"), (long long)json_integer_value(json_object_get(cert, "key_bits")),
                      report_word(cert, "not_after"));
        if (i == 0) {
            (void)fprintf(out, "    %-*s ", COLUMN, "names");
            put_list(out, json_object_get(cert, "names"), "none\n");
        }
    }
    (void)fprintf(out, "    %-*s trusted: %s, chain: %s, identity: %s, eku: %s\n", COLUMN, "verdict",
                  is_true(r, "trusted") ? "yes" : "no", report_word(r, "chain"), report_word(r, "identity"),
                  report_word(r, "eku"));
    (void)fprintf(out, "    %-*s %s, DANE: %s\n", COLUMN, "revocation", report_word(r, "revocation"),
                  report_word(r, "dane"));
    (void)fprintf(out, "    %-*s server: %s, client: %s\n", COLUMN, "purpose",
                  is_true(purpose, "server") ? "yes" : "no", is_true(purpose, "client") ? "yes" : "no");
    (void)fprintf(out, "    %-*s tolerant: %s, strict: %s (if it presents this one when it connects)\n", COLUMN,
                  "would", report_word(would, "tolerant"), report_word(would, "strict"));
}

static void print_reverse(FILE *out, const json_t *reverse)
{
    if (!json_is_object(reverse))
        return;
    (void)fputs("  the other way, through our node\n    ", out);
    put(out, report_word(reverse, "text"));
    (void)fputc('\n', out);
}

static void print_findings(FILE *out, const json_t *r)
{
    size_t i;
    json_t *item;
    const json_t *differential = json_object_get(r, "differential");
    if (json_array_size(json_object_get(r, "ours")) > 0) {
        (void)fprintf(out, "  does it refuse the purpose? %s: ", report_word(differential, "refuses_purpose"));
        put(out, report_word(differential, "text"));
        (void)fputc('\n', out);
    }
    if (json_array_size(json_object_get(r, "findings")) > 0)
        (void)fputs("  findings\n", out);
    json_array_foreach(json_object_get(r, "findings"), i, item)
    {
        (void)fprintf(out, "    [%s] ", report_word(item, "level"));
        put(out, report_word(item, "what"));
        (void)fprintf(out, "\n      -> %s: %s\n", report_word(item, "who"), report_word(item, "how"));
    }
    if (json_array_size(json_object_get(r, "unknown")) > 0)
        (void)fputs("  not to be known from outside\n", out);
    json_array_foreach(json_object_get(r, "unknown"), i, item)(void)
        fprintf(out, "    - %s\n", json_string_value(item));
}

void report_text(FILE *out, const json_t *r)
{
    size_t i;
    json_t *attempt;
    put(out, report_word(r, "domain"));
    (void)fprintf(out, ": %s (%lld ms)\n  ", report_word(r, "answer"),
                  (long long)json_integer_value(json_object_get(r, "milliseconds")));
    put(out, report_word(r, "summary"));
    (void)fputs("\n", out);
    print_dns(out, json_object_get(r, "dns"));
    json_array_foreach(json_object_get(r, "attempts"), i, attempt) print_attempt(out, attempt);
    print_certificate(out, r);
    if (*report_word(r, "software"))
        (void)fprintf(out, "  software: %s\n", report_word(r, "software"));
    print_reverse(out, json_object_get(r, "reverse"));
    print_findings(out, r);
}
