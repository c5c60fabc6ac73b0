/* SPDX-License-Identifier: MIT */
/* command.c: `s2sctl probe`: its arguments, and what is done with the results. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "probe/conclude.h"
#include "probe/list.h"
#include "probe/report.h"

enum { TIMEOUT_MOST_S = 3600, RATE_MOST = 10000 };

static const char USAGE[] =
    "Usage: s2sctl probe [OPTIONS] DOMAIN...\n"
    "\n"
    "Walks the way to each domain's server as a connecting server does, and says what it sees. See s2sctl(1).\n"
    "\n"
    "  --from DOMAIN        the domain that we speak for\n"
    "  --certificate FILE   its certificate (PEM chain); given twice, the difference shows whether the purpose "
    "matters\n"
    "  --key FILE           the certificate's key, if it is not in the same file\n"
    "  --ca FILE            further CA certificates that are trusted; may be given several times\n"
    "  --no-system-ca       do not trust the system's CA certificates\n"
    "  --dns SERVER         the DNS server to ask, ADDRESS or ADDRESS@PORT\n"
    "  --anchor FILE        DNSSEC trust anchors; without any, DNSSEC is not checked\n"
    "  --route ADDRESS:PORT the server's address, instead of the DNS\n"
    "  --tls direct         with --route: TLS comes first (else STARTTLS)\n"
    "  --protocol P         xmpp (default), smtp, lmtp or tls; for the last three the names are HOST or HOST:PORT\n"
    "  --control PATH       a running node's control socket: it pings the domain too, which shows the other way\n"
    "  --file FILE          read domains from FILE, one on each line (also: @FILE as a domain; -: standard input)\n"
    "  --output FILE        keep results as JSON lines; what is there already is not probed again\n"
    "  --html FILE          write a report, one page\n"
    "  --json               print JSON: one object, or one on each line for several domains\n"
    "  --jobs N             domains at once (16, at most 512)\n"
    "  --rate N             domains begun in a second (20; 0: no bound)\n"
    "  --timeout SECONDS    for one domain (60)\n"
    "  --help               show this\n"
    "\n"
    "Exit status: 0 all good, 1 a negative answer or interrupted, 2 usage or a file that cannot be used.\n";

typedef struct run {
    probe_options options;
    list_options list;
    list_names names;
    const char *html;
    bool json;
    json_t *kept; /* of several domains: what the table and the page need */
    bool bad;     /* a negative answer */
} run;

/* -- options ------------------------------------------------------------------------------------------- */

static bool complain(const char *option, const char *why, const char *value)
{
    (void)fprintf(stderr, "s2sctl: probe: %s: %s: %s\n", option, why, value);
    return false;
}

static bool add_word(const char **list, size_t *len, size_t most, const char *option, const char *value)
{
    if (*len == most)
        return complain(option, "given too often", value);
    list[(*len)++] = value;
    return true;
}

static bool number(const char *option, const char *value, unsigned least, unsigned most, unsigned *out)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || n < least || n > most) {
        (void)fprintf(stderr, "s2sctl: probe: %s: a number from %u to %u: %s\n", option, least, most, value);
        return false;
    }
    *out = (unsigned)n;
    return true;
}

static bool read_protocol(run *r, const char *value)
{
    for (probe_protocol p = PROBE_XMPP; p <= PROBE_TLS; p++) {
        if (strcmp(value, probe_protocol_word(p)) == 0) {
            r->options.protocol = p;
            return true;
        }
    }
    return complain("--protocol", "not one of xmpp, smtp, lmtp, tls", value);
}

static bool read_tls(run *r, const char *value)
{
    if (strcmp(value, "direct") != 0 && strcmp(value, "starttls") != 0)
        return complain("--tls", "not direct or starttls", value);
    r->options.route_direct = strcmp(value, "direct") == 0;
    return true;
}

static bool read_file(run *r, const char *path)
{
    char why[S2S_TEXT_MAX];
    if (list_names_read(&r->names, path, why) == S2S_OK)
        return true;
    (void)fprintf(stderr, "s2sctl: probe: %s\n", why);
    return false;
}

