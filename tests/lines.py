#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Counts the lines of each layer of tests, and of the rooms that it protects: the table in docs/testing.md.

    tests/lines.py [--write]

--write puts the table between its marks in docs/testing.md.
"""
import os
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))
PAGE = os.path.join(ROOT, "docs/testing.md")
MARKS = ("<!-- tests/lines.py -->\n", "<!-- end -->\n")
CODE = (".c", ".h", ".cc", ".in", ".py", ".sh", ".dialog", ".inc", ".plans", ".txt", ".yaml")

PROTOCOL, TRANSPORT, FEDERATION = "core/protocol", "core/transport", "core/federation"
POLICY, NODE, CTL = "mod_s2s_eku/policy", "mod_s2s_eku/node", "mod_s2s_eku/ctl"
LAYERS = (  # (name, directories of the tests, rooms that run in it)
    ("unit tests", ("tests/unit", "tests/support"), (PROTOCOL, TRANSPORT, FEDERATION, POLICY, NODE, CTL)),
    ("dialogs", ("tests/dialogs",), (PROTOCOL,)),
    ("simulator", ("tests/sim",), (PROTOCOL, TRANSPORT, FEDERATION, POLICY)),
    ("truth table of certificates", ("tests/truth",), (POLICY,)),
    ("fuzz targets", ("tests/fuzz",), (PROTOCOL, POLICY, NODE)),
    ("hostile peers", ("tests/hostile",), (PROTOCOL, TRANSPORT, FEDERATION, POLICY, NODE)),
    ("killed in mid-traffic", ("tests/kill",), (PROTOCOL, TRANSPORT, FEDERATION, POLICY, NODE)),
    ("nodes as processes", ("tests/node", "tests/packaging", "tests/man"), (PROTOCOL, TRANSPORT, FEDERATION, POLICY, NODE, CTL)),
    ("threads", ("tests/threads",), (PROTOCOL, TRANSPORT, FEDERATION)),
    ("interop", ("interop",), (PROTOCOL, TRANSPORT, FEDERATION, POLICY, NODE, CTL)),
)


def count(directories):
    files = subprocess.run(["git", "ls-files", "-z", *directories], cwd=ROOT, check=True, capture_output=True).stdout
    total = 0
    for name in filter(None, files.decode().split("\0")):
        if name.endswith(CODE) and "/corpus/" not in name:
            with open(os.path.join(ROOT, name), "rb") as f:
                total += f.read().count(b"\n")
    return total


def table():
    rooms = {room: count([room]) for room in (PROTOCOL, TRANSPORT, FEDERATION, POLICY, NODE, CTL)}
    lines = ["| layer | its lines | runs | lines of that |", "|---|---|---|---|"]
    for name, directories, inside in LAYERS:
        what = "all rooms" if len(inside) == len(rooms) else ", ".join(f"`{room}`" for room in inside)
        lines.append(f"| {name} | {count(directories)} | {what} | {sum(rooms[room] for room in inside)} |")
    lines += ["", "Lines of the rooms: " + ", ".join(f"`{room}` {n}" for room, n in rooms.items()) + "."]
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] != ["--write"]:
        print(table(), end="")
        return
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    before, rest = page.split(MARKS[0])
    _, after = rest.split(MARKS[1])
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(before + MARKS[0] + table() + MARKS[1] + after)


if __name__ == "__main__":
    main()
