# SPDX-License-Identifier: MIT
"""faults.py: a fault of a peer's that hits some connections and not others: known by what the peer's own log says of that one, never assumed.

ejabberd from 24.10 on, connecting by direct TLS, can take the answer to its ClientHello into the mailbox of its process instead of reading it
(docs/interop-notes.md). Its log shows it, line by line with the name of the process: it starts for a pair of domains, it says that
the domain does not exist, and then it finds an unexpected message: bytes that begin with a ServerHello, the answer of the very
domain that it says does not exist."""
import datetime
import re

PEERS = ("ejabberd24", "ejabberdnew")
TRIES = 6  # of a cell that is hit, the first included
ENTRY = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\S*) \[\w+\] (<[\d.]+>)@\S+ (.*)", re.DOTALL)
EVER, NEVER = (time.replace(tzinfo=datetime.timezone.utc) for time in (datetime.datetime.min, datetime.datetime.max))
NO_DOMAIN = "Connection failed: non-existing domain"
# A TLS record (RFC 8446 §5.1: handshake, version 3.x, length) with a ServerHello (§4: type 2) in it; Erlang writes bytes as numbers.
SERVER_HELLO = re.compile(r"Unexpected info: \{tcp,#Port<[\d.]+>,\s*<<(22,3,\d+,\d+,\d+,2,[\d,\s]*)>>")


class Journal:
    """The log file of an ejabberd, in which each entry names its process; of other servers: empty."""

    def __init__(self, text):
        self.processes = {}
        for entry in re.split(r"^(?=\d{4}-\d\d-\d\d )", text, flags=re.MULTILINE):
            if (m := ENTRY.match(entry)):
                self.processes.setdefault(m[2], []).append((datetime.datetime.fromisoformat(m[1]), m[3]))

    def unread_answer(self, theirs, ours, begin=EVER, end=NEVER):
        """What it says of a connection from `theirs` to `ours`, started in [begin, end), whose answer was not read; or None. The
        number of bytes tells what the process did next: it waited 5 s for a rest that was not to come, or it got the rest at once
        and could make nothing of it."""
        start = f"Outbound s2s connection started: {theirs} -> {ours}\n"
        failure = f"Failed to establish outbound s2s connection {theirs} -> {ours}: {NO_DOMAIN}"
        for entries in self.processes.values():
            started = next((when for when, words in entries if words == start and begin <= when < end), None)
            failed = next((when for when, words in entries if words.startswith(failure)), None)
            if started and failed and (answer := next((m for _, words in entries if (m := SERVER_HELLO.match(words))), None)):
                return (f"\"{NO_DOMAIN}\" {(failed - started).total_seconds():.3f} s after its start, and then a ServerHello, "
                        f"unread ({len(answer[1].split(','))} bytes), says the peer")
        return None


def of_cell(cell, journal, begin, end):
    """The fault that hit a cell of the matrix, whichever side began: dialback makes the peer connect where we did; or None."""
    if cell.peer.name not in PEERS or cell.phase.start != "direct":
        return None
    return journal.unread_answer(cell.theirs, cell.ours, begin, end)
