/* SPDX-License-Identifier: MIT */
/* peers.c: `s2sctl peers` and `s2sctl census`: a row for each remote domain and direction. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "table.h"

enum { TIME_ROOM = 32, NUMBER_ROOM = 24, PURPOSE_ROOM = 24 };

static const char *word(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static const char *when(const json_t *object, const char *key, char out[TIME_ROOM])
{
    struct tm tm;
    time_t at = (time_t)json_integer_value(json_object_get(object, key));
    if (at <= 0 || !gmtime_r(&at, &tm) || strftime(out, TIME_ROOM, "%Y-%m-%d %H:%M", &tm) == 0)
        return NULL;
    return out;
}

static const char *number(const json_t *object, const char *key, char out[NUMBER_ROOM])
{
    (void)snprintf(out, NUMBER_ROOM, "%lld", (long long)json_integer_value(json_object_get(object, key)));
    return out;
}

static const char *trusted(const json_t *row)
{
    if (!word(row, "chain"))
        return NULL;
    return json_is_true(json_object_get(row, "trusted")) ? "yes" : "no";
}

/* What the whole path permits. */
static const char *purpose(const json_t *row, char out[PURPOSE_ROOM])
{
    const json_t *p = json_object_get(row, "purpose");
    bool server = json_is_true(json_object_get(p, "server")), client = json_is_true(json_object_get(p, "client"));
    if (!json_is_object(p))
        return NULL;
    (void)snprintf(out, PURPOSE_ROOM, "%s%s%s%s", server ? "server" : "", server && client ? "+" : "",
                   client ? "client" : "", !server && !client ? "none" : "");
    return out;
}

/* The peer's refusal of our certificate before our own reason: that is what nobody sees otherwise. */
static const char *failure(const json_t *row)
{
    const json_t *f = json_object_get(row, "failure");
    const char *cause = word(f, "cause"), *text = word(f, "text"), *condition = word(f, "condition");
    return cause ? cause : text ? text : condition;
}

static void print_peers(const json_t *answer)
{
    static const char *const HEADS[] = {"REMOTE", "WAY",  "STREAMS",  "MECHANISM", "TRUSTED", "CHAIN",
                                        "IDENTITY", "EKU", "IN", "OUT", "SEEN", NULL};
    char streams[NUMBER_ROOM], in[NUMBER_ROOM], out[NUMBER_ROOM], seen[TIME_ROOM];
    const json_t *list = json_object_get(answer, "peers");
    json_t *row;
    size_t i;
    table *t = table_new(HEADS);
    json_array_foreach(list, i, row) {
        const char *cells[] = {word(row, "remote"), word(row, "direction"), number(row, "streams", streams),
                               word(row, "mechanism"), trusted(row), word(row, "chain"), word(row, "identity"),
                               word(row, "eku"), number(row, "stanzas_in", in), number(row, "stanzas_out", out),
                               when(row, "last_seen", seen)};
        table_add(t, cells);
    }
    table_print(t);
    json_array_foreach(list, i, row) {
        if (!json_is_true(json_object_get(row, "connected")) && failure(row))
            (void)printf("\n%s %s: %s\n", word(row, "remote"), word(row, "direction"), failure(row));
        if (json_is_true(json_object_get(row, "slowed")))
            (void)printf("\n%s %s: slowed down: it has reached limits.rate_bytes\n", word(row, "remote"),
                         word(row, "direction"));
    }
}

static void print_cut_off(const json_t *summary, const char *mode)
{
    long long count = (long long)json_integer_value(json_object_get(json_object_get(summary, "cut_off"), mode));
    if (count > 0)
        (void)printf("Cut off by \"%s\": %lld\n", mode, count);
}

static void print_census(const json_t *answer)
{
    static const char *const HEADS[] = {"REMOTE", "WAY", "EKU", "PURPOSE", "CHAIN", "MECHANISM",
                                        "MODE", "TOLERANT", "STRICT", "CUT OFF", "SEEN", NULL};
    const json_t *summary = json_object_get(answer, "summary");
    char may[PURPOSE_ROOM], seen[TIME_ROOM];
    json_t *row;
    size_t i;
    table *t = table_new(HEADS);
    json_array_foreach(json_object_get(answer, "remotes"), i, row) {
        const json_t *would = json_object_get(row, "would");
        bool cut = json_is_true(json_object_get(row, "cut_off"));
        bool strict = strcmp(word(row, "mode") ? word(row, "mode") : "", "strict") == 0;
        const char *cells[] = {word(row, "remote"), word(row, "direction"), word(row, "eku"), purpose(row, may),
                               word(row, "chain"), word(row, "mechanism"), word(row, "mode"), word(would, "tolerant"),
                               word(would, "strict"), cut ? strict ? "by tolerant" : "by strict" : "no",
                               when(row, "last_seen", seen)};
        table_add(t, cells);
    }
    table_print(t);
    (void)printf("\nRemote domains: %lld, accepted: %lld, refused: %lld, proved by dialback: %lld, refuse our certificate: "
                 "%lld\n", (long long)json_integer_value(json_object_get(summary, "remotes")),
                 (long long)json_integer_value(json_object_get(summary, "accepted")),
                 (long long)json_integer_value(json_object_get(summary, "refused")),
                 (long long)json_integer_value(json_object_get(summary, "dialback")),
                 (long long)json_integer_value(json_object_get(summary, "peer_refused")));
    print_cut_off(summary, "strict");
    print_cut_off(summary, "tolerant");
}

int command_peers(const ctl_options *options, const char *domain)
{
    (void)domain;
    return command_show(options, json_pack("{s:s}", "command", "peers"), print_peers);
}

int command_census(const ctl_options *options, const char *domain)
{
    (void)domain;
    return command_show(options, json_pack("{s:s}", "command", "census"), print_census);
}
