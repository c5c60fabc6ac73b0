/* SPDX-License-Identifier: MIT */
/* page.c: the status page in HTML: no script, tables with heads, a picture with the same numbers in words. */
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { TIME_ROOM = 40, LINE_ROOM = 512, MINUTE = 60, HOUR = 3600, DAY = 86400, BAR_WIDTH = 1000, COLORS = 6 };

/* -- writing ------------------------------------------------------------------------------------------- */

static void put(s2s__buf *b, const char *html)
{
    (void)s2s__buf_puts(b, html);
}

static void put_text(s2s__buf *b, const char *text)
{
    (void)s2s__buf_escape(b, s2s_str_of(text));
}

/* For numbers and words of ours: nothing in it is escaped. */
S2S_PRINTF(2, 3)
static void put_format(s2s__buf *b, const char *format, ...)
{
    char line[LINE_ROOM];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put(b, line);
}

/* -- reading ------------------------------------------------------------------------------------------- */

static const json_t *get(const json_t *object, const char *key)
{
    return json_object_get(object, key);
}

static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(get(object, key));
    return text ? text : "";
}

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(get(object, key));
}

static bool is_true(const json_t *object, const char *key)
{
    return json_is_true(get(object, key));
}

static const char *when(const json_t *object, const char *key, char out[TIME_ROOM])
{
    struct tm tm;
    time_t at = (time_t)number(object, key);
    out[0] = '\0';
    if (at > 0 && gmtime_r(&at, &tm))
        (void)strftime(out, TIME_ROOM, "%Y-%m-%d %H:%M UTC", &tm);
    return out;
}

/* -- parts of tables ----------------------------------------------------------------------------------- */

static void begin_table(s2s__buf *b, const char *label, const char *caption, const char *const *heads)
{
    put_format(b, "<div class=\"scroll\" role=\"region\" aria-label=\"%s\" tabindex=\"0\"><table><caption>%s</caption><thead><tr>",
               label, caption);
    for (; *heads; heads++) {
        bool numeric = **heads == '#';
        put_format(b, "<th scope=\"col\"%s>%s</th>", numeric ? " class=\"n\"" : "", *heads + numeric);
    }
    put(b, "</tr></thead><tbody>\n");
}

static void end_table(s2s__buf *b)
{
    put(b, "</tbody></table></div>\n");
}

static void cell(s2s__buf *b, const char *class, const char *text)
{
    put_format(b, *class ? "<td class=\"%s\">" : "<td%s>", class);
    put_text(b, *text ? text : "\xe2\x80\x93");
    put(b, "</td>");
}

static void row_head(s2s__buf *b, const char *text)
{
    put(b, "<tr><th scope=\"row\">");
    put_text(b, text);
    put(b, "</th>");
}

static void number_cell(s2s__buf *b, long long value)
{
    put_format(b, "<td class=\"n\">%lld</td>", value);
}

/* -- sections ------------------------------------------------------------------------------------------ */

static void put_duration(s2s__buf *b, long long seconds)
{
    if (seconds >= DAY)
        put_format(b, "%lld d %lld h", seconds / DAY, seconds % DAY / HOUR);
    else if (seconds >= HOUR)
        put_format(b, "%lld h %lld min", seconds / HOUR, seconds % HOUR / MINUTE);
    else
        put_format(b, "%lld min %lld s", seconds / MINUTE, seconds % MINUTE);
}

static void put_head(s2s__buf *b, const json_t *status)
{
    char text[TIME_ROOM] = "";
    size_t i;
    json_t *domain;
    struct tm tm;
    time_t now = time(NULL);
    if (gmtime_r(&now, &tm))
        (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &tm);
    put(b, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>s2sd status</title>"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
           "<link rel=\"stylesheet\" href=\"/style.css\"></head><body>\n"
           "<a class=\"skip\" href=\"#main\">To the content</a><header><h1>Federation status</h1><p>");
    json_array_foreach((json_t *)(uintptr_t)get(status, "domains"), i, domain) {
        put(b, i > 0 ? ", <strong>" : "<strong>");
        put_text(b, json_string_value(domain));
        put(b, "</strong>");
    }
    put(b, "</p><p class=\"soft\">s2sd ");
    put_text(b, word(status, "version"));
    put(b, ", up ");
    put_duration(b, number(status, "uptime"));
    put_format(b, ", mode <code>%s</code>, as of %s</p></header>\n<main id=\"main\">\n", word(status, "mode"), text);
}

