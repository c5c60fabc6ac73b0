/* SPDX-License-Identifier: MIT */
/* component_queue.c: a list of blocks: bytes for the wire from the front, and from the back where each stanza ends. */
#include "component_queue.h"

#include <string.h>

#include "protocol/buf.h"
#include "protocol/stanza_back.h"

enum { TAG_ROOM = 128 }; /* names, quotes and brackets around a stanza's values */

typedef enum piece_kind { FRAMING, STANZA, TAKEN_OUT } piece_kind;

typedef struct piece {
    uint32_t end; /* in the block's bytes, where the next one starts */
    uint32_t kind;
} piece;

struct component_block {
    component_block *next;
    uint32_t room, used; /* bytes */
    uint32_t sent;       /* of them */
    uint32_t at, len;    /* pieces: the first that has not gone out as a whole; how many there are */
    uint32_t held;       /* times that a stanza in it is lent by component_queue_pop() */
    bool gaps;           /* some are taken out */
    _Alignas(piece) char data[]; /* the pieces are behind `room` bytes' end, backwards */
};

void component_queue_init(component_queue *q, const s2s_env *env)
{
    *q = (component_queue){.env = env};
}

void component_queue_free(component_queue *q)
{
    while (q->first) {
        component_block *b = q->first;
        q->first = b->next;
        s2s__free(q->env, b);
    }
    component_queue_init(q, q->env);
}

/* -- blocks -------------------------------------------------------------------------------------------- */

static piece *piece_at(component_block *b, uint32_t i)
{
    return (piece *)(void *)(b->data + b->room) - 1 - i;
}

static uint32_t start_of(component_block *b, uint32_t i)
{
    return i > 0 ? piece_at(b, i - 1)->end : 0;
}

/* Where the unsent part of it begins. */
static uint32_t rest_of(component_block *b, uint32_t i)
{
    uint32_t start = start_of(b, i);
    return start > b->sent ? start : b->sent;
}

/* Bytes that one more piece can have. */
static size_t room_in(const component_block *b)
{
    size_t taken = b->used + (b->len + 1) * sizeof(piece);
    return b->room > taken ? b->room - taken : 0;
}

/* The block that a piece of up to `size` bytes goes into. NULL: out of memory. */
static component_block *block_for(component_queue *q, size_t size)
{
    if (q->last && room_in(q->last) >= size)
        return q->last;
    size_t room = size + 2 * sizeof(piece); /* one, and what aligns it */
    if (room < COMPONENT_BLOCK_BYTES - sizeof(component_block))
        room = COMPONENT_BLOCK_BYTES - sizeof(component_block);
    room -= room % sizeof(piece);
    if (room > UINT32_MAX / 2)
        return NULL;
    component_block *b = q->env->ops->resize(q->env->user, NULL, sizeof *b + room);
    if (!b)
        return NULL;
    *b = (component_block){.room = (uint32_t)room};
    if (q->last)
        q->last->next = b;
    else
        q->first = b;
    q->last = b;
    return b;
}

static void add_piece(component_queue *q, component_block *b, size_t len, piece_kind kind)
{
    b->used += (uint32_t)len;
    b->len++;
    *piece_at(b, b->len - 1) = (piece){.end = b->used, .kind = kind};
    q->bytes += len;
}

/* Passes over what is done, and gives back blocks of which nothing is needed any more. */
static void trim(component_queue *q)
{
    for (component_block *b; (b = q->first) != NULL;) {
        while (b->at < b->len && (piece_at(b, b->at)->kind == TAKEN_OUT || piece_at(b, b->at)->end <= b->sent))
            b->at++;
        if (b->at < b->len || b->held > 0)
            return;
        q->first = b->next;
        if (!q->first)
            q->last = NULL;
        s2s__free(q->env, b);
    }
}

/* -- what comes ---------------------------------------------------------------------------------------- */

s2s_err component_queue_stanza(component_queue *q, const s2s_stanza *st)
{
    size_t guess = st->from.len + st->to.len + st->id.len + st->type.len + st->lang.len + st->attrs.len + st->inner.len + TAG_ROOM;
    for (;;) {
        component_block *b = block_for(q, guess);
        if (!b)
            break;
        size_t room = room_in(b), need = s2s_stanza_write(st, b->data + b->used, room);
        if (need <= room) {
            add_piece(q, b, need, STANZA);
            return S2S_OK;
        }
        guess = need; /* much had to be escaped */
    }
    trim(q); /* of a block that was made for it and is not needed */
    return S2S_E_NOMEM;
}

