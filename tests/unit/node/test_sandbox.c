/* SPDX-License-Identifier: MIT */
/* test_sandbox.c: the places of a configuration, and what is left to do in them. Where the kernel has no Landlock, what needs it is
 * left out. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "node/sandbox.h"
#include "support/test_env.h"

static char top[] = "/tmp/s2sd-sandbox-XXXXXX";
static char why[S2S_TEXT_MAX];
static test_env t;

/* live/a.pem leads to archive/a1.pem; state/ is the census', run/ the control socket's; other/ is nobody's. */
static void make(void)
{
    static const char *const DIRECTORIES[] = {"conf", "live", "archive", "state", "run", "other"};
    cr_assert_not_null(mkdtemp(top));
    cr_assert_eq(chdir(top), 0);
    for (size_t i = 0; i < sizeof DIRECTORIES / sizeof *DIRECTORIES; i++)
        cr_assert_eq(mkdir(DIRECTORIES[i], 0755), 0);
    cr_assert_eq(close(creat("archive/a1.pem", 0644)), 0);
    cr_assert_eq(close(creat("other/secret", 0644)), 0);
    cr_assert_eq(symlink("../archive/a1.pem", "live/a.pem"), 0);
    test_env_init(&t);
}

static void removed(void)
{
    char command[sizeof top + 8];
    cr_assert_eq(chdir("/"), 0);
    (void)snprintf(command, sizeof command, "rm -r %s", top);
    cr_assert_eq(system(command), 0);
}

TestSuite(sandbox, .init = make, .fini = removed, .timeout = 60);

typedef struct setting {
    config c;
    char text[6][128];
    char *files[1], *listen[2];
} setting;

static char *path_of(char out[128], const char *before, const char *name)
{
    (void)snprintf(out, 128, "%s%s/%s", before, top, name);
    return out;
}

static void set(setting *s)
{
    *s = (setting){0};
    s->files[0] = path_of(s->text[0], "", "live/a.pem");
    s->listen[0] = path_of(s->text[1], "unix:", "run/components.sock");
    s->listen[1] = path_of(s->text[2], "", "nothing");
    s->c = (config){.sandbox = true, .directory = path_of(s->text[3], "", "conf"), .census = path_of(s->text[4], "", "state/census.db"),
                    .control = path_of(s->text[5], "", "run/control.sock"), .files = {s->files, 1}, .component_listen = s->listen,
                    .component_listen_len = 1};
}

static unsigned rights_at(const sandbox_places *p, const char *name)
{
    char path[128];
    unsigned found = 0;
    for (size_t i = 0; i < p->len; i++) {
        if (strcmp(p->list[i].path, *name == '/' ? name : path_of(path, "", name)) == 0) {
            cr_expect_eq(found, 0u, "%s twice", name);
            found = p->list[i].rights;
        }
    }
    return found;
}

Test(sandbox, opens_what_the_configuration_names)
{
    setting s;
    sandbox_places p;
    set(&s);
    cr_assert_eq(sandbox_plan(&s.c, &p), S2S_OK);
    cr_expect_eq(rights_at(&p, "conf"), (unsigned)SANDBOX_READ);
    cr_expect_eq(rights_at(&p, "live"), (unsigned)SANDBOX_READ);
    cr_expect_eq(rights_at(&p, "archive"), (unsigned)SANDBOX_READ, "where the link leads");
    cr_expect_eq(rights_at(&p, "state"), (unsigned)(SANDBOX_READ | SANDBOX_WRITE));
    cr_expect_eq(rights_at(&p, "run"), (unsigned)SANDBOX_SOCKET);
    cr_expect_eq(rights_at(&p, "other"), 0u);
    cr_expect_eq(rights_at(&p, "/etc/resolv.conf"), (unsigned)SANDBOX_READ);
    cr_expect_eq(rights_at(&p, "/etc"), 0u);
    cr_expect_eq(rights_at(&p, "/"), 0u);
    sandbox_places_free(&p);
}

