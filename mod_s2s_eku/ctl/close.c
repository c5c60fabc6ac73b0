/* SPDX-License-Identifier: MIT */
/* close.c: `s2sctl close DOMAIN`. */
#include <stdio.h>

#include "client.h"
#include "command.h"

int command_close(const ctl_options *options, const char *domain)
{
    json_t *answer = client_ask(options->control, json_pack("{s:s, s:s}", "command", "close", "remote", domain));
    if (!answer)
        return CTL_USAGE;
    long long closed = (long long)json_integer_value(json_object_get(answer, "closed"));
    if (options->json)
        command_print_json(answer);
    else
        (void)printf("%lld stream%s with %s closed\n", closed, closed == 1 ? "" : "s", domain);
    json_decref(answer);
    return closed > 0 ? CTL_GOOD : CTL_NEGATIVE;
}
