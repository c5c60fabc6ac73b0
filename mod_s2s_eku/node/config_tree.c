/* SPDX-License-Identifier: MIT */
/* config_tree.c: nodes of a configuration that is read, and their memory. */
#include "node/config_tree.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The directory that relative paths are against: that of the file as it was named, made absolute. */
static char *directory_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    size_t len = !slash ? 0 : slash == file ? 1 : (size_t)(slash - file);
    if (*file == '/')
        return strndup(file, len);

    char here[PATH_MAX];
    char *out = NULL;
    if (!getcwd(here, sizeof here))
        return strdup(".");
    if (asprintf(&out, "%s%s%.*s", here, len ? "/" : "", (int)len, file) < 0)
        return NULL;
    return out;
}

s2s_err config_reading_init(config_reading *r, const char *file)
{
    *r = (config_reading){.file = file};
    r->directory = directory_of(file);
    r->problems = calloc(CONFIG_PROBLEMS_MAX, sizeof *r->problems);
    if (r->directory && r->problems)
        return S2S_OK;
    config_reading_free(r);
    return S2S_E_NOMEM;
}

void config_wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

static void wipe_node(config_node *n)
{
    if (n->text)
        explicit_bzero(n->text, n->len);
    free(n->text);
    free(n->key);
    free(n);
}

/* Frees leaves first, walking up by `parent`: no recursion. */
static void free_tree(config_node *n)
{
    while (n) {
        if (n->first) {
            n = n->first;
            continue;
        }
        config_node *parent = n->parent, *next = n->next;
        wipe_node(n);
        if (parent)
            parent->first = next;
        n = next ? next : parent;
    }
}

void config_reading_free(config_reading *r)
{
    free_tree(r->root);
    for (size_t i = 0; i < r->files_len; i++)
        free(r->files[i]);
    free(r->files);
    free(r->problems);
    free(r->directory);
    *r = (config_reading){0};
}

void *config_alloc(config_reading *r, size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        r->nomem = true;
    return memory;
}

char *config_copy(config_reading *r, const char *text, size_t len)
{
    char *copy = config_alloc(r, len + 1);
    if (copy && len)
        memcpy(copy, text, len);
    return copy;
}

config_node *config_node_get(const config_node *node, const char *key)
{
    if (!node || node->kind != CONFIG_NODE_MAPPING)
        return NULL;
    for (config_node *n = node->first; n; n = n->next) {
        if (strcmp(n->key, key) == 0)
            return n;
    }
    return NULL;
}

size_t config_node_count(const config_node *node)
{
    size_t count = 0;
    for (const config_node *n = node ? node->first : NULL; n; n = n->next)
        count++;
    return count;
}

bool config_node_is_null(const config_node *node)
{
    return node->kind == CONFIG_NODE_SCALAR && node->plain &&
           (node->len == 0 || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}
