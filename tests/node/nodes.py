# SPDX-License-Identifier: MIT
"""nodes.py: real s2sd processes on loopback, with certificates made on the spot. Used by the tests of this directory."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

WAIT_S = 60.0  # generous: the machine may be busy


def wait_for(what, condition, proc=None):
    """Polls until `condition()` is true; its value."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        if proc is not None and proc.poll() is not None:
            raise AssertionError(f"{what}: the node has ended with {proc.returncode}")
        time.sleep(0.02)
    raise AssertionError(f"{what}: waited too long")


class Pki:
    """A CA and leaves; `certtool` makes them."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.ca = self.make_ca("ca")

    def _tool(self, *args):
        subprocess.run(["certtool", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def make_ca(self, name):
        template = self.dir / f"{name}.template"
        template.write_text(f'cn = "{name}"\nca\ncert_signing_key\ncrl_signing_key\nexpiration_days = 30\n')
        self._tool("--generate-privkey", "--key-type", "ecdsa", "--outfile", self.dir / f"{name}.key")
        self._tool("--generate-self-signed", "--load-privkey", self.dir / f"{name}.key", "--template", template,
                   "--outfile", self.dir / f"{name}.crt")
        return self.dir / f"{name}.crt"

    def make(self, name, domain, ca="ca", begins=-1, ends=90):
        """A serverAuth leaf, valid from `begins` to `ends` (days from now); returns (certificate, key)."""
        template = self.dir / f"{name}.template"
        form, day = "%Y-%m-%d %H:%M:%S", 86400
        first, last = (time.strftime(form, time.localtime(time.time() + d * day)) for d in (begins, ends))
        template.write_text(f'cn = "{domain}"\ndns_name = "{domain}"\nsigning_key\ntls_www_server\n'
                            f'activation_date = "{first}"\nexpiration_date = "{last}"\n')
        key, crt = self.dir / f"{name}.key", self.dir / f"{name}.crt"
        self._tool("--generate-privkey", "--key-type", "ecdsa", "--outfile", key)
        self._tool("--generate-certificate", "--load-privkey", key, "--load-ca-certificate", self.dir / f"{ca}.crt",
                   "--load-ca-privkey", self.dir / f"{ca}.key", "--template", template, "--outfile", crt)
        return crt, key

    def make_crl(self, name, revoked=(), ca="ca"):
        template = self.dir / f"{name}.template"
        template.write_text("crl_next_update = 30\ncrl_number = 1\n")
        args = ["--generate-crl", "--load-ca-privkey", self.dir / f"{ca}.key", "--load-ca-certificate", self.dir / f"{ca}.crt",
                "--template", template, "--outfile", self.dir / f"{name}.pem"]
        for crt in revoked:
            args += ["--load-certificate", crt]
        self._tool(*args)


class Node:
    def __init__(self, world, name, domain):
        self.world, self.name, self.domain = world, name, domain
        self.config = world.dir / f"{name}.yaml"
        self.log = world.dir / f"{name}.log"
        self.control = world.dir / f"{name}.sock"
        self.proc = None
        self.wrap = []  # a command in front of s2sd's

    def write(self, text):
        self.config.write_text(text)

    def start(self, **environment):
        with open(self.log, "ab") as log:
            self.proc = subprocess.Popen([*self.wrap, self.world.s2sd, "--config", self.config], stderr=log,
                                         env={**os.environ, **environment})
        wait_for(f"{self.name} starts", lambda: self.ctl("status")[0] == 0, self.proc)

    def stop(self):
        if self.proc is None:
            return
        self.proc.send_signal(signal.SIGTERM)
        status = self.proc.wait(WAIT_S)
        self.proc = None
        assert status == 0, f"{self.name} ended with {status}:\n{self.log_text()[-3000:]}"

    def hup(self):
        self.proc.send_signal(signal.SIGHUP)

    def ctl(self, *words):
        """(exit status, standard output)"""
        done = subprocess.run([self.world.s2sctl, *words, "--control", self.control], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=2 * WAIT_S)
        return done.returncode, done.stdout

    def ask(self, *words):
        """The JSON object that a command prints."""
        status, text = self.ctl(*words, "--json")
        assert text, f"{words}: status {status}"
        return json.loads(text)

    def ping(self, domain):
        return self.ask("ping", domain)

    def log_text(self):
        return self.log.read_text(errors="replace")


class World:
    """A directory of its own, ended with all its nodes."""

    def __init__(self, bindir):
        self.s2sd, self.s2sctl = os.path.join(bindir, "s2sd"), os.path.join(bindir, "s2sctl")
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="s2sd-test-"))
        self.pki = Pki(self.dir)
        self.nodes = []
        # all of 127/8 is this machine: an address of our own, so that ports are free
        number = os.getpid()
        self.net = f"127.{number // 250 % 250 + 1}.{number % 250 + 1}"

    def node(self, name, domain):
        self.nodes.append(Node(self, name, domain))
        return self.nodes[-1]

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for node in self.nodes:
            if node.proc is not None and node.proc.poll() is None:
                if kind is None:
                    node.stop()
                else:
                    node.proc.kill()
                    node.proc.wait()
            if kind is not None and node.log.exists():
                print(f"--- {node.name}\n{node.log_text()[-4000:]}")
        shutil.rmtree(self.dir)
        return False
