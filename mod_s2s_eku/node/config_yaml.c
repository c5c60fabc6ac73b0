/* SPDX-License-Identifier: MIT */
/* config_yaml.c: YAML text -> nodes, by libyaml's events. One document, without anchors, aliases and tags. */
#include <string.h>
#include <yaml.h>

#include "node/config_tree.h"
#include "protocol/xml/utf8.h"

typedef struct builder {
    config_reading *r;
    s2s_str text;
    config_node *at; /* the open list or mapping; NULL: none */
    char *key;       /* of the open mapping's next value; NULL: a key comes next */
    config_mark key_at;
    const char *key_refused;
    size_t nodes, depth;
} builder;

typedef enum step { STEP_MORE, STEP_END, STEP_FAILED } step;

static config_mark mark_of(yaml_mark_t m)
{
    return (config_mark){m.line + 1, m.column + 1};
}

/* For libyaml's reader, which knows only the byte. */
static config_mark mark_at(s2s_str text, size_t offset)
{
    config_mark at = {1, 1};
    for (size_t i = 0; i < offset && i < text.len; i++) {
        if (text.ptr[i] == '\n')
            at = (config_mark){at.line + 1, 1};
        else if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            at.column++;
    }
    return at;
}

static step fail(builder *b, yaml_mark_t m, const char *why)
{
    config_problem_at(b->r, mark_of(m), "%s", why);
    return STEP_FAILED;
}

static const char *refused_feature(const yaml_char_t *anchor, const yaml_char_t *tag)
{
    return anchor ? "anchors" : tag ? "tags" : NULL;
}

/* A value that belongs to the open list or mapping, or is the root. */
static config_node *add_node(builder *b, config_kind kind, yaml_mark_t at, const char *refused)
{
    if (b->nodes++ == CONFIG_NODES_MAX) {
        config_problem_at(b->r, mark_of(at), "more than %d values in one file", CONFIG_NODES_MAX);
        return NULL;
    }
    config_node *n = config_alloc(b->r, sizeof *n);
    if (!n)
        return NULL;
    *n = (config_node){.kind = kind, .at = mark_of(at), .parent = b->at, .refused = refused};
    if (!b->at) {
        b->r->root = n;
        return n;
    }
    if (b->at->kind == CONFIG_NODE_MAPPING) {
        n->key = b->key;
        n->key_at = b->key_at;
        if (b->key_refused)
            n->refused = b->key_refused;
        b->key = NULL;
    }
    if (b->at->last)
        b->at->last->next = n;
    else
        b->at->first = n;
    b->at->last = n;
    return n;
}

static bool wants_key(const builder *b)
{
    return b->at && b->at->kind == CONFIG_NODE_MAPPING && !b->key;
}

static step take_key(builder *b, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    if (!(b->key = config_copy(b->r, text, len)))
        return STEP_FAILED;
    for (size_t i = 0; i < len; i++) {
        if (b->key[i] == '\0') /* else "key\0x" would pass for "key" */
            b->key[i] = '?';
    }
    b->key_at = mark_of(e->start_mark);
    b->key_refused = refused_feature(e->data.scalar.anchor, e->data.scalar.tag);
    return STEP_MORE;
}

static step take_scalar(builder *b, const yaml_event_t *e)
{
    if (wants_key(b))
        return take_key(b, e);
    config_node *n = add_node(b, CONFIG_NODE_SCALAR, e->start_mark,
                              refused_feature(e->data.scalar.anchor, e->data.scalar.tag));
    if (!n)
        return STEP_FAILED;
    n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    n->len = e->data.scalar.length;
    n->text = config_copy(b->r, (const char *)e->data.scalar.value, n->len);
    if (!n->text)
        n->len = 0;
    return n->text ? STEP_MORE : STEP_FAILED;
}

static step open_collection(builder *b, config_kind kind, yaml_mark_t at, const char *refused)
{
    if (wants_key(b))
        return fail(b, at, "a key must be a plain word");
    if (b->depth == CONFIG_DEPTH_MAX) {
        config_problem_at(b->r, mark_of(at), "nested deeper than %d levels", CONFIG_DEPTH_MAX);
        return STEP_FAILED;
    }
    config_node *n = add_node(b, kind, at, refused);
    if (!n)
        return STEP_FAILED;
    b->at = n;
    b->depth++;
    return STEP_MORE;
}

