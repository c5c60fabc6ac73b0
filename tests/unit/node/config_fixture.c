/* SPDX-License-Identifier: MIT */
/* config_fixture.c: files for the configuration's tests. */
#include "config_fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/config_tree.h"

void config_fixture_write(const char *name, const void *bytes, size_t len)
{
    FILE *f = fopen(name, "wb");
    cr_assert_not_null(f, "%s", name);
    cr_assert_eq(fwrite(bytes, 1, len, f), len);
    cr_assert_eq(fclose(f), 0);
}

void config_fixture_make(void)
{
    static const char *const pem[] = {"a.pem", "a.key", "b.pem", "b.key", "ca.pem", "anchors"};
    char template[] = "/tmp/s2sd-config-XXXXXX";
    cr_assert_not_null(mkdtemp(template));
    cr_assert_eq(chdir(template), 0);
    for (size_t i = 0; i < sizeof pem / sizeof *pem; i++)
        config_fixture_write(pem[i], "-\n", 2);

    char longer[CONFIG_SECRET_MAX + 1];
    memset(longer, 'x', sizeof longer);
    config_fixture_write("chat.secret", " \thush \r\nsecond line\n", 21);
    config_fixture_write("empty.secret", "\nsecond line\n", 13);
    config_fixture_write("long.secret", longer, sizeof longer);
    config_fixture_write("longest.secret", longer, sizeof longer - 1);
    config_fixture_write("binary.secret", "a\0b", 3);
    config_fixture_write("latin.secret", "\xfc\n", 2);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void config_fixture_remove(void)
{
    char here[4096];
    cr_assert_not_null(getcwd(here, sizeof here));
    cr_assert_eq(strncmp(here, "/tmp/s2sd-config-", 17), 0);
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(nftw(here, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static char *without_directory(char *text)
{
    char here[4096], *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    cr_assert_not_null(f);
    cr_assert_not_null(getcwd(here, sizeof here));
    const char *from = text, *at;
    while ((at = strstr(from, here))) {
        fprintf(f, "%.*sDIR", (int)(at - from), from);
        from = at + strlen(here);
    }
    fputs(from, f);
    fclose(f);
    free(text);
    return out;
}

static char *problems(const char *file, const s2s_str *text, config **out)
{
    char *errors = NULL;
    size_t len = 0;
    config *c = NULL;
    FILE *f = open_memstream(&errors, &len);
    cr_assert_not_null(f);
    s2s_err err = text ? config_load_text(file, *text, f, &c) : config_load(file, f, &c);
    fclose(f);
    cr_expect_eq(err, len == 0 ? S2S_OK : S2S_E_INVAL, "%d", (int)err);
    cr_expect_eq(c != NULL, err == S2S_OK);
    if (out)
        *out = c;
    else
        config_free(c);
    return without_directory(errors);
}

char *config_fixture_problems(s2s_str text, config **out)
{
    return problems("s2sd.yaml", &text, out);
}

char *config_fixture_file_problems(const char *file, config **out)
{
    return problems(file, NULL, out);
}

s2s_err config_fixture_load(s2s_str text)
{
    config *c = NULL;
    FILE *f = fopen("/dev/null", "w");
    cr_assert_not_null(f);
    s2s_err err = config_load_text("s2sd.yaml", text, f, &c);
    fclose(f);
    config_free(c);
    return err;
}

char *config_fixture_source(const char *path)
{
    char *name = NULL, *out = NULL;
    size_t len = 0;
    cr_assert_gt(asprintf(&name, "%s/%s", S2S_SOURCE_DIR, path), 0);
    FILE *in = fopen(name, "r"), *f = open_memstream(&out, &len);
    cr_assert_not_null(in, "%s", name);
    for (int c; (c = getc(in)) != EOF;)
        putc(c, f);
    fclose(in);
    fclose(f);
    free(name);
    return out;
}