static void tile(s2s__buf *b, long long value, const char *class, const char *label)
{
    put_format(b, "<div><dt>%s</dt><dd class=\"%s\">%lld</dd></div>", label, class, value);
}

static void put_tiles(s2s__buf *b, const json_t *facts)
{
    const json_t *sums = get(get(facts, "census"), "summary"), *cut = get(sums, "cut_off"), *peer;
    const char *mode = word(get(facts, "status"), "mode");
    bool tolerant = strcmp(mode, "strict") != 0;
    long long connected = 0;
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)get(get(facts, "peers"), "peers"), i, peer)
        connected += is_true(peer, "connected");
    put(b, "<section aria-labelledby=\"h-sum\"><h2 id=\"h-sum\">At a glance</h2><dl class=\"tiles\">");
    tile(b, connected, "", "connections with remote domains (each way counts)");
    tile(b, number(sums, "remotes"), "", "remote domains known");
    tile(b, number(sums, "refused"), number(sums, "refused") ? "bad" : "", "whose certificate was refused");
    tile(b, number(sums, "peer_refused"), number(sums, "peer_refused") ? "bad" : "", "that refuse our certificate");
    tile(b, number(sums, "dialback"), "", "proved by dialback");
    tile(b, number(cut, tolerant ? "strict" : "tolerant"), number(cut, tolerant ? "strict" : "tolerant") ? "warn" : "",
         tolerant ? "that mode strict would cut off" : "that mode tolerant would cut off");
    put(b, "</dl></section>\n");
}

/* What the words of an EKU mean, in the order of the bar. */
static const char *eku_meaning(const char *eku)
{
    static const char *const MEANINGS[][2] = {
        {"none", "no extended key usage: unrestricted"},
        {"server", "serverAuth only, as public CAs issue now"},
        {"client", "clientAuth only"},
        {"both", "serverAuth and clientAuth"},
        {"any", "anyExtendedKeyUsage alone"},
        {"other", "other purposes only"},
    };
    for (size_t i = 0; i < sizeof MEANINGS / sizeof *MEANINGS; i++) {
        if (strcmp(MEANINGS[i][0], eku) == 0)
            return MEANINGS[i][1];
    }
    return "";
}

static long long sum_of(const json_t *parts)
{
    const char *key;
    json_t *value;
    long long sum = 0;
    json_object_foreach((json_t *)(uintptr_t)parts, key, value)
        sum += (long long)json_integer_value(value);
    return sum;
}

void page_bar(s2s__buf *b, const char *id, const char *title, const json_t *parts)
{
    const char *key;
    json_t *value;
    long long all = sum_of(parts), before = 0;
    int color = 0;
    put_format(b, "<svg role=\"img\" aria-labelledby=\"%s\" viewBox=\"0 0 %d 36\" preserveAspectRatio=\"none\">"
                  "<title id=\"%s\">%s:", id, BAR_WIDTH, id, title);
    json_object_foreach((json_t *)(uintptr_t)parts, key, value)
        put_format(b, " %s %lld", key, (long long)json_integer_value(value));
    put_format(b, "</title><rect class=\"ground\" width=\"%d\" height=\"36\"/>", BAR_WIDTH);
    json_object_foreach((json_t *)(uintptr_t)parts, key, value) {
        long long count = (long long)json_integer_value(value);
        if (count > 0) {
            long long from = before * BAR_WIDTH / all, to = (before + count) * BAR_WIDTH / all;
            put_format(b, "<rect class=\"f%d\" x=\"%lld\" width=\"%lld\" height=\"36\"/>", color % COLORS, from,
                       to - from > 2 ? to - from - (to < BAR_WIDTH ? 2 : 0) : to - from);
        }
        before += count;
        color++;
    }
    put(b, "</svg>");
}

