/* SPDX-License-Identifier: MIT */
/* list.c: starting probes as their number and rate allow, and keeping what comes. */
#include "probe/list.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe/conclude.h"
#include "probe/reverse.h"

enum { SIGNALS = 2, MS_PER_SECOND = 1000, PROGRESS_MS = 200 };

typedef struct job {
    struct list *list;
    probe *probe; /* one of the two is at work */
    reverse *reverse;
    bool running;
} job;

typedef struct list {
    const probe_context *context;
    const list_options *options;
    const list_names *names;
    json_t *had; /* keys: domains that the output file holds */
    FILE *output;
    size_t next, done, good, running;
    job *jobs;
    uv_timer_t start, progress;
    uv_signal_t signals[SIGNALS];
    unsigned open_handles;
    bool interrupted, failed, closed;
} list;

/* -- the output file ----------------------------------------------------------------------------------- */

static bool same(const json_t *result, const char *key, const char *want)
{
    const char *have = json_string_value(json_object_get(result, key));
    return strcmp(have ? have : "", want) == 0;
}

/* A line that is cut (by a crash) is left out: that domain is probed again. */
static s2s_err take_old(list *l, const char *line, size_t len, char why[S2S_TEXT_MAX])
{
    json_t *result = json_loadb(line, len, 0, NULL);
    const char *domain = json_string_value(json_object_get(result, "domain"));
    s2s_err err = S2S_OK;
    if (domain && !json_object_get(l->had, domain)) {
        if (!same(result, "from", l->context->from) ||
            !same(result, "protocol", probe_protocol_word(l->context->options->protocol))) {
            (void)snprintf(why, S2S_TEXT_MAX, "%.150s: holds results of another --from or --protocol",
                           l->options->output);
            err = S2S_E_INVAL;
        } else {
            json_object_set_new(l->had, domain, json_true());
            l->options->result(l->options->arg, result, true);
        }
    }
    json_decref(result);
    return err;
}

static s2s_err read_back(list *l, FILE *file, bool *cut, char why[S2S_TEXT_MAX])
{
    char *line = NULL;
    size_t room = 0;
    s2s_err err = S2S_OK;
    for (ssize_t len; err == S2S_OK && (len = getline(&line, &room, file)) > 0;) {
        *cut = line[len - 1] != '\n';
        err = take_old(l, line, (size_t)len, why);
    }
    free(line);
    return err;
}

static s2s_err open_output(list *l, char why[S2S_TEXT_MAX])
{
    bool cut = false;
    l->had = json_object();
    if (!l->options->output)
        return S2S_OK;
    l->output = fopen(l->options->output, "a+e");
    if (!l->output) {
        (void)snprintf(why, S2S_TEXT_MAX, "%.150s: %s", l->options->output, strerror(errno));
        return S2S_E_IO;
    }
    (void)fseek(l->output, 0, SEEK_SET);
    s2s_err err = read_back(l, l->output, &cut, why);
    (void)fseek(l->output, 0, SEEK_END);
    if (err == S2S_OK && cut)
        (void)fputc('\n', l->output);
    return err;
}

static void keep(list *l, const json_t *result)
{
    if (!l->output)
        return;
    if (json_dumpf(result, l->output, JSON_COMPACT) != 0 || fputc('\n', l->output) == EOF || fflush(l->output) != 0)
        l->failed = true;
}

/* -- progress ------------------------------------------------------------------------------------------ */

static void show_progress(const list *l, const char *end)
{
    if (l->options->progress)
        (void)fprintf(stderr, "\r%zu of %zu done, %zu running, %zu good%s", l->done, json_array_size(l->names->names),
                      l->running, l->good, end);
}

static void on_progress(uv_timer_t *timer)
{
    show_progress(timer->data, "   ");
}

