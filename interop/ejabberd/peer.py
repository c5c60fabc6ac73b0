# SPDX-License-Identifier: MIT
"""peer.py: ejabberd, strict: certificates are the only way in, but for one remote domain that may use dialback."""
import shutil

from lab import topology
from lab.process import Process

CONFIG = """\
loglevel: {level}
log_rotate_count: 0
hosts: ["{host}"]
certfiles: ["{certificate}", "{dialback_certificate}"]
ca_file: "{ca_file}"
s2s_cafile: "{ca_file}"
s2s_use_starttls: required
outgoing_s2s_ipv4_address: "{address}"
outgoing_s2s_families: [ipv4]
s2s_timeout: 20
acme: {{auto: false}}
listen:
  - {{port: {s2s_port}, ip: "{address}", module: ejabberd_s2s_in}}
  - port: {component_port}
    ip: "{address}"
    module: ejabberd_service
    access: all
    hosts: {{"{component}": {{password: "{secret}"}}, "{dialback_component}": {{password: "{secret}"}}}}
acl: {{by_dns: {{server: "{dialback_peer}"}}}}
access_rules: {{by_dns: [{{allow: by_dns}}]}}
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_s2s_dialback: {{access: by_dns}}
"""
# No epmd: the port of the Erlang node is given.
CONTROL_CONFIG = """\
ERLANG_NODE=interop@localhost
ERL_DIST_PORT=14323
INET_DIST_INTERFACE=127.0.0.1
ERL_OPTIONS="-env ERL_CRASH_DUMP_BYTES 0"
"""


# For people who log in on loopback; they make their accounts themselves.
USERS_LISTEN = """\
listen:
  - {{port: 5222, ip: "{address}", module: ejabberd_c2s, starttls: false}}
"""
USERS_MODULES = """\
modules:
  mod_roster: {}
  mod_vcard: {}
  mod_register: {ip_access: all, access: all}
registration_timeout: infinity
"""


def start(lab, pki, users=False):
    directory = lab.work / "ejabberd"
    for name in ("log", "data"):
        (directory / name).mkdir(parents=True)
    (directory / "ejabberd.yml").write_text(CONFIG.format(
        level="debug" if lab.debug else "info", host=topology.EJABBERD, component=topology.EJABBERD_COMPONENT,
        certificate=lab.inside(pki.directory / f"{topology.EJABBERD}.pem"), ca_file=lab.inside(pki.ca_file),
        dialback_certificate=lab.inside(pki.directory / f"{topology.EJABBERD_DIALBACK}.pem"),
        dialback_component=topology.EJABBERD_DIALBACK, dialback_peer=topology.EKU_DIALBACK,
        address=topology.EJABBERD_ADDRESS, s2s_port=topology.S2S_PORT, component_port=topology.COMPONENT_PORT,
        secret=topology.COMPONENT_SECRET))
    if users:
        file = directory / "ejabberd.yml"
        text = file.read_text().replace("listen:\n", USERS_LISTEN.format(address=topology.EJABBERD_ADDRESS))
        file.write_text(text.replace("modules:\n", USERS_MODULES.split("registration_timeout")[0]) + "registration_timeout: infinity\n")
    (directory / "ejabberdctl.cfg").write_text(CONTROL_CONFIG)
    shutil.copy(lab.rootfs / "etc/ejabberd/inetrc", directory)
    lab.own("ejabberd", directory)
    home = lab.inside(directory)
    command = lab.chroot_command("ejabberd", [
        "/usr/bin/env", f"HOME={home}", "LANG=C.UTF-8", "/usr/sbin/ejabberdctl", "--config-dir", home,
        "--config", f"{home}/ejabberd.yml", "--ctl-config", f"{home}/ejabberdctl.cfg",
        "--logs", f"{home}/log", "--spool", f"{home}/data", "foreground"])
    ready = [(topology.EJABBERD_ADDRESS, port) for port in (topology.S2S_PORT, topology.COMPONENT_PORT)]
    return Process("ejabberd", command, lab.logs, ready)
