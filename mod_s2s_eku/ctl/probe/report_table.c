/* SPDX-License-Identifier: MIT */
/* report_table.c: many results: counting them, and a line for each. */
#include <stdlib.h>
#include <string.h>

#include "probe/report.h"

const char *report_word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool report_breaks_under_strict(const json_t *result)
{
    const json_t *would = json_object_get(result, "would");
    return strcmp(report_word(would, "tolerant"), "accept") == 0 && strcmp(report_word(would, "strict"), "refuse") == 0;
}

size_t report_would_break(const json_t *results)
{
    size_t i, count = 0;
    json_t *r;
    json_array_foreach(results, i, r) count += report_breaks_under_strict(r);
    return count;
}

/* -- order --------------------------------------------------------------------------------------------- */

static int rank_of(const json_t *r)
{
    static const char *const RANKS[] = {"refuses",     "untrusted", "dialback", "broken",
                                        "unreachable", "undecided", "unasked",  "accepts"};
    int rank = 0;
    while (rank < (int)(sizeof RANKS / sizeof *RANKS) && strcmp(RANKS[rank], report_word(r, "answer")) != 0)
        rank++;
    return rank;
}

static int compare(const void *a, const void *b)
{
    const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
    int by_rank = rank_of(x) - rank_of(y);
    return by_rank ? by_rank : strcmp(report_word(x, "domain"), report_word(y, "domain"));
}

json_t *report_sorted(const json_t *results)
{
    size_t count = json_array_size(results);
    json_t *out = json_array(), **list = calloc(count + 1, sizeof *list);
    for (size_t i = 0; list && i < count; i++)
        list[i] = json_array_get(results, i);
    if (list)
        qsort(list, count, sizeof(json_t *), compare);
    for (size_t i = 0; list && i < count; i++)
        json_array_append(out, list[i]);
    free(list);
    return out;
}

/* -- counting ------------------------------------------------------------------------------------------ */

static size_t place_of(const char *word, report_share *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(out[i].word, word) == 0)
            return i;
    }
    return len;
}

size_t report_count(const json_t *results, const char *key, const char *const *order,
                    report_share out[REPORT_SHARES_MAX])
{
    size_t len = 0, i;
    json_t *r;
    for (; order && order[len]; len++)
        out[len] = (report_share){.word = order[len]};
    json_array_foreach(results, i, r)
    {
        const char *word = *report_word(r, key) ? report_word(r, key) : "unknown";
        size_t at = place_of(word, out, len);
        if (at == len && len < REPORT_SHARES_MAX)
            out[len++] = (report_share){.word = word};
        if (at < REPORT_SHARES_MAX)
            out[at].count++;
    }
    return len;
}

json_t *report_summary_of(const json_t *r)
{
    static const char *const KEYS[] = {"domain",   "protocol", "answer", "summary",  "milliseconds", "trusted",
                                       "chain",    "identity", "eku",    "would",    "mechanism",    "tls",
                                       "software", "expires",  "reason", "findings", "time",         "from"};
    json_t *out = json_object();
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        json_t *value = json_object_get(r, KEYS[i]);
        if (value)
            json_object_set(out, KEYS[i], value);
    }
    json_object_set(out, "purpose_refused", json_object_get(json_object_get(r, "differential"), "refuses_purpose"));
    return out;
}

/* A dash for what is empty; no control characters: these are words of ours, or a domain in normal form. */
static const char *cell(const json_t *r, const char *key)
{
    return *report_word(r, key) ? report_word(r, key) : "-";
}

void report_table(FILE *out, const json_t *results)
{
    report_share shares[REPORT_SHARES_MAX];
    size_t i, width = strlen("DOMAIN");
    json_t *r;
    json_array_foreach(results, i, r)
    {
        size_t len = strlen(report_word(r, "domain"));
        width = len > width ? len : width;
    }
    width = width > 48 ? 48 : width;
    (void)fprintf(out, "%-*s  %-11s  %-9s  %-7s  %-14s  %-8s  %-6s  %-6s  %s\n", (int)width, "DOMAIN", "ANSWER",
                  "MECHANISM", "TLS", "CHAIN", "IDENTITY", "EKU", "STRICT", "MS");
    json_array_foreach(results, i, r)
    {
        const char *strict = report_word(json_object_get(r, "would"), "strict");
        (void)fprintf(out, "%-*s  %-11s  %-9s  %-7s  %-14s  %-8s  %-6s  %-6s  %lld\n", (int)width,
                      report_word(r, "domain"), cell(r, "answer"), cell(r, "mechanism"), cell(r, "tls"),
                      cell(r, "chain"), cell(r, "identity"), cell(r, "eku"), *strict ? strict : "-",
                      (long long)json_integer_value(json_object_get(r, "milliseconds")));
    }
    size_t kinds = report_count(results, "answer", NULL, shares);
    (void)fprintf(out, "\n%zu domains:", json_array_size(results));
    for (i = 0; i < kinds; i++)
        (void)fprintf(out, "%s %zu %s", i ? "," : "", shares[i].count, shares[i].word);
    (void)fprintf(out, ". Accepted by tolerant and refused by strict: %zu\n", report_would_break(results));
}
