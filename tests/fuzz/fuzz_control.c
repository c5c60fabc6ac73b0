/* SPDX-License-Identifier: MIT */
/* fuzz_control.c: the control socket. A request of any bytes, in two pieces; what comes back is one JSON object on a line, or nothing
 * to who has not ended a line, and the connection is over. */
#include <string.h>

#include <jansson.h>

#include "fuzz/one_node.h"
#include "fuzz/wire.h"
#include "node/control.h"

static json_t *reload(void *user)
{
    (void)user;
    return json_pack("{s:b}", "ok", 1);
}

/* Commands that answer at once answer within this; a ping waits, and is cancelled. */
enum { TURNS = 8 };

static void check_answer(const wire *w, bool whole)
{
    if (w->len == 0)
        return;
    fuzz_must(whole);
    const char *end = memchr(w->text, '\n', w->len);
    if (!end) /* larger than the room for it */
        return;
    fuzz_must(w->over && end + 1 == w->text + w->len);
    json_t *answer = json_loadb(w->text, w->len, JSON_REJECT_DUPLICATES, NULL);
    fuzz_must(json_is_object(answer));
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static wire w; /* large */
    static const control_ops OPS = {reload, NULL};
    char path[128], why[S2S_TEXT_MAX] = "";
    one_node *n = one_node_get();
    control *c = NULL;
    fuzz_input in = {data, size};
    size_t first = fuzz_byte(&in);
    (void)strncpy(path, wire_path(), sizeof path - 1);
    path[sizeof path - 1] = '\0';
    fuzz_must(control_new(&n->t.env, &n->loop, n->node, &OPS, path, &c, why) == S2S_OK);
    fuzz_must(wire_connect_unix(&w, &n->loop, path));
    bool whole = memchr(in.at, '\n', in.left) || in.left >= CONTROL_REQUEST_MAX;
    wire_send(&w, fuzz_take(&in, first));
    wire_send(&w, fuzz_take(&in, SIZE_MAX));
    for (int i = 0; i < TURNS && whole && !w.over; i++)
        wire_turn(&w);
    check_answer(&w, whole);
    wire_close(&w);
    control_stop(c);
    for (int i = 0; i < TURNS; i++)
        (void)uv_run(&n->loop, UV_RUN_NOWAIT);
    control_free(c);
    return 0;
}
