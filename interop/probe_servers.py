#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""probe_servers.py: `s2sctl probe --protocol smtp|tls` against Postfix, OpenSSL and GnuTLS servers that ask for certificates: does it
say of a certificate with clientAuth and of one without what these servers do?

    probe_servers.py --bindir DIR --cache DIR [--table]

Needs root: it runs in a network and mount namespace of its own, Postfix in a chroot. Exit status 1: an answer was wrong.
"""
import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import namespace, quick_pki, rootfs

HOST = "127.0.0.1"
START_SECONDS = 30
OURS = ("client-too", "server-only", "stranger")  # the stranger: from another CA
TLS12 = ("-tls1_2",)

# name, protocol, how the server is started, and what each of our certificates gets.
# accepted, refused: the server's own word or alert; undecided: it goes on with or without; not-asked.
CASES = [
    ("openssl, demands one (TLS 1.3)", "tls", ("openssl", "-Verify", "2", "-verify_return_error"), ("accepted", "refused", "refused")),
    ("openssl, demands one (TLS 1.2)", "tls", ("openssl", "-Verify", "2", "-verify_return_error", *TLS12),
     ("accepted", "refused", "refused")),
    ("openssl, for the purpose sslserver", "tls", ("openssl", "-Verify", "2", "-verify_return_error", "-purpose", "sslserver"),
     ("accepted", "accepted", "refused")),
    ("openssl, asks, takes any", "tls", ("openssl", "-verify", "2"), ("undecided", "undecided", "undecided")),
    ("openssl, does not ask", "tls", ("openssl",), ("not-asked", "not-asked", "not-asked")),
    ("gnutls, demands one", "tls", ("gnutls", "--require-client-cert", "--verify-client-cert"), ("accepted", "accepted", "refused")),
    ("gnutls, does not ask", "tls", ("gnutls", "--disable-client-cert"), ("not-asked", "not-asked", "not-asked")),
    ("postfix, demands one", "smtp", ("postfix", "smtpd_tls_req_ccert=yes"), ("accepted", "refused", "refused")),
    ("postfix, asks", "smtp", ("postfix", "smtpd_tls_ask_ccert=yes"), ("undecided", "undecided", "undecided")),
    ("postfix, does not ask", "smtp", ("postfix",), ("not-asked", "not-asked", "not-asked")),
]


def make_certificates(directory):
    pki = quick_pki.QuickPki(directory)
    pki.ca("ca")
    pki.ca("otherca")
    pki.leaf("server", "ca", "serverAuth", ["mx.server.example"])
    pki.leaf("client-too", "ca", "serverAuth,clientAuth", ["mx.ours.example"])
    pki.leaf("server-only", "ca", "serverAuth", ["mx.ours.example"])
    pki.leaf("stranger", "otherca", "serverAuth,clientAuth", ["mx.ours.example"])


def free_port():
    with socket.socket() as s:
        s.bind((HOST, 0))
        return s.getsockname()[1]


def wait_for(port, child):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and (child is None or child.poll() is None):
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start")


class Openssl:
    def __init__(self, directory, _lab, options):
        self.port = free_port()
        self.child = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"{HOST}:{self.port}", "-cert", directory / "server.pem", "-key", directory / "server.key",
             "-CAfile", directory / "ca.pem", "-quiet", *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=open(directory / "openssl.log", "ab"))
        wait_for(self.port, self.child)

    def stop(self):
        self.child.terminate()
        self.child.wait()


class Gnutls(Openssl):
    def __init__(self, directory, _lab, options):
        self.port = free_port()
        self.child = subprocess.Popen(
            ["gnutls-serv", "--echo", "--quiet", "--port", str(self.port), "--x509certfile", directory / "server.pem", "--x509keyfile",
             directory / "server.key", "--x509cafile", directory / "ca.pem", *options], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=open(directory / "gnutls.log", "ab"))
        wait_for(self.port, self.child)


class Postfix:
    """In its chroot; its master process in the foreground of the namespace, so that it ends with it."""

    def __init__(self, directory, lab, options):
        self.port = 25
        where = Path(lab) / "etc/postfix"
        for name in ("server.pem", "server.key", "ca.pem"):
            (where / name).write_bytes((directory / name).read_bytes())
        (where / "server.key").chmod(0o600)
        (where / "main.cf").write_text("\n".join([
            "compatibility_level = 3.6", "myhostname = mx.server.example", f"inet_interfaces = {HOST}", "inet_protocols = ipv4",
            "mydestination =", "maillog_file = /var/log/mail.log", "smtpd_tls_security_level = may",
            "smtpd_tls_cert_file = /etc/postfix/server.pem", "smtpd_tls_key_file = /etc/postfix/server.key",
            "smtpd_tls_CAfile = /etc/postfix/ca.pem", "smtpd_tls_loglevel = 1",
            *("smtpd_tls_security_level = encrypt" for o in options if "req_ccert" in o),
            *(o.replace("=", " = ") for o in options)]) + "\n")
        master = (where / "master.cf").read_text().splitlines()
        (where / "master.cf").write_text("\n".join(
            line.replace("  y  ", "  n  ", 1) if line.startswith("smtp ") else line for line in master if not line.startswith("postlog"))
            + "\npostlog unix-dgram n - n - 1 postlogd\n")
        subprocess.run(["chroot", lab, "/usr/sbin/postfix", "check"], check=False, capture_output=True)
        self.child = subprocess.Popen(["chroot", lab, "/usr/lib/postfix/sbin/master", "-d"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=open(directory / "postfix.log", "ab"))
        wait_for(self.port, self.child)

    def stop(self):
        self.child.terminate()
        self.child.wait()


SERVERS = {"openssl": Openssl, "gnutls": Gnutls, "postfix": Postfix}


def probe(options, directory, protocol, port):
    command = [options.bindir / "s2sctl", "probe", "--json", "--no-system-ca", "--ca", directory / "ca.pem", "--protocol", protocol,
               "--route", f"{HOST}:{port}"]
    for name in OURS:
        command += ["--certificate", directory / f"{name}.pem", "--key", directory / f"{name}.key"]
    done = subprocess.run([*command, f"mx.server.example:{port}"], capture_output=True, text=True, timeout=180, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"s2sctl probe: {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


def run(options):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    lab = rootfs.ensure(options.cache, "mail")
    subprocess.run(["mount", "--rbind", "/dev", f"{lab}/dev"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", f"{lab}/proc"], check=True)
    wrong = 0
    with tempfile.TemporaryDirectory() as directory:
        directory = Path(directory)
        make_certificates(directory)
        print("| server | " + " | ".join(OURS) + " | refuses the purpose? |\n|---" * 1 + "|---" * (len(OURS) + 1) + "|")
        for name, protocol, (kind, *settings), want in CASES:
            server = SERVERS[kind](directory, lab, settings)
            try:
                result = probe(options, directory, protocol, server.port)
            finally:
                server.stop()
            got = tuple(o["outcome"] for o in result["ours"])
            print(f"| {name} | " + " | ".join(got) + f" | {result['differential']['refuses_purpose']} |", flush=True)
            if got != want:
                wrong += 1
                print(f"WRONG: {name}: wanted {want}: {[o['why'] for o in result['ours']]}; {result['summary']}")
    print(f"{len(CASES) - wrong} of {len(CASES)} servers as they are set")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bindir", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args()
    options.bindir, options.cache = options.bindir.resolve(), options.cache.resolve()
    if not namespace.inside():
        rootfs.ensure(options.cache, "mail")
        return namespace.run_inside([sys.executable, "-B", os.path.abspath(__file__), "--bindir", str(options.bindir), "--cache",
                                     str(options.cache)])
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
