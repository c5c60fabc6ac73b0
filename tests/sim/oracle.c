/* SPDX-License-Identifier: MIT */
/* oracle.c: keeps the books of every stanza, and says what must not be. */
#include "sim/oracle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

typedef enum fate { WAITS, NOT_TAKEN, DELIVERED, BOUNCED, DIED } fate;

typedef struct record {
    sim_offer offer;
    uint64_t when;
    uint32_t seq; /* among those of its pair */
    fate fate;
} record;

typedef struct pair {
    uint32_t offered, last; /* last: the highest that was delivered */
    int last_life;
    uint64_t doubted_until; /* what was offered before may not have been acknowledged when its stream ended */
    uint64_t excused_until; /* what was offered before may have gone down with a stream */
} pair;

static struct {
    const sim_plan *plan;
    int domains;
    bool verbose, failed;
    record *records;
    size_t len, room, waiting;
    pair *pairs; /* from * (domains + 1) + to + 1 */
    uint64_t trace;
    oracle_totals totals;
} o;

oracle_totals *oracle_sums(void)
{
    return &o.totals;
}

uint64_t sim_hash(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}

void oracle_begin(const sim_plan *plan, int domains, bool verbose)
{
    oracle_totals totals = o.totals;
    memset(&o, 0, sizeof o);
    o.totals = totals;
    o.plan = plan;
    o.domains = domains;
    o.verbose = verbose;
    o.pairs = calloc((size_t)domains * ((size_t)domains + 1), sizeof *o.pairs);
    if (!o.pairs)
        abort();
}

void oracle_end(void)
{
    o.totals.runs++;
    o.totals.steps += sim_steps();
    free(o.records);
    free(o.pairs);
    o.records = NULL;
    o.pairs = NULL;
}

bool oracle_failed(void)
{
    return o.failed;
}

uint64_t oracle_trace(void)
{
    return o.trace;
}

static void say(const char *what, const char *format, va_list args)
{
    (void)printf("%10.3f %s", (double)sim_now() / SIM_SECOND, what);
    (void)vprintf(format, args);
    (void)printf("\n");
}

void oracle_note(const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    o.trace = (o.trace * 31) ^ sim_hash(line, n > 0 ? strlen(line) : 0) ^ sim_now();
    if (o.verbose)
        (void)printf("%10.3f %s\n", (double)sim_now() / SIM_SECOND, line);
}

void oracle_fail(const char *format, ...)
{
    char command[512];
    va_list args;
    if (o.failed)
        return;
    o.failed = true;
    va_start(args, format);
    say("VIOLATION: ", format, args);
    va_end(args);
    sim_plan_print(o.plan, command, sizeof command);
    (void)printf("again: sim %s -v\n", command);
}

static pair *pair_of(const sim_offer *offer)
{
    return &o.pairs[(size_t)offer->from * ((size_t)o.domains + 1) + (size_t)(offer->to + 1)];
}

/* -- the way in ---------------------------------------------------------------------------------------- */

size_t oracle_offer(const sim_offer *offer)
{
    if (o.len == o.room) {
        o.room = o.room ? 2 * o.room : 1024;
        o.records = realloc(o.records, o.room * sizeof *o.records);
        if (!o.records)
            abort();
    }
    o.records[o.len] = (record){.offer = *offer, .when = sim_now(), .seq = ++pair_of(offer)->offered};
    o.waiting++;
    o.totals.offered++;
    return o.len++;
}

void oracle_not_taken(size_t number)
{
    record *r = &o.records[number];
    if (r->fate != WAITS) {
        oracle_fail("stanza %zu was refused, but it has had an outcome already", number);
        return;
    }
    r->fate = NOT_TAKEN;
    o.waiting--;
    o.totals.refused++;
}

/* -- the ways out -------------------------------------------------------------------------------------- */

static void check_order(const record *r, size_t number, int server)
{
    pair *p = pair_of(&r->offer);
    if (r->offer.life < p->last_life)
        return; /* from a process that died: its last words may come late */
    if (r->offer.life == p->last_life && r->seq <= p->last) {
        /* What a broken connection still holds may be read after its successor's. Its sender has sent all of it again, in order, but
         * what it has given up; of that an error or a result is not bounced (RFC 6120 section 8.3.1), and so not known to be it. */
        if (!r->offer.may_bounce && (r->when <= p->excused_until || net_last_fault(r->offer.server, server) > r->when))
            o.totals.reordered++;
        else
            oracle_fail("stanza %zu (d%03d to d%03d, %u) came after %u", number, r->offer.from, r->offer.to,
                        r->seq, p->last);
        return;
    }
    p->last = r->seq;
    p->last_life = r->offer.life;
}

/* Its stream broke, or what carried it was struck, since it was offered: it may have been sent again (XEP-0198). */
static bool is_doubted(const record *r, int server)
{
    return r->when <= pair_of(&r->offer)->doubted_until || net_last_fault(r->offer.server, server) > r->when;
}

