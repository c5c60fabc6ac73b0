#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""refusal.py BINDIR: a peer that demands clientAuth refuses a serverAuth-only certificate, and both sides say so."""

import sys

from nodes import World


def main(bindir):
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
