"""A server that is killed and comes back under load: with checks and retries not one idempotent request fails."""

import subprocess
import sys
import threading

import pytest

from rig import net
from rig.proxy import faces

pytestmark = pytest.mark.threads

# A server of its own process, so that killing it takes its sockets along in the middle of whatever it does.
SERVER = r"""
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        # In one piece: an answer that breaks off in its middle cannot be asked for again.
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\nfrom the mortal one")
    def log_message(self, *words):
        pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Mortal:
    def __init__(self, port):
        self.port = port
        self.process = None

    def live(self):
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, str(self.port)], stderr=subprocess.DEVNULL)
        net.wait_until(lambda: net.is_listening(self.port), "the server")

    def die(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def mortal():
    with net.PortReservation() as place:
        server = Mortal(place.port)
        yield server
        server.die()


class Load:
    """Clients that ask for one thing after the other until they are stopped."""

    def __init__(self, proxy, clients):
        self.stopping = threading.Event()
        self.good, self.bad, self.mortal = 0, [], 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(proxy,)) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self, proxy):
        while not self.stopping.is_set():
            try:
                answer = proxy.get("/page")
                ok, body = answer.status == 200, answer.body
            except Exception as error:  # noqa: BLE001 - whatever it was, the request failed
                ok, body = False, repr(error)
            with self._lock:
                if ok:
                    self.good += 1
                    self.mortal += body == b"from the mortal one"
                else:
                    self.bad.append(body)

    def stop(self):
        self.stopping.set()
        for thread in self._threads:
            thread.join()


@faces("killed_server")
def test_nobody_notices(weir, origins, mortal, face):
    one = origins(name="one")
    mortal.live()
    proxy = weir(face, "killed_server", one=one, other=mortal.port)
    load = Load(proxy, 8)
    try:
        for _ in range(3):
            seen = load.mortal
            net.wait_until(lambda: load.mortal > seen + 20, "answers of the server", timeout=60)
            mortal.die()
            proxy.wait_log(r"is DOWN|peer is unhealthy")
            seen = load.good
            net.wait_until(lambda: load.good > seen + 40, "answers without the server", timeout=60)
            mortal.live()
    finally:
        load.stop()
    assert load.bad == []
    assert load.good > 150
