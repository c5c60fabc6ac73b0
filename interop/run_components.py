# SPDX-License-Identifier: MIT
"""run_components.py: components that people use, attached to s2sd, and people on real servers who talk to them. See README.md. Run as root.

A slixmpp component owns the domain users.example, people and all; Biboumi makes an IRC network (ngircd) a domain. Romeo has his
account on Prosody, Juliet hers on ejabberd; both are slixmpp clients.
"""
import argparse
import asyncio
import shutil
import sys

import ejabberd.peer
import prosody.peer
from lab import dns, namespace, process, program, rootfs, tap
from lab import topology as t
from lab.node import Node
from lab.pki import Pki
from lab.tap import check, say
from lab.user import Domain, User

ROOTFS = (rootfs.SUITE, "gateway")
ROOM, IRC_PORT = "#lab", 6667
TAIL_LINES = 30
ROSTER_LOOKS = 50
BIBOUMI = """\
hostname={gateway}
password={secret}
xmpp_server_ip={node}
port={port}
db_name=/srv/gateway/biboumi.sqlite
fixed_irc_server={irc}
log_level=1
"""
NGIRCD = """\
[Global]
Name = {irc}
Info = an IRC network of one
Listen = {address}
Ports = {port}
MotdPhrase = welcome
[Limits]
MaxConnectionsIP = 0
[Options]
DNS = no
Ident = no
PAM = no
[Channel]
Name = {room}
"""


def start_gateway(lab, root):
    directory = lab.work / "gateway"
    directory.mkdir()
    (directory / "biboumi.cfg").write_text(BIBOUMI.format(gateway=t.GATEWAY, secret=t.COMPONENT_SECRET, node=t.NODE_ADDRESS,
                                                          port=t.COMPONENT_PORT, irc=t.IRC))
    (directory / "ngircd.conf").write_text(NGIRCD.format(irc=t.IRC, address=t.IRC_ADDRESS, port=IRC_PORT, room=ROOM))
    (root / "srv/gateway").mkdir(exist_ok=True)
    namespace.run("mount", "--bind", directory, root / "srv/gateway")
    namespace.run("mount", "--bind", lab.work / "resolv.conf", root / "etc/resolv.conf")
    chroot = ["chroot", str(root)]
    yield process.Process("ngircd", chroot + ["/usr/sbin/ngircd", "-n", "-f", "/srv/gateway/ngircd.conf"], lab.logs,
                          ready=[(t.IRC_ADDRESS, IRC_PORT)])
    yield process.Process("biboumi", chroot + ["/usr/bin/biboumi", "/srv/gateway/biboumi.cfg"], lab.logs, ready=[])


