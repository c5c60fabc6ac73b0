# SPDX-License-Identifier: MIT
"""peer.py: Prosody, strict: certificates are the only way in, but for two domains that may use dialback with each other."""
import json
import shutil
from pathlib import Path

from lab import topology
from lab.process import Process

CONFIG = """\
data_path = "{directory}/data"; pidfile = "{directory}/prosody.pid"
plugin_paths = {{ "{directory}" }}
modules_enabled = {{ "tls", "disco", "ping", "version", "saslauth", "lab_stream_ends" }}
modules_disabled = {{ "dialback", "limits" }}
interfaces = {{ "{address}" }}; local_interfaces = {{ "{address}" }}
component_interfaces = {{ "{address}" }}; component_ports = {{ {component_port} }}
s2s_ports = {{ {s2s_port} }}; c2s_ports = {{}}; c2s_direct_tls_ports = {{}}; http_ports = {{}}; https_ports = {{}}
use_ipv6 = false
-- The lab's zone is not signed, and Prosody always has a trust anchor: one for a name that nobody asks for.
unbound = {{ resolvconf = true; hoststxt = false; trusted = "{trust_anchor}" }}
s2s_require_encryption = true
s2s_secure_auth = true
s2s_insecure_domains = {{ "{insecure}" }}
ssl = {{ cafile = "{ca_file}"; capath = "/nonexistent" }} -- the lab's CA instead of the system's
log = {{ {level} = "*console" }}
"""
UNUSED_TRUST_ANCHOR = "unused.example. IN DS 1 13 2 " + 64 * "0"
HOST = """\
{kind}
  ssl = {{ certificate = "{certificate}"; key = "{key}" }}
"""


def component(domain, modules=()):
    text = f'Component "{domain}"\n  component_secret = "{topology.COMPONENT_SECRET}"'
    if modules:
        text += f"\n  modules_enabled = {{ {', '.join(json.dumps(m) for m in modules)} }}; modules_disabled = {{}}"
    return text


# For people who log in on loopback; they make their accounts themselves.
USERS = """\
modules_enabled = {{ "disco", "ping", "saslauth", "tls", "roster", "presence", "message", "iq", "vcard", "register", "register_ibr" }}
c2s_ports = {{ 5222 }}; c2s_interfaces = {{ "{address}" }}; c2s_require_encryption = false
allow_registration = true; authentication = "internal_hashed"
"""


def start(lab, pki, users=False):
    directory = lab.work / "prosody"
    for name in ("data", "certs"):
        (directory / name).mkdir(parents=True)
    shutil.copy(Path(__file__).with_name("mod_lab_stream_ends.lua"), directory)
    config = CONFIG.format(
        directory=lab.inside(directory), address=topology.PROSODY_ADDRESS, s2s_port=topology.S2S_PORT,
        component_port=topology.COMPONENT_PORT, ca_file=lab.inside(pki.ca_file),
        trust_anchor=UNUSED_TRUST_ANCHOR, insecure=topology.EKU_DIALBACK, level="debug" if lab.debug else "info")
    if users:
        config = config.replace("c2s_ports = {}; ", "") + USERS.format(address=topology.PROSODY_ADDRESS)
    for kind, name in ((f'VirtualHost "{topology.PROSODY}"', topology.PROSODY),
                       (component(topology.PROSODY_COMPONENT), topology.PROSODY),
                       (component(topology.PROSODY_DIALBACK, ["dialback"]), topology.PROSODY_DIALBACK),
                       (component(topology.PROSODY_BIDI, ["s2s_bidi"]), topology.PROSODY),
                       (component(topology.PROSODY_EXPIRED), topology.PROSODY_EXPIRED),
                       (component(topology.PROSODY_WRONG_NAME), topology.PROSODY_WRONG_NAME)):
        config += HOST.format(kind=kind, certificate=lab.inside(pki.certificate(name)), key=lab.inside(pki.key(name)))
    (directory / "prosody.cfg.lua").write_text(config)
    lab.own("prosody", directory)
    command = lab.chroot_command("prosody", ["/usr/bin/prosody", "-F", "--config",
                                             lab.inside(directory / "prosody.cfg.lua")])
    ready = [(topology.PROSODY_ADDRESS, port) for port in (topology.S2S_PORT, topology.COMPONENT_PORT)]
    return Process("prosody", command, lab.logs, ready)
