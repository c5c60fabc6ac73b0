/* SPDX-License-Identifier: MIT */
/* report_html.c: many results as one page: no script, nothing from outside, charts with their numbers in words. */
#include <stdbool.h>
#include <string.h>

#include "probe/report.h"

enum { BAR_WIDTH = 300, BAR_HEIGHT = 18, ROW_HEIGHT = 28, LABEL_WIDTH = 130, NUMBER_WIDTH = 110, PERCENT = 100 };

static const char STYLE[] =
    ":root{color-scheme:light "
    "dark;--fg:#1b1f24;--bg:#fff;--soft:#57606a;--line:#d0d7de;--head:#f6f8fa;--good:#1a7f37;--warn:#9a6700;"
    "--bad:#cf222e;--plain:#0550ae;--none:#6e7781}"
    "@media(prefers-color-scheme:dark){:root{--fg:#e6edf3;--bg:#0d1117;--soft:#9198a1;--line:#3d444d;--head:#151b23;--"
    "good:#3fb950;"
    "--warn:#d29922;--bad:#f85149;--plain:#58a6ff;--none:#9198a1}}"
    "body{font:16px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);margin:0 "
    "auto;max-width:84rem;padding:1.5rem}"
    "h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:1.8rem 0 .5rem}p{margin:.3rem 0}.soft{color:var(--soft)}"
    ".charts{display:flex;flex-wrap:wrap;gap:1rem "
    "2.5rem}figure{margin:0;max-width:100%}figcaption{font-weight:600;margin:.6rem 0 .2rem}"
    "svg{max-width:100%;height:auto}svg text{fill:var(--fg);font:14px system-ui,sans-serif}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}"
    "caption{text-align:left;color:var(--soft);padding-bottom:.3rem}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .5rem;border-bottom:1px solid var(--line)}"
    "thead th{background:var(--head);position:sticky;top:0}tbody "
    "th{font-weight:600;min-width:9rem;overflow-wrap:anywhere}td:nth-child(10){white-space:nowrap}td:last-child{min-"
    "width:15rem}"
    ".num{text-align:right}.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.none{color:var(--"
    "none)}"
    ".f-good{fill:var(--good)}.f-warn{fill:var(--warn)}.f-bad{fill:var(--bad)}.f-none{fill:var(--none)}.f-plain{fill:"
    "var(--plain)}"
    "summary{cursor:pointer}ul{margin:.3rem 0;padding-left:1.2rem}"
    "@media print{thead th{position:static}body{max-width:none}}";

/* Text in HTML, in an attribute with double quotes too. Control characters have no place there. */
static void put(FILE *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        switch (*p) {
        case '&': (void)fputs("&amp;", out); break;
        case '<': (void)fputs("&lt;", out); break;
        case '>': (void)fputs("&gt;", out); break;
        case '"': (void)fputs("&quot;", out); break;
        default: (void)fputc(*p < 0x20 || *p == 0x7f ? '?' : *p, out); break;
        }
    }
}

/* How a value is to be seen; the words stand beside it always. */
static const char *tone_of(const char *word)
{
    static const struct {
        const char *word, *tone;
    } TONES[] = {
        {"accepts", "good"},  {"unasked", "good"}, {"undecided", "warn"},   {"dialback", "warn"}, {"refuses", "bad"},
        {"untrusted", "bad"}, {"broken", "bad"},   {"unreachable", "none"}, {"unknown", "none"},  {"accept", "good"},
        {"refuse", "bad"},    {"valid", "good"},   {"match", "good"},       {"mismatch", "bad"},  {"expired", "bad"},
        {"external", "good"}, {"TLS1.3", "good"},  {"TLS1.2", "warn"},      {"both", "good"},     {"server", "plain"},
        {"client", "bad"},    {"any", "warn"},     {"other", "bad"},        {"yes", "bad"},       {"no", "good"}};
    for (size_t i = 0; i < sizeof TONES / sizeof *TONES; i++) {
        if (strcmp(TONES[i].word, word) == 0)
            return TONES[i].tone;
    }
    return "plain";
}

/* -- charts -------------------------------------------------------------------------------------------- */

static size_t percent(size_t part, size_t all)
{
    return all ? (part * PERCENT + all / 2) / all : 0;
}

