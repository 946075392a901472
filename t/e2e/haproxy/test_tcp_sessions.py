"""TCP mode: it begins when TLS is ready, and a client that does not read is given up."""

import time

import pytest

from rig import net
from rig.http1 import Client

CONF = """
global
    stats socket {dir}/admin.sock level admin
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend tls
    bind 127.0.0.1:{tls_port} ssl crt {pem}
    use_backend good if { ssl_fc_sni localhost }
    default_backend none
listen raw
    bind 127.0.0.1:{port}
    server s {origin}
backend good
    server s {origin}
backend none
    server s {other}
"""


@pytest.fixture
def other(origins):
    return origins(name="other")


@pytest.fixture
def proxy(weir, origin, other, certs):
    return weir("haproxy", text=CONF, origin=origin, other=other, pem=certs.leaf())


def test_rules_see_the_name_of_the_handshake(proxy, other, certs):
    with Client(proxy.places["tls_port"], tls=certs.client_context()) as client:
        assert client.request("/").status == 200
    assert not other.connections


def test_no_server_without_a_handshake(proxy, origin, other):
    with Client(proxy.places["tls_port"]) as client:
        assert client.closed(timeout=8)
    assert not origin.connections and not other.connections


def test_a_client_that_does_not_read_is_given_up(proxy, origin):
    def flood(exchange):
        started = time.monotonic()
        while time.monotonic() - started < 12:
            exchange.send(b"y" * 65536)

    origin.default = flood
    with proxy.client(receive_buffer=4096) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
        net.wait_until(lambda: not origin.open_connections, "weir to give the client up", timeout=8)
