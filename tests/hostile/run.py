#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Attacks a node over real sockets, and looks at its memory, its descriptors, and at a stream that must not notice.

    tests/hostile/run.py --bindir DIR [--only NAME]
"""
import argparse
import sys
import time
import traceback

import attacks
from world import World

MEMORY_KB = 48 * 1024             # that the node may grow by, all attacks together
MEMORY_SANITIZED_KB = 512 * 1024  # the same where a sanitizer keeps what was freed
SETTLE_SECONDS = 90


def settled(world, descriptors):
    """True as soon as the node has let go of all connections of the attack."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        if world.us.descriptors() <= descriptors:
            return True
        time.sleep(0.05)
    return False


def attack(world, what, descriptors):
    """(outcome, problems)"""
    problems = []
    try:
        outcome = what(world)
    except Exception as e:  # whatever it is: the other attacks are still to be seen
        outcome = "FAILED"
        problems.append(f"{e!r}" if isinstance(e, AssertionError) else traceback.format_exc())
    if world.us.process.poll() is not None:
        problems.append(f"the node has ended: {world.us.said()[-3000:]}")
    elif not settled(world, descriptors):
        problems.append(f"{world.us.descriptors()} descriptors instead of {descriptors}")
    if not world.talk.wait_for_more():
        problems.append(f"the friend was disturbed: {world.talk.errors}")
    return outcome, problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bindir", required=True)
    parser.add_argument("--only")
    args = parser.parse_args()
    world = World(args.bindir)
    failed = 0
    descriptors, memory = world.us.descriptors(), world.us.memory_kb()
    print("| attack | what must come of it | what came | seconds | CPU ms | answers to the friend meanwhile |\n|---|---|---|---|---|---|")
    for what in attacks.ALL:
        if args.only not in (None, what.__name__):
            continue
        cpu, answers, began = world.us.cpu_seconds(), world.talk.answers, time.monotonic()
        outcome, problems = attack(world, what, descriptors)
        if world.us.process.poll() is None:
            cpu = (world.us.cpu_seconds() - cpu) * 1000
        print(f"| {what.__name__.replace('_', ' ')} | {what.__doc__} | {outcome} | {time.monotonic() - began:.1f} | {cpu:.0f} "
              f"| {world.talk.answers - answers} |", flush=True)
        for problem in problems:
            print("PROBLEM:", problem, flush=True)
        failed += bool(problems)
        if world.us.process.poll() is not None:
            break
    else:
        grown = world.us.memory_kb() - memory
        print(f"\nThe node has grown by {grown} KB.")
        if grown > (MEMORY_SANITIZED_KB if world.us.is_sanitized() else MEMORY_KB):
            print("PROBLEM: that is too much")
            failed += 1
    for problem in world.end():
        print("PROBLEM:", problem)
        failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
