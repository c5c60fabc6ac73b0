/* SPDX-License-Identifier: MIT */
/* explain.c: `s2sctl explain`: a table against lines. */
#include "explain.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "command.h"

static const explain_row ROWS[] = {
#define ROW(program, code, words, also, means, how, test) {program, code, words, also, means, how, test},
#include "explain_rows.inc"
#undef ROW
};
enum { ROWS_LEN = sizeof ROWS / sizeof *ROWS, SHOWN_MAX = 300 };

const explain_row *explain_rows(size_t *count)
{
    *count = ROWS_LEN;
    return ROWS;
}

/* `len` octets of `word` in `line`, without regard to ASCII case. */
static bool contains(const char *line, const char *word, size_t len)
{
    for (; *line; line++) {
        if (strncasecmp(line, word, len) == 0)
            return true;
    }
    return false;
}

static bool contains_any(const char *line, const char *words)
{
    while (*words) {
        size_t len = strcspn(words, "|");
        if (contains(line, words, len))
            return true;
        words += len + (words[len] == '|');
    }
    return false;
}

const explain_row *explain_line(const char *line)
{
    for (size_t i = 0; i < ROWS_LEN; i++) {
        if (contains_any(line, ROWS[i].words) && (!*ROWS[i].also || contains(line, ROWS[i].also, strlen(ROWS[i].also))))
            return &ROWS[i];
    }
    return NULL;
}

/* -- a whole log --------------------------------------------------------------------------------------- */

typedef struct tally {
    size_t lines, known;
    size_t counts[ROWS_LEN];
    char *first[ROWS_LEN]; /* the first line of each */
    size_t order[ROWS_LEN], order_len;
} tally;

/* What reaches the terminal: printable, and not endless. */
static char *shown(const char *line)
{
    size_t len = strnlen(line, SHOWN_MAX);
    char *out = strndup(line, len);
    for (size_t i = 0; out && i < len; i++) {
        unsigned char c = (unsigned char)out[i];
        if (c < 0x20 || c >= 0x7f)
            out[i] = '?';
    }
    return out;
}

static void take_line(tally *t, char *line)
{
    size_t len = strcspn(line, "\r\n");
    line[len < EXPLAIN_LINE_MAX ? len : EXPLAIN_LINE_MAX] = '\0';
    if (*line == '\0')
        return;
    t->lines++;
    const explain_row *row = explain_line(line);
    if (!row)
        return;
    size_t i = (size_t)(row - ROWS);
    t->known++;
    if (t->counts[i]++ == 0) {
        t->order[t->order_len++] = i;
        t->first[i] = shown(line);
    }
}

static void print_text(FILE *out, const tally *t)
{
    for (size_t k = 0; k < t->order_len; k++) {
        const explain_row *r = &ROWS[t->order[k]];
        (void)fprintf(out, "%s%s (%s), %zu line%s:\n  %s\n  means: %s.\n  do:    %s.\n", k ? "\n" : "", r->program,
                      r->code, t->counts[t->order[k]], t->counts[t->order[k]] == 1 ? "" : "s",
                      t->first[t->order[k]] ? t->first[t->order[k]] : "", r->means, r->how);
    }
    if (t->known < t->lines)
        (void)fprintf(out, "%s%zu of %zu lines say nothing that is known here.\n", t->order_len ? "\n" : "",
                      t->lines - t->known, t->lines);
}

static void print_json(FILE *out, const tally *t)
{
    json_t *list = json_array();
    for (size_t k = 0; k < t->order_len; k++) {
        const explain_row *r = &ROWS[t->order[k]];
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:s*}", "program", r->program, "code", r->code,
                                              "means", r->means, "how", r->how, "lines",
                                              (json_int_t)t->counts[t->order[k]], "example", t->first[t->order[k]]));
    }
    json_t *all = json_pack("{s:I, s:I, s:o}", "lines", (json_int_t)t->lines, "unknown",
                            (json_int_t)(t->lines - t->known), "explanations", list);
    (void)json_dumpf(all, out, JSON_INDENT(2));
    (void)fputc('\n', out);
    json_decref(all);
}

int explain_stream(FILE *in, FILE *out, bool json)
{
    tally t = {0};
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, in) >= 0)
        take_line(&t, line);
    free(line);
    if (json)
        print_json(out, &t);
    else
        print_text(out, &t);
    for (size_t i = 0; i < ROWS_LEN; i++)
        free(t.first[i]);
    return t.known > 0 ? CTL_GOOD : CTL_NEGATIVE;
}

/* -- the command --------------------------------------------------------------------------------------- */

static const char USAGE[] =
    "Usage: s2sctl explain [--json] [FILE | TEXT...]\n"
    "\n"
    "Says what lines of a log or an error text mean for federation, and what to do. Reads FILE, or the words given, or "
    "standard\n"
    "input. Knows Prosody, ejabberd, Openfire, OpenSSL, GnuTLS, Java, Erlang, Postfix and others.\n"
    "\n"
    "  --json               print one JSON object\n"
    "  --help               show this\n"
    "\n"
    "Exit status: 0 something was known, 1 nothing was, 2 usage or a file that cannot be read.\n";

static int explain_words(int count, char **words, bool json)
{
    char *text = NULL;
    size_t len = 0;
    FILE *all = open_memstream(&text, &len);
    if (!all)
        return CTL_USAGE;
    for (int i = 0; i < count; i++)
        (void)fprintf(all, "%s%s", i ? " " : "", words[i]);
    int status = CTL_USAGE;
    FILE *in = fclose(all) == 0 && len > 0 ? fmemopen(text, len, "r") : NULL;
    if (in) {
        status = explain_stream(in, stdout, json);
        (void)fclose(in);
    }
    free(text);
    return status;
}

int command_explain(int argc, char **argv)
{
    enum { JSON = 256, HELP };
    static const struct option OPTIONS[] = {{"json", no_argument, NULL, JSON}, {"help", no_argument, NULL, HELP}, {0}};
    bool json = false;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case JSON: json = true; break;
        case HELP: (void)fputs(USAGE, stdout); return CTL_GOOD;
        default: (void)fputs(USAGE, stderr); return CTL_USAGE;
        }
    }
    int count = argc - optind;
    if (count == 0)
        return explain_stream(stdin, stdout, json);
    FILE *in = count == 1 ? fopen(argv[optind], "re") : NULL;
    if (!in && count == 1 && strchr(argv[optind], '/') && !strchr(argv[optind], ' ')) { /* meant as a file */
        (void)fprintf(stderr, "s2sctl: explain: %s: %s\n", argv[optind], strerror(errno));
        return CTL_USAGE;
    }
    if (!in)
        return explain_words(count, argv + optind, json);
    int status = explain_stream(in, stdout, json);
    bool failed = ferror(in) != 0;
    (void)fclose(in);
    if (failed)
        (void)fprintf(stderr, "s2sctl: explain: %s: cannot be read\n", argv[optind]);
    return failed ? CTL_USAGE : status;
}
