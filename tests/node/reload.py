#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""reload.py BINDIR: a running node gets another configuration, other certificates, CRLs and anchors."""

import hashlib
import os
import re
import shutil
import socket
import sys
import threading

from nodes import World, wait_for

SWAPS = 100


def text(world, name, domain, peer, host, more="", trust="", certificate=None):
    certificate = certificate or name
    return f"""
domains:
  - {{name: {domain}, certificate: {certificate}.crt, key: {certificate}.key}}
listen: [{{address: "{world.net}.{host}:5269"}}]
trust: {{system: false, ca_files: [ca.crt]{trust}}}
routes: [{{match: "{peer}", address: "{world.net}.{3 - host}:5269"}}]
control: {name}.sock
census: {name}.db
{more}"""


def streams(node):
    return {(s["id"], s["direction"]) for s in node.ask("status")["streams"] if s["mechanism"] == "external"}


def leaf(node):
    return node.ask("status")["certificates"][0]["sha256"]


def check_good_reload(world, a, b):
    before = streams(a)
    assert len(before) == 2, before
    a.write(text(world, "a", "a.test", "b.test", 1, "log: {level: debug}\nlimits: {queue_stanzas: 99}\n"))
    answer = a.ask("reload")
    assert answer == {"ok": True, "problems": [], "restart": ["limits"]}, answer
    assert a.ping("b.test")["ok"]
    assert streams(a) == before, "good streams stay"


def check_bad_reload(world, a):
    good = a.config.read_text()
    a.write(good.replace("control:", "contrl:"))
    status, out = a.ctl("reload")
    assert status == 1, out
    assert "a.yaml:7:1: contrl: unknown key; did you mean \"control\"?" in out, out
    a.hup()
    wait_for("the log has it twice", lambda: a.log_text().count("unknown key; did you mean") >= 2, a.proc)
    a.write(good.replace("ca.crt", "a.key"))
    answer = a.ask("reload")
    assert not answer["ok"] and "a.key" in answer["problems"][0], answer
    a.write(good)
    assert a.ping("b.test")["ok"]


def check_renewal(world, a):
    """An ACME client writes the certificate first and the key later: never a mismatched pair."""
    before = leaf(a)
    crt, key = world.pki.make("renewed", "a.test", ends=10)
    shutil.copy(crt, world.dir / "a.crt")
    wait_for("half a pair is noticed", lambda: "keeps its certificate of before" in a.log_text(), a.proc)
    assert leaf(a) == before
    line = next(line for line in a.log_text().splitlines() if "keeps its certificate of before until the files change again" in line)
    assert " warn reload problem=" in line, line
    assert "certificates reloaded" not in a.log_text()
    os.replace(key, world.dir / "a.key")
    wait_for("the pair is taken", lambda: leaf(a) != before, a.proc)
    wait_for("it is said", lambda: "certificates reloaded" in a.log_text(), a.proc)
    a.ctl("close", "b.test")
    assert a.ping("b.test")["ok"]


def check_renewal_under_a_bad_reload(world, a):
    """A reload that fails outright has not read the new certificate: the watch brings it."""
    before, good = leaf(a), a.config.read_text()
    crt, key = world.pki.make("renewed", "a.test", ends=11)
    a.write(good.replace("ca.crt", "a.key"))
    os.replace(key, world.dir / "a.key")
    os.replace(crt, world.dir / "a.crt")
    answer = a.ask("reload")
    assert not answer["ok"], answer
    wait_for("the pair is taken nevertheless", lambda: leaf(a) != before, a.proc)
    a.write(good)


def check_expiry_warning(world, a):
    world.pki.make("a", "a.test", begins=-30, ends=1)
    wait_for("the warning", lambda: "our certificate expires soon" in a.log_text(), a.proc)
    assert a.ask("status")["certificates"][0]["near"]
    world.pki.make("a", "a.test")
    wait_for("the next one", lambda: not a.ask("status")["certificates"][0]["near"], a.proc)


