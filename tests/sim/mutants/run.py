#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Plants each bug of bugs.txt in a copy of the tree, builds, and looks which layer of tests
notices first: the unit tests that the bug names, the simulator, the dialogs that it names, other unit tests.

    tests/sim/mutants/run.py --build DIR [--only REGEX]

A layer that notices is enough; a bug that none notices is a hole, and the exit status says so.
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
SEEDS = 15
LAYERS = ("sim", "dialogs", "unit")
UNITS = ("test_protocol", "test_protocol_reader", "test_policy_rules", "test_policy_names", "test_federation_queue", "test_federation")
ENV = dict(os.environ, GNUTLS_SYSTEM_PRIORITY_FILE="/dev/null")


def read_bugs(path):
    """Blocks of "name", "file", perhaps "dialogs", "units", "from" and "to", ended by an empty line; a line without a key goes on with the last."""
    bugs, bug, last = [], {}, None
    for line in open(path, encoding="utf-8").read().split("\n") + [""]:
        key, colon, value = line.partition(": ")
        if line.startswith("#"):
            continue
        if not line.strip():
            if bug:
                bugs.append(bug)
            bug, last = {}, None
        elif colon and key in ("name", "file", "dialogs", "units", "from", "to"):
            bug[key], last = value, key
        else:
            bug[last] += "\n" + line
    return bugs


def run(command, seconds):
    """True if it succeeded; a hang counts as a failure."""
    try:
        return subprocess.run(command, env=ENV, timeout=seconds, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def build(tree, *targets):
    subprocess.run(["cmake", "--build", "build", "-j", "2", "--target", *targets], cwd=tree, check=True,
                   stdout=subprocess.DEVNULL)


def prepare(directory):
    """A copy of the tree, built without sanitizers: the simulator keeps its own books of memory."""
    tree = os.path.join(directory, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in filter(None, files.decode().split("\0")):
        target = os.path.join(tree, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(os.path.join(ROOT, name), target)
    subprocess.run(["cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_C_FLAGS=-O1",
                    "-DS2S_TESTS=ON"], cwd=tree, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    build(tree, "sim", "dialog-run", *UNITS)
    return tree


def seeds_until_found(tree):
    """Which simulated world noticed; None: none of SEEDS did."""
    sim = os.path.join(tree, "build/bin/sim")
    if not run([sim, "--file", os.path.join(tree, "tests/sim/kept.plans")], 300):
        return "a kept world"
    for seed in range(1, SEEDS + 1):
        if not run([sim, "--seed", str(seed)], 300):
            return f"seed {seed}"
    return None


def failing(tree, units):
    """Those of the unit tests that fail, as words."""
    if units:
        build(tree, *units)
    bad = [u for u in units if not run([os.path.join(tree, "build/bin", u)], 300)]
    return ", ".join(b.removeprefix("test_") for b in bad)


def judge(tree, bug):
    """Which layer notices first: layer -> words; empty: none. A bug may name the unit tests that are about it, which are asked
    before all, and the dialogs."""
    bad = failing(tree, bug.get("units", "").split())
    if bad:
        return {"unit": bad}
    build(tree, "sim")
    seed = seeds_until_found(tree)
    if seed:
        return {"sim": seed}
    binaries = os.path.join(tree, "build/bin")
    build(tree, "dialog-run")
    bad = [d for d in sorted(glob.glob(os.path.join(tree, "tests/dialogs", bug.get("dialogs", "-") + ".dialog")))
           if not run([f"{binaries}/dialog-run", d], 300)]
    if bad:
        return {"dialogs": ", ".join(os.path.basename(b).removesuffix(".dialog") for b in bad[:2])
                           + (f" and {len(bad) - 2} more" if len(bad) > 2 else "")}
    bad = failing(tree, UNITS)
    return {"unit": bad} if bad else {}


def fits(tree, bug):
    """Where it goes, and what stands there; None: its text is not there once."""
    path = os.path.join(tree, bug["file"])
    text = open(path, encoding="utf-8").read()
    return (path, text) if text.count(bug["from"]) == 1 else None


def plant(tree, bug):
    found = fits(tree, bug)
    if not found:
        return None
    path, text = found
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(bug["from"], bug["to"]))
    return path, text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", help="a directory for the copy")
    parser.add_argument("--fit", action="store_true", help="only says which bugs do not fit the code any more")
    parser.add_argument("--only", default="", help="a regular expression")
    args = parser.parse_args()
    bugs = [b for b in read_bugs(os.path.join(os.path.dirname(__file__), "bugs.txt"))
            if re.search(args.only, b["name"])]
    if args.fit:
        stale = [b["name"] for b in bugs if not fits(ROOT, b)]
        print(f"{len(bugs)} bugs, of which do not fit the code: {stale or 'none'}")
        return 1 if stale else 0
    if not args.build:
        parser.error("--build says where")
    tree = prepare(os.path.abspath(args.build))
    if judge(tree, {}):
        sys.exit("the tests fail without any planted bug")
    holes = 0
    print("| planted bug | file | simulator | dialogs | unit |\n|---|---|---|---|---|", flush=True)
    for bug in bugs:
        began = time.monotonic()
        kept = plant(tree, bug)
        if not kept:
            print(f"| {bug['name']} | {bug['file']} | STALE: the text is not there once | | |", flush=True)
            holes += 1
            continue
        try:
            found = judge(tree, bug)
        except subprocess.CalledProcessError:
            found = {"unit": "DOES NOT BUILD"}
            holes += 1
        with open(kept[0], "w", encoding="utf-8") as f:
            f.write(kept[1])
        holes += not found
        words = [found.get(layer, "") for layer in LAYERS]
        print(f"| {bug['name']} | {os.path.basename(bug['file'])} | {' | '.join(words)} |"
              + ("" if found else " NOT FOUND"), f" ({time.monotonic() - began:.0f} s)", file=sys.stderr)
        print(f"| {bug['name']} | `{os.path.basename(bug['file'])}` | {' | '.join(words)} |"
              + ("" if found else " NOT FOUND"), flush=True)
    print(f"\n{len(bugs)} bugs, {holes} not found or stale", flush=True)
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
