/* SPDX-License-Identifier: MIT */
/* starve.c: malloc, calloc and realloc of the program. GMP, which ends the process when memory is out, is spared: that it does so is
 * GnuTLS's to know. */
#include "support/starve.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 60 }; /* of one scenario, where not all are asked for */

static __thread struct {
    bool on, once, failed;
    size_t left;
} hunger;

void starve_begin(size_t left, bool once)
{
    hunger.left = left;
    hunger.once = once;
    hunger.failed = false;
    hunger.on = true;
}

bool starve_end(void)
{
    hunger.on = false;
    return hunger.failed;
}

size_t starve_step(size_t total)
{
    const char *all = getenv("S2S_STARVE");
    return (all && strcmp(all, "all") == 0) || total < RUNS ? 1 : total / RUNS;
}

static bool spared(const void *caller)
{
    Dl_info info;
    bool before = hunger.on, spare;
    hunger.on = false; /* dladdr may allocate */
    spare = dladdr(caller, &info) != 0 && info.dli_fname && strstr(info.dli_fname, "libgmp");
    hunger.on = before;
    return spare;
}

static bool fails(const void *caller)
{
    if (!hunger.on)
        return false;
    if (hunger.left > 0) {
        hunger.left--;
        return false;
    }
    if (spared(caller))
        return false;
    hunger.on = !hunger.once;
    hunger.failed = true;
    errno = ENOMEM;
    return true;
}

typedef void *one_size(size_t size);
typedef void *two_sizes(size_t count, size_t size);
typedef void *with_old(void *old, size_t size);

/* ISO C has no conversion from what dlsym returns. */
static void next_of(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, size);
}

void *malloc(size_t size)
{
    static one_size *next;
    if (!next)
        next_of("malloc", &next, sizeof next);
    return fails(__builtin_return_address(0)) ? NULL : next(size);
}

void *calloc(size_t count, size_t size)
{
    static two_sizes *next;
    if (!next)
        next_of("calloc", &next, sizeof next);
    return fails(__builtin_return_address(0)) ? NULL : next(count, size);
}

void *realloc(void *old, size_t size)
{
    static with_old *next;
    if (!next)
        next_of("realloc", &next, sizeof next);
    return fails(__builtin_return_address(0)) ? NULL : next(old, size);
}