def check_strict(world, a, b):
    """A rule that the peer does not meet ends its stream to us, and only that."""
    a.ctl("close", "b.test")
    assert a.ping("b.test")["ok"]
    a.write(text(world, "a", "a.test", "b.test", 1, "policy: {eku: strict}\n"))
    assert a.ask("reload")["ok"]
    wait_for("the initiator's stream is closed", lambda: {d for _, d in streams(a)} == {"out"}, a.proc)
    peers = {p["direction"]: p for p in b.ask("peers")["peers"]}
    wait_for("b knows why", lambda: "reset" in b.log_text(), b.proc)
    assert peers["in"]["connected"], peers
    a.write(text(world, "a", "a.test", "b.test", 1))
    assert a.ask("reload")["ok"]
    assert b.ctl("close", "a.test")[0] in (0, 1)
    assert a.ping("b.test")["ok"]


def check_swaps(world, a, b):
    """Certificates, CRLs and anchors change a hundred times while streams open and close."""
    for name in ("one", "two"):
        world.pki.make(name, "a.test")
    world.pki.make_crl("first")
    world.pki.make_crl("second", revoked=[world.pki.make("unused", "unused.test")[0]])
    before = a.log_text(), b.log_text()
    ended, results = threading.Event(), []

    def work():
        while not ended.is_set():
            results.append(a.ping("b.test"))
            a.ctl("close", "b.test")

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for i in range(SWAPS):
            spare = (", spare.crt", "")[i // 2 % 2]
            crl = f", crl_files: [{('first', 'second')[i % 2]}.pem]"
            config = text(world, "a", "a.test", "b.test", 1, "", crl, ("one", "two")[i % 2])
            a.write(config.replace("[ca.crt]", f"[ca.crt{spare}]"))
            answer = a.ask("reload")
            assert answer["ok"], answer
    finally:
        ended.set()
        worker.join()
    assert len(results) > 2, results
    # a ping may meet its own stream being closed; what it may not meet is a certificate that is refused
    for r in results:
        assert r["ok"] or "certificate" not in (r["text"] or ""), r
    assert any(r["ok"] for r in results), results
    for log in (a.log_text()[len(before[0]):], b.log_text()[len(before[1]):]):
        assert "certificate refused" not in log and "withdrawn" not in log, log


def check_distrusted(world, a):
    """Anchors that do not lead to the peer end its streams at the reload."""
    assert a.ping("b.test")["ok"]
    world.pki.make_ca("spare")
    a.write(text(world, "a", "a.test", "b.test", 1).replace("ca.crt", "spare.crt"))
    assert a.ask("reload")["ok"]
    wait_for("no stream is left", lambda: not streams(a), a.proc)
    record = [r for r in a.ask("census")["remotes"] if r["remote"] == "b.test" and r["direction"] == "in"][0]
    assert record["chain"] == "unknown-issuer" and not record["trusted"], record
    assert not a.ping("b.test")["ok"]
    a.write(text(world, "a", "a.test", "b.test", 1))
    assert a.ask("reload")["ok"]
    a.ctl("close", "b.test")
    assert a.ping("b.test")["ok"]


def check_revoked(world, a):
    """A CRL that names the peer ends its streams at the reload."""
    assert a.ping("b.test")["ok"]
    world.pki.make_crl("revoked", revoked=[world.dir / "b.crt"])
    a.write(text(world, "a", "a.test", "b.test", 1, "", ", crl_files: [revoked.pem]"))
    assert a.ask("reload")["ok"]
    wait_for("no stream is left", lambda: not streams(a), a.proc)
    record = [r for r in a.ask("census")["remotes"] if r["remote"] == "b.test" and r["direction"] == "in"][0]
    assert record["chain"] == "revoked" and not record["trusted"], record
    assert not a.ping("b.test")["ok"]
    a.write(text(world, "a", "a.test", "b.test", 1))
    assert a.ask("reload")["ok"]
    a.ctl("close", "b.test")
    assert a.ping("b.test")["ok"]


def check_domains(world, a, b):
    """One domain more, then one less."""
    world.pki.make("c", "c.test")
    two = text(world, "a", "a.test", "b.test", 1).replace(
        "listen:", "  - {name: c.test, certificate: c.crt, key: c.key}\nlisten:")
    a.write(two)
    assert a.ask("reload")["ok"]
    assert a.ask("ping", "b.test", "--from", "c.test")["ok"]
    assert a.ask("status")["domains"] == ["a.test", "c.test"]
    a.write(text(world, "a", "a.test", "b.test", 1))
    assert a.ask("reload")["ok"]
    assert a.ask("status")["domains"] == ["a.test"]


class Component:
    """As much of XEP-0114 as it takes to be attached, and to see the end."""

    def __init__(self, path, domain, secret):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.socket.sendall(f"<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' "
                            f"to='{domain}'>".encode())
        stream_id = re.search(r"id=['\"]([^'\"]+)", self.read(">")).group(1)
        self.socket.sendall(f"<handshake>{hashlib.sha1((stream_id + secret).encode()).hexdigest()}</handshake>".encode())

    def read(self, end):
        text = ""
        while end not in text:
            part = self.socket.recv(4096)
            if not part:
                return text
            text += part.decode()
        return text


def check_accounts(world, a):
    """An attached component stays while its account does."""
    world.pki.make("bot", "bot.a.test")

    def config(*accounts):
        listed = ", ".join(f"{{domain: {d}, secret: {s}, certificate: bot.crt, key: bot.key}}" for d, s in accounts)
        a.write(text(world, "a", "a.test", "b.test", 1) +
                f"components: {{listen: 'unix:{world.dir}/bot.sock'" + (f", accounts: [{listed}]" if accounts else "") + "}\n")

    config(("bot.a.test", "one"))
    a.stop()
    a.start()
    address = str(world.dir / "bot.sock")
    bot = Component(address, "bot.a.test", "one")
    assert "handshake" in bot.read("/>"), "attached"
    config(("bot.a.test", "two"))
    assert a.ask("reload")["ok"]
    assert a.ask("status")["components"] == [{"domain": "bot.a.test", "attached": True}]
    config()
    assert a.ask("reload")["ok"], "the account is gone"
    assert "host-gone" in bot.read("</stream:stream>")
    assert a.ask("status")["components"] == []
    config(("bot.a.test", "two"))
    assert a.ask("reload")["ok"]
    again = Component(address, "bot.a.test", "two")
    assert "handshake" in again.read("/>")
    a.write(text(world, "a", "a.test", "b.test", 1))
    a.stop()
    a.start()


def check_census(world, a):
    """It outlives the node."""
    before = {(r["remote"], r["direction"]): r["first_seen"] for r in a.ask("census")["remotes"]}
    assert ("b.test", "in") in before and ("b.test", "out") in before, before
    a.stop()
    a.start()
    after = {(r["remote"], r["direction"]): r["first_seen"] for r in a.ask("census")["remotes"]}
    assert after == before
    assert a.ask("census")["summary"]["cut_off"] == {"tolerant": 0, "strict": 1}


def main(bindir):
    with World(bindir) as world:
        a, b = world.node("a", "a.test"), world.node("b", "b.test")
        for node in (a, b):
            world.pki.make(node.name, node.domain)
        a.write(text(world, "a", "a.test", "b.test", 1))
        b.write(text(world, "b", "b.test", "*.test", 2))
        a.start()
        b.start()
        assert a.ping("b.test")["ok"]
        check_good_reload(world, a, b)
        check_bad_reload(world, a)
        check_strict(world, a, b)
        check_domains(world, a, b)
        check_renewal(world, a)
        check_renewal_under_a_bad_reload(world, a)
        check_expiry_warning(world, a)
        check_distrusted(world, a)
        check_revoked(world, a)
        check_swaps(world, a, b)
        check_accounts(world, a)
        check_census(world, a)
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
