# SPDX-License-Identifier: MIT
"""newuser.py: docs/operating.md, followed to the letter on a Debian that has just been installed. Run as root; see README.md.

The commands are read out of the guide itself. The new machine boots systemd and has one cable to a small Internet of ours, in
which example.org is its domain, jabber.org is a Prosody, and a Pebble (the ACME server that Let's Encrypt tests with) issues
certificates for servers only.
"""
import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import prosody.peer
from lab import dns, namespace, process, program, rootfs, tap
from lab.component import Component, body
from lab.machine import Machine
from lab.tap import check, say

GUIDE = Path(__file__).resolve().parent.parent / "docs/operating.md"
ROOTFS = (rootfs.SUITE, "acme", "clean")
NET, PREFIX = "10.99.0", 24
GATEWAY, RESOLVER, PROSODY, ACME, NODE = (f"{NET}.{n}" for n in (1, 53, 12, 80, 99))
DOMAIN, BOT, PEER, PEER_COMPONENT, ACME_NAME = "example.org", "bot.example.org", "jabber.org", "comp.jabber.org", "acme.example"
ZONE = f"""\
$TTL 60
$ORIGIN .
@ SOA ns.example. hostmaster.example. 1 3600 600 86400 60
@ NS ns.example.
ns.example. A {RESOLVER}
{ACME_NAME}. A {ACME}
{DOMAIN}. A {NODE}
{BOT}. A {NODE}
xmpp.{DOMAIN}. A {NODE}
_xmpp-server._tcp.{DOMAIN}. SRV 0 5 5269 xmpp.{DOMAIN}.
_xmpp-server._tcp.{BOT}. SRV 0 5 5269 xmpp.{DOMAIN}.
xmpp.{PEER}. A {PROSODY}
_xmpp-server._tcp.{PEER}. SRV 0 5 5269 xmpp.{PEER}.
_xmpp-server._tcp.{PEER_COMPONENT}. SRV 0 5 5269 xmpp.{PEER}.
"""
# What an operator answers to the questions of apt and certbot.
APT_CONF = 'APT::Get::Assume-Yes "true";'
CERTBOT_INI = f"""\
server = https://{ACME_NAME}:14000/dir
email = admin@{DOMAIN}
agree-tos = true
non-interactive = true
"""
WAIT_SECONDS = 60


def openssl(directory, *args):
    return subprocess.run(["openssl", *args], cwd=directory, check=True, capture_output=True, text=True).stdout


