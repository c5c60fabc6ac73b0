/* SPDX-License-Identifier: MIT */
/* test_reverse.c: what a node's answers say of the other way. */
#include "probe/reverse.h"

#include <string.h>

#include <criterion/criterion.h>

#define IN                                                                                                             \
    "{\"remote\":\"r.example\",\"direction\":\"in\",\"tls\":\"TLS1.3\",\"trusted\":true,\"eku\":\"server\",\"chain\":" \
    "\"valid\","                                                                                                       \
    "\"mechanism\":\"external\"}"
#define OUT   "{\"remote\":\"r.example\",\"direction\":\"out\",\"tls\":\"TLS1.3\"}"
#define OTHER "{\"remote\":\"x.example\",\"direction\":\"in\",\"tls\":\"TLS1.2\"}"

static const struct {
    const char *name, *ping, *streams;
    bool ok;
    size_t in;
    const char *says;
} ROWS[] = {
    {"answered over its own stream", "{\"ok\":true}", IN "," OUT "," OTHER, true, 1,
     "r.example answers a ping; it connects to us with TLS1.3, its certificate is accepted as an initiator's (EKU "
     "server, chain "
     "valid), mechanism external"},
    {"answered over ours", "{\"ok\":true}", OUT, true, 0, "did not connect to us"},
    {"no answer", "{\"ok\":false,\"condition\":\"remote-server-timeout\",\"text\":\"no answer came\"}", OUT, false, 0,
     "r.example does not answer a ping through our node: remote-server-timeout: no answer came"},
    {"no answer, but it connected", "{\"ok\":false,\"condition\":\"x\"}", IN, false, 1,
     "does not answer a ping; it connects to us"},
};

Test(ctl_reverse, table)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        char text[2048];
        (void)snprintf(text, sizeof text, "{\"streams\":[%s]}", ROWS[i].streams);
        json_t *ping = json_loads(ROWS[i].ping, 0, NULL), *status = json_loads(text, 0, NULL);
        cr_assert_not_null(status, "%s", text);
        json_t *r = reverse_read("r.example", ping, status);
        cr_expect_eq(json_is_true(json_object_get(r, "ok")), ROWS[i].ok, "%s", ROWS[i].name);
        cr_expect_eq(json_array_size(json_object_get(r, "streams")), ROWS[i].in, "%s", ROWS[i].name);
        const char *says = json_string_value(json_object_get(r, "text"));
        cr_expect_not_null(strstr(says, ROWS[i].says), "%s: %s", ROWS[i].name, says);
        json_decref(r);
        json_decref(ping);
        json_decref(status);
    }
}
