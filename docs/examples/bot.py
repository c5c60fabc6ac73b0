# SPDX-License-Identifier: MIT
"""bot.py: a bot in Python on libs2s, through cffi: it answers each message with the same text, backwards.

    python3 bot.py DOMAIN CERT KEY CA S2S_ADDRESS [MATCH=ADDRESS ...]

CERT and KEY are DOMAIN's, CA is whom to trust (PEM files). MATCH=ADDRESS is a static route ("peer.example=127.0.0.2:5269"), instead of the DNS.

Needs Debian's python3-cffi and cpp, and libs2s with its headers. Where: S2S_INCLUDE and S2S_LIB, if not in the system's places
(after "make install PREFIX=/opt/s2s": S2S_INCLUDE=/opt/s2s/include S2S_LIB=/opt/s2s/lib). The declarations come from the headers
themselves, so that they cannot differ.
"""
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from cffi import FFI

UV = """
typedef struct uv_loop_s uv_loop_t;
uv_loop_t *uv_default_loop(void);
int uv_run(uv_loop_t *, int mode);
int uv_backend_fd(const uv_loop_t *);
int uv_backend_timeout(const uv_loop_t *);
int uv_loop_alive(const uv_loop_t *);
"""
UV_RUN_NOWAIT = 2
ENV_ABI, FEDERATION_ABI = 2, 2  # S2S_ENV_ABI, S2S_FEDERATION_ABI: the function tables below are those
TEXT_MAX = 65536  # bytes of a message that is answered
MOST_SECONDS = 1.0  # between two looks at what Python's signal handlers have noted


def include_directory():
    for directory in (os.environ.get("S2S_INCLUDE"), "/usr/local/include", "/usr/include"):
        if directory and Path(directory, "s2s/s2s.h").exists():
            return directory
    sys.exit("bot: s2s/s2s.h is neither in S2S_INCLUDE nor in the system's places")


def declarations(include):
    """The public headers, preprocessed; what they include of the C library is known to cffi already."""
    with tempfile.TemporaryDirectory() as empty:
        for name in ("stdbool.h", "stddef.h", "stdint.h", "uv.h"):
            Path(empty, name).touch()
        return subprocess.run(["cpp", "-P", "-nostdinc", "-U__GNUC__", "-I", empty, "-I", include],
                              input="#include <s2s/s2s.h>\n#include <mod_s2s_eku/eku.h>\n",
                              check=True, capture_output=True, text=True).stdout


def library(ffi, name):
    directory = os.environ.get("S2S_LIB", "")
    return ffi.dlopen(os.path.join(directory, f"lib{name}.so.0"))


