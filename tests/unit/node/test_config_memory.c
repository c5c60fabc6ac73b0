/* SPDX-License-Identifier: MIT */
/* test_config_memory.c: each allocation fails once. The linker puts the functions here in place of the C library's. */
#include <errno.h>
#include <stdarg.h>

#include "config_rows.h"

TestSuite(config_memory, .init = config_fixture_make, .fini = config_fixture_remove);

void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t len);
int __wrap_asprintf(char **out, const char *format, ...) S2S_PRINTF(2, 3);

static struct {
    bool on;
    size_t left; /* allocations that still succeed */
} memory;

static bool fails(void)
{
    if (!memory.on || memory.left-- > 0)
        return false;
    memory.on = false; /* just this one */
    errno = ENOMEM;
    return true;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

int __wrap_asprintf(char **out, const char *format, ...)
{
    if (fails())
        return -1;
    va_list args;
    va_start(args, format);
    int n = vasprintf(out, format, args);
    va_end(args);
    return n;
}

static const char good[] =
    DOMAINS
    "listen: [address: \"[::]:5269\"]\n"
    "components: {listen: 'unix:c', accounts: [{domain: c.A.example, secret_file: chat.secret}]}\n"
    "trust: {ca_files: [ca.pem]}\n"
    "policy: {eku: strict, remotes: [{match: \"*.b\", eku: tolerant}]}\n"
    "routes: [{match: '*', address: '127.0.0.1:1'}]\n"
    "dns: {servers: [\"::1@53\"], trust_anchors: [anchors]}\n"
    "limits: {retry_ms: 0}\n"
    "control: c.sock\n";

/* True if the allocation after `left` others was asked for, and so failed. */
static bool load_with(size_t left)
{
    config *c = NULL;
    char *errors = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&errors, &len);
    cr_assert_not_null(f);
    memory.left = left;
    memory.on = true;
    s2s_err err = config_load_text("s2sd.yaml", s2s_str_of(good), f, &c);
    bool failed = !memory.on;
    memory.on = false;
    fclose(f);
    cr_expect_eq(err, failed ? S2S_E_NOMEM : S2S_OK, "after %zu: %d", left, (int)err);
    cr_expect_str_eq(errors, failed ? "s2sd.yaml: out of memory\n" : "", "after %zu: %s", left, errors);
    cr_expect_eq(c != NULL, !failed);
    config_free(c);
    free(errors);
    return failed;
}

Test(config_memory, says_so_when_there_is_none)
{
    enum { PLENTY = 10000, FEW = 50 };
    size_t left = 0;
    while (left < PLENTY && load_with(left))
        left++;
    cr_expect_gt(left, (size_t)FEW, "not even %zu allocations: nothing was replaced", left);
    cr_expect_lt(left, (size_t)PLENTY);
}
