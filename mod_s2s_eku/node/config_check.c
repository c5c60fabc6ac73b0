/* SPDX-License-Identifier: MIT */
/* config_check.c: a configuration's nodes against the table of keys. */
#include "node/config_check.h"

#include <string.h>

enum { WANTED_MAX = 64 };

/* "off, soft or must" */
static void list_words(const config_key *row, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; row->words[i] && n < room; i++) {
        const char *before = i == 0 ? "" : row->words[i + 1] ? ", " : " or ";
        int written = snprintf(out + n, room - n, "%s%s", before, row->words[i]);
        n += written > 0 ? (size_t)written : 0;
    }
}

static void wanted(const config_key *row, char *out, size_t room)
{
    switch (row->type) {
    case CONFIG_MAPPING: (void)snprintf(out, room, "a mapping"); return;
    case CONFIG_LIST: (void)snprintf(out, room, "a list"); return;
    case CONFIG_BOOL: (void)snprintf(out, room, "true or false"); return;
    case CONFIG_NUMBER: (void)snprintf(out, room, "a whole number"); return;
    case CONFIG_WORD: list_words(row, out, room); return;
    case CONFIG_DOMAIN:
    case CONFIG_MATCH:
    case CONFIG_ADDRESS:
    case CONFIG_LISTEN:
    case CONFIG_LISTEN_LOCAL:
    case CONFIG_DNS_SERVER:
    case CONFIG_FILE:
    case CONFIG_SOCKET:
    case CONFIG_OUTPUT:
    case CONFIG_SECRET:
    case CONFIG_SECRET_FILE:
    case CONFIG_PIN:
    case CONFIG_URI:
    case CONFIG_TEXT: (void)snprintf(out, room, "text"); return;
    }
}

/* The value itself is shown only where it cannot be a secret in the wrong place. */
static void wrong_type(config_reading *r, config_node *n, const config_key *row)
{
    char what[WANTED_MAX] = "";
    config_quoted quoted;
    const char *is = "text";
    bool word = row->type == CONFIG_BOOL || row->type == CONFIG_NUMBER || row->type == CONFIG_WORD;
    if (n->kind == CONFIG_NODE_MAPPING)
        is = "a mapping";
    else if (n->kind == CONFIG_NODE_LIST)
        is = "a list";
    else if (config_node_is_null(n))
        is = "nothing";
    else if (word)
        is = config_quote(&quoted, n->text);
    const char *hint = is == quoted.text && !n->plain && row->type != CONFIG_WORD ? " (in quotes)" : "";
    wanted(row, what, sizeof what);
    config_problem_add(r, n, "must be %s, not %s%s", what, is, hint);
}

