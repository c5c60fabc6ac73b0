# SPDX-License-Identifier: MIT
"""page.py: docs/interop.md out of the cells."""
from matrix import axes, faults
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
    return SIGNS.get(seen.outcome, "?") + "*" * len(seen.lost) + ("" if seen.outcome == expected else " **≠**")


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
    """Each try that was lost, and what came of the cell at last."""
    lines = []
    for cell, result in results.items():
        if not isinstance(result, str) and (result[1].lost or result[1].fault):
            (expected, _), seen = result
            tries = list(seen.lost) + [seen.fault] * bool(seen.fault)
            last = "lost in every try" if seen.fault else \
                f"then {seen.outcome}, " + ("as expected" if seen.outcome == expected else "other than expected")
            lines.append(f"- {cell.key}: " + "; again: ".join(tries) + f"; {last}")
    return lines


def unseen(results):
    """The number of cells that were lost in every try."""
    return sum(not isinstance(r, str) and bool(r[1].fault) for r in results.values())


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


def page(results, versions, phases, peers, variants, when, command, ours):
    """`ours`: what was tested, with its version."""
    tried = {c: r for c, r in results.items() if not isinstance(r, str)}
    wrong, hit = differences(results), lost(results)
    lines = ["# Interoperability with real servers", "",
             f"Made by `{command}` (a part of `make interop`) on {when}, with {ours}: {len(tried)} cells tried, {len(wrong)} other than "
             f"expected, {len(results) - len(tried)} that cannot be. {len(hit)} were lost to a fault of the peer's at the first try, "
             f"{unseen(results)} of them in every try.", "",
             "A cell is one message from one server to the other through new streams; `s2sd` is \"we\", the server of the line is \"they\". "
             "Who connects makes the TLS connection and sends; the certificate of the column is that of the one who shows it, and the "
             "other's is `both`, which everybody accepts. Both ends are looked at: what arrived, what came back, what both logs say. What "
             "has to happen is said by `interop/matrix/oracle.py`, from the servers' rules and not from a run.", "",
             "| | |", "|---|---|", "| E | delivered, authenticated by the certificate (SASL EXTERNAL) |",
             "| D | delivered, authenticated by dialback |", "| – | refused: an error came back, or, from jabberd2, nothing |",
             "| · | cannot be tried (reasons below) |", "| * | with E, D or –: a try before this one was lost to a fault of the peer's (below) |",
             "| F | lost to it in every try |", "| ≠ | not what was expected |", "| empty | not in this table: two good certificates are one cell, in the table before; with bidirectional streams a pair of domains "
             "is tried in one direction |", "",
             "| server | version | its address in the lab |", "|---|---|---|"]
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
              "ejabberd from 24.10 on, connecting by direct TLS, can leave the answer to its ClientHello unread, whoever sent it, and says then that "
              "the domain does not exist: [interop-notes.md](interop-notes.md). Which cells that hits is another matter in each run. A try "
              "counts as lost only if ejabberd's own log shows the unread answer of that very connection, also where a refusal was "
              f"expected. Lost cells, and no others, are tried again with servers started anew, up to {faults.TRIES} times in all.", ""]
    lines += hit or ["None."]
    lines += ["", "## Other than expected", ""] + (wrong or ["None."])
    return "\n".join(lines) + "\n"