static void bar(FILE *out, size_t row, const report_share *s, size_t all)
{
    size_t y = row * ROW_HEIGHT, width = all ? s->count * BAR_WIDTH / all : 0;
    if (s->count > 0 && width < 2)
        width = 2;
    (void)fprintf(out, "<text x=\"0\" y=\"%zu\">", y + 15);
    put(out, s->word);
    (void)fprintf(out, "</text><rect class=\"f-%s\" x=\"%d\" y=\"%zu\" width=\"%zu\" height=\"%d\" rx=\"2\"/>",
                  tone_of(s->word), LABEL_WIDTH, y + 1, width, BAR_HEIGHT);
    (void)fprintf(out, "<text x=\"%zu\" y=\"%zu\">%zu (%zu %%)</text>", LABEL_WIDTH + width + 8, y + 15, s->count,
                  percent(s->count, all));
}

/* Values that nobody has are left out. The description says in words what the bars show. */
static void chart(FILE *out, const json_t *results, const char *id, const char *caption, const char *key,
                  const char *const *order)
{
    report_share shares[REPORT_SHARES_MAX];
    size_t all = json_array_size(results), count = report_count(results, key, order, shares), rows = 0, row = 0;
    for (size_t i = 0; i < count; i++)
        rows += shares[i].count > 0;
    (void)fprintf(
        out,
        "<figure><figcaption id=\"%s\">%s</figcaption><svg role=\"img\" aria-labelledby=\"%s %s-d\" width=\"%d\" "
        "height=\"%zu\" viewBox=\"0 0 %d %zu\"><desc id=\"%s-d\">",
        id, caption, id, id, LABEL_WIDTH + BAR_WIDTH + NUMBER_WIDTH, rows * ROW_HEIGHT,
        LABEL_WIDTH + BAR_WIDTH + NUMBER_WIDTH, rows * ROW_HEIGHT, id);
    for (size_t i = 0; i < count; i++) {
        if (shares[i].count == 0)
            continue;
        put(out, shares[i].word);
        (void)fprintf(out, ": %zu of %zu. ", shares[i].count, all);
    }
    (void)fputs("</desc>", out);
    for (size_t i = 0; i < count; i++) {
        if (shares[i].count > 0)
            bar(out, row++, &shares[i], all);
    }
    (void)fputs("</svg></figure>\n", out);
}

static void charts(FILE *out, const json_t *results)
{
    static const char *const ANSWERS[] = {"accepts",   "unasked", "undecided",   "dialback", "refuses",
                                          "untrusted", "broken",  "unreachable", NULL};
    static const char *const EKUS[] = {"server", "both", "none", "any", "client", "other", NULL};
    static const char *const VERSIONS[] = {"TLS1.3", "TLS1.2", NULL};
    static const char *const PURPOSES[] = {"yes", "no", "unknown", NULL};
    static const char *const CHAINS[] = {"valid", NULL};
    (void)fputs("<h2>Shares</h2>\n<div class=\"charts\">\n", out);
    chart(out, results, "c-answer", "Answer", "answer", ANSWERS);
    chart(out, results, "c-purpose", "Does it refuse the purpose of our certificate?", "purpose_refused", PURPOSES);
    chart(out, results, "c-eku", "Extended Key Usage of the certificate", "eku", EKUS);
    chart(out, results, "c-tls", "TLS version", "tls", VERSIONS);
    chart(out, results, "c-chain", "Chain", "chain", CHAINS);
    (void)fputs("</div>\n", out);
}

/* -- who would break ------------------------------------------------------------------------------------- */

static void breaking(FILE *out, const json_t *results)
{
    size_t i, count = report_would_break(results), all = json_array_size(results);
    json_t *r;
    (void)fputs("<h2>Who would break under strict</h2>\n", out);
    (void)fprintf(
        out,
        "<p>%zu of %zu domains (%zu %%) present a certificate that the policy <b>tolerant</b> accepts of a connecting "
        "server and <b>strict</b> refuses, as it is not valid as a client's. This holds if they present the same one "
        "when "
        "they connect.</p>\n",
        count, all, percent(count, all));
    if (count == 0)
        return;
    (void)fputs("<details><summary>Show them</summary><ul>\n", out);
    json_array_foreach(results, i, r)
    {
        if (!report_breaks_under_strict(r))
            continue;
        (void)fputs("<li>", out);
        put(out, report_word(r, "domain"));
        (void)fputs("</li>\n", out);
    }
    (void)fputs("</ul></details>\n", out);
}

