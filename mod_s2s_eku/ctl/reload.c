/* SPDX-License-Identifier: MIT */
/* reload.c: `s2sctl reload`. */
#include <stdio.h>

#include "client.h"
#include "command.h"

static void print(const json_t *answer)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(answer, "problems"), i, item)
        (void)printf("%s\n", json_string_value(item));
    json_array_foreach(json_object_get(answer, "restart"), i, item)
        (void)printf("%s has changed, which needs a restart\n", json_string_value(item));
    (void)printf("%s\n", json_is_true(json_object_get(answer, "ok"))
                             ? "reloaded"
                             : "not reloaded, or not all of it: what was in force stays in force");
}

int command_reload(const ctl_options *options, int count, char **args)
{
    (void)args;
    if (count > 0) {
        (void)fprintf(stderr, "s2sctl: reload takes no arguments\n");
        return CTL_USAGE;
    }
    json_t *answer = client_ask(options->control, json_pack("{s:s}", "command", "reload"));
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
