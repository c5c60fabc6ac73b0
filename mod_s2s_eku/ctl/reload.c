/* SPDX-License-Identifier: MIT */
/* reload.c: `s2sctl reload`. */
#include <stdio.h>

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

int command_reload(const ctl_options *options, const char *domain)
{
    (void)domain;
    return command_show(options, json_pack("{s:s}", "command", "reload"), print);
}
