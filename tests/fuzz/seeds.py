#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Makes the fuzz targets' seeds: what the peer says in each dialog, and the example configurations.

    seeds.py SOURCE_DIR OUT_DIR
"""
import glob
import os
import re
import sys

STEP = b"\xff"
STEPS = {"wait": b"\x01", "close": b"\x02", "lost": b"\x03", "message": b"\x04"}


def unescape(text):
    """As run.c of the dialogs."""
    def repeat(m):
        return m.group(2) * min(int(m.group(1)), 4000)
    text = re.sub(r"\{(\d+)\*([^}]*)\}", repeat, text)
    out, i = bytearray(), 0
    raw = text.encode()
    while i < len(raw):
        if raw[i:i + 2] == b"\\x" and i + 4 <= len(raw):
            out.append(int(raw[i + 2:i + 4], 16))
            i += 4
        elif raw[i:i + 1] == b"\\" and i + 1 < len(raw):
            out += {b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(raw[i + 1:i + 2], raw[i + 1:i + 2])
            i += 2
        else:
            out.append(raw[i])
            i += 1
    return bytes(b for b in out if b != 0xff)


def lines_of(path):
    for line in open(path, encoding="utf-8").read().split("\n"):
        if line.startswith("include "):
            yield from lines_of(os.path.join(os.path.dirname(path), line[8:]))
        else:
            yield line


def read_dialog(path):
    """(role, how, bytes): `how` as the driver reads it."""
    role, how, out = None, 0, b""
    for line in lines_of(path):
        word = line.split(" ", 1)[0]
        if line in ("acceptor", "initiator"):
            role = line
        elif word == "refuse":
            how |= 1
        elif word == "distrusted":
            how |= 2
        elif word == "direct-tls":
            how |= 8
        elif word == "dialback-allowed":
            how |= 16
        elif word == "verify":
            how |= 128
        elif word == "dialback" and " valid" not in line:
            how |= 64
        elif word == "bidi":
            how |= 32
        elif word in STEPS:
            out += STEP + STEPS[word]
        elif line.startswith("> "):
            out += unescape(line[2:]) + STEP + b"\x05"
    return role, how, out


EVERYWHERE = ("external", "initiator-valid", "receiver-valid", "call-valid", "bidi-acceptor", "bidi-initiator", "sm-dialback",
              "close-by-us", "acceptor-empty-authzid")


def everywhere(directory, name, how, data):
    """The same dialog with each of the caller's steps after each of the peer's, and with a verdict that comes late."""
    pieces = data.split(STEP + b"\x05")
    for at in range(len(pieces)):
        begun = (STEP + b"\x05").join(pieces[:at + 1])
        for step in range(6):
            for late in (0, 4):
                write(directory, f"{name}-{at}-{step}-{late}", bytes([how | late, 0]) + begun + STEP + bytes([step]) +
                      STEP + b"\x05" + b"".join(pieces[at + 1:]))


def write(directory, name, data):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as f:
        f.write(data)


COMPONENT = (b"<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
             b"xmlns:stream='http://etherx.jabber.org/streams' to='%s'>")
BODY = b"<message from='u@chat.example' to='v@far.example' id='%d'><body>x</body></message>"


def component_seeds(directory):
    """The first byte: 1 pauses, 2 small stanzas; 0xff: steps, see fuzz_component.c."""
    chat, shake, resume, deliver, end, again, replace = COMPONENT % b"chat.example", *(STEP + bytes([i]) for i in range(6))
    inside = {
        "stanzas": BODY % 0 + BODY % 1 + b"<iq from='chat.example' to='far.example' type='get' id='2'/>" + deliver * 3,
        "foreign": b"<message from='u@news.example' to='v@far.example'/>",
        "no-from": b"<message to='v@far.example'/>",
        "error": b"<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>" + deliver,
        "close": deliver + b"</stream:stream>" + deliver,
        "end": deliver + end + deliver,
        "again": deliver + again + chat + shake + deliver,
        "replaced": deliver + replace + BODY % 0 + replace + again + chat + shake + BODY % 1,
        "unknown": b"<x xmlns='urn:x'/>", "large": b"<message from='chat.example' to='far.example'>" + b"x" * 600 + b"</message>",
    }
    for name, data in inside.items():
        for how in range(4):
            write(directory, f"{name}-{how}", bytes([how, 0]) + chat + shake + data + resume + data)
    write(directory, "bytewise", b"\x00\x01" + chat + shake + BODY % 0 + b"</stream:stream>")
    write(directory, "conflict", b"\x00\x00" + chat + shake + again + chat + shake)
    write(directory, "news", b"\x00\x00" + (COMPONENT % b"news.example" + shake) * 2)
    write(directory, "nobody", b"\x00\x00" + COMPONENT % b"other.example")
    write(directory, "wrong", b"\x00\x00" + chat + b"<handshake>00</handshake>")


def node_seeds(out):
    """The first byte: how much of the rest comes first."""
    for name in ("status", "peers", "census", "reload", "nothing"):
        write(f"{out}/control", name, b'\x09{"command": "%s"}\n' % name.encode())
    for name, text in (("ping", '{"command":"ping","to":"far.example","from":"our.example"}'),
                       ("ping-own", '{"command":"ping","to":"our.example"}'), ("ping-bad", '{"command":"ping","to":"@"}'),
                       ("ping-from", '{"command":"ping","to":"a.example","from":"b.example"}'),
                       ("close", '{"command":"close","remote":"far.example"}'), ("close-bad", '{"command":"close"}'),
                       ("twice", '{"command":"status","command":"ping"}'), ("list", "[]"), ("number", '{"command": 1}')):
        write(f"{out}/control", name, b"\x00" + text.encode() + b"\n")
    write(f"{out}/control", "long", b"\xff" + b"x" * 8192)
    for i, path in enumerate(("/", "/style.css", "/metrics", "/health", "/api/status", "/api/peers", "/api/census",
                              "/api/failures", "/nothing", "//", "/%2e%2e/", "/health?x=y")):
        host = ("localhost", "127.0.0.1:80", "[::1]:80", "evil.example", "localhost.evil.example", "LOCALHOST")[i % 6]
        method = ("GET", "HEAD", "GET", "POST")[i % 4]
        write(f"{out}/http", f"request-{i}", b"\x07" + f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    write(f"{out}/http", "old", b"\x00GET /health HTTP/1.0\r\n\r\n")
    write(f"{out}/http", "two", b"\x40GET /health HTTP/1.1\r\nHost: [::1\r\n\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    write(f"{out}/http", "body", b"\x20POST / HTTP/1.1\r\nHost: ::1\r\nContent-Length: 5\r\n\r\nhello")


def main():
    source, out = sys.argv[1], sys.argv[2]
    for path in sorted(glob.glob(f"{source}/tests/dialogs/*.dialog")):
        role, how, data = read_dialog(path)
        name = os.path.splitext(os.path.basename(path))[0]
        if role:
            write(f"{out}/{role}", name, bytes([how, 0]) + data)
            write(f"{out}/{role}", name + "-7", bytes([how, 7]) + data)
            if name.endswith(EVERYWHERE):
                everywhere(f"{out}/{role}", name, how, data)
        write(f"{out}/reader", name, b"\x01" + re.sub(rb"\xff.", b"", data))
    for path in glob.glob(f"{source}/docs/examples/*.yaml") + glob.glob(f"{source}/tests/unit/node/*.yaml"):
        write(f"{out}/config", os.path.basename(path), open(path, "rb").read())
    forth = b"".join(bytes([0xf1, 0xf0]) * 40 + bytes([0x06, 9]) for _ in range(4))
    write(f"{out}/both", "messages", b"\x00" + forth + b"\x0d")
    write(f"{out}/both", "bytewise", b"\x00" + bytes([0x01, 0x00]) * 3000 + bytes([0x06, 200, 0x01]))
    write(f"{out}/both", "hit", b"\x08" + forth + bytes([0x09, 40, 3]) + forth)
    component_seeds(f"{out}/component")
    node_seeds(out)
    write(out, "made", b"")


if __name__ == "__main__":
    main()
