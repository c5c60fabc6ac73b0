# SPDX-License-Identifier: MIT
"""program.py: what the lab's programs share: where things are kept, what the machine needs, and the way into the namespaces."""
import asyncio
import fcntl
import os
import shutil
import signal
import sys
from pathlib import Path

from lab import namespace, rootfs

TOOLS = ("mmdebstrap", "unshare", "setpriv", "ip", "mount", "chroot", "openssl")


def add_arguments(parser):
    parser.add_argument("--bindir", type=Path, help="where s2sd and s2sctl are")
    parser.add_argument("--cache", type=Path,
                        help="where the chroots and the logs are kept (S2S_INTEROP_CACHE goes first)")


def settle_arguments(parser, given):
    if "S2S_INTEROP_CACHE" in os.environ:
        given.cache = Path(os.environ["S2S_INTEROP_CACHE"])
    if given.cache is None:
        parser.error("--cache or S2S_INTEROP_CACHE is needed")
    given.cache = given.cache.resolve()
    given.bindir = given.bindir and given.bindir.resolve()
    return given


def outside(given, chroots):
    """Checks, the chroots (which need the network), and then the same program again inside the namespaces."""
    if os.geteuid() != 0:
        sys.exit("interop: must run as root (namespaces, chroot)")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        sys.exit(f"interop: not installed: {', '.join(missing)}; see README.md")
    given.cache.mkdir(parents=True, exist_ok=True)
    with open(given.cache / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"interop: another run uses {given.cache}")
        for key in chroots:
            rootfs.ensure(given.cache, key)
        return namespace.run_inside([sys.executable, "-B"] + sys.argv)


def run(given, chroots, inside):
    """`inside(given)`: a coroutine that returns the exit status."""
    # Also where we were started in the background of a shell, which ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not namespace.inside():
        return outside(given, chroots)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return asyncio.run(inside(given))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
