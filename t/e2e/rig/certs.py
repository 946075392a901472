"""Certificates, made once per run with openssl(1): a CA and leaves signed by it, shared by the xdist workers."""

import fcntl
import re
import ssl
import subprocess


class Certs:
    """A directory of NAME.crt, NAME.key and NAME.pem (leaf, CA and key in one file, as `bind … crt` reads it)."""

    def __init__(self, directory):
        self.dir = directory
        self.ca = directory / "ca.crt"
        with self._locked():
            if not self.ca.exists():
                key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
                # Written last: its presence says that the CA is complete.
                self._openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.tmp", "-days", "30",
                              "-subj", "/CN=weir test CA", "-addext", "basicConstraints=critical,CA:TRUE",
                              "-addext", "keyUsage=critical,keyCertSign,cRLSign")
                (directory / "ca.tmp").rename(self.ca)

    def __str__(self):
        return str(self.dir)

    def _locked(self):
        lock = open(self.dir / "lock", "w", encoding="ascii")
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.dir, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def leaf(self, name="localhost", names=None, days=30):
        """The .pem of a certificate for `names` (default: `name`; addresses are recognised), made when missing."""
        file = re.sub(r"[^\w.-]", "_", name)
        pem = self.dir / f"{file}.pem"
        with self._locked():
            if not pem.exists():
                self._make_leaf(file, name, names or [name], days)
        return pem

    def _make_leaf(self, file, name, names, days):
        entries = [f"IP:{n}" if re.fullmatch(r"[\d.]+|[\da-f:]*:[\da-f:]*", n) else f"DNS:{n}" for n in names]
        (self.dir / f"{file}.ext").write_text(
            f"subjectAltName={','.join(entries)}\nextendedKeyUsage=serverAuth,clientAuth\n", encoding="ascii")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", f"{file}.key", "-out", f"{file}.csr")
        self._openssl("x509", "-req", "-in", f"{file}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                      "-days", str(days), "-extfile", f"{file}.ext", "-out", f"{file}.crt")
        parts = [(self.dir / part).read_text("ascii") for part in (f"{file}.crt", "ca.crt", f"{file}.key")]
        (self.dir / f"{file}.tmp").write_text("".join(parts), "ascii")
        (self.dir / f"{file}.tmp").rename(self.dir / f"{file}.pem")

    def client_context(self, certificate=None, alpn=None):
        """Trusts the test CA; with `certificate` (a name) presents it."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if certificate:
            context.load_cert_chain(self.leaf(certificate))
        if alpn:
            context.set_alpn_protocols(alpn)
        return context

    def server_context(self, name="localhost", ask_client=False, alpn=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf(name))
        if ask_client:
            context.load_verify_locations(str(self.ca))
            context.verify_mode = ssl.CERT_REQUIRED
        if alpn:
            context.set_alpn_protocols(alpn)
        return context