static void put_eku(s2s__buf *b, const json_t *facts)
{
    const json_t *eku = get(get(get(facts, "census"), "summary"), "eku");
    const char *key;
    json_t *value;
    int color = 0;
    put(b, "<section aria-labelledby=\"h-eku\"><h2 id=\"h-eku\">Extended key usage of accepted remote domains</h2>"
           "<figure>");
    page_bar(b, "t-eku", "Accepted remote domains by extended key usage", eku);
    put(b, "<figcaption><ul class=\"key\">");
    json_object_foreach((json_t *)(uintptr_t)eku, key, value) {
        put_format(b, "<li><svg aria-hidden=\"true\" viewBox=\"0 0 10 10\"><rect class=\"f%d\" width=\"10\" height=\"10\"/></svg>"
                      "<strong>%lld</strong> <code>%s</code> (%s)</li>",
                   color++ % COLORS, (long long)json_integer_value(value), key, eku_meaning(key));
    }
    put(b, "</ul></figcaption></figure></section>\n");
}

static const char *failure_of(const json_t *row)
{
    const json_t *f = get(row, "failure");
    const char *cause = word(f, "cause"), *text = word(f, "text");
    return *cause ? cause : *text ? text : word(f, "condition");
}

static void put_peer(s2s__buf *b, const json_t *row)
{
    char seen[TIME_ROOM];
    const json_t *would = get(row, "would");
    bool judged = json_is_string(get(row, "chain")), trusted = is_true(row, "trusted"), connected = is_true(row, "connected");
    row_head(b, word(row, "remote"));
    cell(b, "", word(row, "direction"));
    cell(b, connected ? "good" : "", connected ? "connected" : number(row, "streams") > 0 ? "connecting" : "idle");
    cell(b, "", word(row, "mechanism"));
    cell(b, !judged ? "" : trusted ? "good" : "bad", !judged ? "" : trusted ? "trusted" : "refused");
    put_format(b, "<td>%s%s%s%s%s</td>", word(row, "chain"), judged ? ", " : "", word(row, "identity"), judged ? ", " : "",
               word(row, "eku"));
    cell(b, strcmp(word(would, "tolerant"), "refuse") == 0 ? "bad" : "", word(would, "tolerant"));
    cell(b, strcmp(word(would, "strict"), "refuse") == 0 ? "bad" : "", word(would, "strict"));
    number_cell(b, number(row, "stanzas_in"));
    number_cell(b, number(row, "stanzas_out"));
    cell(b, "", when(row, "last_seen", seen));
    cell(b, "w", connected ? word(row, "reason") : *failure_of(row) ? failure_of(row) : word(row, "reason"));
    put(b, "</tr>\n");
}

static void put_peers(s2s__buf *b, const json_t *facts)
{
    static const char *const HEADS[] = {"Remote domain", "Way", "State", "Proof", "Certificate", "Chain, identity, EKU",
                                        "Tolerant", "Strict", "#In", "#Out", "Last seen", "Why", NULL};
    const json_t *list = get(get(facts, "peers"), "peers");
    size_t count = json_array_size(list), shown = count < PAGE_ROWS_MAX ? count : PAGE_ROWS_MAX;
    put(b, "<section aria-labelledby=\"h-peers\"><h2 id=\"h-peers\">Remote domains</h2>\n");
    begin_table(b, "Remote domains", "Each remote domain, each way: its streams now, and how it was verified last.", HEADS);
    for (size_t i = 0; i < shown; i++)
        put_peer(b, json_array_get(list, i));
    end_table(b);
    if (shown < count)
        put_format(b, "<p>%zu more are in <a href=\"/api/peers\">/api/peers</a>.</p>", count - shown);
    if (count == 0)
        put(b, "<p>No remote domain has been seen yet.</p>");
    put(b, "</section>\n");
}

