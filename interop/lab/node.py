# SPDX-License-Identifier: MIT
"""node.py: s2sd inside the lab, and s2sctl to ask it."""
import asyncio
import json
import subprocess

from lab import dns, topology
from lab.process import Process

CONTROL_SECONDS = 60  # the longest s2sctl may take, a ping over new streams included

CONFIG = """\
domains:
  - name: {eku}
    certificate: {eku_crt}
    key: {eku_key}
    services: [echo]
  - name: {le}
    certificate: {le_crt}
    key: {le_key}
  - name: {users}
    certificate: {users_crt}
    key: {users_key}
listen:
  - address: "{address}:{s2s_port}"
components:
  listen: "{address}:{component_port}"
  accounts:
    - domain: {eku_chat}
      secret: {secret}
      certificate: {eku_crt}
      key: {eku_key}
    - domain: {eku}           # the whole domain, users and all
      secret: {secret}
    - domain: {users}         # another one
      secret: {secret}
      conflict: replace
    - domain: {gateway}
      secret: {secret}
    - domain: {eku_library}   # covered by the certificate of {eku}
      secret: {secret}
    - domain: {dialback}
      secret: {secret}
      certificate: {dialback_crt}
      key: {dialback_key}
    - domain: {le_chat}
      secret: {secret}
      certificate: {le_crt}
      key: {le_key}
trust:
  system: false
  ca_files: [{ca_file}]
policy:
  remotes:
    - {{match: {prosody_dialback}, dialback: fallback}}
    - {{match: {ejabberd_dialback}, dialback: fallback}}
bidi: true
dns:
  servers: ["{dns_address}@{dns_port}"]
control: {control}
census: off
log: {{level: {level}, format: text}}
"""


class Node:
    domains = [domain for domain, address in topology.HOSTS.items() if address == topology.NODE_ADDRESS]

    def __init__(self, lab, pki, bindir):
        self._ctl = bindir / "s2sctl"
        directory = lab.work / "s2sd"
        directory.mkdir()
        self._control = directory / "control.sock"
        config = directory / "s2sd.yaml"
        config.write_text(CONFIG.format(
            eku=topology.EKU, eku_chat=topology.EKU_CHAT, eku_library=topology.EKU_LIBRARY,
            eku_crt=pki.certificate(topology.EKU), eku_key=pki.key(topology.EKU),
            users=topology.USERS, gateway=topology.GATEWAY, users_crt=pki.certificate(topology.USERS),
            users_key=pki.key(topology.USERS), dialback=topology.EKU_DIALBACK, dialback_crt=pki.certificate(topology.EKU_DIALBACK),
            dialback_key=pki.key(topology.EKU_DIALBACK), prosody_dialback=topology.PROSODY_DIALBACK,
            ejabberd_dialback=topology.EJABBERD_DIALBACK,
            le=topology.LE, le_chat=topology.LE_CHAT,
            le_crt=pki.certificate(topology.LE), le_key=pki.key(topology.LE),
            address=topology.NODE_ADDRESS, s2s_port=topology.S2S_PORT, component_port=topology.COMPONENT_PORT,
            secret=topology.COMPONENT_SECRET, ca_file=pki.ca_file, control=self._control,
            dns_address=topology.DNS_ADDRESS, dns_port=dns.PORT, level="debug" if lab.debug else "info"))
        self.process = Process("s2sd", [str(bindir / "s2sd"), "--config", str(config)], lab.logs,
                               ready=[(topology.NODE_ADDRESS, topology.S2S_PORT),
                                      (topology.NODE_ADDRESS, topology.COMPONENT_PORT)])

    async def ctl(self, *words):
        """Runs s2sctl; returns (exit status, standard output and error)."""
        child = await asyncio.create_subprocess_exec(
            str(self._ctl), *words, "--control", str(self._control),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            out, _ = await asyncio.wait_for(child.communicate(), CONTROL_SECONDS)
        except BaseException:
            child.kill()
            await child.wait()
            raise
        return child.returncode, out.decode()

    async def streams(self, local, remote):
        """The streams between two domains, as `s2sctl status --json` tells them."""
        status, out = await self.ctl("status", "--json")
        if status != 0:
            raise RuntimeError(f"s2sctl status: {status}: {out}")
        return [s for s in json.loads(out)["streams"] if s["local"] == local and s["remote"] == remote]
