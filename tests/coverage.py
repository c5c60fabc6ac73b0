#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sums what gcov says of a build with --coverage after its tests ran.

    tests/coverage.py BUILD_DIR [--uncovered DIRECTORY]

Prints lines and branches of each room. Branches that the compiler makes for what cannot fail are counted too.
"""
import argparse
import collections
import glob
import gzip
import json
import os
import subprocess
import tempfile

ROOMS = ("core/protocol", "core/transport", "core/federation", "mod_s2s_eku/policy", "mod_s2s_eku/node", "mod_s2s_eku/ctl")
ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), ".."))


def read(build):
    """{source: {line: (count, [branch counts])}}, the same source in several objects summed."""
    seen = collections.defaultdict(dict)
    notes = [os.path.abspath(n) for n in glob.glob(f"{build}/core/**/*.gcda", recursive=True)
             + glob.glob(f"{build}/mod_s2s_eku/**/*.gcda", recursive=True)]
    with tempfile.TemporaryDirectory() as out:
        for note in notes:
            subprocess.run(["gcov", "--branch-probabilities", "--json-format", note], cwd=out, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for path in glob.glob(f"{out}/*.gz"):
                with gzip.open(path, "rt") as f:
                    data = json.load(f)
                os.unlink(path)
                for file in data["files"]:
                    add(seen, os.path.join(data["current_working_directory"], file["file"]), file["lines"])
    return seen


def add(seen, path, lines):
    source = os.path.relpath(os.path.realpath(path), ROOT)
    if not source.startswith(ROOMS) or not source.endswith(".c"):
        return
    for line in lines:
        count, branches = seen[source].get(line["line_number"], (0, []))
        new = [b["count"] for b in line["branches"] if not b["throw"]]
        if len(branches) == len(new):
            new = [a + b for a, b in zip(branches, new)]
        seen[source][line["line_number"]] = (count + line["count"], new)


def share(part, whole):
    return f"{100 * part / whole:.1f} % of {whole}" if whole else "none"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--uncovered")
    args = parser.parse_args()
    seen = read(args.build)
    print("| room | lines | branches |\n|---|---|---|")
    for room in ROOMS:
        lines = [v for source, table in seen.items() if source.startswith(room + "/") for v in table.values()]
        branches = [b for _, counts in lines for b in counts]
        print(f"| `{room}` | {share(sum(c > 0 for c, _ in lines), len(lines))} | "
              f"{share(sum(b > 0 for b in branches), len(branches))} |")
    for source, table in sorted(seen.items()):
        if not args.uncovered or not source.startswith(args.uncovered):
            continue
        for number, (count, branches) in sorted(table.items()):
            if count == 0 or 0 in branches:
                print(f"{source}:{number}: {count} {branches}")


if __name__ == "__main__":
    main()
