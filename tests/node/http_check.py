#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_check.py BINDIR [SCREENSHOT-DIRECTORY]: what a node answers over HTTP; with a directory, also how it looks in Chromium."""

import html.parser
import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys

from nodes import World, wait_for

VOID = {"meta", "link", "rect", "br"}


class Outline(html.parser.HTMLParser):
    """Checks that elements nest, and collects what a reader with a screen reader needs."""

    def __init__(self):
        super().__init__()
        self.open, self.headings, self.tables, self.ids, self.labelled, self.text = [], [], 0, set(), [], []
        self.lang = self.scope = None

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        if tag == "html":
            self.lang = a.get("lang")
        if "id" in a:
            assert a["id"] not in self.ids, a["id"]
            self.ids.add(a["id"])
        if "aria-labelledby" in a:
            self.labelled.append(a["aria-labelledby"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.tables += tag == "table"
        assert tag != "script" and "style" not in a and not any(k.startswith("on") for k in a), (tag, a)
        if tag == "th":
            assert a.get("scope") in ("col", "row"), a
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data):
        self.text.append(data)


def get(port, path, method="GET", host=None, headers=()):
    connection = http.client.HTTPConnection(port[0], port[1], timeout=30)
    connection.putrequest(method, path, skip_host=host is not None)
    if host is not None:
        connection.putheader("Host", host)
    for key, value in headers:
        connection.putheader(key, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def check_basics(port):
    for path, kind in (("/", "text/html"), ("/metrics", "application/openmetrics-text"), ("/health", "application/json"),
                       ("/api/status", "application/json"), ("/style.css", "text/css")):
        answer, body = get(port, path)
        assert answer.status == 200 and body, (path, answer.status)
        assert answer.getheader("Content-Type").startswith(kind), answer.getheader("Content-Type")
        assert "default-src 'none'" in answer.getheader("Content-Security-Policy")
        assert answer.getheader("X-Content-Type-Options") == "nosniff"
        head, nothing = get(port, path, "HEAD")
        assert head.status == 200 and not nothing
    assert json.loads(get(port, "/health")[1]) == {"status": "ok"}
    assert get(port, "/nothing")[0].status == 404
    assert get(port, "/api/../etc/passwd")[0].status == 404
    answer, _ = get(port, "/", "POST")
    assert answer.status == 405 and answer.getheader("Allow") == "GET, HEAD"
    assert get(port, "/", "DELETE")[0].status == 405


def check_host(port):
    """On loopback a name that somebody else can give is not answered."""
    for host, status in (("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:99", 200), ("[::1]:5290", 200),
                         ("evil.example", 421), ("evil.example:80", 421), ("127.0.0.1.evil.example", 421), ("x" * 300, 421)):
        assert get(port, "/api/peers", host=host)[0].status == status, host


def check_bad_clients(port):
    """Junk, silence and too many at once harm nobody."""
    for junk in (b"\r\n\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nX: " + b"a" * 40000 + b"\r\n\r\n", b"G" * 100000,
                 b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        with socket.create_connection(port, 30) as s:
            try:
                s.sendall(junk)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except OSError:  # cut off in the middle
                pass
    idle = [socket.create_connection(port, 30) for _ in range(40)]
    for s in idle:
        s.close()
    assert get(port, "/health")[0].status == 200


def check_same_objects(node, port):
    for command in ("peers", "census"):
        told = json.loads(get(port, f"/api/{command}")[1])
        assert told.keys() == node.ask(command).keys(), command
    assert json.loads(get(port, "/api/status")[1])["domains"] == node.ask("status")["domains"]
    failures = json.loads(get(port, "/api/failures")[1])["failures"]
    assert failures[0]["remote"] == "nobody.test" and failures[0]["text"], failures


def check_metrics(port):
    text = get(port, "/metrics")[1].decode()
    assert text.endswith("# EOF\n") and "\n\n" not in text
    families, samples = {}, {}
    for line in text.splitlines()[:-1]:
        if line.startswith("# TYPE"):
            _, _, name, kind = line.split(" ")
            assert name not in families, name
            families[name] = kind
        elif not line.startswith("# HELP"):
            match = re.fullmatch(r'([a-z0-9_]+)(\{(?:[a-z_]+="[^"\\\n]*",?)+\})? (-?[0-9.]+)', line)
            assert match, line
            name, labels, value = match.groups()
            family = re.sub("_(total|info)$", "", name)
            assert name in families or family in families, line
            assert (families.get(family) == "counter") == name.endswith("_total"), line
            assert (name, labels) not in samples, line
            samples[name, labels] = float(value)
    assert samples["s2sd_streams", '{direction="out",state="established"}'] == 1, samples
    assert samples["s2sd_streams_established_total", '{direction="in"}'] == 1
    assert samples["s2sd_census_cut_off", '{mode="strict"}'] == 1
    assert samples["s2sd_certificate_not_after_seconds", '{domain="a.test"}'] > 1e9
    assert samples["s2sd_stanzas_total", '{direction="out"}'] >= 1
    used = {name for name, _ in samples}
    for file in sorted((pathlib.Path(__file__).parents[2] / "docs" / "monitoring").iterdir()):
        for name in re.findall(r"\b(?:s2sd|process)_[a-z_]+[a-z]\b", file.read_text()):
            assert name in used, f"{file.name}: {name} is no metric"
    assert "b.test" not in text and "nobody.test" not in text, "no label is chosen by a peer"


def check_page(port):
    page = get(port, "/")[1].decode()
    outline = Outline()
    outline.feed(page)
    outline.close()
    assert not outline.open and outline.lang == "en"
    assert outline.headings[0] == 1 and outline.headings.count(1) == 1 and set(outline.headings) == {1, 2}
    assert outline.tables >= 3 and all(i in outline.ids for i in outline.labelled), outline.labelled
    text = "".join(outline.text)
    for word in ("a.test", "b.test", "nobody.test", "serverAuth only", "Likely cause", "tolerant"):
        assert word in text, word


def look(port, directory):
    """Light, dark and narrow; somebody has to look at the pictures."""
    for name, flags in (("light", ["--window-size=1280,1500"]), ("narrow", ["--window-size=500,1600"]),
                        ("dark", ["--window-size=1280,1500", "--blink-settings=preferredColorScheme=0"])):
        subprocess.run(["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                        f"--user-data-dir={directory}/profile", f"--screenshot={directory}/{name}.png", *flags,
                        f"http://{port[0]}:{port[1]}/"], check=True, timeout=120, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        assert (pathlib.Path(directory) / f"{name}.png").stat().st_size > 10000


def main(bindir, pictures=None):
    with World(bindir) as world:
        a, b = world.node("a", "a.test"), world.node("b", "b.test")
        for node, host, more in ((a, 1, f'http: "{world.net}.1:5290"'), (b, 2, "")):
            world.pki.make(node.name, node.domain)
            node.write(f"""
domains: [{{name: {node.domain}, certificate: {node.name}.crt, key: {node.name}.key}}]
listen: [{{address: "{world.net}.{host}:5269"}}]
components:
  listen: "{world.net}.{host}:5347"
  accounts: [{{domain: bot.{node.domain}, secret: x, certificate: {node.name}-bot.crt, key: {node.name}-bot.key}}]
trust: {{system: false, ca_files: [ca.crt]}}
routes:
  - {{match: nobody.test, address: "{world.net}.3:1"}}
  - {{match: "*.test", address: "{world.net}.{3 - host}:5269"}}
control: {node.name}.sock
census: off
{more}
""")
            world.pki.make(f"{node.name}-bot", f"bot.{node.domain}")
            node.start()
        port = (f"{world.net}.1", 5290)
        assert a.ping("b.test")["ok"]
        assert not a.ping("nobody.test")["ok"]
        check_basics(port)
        check_host(port)
        check_same_objects(a, port)
        check_metrics(port)
        check_page(port)
        check_bad_clients(port)
        if pictures:
            look(port, pictures)
        b.stop()
        wait_for("the failure is counted", lambda: b'by="peer"} 1' in get(port, "/metrics")[1], a.proc)
    print("ok")


if __name__ == "__main__":
    main(*sys.argv[1:])