/* -- jobs ---------------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
    list *l = handle->data;
    l->open_handles--;
}

static void close_all(list *l)
{
    if (l->closed)
        return;
    l->closed = true;
    l->open_handles = 2 + SIGNALS;
    uv_close((uv_handle_t *)&l->start, on_closed);
    uv_close((uv_handle_t *)&l->progress, on_closed);
    for (size_t i = 0; i < SIGNALS; i++)
        uv_close((uv_handle_t *)&l->signals[i], on_closed);
}

static void start_next(list *l);

static void job_is_over(job *j, json_t *result)
{
    list *l = j->list;
    j->running = false;
    l->running--;
    l->done++;
    if (result) {
        l->good += probe_answer_is_good(json_string_value(json_object_get(result, "answer")));
        keep(l, result);
        l->options->result(l->options->arg, result, false);
        json_decref(result);
    } else {
        l->failed = true;
    }
    start_next(l);
}

static void on_reverse(void *arg, json_t *result)
{
    job *j = arg;
    j->reverse = NULL;
    job_is_over(j, result);
}

static void on_probe(void *arg, json_t *result)
{
    job *j = arg;
    j->probe = NULL;
    if (!result || !j->list->context->options->control ||
        reverse_start(j->list->context, result, on_reverse, j, &j->reverse) != S2S_OK)
        job_is_over(j, result);
}

static job *free_job(list *l)
{
    for (size_t i = 0; i < l->options->jobs; i++) {
        if (!l->jobs[i].running)
            return &l->jobs[i];
    }
    return NULL;
}

/* True if `name` (as given) is in the output file already; there it stands in normal form. */
static bool is_known(const list *l, const char *name)
{
    char normal[S2S_DOMAIN_MAX + 1];
    if (json_object_get(l->had, name))
        return true;
    return s2s_domain_normalise(s2s_str_of(name), normal) == S2S_OK && json_object_get(l->had, normal);
}

static void on_start(uv_timer_t *timer)
{
    list *l = timer->data;
    size_t total = json_array_size(l->names->names);
    job *j = free_job(l);
    while (l->next < total && is_known(l, json_string_value(json_array_get(l->names->names, l->next)))) {
        l->next++;
        l->done++;
    }
    if (l->next < total && j) {
        const char *name = json_string_value(json_array_get(l->names->names, l->next++));
        j->running = true;
        l->running++;
        if (probe_start(l->context, name, on_probe, j, &j->probe) != S2S_OK)
            job_is_over(j, NULL);
    }
    start_next(l);
}

/* The timer spaces the starts; with every job taken, the next end comes back here. */
static void start_next(list *l)
{
    uint64_t gap = l->options->rate ? (MS_PER_SECOND + l->options->rate - 1) / l->options->rate : 0;
    if (l->closed || l->interrupted)
        return;
    if (l->next == json_array_size(l->names->names) && l->running == 0) {
        close_all(l);
        return;
    }
    if (!uv_is_active((uv_handle_t *)&l->start) && l->next < json_array_size(l->names->names) && free_job(l))
        uv_timer_start(&l->start, on_start, gap, 0);
}

/* Those at work are given up: they are no results, and a later run with the same output file probes them again. */
static void on_signal(uv_signal_t *signal, int number)
{
    list *l = signal->data;
    (void)number;
    l->interrupted = true;
    for (size_t i = 0; i < l->options->jobs; i++) {
        if (l->jobs[i].running && l->jobs[i].probe)
            json_decref(probe_stop(l->jobs[i].probe));
        reverse_cancel(l->jobs[i].reverse);
    }
    close_all(l);
}

static void watch_signals(list *l)
{
    static const int NUMBERS[SIGNALS] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)uv_signal_init(l->context->loop, &l->signals[i]);
        l->signals[i].data = l;
        (void)uv_signal_start(&l->signals[i], on_signal, NUMBERS[i]);
    }
}

s2s_err list_run(const probe_context *c, const list_names *names, const list_options *options, bool *interrupted,
                 char why[S2S_TEXT_MAX])
{
    list l = {.context = c, .options = options, .names = names, .jobs = calloc(options->jobs, sizeof(job))};
    (void)snprintf(why, S2S_TEXT_MAX, "%s", s2s_strerror(S2S_E_NOMEM));
    s2s_err err = l.jobs ? open_output(&l, why) : S2S_E_NOMEM;
    if (err == S2S_OK) {
        for (size_t i = 0; i < options->jobs; i++)
            l.jobs[i].list = &l;
        (void)uv_timer_init(c->loop, &l.start);
        (void)uv_timer_init(c->loop, &l.progress);
        l.start.data = l.progress.data = &l;
        if (options->progress)
            uv_timer_start(&l.progress, on_progress, 0, PROGRESS_MS);
        watch_signals(&l);
        uv_timer_start(&l.start, on_start, 0, 0);
        while (!l.closed || l.open_handles > 0)
            (void)uv_run(c->loop, UV_RUN_ONCE);
        show_progress(&l, "   \n");
        if (l.failed) {
            (void)snprintf(why, S2S_TEXT_MAX, "%.150s: could not be written, or memory is out",
                           options->output ? options->output : "a result");
            err = S2S_E_IO;
        }
    }
    if (l.output && fclose(l.output) != 0 && err == S2S_OK)
        err = S2S_E_IO;
    json_decref(l.had);
    free(l.jobs);
    *interrupted = l.interrupted;
    return err;
}
