/* SPDX-License-Identifier: MIT */
/* test_log.c: a log line is one line, whatever a peer puts into it. */
#include "node/log.h"

#include <sys/stat.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

#define WALL_MS 1795428000123 /* 2026-11-23T10:00:00.123Z */
#define TEXT_HEAD "2026-11-23T10:00:00.123Z info event k="
#define JSON_HEAD "{\"time\":\"2026-11-23T10:00:00.123Z\",\"level\":\"info\",\"message\":\"event\",\"k\":"

static const struct {
    const char *name;
    s2s_str value;
    const char *text, *json;
} ROWS[] = {
    {"plain", S2S_STR("a.example"), "a.example", "\"a.example\""},
    {"empty", S2S_STR(""), "\"\"", "\"\""},
    {"absent", S2S_STR_ABSENT, "\"\"", "\"\""},
    {"space", S2S_STR("a b"), "\"a b\"", "\"a b\""},
    {"quote", S2S_STR("a\"b"), "\"a\\\"b\"", "\"a\\\"b\""},
    {"backslash", S2S_STR("a\\b"), "\"a\\\\b\"", "\"a\\\\b\""},
    {"equals", S2S_STR("a=b"), "\"a=b\"", "\"a=b\""},
    {"line end", S2S_STR("a\nb"), "\"a\\nb\"", "\"a\\nb\""},
    {"escape", S2S_STR("a\x1b[31m"), "\"a\\x1b[31m\"", "\"a\\u001b[31m\""},
    {"NUL", S2S_STR("a\0b"), "\"a\\x00b\"", "\"a\\u0000b\""},
    {"DEL", S2S_STR("\x7f"), "\"\\x7f\"", "\"\\u007f\""},
    {"C1", S2S_STR("\xc2\x9b" "31m"), "\"\\x9b31m\"", "\"\\u009b31m\""},
    {"UTF-8", S2S_STR("b\xc3\xbc" "cher"), "\"b\xc3\xbc" "cher\"", "\"b\xc3\xbc" "cher\""},
    {"not UTF-8", S2S_STR("a\xff" "b"), "\"a\\xffb\"", "\"a\\ufffdb\""},
    {"cut UTF-8", S2S_STR("a\xc3"), "\"a\\xc3\"", "\"a\\ufffd\""},
    {"overlong UTF-8", S2S_STR("\xc0\x80"), "\"\\xc0\\x80\"", "\"\\ufffd\\ufffd\""},
};

static void check(const char *name, bool json, s2s_str value, const char *head, const char *want, const char *tail)
{
    char line[LOG_LINE_MAX], expected[512];
    s2s_field field = {"k", value};
    size_t len = log_format(line, json, WALL_MS, S2S_LOG_INFO, "event", &field, 1);
    (void)snprintf(expected, sizeof expected, "%s%s%s", head, want, tail);
    cr_expect(len == strlen(expected) && memcmp(line, expected, len) == 0, "%s: %.*s", name, (int)len, line);
}

Test(log, values_are_quoted_and_escaped)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        check(ROWS[i].name, false, ROWS[i].value, TEXT_HEAD, ROWS[i].text, "\n");
        check(ROWS[i].name, true, ROWS[i].value, JSON_HEAD, ROWS[i].json, "}\n");
    }
}

/* A value of `len` bytes of each kind; the line must end well at any length. */
static void check_long(bool json, char byte, size_t len)
{
    static char value[2 * LOG_LINE_MAX];
    char *line = malloc(LOG_LINE_MAX); /* of its own, so that the sanitizer sees a byte too many */
    cr_assert_not_null(line);
    memset(value, byte, len);
    s2s_field fields[] = {{"a", {value, len}}, {"b", S2S_STR("c")}, {"d", S2S_STR("e f")}};
    size_t n = log_format(line, json, WALL_MS, S2S_LOG_INFO, "event", fields, 3);
    cr_assert_leq(n, LOG_LINE_MAX);
    cr_assert_eq(line[n - 1], '\n');
    if (json) {
        json_t *object = json_loadb(line, n, JSON_ALLOW_NUL, NULL);
        cr_expect(object, "not JSON with a value of %zu times 0x%02x", len, (unsigned char)byte);
        json_decref(object);
    }
    free(line);
}

Test(log, long_values_are_cut_and_the_line_still_ends)
{
    for (size_t i = 0; i < 200; i++) {
        static const char BYTES[] = {'x', '"', ' ', '\x01', '\xff'};
        for (size_t b = 0; b < sizeof BYTES; b++) {
            check_long(false, BYTES[b], LOG_LINE_MAX - i);
            check_long(true, BYTES[b], LOG_LINE_MAX - i);
            check_long(true, BYTES[b], (LOG_LINE_MAX - i) / 6);
        }
    }
}

Test(log, environment_gives_memory_and_entropy)
{
    s2s_env env;
    log_sink sink = {.file = stderr};
    log_env_init(&env, &sink);
    uint8_t a[32] = {0}, b[32] = {0};
    cr_expect_eq(env.ops->random(env.user, a, sizeof a), S2S_OK);
    cr_expect_eq(env.ops->random(env.user, b, sizeof b), S2S_OK);
    cr_expect_neq(memcmp(a, b, sizeof a), 0);
    void *p = env.ops->resize(env.user, NULL, 10);
    cr_expect_not_null(p);
    cr_expect_null(env.ops->resize(env.user, p, 0));
}

/* systemd.exec(5): $JOURNAL_STREAM names the device and inode of what standard error is, if that is the journal. */
Test(log, priorities_for_the_journal_and_nobody_else)
{
    static const struct {
        bool journal;
        const char *start;
    } WAYS[] = {{true, "<4>"}, {false, "2"}};
    for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
        s2s_env env;
        struct stat st;
        char is[64], line[256] = "";
        FILE *file = tmpfile();
        cr_assert(file && fstat(fileno(file), &st) == 0);
        (void)snprintf(is, sizeof is, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + !WAYS[i].journal);
        cr_assert_eq(setenv("JOURNAL_STREAM", is, 1), 0);
        log_sink sink = {.file = file};
        log_env_init(&env, &sink);
        env.ops->log(env.user, S2S_LOG_WARN, "a warning", NULL, 0);
        rewind(file);
        cr_assert_not_null(fgets(line, sizeof line, file));
        cr_expect_eq(strncmp(line, WAYS[i].start, strlen(WAYS[i].start)), 0, "%s", line);
        (void)fclose(file);
    }
}
