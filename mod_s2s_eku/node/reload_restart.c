/* SPDX-License-Identifier: MIT */
/* reload_restart.c: sockets, resolver and limits are made once; a change is told of, not half done. */
#include "reload_restart.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_texts(char *const *a, size_t a_len, char *const *b, size_t b_len)
{
    for (size_t i = 0; i < a_len && a_len == b_len; i++) {
        if (strcmp(a[i], b[i]) != 0)
            return false;
    }
    return a_len == b_len;
}

static bool same_listen(const config *a, const config *b)
{
    for (size_t i = 0; i < a->listen_len && a->listen_len == b->listen_len; i++) {
        if (strcmp(a->listen[i].address, b->listen[i].address) != 0 || a->listen[i].tls != b->listen[i].tls)
            return false;
    }
    return a->listen_len == b->listen_len;
}

/* The rate goes with what is put in place (s2s_setup_limit_rate). */
static bool same_limits(const config *a, const config *b)
{
    s2s_limits now = b->limits;
    now.rate_bytes = a->limits.rate_bytes;
    now.rate_burst_bytes = a->limits.rate_burst_bytes;
#define S2S_X(field, value, least, most, unit, words)                                              \
    if (a->limits.field != now.field)                                                              \
        return false;
    S2S_LIMITS(S2S_X)
#undef S2S_X
    return true;
}

json_t *reload_restart_keys(const config *a, const config *b, bool new_plugin)
{
    const struct {
        const char *key;
        bool same;
    } KEYS[] = {
        {"listen", same_listen(a, b)},
        {"components.listen", same_texts(a->component_listen, a->component_listen_len, b->component_listen,
                                         b->component_listen_len)},
        {"dns.servers", same_texts(a->dns_servers, a->dns_servers_len, b->dns_servers, b->dns_servers_len)},
        {"dns.trust_anchors", same_texts(a->dns_anchors, a->dns_anchors_len, b->dns_anchors, b->dns_anchors_len)},
        {"limits", same_limits(a, b)},
        {"workers", a->workers == b->workers},
        {"control", same_text(a->control, b->control)},
        {"sandbox", a->sandbox == b->sandbox},
        {"user", same_text(a->user, b->user)},
        {"policy.plugin", same_text(a->plugin, b->plugin) && !new_plugin},
        {"http", same_text(a->http, b->http)},
        {"census", same_text(a->census, b->census)},
        {"log.format", a->log_json == b->log_json},
    };
    json_t *out = json_array();
    for (size_t i = 0; out && i < sizeof KEYS / sizeof *KEYS; i++) {
        if (!KEYS[i].same && json_array_append_new(out, json_string(KEYS[i].key)) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}
