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


def write(directory, name, data):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as f:
        f.write(data)


def main():
    source, out = sys.argv[1], sys.argv[2]
    for path in sorted(glob.glob(f"{source}/tests/dialogs/*.dialog")):
        role, how, data = read_dialog(path)
        name = os.path.splitext(os.path.basename(path))[0]
        if role:
            write(f"{out}/{role}", name, bytes([how, 0]) + data)
            write(f"{out}/{role}", name + "-7", bytes([how, 7]) + data)
        write(f"{out}/reader", name, b"\x01" + re.sub(rb"\xff.", b"", data))
    for path in glob.glob(f"{source}/docs/examples/*.yaml") + glob.glob(f"{source}/tests/unit/node/*.yaml"):
        write(f"{out}/config", os.path.basename(path), open(path, "rb").read())
    forth = b"".join(bytes([0xf1, 0xf0]) * 40 + bytes([0x06, 9]) for _ in range(4))
    write(f"{out}/both", "messages", b"\x00" + forth + b"\x0d")
    write(f"{out}/both", "bytewise", b"\x00" + bytes([0x01, 0x00]) * 3000 + bytes([0x06, 200, 0x01]))
    write(f"{out}/both", "hit", b"\x08" + forth + bytes([0x09, 40, 3]) + forth)
    write(out, "made", b"")


if __name__ == "__main__":
    main()
