# SPDX-License-Identifier: MIT
"""run.py: s2sd against real Prosody and ejabberd servers, on this machine alone. See README.md. Run as root."""
import argparse
import asyncio
import fcntl
import os
import shutil
import signal
import sys
from pathlib import Path

import ejabberd.peer
import prosody.peer
from lab import dns, namespace, process, rootfs, tap
from lab.node import Node
from lab.pki import Pki
from scenarios import PeersAlone, WithNode

TOOLS = ("mmdebstrap", "unshare", "setpriv", "ip", "mount", "chroot", "openssl")
TAIL_LINES = 30  # of each log, when a scenario fails


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bindir", type=Path, help="where s2sd and s2sctl are")
    parser.add_argument("--cache", type=Path,
                        help="where the chroot and the logs are kept (S2S_INTEROP_CACHE goes first)")
    parser.add_argument("--lab-only", action="store_true", help="only prove the lab: the peers with each other")
    parser.add_argument("--only", metavar="WORD", help="only scenarios with this word in the name")
    parser.add_argument("--debug", action="store_true", help="all servers log what they can")
    given = parser.parse_args()
    if not given.lab_only and given.bindir is None:
        parser.error("--bindir is needed (or --lab-only)")
    if "S2S_INTEROP_CACHE" in os.environ:
        given.cache = Path(os.environ["S2S_INTEROP_CACHE"])
    if given.cache is None:
        parser.error("--cache or S2S_INTEROP_CACHE is needed")
    given.cache = given.cache.resolve()
    given.bindir = given.bindir and given.bindir.resolve()
    return given


def outside(given):
    """Checks, the chroot (which needs the network), and then the rest inside the namespaces."""
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
        rootfs.ensure(given.cache)
        return namespace.run_inside([sys.executable, "-B"] + sys.argv)


async def inside(given):
    work = given.cache / "work"
    if work.exists():
        shutil.rmtree(work)
    lab = namespace.Lab(rootfs.ensure(given.cache), work, given.debug)
    lab.set_up()
    pki = Pki(work / "pki")
    pki.make()
    report, running = tap.Report(), []

    def show_logs():
        for one in running:
            tap.say(f"--- {one.name}: last lines of {one.log_path}")
            tap.say("\n".join(one.log().splitlines()[-TAIL_LINES:]))

    try:
        running.append(dns.start(lab))
        peers = (prosody.peer.start(lab, pki), ejabberd.peer.start(lab, pki))
        running.extend(peers)
        node = None
        if not given.lab_only:
            node = Node(lab, pki, given.bindir)
            running.append(node.process)
        groups = [PeersAlone(peers)] + ([WithNode(peers, node)] if node else [])
        for scenario in (s for group in groups for s in group.all()):
            if given.only is None or given.only in scenario.__name__:
                await report.run(scenario.__name__.replace("_", " "), scenario, show_logs)
    except process.ProcessError as error:
        tap.say(f"Bail out! {error}")
        for log in sorted(lab.logs.iterdir()):
            tap.say(f"--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:]))
        return 1
    finally:
        for one in reversed(running):
            one.stop()
        tap.say(f"logs: {lab.logs}")
    return report.end()


def main():
    given = arguments()
    # Also where we were started in the background of a shell, which ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not namespace.inside():
        return outside(given)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return asyncio.run(inside(given))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
