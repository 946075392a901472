"""TLS clients whose handshakes a test looks at."""

import socket
import ssl
import subprocess


def context(ca=None, version=None, certificate=None, alpn=None, tickets=True):
    """Trusts `ca`, or anybody; speaks one version of TLS only."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if ca:
        made.load_verify_locations(str(ca))
        made.verify_mode = ssl.CERT_REQUIRED
    if version:
        made.minimum_version = made.maximum_version = version
    if certificate:
        made.load_cert_chain(certificate)
    if alpn:
        made.set_alpn_protocols(alpn)
    if not tickets:
        made.options |= ssl.OP_NO_TICKET
    return made


class Exchange:
    """One request on a connection of its own: the answer, and what the handshake came to."""

    def __init__(self, port, made, sni=None, host=None, session=None, target="/"):
        plain = socket.create_connection(("127.0.0.1", port), timeout=20)
        with made.wrap_socket(plain, server_hostname=sni, session=session) as sock:
            host = host or sni or "localhost"
            sock.sendall(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            received = b""
            while piece := sock.recv(65536):
                received += piece
            self.reused = sock.session_reused
            self.session = sock.session  # tickets of TLS 1.3 come with the answer
            self.version = sock.version()
            self.cipher = sock.cipher()[0]
            self.alpn = sock.selected_alpn_protocol()
            self.certificate = sock.getpeercert(binary_form=True)
        head, _, self.body = received.partition(b"\r\n\r\n")
        self.status = int(head.split()[1])

    @property
    def name(self):
        """The common name of the server's certificate."""
        text = ssl.DER_cert_to_PEM_cert(self.certificate)
        subject = subprocess.run(["openssl", "x509", "-noout", "-subject", "-nameopt", "multiline"], input=text, text=True,
                                 capture_output=True, check=True).stdout
        return subject.split("commonName")[1].split("=")[1].split("\n")[0].strip()
