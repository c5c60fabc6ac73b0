# SPDX-License-Identifier: MIT
"""servers.py: all servers of one phase: the name server, the peers and s2sd, each with a domain for each certificate."""
import shutil
import socket
import subprocess
import time
from pathlib import Path

from lab import topology
from lab.dns import UNBOUND_CONF, TTL, PORT
from lab.process import Process
from matrix import axes

DIRECT_PORT = 5270
REFUSES = ['"lab_refuse_external"']
STANZA_BYTES = 524288  # what Prosody takes; its default
SMALL_STANZA_BYTES = 20000  # the same where limits are looked at
OWN_HOST = "server"  # both must have a host of their own beside the components
LOG_LEVEL = "info"
NOT_HELD_UP = ["nice", "-n", "-10"]  # the longer ejabberd is held up, the more answers it loses (faults.py)

PROSODY = """\
data_path = "{home}/data"; pidfile = "{home}/prosody.pid"
plugin_paths = {{ "{home}" }}
modules_enabled = {{ "tls", "disco", "ping", "version", "saslauth"{dialback}{wire} }}
modules_disabled = {{ "limits"{no_dialback} }}
interfaces = {{ "{address}" }}; local_interfaces = {{ "{address}" }}
component_interfaces = {{ "{address}" }}; component_ports = {{ {component_port} }}
s2s_ports = {{ {s2s_port} }}; s2s_direct_tls_ports = {{ {direct_port} }}
c2s_ports = {{}}; c2s_direct_tls_ports = {{}}; http_ports = {{}}; https_ports = {{}}
use_ipv6 = false
unbound = {{ resolvconf = true; hoststxt = false; trusted = "unused.example. IN DS 1 13 2 {zeros}" }}
s2s_require_encryption = true
s2s_secure_auth = {secure}
s2s_stanza_size_limit = {stanza_bytes}
network_settings = {{ read_timeout = {quiet} }}
certificates = "{pki}" -- where a direct TLS port looks, by the name asked for
ssl = {{ cafile = "{ca_file}"; capath = "/nonexistent"{protocol} }}
log = {{ debug = "*console" }}
VirtualHost "{host}"
"""
PROSODY_HOST = """\
Component "{domain}"
  component_secret = "{secret}"
  modules_enabled = {{ {modules} }}
  ssl = {{ certificate = "{certificate}"; key = "{key}"{protocol} }}
"""
EJABBERD = """\
loglevel: {level}
log_rotate_count: 0
log_burst_limit_count: 1000000
hosts: ["{host}"]
certfiles: [{certificates}]
ca_file: "{ca_file}"
s2s_cafile: "{ca_file}"
s2s_use_starttls: required
{protocol}
outgoing_s2s_ipv4_address: "{address}"
outgoing_s2s_families: [ipv4]
acme: {{auto: false}}
listen:
  - {{port: {s2s_port}, ip: "{address}", module: ejabberd_s2s_in}}
  - {{port: {direct_port}, ip: "{address}", module: ejabberd_s2s_in, tls: true}}
  - port: {component_port}
    ip: "{address}"
    module: ejabberd_service
    access: all
    hosts: {{{components}}}
modules:
  mod_disco: {{}}
  mod_ping: {{}}
  mod_stream_mgmt: {{}}
{dialback}
{bidi}
"""
EJABBERD_CONTROL = """\
ERLANG_NODE={name}@localhost
ERL_DIST_PORT={port}
INET_DIST_INTERFACE=127.0.0.1
ERL_OPTIONS="-env ERL_CRASH_DUMP_BYTES 0"
"""
JABBERD2_ROUTER = """\
<router><id>router</id><pidfile>{home}/router.pid</pidfile><log type='stdout'/>
<local><ip>{address}</ip><port>{component_port}</port><users>{home}/users.xml</users><secret>{secret}</secret></local>
<check><interval>60</interval><keepalive>0</keepalive></check>
<io><max_fds>1024</max_fds><limits><bytes>0</bytes><connects>0</connects></limits><access><order>allow,deny</order></access></io>
<aliases/><aci><acl type='all'><user>jabberd</user></acl></aci></router>
"""
JABBERD2_S2S = """\
<s2s><id>s2s</id><pidfile>{home}/s2s.pid</pidfile><log type='stdout'/>
<router><ip>{address}</ip><port>{component_port}</port><user>jabberd</user><pass>{secret}</pass>
<retry><init>10</init><lost>3</lost><sleep>1</sleep></retry></router>
<local><ip>{address}</ip><origins><ip>{address}</ip></origins><port>{s2s_port}</port>
<pemfile>{pem}</pemfile><cachain>{ca_file}</cachain>{verify}</local>
<io><max_fds>1024</max_fds></io>
<check><interval>2</interval><queue>10</queue><retry>300</retry><idle>86400</idle><keepalive>0</keepalive></check>
<lookup><srv>xmpp-server</srv><min-ttl>30</min-ttl><max-ttl>60</max-ttl></lookup>
<out-conn-reuse/><security><require_tls/></security></s2s>
"""
NODE = """\
listen:
  - address: "{address}:{s2s_port}"
  - {{address: "{address}:{direct_port}", tls: direct}}
components:
  listen: "{address}:{component_port}"
  accounts:
{accounts}
trust: {{system: false, ca_files: [{ca_file}]}}
policy: {{eku: {eku}, dialback: {dialback}}}
dns: {{servers: ["{dns}@{dns_port}"]}}
bidi: {bidi}
limits: {limits}
control: {control}
log: {{level: {level}, format: json}}
"""
NODE_ACCOUNT = '    - {{domain: {domain}, secret: {secret}, certificate: "{certificate}", key: "{key}"}}'


