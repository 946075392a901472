"""A server without a port: it is on the port that the client connected to."""

import http.server
import threading

import pytest

CONF = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s

frontend web
    bind 127.0.0.1:{port}
    bind 127.0.0.1:{other_port}
    {rule}
    default_backend b

backend b
    http-reuse always
    server s 127.0.0.2
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def start(weir):
    made = []

    def make(rule=""):
        proxy = weir("haproxy", text=CONF.replace("{rule}", rule))
        for name in ("port", "other_port"):
            made.append(http.server.ThreadingHTTPServer(("127.0.0.2", proxy.places[name]), Handler))
            threading.Thread(target=made[-1].serve_forever, daemon=True).start()
        return proxy

    yield make
    for server in made:
        server.shutdown()
        server.server_close()


def test_the_port_of_the_client(start):
    proxy = start()
    for name in ("port", "other_port", "port"):
        with proxy.client(name) as client:
            for _ in range(2):
                assert client.request("/").body == str(proxy.places[name]).encode()


def test_a_rule_may_change_it(start):
    proxy = start("http-request set-dst-port int({other_port})")
    assert proxy.get("/").body == str(proxy.places["other_port"]).encode()
