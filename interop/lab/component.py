# SPDX-License-Identifier: MIT
"""component.py: an external component (XEP-0114) on asyncio and the standard library only."""
import asyncio
import hashlib
import itertools
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape, quoteattr

from lab import topology

NS_COMPONENT = "{jabber:component:accept}"
NS_CLIENT = "{jabber:client}"
NS_STREAM = "{http://etherx.jabber.org/streams}"
NS_ERROR = "{urn:ietf:params:xml:ns:xmpp-stanzas}"
NS_PING = "{urn:xmpp:ping}"
READ_BYTES = 65536
CONNECT_SECONDS = 300  # a server that has just started, on a machine whose cores others have
ANSWER_SECONDS = 30  # for one stanza, including the making of streams and the time-outs of peers


class ComponentError(Exception):
    pass


class Component:
    """Use as `async with Component(domain, address) as c`.

    `address`: an IP address, or the path of a Unix socket. Messages go to `on_message` or, without one, to receive(). `answers`: shared with other components, of which any may get
    the answer to a ping: ejabberd takes each component for one of all domains of its port.
    """

    def __init__(self, domain, address, on_message=None, answers=None):
        self.domain, self.address = domain, address
        self._messages = asyncio.Queue()
        self._on_message = on_message or self._messages.put_nowait
        self._answers = {} if answers is None else answers
        self._ids = (f"{domain}-{n}" for n in itertools.count(1))

    async def __aenter__(self):
        await asyncio.wait_for(self._connect(), CONNECT_SECONDS)
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        self._writer.write(b"</stream:stream>")
        self._writer.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _connect(self):
        if self.address.startswith("/"):
            self._reader, self._writer = await asyncio.open_unix_connection(self.address)
        else:
            self._reader, self._writer = await asyncio.open_connection(self.address, topology.COMPONENT_PORT)
        self._parser = ElementTree.XMLPullParser(("start", "end"))
        self._root, self._depth = None, 0
        self._write("<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' "
                    f"xmlns:stream='http://etherx.jabber.org/streams' to='{self.domain}'>")
        while self._root is None:
            await self._read()
            self._next_stanza()
        proof = self._root.get("id") + topology.COMPONENT_SECRET
        self._write(f"<handshake>{hashlib.sha1(proof.encode()).hexdigest()}</handshake>")
        while (answer := self._next_stanza()) is None:
            await self._read()
        if answer.tag != NS_COMPONENT + "handshake":
            raise ComponentError(f"{self.domain}: not let in: {ElementTree.tostring(answer, 'unicode')}")
        self._task = asyncio.create_task(self._run())

    def _write(self, text):
        self._writer.write(text.encode())

    async def _read(self):
        data = await self._reader.read(READ_BYTES)
        if not data:
            raise ComponentError(f"{self.domain}: the server closed the connection")
        self._parser.feed(data)

    def _next_stanza(self):
        """The next complete child of the stream, or None until more was read."""
        for event, element in self._parser.read_events():
            if event == "start":
                self._depth += 1
                if self._depth == 1:
                    self._root = element
            else:
                self._depth -= 1
                if self._depth == 1:
                    self._root.clear()  # or the tree grows as long as the stream lasts
                    return element
        return None

    async def _run(self):
        while True:
            while (stanza := self._next_stanza()) is not None:
                self._dispatch(stanza)
            await self._read()

    def _dispatch(self, stanza):
        kind = kind_of(stanza)
        if kind == "message":
            self._on_message(stanza)
        elif kind == "iq" and stanza.get("type") in ("result", "error"):
            waiting = self._answers.pop(stanza.get("id"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(stanza)
        elif kind == "iq" and stanza.find(NS_PING + "ping") is not None:
            self._write(f"<iq type='result' from={quoteattr(stanza.get('to'))} to={quoteattr(stanza.get('from'))} "
                        f"id={quoteattr(stanza.get('id'))}/>")
        elif stanza.tag == NS_STREAM + "error":
            raise ComponentError(f"{self.domain}: {ElementTree.tostring(stanza, 'unicode')}")

    async def send_message(self, to, body, sender="bot"):
        """Sends a message from `sender`@domain and returns its id; waits while the server is slow to read."""
        stanza_id = next(self._ids)
        self._write(f"<message type='chat' id={quoteattr(stanza_id)} from='{sender}@{self.domain}' to={quoteattr(to)}>"
                    f"<body>{escape(body)}</body></message>")
        await self._writer.drain()
        return stanza_id

    async def receive(self, seconds=ANSWER_SECONDS):
        """The next message, or an error saying that none came; also when the connection broke meanwhile."""
        waiting = asyncio.ensure_future(self._messages.get())
        await asyncio.wait({waiting, self._task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        if self._task.done():
            self._task.result()
        raise ComponentError(f"{self.domain}: no message within {seconds} s")

    def nothing_received(self):
        return self._messages.empty()

    async def ping(self, to, seconds=ANSWER_SECONDS):
        stanza_id = next(self._ids)
        waiting = self._answers[stanza_id] = asyncio.get_running_loop().create_future()
        self._write(f"<iq type='get' id='{stanza_id}' from='bot@{self.domain}' to={quoteattr(to)}>"
                    "<ping xmlns='urn:xmpp:ping'/></iq>")
        return await asyncio.wait_for(waiting, seconds)


def kind_of(stanza):
    """The name of a stanza; jabberd2 hands them over in jabber:client."""
    for namespace in (NS_COMPONENT, NS_CLIENT):
        if stanza.tag.startswith(namespace):
            return stanza.tag.removeprefix(namespace)
    return ""


def body(stanza):
    return stanza.findtext("{*}body")


def error_condition(stanza):
    """(condition, text) of an error stanza, or None."""
    error = stanza.find("{*}error")
    if stanza.get("type") != "error" or error is None:
        return None
    names = [child.tag.removeprefix(NS_ERROR) for child in error if child.tag.startswith(NS_ERROR)]
    condition = next((name for name in names if name != "text"), "")
    return condition, error.findtext(NS_ERROR + "text") or ""
