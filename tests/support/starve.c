/* SPDX-License-Identifier: MIT */
/* starve.c: malloc, calloc and realloc of the program and of the libraries that it calls. Four are spared: GMP and libuv
 * end the process when memory is out, libtasn1 writes through what it did not get, and what the C library allocates may be for it (strdup). */
#include "support/starve.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Seen by the libraries, too, whatever the program is compiled with; and called before a sanitizer is there. */
#define PLAIN __attribute__((no_sanitize("address", "undefined")))
#define BEFORE_ALL PLAIN __attribute__((visibility("default")))

enum {
    RUNS = 60,     /* of one scenario, where not all are asked for */
    PLACES = 4096, /* that are remembered */
};

static __thread struct {
    bool on, once, failed, spare;
    size_t left;
} hunger;

typedef void set_memory(void *(*alloc)(size_t), void *(*resize)(void *, size_t, size_t), void (*release)(void *, size_t));

static void *never_fails(size_t size)
{
    bool before = starve_spare(true);
    void *got = malloc(size);
    (void)starve_spare(before);
    return got;
}

static void *never_fails_with_old(void *old, size_t size, size_t new_size)
{
    (void)size;
    bool before = starve_spare(true);
    void *got = realloc(old, new_size);
    (void)starve_spare(before);
    return got;
}

static void release(void *ptr, size_t size)
{
    (void)size;
    free(ptr);
}

/* GnuTLS gives GMP functions of its own, which end the process: it may have others. */
static void feed_gmp(void)
{
    set_memory *set;
    void *found = dlsym(RTLD_DEFAULT, "__gmp_set_memory_functions");
    memcpy(&set, &found, sizeof set);
    if (set)
        set(never_fails, never_fails_with_old, release);
}

void starve_begin(size_t left, bool once)
{
    feed_gmp();
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

size_t starve_left(void)
{
    return hunger.left;
}

bool starve_spare(bool spare)
{
    bool before = hunger.spare;
    hunger.spare = spare;
    return before;
}

size_t starve_step(size_t total)
{
    const char *all = getenv("S2S_STARVE");
    return (all && strcmp(all, "all") == 0) || total < RUNS ? 1 : total / RUNS;
}

/* dladdr costs more than all else here, and a program calls from few places. */
PLAIN static bool spared(const void *caller)
{
    static const char *const LIBRARIES[] = {"libgmp", "libtasn1", "libuv", "libc.so"};
    static __thread struct {
        const void *caller;
        bool spare;
    } known[PLACES];
    size_t place = ((uintptr_t)caller >> 2) % PLACES;
    Dl_info info;
    if (known[place].caller == caller)
        return known[place].spare;
    bool before = hunger.on, spare = false;
    hunger.on = false; /* dladdr may allocate */
    if (dladdr(caller, &info) != 0 && info.dli_fname) {
        for (size_t i = 0; i < sizeof LIBRARIES / sizeof *LIBRARIES; i++)
            spare = spare || strstr(info.dli_fname, LIBRARIES[i]);
    }
    hunger.on = before;
    known[place].caller = caller;
    known[place].spare = spare;
    return spare;
}

PLAIN static bool next_fails(void)
{
    if (hunger.left > 0) {
        hunger.left--;
        return false;
    }
    hunger.on = !hunger.once;
    hunger.failed = true;
    return true;
}

bool starve_one(void)
{
    return hunger.on && !hunger.spare && next_fails();
}

PLAIN static bool fails(const void *caller)
{
    if (!hunger.on || hunger.spare || spared(caller) || !next_fails())
        return false;
    errno = ENOMEM;
    return true;
}

typedef void *one_size(size_t size);
typedef void *two_sizes(size_t count, size_t size);
typedef void *with_old(void *old, size_t size);

/* ISO C has no conversion from what dlsym returns. */
PLAIN static void next_of(const char *name, void *function, size_t size)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, size);
}

BEFORE_ALL void *malloc(size_t size)
{
    static one_size *next;
    if (!next)
        next_of("malloc", &next, sizeof next);
    return fails(__builtin_return_address(0)) ? NULL : next(size);
}

BEFORE_ALL void *calloc(size_t count, size_t size)
{
    static two_sizes *next;
    if (!next)
        next_of("calloc", &next, sizeof next);
    return fails(__builtin_return_address(0)) ? NULL : next(count, size);
}

BEFORE_ALL void *realloc(void *old, size_t size)
{
    static with_old *next;
    if (!next)
        next_of("realloc", &next, sizeof next);
    return fails(__builtin_return_address(0)) ? NULL : next(old, size);
}
