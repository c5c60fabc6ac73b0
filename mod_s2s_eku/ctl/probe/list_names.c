/* SPDX-License-Identifier: MIT */
/* list_names.c: the names that are to be probed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/list.h"

s2s_err list_names_init(list_names *l)
{
    *l = (list_names){json_array(), json_object()};
    return l->names && l->seen ? S2S_OK : S2S_E_NOMEM;
}

void list_names_free(list_names *l)
{
    json_decref(l->names);
    json_decref(l->seen);
    *l = (list_names){0};
}

s2s_err list_names_add(list_names *l, const char *name)
{
    json_t *text = json_string(name);
    if (!text)
        return S2S_E_SYNTAX;
    s2s_err err = S2S_OK;
    if (!json_object_get(l->seen, name)) {
        if (json_array_size(l->names) >= LIST_DOMAINS_MAX)
            err = S2S_E_LIMIT;
        else if (json_object_set(l->seen, name, text) != 0 || json_array_append(l->names, text) != 0)
            err = S2S_E_NOMEM;
    }
    json_decref(text);
    return err;
}

/* Cuts comment and white space; "" if nothing is left. */
static char *trim(char *line)
{
    line[strcspn(line, "#\r\n")] = '\0';
    line += strspn(line, " \t");
    for (size_t len = strlen(line); len > 0 && strchr(" \t", line[len - 1]); len--)
        line[len - 1] = '\0';
    return line;
}

static s2s_err read_lines(list_names *l, FILE *in, const char *path, char why[S2S_TEXT_MAX])
{
    char *line = NULL;
    size_t room = 0;
    unsigned long number = 0;
    s2s_err err = S2S_OK;
    while (err == S2S_OK && getline(&line, &room, in) >= 0) {
        const char *name = trim(line);
        number++;
        if (*name == '\0')
            continue;
        err = strlen(name) > PROBE_NAME_MAX || strpbrk(name, " \t") ? S2S_E_SYNTAX : list_names_add(l, name);
        if (err != S2S_OK)
            (void)snprintf(why, S2S_TEXT_MAX, "%.150s:%lu: %s", path, number,
                           err == S2S_E_SYNTAX  ? "not a domain name (one on each line)"
                           : err == S2S_E_LIMIT ? "too many names"
                                                : s2s_strerror(err));
    }
    if (err == S2S_OK && ferror(in)) {
        (void)snprintf(why, S2S_TEXT_MAX, "%.150s: %s", path, strerror(errno));
        err = S2S_E_IO;
    }
    free(line);
    return err;
}

s2s_err list_names_read(list_names *l, const char *path, char why[S2S_TEXT_MAX])
{
    if (strcmp(path, "-") == 0)
        return read_lines(l, stdin, "standard input", why);
    FILE *in = fopen(path, "re");
    if (!in) {
        (void)snprintf(why, S2S_TEXT_MAX, "%.150s: %s", path, strerror(errno));
        return S2S_E_IO;
    }
    s2s_err err = read_lines(l, in, path, why);
    (void)fclose(in);
    return err;
}
