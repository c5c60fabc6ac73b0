/* SPDX-License-Identifier: MIT */
/* log.c: one line per event, and the rest of the environment. */
#include "log.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "protocol/xml/utf8.h"
#include "s2s/system.h"

enum { MS_PER_SECOND = 1000, TAIL_ROOM = 4 /* closing quote, brace, line end */ };

/* A line under construction. Once something did not fit, nothing more is added. */
typedef struct line {
    char *out;
    size_t len;
    bool full;
} line;

static bool put(line *l, const char *bytes, size_t len)
{
    if (l->full || l->len + len > LOG_LINE_MAX - TAIL_ROOM) {
        l->full = true;
        return false;
    }
    memcpy(l->out + l->len, bytes, len);
    l->len += len;
    return true;
}

static bool put_text(line *l, const char *text)
{
    return put(l, text, strlen(text));
}

/* For what must end the line: there is always room. */
static void put_tail(line *l, const char *text)
{
    size_t len = strlen(text);
    memcpy(l->out + l->len, text, len);
    l->len += len;
}

static void put_hex(line *l, bool json, unsigned char byte)
{
    static const char DIGITS[] = "0123456789abcdef";
    char hex[] = {'\\', 'x', DIGITS[byte >> 4], DIGITS[byte & 15]};
    char unicode[] = {'\\', 'u', '0', '0', DIGITS[byte >> 4], DIGITS[byte & 15]};
    if (json)
        put(l, unicode, sizeof unicode);
    else
        put(l, hex, sizeof hex);
}

/* How many bytes at the start of `s` are one UTF-8 character; 0 if they are none. */
static size_t character(s2s_str s)
{
    s2s__utf8 u = {0};
    size_t len = 0, good = 0;
    do {
        if (len == s.len || s2s__utf8_check(&u, (const uint8_t *)s.ptr + len, 1, &good) != UTF8_OK)
            return 0;
        len++;
    } while (u.need > 0);
    return len;
}

/* C0, DEL, and C1 (U+0080 to U+009F): terminals act on them. */
static bool is_control(s2s_str s, size_t len)
{
    unsigned char first = (unsigned char)s.ptr[0];
    return first < 0x20 || first == 0x7f || (len == 2 && first == 0xc2 && (unsigned char)s.ptr[1] < 0xa0);
}

static void put_escaped(line *l, bool json, s2s_str s)
{
    while (s.len > 0 && !l->full) {
        size_t len = character(s);
        if (s.ptr[0] == '"' || s.ptr[0] == '\\') {
            char pair[] = {'\\', s.ptr[0]};
            put(l, pair, sizeof pair);
        } else if (s.ptr[0] == '\n') {
            put_text(l, "\\n");
        } else if (len == 0 && s.ptr[0]) {
            if (json)
                put_text(l, "\\ufffd"); /* JSON holds characters, not bytes */
            else
                put_hex(l, false, (unsigned char)s.ptr[0]);
        } else if (is_control(s, len)) {
            put_hex(l, json, (unsigned char)s.ptr[len > 0 ? len - 1 : 0]); /* of C1, too, the last byte is the code */
        } else {
            put(l, s.ptr, len);
        }
        s.ptr += len > 0 ? len : 1;
        s.len -= len > 0 ? len : 1;
    }
}

static bool is_plain(s2s_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '"' || s.ptr[i] == '=' || s.ptr[i] == '\\')
            return false;
    }
    return s.len > 0;
}

static void put_field(line *l, bool json, const s2s_field *field)
{
    size_t before = l->len;
    if (json) {
        put_text(l, ",\"");
        put_escaped(l, true, s2s_str_of(field->key));
        put_text(l, "\":");
    } else {
        put_text(l, " ");
        put_text(l, field->key);
        put_text(l, "=");
        if (is_plain(field->value)) {
            if (!put(l, field->value.ptr, field->value.len))
                l->len = before;
            return;
        }
    }
    if (!put_text(l, "\"")) {
        l->len = before; /* not even the start of the value fits: leave the field out */
        return;
    }
    put_escaped(l, json, field->value);
    put_tail(l, "\"");
}

static void put_time(line *l, int64_t wall_ms)
{
    char text[64];
    struct tm tm = {0};
    time_t seconds = (time_t)(wall_ms / MS_PER_SECOND);
    gmtime_r(&seconds, &tm);
    size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(text + len, sizeof text - len, ".%03dZ", (int)(wall_ms % MS_PER_SECOND));
    put_text(l, text);
}

size_t log_format(char out[LOG_LINE_MAX], bool json, int64_t wall_ms, s2s_level level, const char *message,
                  const s2s_field *fields, size_t count)
{
    line l = {.out = out};
    put_text(&l, json ? "{\"time\":\"" : "");
    put_time(&l, wall_ms);
    put_text(&l, json ? "\",\"level\":\"" : " ");
    put_text(&l, s2s_level_name(level));
    put_text(&l, json ? "\",\"message\":\"" : " ");
    if (json)
        put_escaped(&l, true, s2s_str_of(message));
    else
        put_text(&l, message);
    if (json)
        put_tail(&l, "\"");
    for (size_t i = 0; i < count && !l.full; i++)
        put_field(&l, json, &fields[i]);
    put_tail(&l, json ? "}\n" : "\n");
    return l.len;
}

/* Is it the journal's socket that `file` writes to? (systemd.exec(5), $JOURNAL_STREAM) */
static bool is_journal(FILE *file)
{
    struct stat st;
    char is[64];
    const char *want = getenv("JOURNAL_STREAM");
    if (!want || fstat(fileno(file), &st) != 0)
        return false;
    (void)snprintf(is, sizeof is, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(is, want) == 0;
}

static const char *priority(s2s_level level)
{
    switch (level) {
    case S2S_LOG_DEBUG: return "<7>";
    case S2S_LOG_INFO: return "<6>";
    case S2S_LOG_WARN: return "<4>";
    case S2S_LOG_ERROR: return "<3>";
    }
    return "<6>";
}

static void write_line(void *user, s2s_level level, const char *message, const s2s_field *fields, size_t count)
{
    log_sink *sink = user;
    char text[LOG_LINE_MAX];
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t wall_ms = (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / 1000000;
    size_t len = log_format(text, sink->json, wall_ms, level, message, fields, count);
    flockfile(sink->file); /* several workers write */
    /* A log that cannot be written is no reason to stop. */
    if (sink->journal)
        (void)fputs(priority(level), sink->file);
    (void)fwrite(text, 1, len, sink->file);
    (void)fflush(sink->file);
    funlockfile(sink->file);
}

void log_env_init(s2s_env *env, log_sink *sink)
{
    static const s2s_env_ops OPS = {S2S_ENV_ABI, s2s_system_resize, s2s_system_random, write_line, s2s_system_sha256};
    sink->journal = is_journal(sink->file);
    s2s_env_init(env, &OPS, sink);
}
