# SPDX-License-Identifier: MIT
"""wire.py: what a peer has logged of its streams: XML read and written, by stream."""
import ast
import re

PROSODY = re.compile(r"(s2s(?:in|out)[0-9a-f]+)\s+debug\s+wire (read|wrote): (.*)")
EJABBERD = re.compile(r"\((?:tcp|tls)\|(<[\d.]+>)\) (Received|Send) XML on stream = (<<.*>>)")
HEADER = re.compile(r"<stream:stream\b[^>]*>")


SPACE = "␣"  # stands for white space that was written by itself


class Stream:
    def __init__(self):
        self.read, self.wrote = "", ""

    def opened_by(self, text, initiator, receiver):
        """Whether `text`, of the connecting side, begins a stream between the two."""
        return any(f"from={q}{initiator}{q}" in h and f"to={q}{receiver}{q}" in h for h in HEADER.findall(text) for q in "'\"")


def binary(text):
    """An Erlang binary as it is printed: <<"text">> or <<1,2,3>>."""
    inside = text[2:-2]
    if inside.startswith('"'):
        inside = inside.rsplit('"', 1)[0] + '"'
        return ast.literal_eval(inside)
    return bytes(int(n) for n in re.findall(r"\d+", inside)).decode(errors="replace")


def streams(log):
    """All streams of a peer's log."""
    found = {}
    for line in log.splitlines():
        if (m := PROSODY.search(line)):
            name, read, text = m[1], m[2] == "read", m[3]
        elif (m := EJABBERD.search(line)):
            name, read, text = m[1], m[2] == "Received", binary(m[3])
        else:
            continue
        stream = found.setdefault(name, Stream())
        text = text if text.strip() else SPACE
        if read:
            stream.read += text
        else:
            stream.wrote += text
    return list(found.values())


def between(log, initiator, receiver, peer_connects):
    """(what we said, what the peer said) on the streams that `initiator` has opened to `receiver`."""
    ours, theirs = "", ""
    for s in streams(log):
        if s.opened_by(s.wrote if peer_connects else s.read, initiator, receiver):
            ours += s.read
            theirs += s.wrote
    return ours, theirs
