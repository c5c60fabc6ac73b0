/* SPDX-License-Identifier: MIT */
/* config_problems.c: the problems found in a configuration, each with its place and key. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "node/config_tree.h"

const char *config_quote(config_quoted *out, const char *text)
{
    size_t len = strnlen(text, CONFIG_QUOTE_MAX + 1), n = 0;
    bool cut = len > CONFIG_QUOTE_MAX;
    if (cut) {
        len = CONFIG_QUOTE_MAX;
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) /* not inside a character */
            len--;
    }
    out->text[n++] = '"';
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        out->text[n++] = c < 0x20 || c == 0x7f ? '?' : text[i];
    }
    (void)snprintf(out->text + n, sizeof out->text - n, cut ? "...\"" : "\"");
    return out->text;
}

/* ---- key paths ---- */

typedef struct path {
    char text[CONFIG_PATH_TEXT_MAX];
    size_t len;
} path;

static void path_add(path *p, const char *text)
{
    for (; *text && p->len + 1 < sizeof p->text; text++) {
        unsigned char c = (unsigned char)*text;
        p->text[p->len++] = c < 0x20 || c == 0x7f ? '?' : *text;
    }
    p->text[p->len] = '\0';
}

static void path_index(path *p, const config_node *item)
{
    size_t index = 0;
    char text[sizeof "[]" + 20];
    for (const config_node *n = item->parent->first; n != item; n = n->next)
        index++;
    (void)snprintf(text, sizeof text, "[%zu]", index);
    path_add(p, text);
}

/* Nothing if the problem will not be kept: counting items takes time. */
static path path_of(const config_reading *r, const config_node *node)
{
    const config_node *up[CONFIG_DEPTH_MAX + 1];
    size_t depth = 0;
    path p = {0};
    if (r->problems_len == CONFIG_PROBLEMS_MAX)
        return p;
    for (; node && node->parent && depth <= CONFIG_DEPTH_MAX; node = node->parent)
        up[depth++] = node;
    while (depth-- > 0) {
        if (!up[depth]->key) {
            path_index(&p, up[depth]);
            continue;
        }
        if (p.len > 0)
            path_add(&p, ".");
        path_add(&p, *up[depth]->key ? up[depth]->key : "\"\"");
    }
    return p;
}

/* ---- the list ---- */

S2S_PRINTF(4, 0)
static void add(config_reading *r, config_mark at, const path *p, const char *format, va_list args)
{
    if (r->problems_len == CONFIG_PROBLEMS_MAX) {
        r->problems_cut = true;
        return;
    }
    config_problem *problem = &r->problems[r->problems_len];
    problem->at = at;
    problem->order = r->problems_len++;
    int n = 0;
    if (p && p->len > 0)
        n = snprintf(problem->text, sizeof problem->text, "%s: ", p->text);
    (void)vsnprintf(problem->text + n, sizeof problem->text - (size_t)n, format, args);
}

void config_problem_add(config_reading *r, config_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    path p = path_of(r, node);
    add(r, node->at, &p, format, args);
    va_end(args);
    node->bad = true;
}

void config_problem_key(config_reading *r, config_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    path p = path_of(r, node);
    add(r, node->key_at, &p, format, args);
    va_end(args);
    node->bad = true;
}

void config_problem_missing(config_reading *r, const config_node *node, const char *name,
                            const char *format, ...)
{
    va_list args;
    va_start(args, format);
    path p = path_of(r, node);
    if (p.len > 0)
        path_add(&p, ".");
    path_add(&p, name);
    add(r, node->at, &p, format, args);
    va_end(args);
}

void config_problem_at(config_reading *r, config_mark at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(r, at, NULL, format, args);
    va_end(args);
}

static int by_place(const void *a, const void *b)
{
    const config_problem *x = a, *y = b;
    if (x->at.line != y->at.line)
        return x->at.line < y->at.line ? -1 : 1;
    if (x->at.column != y->at.column)
        return x->at.column < y->at.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

void config_problems_print(const config_reading *r, FILE *out)
{
    qsort(r->problems, r->problems_len, sizeof *r->problems, by_place);
    for (size_t i = 0; i < r->problems_len; i++) {
        const config_problem *p = &r->problems[i];
        fprintf(out, "%s:%zu:%zu: %s\n", r->file, p->at.line, p->at.column, p->text);
    }
    if (r->problems_cut)
        fprintf(out, "%s: there are further problems\n", r->file);
}
