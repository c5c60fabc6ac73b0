#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""plugin.py BINDIR PLUGIN: s2sd with the policy of docs/examples, and with files that are none."""

import base64
import hashlib
import shutil
import subprocess
import sys

from nodes import World


def pin(crt):
    key = subprocess.run(["openssl", "x509", "-in", crt, "-noout", "-pubkey"], check=True, stdout=subprocess.PIPE).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=key, check=True, stdout=subprocess.PIPE).stdout
    return "sha256/" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def write(world, node, host, more):
    node.write(f"""
domains: [{{name: {node.domain}, certificate: {node.name}.crt, key: {node.name}.key}}]
listen: [{{address: "{world.net}.{host}:5269"}}]
trust: {{system: false, ca_files: [ca.crt]}}
routes: [{{match: "*.test", address: "{world.net}.{3 - host}:5269"}}]
control: {node.name}.sock
census: off
{more}
""")


def check_refused(world, node, content, words):
    """`--check` says what is wrong with a shared object."""
    file = world.dir / "other.so"
    if isinstance(content, bytes):
        file.write_bytes(content)
    else:
        shutil.copy(content, file)
    write(world, node, 1, "policy: {plugin: other.so}")
    done = subprocess.run([world.s2sd, "--config", node.config, "--check"], text=True, stderr=subprocess.PIPE)
    assert done.returncode == 2, done
    assert "policy.plugin" in done.stderr and words in done.stderr, done.stderr


def check_reload(world, node, plugin):
    """Code stays as it was loaded; another file, or another path, is told: of both kinds a restart is needed."""
    assert node.ask("reload") == {"ok": True, "problems": [], "restart": []}
    shutil.copy(plugin, world.dir / "new.so")
    (world.dir / "new.so").replace(world.dir / "list.so")  # as a package manager does it
    assert node.ask("reload") == {"ok": True, "problems": [], "restart": ["policy.plugin"]}
    assert f"the policy that was loaded stays until a restart file={world.dir}/list.so" in node.log_text()
    assert node.ping("b.test")["ok"]
    node.stop()
    node.start()
    assert node.ask("reload")["restart"] == []
    shutil.copy(world.dir / "list.so.list", world.dir / "more.so.list")
    shutil.copy(plugin, world.dir / "more.so")
    write(world, node, 1, "policy: {plugin: more.so}")
    assert node.ask("reload") == {"ok": True, "problems": [], "restart": ["policy.plugin"]}
    write(world, node, 1, "policy: {plugin: list.so}")
    assert node.ask("reload")["restart"] == []


def main(bindir, plugin):
    with World(bindir) as world:
        a, b = world.node("a", "a.test"), world.node("b", "b.test")
        for node in (a, b):
            world.pki.make(node.name, node.domain)
        shutil.copy(plugin, world.dir / "list.so")
        keys = world.dir / "list.so.list"
        # a CA that b does not know signs nothing here: what counts at a is b's key alone
        keys.write_text(f"# known keys\nb.test {pin(world.dir / 'b.crt')}\n")
        write(world, a, 1, "policy: {plugin: list.so}")
        write(world, b, 2, "")
        a.start()
        b.start()
        assert a.ping("b.test")["ok"]
        record = a.ask("census")["remotes"][0]
        assert record["trusted"] and "is on the list" in record["reason"], record
        check_reload(world, a, plugin)
        a.stop()
        keys.write_text("")
        a.start()
        assert not a.ping("b.test")["ok"]
        assert "is not on the list" in a.log_text()
        a.stop()
        check_refused(world, a, b"no shared object", "other.so")
        check_refused(world, a, shutil.which("true"), "other.so")
        check_refused(world, a, plugin, "other.so.list cannot be read")
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
