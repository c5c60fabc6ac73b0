# SPDX-License-Identifier: MIT
"""run_features.py: what s2sd and every server of the lab can do together, used and looked at. See README.md. Run as root."""
import argparse
import datetime
import shutil
import sys
from pathlib import Path

from features import cases, observe, table
from lab import namespace, program, rootfs, tap
from matrix import axes, faults, sections
from matrix.certificates import Certificates
from matrix.servers import Servers, version


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    parser.add_argument("--phase", action="append", choices=[p.name for p in cases.PHASES], help="only this (repeat)")
    parser.add_argument("--peer", action="append", choices=[p.name for p in axes.PEERS], help="only this (repeat)")
    parser.add_argument("--page", type=Path, help="write the table there, as a section of its own")
    given = program.settle_arguments(parser, parser.parse_args())
    if given.bindir is None:
        parser.error("--bindir is needed")
    given.page = given.page and given.page.resolve()
    return given


def chroots_of(peers):
    """The first one also holds the name server."""
    return list(dict.fromkeys([rootfs.SUITE] + [p.chroot for p in peers]))


def peers_of(given):
    return [p for p in axes.PEERS if not given.peer or p.name in given.peer]


async def try_phase(given, labs, directory, pki, phase, peers):
    """(what observe.judge says, {peer: what its log says of answers that it left unread})"""
    servers = Servers(labs, directory, pki, given.bindir, phase, peers, cases.VARIANTS, cases.VARIANTS)
    servers.directory.mkdir(parents=True)
    try:
        servers.start()
        tap.say(f"{directory.name}: servers up")
        seen = await observe.run(servers, given.bindir, phase, peers)
    finally:
        servers.stop()
    tap.check(servers.by_name[axes.OURS].stop() == 0, "s2sd's exit status")
    return observe.judge(servers, phase, peers, seen), {p: lost for p in peers if (lost := observe.lost(servers, p, seen[p]))}


async def run_phase(given, labs, work, pki, phase, peers):
    """(results, what was lost); a server that lost something to its own fault (matrix/faults.py) does the phase again, nobody else."""
    results, all_lost, left = {}, [], peers
    for attempt in range(1, faults.TRIES + 1):
        found, lost = await try_phase(given, labs, work / (phase.name if attempt == 1 else f"{phase.name}-{attempt}"), pki, phase, left)
        results.update(found)
        all_lost += [f"{phase.name}, {p.name}, try {attempt}: {text}" for p, texts in lost.items() for text in texts]
        left = [p for p in left if p in lost]
        if not left:
            break
    return results, all_lost


async def inside(given):
    peers = peers_of(given)
    work = given.cache / "features"
    if work.exists():
        shutil.rmtree(work)
    labs = {key: namespace.Lab(rootfs.ensure(given.cache, key), work) for key in chroots_of(peers)}
    first, *others = labs.values()
    first.set_up()
    for lab in others:
        lab.mount()
    pki = Certificates(work / "pki")
    pki.make([(f"{v}.{label}.{axes.ZONE}", v) for label in [axes.OURS] + [p.name for p in peers] for v in cases.VARIANTS])
    results, lost = {}, []
    for phase in cases.PHASES:
        if not given.phase or phase.name in given.phase:
            found, more = await run_phase(given, labs, work, pki, phase, peers)
            results.update(found)
            lost += more
    versions = {p.name: version(labs[p.chroot], p) for p in peers}
    for line in table.lines(results) + lost:
        tap.say(line)
    if given.page:
        sections.put(given.page, sections.FEATURES,
                     table.section(results, versions, peers, datetime.date.today().isoformat(), lost))
    wrong = table.wrong(results)
    tap.say(f"logs: {work}")
    print(f"features: {len(results) - len(wrong)} passed, {len(wrong)} failed", flush=True)
    return 1 if wrong or not results else 0


def main():
    given = arguments()
    return program.run(given, chroots_of(peers_of(given)), inside)


if __name__ == "__main__":
    sys.exit(main())