class Scenarios:
    def __init__(self, node, users):
        self.node, self.users = node, users

    def all(self):
        return [self.messages_both_ways, self.presence_is_subscribed_both_ways, self.disco_both_ways, self.ping_both_ways,
                self.vcards_both_ways, self.irc_rooms_from_both_servers, self.every_stream_is_trusted]

    async def messages_both_ways(self):
        async with Domain(t.USERS, t.NODE_ADDRESS) as domain:
            for user in self.users:
                user.xmpp.send_message(mto=f"alice@{t.USERS}", mbody="good evening <&>", mtype="chat")
                got = await domain.inbox.get(f"the message of {user.jid}", lambda m: m.name == "message" and m["from"].bare == user.jid)
                check(got["body"] == "good evening <&>" and got["to"] == f"alice@{t.USERS}", str(got))
                domain.xmpp.send_message(mto=got["from"], mfrom=f"alice@{t.USERS}/home", mbody="good evening too", mtype="chat")
                got = await user.inbox.get("the answer", lambda m: m.name == "message" and m["from"] == f"alice@{t.USERS}/home")
                check(got["body"] == "good evening too", str(got))

    async def presence_is_subscribed_both_ways(self):
        async with Domain(t.USERS, t.NODE_ADDRESS) as domain:
            for user in self.users:
                bob = f"bob@{t.USERS}"
                user.subscribe(bob)
                got = await user.inbox.get("bob's presence", lambda p: p.name == "presence" and p["from"] == f"{bob}/home")
                check(got["status"] == "at home", str(got))
                await domain.inbox.get(f"consent of {user.jid}", lambda p: p["type"] == "subscribed" and p["from"].bare == user.jid)
                await domain.inbox.get(f"presence of {user.jid}", lambda p: p.name == "presence" and p["type"] == "available"
                                       and p["from"] == f"{user.jid}/lab")
                check(await self.settles(user, bob) == "both", f"{user.jid} and bob: {await self.settles(user, bob)}")

    @staticmethod
    async def settles(user, contact):
        """The state of the subscription, as the user's server has it; it waits a while for both directions."""
        for _ in range(ROSTER_LOOKS):
            state = user.xmpp.client_roster[contact]["subscription"]  # kept by the server's pushes
            if state == "both":
                break
            await asyncio.sleep(0.2)
        return state

    async def disco_both_ways(self):
        async with Domain(t.USERS, t.NODE_ADDRESS) as domain:
            for user in self.users:
                info = await user.xmpp["xep_0030"].get_info(jid=t.USERS, cached=False, timeout=60)
                check(("server", "im") in {(i[0], i[1]) for i in info["disco_info"]["identities"]}, str(info))
                server = user.jid.split("@")[1]
                info = await domain.xmpp["xep_0030"].get_info(jid=server, ifrom=f"alice@{t.USERS}", cached=False, timeout=60)
                check(("server", "im") in {(i[0], i[1]) for i in info["disco_info"]["identities"]}, str(info))

    async def ping_both_ways(self):
        async with Domain(t.USERS, t.NODE_ADDRESS) as domain:
            for user in self.users:
                await user.xmpp["xep_0199"].send_ping(t.USERS, timeout=60)
                await domain.xmpp["xep_0199"].send_ping(f"{user.jid}/lab", ifrom=f"alice@{t.USERS}", timeout=60)

    async def vcards_both_ways(self):
        async with Domain(t.USERS, t.NODE_ADDRESS) as domain:
            card = domain.xmpp["xep_0054"].make_vcard()
            card["FN"] = "Alice of the whole domain"
            await domain.xmpp["xep_0054"].publish_vcard(jid=f"alice@{t.USERS}", vcard=card)
            for user in self.users:
                got = await user.xmpp["xep_0054"].get_vcard(f"alice@{t.USERS}", cached=False, timeout=60)
                check(got["vcard_temp"]["FN"] == "Alice of the whole domain", str(got))
                mine = user.xmpp["xep_0054"].make_vcard()
                mine["FN"] = f"the one at {user.jid}"
                await user.xmpp["xep_0054"].publish_vcard(vcard=mine)
                got = await domain.xmpp["xep_0054"].get_vcard(user.jid, ifrom=f"alice@{t.USERS}", cached=False, timeout=60)
                check(got["vcard_temp"]["FN"] == f"the one at {user.jid}", str(got))

    async def irc_rooms_from_both_servers(self):
        """Both join the channel through Biboumi; what one says the other hears, by way of IRC."""
        room = f"{ROOM}@{t.GATEWAY}"
        for user in self.users:
            info = await user.xmpp["xep_0030"].get_info(jid=t.GATEWAY, cached=False, timeout=60)
            identities = {(i[0], i[1]) for i in info["disco_info"]["identities"]}
            check(("conference", "irc") in identities, f"the gateway says of itself: {identities}")
            nick = user.jid.split("@")[0]
            presence = user.xmpp.make_presence(pto=f"{room}/{nick}")
            presence.append(user.xmpp.Presence().xml.makeelement("{http://jabber.org/protocol/muc}x", {}))
            presence.send()
            await user.inbox.get(f"{nick} in the room", lambda p: p.name == "presence" and p["type"] != "error"
                                 and p["from"] == f"{room}/{nick}" and "status code=\"110\"" in str(p).replace("'", '"'))
        for sender, hearer in (self.users, self.users[::-1]):
            text = f"hear me, {hearer.jid}"
            sender.xmpp.send_message(mto=room, mbody=text, mtype="groupchat")
            got = await hearer.inbox.get(f"what {sender.jid} said", lambda m: m.name == "message" and m["body"] == text)
            check(got["from"] == f"{room}/{sender.jid.split('@')[0]}" and got["type"] == "groupchat", str(got))

    async def every_stream_is_trusted(self):
        for local in (t.USERS, t.GATEWAY):
            for remote in (t.PROSODY, t.EJABBERD):
                streams = await self.node.streams(local, remote)
                check({s["direction"] for s in streams} == {"in", "out"}, f"{local} and {remote}: {streams}")
                check(all(s["trusted"] and s["mechanism"] == "external" for s in streams), f"{local} and {remote}: {streams}")
                say(f"{local} and {remote}: " + ", ".join(f"{s['direction']} {s['stanzas_in'] + s['stanzas_out']} stanzas" for s in streams))


async def inside(given):
    work = given.cache / "work"
    if work.exists():
        shutil.rmtree(work)
    lab = namespace.Lab(rootfs.ensure(given.cache), work)
    lab.set_up()
    pki = Pki(work / "pki")
    pki.make()
    report, running = tap.Report(), []

    def show_logs():
        for one in running:
            say(f"--- {one.name}")
            say("\n".join(one.log().splitlines()[-TAIL_LINES:]))

    try:
        running.append(dns.start(lab))
        running.append(prosody.peer.start(lab, pki, users=True))
        running.append(ejabberd.peer.start(lab, pki, users=True))
        node = Node(lab, pki, given.bindir)
        running.append(node.process)
        running.extend(start_gateway(lab, rootfs.ensure(given.cache, "gateway")))
        async with User("romeo", t.PROSODY, t.PROSODY_ADDRESS) as romeo, User("juliet", t.EJABBERD, t.EJABBERD_ADDRESS) as juliet:
            for scenario in Scenarios(node, (romeo, juliet)).all():
                await report.run(scenario.__name__.replace("_", " "), scenario, show_logs)
    except (process.ProcessError, RuntimeError, asyncio.TimeoutError) as error:
        say(f"Bail out! {error!r}")
        show_logs()
        return 1
    finally:
        for one in reversed(running):
            one.stop()
    return report.end()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    program.add_arguments(parser)
    given = parser.parse_args()
    if given.bindir is None:
        parser.error("--bindir is needed")
    return program.settle_arguments(parser, given)


if __name__ == "__main__":
    sys.exit(program.run(arguments(), ROOTFS, inside))
