# SPDX-License-Identifier: MIT
"""faults.py: a fault of a peer's that hits some cells of a run and not others: known by what the peer's log says, never assumed.

ejabberd from 24.10 on, connecting by direct TLS, can lose the answer to its ClientHello between two calls: it waits 5 s for it, and
then fails (docs/interop-notes.md). The peer's log shows it: the connection's start, and at least 5 s later its failure, in one
of two forms."""
import datetime
import re

PEERS = ("ejabberd24", "ejabberdnew")
WAITED_SECONDS = 5.0
MOST, FEW = 0.1, 3  # of a peer's cells in a phase, and what chance makes in a small one; more of it is something else
TIME = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)[^\n]*"
FORMS = r"(Connection failed: non-existing domain|TLS failed: SSL_do_handshake failed)"


def lost_answer(cell, log):
    """What the peer's log says of it, or None."""
    if cell.peer.name not in PEERS or cell.phase.start != "direct":
        return None
    pair = re.escape(f"{cell.theirs} -> {cell.ours}")
    starts = [datetime.datetime.fromisoformat(t) for t in
              re.findall(rf"^{TIME}Outbound s2s connection started: {pair}", log, re.MULTILINE)]
    for time, words in re.findall(rf"^{TIME}Failed to establish outbound s2s connection {pair}: {FORMS}", log, re.MULTILINE):
        failed = datetime.datetime.fromisoformat(time)
        waited = [(failed - s).total_seconds() for s in starts if s < failed]
        if waited and min(waited) >= WAITED_SECONDS:
            return f"\"{words}\" {min(waited):.1f} s after its start, says the peer"
    return None


def too_many(results):
    """[(phase, peer, how many of how many)] where it is more than MOST and FEW."""
    counts = {}
    for cell, result in results.items():
        if not isinstance(result, str):
            of = counts.setdefault((cell.phase.name, cell.peer.name), [0, 0])
            of[0] += bool(result[1].fault)
            of[1] += 1
    return [(phase, peer, f"{hit} of {all_}") for (phase, peer), (hit, all_) in counts.items() if hit > max(FEW, MOST * all_)]
