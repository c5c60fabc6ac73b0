# SPDX-License-Identifier: MIT
"""rootfs.py: the Debian chroots that hold the real servers, built once and kept in a cache directory."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = "bookworm"
# Recommended Lua packages are named: Prosody needs lua-unbound for its DNS and lua-event for speed.
SERVERS = ("ca-certificates", "iproute2", "prosody", "lua-sec", "lua-unbound", "lua-event", "lua-readline", "ejabberd")


class Chroot:
    """One chroot: where its packages come from, and which. `pin`: packages that come from the last suite."""

    def __init__(self, suite, suites, packages, pin=""):
        self.suite, self.suites, self.packages, self.pin = suite, suites, packages, pin


# Prosody 0.12, ejabberd 23.01; Prosody 13.0.1, ejabberd 24.12; and the newest that Debian has of both.
CHROOTS = {
    SUITE: Chroot(SUITE, (SUITE, SUITE + "-updates", SUITE + "-security"),
                  SERVERS + ("unbound", "ldnsutils", "jabberd2")),
    "backports": Chroot(SUITE, (SUITE, SUITE + "-updates", SUITE + "-security", SUITE + "-backports"), SERVERS,
                        pin="prosody ejabberd erlang-* lua-*"),
    "testing": Chroot("forky", ("forky",), SERVERS),
    # What a new user has before the first step of docs/operating.md; systemd, because Debian's installer puts it there.
    "clean": Chroot(SUITE, (SUITE, SUITE + "-updates", SUITE + "-security"), ("ca-certificates", "iproute2", "systemd-sysv", "dbus")),
    "gateway": Chroot(SUITE, (SUITE, SUITE + "-updates", SUITE + "-security"), ("biboumi", "ngircd")),
    "acme": Chroot("forky", ("forky",), ("pebble",)),
    "mail": Chroot(SUITE, (SUITE, SUITE + "-updates", SUITE + "-security"), ("postfix",)),
}
DPKG_EXCLUDES = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
# Nothing may start while packages are installed (policy-rc.d: 101 means "forbidden").
POLICY_RC_D = 'printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'
# How this machine reaches its archive also holds for the chroot.
APT_OPTIONS_KEPT = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
# Backports are never taken by themselves: raise only the servers and what they are built from.
PIN = ('mkdir -p "$1/etc/apt/preferences.d"; '
       'printf "Package: {packages}\\nPin: release n={suite}\\nPin-Priority: 600\\n" > "$1/etc/apt/preferences.d/servers"')
STAMP = ".complete"
PROGRESS_SECONDS = 10


class RootfsError(Exception):
    pass


def apt_sources(chroot):
    """The machine's own Debian archive, as lines of a sources.list: the suites that it has, and those that it has not from
    where it takes its main one."""
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN) $(CREATED_BY)"
    out = subprocess.run(["apt-get", "indextargets", "--format", fields],
                         check=True, capture_output=True, text=True).stdout
    uris = {}
    for row in sorted(set(out.splitlines())):
        uri, release, component, origin, kind = row.split(" ", 4)
        if (kind, component, origin) == ("Packages", "main", "Debian"):
            uris.setdefault(release, uri)
    if SUITE not in uris:
        raise RootfsError(f"apt on this machine has no Debian source for {SUITE}; try apt-get update")
    return [f"deb {uris.get(suite, uris[SUITE])} {suite} main" for suite in chroot.suites
            if suite in uris or not suite.startswith(SUITE + "-") or suite.endswith("-backports")]


def apt_options():
    """The machine's apt options about reaching and checking the archive, as lines of an apt.conf."""
    out = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return [line for line in out.splitlines()
            if line.startswith(APT_OPTIONS_KEPT) and not line.endswith(' "";')]


def stamp_text(chroot):
    """What the chroot was made from; another text means another chroot."""
    parts = (chroot.suite, *chroot.suites, *chroot.packages, chroot.pin, *DPKG_EXCLUDES)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def is_complete(path, chroot):
    try:
        return (path / STAMP).read_text() == stamp_text(chroot)
    except OSError:
        return False


def mmdebstrap_command(path, chroot):
    command = ["mmdebstrap", "--variant=minbase", "--mode=root", "--include=" + ",".join(chroot.packages),
               '--aptopt=Apt::Install-Recommends "false"', "--essential-hook=" + POLICY_RC_D]
    command += ["--aptopt=" + option.rstrip(";") for option in apt_options()]
    command += ["--dpkgopt=path-exclude=" + pattern for pattern in DPKG_EXCLUDES]
    if chroot.pin:
        command.append("--setup-hook=" + PIN.format(packages=chroot.pin, suite=chroot.suites[-1]))
    return command + [chroot.suite, str(path)] + apt_sources(chroot)


def build(path, chroot):
    """Builds into a temporary directory beside `path` and renames it: never half a chroot at `path`."""
    temporary = Path(tempfile.mkdtemp(prefix="rootfs-", dir=path.parent))
    log = path.parent / f"{path.name}.log"
    started = time.monotonic()
    try:
        with open(log, "wb") as out:
            child = subprocess.Popen(mmdebstrap_command(temporary, chroot), stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=subprocess.STDOUT,
                                     env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
            try:
                wait_with_progress(child, log, started)
            except BaseException:
                child.terminate()
                child.wait()
                raise
        if child.returncode != 0:
            raise RootfsError(f"mmdebstrap failed ({child.returncode}):\n" + last_lines(log, 20))
        (temporary / STAMP).write_text(stamp_text(chroot))
        temporary.chmod(0o755)
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def wait_with_progress(child, log, started):
    while True:
        try:
            child.wait(PROGRESS_SECONDS)
            return
        except subprocess.TimeoutExpired:
            print(f"# rootfs: {time.monotonic() - started:.0f} s: {last_lines(log, 1)[:70]}", flush=True)


def last_lines(path, count):
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])


def ensure(cache, key=SUITE):
    """Returns the path of the complete chroot `key` below `cache`; builds it when there is none."""
    path, chroot = Path(cache) / f"rootfs-{key}", CHROOTS[key]
    if not is_complete(path, chroot):
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"# rootfs: building {path} (about a minute)", flush=True)
        build(path, chroot)
    return path


if __name__ == "__main__":
    for word in sys.argv[2:] or [SUITE]:
        print(ensure(sys.argv[1], word))
