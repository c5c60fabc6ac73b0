/* SPDX-License-Identifier: MIT */
/* reload.c: reads, checks, swaps; and says what happened. */
#include "reload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policies.h"
#include "protocol/buf.h"
#include "protocol/log.h"
#include "reload_restart.h"
#include "setup.h"
#include "watch.h"
#include "workers.h"

/* What a file was: another one of the same name differs in some of it. */
typedef struct file_state {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
} file_state;

struct reload {
    reload_options options;
    node *node;
    policies *policies; /* NULL: another policy */
    file_state plugin; /* the one that was loaded */
    config *current; /* NULL: what the node started with */
    watch *watch;
    int64_t at;
    uint64_t count;
    bool ok;
};

static const config *in_force(const reload *r)
{
    return r->current ? r->current : r->options.started;
}

static file_state state_of(const char *file)
{
    struct stat st;
    if (!file || stat(file, &st) != 0)
        return (file_state){0};
    return (file_state){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

/* Code is not exchanged while verdicts may be on their way from it (ADR 16): that there is another one is told. */
static bool has_new_plugin(const reload *r)
{
    const char *file = r->options.started->plugin;
    const file_state now = state_of(file), *was = &r->plugin;
    if (!file || (now.device == was->device && now.inode == was->inode && now.size == was->size &&
                  now.changed.tv_sec == was->changed.tv_sec && now.changed.tv_nsec == was->changed.tv_nsec))
        return false;
    s2s_field field = {"file", s2s_str_of(file)};
    s2s__log(r->options.env, S2S_LOG_WARN, "reload: the plugin's file is another one now: the policy that was loaded stays until a restart",
             &field, 1);
    return true;
}

/* -- the files ----------------------------------------------------------------------------------------- */

typedef struct names {
    const char **list;
    size_t len;
} names;

static void add_name(names *n, const char *name)
{
    n->list[n->len++] = name;
}

static s2s_err look_at_files(const reload *r, const config *c, watch_files **out)
{
    names n = {0};
    size_t room = 2 * (c->domains_len + c->accounts_len) + c->ca_files_len + c->crl_files_len;
    for (size_t i = 0; i < c->remotes_len; i++)
        room += c->remotes[i].ca_files_len;
    n.list = s2s__alloc(r->options.env, (room + 1) * sizeof *n.list);
    if (!n.list)
        return S2S_E_NOMEM;
    for (size_t i = 0; i < c->domains_len; i++) {
        add_name(&n, c->domains[i].certificate);
        add_name(&n, c->domains[i].key);
    }
    for (size_t i = 0; i < c->accounts_len; i++) {
        add_name(&n, c->accounts[i].certificate);
        add_name(&n, c->accounts[i].key);
    }
    for (size_t i = 0; i < c->ca_files_len; i++)
        add_name(&n, c->ca_files[i]);
    for (size_t i = 0; i < c->crl_files_len; i++)
        add_name(&n, c->crl_files[i]);
    for (size_t i = 0; i < c->remotes_len; i++) {
        for (size_t k = 0; k < c->remotes[i].ca_files_len; k++)
            add_name(&n, c->remotes[i].ca_files[k]);
    }
    s2s_err err = watch_look(r->options.env, n.list, n.len, out);
    s2s__free(r->options.env, n.list);
    return err;
}

/* -- reading and swapping ------------------------------------------------------------------------------ */

/* All that `c` names, ready to be put in place. */
typedef struct fresh {
    s2s_setup *setup;
    policies *policies;
    size_t kept;
} fresh;

static s2s_err read_fresh(reload *r, const config *c, FILE *problems, fresh *out)
{
    char why[S2S_TEXT_MAX] = "";
    if (r->policies) {
        s2s_err err = policies_new(r->options.env, c, workers_count(node_workers(r->node)), &out->policies, why);
        if (err != S2S_OK) {
            (void)fprintf(problems, "%s\n", *why ? why : s2s_strerror(err));
            return err;
        }
    }
    s2s_err err = node_setup_new(r->options.env, c, node_federation(r->node), problems, &out->kept, &out->setup);
    if (err != S2S_OK)
        policies_free(out->policies);
    return err;
}

/* Takes over `new_config` (NULL: the files alone are new), if it succeeds. */
static s2s_err put_in_place(reload *r, config *new_config, fresh *f, FILE *problems)
{
    const config *c = new_config ? new_config : in_force(r);
    workers *w = node_workers(r->node);
    workers_park(w); /* all of it, in all workers, between two turns of each */
    s2s_err err = node_replace(r->node, c, f->setup);
    if (err == S2S_OK && f->policies)
        policies_replace(r->policies, f->policies); /* before streams are judged again, which is later */
    if (err == S2S_OK)
        r->options.env->level = c->log_level;
    workers_unpark(w);
    if (err != S2S_OK) {
        (void)fprintf(problems, "%s\n", s2s_strerror(err));
        s2s_setup_free(f->setup);
        policies_free(f->policies);
        return err;
    }
    if (new_config) {
        config_free(r->current);
        r->current = new_config;
    }
    return S2S_OK;
}

/* A directory that was replaced is another one to the sandbox; what could not be read then says "permission denied" alone. */
static void tell_sandboxed(const config *c, FILE *problems)
{
    for (size_t i = 0; i < c->files.len; i++) {
        int fd = open(c->files.list[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = errno;
        if (fd >= 0)
            (void)close(fd);
        else if (error == EACCES)
            (void)fprintf(problems, "%s: %s\n", c->files.list[i], config_why_unreadable(c->files.list[i], error));
    }
}

/* `whole`: the configuration too. */
static s2s_err read_again(reload *r, bool whole, FILE *problems, size_t *kept)
{
    fresh f = {0};
    config *c = NULL;
    s2s_err err = whole ? config_load(r->options.file, problems, &c) : S2S_OK;
    if (err != S2S_OK)
        return err;
    watch_files *files = NULL; /* of a new configuration; those of the one in force are watched on */
    err = c ? look_at_files(r, c, &files) : S2S_OK; /* before they are read, so that nothing is missed */
    if (err == S2S_OK)
        err = read_fresh(r, c ? c : in_force(r), problems, &f);
    if (err == S2S_OK)
        err = put_in_place(r, c, &f, problems);
    if (err == S2S_OK && files)
        watch_take(r->watch, files);
    if (err != S2S_OK) {
        watch_files_free(files);
        config_free(c);
    }
    *kept = f.kept;
    if (!whole && (err != S2S_OK || f.kept > 0))
        tell_sandboxed(in_force(r), problems);
    return err;
}

/* -- saying -------------------------------------------------------------------------------------------- */

/* Each line of `text` to the log and into the list. */
static json_t *tell_problems(const reload *r, s2s_level level, char *text)
{
    json_t *list = json_array();
    char *rest = text;
    for (char *line; list && (line = strsep(&rest, "\n"));) {
        s2s_field field = {"problem", s2s_str_of(line)};
        if (!*line)
            continue;
        s2s__log(r->options.env, level, "reload", &field, 1);
        json_t *value = json_string(line);
        if (json_array_size(list) < RELOAD_PROBLEMS_MAX)
            json_array_append(list, value);
        json_decref(value);
    }
    return list;
}

static void tell_restart(const reload *r, const json_t *keys)
{
    size_t i;
    json_t *key;
    json_array_foreach(keys, i, key) {
        s2s_field field = {"key", s2s_str_of(json_string_value(key))};
        s2s__log(r->options.env, S2S_LOG_WARN, "reload: this key has changed, which needs a restart", &field, 1);
    }
}

static json_t *run(reload *r, bool whole)
{
    char *text = NULL;
    size_t len = 0, kept = 0;
    FILE *problems = open_memstream(&text, &len);
    if (!problems)
        return NULL;
    s2s_err err = read_again(r, whole, problems, &kept);
    (void)fclose(problems);
    r->at = (int64_t)time(NULL);
    r->count++;
    r->ok = err == S2S_OK && kept == 0;
    /* A pair that does not fit is mostly one that is being replaced, file by file: the watch brings the other half. */
    json_t *list = text ? tell_problems(r, err == S2S_OK ? S2S_LOG_WARN : S2S_LOG_ERROR, text) : NULL;
    json_t *restart = reload_restart_keys(r->options.started, in_force(r), has_new_plugin(r));
    free(text);
    tell_restart(r, restart);
    if (err == S2S_OK && kept > 0)
        s2s__log(r->options.env, S2S_LOG_WARN, "reloaded but for these certificates: read again when their files change", NULL, 0);
    else if (err == S2S_OK)
        s2s__log(r->options.env, S2S_LOG_INFO, whole ? "configuration reloaded" : "certificates reloaded", NULL, 0);
    else
        s2s__log(r->options.env, S2S_LOG_ERROR, "nothing was reloaded: what was in force stays in force", NULL, 0);
    return json_pack("{s:b, s:o, s:o}", "ok", r->ok, "problems", list, "restart", restart);
}

json_t *reload_run(reload *r)
{
    return run(r, true);
}

static void on_changed(void *user)
{
    json_decref(run(user, false));
}

json_t *reload_json(const reload *r)
{
    return json_pack("{s:o, s:b, s:I}", "at", r->at ? json_integer((json_int_t)r->at) : json_null(), "ok", r->ok, "count",
                     (json_int_t)r->count);
}

/* -- life ---------------------------------------------------------------------------------------------- */

s2s_err reload_new(const reload_options *options, reload **out)
{
    reload *r = s2s__alloc(options->env, sizeof *r);
    if (!r)
        return S2S_E_NOMEM;
    r->options = *options;
    r->plugin = state_of(options->started->plugin);
    r->ok = true;
    watch_files *files = NULL;
    s2s_err err = watch_new(options->env, options->loop, on_changed, r, &r->watch);
    if (err == S2S_OK)
        err = look_at_files(r, options->started, &files);
    if (err == S2S_OK)
        watch_take(r->watch, files);
    *out = r;
    return err;
}

void reload_attach(reload *r, node *n, policies *p)
{
    r->node = n;
    r->policies = p;
}

void reload_stop(reload *r)
{
    if (r)
        watch_stop(r->watch);
}

void reload_free(reload *r)
{
    if (!r)
        return;
    watch_free(r->watch);
    config_free(r->current);
    s2s__free(r->options.env, r);
}
