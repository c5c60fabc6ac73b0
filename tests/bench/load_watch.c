/* SPDX-License-Identifier: MIT */
/* load_watch.c: CPU time and resident memory of the servers under load. */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool watch_parse(watch *w, char *text)
{
    char *sign = strchr(text, '=');
    if (!sign)
        return false;
    *sign = '\0';
    *w = (watch){.name = text, .pid = (int)strtol(sign + 1, NULL, 10)};
    return w->pid > 0;
}

/* Seconds, all threads, in nanosecond steps. */
double watch_cpu(const watch *w)
{
    clockid_t id;
    struct timespec t;
    if (clock_getcpuclockid(w->pid, &id) != 0 || clock_gettime(id, &t) != 0)
        load_die("%s: process %d is gone", w->name, w->pid);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

long watch_rss(const watch *w)
{
    char path[64], line[256];
    long kb = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", w->pid);
    FILE *f = fopen(path, "re");
    while (f && kb < 0 && fgets(line, sizeof line, f)) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    }
    if (f)
        (void)fclose(f);
    return kb;
}
