/* SPDX-License-Identifier: MIT */
/* config_file.c: the files and sockets that a configuration names. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "node/config_check.h"
#include "protocol/xml/utf8.h"

/* Makes the path after `prefix` bytes of the text absolute. */
static bool make_absolute(config_reading *r, config_node *n, size_t prefix)
{
    char *absolute = NULL;
    if (n->text[prefix] == '/')
        return true;
    if (asprintf(&absolute, "%.*s%s/%s", (int)prefix, n->text, r->directory, n->text + prefix) < 0) {
        r->nomem = true;
        return false;
    }
    config_set_text(r, n, absolute);
    free(absolute);
    return !r->nomem;
}

/* Keeps the path, which a secret will replace. At most one for each value of the file (CONFIG_NODES_MAX). */
static bool keep_path(config_reading *r, const char *path)
{
    char **list = realloc(r->files, (r->files_len + 1) * sizeof *list);
    if (list)
        r->files = list;
    if (!list || !(list[r->files_len] = strdup(path))) {
        r->nomem = true;
        return false;
    }
    r->files_len++;
    return true;
}

const char *config_why_unreadable(const char *file, int error)
{
    if (error == EACCES && faccessat(AT_FDCWD, file, R_OK, AT_EACCESS) == 0) /* access(2) knows no sandbox */
        return "its mode permits it, but a sandbox does not: s2sd's own learns of new directories at a restart only (sandbox in "
               "s2sd.yaml(5)); else AppArmor or SELinux";
    if (error == EACCES)
        return "Permission denied: the user that s2sd runs as must be able to read it (chgrp, chmod 640) and to enter its directories";
    return strerror(error);
}

/* -1 after reporting. A pipe or a device would make each reload another one. */
static int open_file(config_reading *r, config_node *n)
{
    config_quoted quoted;
    struct stat st;
    if (!make_absolute(r, n, 0) || !keep_path(r, n->text))
        return -1;
    int fd = open(n->text, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        config_problem_add(r, n, "cannot read %s: %s", config_quote(&quoted, n->text),
                           config_why_unreadable(n->text, errno));
    } else if (!S_ISREG(st.st_mode)) {
        config_problem_add(r, n, "cannot read %s: it is not a regular file", config_quote(&quoted, n->text));
    } else {
        return fd;
    }
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

void config_check_file(config_reading *r, config_node *n)
{
    int fd = open_file(r, n);
    if (fd >= 0)
        (void)close(fd);
}

/* Up to `room` bytes; -1 on failure. */
static ssize_t read_some(int fd, char *out, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, out + len, room - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    return (ssize_t)len;
}

/* The first line without blanks around it; NUL-terminated in place. */
static char *trim_first_line(char *text)
{
    char *end = strchrnul(text, '\n');
    text += strspn(text, " \t\r");
    while (end > text && strchr(" \t\r", end[-1]))
        end--;
    *(end < text ? text : end) = '\0';
    return text;
}

static bool is_text(const char *s)
{
    s2s__utf8 utf8 = {0};
    size_t good;
    for (const char *c = s; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return false;
    }
    return s2s__utf8_check(&utf8, (const uint8_t *)s, strlen(s), &good) == UTF8_OK && utf8.need == 0;
}

void config_check_secret_file(config_reading *r, config_node *n)
{
    config_quoted quoted;
    char line[CONFIG_SECRET_MAX + 2];
    int fd = open_file(r, n);
    if (fd < 0)
        return;
    ssize_t len = read_some(fd, line, sizeof line - 1);
    int error = errno;
    (void)close(fd);
    if (len < 0) {
        config_problem_add(r, n, "cannot read %s: %s", config_quote(&quoted, n->text), strerror(error));
        return;
    }
    line[len] = '\0';
    bool whole = strlen(line) <= CONFIG_SECRET_MAX || strchr(line, '\n');
    bool nul = strlen(line) < (size_t)len && !strchr(line, '\n');
    char *secret = trim_first_line(line);
    if (!whole)
        config_problem_add(r, n, "the first line of %s is longer than %d bytes",
                           config_quote(&quoted, n->text), CONFIG_SECRET_MAX);
    else if (nul || !is_text(secret))
        config_problem_add(r, n, "the first line of %s is not text", config_quote(&quoted, n->text));
    else if (*secret == '\0')
        config_problem_add(r, n, "the first line of %s is empty", config_quote(&quoted, n->text));
    else
        config_set_text(r, n, secret);
    explicit_bzero(line, sizeof line);
}

void config_check_socket(config_reading *r, config_node *n, size_t prefix)
{
    config_quoted quoted;
    const size_t most = sizeof ((struct sockaddr_un *)NULL)->sun_path - 1;
    if (n->text[prefix] == '\0')
        config_problem_add(r, n, "a path is missing after \"%s\"", n->text);
    else if (make_absolute(r, n, prefix) && n->len - prefix > most)
        config_problem_add(r, n, "%s is longer than the %zu bytes of a socket's path",
                           config_quote(&quoted, n->text), most);
}

void config_check_output(config_reading *r, config_node *n)
{
    if (strcmp(n->text, "off") != 0)
        (void)make_absolute(r, n, 0);
}
