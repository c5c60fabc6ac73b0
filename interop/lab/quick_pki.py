# SPDX-License-Identifier: MIT
"""quick_pki.py: a few certificates for tests of the probe, made with the openssl command."""
import subprocess

NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class QuickPki:
    """Files below `directory`: NAME.pem and NAME.key."""

    def __init__(self, directory):
        self.directory = directory

    def _openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.directory, check=True, capture_output=True)

    def ca(self, name):
        self._openssl("req", "-x509", *NEW, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}", "-days", "30",
                      "-addext", "keyUsage=keyCertSign,cRLSign")

    def leaf(self, name, issuer, purposes, dns_names):
        names = ",".join(f"DNS:{dns}" for dns in dns_names)
        (self.directory / "ext").write_text(f"subjectAltName={names}\nextendedKeyUsage={purposes}\nbasicConstraints=CA:FALSE\n"
                                            "keyUsage=digitalSignature\n")
        self._openssl("req", "-new", *NEW, "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", "csr", "-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key", "-CAcreateserial", "-days", "30",
                      "-extfile", "ext", "-out", f"{name}.pem")
