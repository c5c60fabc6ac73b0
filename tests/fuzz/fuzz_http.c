/* SPDX-License-Identifier: MIT */
/* fuzz_http.c: requests to the status page's listener. What libmicrohttpd lets through is decided by our own code: the method, the
 * name it was asked by, the path. Only GET and HEAD of what is there, asked by address or as localhost, may succeed. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fuzz/one_node.h"
#include "fuzz/wire.h"
#include "node/http.h"

enum { TURNS = 16 };

static bool starts(const wire *w, const char *text)
{
    return strncmp(w->text, text, strlen(text)) == 0;
}

/* To libmicrohttpd a method ends at a NUL, too, whatever stands between that and the space. */
static bool asks(const uint8_t *at, size_t left)
{
    return left > 5 && ((memcmp(at, "GET", 3) == 0 && (at[3] == ' ' || at[3] == '\0')) ||
                        (memcmp(at, "HEAD", 4) == 0 && (at[4] == ' ' || at[4] == '\0')));
}

/* To libmicrohttpd a line that begins with a NUL is an empty one, whatever follows: then any line may be the request. */
static bool asks_somewhere(s2s_bytes request)
{
    for (size_t i = 1; i < request.len; i++) {
        if ((request.ptr[i - 1] == '\r' || request.ptr[i - 1] == '\n') && asks(request.ptr + i, request.len - i))
            return true;
    }
    return false;
}

/* The first request of the input decides the first answer. */
static void check_answer(const wire *w, s2s_bytes request)
{
    if (w->len == 0)
        return;
    fuzz_must(starts(w, "HTTP/1."));
    if (strncmp(w->text + 8, " 200 ", 5) != 0)
        return;
    size_t skip = 0; /* empty lines before a request are nothing */
    while (skip < request.len && (request.ptr[skip] == '\r' || request.ptr[skip] == '\n'))
        skip++;
    fuzz_must(asks(request.ptr + skip, request.len - skip) ||
              (skip < request.len && request.ptr[skip] == '\0' && asks_somewhere(request)));
    fuzz_must(strstr(w->text, "\r\nX-Content-Type-Options: nosniff\r\n") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wire w; /* large */
    http *h = NULL;
    char bound[S2S_ADDRESS_MAX] = "";
    char why[S2S_TEXT_MAX] = "";
    one_node *n = one_node_get();
    http_options o = {.env = &n->t.env, .loop = &n->loop, .node = n->node, .address = "127.0.0.1:0"};
    fuzz_input in = {data, size};
    size_t first = fuzz_byte(&in);
    fuzz_must(http_new(&o, &h, bound, why) == S2S_OK);
    fuzz_must(wire_connect_tcp(&w, &n->loop, bound));
    s2s_bytes request = {in.at, in.left};
    wire_send(&w, fuzz_take(&in, first));
    wire_send(&w, fuzz_take(&in, SIZE_MAX));
    wire_end(&w);
    for (int i = 0; i < TURNS && !w.over; i++)
        wire_turn(&w);
    check_answer(&w, request);
    wire_close(&w);
    http_stop(h);
    for (int i = 0; i < TURNS / 2; i++)
        (void)uv_run(&n->loop, UV_RUN_NOWAIT);
    http_free(h);
    return 0;
}
