/* SPDX-License-Identifier: MIT */
/* clock.c: the heap of events, and when a machine's loop takes a turn. */
#include "sim/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "s2s/base.h"
#include "sim/fake_uv.h"

typedef struct event {
    uint64_t when, order;
    void (*what)(void *arg);
    void *arg;
} event;

/* The one world of this process: the faked libraries have no argument through which it could come. */
static struct {
    event *heap;
    size_t len, room;
    uint64_t now, order, steps;
    sim_host *hosts, *current;
} world;

/* -- chance -------------------------------------------------------------------------------------------- */

uint64_t sim_next(sim_rng *r) /* splitmix64 */
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_below(sim_rng *r, uint64_t n)
{
    return n ? sim_next(r) % n : 0;
}

uint64_t sim_between(sim_rng *r, uint64_t low, uint64_t high)
{
    return low + sim_below(r, high - low + 1);
}

bool sim_chance(sim_rng *r, unsigned per_mille)
{
    return sim_below(r, 1000) < per_mille;
}

/* -- events -------------------------------------------------------------------------------------------- */

void sim_clock_begin(void)
{
    memset(&world, 0, sizeof world);
}

void sim_clock_end(void)
{
    free(world.heap);
    world.heap = NULL;
    world.len = world.room = 0;
}

uint64_t sim_now(void)
{
    return world.now;
}

uint64_t sim_steps(void)
{
    return world.steps;
}

static bool before(const event *a, const event *b)
{
    return a->when != b->when ? a->when < b->when : a->order < b->order;
}

static void swap(size_t i, size_t j)
{
    event kept = world.heap[i];
    world.heap[i] = world.heap[j];
    world.heap[j] = kept;
}

void sim_at(uint64_t when, void (*what)(void *arg), void *arg)
{
    if (world.len == world.room) {
        world.room = world.room ? 2 * world.room : 1024;
        world.heap = realloc(world.heap, world.room * sizeof *world.heap);
        if (!world.heap)
            abort();
    }
    size_t i = world.len++;
    world.heap[i] = (event){when > world.now ? when : world.now, world.order++, what, arg};
    for (; i > 0 && before(&world.heap[i], &world.heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(i, (i - 1) / 2);
}

static event take_first(void)
{
    event first = world.heap[0];
    world.heap[0] = world.heap[--world.len];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++) {
            if (child < world.len && before(&world.heap[child], &world.heap[least]))
                least = child;
        }
        if (least == i)
            return first;
        swap(i, least);
        i = least;
    }
}

bool sim_step(uint64_t until)
{
    if (world.len == 0 || world.heap[0].when > until) {
        world.now = until > world.now ? until : world.now;
        return false;
    }
    event e = take_first();
    world.now = e.when;
    world.steps++;
    e.what(e.arg);
    return true;
}

/* -- machines ------------------------------------------------------------------------------------------ */

sim_host *sim_host_new(int index)
{
    sim_host *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    h->index = index;
    h->wake_at = UINT64_MAX;
    h->calls_end = &h->calls;
    h->now_ms = world.now / SIM_MS;
    h->next = world.hosts;
    world.hosts = h;
    return h;
}

void sim_hosts_end(void)
{
    while (world.hosts) {
        sim_host *h = world.hosts;
        world.hosts = h->next;
        free(h);
    }
}

sim_host *sim_host_current(void)
{
    return world.current;
}

static void take_turn(void *arg)
{
    sim_host *h = arg;
    if (h->wake_at > world.now)
        return; /* an earlier event has done its work */
    h->wake_at = UINT64_MAX;
    if (h->asleep_until > world.now) {
        sim_host_wake(h, h->asleep_until);
        return;
    }
    world.current = h;
    uint64_t next = sim_uv_turn(h);
    world.current = NULL;
    if (next != UINT64_MAX)
        sim_host_wake(h, next);
}

void sim_host_wake(sim_host *h, uint64_t when)
{
    when = when > world.now ? when : world.now;
    if (when >= h->wake_at)
        return;
    h->wake_at = when;
    sim_at(when, take_turn, h);
}

void sim_host_call(sim_host *h, void (*what)(void *arg), void *arg)
{
    sim_call *call = malloc(sizeof *call);
    if (!call)
        abort();
    *call = (sim_call){NULL, what, arg};
    *h->calls_end = call;
    h->calls_end = &call->next;
    sim_host_wake(h, world.now);
}

size_t sim_host_handles(const sim_host *h)
{
    size_t n = 0;
    for (const uv_handle_t *handle = h->first; handle; handle = (const uv_handle_t *)handle->handle_queue[1])
        n++;
    return n;
}

void sim_host_address(int index, int family, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (family == AF_INET) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)out;
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        v4->sin_addr.s_addr = htonl(0x0a000000u + (unsigned)index);
        return;
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    v6->sin6_addr.s6_addr[0] = 0xfd;
    v6->sin6_addr.s6_addr[14] = (uint8_t)(index >> 8);
    v6->sin6_addr.s6_addr[15] = (uint8_t)index;
}

int sim_host_index(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        uint32_t a = ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr);
        return (a & 0xffff0000u) == 0x0a000000u ? (int)(a & 0xffff) : -1;
    }
    const uint8_t *a = ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr;
    return address->sa_family == AF_INET6 && a[0] == 0xfd ? a[14] << 8 | a[15] : -1;
}

int64_t sim_wall(const sim_host *h)
{
    return SIM_WALL_BASE + (int64_t)(world.now / SIM_SECOND) + (h ? h->wall_skew : 0);
}

/* The C library's, for the product and (so it has to be visible) for GnuTLS: the wall clock of the machine whose code runs. */
S2S_API time_t time(time_t *out)
{
    time_t t = (time_t)sim_wall(world.current);
    if (out)
        *out = t;
    return t;
}
