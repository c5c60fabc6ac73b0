# SPDX-License-Identifier: MIT
"""try.py: the examples talk to each other, over real sockets on loopback.

    try.py PROGRAMS LIBRARIES SOURCE
"""
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

SECONDS = 60  # for one line; what is waited for comes at once, or never

CHAT, BOT, PLAIN = "chat.example", "bot.example", "plain.example"


class Failed(Exception):
    pass


class Program:
    """A process, its lines of output, and its end."""

    def __init__(self, *command, environment=None):
        self.name = Path(str(command[0])).name
        self.child = subprocess.Popen([str(w) for w in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                      env=environment, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait_for(self, words):
        seen = []
        while True:
            line = self.lines.get(timeout=SECONDS)
            if line is None:
                raise Failed(f"{self.name} ended before it said {words!r}:\n" + "\n".join(seen))
            if words in line:
                return line
            seen.append(line)

    def end(self, number=None):
        if number:
            self.child.send_signal(number)
        status = self.child.wait(SECONDS)
        if status != 0:
            rest = []
            while (line := self.lines.get(timeout=SECONDS)) is not None:
                rest.append(line)
            raise Failed(f"{self.name} ended with {status}:\n" + "\n".join(rest))


class Person:
    """Somebody at the chat server, by its line protocol."""

    def __init__(self, port):
        self.file = socket.create_connection(("127.0.0.1", port), SECONDS).makefile("rw", newline="\n")

    def type(self, line):
        self.file.write(line + "\n")
        self.file.flush()

    def wait_for(self, words):
        for line in self.file:
            if words in line:
                return
        raise Failed(f"the chat server closed before it said {words!r}")


def certificates(directory):
    def openssl(*words, stdin=None):
        subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True, text=True, input=stdin)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-subj", "/CN=examples", "-days", "2")
    for domain in (CHAT, BOT, PLAIN):  # for servers only, as public CAs issue them
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{domain}.key",
                "-out", f"{domain}.csr", "-subj", f"/CN={domain}")
        (directory / "ext").write_text(f"subjectAltName=DNS:{domain}\nextendedKeyUsage=serverAuth\n"
                                       "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n")
        openssl("x509", "-req", "-in", f"{domain}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "ext", "-out", f"{domain}.pem")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def try_all(programs, libraries, source, directory):
    certificates(directory)
    chat_s2s, chat_lines, bot_s2s, plain_s2s = free_ports(4)
    addresses = {CHAT: chat_s2s, BOT: bot_s2s, PLAIN: plain_s2s}

    def identity(domain):
        return [directory / f"{domain}.pem", directory / f"{domain}.key", directory / "ca.pem"]

    def routes(domain):
        return [f"{other}=127.0.0.1:{port}" for other, port in addresses.items() if other != domain]
    sanitizer = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    sanitized = b"__asan_init" in (libraries / "libs2s.so").read_bytes()
    environment = dict(os.environ, S2S_LIB=str(libraries), S2S_INCLUDE=str(directory / "include"))
    if sanitized:  # Python itself is not built with it: the runtime must come first, and Python's own leaks do not count
        environment.update(LD_PRELOAD=sanitizer, ASAN_OPTIONS="detect_leaks=0")
    (directory / "include").mkdir()
    for where in (source / "core/include/s2s", source / "mod_s2s_eku/include/mod_s2s_eku"):
        (directory / "include" / where.name).symlink_to(where)

    chat = Program(programs / "example-chat-server", CHAT, *identity(CHAT), f"127.0.0.1:{chat_s2s}", f"127.0.0.1:{chat_lines}",
                   *routes(CHAT))
    plain = Program(programs / "example-epoll-openssl", "listen", "127.0.0.1", plain_s2s, PLAIN, *identity(PLAIN), 1)
    bot = Program("/usr/bin/python3", source / "docs/examples/bot.py", BOT, *identity(BOT), f"127.0.0.1:{bot_s2s}",
                  *routes(BOT), environment=environment)
    for program, words in ((chat, "ready"), (plain, "listening"), (bot, "ready")):
        program.wait_for(words)

    anna = Person(chat_lines)
    anna.type("NICK anna")
    anna.type("JOIN garden")
    anna.wait_for("anna: has joined")
    # From OpenSSL and epoll into a room, and from the room to those who have come in.
    for text in ("/join", "good <&lt;> morning"):
        sender = Program(programs / "example-epoll-openssl", "send", "127.0.0.1", chat_s2s, PLAIN, *identity(PLAIN),
                         f"garden@{CHAT}", text)
        sender.wait_for("established")
        sender.end()
    anna.wait_for("hello: has joined")
    anna.wait_for("[garden] hello: good <&lt;> morning")
    # "hello has joined" went to the new member too: one message is all that it wanted.
    plain.wait_for(f"garden@{CHAT}/hello -> hello@{PLAIN}: <body>has joined</body>")
    plain.end()
    # From the chat server to Python and back.
    anna.type("NICK no@name")
    anna.wait_for("cannot be a name")
    anna.type("MSG bot@b\x01d no address")
    anna.wait_for("no address of somebody")
    anna.type(f"MSG bot@{BOT} \x01 & <markup>")
    bot.wait_for("\ufffd & <markup>")
    anna.type(f"MSG bot@{BOT} was it a rat I saw")
    bot.wait_for("was it a rat I saw")
    chat.wait_for("established")
    bot.end(signal.SIGTERM)
    chat.end(signal.SIGINT)


def main():
    with tempfile.TemporaryDirectory(prefix="s2s-examples.") as name:
        try_all(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), Path(name))
    print("examples: talked to each other")


if __name__ == "__main__":
    main()
