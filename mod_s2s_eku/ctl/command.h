/* SPDX-License-Identifier: MIT */
/* command.h: what the commands of s2sctl share. */
#ifndef S2SCTL_COMMAND_H
#define S2SCTL_COMMAND_H

#include <stdbool.h>

#include <jansson.h>

enum { CTL_GOOD = 0, CTL_NEGATIVE = 1, CTL_USAGE = 2 };

typedef struct ctl_options {
    const char *control; /* path of the node's socket */
    const char *from;    /* ping: NULL for the node's first domain */
    bool json;
} ctl_options;

/* Each returns the exit status. `domain` is the one given, for the commands that take one. */
int command_status(const ctl_options *options, const char *domain);
int command_peers(const ctl_options *options, const char *domain);
int command_census(const ctl_options *options, const char *domain);
int command_close(const ctl_options *options, const char *domain);
int command_reload(const ctl_options *options, const char *domain);
int command_ping(const ctl_options *options, const char *domain);

/* The same with all of the command's own arguments, its name first. */
int command_cert(int argc, char **argv);
int command_probe(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_inventory(int argc, char **argv);

/* Prints `object` as JSON on standard output. */
void command_print_json(const json_t *object);
/* Asks the node (takes over the reference of `request`), prints its answer by `print` or as JSON, and returns the exit status: an
 * answer with "ok": false is a negative one. */
int command_show(const ctl_options *options, json_t *request, void (*print)(const json_t *answer));

#endif
