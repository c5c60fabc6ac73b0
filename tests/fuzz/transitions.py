#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The table of a session's states and events that the fuzz targets' inputs reach.

    transitions.py BINDIR DIRECTORY...

Each DIRECTORY has inputs in acceptor, initiator and both (seeds from the dialogs, recorded corpora, what campaigns found). A cell: how
many different states the event leads to; "=": it was tried there, and the state stays; nothing: never tried.
"""
import collections
import os
import subprocess
import sys

TARGETS = ("acceptor", "initiator", "both")


def seen(bindir, target, directories):
    inputs = [d for d in (os.path.join(one, target) for one in directories) if os.path.isdir(d)]
    done = subprocess.run([os.path.join(bindir, "fuzz-" + target), "-t", *inputs], check=True, capture_output=True, text=True)
    return [line.split() for line in done.stdout.split("\n")[1:] if line]


def main():
    bindir, directories = sys.argv[1], sys.argv[2:]
    table = collections.defaultdict(lambda: collections.defaultdict(set))
    states, events = [], []
    for target in TARGETS:
        for state, event, after in seen(bindir, target, directories):
            table[state][event].add(after)
            states += [s for s in dict.fromkeys((state, after)) if s not in states]
            events += [event] if event not in events else []
    changes = {(state, after) for state in table for event in table[state] for after in table[state][event] - {state}}
    print("| state | " + " | ".join(events) + " |\n" + "|---" * (len(events) + 1) + "|")
    for state in states:
        cells = []
        for event in events:
            after = table[state][event] - {state}
            cells.append(str(len(after)) if after else "=" if table[state][event] else "")
        print(f"| `{state}` | " + " | ".join(cells) + " |")
    pairs = sum(bool(table[state][event]) for state in table for event in events)
    print(f"\n{len(states)} states, {pairs} pairs of state and event, {len(changes)} changes of state.")


if __name__ == "__main__":
    main()