class Bot:
    def __init__(self, domain, certificate, key, ca, listen, routes):
        self.ffi = ffi = FFI()
        ffi.cdef(UV + declarations(include_directory()))
        self.uv = ffi.dlopen("libuv.so.1")
        self.s2s, self.eku = library(ffi, "s2s"), library(ffi, "s2s-eku")
        self.kept, self.done, self.why = [], False, ffi.new("char[256]")
        self.loop = self.uv.uv_default_loop()
        self._environment()
        self._federation(ca)
        self._check(self.s2s.s2s_federation_add_domain(self.federation, self._str(domain), certificate.encode(), key.encode(),
                                                       self.why))
        for match, address in routes:
            self._check(self.s2s.s2s_federation_route(self.federation, match.encode(), address.encode(),
                                                      self.s2s.S2S_TLS_STARTTLS, self.why))
        self._check(self.s2s.s2s_federation_listen(self.federation, listen.encode(), self.s2s.S2S_TLS_STARTTLS, ffi.NULL,
                                                   self.why))

    def _keep(self, thing):
        """cffi frees what Python does not hold."""
        self.kept.append(thing)
        return thing

    def _str(self, text):
        data = self._keep(self.ffi.new("char[]", text.encode()))
        return self.ffi.new("s2s_str *", {"ptr": data, "len": len(text.encode())})[0]

    def _text(self, s):
        return self.ffi.buffer(s.ptr, s.len)[:].decode() if s.ptr else None

    def _check(self, err):
        if err != self.s2s.S2S_OK:
            why = self.ffi.string(self.why).decode() or self.ffi.string(self.s2s.s2s_strerror(err)).decode()
            sys.exit(f"bot: {why}")

    def _environment(self):
        ffi = self.ffi

        @ffi.callback("void (void *, s2s_level, const char *, const s2s_field *, size_t)")
        def log(_user, level, message, fields, count):
            words = [f"{ffi.string(self.s2s.s2s_level_name(level)).decode()}: {ffi.string(message).decode()}"]
            words += [f"{ffi.string(fields[i].key).decode()}={self._text(fields[i].value)}" for i in range(count)]
            print(*words, file=sys.stderr, flush=True)

        self._keep(log)
        ops = self._keep(ffi.new("s2s_env_ops *", {  # the library's own functions: nothing of Python is called for memory
            "abi": ENV_ABI, "log": log, "resize": ffi.addressof(self.s2s, "s2s_system_resize"),
            "random": ffi.addressof(self.s2s, "s2s_system_random"), "sha256": ffi.addressof(self.s2s, "s2s_system_sha256")}))
        self.env = ffi.new("s2s_env *")
        self.s2s.s2s_env_init(self.env, ffi.sizeof(self.env[0]), ops, ffi.NULL)

    def _federation(self, ca):
        ffi = self.ffi
        trust, policy = ffi.new("eku_options *"), ffi.new("eku_policy **")
        self.eku.eku_options_init(trust, ffi.sizeof(trust[0]), self.env)
        files = self._keep([ffi.new("char[]", ca.encode())])
        trust.system_trust, trust.ca_files_len = False, 1
        trust.ca_files = self._keep(ffi.new("const char *[]", files))
        self._check(self.eku.eku_policy_new(trust, policy, self.why))
        self.policy = policy[0]
        interface = self._keep(ffi.new("s2s_policy *", self.eku.eku_policy_interface(self.policy)))

        @ffi.callback("bool (void *, const s2s_stanza *)", error=True)  # what Python raises is printed, and we go on
        def deliver(_user, stanza):
            self.take(stanza)
            return True

        @ffi.callback("void (void *)")
        def drained(_user):
            pass

        @ffi.callback("void (void *)")
        def stopped(_user):
            self.done = True

        self._keep((deliver, drained, stopped))
        ops = self._keep(ffi.new("s2s_federation_ops *",
                                 {"abi": FEDERATION_ABI, "deliver": deliver, "drained": drained, "stopped": stopped}))
        options, out = ffi.new("s2s_federation_options *"), ffi.new("s2s_federation **")
        self.s2s.s2s_federation_options_init(options, ffi.sizeof(options[0]))
        options.loop, options.env, options.policy, options.ops = self.loop, self.env, interface, ops
        self._check(self.s2s.s2s_federation_new(options, out, self.why))
        self.federation = out[0]

    def take(self, stanza):
        """One stanza, lent for the call."""
        ffi, to_be_kept = self.ffi, self.kept
        self.kept = []  # what the answer needs lives as long as the call
        try:
            if stanza.kind == self.s2s.S2S_MESSAGE:
                if self._text(stanza.type) != "error":
                    self._answer(stanza)
            elif stanza.kind == self.s2s.S2S_IQ and self._text(stanza.type) in ("get", "set"):
                room, error = ffi.new("char[]", 2048), ffi.new("s2s_stanza *")  # 2048: S2S_BOUNCE_MAX
                if self.s2s.s2s_stanza_bounce(stanza, self.s2s.S2S_SE_SERVICE_UNAVAILABLE, ffi.NULL, room, len(room), error):
                    self.s2s.s2s_federation_send(self.federation, error)
        finally:
            self.kept = to_be_kept

    def _answer(self, message):
        ffi = self.ffi
        room = ffi.new("char[]", TEXT_MAX)
        if self.s2s.s2s_stanza_text(self.env, message, b"body", room, TEXT_MAX) != self.s2s.S2S_OK:
            return  # no body, or too much of it
        text = ffi.string(room).decode()
        print(f"{self._text(getattr(message, 'from'))}: {text!r}", flush=True)
        answer = ffi.new("s2s_stanza *", {
            "kind": self.s2s.S2S_MESSAGE, "from": message.to, "to": getattr(message, "from"), "type": self._str("chat"),
            "attrs": self._str(""), "inner": self._str(f"<body>{self._escape(text[::-1])}</body>")})
        self.s2s.s2s_federation_send(self.federation, answer)

    def _escape(self, text):
        given = self._str(text)
        need = self.s2s.s2s_text_escape(given, self.ffi.NULL, 0)
        out = self.ffi.new("char[]", need)
        self.s2s.s2s_text_escape(given, out, need)
        return self.ffi.buffer(out, need)[:].decode()

    def run(self):
        asked = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: asked.append(True))  # cffi is not for signal handlers: it only notes
        print("ready", flush=True)
        while not self.done and self.uv.uv_loop_alive(self.loop):
            wait = self.uv.uv_backend_timeout(self.loop)
            select.select([self.uv.uv_backend_fd(self.loop)], [], [],
                          MOST_SECONDS if wait < 0 else min(wait / 1000, MOST_SECONDS))
            if asked:
                self.s2s.s2s_federation_stop(self.federation)
                asked.clear()
            self.uv.uv_run(self.loop, UV_RUN_NOWAIT)
        self.s2s.s2s_federation_free(self.federation)
        self.eku.eku_policy_free(self.policy)


def main():
    if len(sys.argv) < 6:
        sys.exit(__doc__)
    routes = [word.split("=", 1) for word in sys.argv[6:]]
    if any(len(route) != 2 for route in routes):
        sys.exit("bot: a route is MATCH=ADDRESS")
    Bot(*sys.argv[1:6], routes=routes).run()


if __name__ == "__main__":
    main()
