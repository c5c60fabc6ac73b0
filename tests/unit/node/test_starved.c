/* SPDX-License-Identifier: MIT */
/* test_starved.c: requests to a node's control socket and status page with an allocation that fails, each in turn, those of the libraries too. An
 * answer is what it is with memory, or says that there is none, or does not come; the connection ends, and the next one is answered. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <jansson.h>

#include "fuzz/one_node.h"
#include "fuzz/wire.h"
#include "node/control.h"
#include "node/http.h"
#include "support/starve.h"

enum {
    TURNS = 64,
    PLENTY = 1000000,
    ENDED_PING = 3, /* blocks that stay until the next one */
};

static one_node *n;
static wire w; /* large */
static char *whole; /* the answer with memory */

/* -- the control socket -------------------------------------------------------------------------------- */

static json_t *reload(void *user)
{
    (void)user;
    return json_pack("{s:b}", "ok", 1);
}

static void turn_until_over(void)
{
    for (int i = 0; i < TURNS && !w.over; i++)
        wire_turn(&w);
}

static void request_control(const char *path, const char *request)
{
    if (wire_connect_unix(&w, &n->loop, path))
        wire_send(&w, (s2s_bytes){(const uint8_t *)request, strlen(request)});
    turn_until_over();
}

/* What passes between two requests differs. */
static void drop_times(json_t *answer)
{
    (void)json_object_del(answer, "uptime");
    (void)json_object_del(answer, "milliseconds");
    (void)json_object_del(json_array_get(json_object_get(answer, "certificates"), 0), "days_left");
}

