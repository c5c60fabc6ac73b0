/* SPDX-License-Identifier: MIT */
/* config_tree.h: a configuration while it is read: the YAML as nodes, and the problems found.
 * Internal to s2sd. */
#ifndef S2SD_CONFIG_TREE_H
#define S2SD_CONFIG_TREE_H

#include <stdio.h>

#include "s2s/base.h"

enum {
    CONFIG_BYTES_MAX = 1048576,  /* size of the file; a larger one is refused */
    CONFIG_NODES_MAX = 32768,    /* values in it; more are refused */
    CONFIG_DEPTH_MAX = 16,       /* nesting; deeper is refused */
    CONFIG_PROBLEMS_MAX = 50,    /* problems reported; further ones are only mentioned */
    CONFIG_PATH_TEXT_MAX = 128,  /* of a key path in a message; a longer one is cut */
    CONFIG_QUOTE_MAX = 160,      /* of a value in a message; a longer one is cut */
    CONFIG_PROBLEM_TEXT_MAX = 640,
    CONFIG_SECRET_MAX = 1024,    /* first line of a secret file; a longer one is refused */
};

/* Where something stands in the file; counted from 1, columns in characters. */
typedef struct config_mark {
    size_t line, column;
} config_mark;

typedef enum config_kind { CONFIG_NODE_SCALAR, CONFIG_NODE_LIST, CONFIG_NODE_MAPPING } config_kind;

typedef struct config_node {
    struct config_node *parent, *first, *last, *next;
    config_kind kind;
    config_mark at;
    char *key; /* in a mapping */
    config_mark key_at;
    char *text; /* of a scalar; in the end as the configuration wants it (normal form, absolute path, secret) */
    size_t len;
    bool plain;          /* not quoted */
    const char *refused; /* a feature of YAML that it uses and that is refused: "anchors"; else NULL */
    bool bad;            /* a problem was reported: nothing can be said about its value */
    uint32_t number;     /* of a number; 0 or 1 for false or true; the place among the words of the schema */
} config_node;

typedef struct config_problem {
    config_mark at;
    size_t order;
    char text[CONFIG_PROBLEM_TEXT_MAX];
} config_problem;

typedef struct config_reading {
    const char *file; /* as it was named */
    char *directory;  /* of `file`, absolute */
    config_node *root;
    char **files; /* that were named, absolute */
    size_t files_len;
    config_problem *problems;
    size_t problems_len;
    bool problems_cut;
    bool nomem; /* sticks */
} config_reading;

/* S2S_OK or S2S_E_NOMEM. `file` is lent. */
s2s_err config_reading_init(config_reading *r, const char *file);
void config_reading_free(config_reading *r); /* wipes every value */

/* Takes memory that is zeroed; NULL, and `r->nomem` set, if there is none. */
void *config_alloc(config_reading *r, size_t size);
char *config_copy(config_reading *r, const char *text, size_t len);
/* Wipes `text` and gives it back; takes NULL. */
void config_wipe(char *text);

/* Builds `r->root`; it is whole if no problem was reported. Aliases, anchors and tags are left for later, in
 * the nodes (`refused`). */
void config_tree_read(config_reading *r, s2s_str text);

/* Reports a problem with the value of `node`, or (_key) at its key in a mapping. The value counts as bad
 * from now on. */
void config_problem_add(config_reading *r, config_node *node, const char *format, ...) S2S_PRINTF(3, 4);
void config_problem_key(config_reading *r, config_node *node, const char *format, ...) S2S_PRINTF(3, 4);
/* About the key `name` that the mapping `node` has not. */
void config_problem_missing(config_reading *r, const config_node *node, const char *name,
                            const char *format, ...) S2S_PRINTF(4, 5);
/* Without key path. */
void config_problem_at(config_reading *r, config_mark at, const char *format, ...) S2S_PRINTF(3, 4);
/* Writes them by their place in the file. */
void config_problems_print(const config_reading *r, FILE *out);

/* "\"text\"", cut to fit, control characters replaced; returns `out`. */
typedef struct config_quoted {
    char text[CONFIG_QUOTE_MAX + sizeof "\"...\""];
} config_quoted;
const char *config_quote(config_quoted *out, const char *text);

/* The value of `key` in `node`; NULL if `node` is NULL, no mapping, or has no such key. */
config_node *config_node_get(const config_node *node, const char *key);
size_t config_node_count(const config_node *node); /* of items; 0 for NULL */
/* A plain null, "~", or nothing at all. */
bool config_node_is_null(const config_node *node);

#endif
