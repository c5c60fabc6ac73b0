/* SPDX-License-Identifier: MIT */
/* inventory.c: `s2sctl inventory`: walking the disk, and the report. */
#include "inventory.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "command.h"
#include "probe/context.h"
#include "probe/report.h"

/* -- walking ------------------------------------------------------------------------------------------- */

s2s_err inventory_init(inventory *i, const s2s_env *env)
{
    *i = (inventory){.env = env,
                     .certificates = json_array(),
                     .index = json_object(),
                     .places = json_object(),
                     .uses = json_array(),
                     .unreadable = json_array()};
    return i->certificates && i->index && i->places && i->uses && i->unreadable ? S2S_OK : S2S_E_NOMEM;
}

void inventory_free(inventory *i)
{
    json_decref(i->certificates);
    json_decref(i->index);
    json_decref(i->places);
    json_decref(i->uses);
    json_decref(i->unreadable);
    *i = (inventory){0};
}

static void note_unreadable(inventory *i, const char *path)
{
    json_t *text = json_string(path);
    json_array_append_new(i->unreadable, text ? text : json_string("(a name that is not UTF-8)"));
}

/* The whole file, NUL-terminated; NULL: it cannot be read, or is too large (`*len` says how large). */
static char *read_whole(const char *path, size_t *len)
{
    FILE *in = fopen(path, "re");
    char *text = in ? malloc(INVENTORY_FILE_MAX + 1) : NULL;
    *len = text ? fread(text, 1, INVENTORY_FILE_MAX, in) : 0;
    bool failed = !text || ferror(in);
    if (in)
        (void)fclose(in);
    if (failed) {
        free(text);
        return NULL;
    }
    text[*len] = '\0';
    return text;
}

static void take_file(inventory *i, const char *path)
{
    size_t len;
    char *real = realpath(path, NULL), *text = real ? read_whole(path, &len) : NULL;
    if (!text) {
        note_unreadable(i, path);
    } else if (memchr(text, '\0', len) == NULL) { /* no binary file */
        if (strstr(text, "-----BEGIN CERTIFICATE-----"))
            inventory_take_certificate(i, path, real, text, len);
        else
            inventory_take_config(i, path, text);
    }
    free(text);
    free(real);
}

/* certbot keeps every version below archive/; what is in force is linked from live/ beside it. */
static bool is_archive(const char *directory, const char *name)
{
    char path[4096];
    struct stat st;
    if (strcmp(name, "archive") != 0)
        return false;
    (void)snprintf(path, sizeof path, "%s/live", directory);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void walk_directory(inventory *i, const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        note_unreadable(i, path);
        return;
    }
    for (int k = 0; k < count; k++) {
        const char *name = entries[k]->d_name;
        char below[4096];
        struct stat st;
        bool fits = snprintf(below, sizeof below, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name) <
                    (int)sizeof below;
        if (fits && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !is_archive(path, name) &&
            lstat(below, &st) == 0) {
            bool link = S_ISLNK(st.st_mode) && stat(below, &st) == 0;
            if (S_ISREG(st.st_mode) || (S_ISDIR(st.st_mode) && !link))
                inventory_walk(i, below);
        }
        free(entries[k]);
    }
    free(entries);
}

void inventory_walk(inventory *i, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        note_unreadable(i, path);
    } else if (S_ISDIR(st.st_mode)) {
        if (i->depth == INVENTORY_DEPTH_MAX) {
            i->cut = true;
            return;
        }
        i->depth++;
        walk_directory(i, path);
        i->depth--;
    } else if (S_ISREG(st.st_mode) && st.st_size <= INVENTORY_FILE_MAX) {
        if (i->files == INVENTORY_FILES_MAX) {
            i->cut = true;
            return;
        }
        i->files++;
        take_file(i, path);
    }
}

/* -- the report ---------------------------------------------------------------------------------------- */

static bool is_client(const json_t *cert)
{
    size_t k;
    json_t *use;
    json_array_foreach(json_object_get(cert, "used_by"), k, use)
    {
        if (strcmp(report_word(use, "role"), "server") != 0)
            return true;
    }
    return false;
}

static bool is_bad(const json_t *cert)
{
    const char *client = report_word(cert, "client");
    return is_client(cert) && (strcmp(client, "lost") == 0 || strcmp(client, "until-renewal") == 0);
}

bool inventory_is_bad(const inventory *i)
{
    size_t k;
    json_t *cert;
    json_array_foreach(i->certificates, k, cert)
    {
        if (is_bad(cert))
            return true;
    }
    return false;
}