/* The text without what differs; NULL: it is no JSON object on one line. To be freed. */
static char *canonical(void)
{
    const char *end = memchr(w.text, '\n', w.len);
    json_t *answer = end && end + 1 == w.text + w.len ? json_loadb(w.text, w.len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    drop_times(answer);
    char *text = json_is_object(answer) ? json_dumps(answer, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(answer);
    return text;
}

/* Jansson does not always tell that it had no memory from bytes that are no JSON: then they hear what a request is. A
 * service that is pinged says internal-server-error. */
static bool says_no_memory(void)
{
    return strstr(w.text, "\"error\":\"a request is a JSON object") || strstr(w.text, "\"error\":\"out of memory\"") ||
           strstr(w.text, "\"text\":\"out of memory\"") || strstr(w.text, "\"condition\":\"internal-server-error\"");
}

static void check_control(const char *request, size_t left, bool once)
{
    cr_expect(w.over, "%s %zu %d: the connection stays", request, left, once);
    if (w.len == 0 || says_no_memory())
        return;
    char *text = canonical();
    cr_expect(text && strcmp(text, whole) == 0, "%s %zu %d: %s\nnot %s", request, left, once, w.text, whole);
    free(text);
}

/* Returns how many allocations there were. */
static size_t control_scenario(const char *request, size_t left, bool once)
{
    static const control_ops OPS = {reload, NULL};
    char path[128], why[S2S_TEXT_MAX] = "";
    control *c = NULL;
    size_t live = n->t.live;
    (void)snprintf(path, sizeof path, "%s", wire_path());
    cr_assert_eq(control_new(&n->t.env, &n->loop, n->node, &OPS, path, &c, why), S2S_OK, "%s", why);
    starve_begin(left, once);
    request_control(path, request);
    size_t used = left - starve_left();
    (void)starve_end();
    if (whole)
        check_control(request, left, once);
    wire_close(&w);
    request_control(path, request);
    char *text = canonical();
    cr_expect(text && (!whole || strcmp(text, whole) == 0), "%s %zu %d: with memory again: %s", request, left, once, w.text);
    if (!whole)
        whole = text;
    else
        free(text);
    wire_close(&w);
    control_stop(c);
    for (int i = 0; i < TURNS; i++)
        (void)uv_run(&n->loop, UV_RUN_NOWAIT);
    control_free(c);
    cr_expect_leq(n->t.live, live + ENDED_PING, "%s %zu %d: %zu blocks more", request, left, once, n->t.live - live);
    return used;
}

static void starve(const char *request, size_t (*scenario)(const char *request, size_t left, bool once))
{
    (void)scenario(request, PLENTY, true); /* what is made once and kept */
    size_t total = scenario(request, PLENTY, true);
    for (size_t left = 0; left < total; left += starve_step(total)) {
        (void)scenario(request, left, true);
        (void)scenario(request, left, false);
    }
    cr_log_info("%s: %zu allocations: %s", request, total, whole);
    free(whole);
    whole = NULL;
}

Test(node_starved, control, .timeout = 3600)
{
    static const char *const REQUESTS[] = {
        "{\"command\":\"status\"}\n",
        "{\"command\":\"peers\"}\n",
        "{\"command\":\"census\"}\n",
        "{\"command\":\"ping\",\"to\":\"our.example\"}\n",
        "{\"command\":\"ping\",\"to\":\"echo@our.example\",\"from\":\"our.example\"}\n",
        "{\"command\":\"ping\"}\n",
        "{\"command\":\"close\",\"remote\":\"peer.example\"}\n",
        "{\"command\":\"reload\"}\n",
        "{\"command\":\"nothing\"}\n",
        "{\"command\":\n",
    };
    n = one_node_get();
    for (size_t i = 0; i < sizeof REQUESTS / sizeof *REQUESTS; i++)
        starve(REQUESTS[i], control_scenario);
}

/* -- the status page ----------------------------------------------------------------------------------- */

static void request_http(const char *address, const char *path)
{
    char text[256];
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (wire_connect_tcp(&w, &n->loop, address))
        wire_send(&w, (s2s_bytes){(const uint8_t *)text, strlen(text)});
    turn_until_over();
}

/* The body without numbers, which differ. To be freed. */
static char *without_numbers(void)
{
    const char *at = strstr(w.text, "\r\n\r\n");
    char *text = calloc(1, w.len + 1), *to = text;
    cr_assert(at && text);
    for (at += 4; *at; at++) {
        if (!strchr("0123456789.-+e", *at))
            *to++ = *at;
    }
    return text;
}

static bool is_as_before(void)
{
    char *text = without_numbers();
    bool same = !whole || strcmp(text, whole) == 0;
    if (!whole)
        whole = text;
    else
        free(text);
    return same;
}

/* Status 200 and as many bytes as it says, those that came before. */
static bool is_whole(void)
{
    const char *body = strstr(w.text, "\r\n\r\n"), *length = strstr(w.text, "Content-Length: ");
    return strncmp(w.text, "HTTP/1.1 200 ", 13) == 0 && body && length && length < body &&
           strtoul(length + 16, NULL, 10) == strlen(body + 4) && strstr(w.text, "\r\nX-Content-Type-Options: nosniff\r\n") && is_as_before();
}

static size_t http_scenario(const char *path, size_t left, bool once)
{
    char bound[S2S_ADDRESS_MAX] = "", why[S2S_TEXT_MAX] = "";
    http_options o = {.env = &n->t.env, .loop = &n->loop, .node = n->node, .address = "127.0.0.1:0"};
    http *h = NULL;
    size_t live = n->t.live;
    cr_assert_eq(http_new(&o, &h, bound, why), S2S_OK, "%s", why);
    starve_begin(left, once);
    request_http(bound, path);
    size_t used = left - starve_left();
    bool failed = starve_end();
    cr_expect(is_whole() || (failed && (w.len == 0 || strncmp(w.text, "HTTP/1.1 500 ", 13) == 0)), "%s %zu %d: %s", path, left,
              once, w.text);
    wire_close(&w);
    request_http(bound, path);
    cr_expect(is_whole(), "%s %zu %d: with memory again: %s", path, left, once, w.text);
    wire_close(&w);
    http_stop(h);
    for (int i = 0; i < TURNS; i++)
        (void)uv_run(&n->loop, UV_RUN_NOWAIT);
    http_free(h);
    cr_expect_eq(n->t.live, live, "%s %zu %d", path, left, once);
    return used;
}

Test(node_starved, http, .timeout = 3600)
{
    static const char *const PATHS[] = {"/", "/style.css", "/metrics", "/health", "/api/status", "/api/peers", "/api/census", "/api/failures"};
    n = one_node_get();
    for (size_t i = 0; i < sizeof PATHS / sizeof *PATHS; i++)
        starve(PATHS[i], http_scenario);
}
