#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""refusal.py BINDIR: a peer that demands clientAuth refuses a serverAuth-only certificate, and both sides say so; and what a
connecting OpenSSL says of ours is in the log, also where it says so in the clear (TLS 1.3)."""

import subprocess
import sys

from nodes import World, wait_for


def refused_by_clients(bindir):
    with World(bindir) as world:
        node = world.node("a", "a.test")
        world.pki.make("a", "a.test")
        world.pki.make("old", "old.test", begins=-9, ends=-1)
        other = world.pki.make_ca("other")
        node.write(f"""
domains:
  - {{name: a.test, certificate: a.crt, key: a.key}}
  - {{name: old.test, certificate: old.crt, key: old.key}}
listen: [{{address: "{world.net}.1:5269"}}, {{address: "{world.net}.1:5270", tls: direct}}]
trust: {{system: false, ca_files: [ca.crt]}}
control: a.sock
census: off
log: {{level: debug}}
""")
        node.start()
        first = True
        for version, how in (("-tls1_3", ", in the clear"), ("-tls1_2", "")):
            for domain, ca, alert, cause in (("a.test", other, 48, "does not know the CA of our certificate"),
                                             ("old.test", world.pki.ca, 45, "is expired or not yet valid")):
                for port, words in ((5269, ["-starttls", "xmpp-server", "-xmpphost", domain]), (5270, ["-servername", domain])):
                    seen = len(node.log_text())
                    done = subprocess.run(["openssl", "s_client", "-connect", f"{world.net}.1:{port}", *words, version, "-CAfile", ca,
                                           "-verify_return_error"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
                    assert "certificate verify failed" in done.stderr, done.stderr
                    line = wait_for("the refusal's line", lambda: next(
                        (l for l in node.log_text()[seen:].splitlines(True) if "stream failed" in l and l.endswith("\n")), None))
                    assert not first or " info stream failed" in line, line  # those behind it within ten seconds are for debug
                    assert f"TLS alert {alert} (" in line and f"){how}\"" in line, line
                    assert cause in line, line
                    explained = subprocess.run([world.s2sctl, "explain", line.split('text="')[1].split('"')[0]], check=True,
                                               capture_output=True, text=True).stdout
                    assert "means:" in explained, explained
                    first = False


def main(bindir):
    refused_by_clients(bindir)
    with World(bindir) as world:
        a, b = world.node("a", "a.test"), world.node("b", "b.test")
        for node, host, more in ((a, 1, ""), (b, 2, "policy: {eku: strict}")):
            world.pki.make(node.name, node.domain)
            node.write(f"""
domains: [{{name: {node.domain}, certificate: {node.name}.crt, key: {node.name}.key}}]
listen: [{{address: "{world.net}.{host}:5269"}}]
trust: {{system: false, ca_files: [ca.crt]}}
routes: [{{match: "*.test", address: "{world.net}.{3 - host}:5269"}}]
control: {node.name}.sock
census: off
{more}
""")
            node.start()
        assert not a.ping("b.test")["ok"]
        out = a.ask("peers")["peers"][0]
        assert out["remote"] == "b.test" and out["trusted"] and out["peer_refused"] == 1, out
        assert "our certificate has serverAuth only" in out["failure"]["cause"], out
        assert "demands clientAuth" in out["failure"]["cause"], out
        assert a.ask("census")["summary"]["peer_refused"] == 1
        into = b.ask("census")["remotes"][0]
        assert into["would"] == {"tolerant": "accept", "strict": "refuse"} and not into["trusted"], into
        assert into["mode"] == "strict" and into["other_mode"] == "accept" and not into["cut_off"], into
        assert "serverAuth only" in a.ctl("peers")[1]
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