s2s_err component_queue_text(component_queue *q, s2s_str text)
{
    if (text.len == 0)
        return S2S_OK;
    component_block *b = block_for(q, text.len);
    if (!b)
        return S2S_E_NOMEM;
    memcpy(b->data + b->used, text.ptr, text.len);
    add_piece(q, b, text.len, FRAMING);
    return S2S_OK;
}

/* -- what goes ----------------------------------------------------------------------------------------- */

/* The pieces of a block that follow each other without a gap are one. */
static size_t lend_between_gaps(component_block *b, uv_buf_t *bufs, size_t max)
{
    size_t n = 0;
    for (uint32_t i = b->at; i < b->len && n < max; i++) {
        uint32_t from = rest_of(b, i);
        while (i < b->len && piece_at(b, i)->kind != TAKEN_OUT)
            i++;
        uint32_t to = start_of(b, i);
        if (to > from)
            bufs[n++] = uv_buf_init(b->data + from, to - from);
    }
    return n;
}

size_t component_queue_lend(const component_queue *q, uv_buf_t *bufs, size_t max)
{
    size_t n = 0;
    for (component_block *b = q->first; b && n < max; b = b->next) {
        if (b->gaps)
            n += lend_between_gaps(b, bufs + n, max - n);
        else if (b->used > b->sent)
            bufs[n++] = uv_buf_init(b->data + b->sent, b->used - b->sent);
    }
    return n;
}

bool component_queue_lend_first(const component_queue *q, uv_buf_t *buf)
{
    for (component_block *b = q->first; b; b = b->next) {
        for (uint32_t i = b->at; i < b->len; i++) {
            const piece *p = piece_at(b, i);
            if (p->kind == TAKEN_OUT)
                continue;
            uint32_t from = rest_of(b, i);
            *buf = uv_buf_init(b->data + from, p->end - from);
            return true;
        }
    }
    return false;
}

/* As far as the first gap, or the block's end. */
static size_t sent_of_first(component_block *b, size_t len)
{
    uint32_t from = rest_of(b, b->at), to = b->used;
    for (uint32_t i = b->at; b->gaps && i < b->len; i++) {
        if (piece_at(b, i)->kind == TAKEN_OUT) {
            to = start_of(b, i);
            break;
        }
    }
    size_t step = len < to - from ? len : to - from;
    b->sent = from + (uint32_t)step;
    return step;
}

void component_queue_sent(component_queue *q, size_t len)
{
    while (len > 0 && q->first) {
        size_t step = sent_of_first(q->first, len);
        q->bytes -= step;
        len -= step;
        trim(q);
    }
}

bool component_queue_in_the_middle(const component_queue *q)
{
    component_block *b = q->first;
    return b && b->at < b->len && b->sent > start_of(b, b->at);
}

/* -- what comes back ----------------------------------------------------------------------------------- */

static bool take_out(component_queue *q, component_block *b, uint32_t i, s2s_stanza *out)
{
    piece *p = piece_at(b, i);
    uint32_t start = start_of(b, i);
    p->kind = TAKEN_OUT;
    b->gaps = true;
    q->bytes -= p->end - rest_of(b, i);
    if (b->sent > start)
        b->sent = p->end; /* its rest never goes out */
    if (!s2s__stanza_read_back(b->data + start, p->end - start, out))
        return false;
    *out = (s2s_stanza){.kind = out->kind, .from = out->from, .to = out->to, .id = out->id, .type = out->type,
                        .attrs = S2S_STR(""), .inner = S2S_STR("")};
    return true;
}

bool component_queue_pop(component_queue *q, s2s_stanza *out, component_block **held)
{
    for (component_block *b = q->first; b; b = b->next) {
        for (uint32_t i = b->at; i < b->len; i++) {
            if (piece_at(b, i)->kind == STANZA && take_out(q, b, i, out)) {
                b->held++;
                *held = b;
                return true;
            }
        }
    }
    return false;
}

void component_queue_drop(component_queue *q, component_block *held)
{
    held->held--;
    trim(q);
}