enum {
    FROM = 256,
    CERTIFICATE,
    KEY,
    CA,
    NO_SYSTEM_CA,
    DNS,
    ANCHOR,
    ROUTE,
    TLS,
    PROTOCOL,
    CONTROL,
    NAMES,
    OUTPUT,
    HTML,
    JSON,
    JOBS,
    RATE,
    TIMEOUT,
    HELP
};

static const struct option OPTIONS[] = {{"from", required_argument, NULL, FROM},
                                        {"certificate", required_argument, NULL, CERTIFICATE},
                                        {"key", required_argument, NULL, KEY},
                                        {"ca", required_argument, NULL, CA},
                                        {"no-system-ca", no_argument, NULL, NO_SYSTEM_CA},
                                        {"dns", required_argument, NULL, DNS},
                                        {"anchor", required_argument, NULL, ANCHOR},
                                        {"route", required_argument, NULL, ROUTE},
                                        {"tls", required_argument, NULL, TLS},
                                        {"protocol", required_argument, NULL, PROTOCOL},
                                        {"control", required_argument, NULL, CONTROL},
                                        {"file", required_argument, NULL, NAMES},
                                        {"output", required_argument, NULL, OUTPUT},
                                        {"html", required_argument, NULL, HTML},
                                        {"json", no_argument, NULL, JSON},
                                        {"jobs", required_argument, NULL, JOBS},
                                        {"rate", required_argument, NULL, RATE},
                                        {"timeout", required_argument, NULL, TIMEOUT},
                                        {"help", no_argument, NULL, HELP},
                                        {0}};

static bool read_option(run *r, int option, const char *value)
{
    probe_options *o = &r->options;
    switch (option) {
    case FROM: o->from = value; return true;
    case CERTIFICATE: return add_word(o->certificates, &o->certificates_len, PROBE_OURS_MAX, "--certificate", value);
    case KEY: return add_word(o->keys, &o->keys_len, PROBE_OURS_MAX, "--key", value);
    case CA: return add_word(o->ca_files, &o->ca_files_len, PROBE_FILES_MAX, "--ca", value);
    case NO_SYSTEM_CA: o->system_trust = false; return true;
    case DNS: return add_word(o->dns, &o->dns_len, PROBE_FILES_MAX, "--dns", value);
    case ANCHOR: return add_word(o->anchors, &o->anchors_len, PROBE_FILES_MAX, "--anchor", value);
    case ROUTE: o->route = value; return true;
    case TLS: return read_tls(r, value);
    case PROTOCOL: return read_protocol(r, value);
    case CONTROL: o->control = value; return true;
    case NAMES: return read_file(r, value);
    case OUTPUT: r->list.output = value; return true;
    case HTML: r->html = value; return true;
    case JSON: r->json = true; return true;
    case JOBS: return number("--jobs", value, 1, LIST_JOBS_MAX, &r->list.jobs);
    case RATE: return number("--rate", value, 0, RATE_MOST, &r->list.rate);
    case TIMEOUT: return number("--timeout", value, 1, TIMEOUT_MOST_S, &o->timeout_s);
    default: (void)fputs("s2sctl: probe: see s2sctl probe --help\n", stderr); return false;
    }
}

static bool read_names(run *r, int count, char **args)
{
    for (int i = 0; i < count; i++) {
        s2s_err err = S2S_OK;
        if (args[i][0] == '@') {
            if (!read_file(r, args[i] + 1))
                return false;
        } else if (*args[i] == '\0' || (err = list_names_add(&r->names, args[i])) != S2S_OK) {
            return complain("DOMAIN", err == S2S_OK ? "empty" : s2s_strerror(err), args[i]);
        }
    }
    if (json_array_size(r->names.names) > 0)
        return true;
    (void)fputs("s2sctl: probe: no domain was given; see s2sctl probe --help\n", stderr);
    return false;
}

/* -- results ------------------------------------------------------------------------------------------- */

