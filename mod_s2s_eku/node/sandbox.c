/* SPDX-License-Identifier: MIT */
/* sandbox.c: Landlock by its three system calls (landlock(7)). */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "protocol/log.h"

/* Newer than the headers of Debian 12 (Linux 6.1); the numbers are the kernel's for ever. */
#define TRUNCATE (1ULL << 14)     /* version 3 */
#define IOCTL_DEVICE (1ULL << 15) /* version 5 */
#define SCOPE_SIGNAL (1ULL << 1)  /* version 6 */

/* struct landlock_ruleset_attr as of version 6; an older kernel is shown the part that it knows. */
typedef struct ruleset {
    uint64_t files, network, scopes;
} ruleset;

enum { FILES_ALONE = sizeof(uint64_t), VERSION_TRUNCATE = 3, VERSION_IOCTL = 5, VERSION_SCOPES = 6 };

static const uint64_t FILE_READ = LANDLOCK_ACCESS_FS_READ_FILE;
static const uint64_t FILE_WRITE = LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE;
static const uint64_t ALWAYS = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
                               LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                               LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                               LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                               LANDLOCK_ACCESS_FS_MAKE_SYM;

int sandbox_version(char why[S2S_TEXT_MAX])
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version > 0)
        return (int)version;
    (void)snprintf(why, S2S_TEXT_MAX, "%s",
                   errno == ENOSYS       ? "the kernel has no Landlock (Linux 5.13 and later can)"
                   : errno == EOPNOTSUPP ? "Landlock is not among the kernel's security modules (lsm=)"
                                         : strerror(errno));
    return 0;
}

/* All that is held back where no place permits it. */
static ruleset rules_of(int version)
{
    ruleset r = {.files = ALWAYS};
    if (version >= VERSION_TRUNCATE)
        r.files |= TRUNCATE;
    if (version >= VERSION_IOCTL)
        r.files |= IOCTL_DEVICE;
    if (version >= VERSION_SCOPES)
        r.scopes = SCOPE_SIGNAL;
    return r;
}

static uint64_t access_of(unsigned rights, bool is_directory)
{
    uint64_t access = 0;
    if (rights & SANDBOX_READ)
        access |= FILE_READ | (is_directory ? LANDLOCK_ACCESS_FS_READ_DIR : 0);
    if (rights & SANDBOX_WRITE)
        access |= FILE_WRITE | (is_directory ? LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE : 0);
    if ((rights & SANDBOX_SOCKET) && is_directory)
        access |= LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE;
    return access;
}

/* True also for a place that is not there: nothing can be permitted in it. */
static bool permit(int rules, const sandbox_place *place, uint64_t known)
{
    struct stat st;
    int fd = open(place->path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return true;
    struct landlock_path_beneath_attr beneath = {.parent_fd = fd};
    bool ok = fstat(fd, &st) == 0;
    beneath.allowed_access = ok ? access_of(place->rights, S_ISDIR(st.st_mode)) & known : 0;
    ok = ok && (!beneath.allowed_access || syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0);
    int fault = errno;
    (void)close(fd);
    errno = fault;
    return ok;
}

static bool restrict_to(const sandbox_places *places, int version)
{
    const ruleset r = rules_of(version);
    int rules = (int)syscall(SYS_landlock_create_ruleset, &r, version >= VERSION_SCOPES ? sizeof r : (size_t)FILES_ALONE, 0);
    bool ok = rules >= 0;
    for (size_t i = 0; i < places->len && ok; i++)
        ok = permit(rules, &places->list[i], r.files);
    ok = ok && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
    int fault = errno;
    if (rules >= 0)
        (void)close(rules);
    errno = fault;
    return ok;
}

void sandbox_enter(const s2s_env *env, const config *c)
{
    char why[S2S_TEXT_MAX] = "", number[12];
    sandbox_places places = {0};
    if (!c->sandbox) {
        s2s__log(env, S2S_LOG_INFO, "no sandbox: the configuration says \"sandbox: off\"", NULL, 0);
        return;
    }
    int version = sandbox_version(why);
    s2s_err err = version > 0 ? sandbox_plan(c, &places) : S2S_E_NOTFOUND;
    if (err == S2S_OK && !restrict_to(&places, version)) {
        (void)snprintf(why, sizeof why, "%s", strerror(errno));
        err = S2S_E_IO;
    }
    sandbox_places_free(&places);
    (void)snprintf(number, sizeof number, "%d", version);
    s2s_field held[] = {{"landlock", s2s_str_of(number)}}, not_held[] = {{"why", s2s_str_of(*why ? why : s2s_strerror(err))}};
    if (err == S2S_OK)
        s2s__log(env, S2S_LOG_INFO, "sandboxed: files are open where the configuration names them, no program can be started", held, 1);
    else
        s2s__log(env, S2S_LOG_WARN, "no sandbox of its own: only the service manager's holds, if there is one", not_held, 1);
}
