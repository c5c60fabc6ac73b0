#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""probe_lab.py: is what `s2sctl probe` says of a server's acceptance what messages through that server have shown?

    probe_lab.py --lab DIR --s2sctl FILE [--mode strict] [--jobs 4] [--table]

DIR is a running lab: servers that host VARIANT.PEER.example, certificates in pki/leaf/VARIANT.sut.example.{crt,key}, a DNS at
127.0.0.53, bin/lab-in to enter its namespace, and MATRIX.md with what was delivered, in tables "### MODE, variant certificate shown
by the initiator". E: delivered with EXTERNAL; D: with dialback; -: bounced. The probe speaks as VARIANT.sut.example with that
certificate. Its `mechanism` must say the same: external, dialback, none. Exit status 1: some cell differs.
"""
import argparse
import concurrent.futures
import json
import re
import subprocess
import sys
from pathlib import Path

PEERS = {"P12": "prosody12", "P130": "prosody130", "P137": "prosody137",
         "E23": "ejabberd23", "E24": "ejabberd24", "E26": "ejabberd26"}
WORDS = {"E": "external", "D": "dialback", "-": "none"}
LETTERS = {word: letter for letter, word in WORDS.items()}
# The row for messages that came from this family: only it can show every variant's certificate.
COUNTERPART = "P*"


def expected(matrix, mode):
    """{peer: {variant: letter}}"""
    head = f"### {mode}, variant certificate shown by the initiator"
    text = matrix.split(head, 1)
    if len(text) < 2:
        sys.exit(f"MATRIX.md has no table '{head}'")
    rows = [[cell.strip() for cell in line.strip("|").split("|")]
            for line in re.split(r"\n#", text[1], maxsplit=1)[0].splitlines() if line.startswith("|")]
    variants = rows[0][2:]
    return {row[0]: dict(zip(variants, row[2:])) for row in rows[2:] if row[1] == COUNTERPART}


def probe(options, peer, variant):
    leaf = options.lab / "pki" / "leaf" / f"{variant}.sut.example"
    command = [options.lab / "bin" / "lab-in", options.s2sctl, "probe", "--json", "--no-system-ca", "--ca", options.lab / "pki" / "ca.pem",
               "--dns", "127.0.0.53", "--from", f"{variant}.sut.example", "--certificate", f"{leaf}.crt", "--key", f"{leaf}.key",
               f"both.{PEERS[peer]}.example"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode not in (0, 1):
        return {"mechanism": "?", "answer": done.stderr.strip(), "ours": []}
    return json.loads(done.stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lab", type=Path, required=True)
    parser.add_argument("--s2sctl", type=Path, required=True)
    parser.add_argument("--mode", default="strict")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--table", action="store_true", help="print the table of what the probe said (Markdown)")
    options = parser.parse_args()
    options.s2sctl = options.s2sctl.resolve()
    options.lab = options.lab.resolve()
    want = expected((options.lab / "MATRIX.md").read_text(), options.mode)
    cells = [(peer, variant) for peer in PEERS for variant in want[peer]]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        results = dict(zip(cells, pool.map(lambda cell: probe(options, *cell), cells)))
    wrong = 0
    for (peer, variant), result in results.items():
        letter = want[peer][variant]
        if result["mechanism"] != WORDS[letter]:
            wrong += 1
            why = result["ours"][0]["why"] if result["ours"] else result["answer"]
            print(f"{peer} {variant}: messages {WORDS[letter]}, probe {result['mechanism']}: {why}")
    if options.table:
        variants = list(want["P12"])
        print("| server | " + " | ".join(variants) + " |")
        print("|---" * (len(variants) + 1) + "|")
        for peer in PEERS:
            print(f"| {peer} | " + " | ".join(LETTERS.get(results[peer, v]["mechanism"], "?") for v in variants) + " |")
    print(f"{options.mode}: {len(cells) - wrong} of {len(cells)} cells as messages have shown")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
