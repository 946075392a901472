"""An OCSP responder over HTTP whose answers openssl(1) makes and signs with the test CA's key."""

import base64
import http.server
import itertools
import re
import subprocess
import threading
import urllib.parse

from rig.net import wait_until


class Responder:
    """Answers about the certificates that it was told of: good(), revoked(). What it does not know is unknown."""

    def __init__(self, certs, folder, port=0):
        self.certs, self.dir = certs, folder
        folder.mkdir(exist_ok=True)
        self.asked = []  # the requests' methods
        self.gate = threading.Event()  # cleared: answers wait
        self.gate.set()
        self.days = 1
        self.broken = None  # a status to answer with instead
        self._lines = {}
        self._numbers = itertools.count()  # of answers, which may be made at the same time
        self._write()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                path = urllib.parse.unquote(self.path.rpartition("/")[2] if "%" not in self.path else self.path[1:])
                self._answer(base64.b64decode(path))

            def do_POST(self):
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, der):
                outer.asked.append(self.command)
                outer.gate.wait(20)
                body = outer.answer(der)
                self.send_response(outer.broken or 200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()

    def good(self, pem):
        self._lines[self._serial(pem)] = "V\t491231235959Z\t"
        self._write()

    def revoked(self, pem):
        self._lines[self._serial(pem)] = "R\t491231235959Z\t250101000000Z"
        self._write()

    def _serial(self, pem):
        out = subprocess.run(["openssl", "x509", "-in", pem, "-noout", "-serial"], check=True, capture_output=True, text=True)
        return out.stdout.strip().partition("=")[2]

    def _write(self):
        (self.dir / "index").write_text("".join(f"{state}\t{serial}\tunknown\t/CN=x\n" for serial, state in self._lines.items()))

    def answer(self, der):
        number = next(self._numbers)
        request, response = self.dir / f"req{number}", self.dir / f"resp{number}"
        request.write_bytes(der)
        subprocess.run(["openssl", "ocsp", "-index", self.dir / "index", "-CA", self.certs.ca, "-rsigner", self.certs.ca,
                        "-rkey", self.certs.dir / "ca.key", "-reqin", request, "-respout", response, "-ndays",
                        str(self.days)], check=True, capture_output=True)
        return response.read_bytes()


def stapled(port, name=None, tls="-tls1_3"):
    """What s_client says of the answer that came with the certificate: "good", "revoked"; None: there was none."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-status", tls]
    text = subprocess.run(command + (["-servername", name] if name else []), input="", capture_output=True, text=True,
                          timeout=30).stdout
    found = re.search(r"Cert Status: (\w+)", text)
    return found and found[1]


def wait_stapled(port, status="good", **options):
    wait_until(lambda: stapled(port, **options) == status, lambda: f"a stapled answer: {status}")