def domains_of(label, variants):
    return [f"{variant}.{label}.{axes.ZONE}" for variant in variants]


def srv_records(phase, label, variant):
    """The SRV records of a domain, without the name of their host."""
    start = axes.MIXED.get(variant, "starttls") if phase.start == "mixed" else phase.start
    domain = f"{variant}.{label}.{axes.ZONE}"
    if start == "starttls":
        return [f"_xmpp-server._tcp.{domain}. SRV 5 0 {topology.S2S_PORT}"]
    return [f"_xmpps-server._tcp.{domain}. SRV 5 0 {DIRECT_PORT}"] if start == "direct" else []


def zone(phase, peers, variants):
    lines = [f"$TTL {TTL}", f"$ORIGIN {axes.ZONE}.", "@ SOA ns hostmaster 1 3600 600 86400 60", "@ NS ns",
             f"ns A {topology.DNS_ADDRESS}"]
    for label, address in [(axes.OURS, axes.OUR_ADDRESS)] + [(p.name, p.address) for p in peers]:
        lines.append(f"xmpp.{label} A {address}")
        lines += [f"{record} xmpp.{label}" for v in variants for record in srv_records(phase, label, v)]
    return "\n".join(lines) + "\n"


def wait_free(port, seconds=20):
    """The server of the phase before may still be at its end."""
    until = time.monotonic() + seconds
    while True:
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                taken.bind(("127.0.0.1", port))
                taken.listen()
                return
            except OSError:
                if time.monotonic() > until:
                    raise
        time.sleep(0.05)


