# SPDX-License-Identifier: MIT
"""page.py: docs/interop.md out of the cells."""
from matrix import axes
from matrix.axes import THEY, WE
from matrix.oracle import DIALBACK, EXTERNAL, REFUSED

SIGNS = {EXTERNAL: "E", DIALBACK: "D", REFUSED: "–"}
HEADINGS = {
    (WE, THEY): "We connect, they show the certificate: our judgement of a receiver",
    (WE, WE): "We connect and show the certificate: their judgement of an initiator",
    (THEY, THEY): "They connect and show the certificate: our judgement of an initiator",
    (THEY, WE): "They connect, we show the certificate: their judgement of a receiver",
}
PHASE_WORDS = {"certificates": "certificates only, dialback off at both ends", "packaged": "as the peers' packages ship",
               "dialback": "dialback allowed at both ends"}


EXTRAS = {
    (False, False): "", (False, True): "; stream management at Prosody too, and seen on every stream with it",
    (True, False): "; bidirectional streams at both ends, where the peer can, and seen on every stream with it",
    (True, True): "; bidirectional streams and stream management, where the peer can, and seen on every stream with it"}


def sign(result):
    """`result`: (expected, Seen) or a reason why there is none."""
    if isinstance(result, str):
        return "·"
    (expected, _), seen = result
    if seen.fault:
        return "F"
    return SIGNS.get(seen.outcome, "?") + ("" if seen.outcome == expected else " **≠**")


def phase_words(phase):
    tls = "direct TLS" if phase.start == "direct" else "STARTTLS"
    return (f"{PHASE_WORDS[phase.theirs]}; ours `eku: {phase.eku}`, `dialback: {phase.dialback}`; {tls}, "
            f"TLS up to {phase.tls}" + EXTRAS[(phase.bidi, phase.acks)])


def table(results, phase, kind, peers, variants):
    rows = []
    for peer in peers:
        cells = [results.get(axes.Cell(phase, peer, *kind, v)) for v in variants]
        if any(c is not None and not isinstance(c, str) for c in cells):
            rows.append(f"| {peer.name} | " + " | ".join("" if c is None else sign(c) for c in cells) + " |")
    if not rows:
        return []
    return ["", f"**{HEADINGS[kind]}**", "", "| peer | " + " | ".join(variants) + " |",
            "|---|" + "---|" * len(variants)] + rows


def differences(results):
    return [f"- {cell.key}: expected {expected} ({why}), got {seen.outcome}; sender: {seen.at_sender or '-'}; "
            f"s2sd: {seen.at_node or '-'}; peer: {seen.at_peer or '-'}"
            for cell, ((expected, why), seen) in ((c, r) for c, r in results.items() if not isinstance(r, str))
            if seen.outcome != expected and not seen.fault]


def lost(results):
    return [f"- {cell.key}: {seen.fault}" for cell, (_, seen) in ((c, r) for c, r in results.items() if not isinstance(r, str))
            if seen.fault]


def reasons(results):
    texts = {}
    for cell, result in results.items():
        if not isinstance(result, str):
            (expected, why), _ = result
            texts.setdefault((expected, why), []).append(cell)
    return [f"| {SIGNS[expected]} | {why} | {len(cells)} |" for (expected, why), cells in sorted(texts.items())]


def impossible(results):
    texts = {}
    for cell, result in results.items():
        if isinstance(result, str):
            texts.setdefault(result, []).append(cell)
    return [f"- {why} ({len(cells)} cells)" for why, cells in sorted(texts.items())]


def page(results, versions, phases, peers, variants, when, command):
    tried = {c: r for c, r in results.items() if not isinstance(r, str)}
    wrong = differences(results)
    lines = ["# Interoperability with real servers", "",
             f"Made by `{command}` (a part of `make interop`) on {when}: {len(tried)} cells tried, {len(wrong)} other than expected, "
             f"{len(lost(results))} lost to a fault of a peer's, {len(results) - len(tried)} that cannot be. A cell is one message through new streams, looked at from both ends: "
             "what arrived, what came back, what both logs say. What has to happen is said by `interop/matrix/oracle.py`, from "
             "the servers' rules and not from a run.", "",
             "E: delivered, SASL EXTERNAL. D: delivered, dialback. –: refused, an error came back. ·: cannot be tried "
             "(reasons below). F: lost to a fault of the peer's (below). ≠: not what was expected.", "", "| server | version | address of its tests |", "|---|---|---|"]
    lines += [f"| {p.name} | {versions[p.name]} | {p.address} |" for p in peers]
    lines += ["", "| certificate | what it is |", "|---|---|"]
    lines += [f"| {v} | {axes.VARIANTS[v].words} |" for v in variants]
    for phase in phases:
        lines += ["", f"## {phase.name}", "", phase_words(phase) + "."]
        for kind in HEADINGS:
            lines += table(results, phase, kind, peers, axes.variants_of(phase, variants))
    lines += ["", "## Why", "", "| | reason | cells |", "|---|---|---|"] + reasons(results)
    lines += ["", "## What cannot be tried", ""] + impossible(results)
    lines += ["", "## Lost to a fault of the peer's", "",
              "ejabberd from 24.10 on, connecting by direct TLS, can lose the answer to its ClientHello, whoever sent it, and fails 5 s "
              "later: [interop-notes.md](interop-notes.md). Which cells it hits is another matter in each run; a cell counts as hit "
              "only if the peer's own log shows those 5 s, and a run with more than one in ten fails.", ""] + (lost(results) or ["None."])
    lines += ["", "## Other than expected", ""] + (wrong or ["None."])
    return "\n".join(lines) + "\n"