static void print_certificate(FILE *out, const json_t *cert)
{
    size_t k;
    json_t *item;
    json_array_foreach(json_object_get(cert, "files"), k, item)(void)
        fprintf(out, "%s%s\n", k ? "  also " : "", json_string_value(item));
    (void)fputs("  names     ", out);
    json_array_foreach(json_object_get(cert, "names"), k, item)(void)
        fprintf(out, "%s%s", k ? " " : "", json_string_value(item));
    (void)fprintf(out, "\n  issuer    %s\n  EKU       %s, until %.10s\n  as client %s: %s\n",
                  report_word(cert, "issuer"), report_word(cert, "eku"), report_word(cert, "not_after"),
                  report_word(cert, "client"), report_word(cert, "why"));
    json_array_foreach(json_object_get(cert, "used_by"), k, item)
    {
        const char *role = report_word(item, "role");
        (void)fprintf(out, "  used by   %s, %s (%s", report_word(item, "program"),
                      strcmp(role, "both") == 0     ? "as a server and when it connects"
                      : strcmp(role, "client") == 0 ? "as a client"
                                                    : "as a server",
                      report_word(item, "config"));
        if (json_integer_value(json_object_get(item, "line")) > 0)
            (void)fprintf(out, ":%lld", (long long)json_integer_value(json_object_get(item, "line")));
        (void)fputs(")\n", out);
    }
    if (is_bad(cert))
        (void)fputs("  -> try it on those whom you connect to: s2sctl probe for XMPP, s2sctl probe --protocol smtp or "
                    "tls for others\n",
                    out);
}

void inventory_print(FILE *out, const inventory *i)
{
    size_t k;
    json_t *item;
    json_array_foreach(i->certificates, k, item)
    {
        print_certificate(out, item);
        (void)fputc('\n', out);
    }
    (void)fprintf(out, "%zu certificates and %zu configurations that name some, in %zu files%s\n",
                  json_array_size(i->certificates), i->configs, i->files,
                  i->cut ? "; there are more, which were not looked at" : "");
    json_array_foreach(i->unreadable, k, item)(void) fprintf(out, "not readable: %s\n", json_string_value(item));
}

json_t *inventory_json(const inventory *i)
{
    return json_pack("{s:O, s:I, s:I, s:O, s:b}", "certificates", i->certificates, "files", (json_int_t)i->files,
                     "configurations", (json_int_t)i->configs, "unreadable", i->unreadable, "cut", i->cut);
}

/* -- the command --------------------------------------------------------------------------------------- */

static const char USAGE[] =
    "Usage: s2sctl inventory [--json] PATH...\n"
    "\n"
    "Looks for certificates in files and directories: which may not be used as a client's any more, which will not "
    "after their\n"
    "renewal, and which programs use them so (Prosody, ejabberd, s2sd, Postfix, nginx, Apache, Dovecot).\n"
    "\n"
    "  --json               print one JSON object\n"
    "  --help               show this\n"
    "\n"
    "Exit status: 0 nothing is at risk, 1 a certificate that is used as a client's is, 2 usage or a path that is not "
    "there.\n";

int command_inventory(int argc, char **argv)
{
    enum { JSON = 256, HELP };
    static const struct option OPTIONS[] = {{"json", no_argument, NULL, JSON}, {"help", no_argument, NULL, HELP}, {0}};
    bool json = false;
    s2s_env env;
    inventory i;
    for (int option; (option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (option) {
        case JSON: json = true; break;
        case HELP: (void)fputs(USAGE, stdout); return CTL_GOOD;
        default: (void)fputs(USAGE, stderr); return CTL_USAGE;
        }
    }
    if (optind == argc) {
        (void)fputs(USAGE, stderr);
        return CTL_USAGE;
    }
    probe_env_init(&env);
    int status = inventory_init(&i, &env) == S2S_OK ? CTL_GOOD : CTL_USAGE;
    for (int k = optind; k < argc && status == CTL_GOOD; k++) {
        struct stat st;
        if (stat(argv[k], &st) != 0) {
            (void)fprintf(stderr, "s2sctl: inventory: %s: %s\n", argv[k], strerror(errno));
            status = CTL_USAGE;
        } else {
            inventory_walk(&i, argv[k]);
        }
    }
    if (status == CTL_GOOD) {
        inventory_join(&i);
        json_t *all = json ? inventory_json(&i) : NULL;
        if (json) {
            (void)json_dumpf(all, stdout, JSON_INDENT(2));
            (void)putchar('\n');
        } else {
            inventory_print(stdout, &i);
        }
        json_decref(all);
        status = inventory_is_bad(&i) ? CTL_NEGATIVE : CTL_GOOD;
    }
    inventory_free(&i);
    return status;
}
