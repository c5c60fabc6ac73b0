# SPDX-License-Identifier: MIT
"""rootfs.py: the Debian chroot that holds the real servers, built once and kept in a cache directory."""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUITE = "bookworm"
SUITES = (SUITE, SUITE + "-updates", SUITE + "-security")
# Recommended Lua packages are named: Prosody needs lua-unbound for its DNS and lua-event for speed.
PACKAGES = (
    "ca-certificates", "iproute2", "unbound",
    "prosody", "lua-sec", "lua-unbound", "lua-event", "lua-readline",
    "ejabberd",
)
DPKG_EXCLUDES = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
# Nothing may start while packages are installed (policy-rc.d: 101 means "forbidden").
POLICY_RC_D = 'printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"'
# How this machine reaches its archive also holds for the chroot.
APT_OPTIONS_KEPT = ("Acquire::http", "Acquire::https", "Acquire::Check-Valid-Until", "Acquire::Check-Date")
STAMP = ".complete"
PROGRESS_SECONDS = 10


class RootfsError(Exception):
    pass


def apt_sources():
    """The machine's own Debian sources of the suite, as lines of a sources.list."""
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN) $(CREATED_BY)"
    out = subprocess.run(["apt-get", "indextargets", "--format", fields],
                         check=True, capture_output=True, text=True).stdout
    lines = []
    for row in sorted(set(out.splitlines())):
        uri, release, component, origin, kind = row.split(" ", 4)
        if (kind, component, origin) == ("Packages", "main", "Debian") and release in SUITES:
            lines.append(f"deb {uri} {release} main")
    if not any(f" {SUITE} " in line for line in lines):
        raise RootfsError(f"apt on this machine has no Debian source for {SUITE}; try apt-get update")
    return lines


def apt_options():
    """The machine's apt options about reaching and checking the archive, as lines of an apt.conf."""
    out = subprocess.run(["apt-config", "dump"], check=True, capture_output=True, text=True).stdout
    return [line for line in out.splitlines()
            if line.startswith(APT_OPTIONS_KEPT) and not line.endswith(' "";')]


def stamp_text():
    """What the chroot was made from; another text means another chroot."""
    return hashlib.sha256("\n".join((SUITE,) + PACKAGES + DPKG_EXCLUDES).encode()).hexdigest()


def is_complete(path):
    try:
        return (path / STAMP).read_text() == stamp_text()
    except OSError:
        return False


def mmdebstrap_command(path):
    command = ["mmdebstrap", "--variant=minbase", "--mode=root", "--include=" + ",".join(PACKAGES),
               '--aptopt=Apt::Install-Recommends "false"', "--essential-hook=" + POLICY_RC_D]
    command += ["--aptopt=" + option.rstrip(";") for option in apt_options()]
    command += ["--dpkgopt=path-exclude=" + pattern for pattern in DPKG_EXCLUDES]
    return command + [SUITE, str(path)] + apt_sources()


def build(path):
    """Builds into a temporary directory beside `path` and renames it: never half a chroot at `path`."""
    temporary = Path(tempfile.mkdtemp(prefix="rootfs-", dir=path.parent))
    log = path.parent / "rootfs.log"
    started = time.monotonic()
    try:
        with open(log, "wb") as out:
            child = subprocess.Popen(mmdebstrap_command(temporary), stdin=subprocess.DEVNULL,
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
        (temporary / STAMP).write_text(stamp_text())
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


def ensure(cache):
    """Returns the path of a complete chroot below `cache`; builds it when there is none."""
    path = Path(cache) / f"rootfs-{SUITE}"
    if not is_complete(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"# rootfs: building {path} (about a minute)", flush=True)
        build(path)
    return path


if __name__ == "__main__":
    print(ensure(sys.argv[1]))