Test(sandbox, a_file_in_the_root_directory_opens_itself_alone)
{
    char file[] = "/no-such-file.pem", census[] = "/no-such-census.db";
    setting s;
    sandbox_places p;
    set(&s);
    s.files[0] = file;
    s.c.census = census;
    cr_assert_eq(sandbox_plan(&s.c, &p), S2S_OK);
    cr_expect_eq(rights_at(&p, file), (unsigned)SANDBOX_READ);
    cr_expect_eq(rights_at(&p, "/"), 0u);
    sandbox_places_free(&p);
}

Test(sandbox, without_census_nothing_is_written)
{
    setting s;
    sandbox_places p;
    set(&s);
    s.c.census = NULL;
    cr_assert_eq(sandbox_plan(&s.c, &p), S2S_OK);
    for (size_t i = 0; i < p.len; i++) /* a build that counts its lines must write the counts */
        cr_expect(!(p.list[i].rights & SANDBOX_WRITE) || strstr(p.list[i].path, "coverage"), "%s", p.list[i].path);
    sandbox_places_free(&p);
}

static bool opens(const char *name, int flags)
{
    int fd = open(name, flags | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != EACCES;
}

static bool binds(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    bool ok = bind(fd, (const struct sockaddr *)&at, sizeof at) == 0;
    close(fd);
    return ok;
}

/* The number of what is not as it should be; 0: all is. */
static int check_inside(const setting *s)
{
    char *const arguments[] = {(char[]){"true"}, NULL};
    sandbox_enter(&t.env, &s->c);
    const bool GOOD[] = {
        strstr(t.last_log, "sandboxed: ") != NULL,
        opens("live/a.pem", O_RDONLY), opens("archive/a1.pem", O_RDONLY), opens("/etc/hosts", O_RDONLY),
        opens("state/census.db", O_RDWR | O_CREAT), unlink("state/census.db") == 0, binds("run/control.sock"),
        unlink("run/control.sock") == 0,
        !opens("other/secret", O_RDONLY), !opens("/etc/fstab", O_RDONLY), !opens("archive/a1.pem", O_WRONLY),
        !opens("conf/new", O_WRONLY | O_CREAT), !opens("run/file", O_WRONLY | O_CREAT), !binds("state/other.sock"),
        mkdir("state/new", 0755) != 0, symlink("x", "state/link") != 0, truncate("archive/a1.pem", 9) != 0 || sandbox_version(why) < 3,
        execv("/bin/true", arguments) != 0 && errno == EACCES,
        kill(getppid(), 0) != 0 || sandbox_version(why) < 6,
        setresuid(geteuid(), geteuid(), geteuid()) == 0,
        strstr(config_why_unreadable("other/secret", EACCES), strerror(EACCES)) == NULL,
        strstr(config_why_unreadable("other/nothing", EACCES), "a sandbox does not") == NULL,
    };
    for (size_t i = 0; i < sizeof GOOD; i++) {
        if (!GOOD[i])
            return (int)i + 1;
    }
    return 0;
}

static int status_of_child(pid_t child)
{
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

Test(sandbox, holds)
{
    setting s;
    if (sandbox_version(why) == 0) {
        cr_log_warn("left out: %s", why);
        return;
    }
    set(&s);
    pid_t child = fork();
    if (child == 0)
        _exit(check_inside(&s)); /* `removed` must not be sandboxed */
    int wrong = status_of_child(child);
    cr_expect_eq(wrong, 0, "number %d is not as it should be", wrong);
}

Test(sandbox, off_is_told)
{
    setting s;
    set(&s);
    s.c.sandbox = false;
    sandbox_enter(&t.env, &s.c);
    cr_expect_not_null(strstr(t.last_log, "sandbox: off"), "%s", t.last_log);
    cr_expect(opens("other/secret", O_RDONLY));
}
