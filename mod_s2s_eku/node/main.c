/* SPDX-License-Identifier: MIT */
/* main.c: s2sd's arguments, signals, start and end. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "control.h"
#include "http.h"
#include "listen_fd.h"
#include "log.h"
#include "node.h"
#include "notify.h"
#include "plugin.h"
#include "policies.h"
#include "privilege.h"
#include "protocol/log.h"
#include "reload.h"
#include "sandbox.h"

enum { EXIT_GOOD = 0, EXIT_START = 1, EXIT_USAGE = 2, SIGNALS = 3 };

typedef struct program {
    const char *file;
    config *config;
    log_sink sink;
    s2s_env env;
    policies *policies;
    plugin *plugin; /* what they are of, in the place of the configuration's */
    uv_loop_t loop;
    node *node;
    control *control;
    reload *reload;
    http *http;
    notify notify;
    uv_signal_t signals[SIGNALS];
    size_t signals_len;
    bool stopping;
} program;

static const char USAGE[] =
    "Usage: s2sd --config FILE [--check]\n"
    "\n"
    "A node that federates XMPP domains. See s2sd(8).\n"
    "\n"
    "  --config FILE  the configuration (YAML)\n"
    "  --check        check the configuration and its certificates, then end\n"
    "  --help         show this\n"
    "  --version      show the version\n";

/* -- the end ------------------------------------------------------------------------------------------- */

static void on_node_stopped(void *user)
{
    program *p = user;
    for (size_t i = 0; i < p->signals_len; i++)
        uv_close((uv_handle_t *)&p->signals[i], NULL);
    p->signals_len = 0;
    notify_stop(&p->notify);
}

static void stop(program *p)
{
    p->stopping = true;
    notify_send(&p->notify, "STOPPING=1");
    control_stop(p->control);
    reload_stop(p->reload);
    http_stop(p->http);
    if (p->node)
        node_stop(p->node);
    else
        on_node_stopped(p);
}

/* The caller owns the answer. */
static json_t *reload_now(program *p)
{
    notify_reloading(&p->notify);
    json_t *answer = reload_run(p->reload);
    notify_send(&p->notify, "READY=1");
    return answer;
}

static void on_signal(uv_signal_t *handle, int number)
{
    program *p = handle->data;
    s2s_field field = {"signal", s2s_str_of(strsignal(number))};
    if (number == SIGHUP) {
        json_decref(p->stopping ? NULL : reload_now(p));
    } else if (p->stopping) {
        s2s__log(&p->env, S2S_LOG_WARN, "stopped at once, streams were cut", &field, 1);
        _exit(EXIT_START);
    } else {
        s2s__log(&p->env, S2S_LOG_INFO, "stopping", &field, 1);
        stop(p);
    }
}

/* -- the start ----------------------------------------------------------------------------------------- */

static s2s_err watch_signals(program *p)
{
    static const int NUMBERS[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < SIGNALS; i++) {
        if (uv_signal_init(&p->loop, &p->signals[i]) < 0)
            return S2S_E_IO;
        p->signals[i].data = p;
        p->signals_len++;
        if (uv_signal_start(&p->signals[i], on_signal, NUMBERS[i]) < 0)
            return S2S_E_IO;
    }
    return S2S_OK;
}

/* A configuration that is only looked at needs no second worker. */
static size_t workers_of(const program *p, bool check)
{
    return check ? 1 : p->config->workers;
}

static s2s_err make_policies(program *p, size_t workers, char why[S2S_TEXT_MAX])
{
    if (!p->config->plugin)
        return policies_new(&p->env, p->config, workers, &p->policies, why);
    s2s_err err = plugin_open(&p->env, p->config->plugin, &p->plugin, why);
    if (err != S2S_OK)
        return err;
    s2s_field fields[] = {{"file", s2s_str_of(p->config->plugin)}, {"name", s2s_str_of(plugin_name(p->plugin))}};
    s2s__log(&p->env, S2S_LOG_WARN, "another certificate policy is loaded; trust and policy.* of the configuration do not count", fields,
             2);
    return policies_of(&p->env, plugin_policy(p->plugin), workers, &p->policies);
}

/* Everything that can be checked without a socket. Faults are on standard error. */
static s2s_err prepare(program *p, bool check)
{
    char why[S2S_TEXT_MAX] = "";
    size_t workers = workers_of(p, check);
    const reload_options watched = {.env = &p->env, .loop = &p->loop, .file = p->file, .started = p->config};
    s2s_err err = check ? S2S_OK : reload_new(&watched, &p->reload); /* before the files are read */
    if (err == S2S_OK)
        err = make_policies(p, workers, why);
    if (err != S2S_OK) {
        (void)fprintf(stderr, "%s\n", *why ? why : s2s_strerror(err));
        return err;
    }
    node_options o = {.env = &p->env, .loop = &p->loop, .config = p->config, .policies = policies_list(p->policies),
                      .workers = workers, .check = check, .stopped = on_node_stopped, .user = p};
    err = node_new(&o, stderr, &p->node);
    if (err == S2S_OK && p->reload)
        reload_attach(p->reload, p->node, p->plugin ? NULL : p->policies);
    return err;
}