static step close_collection(builder *b)
{
    b->at = b->at->parent;
    b->depth--;
    return STEP_MORE;
}

static step take_alias(builder *b, const yaml_event_t *e)
{
    if (wants_key(b))
        return fail(b, e->start_mark, "aliases are not used here: write the value out");
    return add_node(b, CONFIG_NODE_SCALAR, e->start_mark, "aliases") ? STEP_MORE : STEP_FAILED;
}

static step take_event(builder *b, const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return STEP_MORE;
    case YAML_DOCUMENT_START_EVENT:
        if (b->r->root)
            return fail(b, e->start_mark, "a second YAML document; a configuration is one");
        return STEP_MORE;
    case YAML_STREAM_END_EVENT:
        return STEP_END;
    case YAML_ALIAS_EVENT:
        return take_alias(b, e);
    case YAML_SCALAR_EVENT:
        return take_scalar(b, e);
    case YAML_SEQUENCE_START_EVENT:
        return open_collection(b, CONFIG_NODE_LIST, e->start_mark,
                               refused_feature(e->data.sequence_start.anchor, e->data.sequence_start.tag));
    case YAML_MAPPING_START_EVENT:
        return open_collection(b, CONFIG_NODE_MAPPING, e->start_mark,
                               refused_feature(e->data.mapping_start.anchor, e->data.mapping_start.tag));
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_collection(b);
    }
    return STEP_FAILED;
}

static step syntax_error(builder *b, const yaml_parser_t *p)
{
    config_mark at = mark_of(p->problem_mark);
    switch (p->error) {
    case YAML_MEMORY_ERROR:
        b->r->nomem = true;
        return STEP_FAILED;
    case YAML_READER_ERROR:
        at = mark_at(b->text, p->problem_offset);
        break;
    case YAML_NO_ERROR:
    case YAML_SCANNER_ERROR:
    case YAML_PARSER_ERROR:
    case YAML_COMPOSER_ERROR:
    case YAML_WRITER_ERROR:
    case YAML_EMITTER_ERROR:
        break;
    }
    const char *problem = p->problem ? p->problem : "unreadable";
    if (p->context)
        config_problem_at(b->r, at, "not valid YAML: %s (%s, line %zu)", problem, p->context,
                          p->context_mark.line + 1);
    else
        config_problem_at(b->r, at, "not valid YAML: %s", problem);
    return STEP_FAILED;
}

static step next_event(builder *b, yaml_parser_t *p)
{
    yaml_event_t e;
    if (!yaml_parser_parse(p, &e))
        return syntax_error(b, p);
    step s = take_event(b, &e);
    if (e.type == YAML_SCALAR_EVENT) /* it may be a secret */
        explicit_bzero(e.data.scalar.value, e.data.scalar.length);
    yaml_event_delete(&e);
    return s;
}

/* libyaml would also take UTF-16, and would not say where NUL stands. */
static bool check_text(config_reading *r, s2s_str text)
{
    s2s__utf8 utf8 = {0};
    size_t good = 0;
    s2s__utf8_result result = s2s__utf8_check(&utf8, (const uint8_t *)text.ptr, text.len, &good);
    if (result == UTF8_OK && utf8.need == 0)
        return true;
    config_problem_at(r, mark_at(text, good), result == UTF8_NUL ? "a NUL byte" : "not valid UTF-8");
    return false;
}

/* A document that holds nothing. */
static bool is_empty(const config_reading *r)
{
    return !r->root || (config_node_is_null(r->root) && r->root->len == 0 && !r->root->refused);
}

void config_tree_read(config_reading *r, s2s_str text)
{
    yaml_parser_t parser;
    if (!check_text(r, text))
        return;
    if (!yaml_parser_initialize(&parser)) {
        r->nomem = true;
        return;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);

    builder b = {.r = r, .text = text};
    step s = STEP_MORE;
    while (s == STEP_MORE)
        s = next_event(&b, &parser);
    yaml_parser_delete(&parser);
    config_wipe(b.key);
    if (s == STEP_END && is_empty(r))
        config_problem_at(r, (config_mark){1, 1}, "the file is empty");
}
