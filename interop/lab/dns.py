# SPDX-License-Identifier: MIT
"""dns.py: one unbound that answers for the lab's names and knows nothing else."""
from lab import topology
from lab.process import Process

PORT = 53
TTL = 60

UNBOUND_CONF = """\
server:
  chroot: ""
  username: ""
  pidfile: ""
  directory: "{directory}"
  do-daemonize: no
  use-syslog: no
  log-queries: yes
  log-servfail: yes
  interface: {address}
  port: {port}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  num-threads: 1
  module-config: "iterator"
  # There is no way out of the namespace: say "no such name" instead of asking the root servers.
  local-zone: "." static
  local-zone: "example." transparent
remote-control:
  control-enable: no
auth-zone:
  name: "example."
  zonefile: "{directory}/example.zone"
  for-upstream: yes
  for-downstream: no
  fallback-enabled: no
"""


def zone_text():
    lines = [f"$TTL {TTL}", "$ORIGIN example.", "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns",
             f"ns A {topology.DNS_ADDRESS}"]
    lines.append(f"{topology.IRC}. A {topology.IRC_ADDRESS}")
    for domain, address in topology.HOSTS.items():
        lines += [f"_xmpp-server._tcp.{domain}. SRV 5 0 {topology.S2S_PORT} xmpp.{domain}.",
                  f"xmpp.{domain}. A {address}"]
    return "\n".join(lines) + "\n"


def start(lab):
    """Starts unbound out of the chroot, so that the machine itself needs no DNS server installed."""
    directory = lab.work / "dns"
    directory.mkdir()
    (directory / "example.zone").write_text(zone_text())
    (directory / "unbound.conf").write_text(UNBOUND_CONF.format(
        directory=lab.inside(directory), address=topology.DNS_ADDRESS, port=PORT))
    command = lab.chroot_command("root", ["/usr/sbin/unbound", "-d", "-c", lab.inside(directory / "unbound.conf")])
    return Process("unbound", command, lab.logs, ready=[(topology.DNS_ADDRESS, PORT)])
