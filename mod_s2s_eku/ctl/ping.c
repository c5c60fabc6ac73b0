/* SPDX-License-Identifier: MIT */
/* ping.c: `s2sctl ping DOMAIN`. */
#include <stdio.h>

#include "command.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void print(const json_t *answer)
{
    const char *text = text_of(answer, "text");
    if (json_is_true(json_object_get(answer, "ok"))) {
        (void)printf("%s answered %s in %lld ms\n", text_of(answer, "to"), text_of(answer, "from"),
                     (long long)json_integer_value(json_object_get(answer, "milliseconds")));
        return;
    }
    (void)printf("%s did not answer %s: %s%s%s\n", text_of(answer, "to"), text_of(answer, "from"),
                 text_of(answer, "condition"), *text ? ": " : "", text);
}

int command_ping(const ctl_options *options, const char *domain)
{
    return command_show(options, json_pack("{s:s, s:s, s:s*}", "command", "ping", "to", domain, "from", options->from), print);
}
