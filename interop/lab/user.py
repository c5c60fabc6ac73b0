# SPDX-License-Identifier: MIT
"""user.py: people at a real server (a slixmpp client each), and a slixmpp component that owns a whole domain of people."""
import asyncio
import logging

logging.getLogger("slixmpp").setLevel(logging.CRITICAL)  # before the import, which warns that it is not compiled

from slixmpp import ClientXMPP
from slixmpp.componentxmpp import ComponentXMPP

from lab import topology

CLIENT_PORT = 5222
PASSWORD = "lab-password"
CONNECT_SECONDS = 60
ANSWER_SECONDS = 60
PLUGINS = ("xep_0030", "xep_0054", "xep_0092", "xep_0199")


class Inbox:
    """Stanzas that have come, to be waited for by what they are."""

    def __init__(self):
        self._all, self._news = [], asyncio.Condition()

    def put(self, stanza):
        self._all.append(stanza)
        asyncio.ensure_future(self._tell())

    async def _tell(self):
        async with self._news:
            self._news.notify_all()

    async def get(self, what, matches):
        """The first stanza for which `matches` is true; it is taken out."""
        async def wait():
            async with self._news:
                while True:
                    for stanza in self._all:
                        if matches(stanza):
                            self._all.remove(stanza)
                            return stanza
                    await self._news.wait()
        try:
            return await asyncio.wait_for(wait(), ANSWER_SECONDS)
        except asyncio.TimeoutError:
            raise RuntimeError(f"{what} did not come; there were: {[str(s)[:300] for s in self._all]}") from None


def listen(xmpp, inbox):
    for event in ("message", "groupchat_message", "message_error", "presence_subscribe", "presence_subscribed", "presence_available", "presence_error"):
        xmpp.add_event_handler(event, inbox.put)


class Connected:
    """Use as `async with`. `xmpp` is slixmpp's, `inbox` has what came."""

    async def __aenter__(self):
        before = asyncio.all_tasks()
        self.xmpp, self.inbox = self.make(), Inbox()
        for plugin in PLUGINS:
            self.xmpp.register_plugin(plugin)
        listen(self.xmpp, self.inbox)
        started = asyncio.get_running_loop().create_future()
        self.xmpp.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        self.xmpp.add_event_handler("failed_all_auth", lambda _: started.done() or started.set_exception(RuntimeError("not let in")))
        self.connect()
        self._library_tasks = asyncio.all_tasks() - before
        await asyncio.wait_for(started, CONNECT_SECONDS)
        await self.begin()
        return self

    async def __aexit__(self, *_):
        await self.xmpp.disconnect()
        for task in self._library_tasks:  # slixmpp leaves its sending task behind
            task.cancel()
        await asyncio.gather(*self._library_tasks, return_exceptions=True)

    def subscribe(self, whom, sender=None):
        self.xmpp.send_presence(pto=whom, ptype="subscribe", pfrom=sender)


async def register(name, domain, address):
    """An account of one's own (XEP-0077); slixmpp 1.8 sends nothing before it has logged in."""
    reader, writer = await asyncio.open_connection(address, CLIENT_PORT)
    writer.write(f"<stream:stream to='{domain}' version='1.0' xmlns='jabber:client' "
                 "xmlns:stream='http://etherx.jabber.org/streams'>".encode())
    await reader.readuntil(b"</stream:features>")
    writer.write(f"<iq type='set' id='r' to='{domain}'><query xmlns='jabber:iq:register'><username>{name}</username>"
                 f"<password>{PASSWORD}</password></query></iq></stream:stream>".encode())
    said = await reader.readuntil(b"</stream:stream>")
    writer.close()
    if b"result" not in said:
        raise RuntimeError(f"{domain}: no account for {name}: {said.decode()}")


class User(Connected):
    """Registers the account (XEP-0077) and logs in, in the clear on loopback."""

    def __init__(self, name, domain, address):
        self.jid, self.address = f"{name}@{domain}", address

    def make(self):
        return ClientXMPP(f"{self.jid}/lab", PASSWORD)

    async def __aenter__(self):
        await asyncio.wait_for(register(*self.jid.split("@"), self.address), CONNECT_SECONDS)
        return await super().__aenter__()

    def connect(self):
        self.xmpp.connect((self.address, CLIENT_PORT), disable_starttls=True)

    async def begin(self):
        await self.xmpp.get_roster()
        self.xmpp.send_presence()


class Domain(Connected):
    """A component that is a whole domain; who is asked for the presence of its people says yes and asks back."""

    def __init__(self, domain, address):
        self.domain, self._address = domain, address

    def make(self):
        xmpp = ComponentXMPP(self.domain, topology.COMPONENT_SECRET, self._address, topology.COMPONENT_PORT)
        xmpp.auto_authorize = xmpp.auto_subscribe = True  # a component's roster decides nothing by default

        def tell(presence):
            xmpp.send_presence(pto=presence["from"].bare, pfrom=f"{presence['to'].bare}/home", pstatus="at home")
        for event in ("presence_probe", "presence_subscribed"):
            xmpp.add_event_handler(event, tell)
        return xmpp

    def connect(self):
        self.xmpp.connect()

    async def begin(self):
        self.xmpp["xep_0030"].add_identity(category="server", itype="im", name="a domain of slixmpp's")
