#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What programs that were not written for this say about the acceptor: openssl, gnutls-cli, sslscan, nmap, testssl.

    tests/hostile/judges.py --bindir DIR        (each is left out if it is not installed)
"""
import argparse
import re
import shutil
import subprocess
import sys

from world import US, World

SECONDS = 300


def judges(w):
    at, port, direct, ca = w.address, str(w.us.port), str(w.us.direct), w.file("ca.pem")
    openssl = ["openssl", "s_client", "-CAfile", ca, "-verify_hostname", US, "-servername", US]
    starttls = [*openssl, "-connect", f"{at}:{port}", "-starttls", "xmpp-server", "-xmpphost", US]
    keep = r"^\s*(Protocol|Cipher|New|Verif|ALPN protocol|Peer Temp|Server Temp|Secure Reneg|No ALPN).*"
    return {
        "openssl, STARTTLS, TLS 1.3": ([*starttls, "-tls1_3"], keep),
        "openssl, STARTTLS, TLS 1.2": ([*starttls, "-tls1_2"], keep),
        "openssl, STARTTLS, TLS 1.1": ([*starttls, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], r".*(alert|error).*"),
        "openssl, direct": ([*openssl, "-connect", f"{at}:{direct}", "-alpn", "xmpp-server"], keep),
        "openssl, direct, another protocol": ([*openssl, "-connect", f"{at}:{direct}", "-alpn", "h2"], r".*alert.*"),
        "gnutls-cli, direct": (["gnutls-cli", "--alpn=xmpp-server", f"--sni-hostname={US}", f"--verify-hostname={US}",
                                f"--x509cafile={ca}", "-p", direct, at], r"^- (Status|Description|Options|Handshake|Application).*"),
        "sslscan, direct": (["sslscan", "--no-colour", f"--sni-name={US}", f"{at}:{direct}"],
                    r"^(SSLv|TLSv|Preferred|Accepted|.*vulnerable|.*(enabled|disabled|supported)).*"),
        "nmap": (["nmap", "-Pn", "-p", f"{port},{direct}", "--script", "xmpp-info,ssl-enum-ciphers", "--script-args",
                  f"xmpp-info.server_name={US},tls.servername={US}", at], r"^(\d+/tcp|\|).*"),
        "testssl, direct": (["testssl", "--ip", at, "--color", "0", "--warnings", "off", "--quiet", "-p", "-U", f"{US}:{direct}"],
                            r"^\s+(SSLv|TLS|.*(VULN|not vulnerable|OK\)|offered)).*"),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bindir", required=True)
    parser.add_argument("--only")
    args = parser.parse_args()
    world = World(args.bindir)
    for name, (command, keep) in judges(world).items():
        if (args.only and args.only not in name) or not shutil.which(command[0]):
            continue
        print(f"== {name}")
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
            text = (done.stdout + done.stderr).decode("utf-8", "replace")
        except subprocess.TimeoutExpired as e:
            text = (e.stdout or b"").decode("utf-8", "replace") + "\n(not over in time)"
        lines = [line.strip() for line in text.split("\n") if re.match(keep, line)]
        print("\n".join(lines) or text[-600:], flush=True)
    undisturbed = world.talk.wait_for_more()
    for problem in [*world.end(), *([] if undisturbed else ["the friend was disturbed"])]:
        print("PROBLEM:", problem)
    return 0


if __name__ == "__main__":
    sys.exit(main())