static bool parse_number(const config_node *n, uint64_t *out)
{
    enum { DIGITS_MAX = 15 };
    uint64_t number = 0;
    if (!n->plain || n->len == 0 || n->len > DIGITS_MAX || (n->len > 1 && n->text[0] == '0'))
        return false;
    for (size_t i = 0; i < n->len; i++) {
        if (n->text[i] < '0' || n->text[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(n->text[i] - '0');
    }
    *out = number;
    return true;
}

static void check_number(config_reading *r, config_node *n, const config_key *row)
{
    uint64_t number;
    if (!parse_number(n, &number))
        wrong_type(r, n, row);
    else if (number < row->least || number > row->most)
        config_problem_add(r, n, "must be from %u to %u %s, not %s", (unsigned)row->least,
                           (unsigned)row->most, row->unit, n->text);
    else
        n->number = (uint32_t)number;
}

static void check_word(config_reading *r, config_node *n, const config_key *row)
{
    for (uint32_t i = 0; row->words[i]; i++) {
        if (strcmp(n->text, row->words[i]) == 0 && strlen(n->text) == n->len) {
            n->number = i;
            return;
        }
    }
    wrong_type(r, n, row);
}

static void check_bool(config_reading *r, config_node *n, const config_key *row)
{
    bool yes = n->plain && strcmp(n->text, "true") == 0, no = n->plain && strcmp(n->text, "false") == 0;
    if (!yes && !no)
        wrong_type(r, n, row);
    n->number = yes;
}

static void not_there_yet(config_reading *r, config_node *n, const config_key *row)
{
    if (strcmp(row->now, "[]") == 0 || strcmp(row->now, "null") == 0)
        config_problem_add(r, n, "not there yet: leave it out, or say %s", row->now);
    else
        config_problem_add(r, n, "\"%s\" is not there yet: leave it out, or say %s", n->text, row->now);
}

static void check_scalar(config_reading *r, config_node *n, const config_key *row)
{
    bool no_value = row->now && strcmp(row->now, "null") == 0;
    if ((no_value || row->none) && config_node_is_null(n))
        return;
    if (n->kind != CONFIG_NODE_SCALAR || config_node_is_null(n)) {
        wrong_type(r, n, row);
        return;
    }
    if (no_value) {
        not_there_yet(r, n, row);
        return;
    }
    switch (row->type) {
    case CONFIG_BOOL: check_bool(r, n, row); break;
    case CONFIG_NUMBER: check_number(r, n, row); break;
    case CONFIG_WORD: check_word(r, n, row); break;
    case CONFIG_MAPPING:
    case CONFIG_LIST:
    case CONFIG_DOMAIN:
    case CONFIG_MATCH:
    case CONFIG_ADDRESS:
    case CONFIG_LISTEN:
    case CONFIG_LISTEN_LOCAL:
    case CONFIG_DNS_SERVER:
    case CONFIG_FILE:
    case CONFIG_SOCKET:
    case CONFIG_OUTPUT:
    case CONFIG_SECRET:
    case CONFIG_SECRET_FILE:
    case CONFIG_PIN:
    case CONFIG_URI:
    case CONFIG_TEXT: config_check_value(r, n, row); break;
    }
    if (row->now && !n->bad && strcmp(n->text, row->now) != 0)
        not_there_yet(r, n, row);
}

static void unknown_key(config_reading *r, config_node *n, const config_key *of)
{
    const char *nearest = config_schema_nearest(of, n->key);
    if (nearest)
        config_problem_key(r, n, "unknown key; did you mean \"%s\"?", nearest);
    else
        config_problem_key(r, n, "unknown key");
}

/* The first with the same key, if it stands before `n`. */
static const config_node *given_before(const config_node *n)
{
    const config_node *first = config_node_get(n->parent, n->key);
    return first == n ? NULL : first;
}

static void check_node(config_reading *r, config_node *n, const config_key *row);

static void check_mapping(config_reading *r, config_node *mapping, const config_key *row)
{
    for (config_node *n = mapping->first; n; n = n->next) {
        const config_key *child = config_schema_child(row, n->key);
        const config_node *before = child ? given_before(n) : NULL;
        if (!child)
            unknown_key(r, n, row);
        else if (before)
            config_problem_key(r, n, "given twice; first in line %zu", before->key_at.line);
        else
            check_node(r, n, child);
    }
    for (size_t i = 0; i < config_schema_len; i++) {
        const config_key *child = &config_schema[i];
        if (!child->required || !config_schema_is_child(row, child))
            continue;
        if (!config_node_get(mapping, config_schema_name(child)))
            config_problem_missing(r, mapping, config_schema_name(child), "required, but not given");
    }
}

static void check_list(config_reading *r, config_node *list, const config_key *row)
{
    const config_key *item = config_schema_item(row);
    if (row->now && list->first) {
        not_there_yet(r, list, row);
        return;
    }
    for (config_node *n = list->first; n; n = n->next)
        check_node(r, n, item);
}

/* Recursion ends with the schema, whose paths are finite. */
static void check_node(config_reading *r, config_node *n, const config_key *row)
{
    if (n->refused) {
        config_problem_add(r, n, "%s are not used here: write the value out", n->refused);
        return;
    }
    if (row->type == CONFIG_MAPPING) {
        if (n->kind == CONFIG_NODE_MAPPING)
            check_mapping(r, n, row);
        else
            wrong_type(r, n, row);
    } else if (row->type == CONFIG_LIST) {
        if (n->kind == CONFIG_NODE_LIST)
            check_list(r, n, row);
        else if (row->single && n->kind == CONFIG_NODE_SCALAR)
            check_scalar(r, n, config_schema_item(row));
        else
            wrong_type(r, n, row);
    } else {
        check_scalar(r, n, row);
    }
}

void config_check_schema(config_reading *r)
{
    check_node(r, r->root, &config_schema[0]);
}