static json_t *reload_on_command(void *user)
{
    return reload_now(user);
}

static s2s_err listen_http(program *p, char why[S2S_TEXT_MAX])
{
    char bound[S2S_ADDRESS_MAX] = "";
    const http_options o = {.env = &p->env, .loop = &p->loop, .node = p->node, .reload = p->reload,
                            .address = p->config->http};
    s2s_err err = o.address ? http_new(&o, &p->http, bound, why) : S2S_OK;
    s2s_field field = {"address", s2s_str_of(bound)};
    if (err == S2S_OK && o.address)
        s2s__log(&p->env, S2S_LOG_INFO, "listening for HTTP", &field, 1);
    return err;
}

static bool all_turn(void *arg)
{
    const program *p = arg;
    return node_turns(p->node);
}

/* Control first: who sees a port open can ask at once. */
static s2s_err listen_all(program *p, char why[S2S_TEXT_MAX])
{
    const control_ops ops = {reload_on_command, p};
    s2s_err err = watch_signals(p);
    if (err == S2S_OK && p->config->control)
        err = control_new(&p->env, &p->loop, p->node, &ops, p->config->control, &p->control, why);
    if (err == S2S_OK)
        err = listen_http(p, why);
    if (err == S2S_OK)
        err = node_listen(p->node, why);
    if (err == S2S_OK)
        err = listen_fd_check(why);
    if (err == S2S_OK)
        err = privilege_drop(&p->env, p->config, p->file, why);
    if (err == S2S_OK) /* their threads have what is left */
        err = node_start(p->node);
    p->notify.lives = all_turn;
    p->notify.arg = p;
    return err;
}

static int run(program *p, bool check)
{
    char why[S2S_TEXT_MAX] = "";
    int status = prepare(p, check) == S2S_OK ? EXIT_GOOD : EXIT_USAGE;
    if (status == EXIT_GOOD && !check) {
        notify_start(&p->notify, &p->env, &p->loop);
        s2s_err err = listen_all(p, why);
        s2s_field field = err == S2S_OK ? (s2s_field){"version", S2S_STR(S2S_VERSION)}
                                        : (s2s_field){"why", s2s_str_of(*why ? why : s2s_strerror(err))};
        s2s__log(&p->env, err == S2S_OK ? S2S_LOG_INFO : S2S_LOG_ERROR, err == S2S_OK ? "ready" : "could not start",
                 &field, 1);
        status = err == S2S_OK ? EXIT_GOOD : EXIT_START;
        if (err == S2S_OK)
            notify_send(&p->notify, "READY=1");
    }
    if (status != EXIT_GOOD || check)
        stop(p);
    uv_run(&p->loop, UV_RUN_DEFAULT);
    if (status == EXIT_GOOD && !check)
        s2s__log(&p->env, S2S_LOG_INFO, "stopped", NULL, 0);
    return status;
}

static int start(const char *file, bool check)
{
    program p = {.file = file, .sink = {.file = stderr}};
    log_env_init(&p.env, &p.sink);
    if (config_load(file, stderr, &p.config) != S2S_OK)
        return EXIT_USAGE;
    p.env.level = p.config->log_level;
    p.env.limits = p.config->limits;
    p.sink.json = p.config->log_json;
    if (!check)
        sandbox_enter(&p.env, p.config); /* before anything could start a thread, a plugin's code too */
    if (uv_loop_init(&p.loop) < 0) {
        (void)fprintf(stderr, "s2sd: no event loop\n");
        config_free(p.config);
        return EXIT_START;
    }
    int status = run(&p, check);
    control_free(p.control);
    http_free(p.http);
    node_free(p.node);
    reload_free(p.reload);
    policies_free(p.policies);
    plugin_close(p.plugin);
    uv_loop_close(&p.loop);
    config_free(p.config);
    return status;
}

int main(int argc, char **argv)
{
    enum { CHECK = 256, HELP, VERSION, CONFIG };
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, CONFIG},
                                            {"check", no_argument, NULL, CHECK},
                                            {"help", no_argument, NULL, HELP},
                                            {"version", no_argument, NULL, VERSION},
                                            {0}};
    const char *file = NULL;
    bool check = false;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case CONFIG: file = optarg; break;
        case CHECK: check = true; break;
        case HELP: (void)fputs(USAGE, stdout); return EXIT_GOOD;
        case VERSION: (void)puts("s2sd " S2S_VERSION); return EXIT_GOOD;
        default: (void)fputs(USAGE, stderr); return EXIT_USAGE;
        }
    }
    if (!file || optind < argc) {
        (void)fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    return start(file, check);
}
