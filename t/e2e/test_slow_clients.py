"""Clients that take what they get slowly, late or not at all: bodies stay whole, and the time for taking them runs only while
something is queued."""

import time

import pytest

from rig import net
from rig.http1 import Client
from rig.origin import Reply, pattern
from rig.proxy import faces

pytestmark = faces("patience")

BIG = 24 << 20


@pytest.fixture
def make(weir, face, origin, certs):
    return lambda patience: weir(face, "patience", origin=origin, pem=certs.leaf(), patience=patience)


@pytest.fixture
def proxy(make):
    return make("1s")


def test_large_body_over_tls(make, origin, certs):
    """A record that the socket did not take is offered again, whole."""
    proxy = make("20s")
    body = b"".join(pattern(BIG))
    origin.default = Reply(body=body)
    with Client(proxy.places["tls_port"], tls=certs.client_context(), receive_buffer=4096) as client:
        assert client.request("/").body == body


def stuck(origin, proxy, first_pause):
    """A client that asks, gets the head and a first piece, waits, and reads nothing of the flood that then comes."""

    def flood():
        yield b"x"
        time.sleep(first_pause)
        piece = b"y" * 65536
        for _ in range(2000):
            yield piece

    origin.default = Reply(body=flood(), chunked=True)
    client = Client(proxy.port, receive_buffer=4096)
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    return client


@pytest.mark.parametrize("pause", [0, 1.5])
def test_client_that_stops_reading_is_closed(proxy, origin, pause):
    """Also when its body came later than the time for taking it would have run since the head."""
    started = time.monotonic()
    with stuck(origin, proxy, pause):
        origin.wait_requests(1, complete=False)
        net.wait_until(lambda: not origin.open_connections, "weir to give the client up")
        took = time.monotonic() - started
        assert took > pause + 0.7


def test_late_body_for_a_patient_client(proxy, origin):
    """Silence of the server costs the client nothing."""

    def late():
        time.sleep(2.5)
        yield b"late"

    origin.default = Reply(body=late(), chunked=True)
    assert proxy.get("/").body == b"late"
