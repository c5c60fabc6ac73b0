/* SPDX-License-Identifier: MIT */
/* replay.c: runs a fuzz target over the files of a directory, each whole and cut short at every length up to CUT_MAX: for
 * compilers without libFuzzer, and for `make test`. */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20, CUT_MAX = 2048, PATH_ROOM = 4096 };

static uint8_t input[INPUT_MAX];

/* A copy of its own size, so that a sanitizer sees the first octet too far. */
static void run(size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, input, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static size_t run_file(const char *path)
{
    FILE *f = fopen(path, "re");
    FUZZ_CHECK(f != NULL);
    size_t size = fread(input, 1, sizeof input, f);
    (void)fclose(f);
    run(size);
    for (size_t cut = 0; cut < size && cut < CUT_MAX; cut++)
        run(cut);
    return size;
}

int main(int argc, char **argv)
{
    size_t files = 0;
    FUZZ_CHECK(argc == 2);
    DIR *dir = opendir(argv[1]);
    FUZZ_CHECK(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[PATH_ROOM];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name);
        (void)run_file(path);
        files++;
    }
    (void)closedir(dir);
    FUZZ_CHECK(files > 0);
    (void)printf("%zu files\n", files);
    return 0;
}
