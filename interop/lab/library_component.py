# SPDX-License-Identifier: MIT
"""library_component.py: the same as component.py, by a library that bots and gateways really use (slixmpp)."""
import asyncio
import logging

logging.getLogger("slixmpp").setLevel(logging.ERROR)  # before the import, which warns that it is not compiled

from slixmpp.componentxmpp import ComponentXMPP

from lab import topology

CONNECT_SECONDS = 15


class LibraryComponent:
    """Use as `async with LibraryComponent(domain, address, on_message) as c`; on_message takes a slixmpp Message."""

    def __init__(self, domain, address, on_message):
        self.domain, self._address, self._on_message = domain, address, on_message

    async def __aenter__(self):
        before = asyncio.all_tasks()
        self._xmpp = ComponentXMPP(self.domain, topology.COMPONENT_SECRET, self._address, topology.COMPONENT_PORT)
        started = asyncio.get_running_loop().create_future()
        self._xmpp.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
        self._xmpp.add_event_handler("message", self._on_message)
        self._xmpp.connect()
        self._library_tasks = asyncio.all_tasks() - before
        await asyncio.wait_for(started, CONNECT_SECONDS)
        return self

    async def __aexit__(self, *_):
        await self._xmpp.disconnect()
        # slixmpp leaves its sending task behind.
        for task in self._library_tasks:
            task.cancel()
        await asyncio.gather(*self._library_tasks, return_exceptions=True)

    def send_message(self, to, body, sender="bot"):
        self._xmpp.send_message(mto=to, mbody=body, mtype="chat", mfrom=f"{sender}@{self.domain}")
