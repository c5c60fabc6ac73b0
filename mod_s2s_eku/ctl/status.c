/* SPDX-License-Identifier: MIT */
/* status.c: `s2sctl status`: the node, its components, and a block for each stream. */
#include <stdio.h>
#include <time.h>

#include "command.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* "-" for what is null or not there. */
static const char *word(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? text : "-";
}

static long long number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static const char *yes_no(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

static void print_duration(long long seconds)
{
    if (seconds >= DAY)
        (void)printf("%lldd %lldh", seconds / DAY, seconds % DAY / HOUR);
    else if (seconds >= HOUR)
        (void)printf("%lldh %lldm", seconds / HOUR, seconds % HOUR / MINUTE);
    else if (seconds >= MINUTE)
        (void)printf("%lldm %llds", seconds / MINUTE, seconds % MINUTE);
    else
        (void)printf("%llds", seconds);
}

static void print_expiry(const json_t *stream)
{
    char text[32];
    struct tm tm;
    time_t when = (time_t)number(stream, "expires");
    if (when > 0 && gmtime_r(&when, &tm) && strftime(text, sizeof text, "%Y-%m-%d", &tm) > 0)
        (void)printf(", expires %s", text);
}

static void print_verdict(const json_t *stream)
{
    const json_t *purpose = json_object_get(stream, "purpose"), *would = json_object_get(stream, "would");
    (void)printf("  %-12s trusted: %s, chain: %s, identity: %s, eku: %s", "certificate", yes_no(stream, "trusted"),
                 word(stream, "chain"), word(stream, "identity"), word(stream, "eku"));
    print_expiry(stream);
    (void)printf("\n");
    if (!json_is_object(purpose))
        return; /* not judged yet */
    (void)printf("  %-12s %s, TLSA records: %s\n", "proof", word(stream, "proof"), word(stream, "dane"));
    (void)printf("  %-12s server: %s, client: %s\n", "purpose", yes_no(purpose, "server"), yes_no(purpose, "client"));
    (void)printf("  %-12s tolerant: %s, strict: %s\n", "would", word(would, "tolerant"), word(would, "strict"));
    if (json_is_string(json_object_get(stream, "reason")))
        (void)printf("  %-12s %s\n", "reason", word(stream, "reason"));
}

static void print_stream(const json_t *stream)
{
    const char *direction = word(stream, "direction");
    (void)printf("\n%s  %s %s %s  (%s, ", word(stream, "id"), word(stream, "local"), *direction == 'o' ? "->" : "<-",
                 word(stream, "remote"), word(stream, "state"));
    print_duration(number(stream, "since_seconds"));
    (void)printf(")\n");
    (void)printf("  %-12s %s", "address", word(stream, "address"));
    if (json_is_string(json_object_get(stream, "target")))
        (void)printf(" (%s)", word(stream, "target"));
    (void)printf("\n  %-12s %s, %s, %s\n", "tls", word(stream, "tls"), word(stream, "cipher"), word(stream, "starts"));
    (void)printf("  %-12s %s%s\n", "mechanism", word(stream, "mechanism"),
                 json_is_true(json_object_get(stream, "bidi")) ? ", both directions" : "");
    print_verdict(stream);
    if (json_is_true(json_object_get(stream, "slowed")))
        (void)printf("  %-12s slowed down: the remote domain has reached limits.rate_bytes\n", "rate");
    (void)printf("  %-12s in: %lld, out: %lld, queued: %lld\n", "stanzas", number(stream, "stanzas_in"),
                 number(stream, "stanzas_out"), number(stream, "queued"));
}

static void print(const json_t *answer)
{
    size_t i;
    json_t *item;
    const json_t *streams = json_object_get(answer, "streams");
    (void)printf("s2sd %s, up ", word(answer, "version"));
    print_duration(number(answer, "uptime"));
    (void)printf("\ndomains:");
    json_array_foreach(json_object_get(answer, "domains"), i, item)
        (void)printf(" %s", json_string_value(item));
    (void)printf("\n");
    json_array_foreach(json_object_get(answer, "components"), i, item)
        (void)printf("component: %s (%s)\n", word(item, "domain"),
                     json_is_true(json_object_get(item, "attached")) ? "attached" : "not attached");
    if (number(answer, "dropped") > 0)
        (void)printf("dropped: %lld errors and results that could not be sent\n", number(answer, "dropped"));
    (void)printf("streams: %zu\n", json_array_size(streams));
    json_array_foreach(streams, i, item)
        print_stream(item);
}

int command_status(const ctl_options *options, const char *domain)
{
    (void)domain;
    return command_show(options, json_pack("{s:s}", "command", "status"), print);
}
