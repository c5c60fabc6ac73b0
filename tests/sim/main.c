/* SPDX-License-Identifier: MIT */
/* main.c: runs seeds, one seed again, a list of kept plans; makes a failing plan smaller. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "sim/authority.h"
#include "sim/oracle.h"
#include "sim/world.h"

typedef struct wish {
    sim_plan plan;
    uint64_t seeds; /* how many, from plan.seed on */
    bool verbose, minimise, twice;
} wish;

static bool run_one(const sim_plan *plan, const wish *w)
{
    sim_outcome first = sim_world_run(plan, w->verbose);
    if (!first.ok || !w->twice)
        return first.ok;
    sim_outcome second = sim_world_run(plan, false);
    if (second.ok && second.trace == first.trace)
        return true;
    (void)printf("seed %" PRIu64 " is not the same twice\n", plan->seed);
    return false;
}

static void print_sums(void)
{
    const oracle_totals *t = oracle_sums();
    (void)printf("%" PRIu64 " worlds, %" PRIu64 " hours of their time, %" PRIu64 " steps: %" PRIu64
                 " stanzas offered, %" PRIu64 " delivered, %" PRIu64 " bounced; sent again after a stream broke %" PRIu64
                 ", died with a process %" PRIu64 ", errors and results dropped %" PRIu64 ", late after a break %" PRIu64
                 ", not taken %" PRIu64 "; %" PRIu64 " outgoing streams, %" PRIu64 " broken; %" PRIu64 " verdicts\n",
                 t->runs, t->virtual_seconds / 3600, t->steps, t->offered, t->delivered, t->bounced, t->again,
                 t->died, t->dropped, t->reordered, t->refused, t->streams, t->breaks, t->judged);
}

/* -- making a failure smaller -------------------------------------------------------------------------- */

/* In a process of its own, as a failing run may end in any way. */
static bool fails(const sim_plan *plan)
{
    (void)fflush(stdout);
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(2);
        _exit(sim_world_run(plan, false).ok ? 0 : 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        abort();
    return !(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static bool shrink_number(sim_plan *plan, int *value, int least)
{
    bool any = false;
    for (int step = (*value - least + 1) / 2; step > 0; step = step > 1 ? (step + 1) / 2 : 0) {
        while (*value - step >= least) {
            *value -= step;
            if (!fails(plan)) {
                *value += step;
                break;
            }
            any = true;
        }
    }
    return any;
}

static void minimise(sim_plan *plan)
{
    char line[512];
    for (bool any = true; any;) {
        any = false;
        for (unsigned f = 0; f < FAULTS; f++) {
            unsigned before = plan->faults;
            plan->faults &= ~(1u << f);
            if (plan->faults == before)
                continue;
            if (fails(plan))
                any = true;
            else
                plan->faults = before;
        }
        any = shrink_number(plan, &plan->impostors, 0) || any;
        any = shrink_number(plan, &plan->servers, 2) || any;
        any = shrink_number(plan, &plan->happenings, 0) || any;
        any = shrink_number(plan, &plan->stanzas, 1) || any;
        any = shrink_number(plan, &plan->seconds, 1) || any;
    }
    sim_plan_print(plan, line, sizeof line);
    (void)printf("smallest: sim %s\n", line);
}

/* -- the command line ---------------------------------------------------------------------------------- */

static bool read_faults(const char *text, unsigned *out)
{
    *out = 0;
    if (strcmp(text, "none") == 0)
        return true;
    for (;;) {
        size_t len = strcspn(text, ",");
        sim_fault f = sim_fault_named(text, len);
        if (f == FAULTS)
            return false;
        *out |= 1u << f;
        if (!text[len])
            return true;
        text += len + 1;
    }
}

static bool read_value(wish *w, const char *name, const char *value)
{
    char *end;
    uint64_t n = strtoull(value, &end, 10);
    if (strcmp(name, "--faults") == 0)
        return read_faults(value, &w->plan.faults);
    if (*end || n > INT32_MAX)
        return false;
    if (strcmp(name, "--seed") == 0)
        w->plan = sim_plan_of(n);
    else if (strcmp(name, "--seeds") == 0)
        w->seeds = n;
    else if (strcmp(name, "--servers") == 0 && n >= 2 && n <= 300)
        w->plan.servers = (int)n;
    else if (strcmp(name, "--impostors") == 0 && n <= 20)
        w->plan.impostors = (int)n;
    else if (strcmp(name, "--stanzas") == 0)
        w->plan.stanzas = (int)n;
    else if (strcmp(name, "--seconds") == 0 && n > 0)
        w->plan.seconds = (int)n;
    else if (strcmp(name, "--happenings") == 0)
        w->plan.happenings = (int)n;
    else
        return false;
    return true;
}

static bool read_words(wish *w, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], "-v") == 0)
            w->verbose = true;
        else if (strcmp(words[i], "--minimise") == 0)
            w->minimise = true;
        else if (strcmp(words[i], "--twice") == 0)
            w->twice = true;
        else if (i + 1 >= count || !read_value(w, words[i], words[i + 1]))
            return false;
        else
            i++;
    }
    return true;
}

static bool run_wish(wish *w)
{
    if (w->minimise) {
        minimise(&w->plan);
        return true;
    }
    if (w->seeds == 0)
        return run_one(&w->plan, w);
    for (uint64_t i = 0; i < w->seeds; i++) {
        sim_plan plan = sim_plan_of(w->plan.seed + i);
        if (!run_one(&plan, w))
            return false;
    }
    return true;
}

/* Plans that failed once, one on a line; "#" begins a comment. */
static bool run_file(const char *path)
{
    char line[1024];
    bool ok = true;
    FILE *f = fopen(path, "re");
    if (!f) {
        perror(path);
        return false;
    }
    while (ok && fgets(line, sizeof line, f)) {
        char *words[64], *rest = NULL;
        int count = 0;
        line[strcspn(line, "#\n")] = '\0';
        for (char *word = strtok_r(line, " ", &rest); word && count < 64; word = strtok_r(NULL, " ", &rest))
            words[count++] = word;
        wish w = {.plan = sim_plan_of(0)};
        ok = count == 0 || (read_words(&w, words, count) && run_wish(&w));
    }
    (void)fclose(f);
    return ok;
}

int main(int argc, char **argv)
{
    wish w = {.plan = sim_plan_of(0)};
    bool file = argc == 3 && strcmp(argv[1], "--file") == 0;
    if (!file && (argc < 2 || !read_words(&w, argv + 1, argc - 1))) {
        (void)fprintf(stderr, "usage: sim --seed N [--seeds COUNT] [--servers N] [--impostors N] [--stanzas N]\n"
                              "           [--seconds N] [--happenings N] [--faults WORD,...|none] [--twice]\n"
                              "           [--minimise] [-v]\n"
                              "       sim --file PLANS\n");
        return 2;
    }
    authority_begin();
    bool ok = file ? run_file(argv[2]) : run_wish(&w);
    if (ok && !w.minimise)
        print_sums();
    if (ok)
        authority_end();
    return ok ? 0 : 1;
}
