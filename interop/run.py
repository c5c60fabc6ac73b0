# SPDX-License-Identifier: MIT
"""run.py: s2sd against real Prosody and ejabberd servers, on this machine alone. See README.md. Run as root."""
import argparse
import shutil
import sys

import ejabberd.peer
import prosody.peer
from lab import dns, namespace, process, program, rootfs, tap
from lab.node import Node
from lab.pki import Pki
from scenarios import PeersAlone, WithNode

TAIL_LINES = 30  # of each log, when a scenario fails


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    parser.add_argument("--lab-only", action="store_true", help="only prove the lab: the peers with each other")
    parser.add_argument("--only", metavar="WORD", help="only scenarios with this word in the name")
    parser.add_argument("--debug", action="store_true", help="all servers log what they can")
    given = parser.parse_args()
    if not given.lab_only and given.bindir is None:
        parser.error("--bindir is needed (or --lab-only)")
    return program.settle_arguments(parser, given)


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


if __name__ == "__main__":
    sys.exit(program.run(arguments(), (rootfs.SUITE,), inside))