void oracle_delivered(size_t number, int from, int to, int server, bool owner, size_t size, uint64_t hash)
{
    record *r = number < o.len ? &o.records[number] : NULL;
    if (!r) {
        oracle_fail("server %d was given a stanza that nobody has sent (%zu)", server, number);
    } else if (r->offer.from != from || r->offer.to != to) {
        oracle_fail("stanza %zu of d%03d to d%03d came as one of d%03d to d%03d", number, r->offer.from, r->offer.to,
                    from, to);
    } else if (!owner) {
        oracle_fail("stanza %zu for d%03d was given to server %d, which only says that it is that", number, to,
                    server);
    } else if (r->offer.hash != hash || r->offer.size != size) {
        oracle_fail("stanza %zu was changed on the way", number);
    } else if (r->fate == DIED) { /* it had left in time */
        r->fate = DELIVERED;
        o.totals.died--;
        o.totals.delivered++;
    } else if ((r->fate == DELIVERED || r->fate == BOUNCED) && is_doubted(r, server)) {
        o.totals.again++;
        oracle_note("stanza %zu delivered again to server %d", number, server);
    } else if (r->fate != WAITS) {
        oracle_fail("stanza %zu was delivered, but it was %s before", number,
                    r->fate == DELIVERED ? "delivered" : r->fate == BOUNCED ? "bounced" : "refused");
    } else {
        check_order(r, number, server);
        r->fate = DELIVERED;
        o.waiting--;
        o.totals.delivered++;
        oracle_note("stanza %zu delivered to server %d", number, server);
    }
}

void oracle_bounced(size_t number, int server, int life, bool due)
{
    record *r = number < o.len ? &o.records[number] : NULL;
    if (!r || r->offer.server != server || r->offer.life != life) {
        oracle_fail("server %d was given an error for stanza %zu, which it has not sent", server, number);
    } else if (!r->offer.may_bounce) {
        oracle_fail("stanza %zu was bounced, which may not be (RFC 6120 section 8.3.1)", number);
    } else if (r->fate == DELIVERED && r->when <= pair_of(&r->offer)->doubted_until) {
        o.totals.again++; /* the acknowledgement was lost, and no stream could be made any more */
        oracle_note("stanza %zu bounced all the same", number);
    } else if (r->fate != WAITS) {
        oracle_fail("stanza %zu was bounced, but it was %s before", number,
                    r->fate == DELIVERED ? "delivered" : r->fate == BOUNCED ? "bounced" : "refused");
    } else if (due) {
        oracle_fail("stanza %zu was bounced, although nothing is wrong between d%03d and d%03d", number, r->offer.from,
                    r->offer.to);
    } else {
        r->fate = BOUNCED;
        o.waiting--;
        o.totals.bounced++;
        oracle_note("stanza %zu bounced", number);
    }
}

void oracle_stream_ended(const sim_ending *e)
{
    sim_offer key = {.from = e->from, .to = e->to};
    pair *p = pair_of(&key);
    bool struck = net_last_fault(e->at_server, e->to_server) >= e->since;
    p->doubted_until = sim_now() + 1; /* also if the peer closed: it cannot acknowledge what it got after its end tag */
    if (!e->established)
        return;
    o.totals.streams++;
    oracle_note("stream d%03d to d%03d ended after %" PRIu64 " stanzas%s%s: %s", e->from, e->to, e->handed,
                e->graceful ? "" : ", broken", struck ? ", struck" : "", e->text);
    if (!struck && e->graceful)
        return;
    if (!struck && e->held && !e->excused) {
        o.totals.breaks++;
        return;
    }
    if (!struck && !e->excused)
        oracle_fail("a stream of d%03d to d%03d broke, but nothing has struck it: %s", e->from, e->to, e->text);
    p->excused_until = sim_now() + 1;
    o.totals.breaks++;
}

void oracle_died(int server, int life)
{
    for (size_t i = 0; i < o.len; i++) {
        record *r = &o.records[i];
        if (r->offer.server == server && r->offer.life == life && r->fate == WAITS) {
            r->fate = DIED;
            o.waiting--;
            o.totals.died++;
        }
    }
}

/* -- the end ------------------------------------------------------------------------------------------- */

void oracle_check_stuck(void)
{
    for (size_t i = 0; i < o.len; i++) {
        const record *r = &o.records[i];
        if (r->fate == WAITS && r->offer.may_bounce && r->when > pair_of(&r->offer)->excused_until) {
            oracle_fail("stanza %zu (server %d, d%03d to d%03d, offered at %.3f) is stuck", i, r->offer.server,
                        r->offer.from, r->offer.to, (double)r->when / SIM_SECOND);
            return;
        }
    }
}

bool oracle_settled(void)
{
    return o.waiting == 0;
}

void oracle_settle(void)
{
    o.totals.virtual_seconds += sim_now() / SIM_SECOND;
    for (size_t i = 0; i < o.len; i++) {
        const record *r = &o.records[i];
        if (r->fate != WAITS)
            continue;
        if (!r->offer.may_bounce) {
            o.totals.dropped++; /* an error or a result that could not be delivered ends in silence */
        } else {
            oracle_fail("stanza %zu (server %d, d%03d to d%03d, offered at %.3f) was neither delivered nor bounced", i,
                        r->offer.server, r->offer.from, r->offer.to, (double)r->when / SIM_SECOND);
            return;
        }
    }
}