static void put_failures(s2s__buf *b, const json_t *facts)
{
    static const char *const HEADS[] = {"Remote domain", "When", "Way", "Ended by", "What was said", "Likely cause", NULL};
    const json_t *row;
    size_t i;
    put(b, "<section aria-labelledby=\"h-fail\"><h2 id=\"h-fail\">Recent failures</h2>\n");
    if (json_array_size(get(facts, "failures")) == 0) {
        put(b, "<p>None since the start.</p></section>\n");
        return;
    }
    begin_table(b, "Recent failures", "Streams that could not be made, or broke; the latest first.", HEADS);
    json_array_foreach((json_t *)(uintptr_t)get(facts, "failures"), i, row) {
        char at[TIME_ROOM];
        row_head(b, word(row, "remote"));
        cell(b, "t", when(row, "at", at));
        cell(b, "", word(row, "direction"));
        cell(b, "", word(row, "origin"));
        cell(b, "w", *word(row, "text") ? word(row, "text") : word(row, "condition"));
        cell(b, "w", word(row, "cause"));
        put(b, "</tr>\n");
    }
    end_table(b);
    put(b, "</section>\n");
}

static void put_certificates(s2s__buf *b, const json_t *facts)
{
    static const char *const HEADS[] = {"Domain", "#Days left", "Expires", "State", "File", NULL};
    const json_t *row;
    size_t i;
    put(b, "<section aria-labelledby=\"h-own\"><h2 id=\"h-own\">Our certificates</h2>\n");
    begin_table(b, "Our certificates", "What other servers see of us.", HEADS);
    json_array_foreach((json_t *)(uintptr_t)get(get(facts, "status"), "certificates"), i, row) {
        char at[TIME_ROOM];
        long long left = number(row, "days_left");
        bool near = is_true(row, "near");
        row_head(b, word(row, "domain"));
        number_cell(b, left);
        cell(b, "t", when(row, "expires", at));
        cell(b, left < 0 ? "bad" : near ? "warn" : "good", left < 0 ? "expired" : near ? "should be renewed" : "valid");
        cell(b, "", word(row, "file"));
        put(b, "</tr>\n");
    }
    end_table(b);
    put(b, "</section>\n");
}

static void put_components(s2s__buf *b, const json_t *facts)
{
    static const char *const HEADS[] = {"Domain", "State", NULL};
    const json_t *list = get(get(facts, "status"), "components"), *row;
    size_t i;
    if (json_array_size(list) == 0)
        return;
    put(b, "<section aria-labelledby=\"h-comp\"><h2 id=\"h-comp\">Components</h2>\n");
    begin_table(b, "Components", "Programs that attach by XEP-0114.", HEADS);
    json_array_foreach((json_t *)(uintptr_t)list, i, row) {
        bool attached = is_true(row, "attached");
        row_head(b, word(row, "domain"));
        cell(b, attached ? "good" : "warn", attached ? "attached" : "not attached");
        put(b, "</tr>\n");
    }
    end_table(b);
    put(b, "</section>\n");
}

void page_write(const json_t *facts, s2s__buf *b)
{
    put_head(b, get(facts, "status"));
    put_tiles(b, facts);
    put_eku(b, facts);
    put_failures(b, facts);
    put_peers(b, facts);
    put_certificates(b, facts);
    put_components(b, facts);
    put(b, "</main>\n<footer><nav aria-label=\"The same for programs\"><a href=\"/api/status\">/api/status</a>"
           "<a href=\"/api/peers\">/api/peers</a><a href=\"/api/census\">/api/census</a>"
           "<a href=\"/api/failures\">/api/failures</a><a href=\"/metrics\">/metrics</a><a href=\"/health\">/health</a></nav>"
           "</footer></body></html>\n");
}