static void on_result(void *arg, const json_t *result, bool old)
{
    run *r = arg;
    bool one = json_array_size(r->names.names) == 1;
    if (!probe_answer_is_good(report_word(result, "answer")))
        r->bad = true;
    if (!one || r->html)
        json_array_append_new(r->kept, report_summary_of(result));
    if (r->json && !old) {
        (void)json_dumpf(result, stdout, one ? JSON_INDENT(2) : JSON_COMPACT);
        (void)putchar('\n');
        (void)fflush(stdout);
    } else if (one && !r->json) {
        report_text(stdout, result);
    }
}

static bool write_html(const run *r)
{
    char now[32];
    struct tm tm;
    time_t t = time(NULL);
    FILE *out = fopen(r->html, "we");
    if (!out || !gmtime_r(&t, &tm) || strftime(now, sizeof now, "%Y-%m-%d %H:%M UTC", &tm) == 0) {
        (void)fprintf(stderr, "s2sctl: probe: %s: %s\n", r->html, strerror(errno));
        return false;
    }
    report_html(out, r->kept, "Federation probe", now);
    if (ferror(out) | (fclose(out) != 0)) {
        (void)fprintf(stderr, "s2sctl: probe: %s: cannot be written\n", r->html);
        return false;
    }
    return true;
}

/* Before anything is probed: can it be written at all? What stands there stays until there is something better. */
static bool check_html(const run *r)
{
    FILE *out = r->html ? fopen(r->html, "ae") : NULL;
    if (!r->html || out) {
        if (out)
            (void)fclose(out);
        return true;
    }
    (void)fprintf(stderr, "s2sctl: probe: %s: %s\n", r->html, strerror(errno));
    return false;
}

static int report(run *r, bool interrupted)
{
    bool one = json_array_size(r->names.names) == 1;
    json_t *sorted = report_sorted(r->kept);
    json_decref(r->kept);
    r->kept = sorted;
    if (!one && !r->json)
        report_table(stdout, r->kept);
    if (interrupted)
        (void)fprintf(stderr, "s2sctl: probe: interrupted: %zu of %zu domains are done\n", json_array_size(r->kept),
                      json_array_size(r->names.names));
    if (r->html && !write_html(r))
        return CTL_USAGE;
    return interrupted || r->bad ? CTL_NEGATIVE : CTL_GOOD;
}

static int probe_all(run *r)
{
    s2s_env env;
    uv_loop_t loop;
    probe_context context;
    char why[S2S_TEXT_MAX];
    bool interrupted = false;
    probe_env_init(&env);
    if (uv_loop_init(&loop) < 0) {
        (void)fprintf(stderr, "s2sctl: probe: no event loop\n");
        return CTL_USAGE;
    }
    s2s_err err = probe_context_init(&context, &env, &loop, &r->options, why);
    if (err == S2S_OK) {
        err = list_run(&context, &r->names, &r->list, &interrupted, why);
        probe_context_free(&context);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&loop);
    if (err != S2S_OK) {
        (void)fprintf(stderr, "s2sctl: probe: %s\n", why);
        return CTL_USAGE;
    }
    return report(r, interrupted);
}

int command_probe(int argc, char **argv)
{
    run r = {.options = {.system_trust = true, .timeout_s = PROBE_TIMEOUT_S},
             .list = {.jobs = LIST_JOBS, .rate = LIST_RATE, .result = on_result, .arg = &r},
             .kept = json_array()};
    int status = CTL_USAGE;
    bool fine = list_names_init(&r.names) == S2S_OK && r.kept;
    for (int option; fine && (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (option == HELP) {
            (void)fputs(USAGE, stdout);
            status = CTL_GOOD;
            goto done;
        }
        fine = read_option(&r, option, optarg);
    }
    if (fine && read_names(&r, argc - optind, argv + optind) && check_html(&r)) {
        r.list.progress = isatty(STDERR_FILENO) && json_array_size(r.names.names) > 1;
        (void)signal(SIGPIPE, SIG_IGN);
        status = probe_all(&r);
    }
done:
    list_names_free(&r.names);
    json_decref(r.kept);
    return status;
}
