/* SPDX-License-Identifier: MIT */
/* inventory_config.c: the lines of configurations that name a certificate. Hints, no more: a configuration is not executed. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "inventory.h"

static const struct directive {
    const char *program, *ends, *word, *role;
} DIRECTIVES[] = {
#define ISSUER(word, fate)
#define DIRECTIVE(program, ends, word, role) {program, ends, word, role},
#include "inventory_tables.inc"
#undef ISSUER
#undef DIRECTIVE
};

enum { PATHS_MAX = 64 }; /* of one directive; the rest is ignored */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), want = strlen(end);
    return len >= want && strcmp(text + len - want, end) == 0;
}

/* The directive that the line begins with; `*value` is what stands behind its word. */
static const struct directive *directive_of(const char *path, const char *line, const char **value)
{
    line += strspn(line, " \t-{");
    for (size_t i = 0; i < sizeof DIRECTIVES / sizeof *DIRECTIVES; i++) {
        const struct directive *d = &DIRECTIVES[i];
        size_t len = strlen(d->word);
        if (ends_with(path, d->ends) && strncmp(line, d->word, len) == 0 && strchr(" \t=:", line[len])) {
            *value = line + len;
            return d;
        }
    }
    return NULL;
}

static void add_use(inventory *i, const struct directive *d, const char *config, size_t line, const char *path,
                    size_t len)
{
    json_t *text = json_stringn(path, len);
    if (text)
        json_array_append_new(i->uses, json_pack("{s:s, s:s, s:s, s:I, s:o}", "program", d->program, "role", d->role,
                                                 "config", config, "line", (json_int_t)line, "path", text));
}

/* All absolute paths in `value`. Returns how many. */
static size_t add_paths(inventory *i, const struct directive *d, const char *config, size_t line, const char *value)
{
    size_t count = 0;
    for (; *value && *value != '#' && count < PATHS_MAX; value++) {
        size_t len = strcspn(value, "= \t\"';,<>[](){}");
        if (*value != '/') {
            value += len > 0 ? len - 1 : 0;
            continue;
        }
        add_use(i, d, config, line, value, len);
        count++;
        value += len - 1;
    }
    return count;
}

void inventory_take_config(inventory *i, const char *path, char *text)
{
    const struct directive *open =
        NULL; /* its list goes on: "certfiles:" and lines with "- PATH", Postfix's folded lines */
    size_t number = 0, found = json_array_size(i->uses);
    for (char *line; (line = strsep(&text, "\n"));) {
        const char *value = line;
        number++;
        line[strcspn(line, "\r")] = '\0';
        const struct directive *d = directive_of(path, line, &value);
        if (d)
            (void)add_paths(i, d, path, number, value);
        else if (open && strchr(" \t-", line[0]) && *line)
            (void)add_paths(i, open, path, number, line);
        if (d || !strchr(" \t-#", line[0]))
            open = d;
    }
    if (json_array_size(i->uses) > found)
        i->configs++;
}

static bool path_matches(const char *pattern, const char *path)
{
    return strpbrk(pattern, "*?[") ? fnmatch(pattern, path, FNM_PATHNAME) == 0 : strcmp(pattern, path) == 0;
}

static bool has_file(const json_t *cert, const char *pattern)
{
    size_t k;
    json_t *file;
    json_array_foreach(json_object_get(cert, "files"), k, file)
    {
        if (path_matches(pattern, json_string_value(file)))
            return true;
    }
    return false;
}

/* A path that leads to the same file by another name (certbot's links). */
static bool leads_to(const inventory *i, const char *pattern, size_t place)
{
    char *real = realpath(pattern, NULL);
    const char *fingerprint = real ? json_string_value(json_object_get(i->places, real)) : NULL;
    bool same = fingerprint && (size_t)json_integer_value(json_object_get(i->index, fingerprint)) == place;
    free(real);
    return same;
}

static void note_use(json_t *cert, const char *program, const char *role, const char *config, json_int_t line)
{
    json_array_append_new(json_object_get(cert, "used_by"), json_pack("{s:s, s:s, s:s, s:I}", "program", program,
                                                                      "role", role, "config", config, "line", line));
}

/* Prosody takes certificates from its directory without being told of each. */
static void note_directory(json_t *cert)
{
    const char *file = json_string_value(json_array_get(json_object_get(cert, "files"), 0));
    const char *slash = file ? strstr(file, "/prosody/certs/") : NULL;
    if (slash && json_array_size(json_object_get(cert, "used_by")) == 0)
        note_use(cert, "prosody", "both", "its certificates directory", 0);
}

void inventory_join(inventory *i)
{
    size_t c, u;
    json_t *cert, *use;
    json_array_foreach(i->certificates, c, cert)
    {
        json_array_foreach(i->uses, u, use)
        {
            const char *path = json_string_value(json_object_get(use, "path"));
            if (has_file(cert, path) || leads_to(i, path, c))
                note_use(cert, json_string_value(json_object_get(use, "program")),
                         json_string_value(json_object_get(use, "role")),
                         json_string_value(json_object_get(use, "config")),
                         json_integer_value(json_object_get(use, "line")));
        }
        note_directory(cert);
    }
}
