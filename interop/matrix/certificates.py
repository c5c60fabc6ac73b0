# SPDX-License-Identifier: MIT
"""certificates.py: the test CA with its sound and unsound branches, and a leaf for each host and variant."""
from lab.pki import CA_CONFIG, CA_EXTENSIONS, Pki, ROOT_DAYS, VALID_FROM, VALID_TO
from matrix import axes

PAST, FUTURE = (VALID_FROM, "20210101000000Z"), ("20390101000000Z", VALID_TO)
NOBODY = "nobody.example"
OTHER_NAME_SRV = "otherName:1.3.6.1.5.5.7.8.7;IA5STRING:_xmpp-server."
OTHER_NAME_XMPP = "otherName:1.3.6.1.5.5.7.8.5;UTF8:"
IDENTIFIERS = ["subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]


class Certificates(Pki):
    """Beside the lab's: other-root (nobody trusts it), bad-issuer (no CA, and issues all the same). A leaf is named after its
    host: HOST.crt (with what leads to the root), HOST.key, HOST.pem (both)."""

    def make(self, hosts):
        """`hosts`: pairs of a domain and its variant's name."""
        self.directory.mkdir()
        (self.directory / "ca.cnf").write_text(CA_CONFIG)
        (self.directory / "index.txt").write_text("")
        for name, words in (("ca", "lab root"), ("other-root", "another root")):
            self._key(name)
            self._openssl("req", "-x509", "-new", "-config", "ca.cnf", "-key", f"{name}.key", "-out", f"{name}.crt",
                          "-subj", f"/CN={words}", "-days", ROOT_DAYS, "-addext", "basicConstraints=critical,CA:TRUE",
                          "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-addext", "subjectKeyIdentifier=hash")
        self.ca_file.write_bytes((self.directory / "ca.crt").read_bytes())
        self._key("int-any")
        self._sign("int-any", "ca.crt", "ca.key", CA_EXTENSIONS)
        self._key("int-server")
        self._sign("int-server", "ca.crt", "ca.key", CA_EXTENSIONS + ["extendedKeyUsage=serverAuth"])
        self._key("bad-issuer")
        self._sign("bad-issuer", "int-any.crt", "int-any.key",
                   self._extensions(axes.VARIANTS[axes.GOOD], "bad-issuer.example"))
        for domain, variant in hosts:
            self._host(domain, axes.VARIANTS[variant])
        for path in self.directory.iterdir():
            path.chmod(0o644)  # the peers run as other users; the keys are worth nothing outside the lab

    def _host(self, domain, variant):
        self._key(domain, variant.key)
        subject = {"right": f"/CN={domain[:64]}", "wrong": f"/CN={NOBODY}", "none": "/"}[variant.common_name]
        extensions = self._extensions(variant, domain)
        if variant.issuer == "self":
            self._openssl("req", "-x509", "-new", "-config", "ca.cnf", "-key", f"{domain}.key", "-out", f"{domain}.crt",
                          "-subj", subject, "-days", ROOT_DAYS,
                          *(word for e in extensions if "Identifier" not in e for word in ("-addext", e)))
            chain = ()
        else:
            start, end = {"now": (VALID_FROM, VALID_TO), "past": PAST, "future": FUTURE}[variant.validity]
            self._sign(domain, f"{variant.issuer}.crt", f"{variant.issuer}.key", extensions, subject=subject, start=start,
                       end=end)
            chain = {"other-root": (), "bad-issuer": ("bad-issuer", "int-any")}.get(variant.issuer, (variant.issuer,))
        file = self.certificate(domain)
        file.write_text(file.read_text() + "".join(self.certificate(c).read_text() for c in chain))
        (self.directory / f"{domain}.pem").write_text(file.read_text() + self.key(domain).read_text())

    @staticmethod
    def _extensions(variant, domain):
        usage = "digitalSignature" + (",keyCertSign" if variant.ca else "") + \
            (",keyEncipherment" if variant.key == "rsa" else "")
        parent = domain.split(".", 1)[1]
        names = {"dns": f"DNS:{domain}", "wild": f"DNS:*.{parent}", "srv": OTHER_NAME_SRV + domain,
                 "xmpp": OTHER_NAME_XMPP + domain, "wrong": f"DNS:{NOBODY}", "none": None}[variant.san]
        critical = "critical," if variant.name == "nosubj" else ""
        return [f"basicConstraints=critical,CA:{'TRUE' if variant.ca else 'FALSE'}", f"keyUsage=critical,{usage}"] + \
            IDENTIFIERS + ([f"extendedKeyUsage={','.join(variant.purposes)}"] if variant.purposes else []) + \
            ([f"subjectAltName={critical}{names}"] if names else [])
