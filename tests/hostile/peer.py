# SPDX-License-Identifier: MIT
"""peer.py: an s2s peer that does exactly what it is told, one step at a time, in either role."""
import base64
import socket
import ssl
import time

from world import EVIL, US

HEADER = ("<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' "
          "from='{from_}' to='{to}' version='1.0'{more}>")
STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
WAIT_SECONDS = 60


class Closed(Exception):
    pass


class Peer:
    def __init__(self, sock, piece=0):
        self.socket = sock
        self.socket.settimeout(WAIT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.piece = piece  # bytes to a send; 0: all at once
        self.tls = self._in = self._out = None
        self.text = ""

    @classmethod
    def connect(cls, world, piece=0, direct=False):
        port = world.us.direct if direct else world.us.port
        return cls(socket.create_connection((world.address, port), WAIT_SECONDS), piece)

    # -- bytes

    def raw(self, data):
        step = self.piece or len(data) or 1
        for at in range(0, len(data), step):
            self.socket.sendall(data[at:at + step])

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        if not self.tls:
            self.raw(data)
            return
        for at in range(0, len(data), 16384):
            self.tls.write(data[at:at + 16384])
            self.raw(self._out.read())

    def read(self):
        """Some more text; Closed at the end."""
        while True:
            if self.tls:
                try:
                    data = self.tls.read(65536)
                    if not data:
                        raise Closed("TLS was closed")
                    break
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLError as e:
                    raise Closed(str(e)) from e
            data = self._receive()
            if not self.tls:
                break
            self._in.write(data)
        self.text += data.decode("utf-8", "replace")

    def _receive(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, BrokenPipeError) as e:
            raise Closed(str(e)) from e
        if not data:
            raise Closed("end of the connection")
        return data

    def until(self, part):
        """What came up to `part`, which is taken too."""
        while part not in self.text:
            self.read()
        taken, _, self.text = self.text.partition(part)
        return taken + part

    def rest(self):
        """All that still comes, to the end of the connection."""
        try:
            while True:
                self.read()
        except (Closed, OSError):
            pass
        text, self.text = self.text, ""
        self.socket.close()
        return text

    # -- steps

    def header(self, from_=EVIL, to=US, more=""):
        self.send("<?xml version='1.0'?>" + HEADER.format(from_=from_, to=to, more=more))

    def handshake(self, world, name=EVIL, server=False, alpn=False, low=None, high=None, sni=US):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if low or high:
            context.minimum_version, context.maximum_version = low, high
        if name:
            key = EVIL if name in ("long", "huge") else name
            context.load_cert_chain(world.file(name + ".pem"), world.file(key + ".key"))
        if alpn:
            context.set_alpn_protocols(["xmpp-server"])
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(self._in, self._out, server_side=server, server_hostname=None if server else sni)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self.raw(self._out.read())
                self._in.write(self._receive())
            except ssl.SSLError as e:
                self.raw(self._out.read())
                raise Closed(str(e)) from e
        self.raw(self._out.read())
        self.tls, self.text = tls, ""

    def start_tls(self, world, **how):
        self.header()
        self.until("</stream:features>")
        self.send(STARTTLS)
        self.until("<proceed")
        self.until(">")
        self.handshake(world, **how)

    def authenticate(self, from_=EVIL):
        self.header()
        self.until("</stream:features>")
        self.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>"
                  + base64.b64encode(from_.encode()).decode() + "</auth>")
        self.until("<success")
        self.until(">")
        self.header()
        self.until("<stream:features")
        self.until(">")

    def establish(self, world, **how):
        self.start_tls(world, **how)
        self.authenticate()
        return self

    def wait_closed(self, seconds):
        """Seconds until the node ends the connection; None: it does not."""
        began = time.monotonic()
        self.socket.settimeout(seconds)
        try:
            while True:
                self.read()
        except Closed:
            return time.monotonic() - began
        except OSError:
            return None