class Servers:
    """`labs`: one for each chroot, by its key. Everything is below `directory`."""

    def __init__(self, labs, directory, pki, bindir, phase, peers, variants, node_variants):
        self.labs, self.directory, self.pki, self.bindir, self.phase = labs, directory, pki, bindir, phase
        self.peers, self.variants, self.node_variants = peers, variants, node_variants
        self.lab = labs["bookworm"]
        self.logs = directory / "logs"
        self.running, self.by_name = [], {}

    def start(self):
        self.logs.mkdir(parents=True)
        self._keep("dns", self._dns())
        starters = {"prosody": self._prosody, "ejabberd": self._ejabberd, "jabberd2": self._jabberd2}
        waiting = [(p, starters[p.kind](p)) for p in self.peers]
        for peer, process in waiting:
            ports = (topology.COMPONENT_PORT, topology.S2S_PORT)
            process.wait_ready([(peer.address, port) for port in ports])
        self._keep(axes.OURS, self._node())

    def stop(self):
        for one in reversed(self.running):
            one.stop()

    @staticmethod
    def address_of(who, cell):
        return axes.OUR_ADDRESS if who == axes.WE else cell.peer.address

    def journal(self, peer):
        """ejabberd's own log file, which names the process of each line; nothing of others. Complete after stop()."""
        file = self.directory / peer.name / "log" / "ejabberd.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def _keep(self, name, process):
        self.running.append(process)
        self.by_name[name] = process
        return process

    def _home(self, name, *below):
        home = self.directory / name
        home.mkdir()
        for directory in below:
            (home / directory).mkdir()
        return home

    def _dns(self):
        home = self._home("dns")
        (home / "example.zone").write_text(zone(self.phase, self.peers, self.variants))
        (home / "unbound.conf").write_text(UNBOUND_CONF.format(
            directory=self.lab.inside(home), address=topology.DNS_ADDRESS, port=PORT))
        command = self.lab.chroot_command("root", ["/usr/sbin/unbound", "-d", "-c", self.lab.inside(home / "unbound.conf")])
        return Process("dns", command, self.logs, ready=[(topology.DNS_ADDRESS, PORT)])

    def _prosody(self, peer):
        lab, home = self.labs[peer.chroot], self._home(peer.name, "data")
        inside, protocol = lab.inside(home), '; protocol = "tlsv1_2"' if self.phase.tls == "1.2" else ""
        certificates = self.phase.theirs == "certificates"
        modules = ['"s2s_bidi"'] * self.phase.bidi + ['"smacks"'] * self.phase.acks
        if self.phase.wire:
            for module in ("mod_lab_wire.lua", "mod_lab_refuse_external.lua"):
                shutil.copy(Path(__file__).parents[1] / "prosody" / module, home)
        config = PROSODY.format(
            home=inside, address=peer.address, s2s_port=topology.S2S_PORT, direct_port=DIRECT_PORT,
            component_port=topology.COMPONENT_PORT, pki=lab.inside(self.pki.directory),
            ca_file=lab.inside(self.pki.ca_file), zeros=64 * "0", protocol=protocol,
            dialback="" if certificates else ', "dialback"', no_dialback=', "dialback"' if certificates else "",
            secure="false" if self.phase.theirs == "dialback" else "true",
            wire=', "lab_wire"' if self.phase.wire else "", quiet=self.phase.quiet,
            stanza_bytes=SMALL_STANZA_BYTES if self.phase.wire else STANZA_BYTES,
            host=f"{OWN_HOST}.{peer.name}.{axes.ZONE}")
        for domain in domains_of(peer.name, self.variants):
            config += PROSODY_HOST.format(domain=domain, secret=topology.COMPONENT_SECRET, protocol=protocol,
                                          modules=", ".join(modules + REFUSES * self._refuses(domain)),
                                          certificate=lab.inside(self.pki.certificate(domain)),
                                          key=lab.inside(self.pki.key(domain)))
        (home / "prosody.cfg.lua").write_text(config)
        lab.own("prosody", home)
        return self._keep(peer.name, Process(peer.name, lab.chroot_command(
            "prosody", ["/usr/bin/prosody", "-F", "--config", f"{inside}/prosody.cfg.lua"]), self.logs, ready=[]))

    def _refuses(self, domain):
        return self.phase.wire and domain.split(".")[0] == axes.REFUSER

    def _ejabberd(self, peer):
        lab, home = self.labs[peer.chroot], self._home(peer.name, "log", "data")
        inside, domains = lab.inside(home), domains_of(peer.name, self.variants)
        usable = [d for d in domains if not d.startswith("ed.")]  # ejabberd's certificate store dies of an Ed25519 key
        (home / "ejabberd.yml").write_text(EJABBERD.format(
            host=f"{OWN_HOST}.{peer.name}.{axes.ZONE}", address=peer.address, s2s_port=topology.S2S_PORT,
            direct_port=DIRECT_PORT, component_port=topology.COMPONENT_PORT, ca_file=lab.inside(self.pki.ca_file),
            certificates=", ".join(f'"{lab.inside(self.pki.directory / f"{d}.pem")}"' for d in usable),
            protocol='s2s_protocol_options: ["no_sslv3", "no_tlsv1", "no_tlsv1_1", "no_tlsv1_3"]'
            if self.phase.tls == "1.2" else "",
            components=", ".join(f'"{d}": {{password: "{topology.COMPONENT_SECRET}"}}' for d in domains),
            level="debug" if self.phase.wire else "info",
            bidi="  mod_s2s_bidi: {}" if self.phase.bidi and peer.name in axes.EJABBERD_BIDI else "",
            dialback="" if self.phase.theirs == "certificates" else "  mod_s2s_dialback: {}"))
        dist_port = 14300 + int(peer.address.split(".")[-1])
        wait_free(dist_port)
        (home / "ejabberdctl.cfg").write_text(EJABBERD_CONTROL.format(name=peer.name, port=dist_port))
        shutil.copy(lab.rootfs / "etc/ejabberd/inetrc", home)
        lab.own("ejabberd", home)
        return self._keep(peer.name, Process(peer.name, NOT_HELD_UP + lab.chroot_command("ejabberd", [
            "/usr/bin/env", f"HOME={inside}", "LANG=C.UTF-8", "/usr/sbin/ejabberdctl", "--config-dir", inside,
            "--config", f"{inside}/ejabberd.yml", "--ctl-config", f"{inside}/ejabberdctl.cfg",
            "--logs", f"{inside}/log", "--spool", f"{inside}/data", "foreground"]), self.logs, ready=[]))

    def _jabberd2(self, peer):
        lab, home = self.labs[peer.chroot], self._home(peer.name)
        inside, secret = lab.inside(home), topology.COMPONENT_SECRET
        pem = lab.inside(self.pki.directory / f"{axes.GOOD}.{peer.name}.{axes.ZONE}.pem")
        verify = "<verify-mode>7</verify-mode>" if self.phase.theirs == "certificates" else ""
        values = dict(home=inside, address=peer.address, component_port=topology.COMPONENT_PORT, secret=secret,
                      s2s_port=topology.S2S_PORT, pem=pem, ca_file=lab.inside(self.pki.ca_file), verify=verify)
        (home / "router.xml").write_text(JABBERD2_ROUTER.format(**values))
        (home / "s2s.xml").write_text(JABBERD2_S2S.format(**values))
        (home / "users.xml").write_text(f"<users><user><name>jabberd</name><secret>{secret}</secret></user></users>")
        lab.own("jabber", home)
        router = Process(f"{peer.name}-router", lab.chroot_command(
            "jabber", ["/usr/sbin/jabberd2-router", "-D", "-c", f"{inside}/router.xml"], group="root"), self.logs,
            ready=[(peer.address, topology.COMPONENT_PORT)])
        self.running.append(router)
        return self._keep(peer.name, Process(peer.name, lab.chroot_command(
            "jabber", ["/usr/sbin/jabberd2-s2s", "-D", "-c", f"{inside}/s2s.xml"], group="root"), self.logs, ready=[]))

    def _node(self):
        home = self._home(axes.OURS)
        accounts = "\n".join(NODE_ACCOUNT.format(domain=d, secret=topology.COMPONENT_SECRET,
                                                 certificate=self.pki.certificate(d), key=self.pki.key(d))
                             for d in domains_of(axes.OURS, self.node_variants))
        (home / "s2sd.yaml").write_text(NODE.format(
            address=axes.OUR_ADDRESS, s2s_port=topology.S2S_PORT, direct_port=DIRECT_PORT,
            component_port=topology.COMPONENT_PORT, accounts=accounts, ca_file=self.pki.ca_file, eku=self.phase.eku,
            dialback=self.phase.dialback, dns=topology.DNS_ADDRESS, dns_port=PORT, control=home / "control.sock",
            level=LOG_LEVEL, bidi="true" if self.phase.bidi else "false", limits=self.phase.limits))
        return Process(axes.OURS, [str(self.bindir / "s2sd"), "--config", str(home / "s2sd.yaml")], self.logs,
                       ready=[(axes.OUR_ADDRESS, port) for port in (topology.S2S_PORT, DIRECT_PORT, topology.COMPONENT_PORT)])


def version(lab, peer):
    out = subprocess.run(["chroot", str(lab.rootfs), "dpkg-query", "-W", "-f=${Version}", peer.kind],
                         capture_output=True, text=True, check=True).stdout
    return f"{peer.kind} {out.strip()}"
