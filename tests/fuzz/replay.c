/* SPDX-License-Identifier: MIT */
/* replay.c: runs a target on files and directories of inputs, without a fuzzer. -t: prints what was seen, "STATE EVENT STATE" a line. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "fuzz/fuzz.h"

enum { INPUT_MAX = 1 << 20, SEEN_MAX = 2048, SEEN_TEXT = 96 };

static struct {
    char text[SEEN_MAX][SEEN_TEXT];
    size_t len, inputs;
} seen;

void fuzz_note_transition(s2s_str from, const char *event, s2s_str to)
{
    char text[SEEN_TEXT];
    size_t i = 0;
    (void)snprintf(text, sizeof text, "%.*s %s %.*s", S2S_FMT(from), event, S2S_FMT(to));
    while (i < seen.len && strcmp(seen.text[i], text) != 0)
        i++;
    if (i == seen.len && seen.len < SEEN_MAX)
        memcpy(seen.text[seen.len++], text, sizeof text);
}

static bool run_file(const char *path)
{
    uint8_t *data = malloc(INPUT_MAX);
    FILE *f = fopen(path, "rbe");
    if (!f || !data) {
        perror(path);
        free(data);
        return false;
    }
    size_t len = fread(data, 1, INPUT_MAX, f);
    (void)fclose(f);
    uint8_t *exact = malloc(len ? len : 1); /* so that a read behind the end is seen */
    if (!exact)
        abort();
    memcpy(exact, data, len);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
    seen.inputs++;
    return true;
}

static bool run_path(const char *path)
{
    char inside[4096];
    bool ok = true;
    DIR *dir = opendir(path);
    if (!dir)
        return run_file(path);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(inside, sizeof inside, "%s/%s", path, e->d_name);
        ok = run_path(inside) && ok;
    }
    (void)closedir(dir);
    return ok;
}

int main(int argc, char **argv)
{
    bool ok = true, transitions = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-t") == 0)
            transitions = true;
        else
            ok = run_path(argv[i]) && ok;
    }
    (void)printf("%zu inputs\n", seen.inputs);
    for (size_t i = 0; transitions && i < seen.len; i++)
        (void)printf("%s\n", seen.text[i]);
    return ok && seen.inputs > 0 ? 0 : 1;
}
