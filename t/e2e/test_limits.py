"""Sizes and slowness: heads that are too big, clients that send or read too slowly."""

import time

import pytest

from rig import net
from rig.http1 import build_request, trickle
from rig.origin import Reply, pattern
from rig.proxy import faces

pytestmark = faces("limits", only=("nginx", "haproxy"))


@pytest.fixture
def proxy(weir, face, origin):
    return weir(face, "limits", origin=origin)


def refused_status(proxy, data):
    with proxy.client() as client:
        client.send_some(data)
        status = client.response().status
        client.drain()
    return status


@pytest.mark.parametrize("data", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GE\x00"], ids=["TLS", "NUL"])
def test_what_can_be_no_method_is_refused_at_once(proxy, data):
    """Its end would not come: the answer does not wait for a timeout."""
    assert refused_status(proxy, data) == 400
    proxy.wait_log("method")


def test_half_an_empty_line_is_no_method(proxy, origin):
    with proxy.client() as client:
        client.send(b"\r")
        assert client.received(wait=0.1) == b""  # it waits for what follows
        client.send(b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().status == 200


def test_too_many_headers(proxy, origin):
    assert refused_status(proxy, build_request(headers=[("a", "b")] * 1200)) in (400, 431)
    assert not origin.requests
    proxy.wait_log(r"too many|headers")


@pytest.mark.parametrize("headers", [[("X-Big", "b" * 70000)], [("X-Big", "b" * 4000)] * 20], ids=["one", "sum"])
def test_headers_too_big(proxy, origin, headers):
    assert refused_status(proxy, build_request(headers=headers)) in (400, 431)
    assert not origin.requests
    proxy.wait_log(r"too (large|long|big)|header")


def test_header_name_too_big(proxy, origin):
    assert refused_status(proxy, build_request(headers=[("X" * 70000, "b")])) in (400, 431)
    assert not origin.requests


def test_target_too_long(proxy, origin):
    assert refused_status(proxy, build_request("/" + "a" * 70000)) in (400, 414)
    assert not origin.requests
    proxy.wait_log(r"too (large|long|big)|uri|target|request")


def test_large_head_within_the_limits(proxy, origin):
    headers = [(f"X-{number}", "v" * 100) for number in range(60)]
    assert proxy.get("/" + "a" * 4000, headers=headers).status == 200
    assert len(origin.requests[0].target) == 4001


def assert_timed_out(client, started, statuses=(408,)):
    """The connection ends soon after the one second that is configured, with a 408 or without a word."""
    data, closed = client.drain()
    assert closed and time.monotonic() - started < 5
    assert data == b"" or int(data[9:12]) in statuses


def test_silent_client(proxy):
    with proxy.client() as client:
        started = time.monotonic()
        client.send(b"GET / HT")
        assert_timed_out(client, started)


def test_slow_header(proxy, origin):
    """Each byte comes in time; the head as a whole does not."""
    with proxy.client() as client:
        started = time.monotonic()
        trickle(client, [bytes([byte]) for byte in build_request()[:20]], 0.1)
        assert_timed_out(client, started)
    assert not origin.requests


def test_slow_body(proxy, origin):
    with proxy.client() as client:
        started = time.monotonic()
        client.send(build_request(method="POST", headers=[("Content-Length", "1000")]) + b"x")
        assert_timed_out(client, started)
    assert not [request for request in origin.requests if request.complete]


def test_slow_reader_is_dropped(proxy, origin):
    origin.default = Reply(body=pattern(64 << 20), length=64 << 20)
    with proxy.client(receive_buffer=8192) as client:
        client.send(build_request())
        net.wait_until(lambda: origin.bytes_sent, "the download to begin")
        net.wait_until(lambda: not origin.open_connections, "the origin's connection to be dropped")
    assert proxy.get(method="HEAD").status == 200
