# SPDX-License-Identifier: MIT
"""run_matrix.py: s2sd with every server of the lab, every certificate, both directions. See README.md. Run as root."""
import argparse
import datetime
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from lab import namespace, program, rootfs, tap
from matrix import axes, faults, observe, oracle, page, sections
from matrix.certificates import Certificates
from matrix.servers import Servers, version

PROGRESS_CELLS = 100


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    program.add_arguments(parser)
    parser.add_argument("--quick", action="store_true", help="one phase, the servers of Debian 12, a third of the certificates")
    parser.add_argument("--phase", action="append", choices=[p.name for p in axes.PHASES], help="only this (repeat)")
    parser.add_argument("--peer", action="append", choices=[p.name for p in axes.PEERS], help="only this (repeat)")
    parser.add_argument("--page", type=Path, help="write the tables here")
    given = program.settle_arguments(parser, parser.parse_args())
    if given.bindir is None:
        parser.error("--bindir is needed")
    given.page = given.page and given.page.resolve()
    return given


def choice(given):
    if given.quick:
        return ([axes.QUICK_PHASE], [p for p in axes.PEERS if p.chroot in axes.QUICK_CHROOTS], list(axes.QUICK_VARIANTS))
    return ([p for p in axes.PHASES if not given.phase or p.name in given.phase],
            [p for p in axes.PEERS if not given.peer or p.name in given.peer], list(axes.VARIANTS))


def chroots_of(peers):
    """The first one also holds the name server."""
    return list(dict.fromkeys([rootfs.SUITE] + [p.chroot for p in peers]))


def plan(phase, peers, variants):
    """({cell: expected}, {cell: why it cannot be})"""
    wanted, out = {}, {}
    for cell in axes.cells(phase, peers, variants):
        try:
            wanted[cell] = oracle.expect(cell)
        except oracle.Impossible as why:
            out[cell] = str(why)
    return wanted, out


def check_node(process):
    """s2sd itself: it was asked to end and did so in order, and no sanitizer spoke."""
    report = re.search("^.*(Sanitizer|runtime error:).*$", process.log(), re.MULTILINE)
    tap.check(report is None, f"s2sd's log has a sanitizer's report: {report and report[0]}")
    tap.check(process.stop() == 0, f"s2sd's exit status is {process.stop()}")


async def try_cells(given, labs, directory, pki, phase, peers, variants, wanted, at_once):
    """{cell: Seen} of the cells `wanted`, `at_once` at a time, with servers that have just started and are stopped at the end."""
    node_variants = [v for v in variants if v not in oracle.NOT_OURS]
    servers = Servers(labs, directory, pki, given.bindir, phase, peers, variants, node_variants)
    started, done = time.monotonic(), 0

    def progress():
        nonlocal done
        done += 1
        if done % PROGRESS_CELLS == 0:
            tap.say(f"{directory.name}: {done} of {len(wanted)} cells after {time.monotonic() - started:.0f} s")
    servers.directory.mkdir(parents=True)
    try:
        servers.start()
        tap.say(f"{directory.name}: servers up after {time.monotonic() - started:.0f} s")
        got, more, turns = await observe.run(wanted, servers, progress, at_once)
    finally:
        servers.stop()
    check_node(servers.by_name[axes.OURS])
    node_log = observe.NodeLog(servers.by_name[axes.OURS].log())
    texts = {p: (servers.by_name[p.name].log(), faults.Journal(servers.journal(p))) for p in peers}
    seen = {cell: observe.judge(cell, answer, turns[cell.connects], node_log, *texts[cell.peer], more) for cell, answer in got.items()}
    wrong = page.differences({cell: (wanted[cell], s) for cell, s in seen.items()})
    tap.say(f"{directory.name}: {len(seen)} cells in {time.monotonic() - started:.0f} s, {len(wrong)} other than expected, "
            f"{sum(bool(s.fault) for s in seen.values())} lost to a fault of the peer's")
    for line in wrong:
        tap.say(line)
    return seen


async def run_phase(given, labs, work, pki, phase, peers, variants):
    """A cell that is lost to a fault of the peer's is tried again with new servers, one after the other, up to faults.TRIES times; nothing
    else is."""
    variants = axes.variants_of(phase, variants)
    wanted, results = plan(phase, peers, variants)
    left, lost = wanted, {}
    for attempt in range(1, faults.TRIES + 1):
        directory = work / (phase.name if attempt == 1 else f"{phase.name}-{attempt}")
        concerned = [p for p in peers if attempt == 1 or any(cell.peer == p for cell in left)]
        tried = await try_cells(given, labs, directory, pki, phase, concerned, variants, left,
                                observe.AT_ONCE if attempt == 1 else 1)
        for cell, seen in tried.items():
            seen.lost = tuple(lost.get(cell, ()))
            results[cell] = (wanted[cell], seen)
            if seen.fault:
                lost.setdefault(cell, []).append(seen.fault)
        left = {cell: wanted[cell] for cell in left if results[cell][1].fault}
        if not left:
            break
    return results


async def inside(given):
    phases, peers, variants = choice(given)
    work = given.cache / "matrix"
    if work.exists():
        shutil.rmtree(work)
    labs = {key: namespace.Lab(rootfs.ensure(given.cache, key), work) for key in chroots_of(peers)}
    first, *others = labs.values()
    first.set_up()
    for lab in others:
        lab.mount()
    pki = Certificates(work / "pki")
    pki.make([(f"{v}.{label}.{axes.ZONE}", v) for label in [axes.OURS] + [p.name for p in peers] for v in variants])
    results = {}
    for phase in phases:
        results.update(await run_phase(given, labs, work, pki, phase, peers, variants))
    versions = {p.name: version(labs[p.chroot], p) for p in peers}
    ours = subprocess.run([given.bindir / "s2sd", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if given.page:
        command = "interop/run_matrix.py" if not (given.quick or given.phase or given.peer) else " ".join(sys.argv)
        sections.put(given.page, sections.MATRIX, page.page(results, versions, phases, peers, variants,
                                                            datetime.date.today().isoformat(), command, ours))
    tried = [r for r in results.values() if not isinstance(r, str)]
    wrong, unseen = len(page.differences(results)), page.unseen(results)
    for line in page.lost(results):
        tap.say(line)
    tap.say(f"logs: {work}")
    print(f"matrix: {len(tried) - wrong - unseen} passed, {wrong} failed, {len(results) - len(tried) + unseen} skipped "
          f"({unseen} of these lost to a fault of a peer's in all of {faults.TRIES} tries)", flush=True)
    return 1 if wrong or not tried else 0


def main():
    given = arguments()
    return program.run(given, chroots_of(choice(given)[1]), inside)


if __name__ == "__main__":
    sys.exit(main())
