# SPDX-License-Identifier: MIT
"""table.py: the features' part of docs/interop.md."""
from features import cases
from matrix.axes import THEY, WE

ARROWS = {WE: "we connect", THEY: "they connect"}


def wrong(results):
    """What was seen although there should be none, or the other way."""
    return {k: r for k, r in results.items() if (r[0] is None) != (r[1] is not None)}


def word(result):
    seen, why = result
    if seen:
        return f"yes: {seen}" + (" **≠**" if why else "")
    return f"none: {why}" if why else "**≠** not seen"


def lines(results):
    return [f"{f.name} ({f.phase}), {p.name}, {ARROWS[c]}: {word(r)}" for (f, p, c), r in results.items()]


def section(results, versions, peers, when, lost):
    """`lost`: what was lost to a fault of a peer's, and done again."""
    bad = wrong(results)
    text = ["## Features alive", "",
            f"Made by `interop/run_features.py` (a part of `make interop`) on {when}: {len(results)} of feature, server and direction, "
            f"{len(bad)} other than expected. \"yes\" has been seen at both ends: in `s2sctl status --json` and in what the peer has "
            "logged, XML included (jabberd2 logs none). \"none\": the peer does not have it, and that is what was seen; the reasons "
            "are in `interop/features/cases.py`.", "",
            "| | " + " | ".join(versions[p.name] for p in peers) + " |", "|---|" + "---|" * len(peers)]
    for feature in dict.fromkeys(f for f, _, _ in results):
        for connects in (WE, THEY):
            cells = [word(results[(feature, p, connects)]) for p in peers]
            text.append(f"| {feature.words}, {ARROWS[connects]} | " + " | ".join(cells) + " |")
    if lost:
        text += ["", "Lost to a fault of the peer's ([interop-notes.md](interop-notes.md)), as its own log shows; the server then did the phase again:", ""]
        text += [f"- {line}" for line in lost]
    return "\n".join(text) + "\n"