/* -- the table ----------------------------------------------------------------------------------------- */

static void cell(FILE *out, const char *word)
{
    (void)fprintf(out, "<td class=\"%s\">", *word ? tone_of(word) : "none");
    put(out, *word ? word : "\xe2\x80\x93");
    (void)fputs("</td>", out);
}

static void findings(FILE *out, const json_t *r)
{
    size_t i;
    json_t *f;
    const json_t *list = json_object_get(r, "findings");
    (void)fputs("<td>", out);
    put(out, report_word(r, "summary"));
    if (json_array_size(list) > 0) {
        (void)fprintf(out, "<details><summary>%zu finding%s</summary><ul>", json_array_size(list),
                      json_array_size(list) == 1 ? "" : "s");
        json_array_foreach(list, i, f)
        {
            (void)fputs("<li>", out);
            put(out, report_word(f, "level"));
            (void)fputs(": ", out);
            put(out, report_word(f, "what"));
            (void)fputs(". <b>", out);
            put(out, report_word(f, "who"));
            (void)fputs(":</b> ", out);
            put(out, report_word(f, "how"));
            (void)fputs("</li>", out);
        }
        (void)fputs("</ul></details>", out);
    }
    (void)fputs("</td>", out);
}

static void table(FILE *out, const json_t *results)
{
    size_t i;
    json_t *r;
    (void)fputs(
        "<h2>Domains</h2>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
        "aria-label=\"Domains\"><table><caption>Each domain as "
        "it was seen; strict: whether that policy would take its certificate when it connects</caption><thead><tr>"
        "<th scope=\"col\">Domain</th><th scope=\"col\">Answer</th><th scope=\"col\">Mechanism</th><th "
        "scope=\"col\">TLS</th>"
        "<th scope=\"col\">Refuses purpose</th><th scope=\"col\">Chain</th><th scope=\"col\">Identity</th><th "
        "scope=\"col\">EKU</th><th scope=\"col\">Strict</th>"
        "<th scope=\"col\">Expires</th><th scope=\"col\" class=\"num\">ms</th><th scope=\"col\">What was "
        "found</th></tr></thead>"
        "<tbody>\n",
        out);
    json_array_foreach(results, i, r)
    {
        char expires[11] = "";
        const char *when = report_word(r, "expires");
        if (strlen(when) >= sizeof expires - 1)
            memcpy(expires, when, sizeof expires - 1);
        (void)fputs("<tr><th scope=\"row\">", out);
        put(out, report_word(r, "domain"));
        (void)fputs("</th>", out);
        cell(out, report_word(r, "answer"));
        cell(out, report_word(r, "mechanism"));
        cell(out, report_word(r, "tls"));
        cell(out, report_word(r, "purpose_refused"));
        cell(out, report_word(r, "chain"));
        cell(out, report_word(r, "identity"));
        cell(out, report_word(r, "eku"));
        cell(out, report_word(json_object_get(r, "would"), "strict"));
        cell(out, expires);
        (void)fprintf(out, "<td class=\"num\">%lld</td>",
                      (long long)json_integer_value(json_object_get(r, "milliseconds")));
        findings(out, r);
        (void)fputs("</tr>\n", out);
    }
    (void)fputs("</tbody></table></div>\n", out);
}

void report_html(FILE *out, const json_t *results, const char *title, const char *time)
{
    const char *from = report_word(json_array_get(results, 0), "from");
    (void)fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
                "content=\"width=device-width,initial-scale=1\"><meta name=\"referrer\" content=\"no-referrer\">"
                "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                "'unsafe-inline'\"><title>",
                out);
    put(out, title);
    (void)fprintf(out, "</title><style>%s</style></head><body>\n<main>\n<h1>", STYLE);
    put(out, title);
    (void)fprintf(out, "</h1>\n<p class=\"soft\">%zu domains, made by s2sctl probe on ", json_array_size(results));
    put(out, time);
    if (*from) {
        (void)fputs(", speaking for ", out);
        put(out, from);
    }
    (void)fputs(".</p>\n", out);
    charts(out, results);
    breaking(out, results);
    table(out, results);
    (void)fputs("</main>\n</body></html>\n", out);
}
