/* SPDX-License-Identifier: MIT */
/* main.c: s2sctl's arguments and commands. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "command.h"

static const char USAGE[] =
    "Usage: s2sctl COMMAND [OPTIONS]\n"
    "\n"
    "Asks a running s2sd, or looks for itself. See s2sctl(1).\n"
    "\n"
    "  status               domains, components and streams\n"
    "  peers                each remote domain, each way: streams, and how it was verified\n"
    "  census               each remote domain under both modes, and who the other would cut off\n"
    "  close DOMAIN         close all streams with a domain, and forget that it could not be reached\n"
    "  reload               read the configuration and all certificates again\n"
    "  ping DOMAIN          ping a domain over its streams\n"
    "  probe DOMAIN...      walk the way to a domain's server, without a node; see s2sctl probe --help\n"
    "  explain [FILE]       what lines of a log or an error text mean (standard input, or the words given)\n"
    "  inventory PATH...    certificates on a disk: which may not be used by a client any more, and who uses them\n"
    "  cert FILE            the facts of a PEM chain, and what each mode makes of it; see s2sctl cert --help\n"
    "\n"
    "  --control PATH       the node's control socket (default: $S2SD_CONTROL, else /run/s2sd/control.sock)\n"
    "  --from DOMAIN        ping: the domain that asks (default: the node's first)\n"
    "  --domain D           cert: judge its names too\n"
    "  --ca FILE            cert: anchors in place of the system's\n"
    "  --as ROLE            cert: initiator (the default) or receiver\n"
    "  --json               print one JSON object\n"
    "  --help               show this\n"
    "  --version            show the version\n"
    "\n"
    "Exit status: 0 good, 1 a negative answer, 2 usage, or the node cannot be reached.\n";

#define DEFAULT_CONTROL "/run/s2sd/control.sock"

/* Commands with options of their own: the command comes first. */
static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
} OWN[] = {{"cert", command_cert}, {"probe", command_probe}, {"explain", command_explain}, {"inventory", command_inventory}};

static const struct {
    const char *name;
    int (*run)(const ctl_options *options, const char *domain);
    bool takes_domain;
} COMMANDS[] = {
    {"status", command_status, false}, {"peers", command_peers, false}, {"census", command_census, false},
    {"ping", command_ping, true},      {"close", command_close, true},  {"reload", command_reload, false},
};

void command_print_json(const json_t *object)
{
    (void)json_dumpf(object, stdout, JSON_INDENT(2));
    (void)putchar('\n');
}

int command_show(const ctl_options *options, json_t *request, void (*print)(const json_t *answer))
{
    json_t *answer = client_ask(options->control, request);
    if (!answer)
        return CTL_USAGE;
    int status = json_is_false(json_object_get(answer, "ok")) ? CTL_NEGATIVE : CTL_GOOD;
    if (options->json)
        command_print_json(answer);
    else
        print(answer);
    json_decref(answer);
    return status;
}

static int run(const ctl_options *options, int count, char **words)
{
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
        if (strcmp(words[0], COMMANDS[i].name) != 0)
            continue;
        if (count - 1 != (COMMANDS[i].takes_domain ? 1 : 0)) {
            (void)fprintf(stderr, "s2sctl: %s takes %s\n", words[0], COMMANDS[i].takes_domain ? "one domain" : "no arguments");
            return CTL_USAGE;
        }
        return COMMANDS[i].run(options, words[1]);
    }
    (void)fprintf(stderr, "s2sctl: no such command: %s\n", words[0]);
    return CTL_USAGE;
}

/* The exit status of a program whose output may have been lost. */
static int end(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("s2sctl");
        return CTL_USAGE;
    }
    return status;
}

int main(int argc, char **argv)
{
    enum { CONTROL = 256, FROM, JSON, HELP, VERSION };
    static const struct option OPTIONS[] = {{"control", required_argument, NULL, CONTROL},
                                            {"from", required_argument, NULL, FROM},
                                            {"json", no_argument, NULL, JSON},
                                            {"help", no_argument, NULL, HELP},
                                            {"version", no_argument, NULL, VERSION},
                                            {0}};
    const char *set = getenv("S2SD_CONTROL");
    ctl_options options = {.control = set && *set ? set : DEFAULT_CONTROL};
    for (size_t i = 0; argc > 1 && i < sizeof OWN / sizeof *OWN; i++) {
        if (strcmp(argv[1], OWN[i].name) == 0)
            return end(OWN[i].main(argc - 1, argv + 1));
    }
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case CONTROL: options.control = optarg; break;
        case FROM: options.from = optarg; break;
        case JSON: options.json = true; break;
        case HELP: (void)fputs(USAGE, stdout); return CTL_GOOD;
        case VERSION: (void)puts("s2sctl " S2S_VERSION); return CTL_GOOD;
        default: (void)fputs(USAGE, stderr); return CTL_USAGE;
        }
    }
    if (optind == argc) {
        (void)fputs(USAGE, stderr);
        return CTL_USAGE;
    }
    return end(run(&options, argc - optind, argv + optind));
}
