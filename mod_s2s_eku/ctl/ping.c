/* SPDX-License-Identifier: MIT */
/* ping.c: `s2sctl ping DOMAIN`. */
#include <stdio.h>

#include "client.h"
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

int command_ping(const ctl_options *options, int count, char **args)
{
    if (count != 1) {
        (void)fprintf(stderr, "s2sctl: ping takes one domain\n");
        return CTL_USAGE;
    }
    json_t *request = json_pack("{s:s, s:s, s:s*}", "command", "ping", "to", args[0], "from", options->from);
    json_t *answer = client_ask(options->control, request);
    if (!answer)
        return CTL_USAGE;
    int status = json_is_true(json_object_get(answer, "ok")) ? CTL_GOOD : CTL_NEGATIVE;
    if (options->json)
        command_print_json(answer);
    else
        print(answer);
    json_decref(answer);
    return status;
}