def make_certificates(directory):
    """A root that every machine trusts, for the ACME server's HTTPS and for Prosody."""
    directory.mkdir()
    ec = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(directory, "req", "-x509", *ec, "-keyout", "root.key", "-out", "root.crt", "-subj", "/CN=newuser root", "-days", "9",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    for name, names in (("acme", (ACME_NAME,)), ("peer", (PEER, PEER_COMPONENT))):
        sans = ",".join(f"DNS:{n}" for n in names)
        (directory / "ext").write_text(f"subjectAltName={sans}\nextendedKeyUsage=serverAuth\nkeyUsage=digitalSignature\n")
        openssl(directory, "req", *ec, "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={names[0]}")
        openssl(directory, "x509", "-req", "-in", "csr", "-CA", "root.crt", "-CAkey", "root.key", "-CAcreateserial",
                "-extfile", "ext", "-days", "9", "-out", f"{name}.crt")
    for path in directory.iterdir():
        path.chmod(0o644)  # worth nothing outside


# -- the small Internet --------------------------------------------------------------------------------------

def start_dns(lab):
    directory = lab.work / "dns"
    directory.mkdir()
    (directory / "zone").write_text(ZONE)
    text = dns.UNBOUND_CONF.format(directory=lab.inside(directory), address=RESOLVER, port=dns.PORT)
    text = text[:text.index("auth-zone:")].replace("127.0.0.0/8", f"{NET}.0/{PREFIX}")
    text = re.sub(r"  local-zone:.*\n", "", text)
    text += f'auth-zone:\n  name: "."\n  zonefile: "{lab.inside(directory)}/zone"\n  for-upstream: yes\n  fallback-enabled: no\n'
    (directory / "unbound.conf").write_text(text)
    command = lab.chroot_command("root", ["/usr/sbin/unbound", "-d", "-c", lab.inside(directory / "unbound.conf")])
    return process.Process("unbound", command, lab.logs, ready=[(RESOLVER, dns.PORT)])


def start_acme(lab, root, certificates):
    """Pebble, out of Debian testing; its validation looks at the machine's port 80."""
    directory = lab.work / "acme"
    shutil.copytree(certificates, directory)
    (directory / "pebble.json").write_text(json.dumps({"pebble": {
        "listenAddress": f"{ACME}:14000", "managementListenAddress": f"{ACME}:15000",
        "certificate": "/srv/acme/acme.crt", "privateKey": "/srv/acme/acme.key", "httpPort": 80, "tlsPort": 443,
        "profiles": {"tlsserver": {"description": "for servers only", "validityPeriod": 7776000}}}}))
    (root / "srv/acme").mkdir(parents=True, exist_ok=True)
    namespace.run("mount", "--bind", directory, root / "srv/acme")
    command = ["chroot", str(root), "/usr/bin/env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "/usr/bin/pebble", "-config",
               "/srv/acme/pebble.json", "-dnsserver", f"{RESOLVER}:{dns.PORT}"]
    return process.Process("pebble", command, lab.logs, ready=[(ACME, 14000), (ACME, 15000)])


def acme_root(certificates):
    """Pebble makes a root at each start; its management interface hands it out."""
    done = subprocess.run(["openssl", "s_client", "-quiet", "-connect", f"{ACME}:15000", "-CAfile", certificates / "root.crt"],
                          input="GET /roots/0 HTTP/1.0\r\n\r\n", capture_output=True, text=True, timeout=WAIT_SECONDS)
    return re.search(r"-----BEGIN.*END CERTIFICATE-----\n", done.stdout, re.DOTALL)[0]


def start_prosody(lab, certificates, anchors):
    directory = lab.work / "prosody"
    for name in ("data", "certs"):
        (directory / name).mkdir(parents=True)
    shutil.copy(Path(prosody.peer.__file__).with_name("mod_lab_stream_ends.lua"), directory)
    for name in ("peer.crt", "peer.key"):
        shutil.copy(certificates / name, directory)
    (directory / "anchors.pem").write_text(anchors)
    here = lab.inside(directory)
    text = prosody.peer.CONFIG.format(
        directory=here, address=PROSODY, s2s_port=5269, component_port=5347, ca_file=f"{here}/anchors.pem",
        trust_anchor=prosody.peer.UNUSED_TRUST_ANCHOR, insecure="nobody.example", level="info")
    for kind in (f'VirtualHost "{PEER}"', prosody.peer.component(PEER_COMPONENT)):
        text += prosody.peer.HOST.format(kind=kind, certificate=f"{here}/peer.crt", key=f"{here}/peer.key")
    (directory / "prosody.cfg.lua").write_text(text)
    lab.own("prosody", directory)
    command = lab.chroot_command("prosody", ["/usr/bin/prosody", "-F", "--config", f"{here}/prosody.cfg.lua"])
    return process.Process("prosody", command, lab.logs, [(PROSODY, 5269), (PROSODY, 5347)])


# -- the new user --------------------------------------------------------------------------------------------

def guide_section(title):
    return GUIDE.read_text().split(f"\n## {title}\n")[1].split("\n## ")[0]


def indented(text, by):
    """Its lines that are indented so far, without comments."""
    return [re.sub(r"\s+#.*", "", line).strip() for line in text.splitlines() if line.startswith(" " * by)]


def guide_commands():
    """{number of the step: its lines}"""
    steps = re.split(r"\n(?=\d+\. )", guide_section("From nothing to federating"))[1:]
    return {int(step.split(".")[0]): indented(step, 7) for step in steps}


def guide_credentials():
    """The lines of s2sd.yaml, by key; the commands."""
    lines = indented(guide_section("Keys that only root may read"), 4)
    return {line.split(":")[0]: line for line in lines[:2]}, lines[2:]


class NewUser:
    def __init__(self, machine, package, extra_roots):
        self.machine, self.steps = machine, guide_commands()
        self._package, self._extra_roots = package, extra_roots

    def all(self):
        return (self.trusts_what_everybody_trusts, self.installs_the_package, self.gets_a_certificate, self.writes_the_configuration,
                self.checks_as_the_guide_says, self.talks_with_prosody, self.attaches_a_component, self.renews_and_the_streams_live_on,
                self.new_streams_use_the_new_certificate, self.hands_the_key_over_by_credentials, self.purges_and_nothing_is_left)

    def follow(self, number):
        """Every command of a step, as it stands."""
        return "".join(self.machine.run(f"cd /root && {line}").stdout for line in self.steps[number])

    def status(self):
        return json.loads(self.machine.run("s2sctl status --json").stdout)

    def streams(self):
        return {s["id"]: s for s in self.status()["streams"] if s["mechanism"] == "external"}

    def served(self):
        """The serial number of the certificate that others are shown."""
        text = self.machine.run(f"echo | openssl s_client -starttls xmpp-server -xmpphost {DOMAIN} -connect {NODE}:5269 2>/dev/null "
                                "| openssl x509 -noout -serial").stdout
        return text.strip()

    # -- one after the other --

    async def trusts_what_everybody_trusts(self):
        """The authorities of this Internet, in the system's trust store like any other."""
        for n, pem in enumerate(self._extra_roots):
            Path(self.machine.path(f"/usr/local/share/ca-certificates/lab-{n}.crt")).write_text(pem)
        self.machine.run("update-ca-certificates")

    async def installs_the_package(self):
        Path(self.machine.path("/etc/apt/apt.conf.d/90yes")).write_text(APT_CONF)
        said = self.follow(3)
        check("s2sd" in said, said)
        say(next(line for line in said.splitlines() if "Setting up s2sd" in line))
        check(self.machine.run("systemctl is-active s2sd", check=False).stdout.strip() == "inactive", "something was started")
        check(self.machine.run("id -un s2sd").stdout.strip() == "s2sd", "there is no account")
        check(self.machine.run("stat -c '%U:%G %a' /etc/s2sd/s2sd.yaml").stdout.strip() == "root:s2sd 640", "open to others")

    async def gets_a_certificate(self):
        Path(self.machine.path("/etc/letsencrypt")).mkdir(exist_ok=True)
        Path(self.machine.path("/etc/letsencrypt/cli.ini")).write_text(CERTBOT_INI)
        said = self.follow(4)
        say(said.strip().splitlines()[0])
        chain = f"/etc/s2sd/certificates/{DOMAIN}/fullchain.pem"
        text = self.machine.run(f"openssl x509 -in {chain} -noout -ext extendedKeyUsage,subjectAltName,keyUsage").stdout
        say(" ".join(text.split()))
        check("Client Authentication" not in text and "Web Server Authentication" in text, f"it is not for servers only: {text}")
        said = self.machine.run(f"s2sctl cert --domain {DOMAIN} {chain}", check=False).stdout
        say(said)
        check(re.search(r"tolerant\W+accept", said), said)

    async def writes_the_configuration(self):
        lines = self.steps[5]
        check([line.split()[0] for line in lines] == ["s2sd", "systemctl", "journalctl"], f"the guide has changed: {lines}")
        check(self.machine.run(lines[0]).stdout == "", "--check is not silent")
        self.machine.run(lines[1])
        journal = self.machine.run(lines[2]).stdout
        check(" ready " in journal, f"the journal does not say ready: {journal}")

    async def checks_as_the_guide_says(self):
        for line in self.steps[6]:
            say(f"{line}:")
            say(self.machine.run(line).stdout)
        streams = self.streams()
        check({s["direction"] for s in streams.values()} == {"in", "out"}, f"not both directions: {streams}")
        check(all(s["trusted"] for s in streams.values()), f"not trusted: {streams}")

    async def talks_with_prosody(self):
        async with Component(PEER_COMPONENT, PROSODY) as them:
            await them.send_message(f"echo@{DOMAIN}", "hello, new user")
            got = await them.receive()
            check(got.get("type") != "error" and body(got) == "hello, new user", f"{body(got)!r}, {got.attrib}")

    async def attaches_a_component(self):
        """The section "Components", with systemd's socket."""
        secret = "/etc/s2sd/bot.secret"
        self.machine.run(f"install -o root -g s2sd -m 0640 /dev/null {secret} && echo lab-secret > {secret}")
        config = Path(self.machine.path("/etc/s2sd/s2sd.yaml"))
        config.write_text(config.read_text() + f'\ncomponents:\n  listen: "fd:components"\n  accounts:\n    - domain: {BOT}\n'
                                               "      secret_file: bot.secret\n      conflict: replace\n")
        self.machine.run("s2sd --config /etc/s2sd/s2sd.yaml --check")
        self.machine.run("systemctl stop s2sd; systemctl enable --now s2sd-components.socket")
        async with Component(BOT, self.machine.path("/run/s2sd-components.sock")) as bot, Component(PEER_COMPONENT, PROSODY) as them:
            for one, other in ((bot, them), (them, bot)):
                await one.send_message(f"x@{other.domain}", "a message")
                got = await other.receive()
                check(got.get("type") != "error" and body(got) == "a message", f"{body(got)!r}, {got.attrib}")

    async def renews_and_the_streams_live_on(self):
        before, shown = self.streams(), self.served()
        check(len(before) >= 2, f"too few streams: {before}")
        said = self.machine.run("certbot renew --force-renewal --no-random-sleep-on-renew").stdout
        check("Congratulations, all renewals succeeded" in said, said)
        self.shown_before, self.shown = shown, self.served()
        check(self.shown != shown, f"the certificate is still {shown}")
        after = self.streams()
        check(set(before) <= set(after), f"streams ended: {set(before) - set(after)}")
        say(f"renewed: {shown} became {self.shown}; the streams {', '.join(sorted(before))} live on")

    async def new_streams_use_the_new_certificate(self):
        old = set(self.streams())
        for remote in (PEER, PEER_COMPONENT):
            self.machine.run(f"s2sctl close {remote}", check=False)
        async with Component(PEER_COMPONENT, PROSODY) as them:
            await them.send_message(f"echo@{DOMAIN}", "once more")
            check(body(await them.receive()) == "once more", "no echo")
        streams = self.streams()
        check(streams and not set(streams) & old, f"the old streams are there: {sorted(old)}, {sorted(streams)}")
        serial = re.search("serial=(.*)", self.shown)[1]
        mine = self.status()["certificates"]
        leaf = self.machine.run(f"openssl x509 -in /etc/s2sd/certificates/{DOMAIN}/fullchain.pem -noout -serial -fingerprint -sha256").stdout
        check(serial in leaf, f"{serial} is not in {leaf}")
        check(any(c["sha256"].lower() in leaf.replace(":", "").lower() for c in mine), f"{mine} is not of {leaf}")

    async def hands_the_key_over_by_credentials(self):
        """The section "Keys that only root may read"."""
        (settings, commands), before = guide_credentials(), self.served()
        check(set(settings) == {"certificate", "key"}, f"the guide has changed: {settings}")
        config = Path(self.machine.path("/etc/s2sd/s2sd.yaml"))
        text = config.read_text()
        for key, line in settings.items():
            text, count = re.subn(rf"\b{key}: certificates/.*", line, text)
            check(count == 1, f"{key} is there {count} times")
        config.write_text(text)
        for line in commands:
            self.machine.run(f"cd /root && {line}")
        check(self.served() == before, "another certificate")
        credential = self.machine.run("stat -c '%U %a %n' /run/credentials/s2sd.service /run/credentials/s2sd.service/*.key").stdout.split()
        say(" ".join(credential))
        check(credential[:2] == ["s2sd", "500"] and credential[3:5] == ["s2sd", "400"], "others can read it")
        key = self.machine.run(f"stat -Lc '%U %a' /etc/letsencrypt/live/{DOMAIN}/privkey.pem").stdout.strip()
        check(key == "root 600", f"certbot's own key is {key}")
        said = self.machine.run("certbot renew --force-renewal --no-random-sleep-on-renew").stdout
        check("Congratulations, all renewals succeeded" in said, said)
        check(self.served() != before, "the renewed certificate is not used")
        check(not Path(self.machine.path(f"/etc/s2sd/certificates/{DOMAIN}")).exists(), "the key was copied")

    async def purges_and_nothing_is_left(self):
        self.machine.run("adduser --quiet daemon s2sd")  # as a component's account would be
        self.machine.run("rm -r /etc/systemd/system/s2sd.service.d /etc/letsencrypt/renewal-hooks/deploy/s2sd")  # the administrator's own
        self.machine.run("apt purge s2sd")
        left = "".join(self.machine.run(f"find {where} -iname '*s2sd*'").stdout
                       for where in ("/ -xdev -not -path '/root/*' -not -path '/var/cache/apt/*'", "/run", "/tmp"))
        check(left == "", f"left over:\n{left}")
        check(self.machine.run("getent passwd s2sd; getent group s2sd", check=False).stdout == "", "the account is left over")
        check(self.machine.run("systemctl list-units --all --no-legend 's2sd*'").stdout.strip() == "", "a unit is left over")
        check("s2sd" not in self.machine.run("cat /proc/[0-9]*/comm", check=False).stdout.split(), "it runs")


# -- the program ---------------------------------------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    program.add_arguments(parser)
    parser.add_argument("--deb", type=Path, required=True, help="the package of s2sd")
    parser.add_argument("--fresh", action="store_true", help="fetch everything again")
    return program.settle_arguments(parser, parser.parse_args())


def prepare(given):
    """What needs the Internet, once: a clean Debian, and the archives of what the guide's `apt install` will ask for."""
    if namespace.inside():
        return
    rootfs.ensure(given.cache, "clean")
    root, prepared = given.cache / "newuser", given.cache / "newuser-prepared"
    shutil.rmtree(root, ignore_errors=True)
    if given.fresh or not prepared.exists():
        shutil.rmtree(prepared, ignore_errors=True)
        copy_tree(given.cache / "rootfs-clean", root)
        (root / "usr/sbin/policy-rc.d").unlink(missing_ok=True)
        for file in (root / "etc/apt/apt.conf.d").iterdir():  # recommended packages are installed, as on any Debian
            file.write_text("".join(line for line in file.read_text().splitlines(True) if "Install-Recommends" not in line))
        for file in (root / "etc/dpkg/dpkg.cfg.d").iterdir():  # and documentation
            file.write_text("".join(line for line in file.read_text().splitlines(True) if "path-exclude" not in line))
        (root / "etc/resolv.conf").unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        shutil.copy(given.deb, root / "root")
        for line in ("apt-get -q update", f"cd /root && apt-get -qy --download-only install ./{given.deb.name} certbot"):
            subprocess.run(["chroot", root, "sh", "-c", line], check=True, stdout=subprocess.DEVNULL)
        root.rename(prepared)
    copy_tree(prepared, root)
    shutil.copy(given.deb, root / "root")


def copy_tree(source, target):
    subprocess.run(["cp", "-a", "--reflink=auto", source, target], check=True)


async def inside(given):
    work = given.cache / "work"
    if work.exists():
        shutil.rmtree(work)
    lab = namespace.Lab(rootfs.ensure(given.cache), work)
    lab.set_up()
    (work / "resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    namespace.run("ip", "link", "add", "lab0", "type", "bridge")
    for address in (GATEWAY, RESOLVER, PROSODY, ACME):
        namespace.run("ip", "addr", "add", f"{address}/{PREFIX}", "dev", "lab0")
    namespace.run("ip", "link", "set", "lab0", "up")
    certificates = work / "certificates"
    make_certificates(certificates)
    report, running = tap.Report(), []

    def show_logs():
        for one in running:
            say(f"--- {one.name}")
            say("\n".join(one.log().splitlines()[-20:]))

    machine = None
    try:
        running.append(start_dns(lab))
        running.append(start_acme(lab, rootfs.ensure(given.cache, "acme"), certificates))
        roots = [(certificates / "root.crt").read_text(), acme_root(certificates)]
        running.append(start_prosody(lab, certificates, "".join(roots)))
        machine = Machine(lab, "newuser", given.cache / "newuser", NODE, PREFIX, "cable", RESOLVER)
        namespace.run("ip", "link", "set", "cable", "master", "lab0")
        user = NewUser(machine, given.deb, roots)
        for scenario in user.all():
            await report.run(scenario.__name__.replace("_", " "), scenario, show_logs)
            if report.failed:
                break
    finally:
        if machine:
            if report.failed:
                say(machine.run("systemctl --no-pager -l status s2sd; journalctl -n 40 --no-pager", check=False).stdout)
            machine.stop()
        for one in reversed(running):
            one.stop()
    return report.end()


def main():
    given = arguments()
    prepare(given)
    return program.run(given, ROOTFS, inside)


if __name__ == "__main__":
    sys.exit(main())
