# SPDX-License-Identifier: MIT
"""pki.py: the lab's certification authority, made with the openssl command."""
import subprocess

from lab import topology

VALID_FROM, VALID_TO = "20200101000000Z", "20400101000000Z"
EXPIRED_TO = "20210101000000Z"
ROOT_DAYS = "7000"

CA_CONFIG = """\
[ca]
default_ca = lab
[lab]
new_certs_dir = .
database = index.txt
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = optional
[req]
distinguished_name = none
prompt = no
[none]
"""
CA_EXTENSIONS = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign",
                 "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
LEAF_EXTENSIONS = ["basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature",
                   "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
SERVER = ["extendedKeyUsage=serverAuth"]
BOTH = ["extendedKeyUsage=serverAuth,clientAuth"]

# The intermediates: one says nothing about purposes, one is for servers only (as public CAs have them since 2026).
ANY_ISSUER, SERVER_ISSUER = "int-any", "int-server"


class Pki:
    """Makes files below `directory`: ca.pem, and NAME.crt (leaf and intermediate) and NAME.key per leaf."""

    def __init__(self, directory):
        self.directory = directory
        self.ca_file = directory / "ca.pem"

    def make(self):
        self.directory.mkdir()
        (self.directory / "ca.cnf").write_text(CA_CONFIG)
        (self.directory / "index.txt").write_text("")
        self._key("ca")
        self._openssl("req", "-x509", "-new", "-config", "ca.cnf", "-key", "ca.key", "-out", "ca.pem",
                      "-subj", "/CN=lab root", "-days", ROOT_DAYS,
                      "-addext", "basicConstraints=critical,CA:TRUE",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-addext", "subjectKeyIdentifier=hash")
        self._key(ANY_ISSUER)
        self._sign(ANY_ISSUER, "ca.pem", "ca.key", CA_EXTENSIONS)
        self._key(SERVER_ISSUER)
        self._sign(SERVER_ISSUER, "ca.pem", "ca.key", CA_EXTENSIONS + SERVER)

        self._leaf(topology.EKU, BOTH, [topology.EKU, topology.EKU_CHAT, topology.EKU_LIBRARY])
        self._leaf(topology.USERS, BOTH, [topology.USERS, topology.GATEWAY])
        self._leaf(topology.LE, SERVER, [topology.LE, topology.LE_CHAT], issuer=SERVER_ISSUER)
        self._leaf(topology.PROSODY, BOTH, [topology.PROSODY, topology.PROSODY_COMPONENT, topology.PROSODY_BIDI])
        self._leaf(topology.PROSODY_EXPIRED, BOTH, [topology.PROSODY_EXPIRED], end=EXPIRED_TO)
        for name in (topology.EKU_DIALBACK, topology.PROSODY_DIALBACK, topology.EJABBERD_DIALBACK):
            self._leaf(name, BOTH, [name], end=EXPIRED_TO)
        self._leaf(topology.PROSODY_WRONG_NAME, BOTH, [topology.NOBODY])
        self._leaf(topology.EJABBERD, BOTH, [topology.EJABBERD, topology.EJABBERD_COMPONENT])
        for path in self.directory.iterdir():
            path.chmod(0o644)  # the peers run as other users; the keys are worth nothing outside the lab

    def certificate(self, name):
        return self.directory / f"{name}.crt"

    def key(self, name):
        return self.directory / f"{name}.key"

    def _leaf(self, name, purposes, names, issuer=ANY_ISSUER, end=VALID_TO):
        self._key(name)
        sans = "subjectAltName=" + ",".join("DNS:" + n for n in names)
        self._sign(name, f"{issuer}.crt", f"{issuer}.key", LEAF_EXTENSIONS + purposes + [sans], f"/CN={names[0]}",
                   end=end)
        chain = self.certificate(name)
        chain.write_text(chain.read_text() + self.certificate(issuer).read_text())
        # ejabberd wants the chain and the key in one file.
        (self.directory / f"{name}.pem").write_text(chain.read_text() + self.key(name).read_text())

    def _key(self, name, kind="ec"):
        options = {"ec": ("EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "ed": ("ED25519",),
                   "rsa": ("RSA", "-pkeyopt", "rsa_keygen_bits:2048")}[kind]
        self._openssl("genpkey", "-out", f"{name}.key", "-algorithm", *options)

    def _sign(self, name, issuer_crt, issuer_key, extensions, subject=None, start=VALID_FROM, end=VALID_TO):
        """`openssl ca`, because it is the command of openssl 3.0 that can set both ends of the validity."""
        (self.directory / "ext.tmp").write_text("\n".join(extensions) + "\n")
        self._openssl("req", "-new", "-config", "ca.cnf", "-key", f"{name}.key", "-out", "csr.tmp",
                      "-subj", subject or f"/CN={name}")
        self._openssl("ca", "-config", "ca.cnf", "-batch", "-notext", "-cert", issuer_crt, "-keyfile", issuer_key,
                      "-startdate", start, "-enddate", end, "-extfile", "ext.tmp",
                      "-in", "csr.tmp", "-out", f"{name}.crt")

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.directory, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {' '.join(args)}:\n{done.stderr}")
