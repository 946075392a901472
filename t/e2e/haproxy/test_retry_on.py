"""retry-on: what is sent again, with which body."""

import pytest

from rig.http1 import build_request, chunk

CONF = """
global
    tune.bufsize 16384
defaults
    mode http
    retries 2
    retry-on all-retryable-errors
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    http-request disable-l7-retry if { hdr(X-Once) -m found }
    server s {origin}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("haproxy", text=CONF, origin=origin)


@pytest.fixture
def unsure(origin):
    """A server that fails twice, by closing or with a status, and then answers with the body that it got."""

    def make(failure):
        left = [1, 1]

        def answer(exchange):
            body = exchange.read_body()
            if left:
                left.pop()
                return exchange.close() if failure == "close" else exchange.reply(status=503)
            return exchange.reply(body=body)

        origin.default = answer

    return make


def bodies(origin):
    return [request.body for request in origin.requests]


@pytest.mark.parametrize("failure", ["close", "status"])
@pytest.mark.parametrize("size", [3, 16384])
def test_a_body_goes_again(proxy, origin, unsure, failure, size):
    unsure(failure)
    body = b"b" * size
    response = proxy.get("/", method="POST", body=body)
    assert (response.status, response.body) == (200, body)
    assert bodies(origin) == [body] * 3


def test_a_body_in_chunks_goes_again(proxy, origin, unsure):
    unsure("status")
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"onetwo", size=3))
        assert client.response().body == b"onetwo"
        client.send(build_request("/next"))
        assert client.response().status == 200
    assert bodies(origin)[:3] == [b"onetwo"] * 3


def test_what_is_longer_than_a_buffer_goes_once(proxy, origin, unsure):
    unsure("status")
    assert proxy.get("/", method="POST", body=b"b" * 16385).status == 503
    assert len(origin.requests) == 1


def test_who_waits_for_continue_is_tried_again(proxy, origin, unsure):
    """Nothing of the body has left the client when the first servers refuse."""
    left = [1]

    def answer(exchange):
        if left:
            left.pop()
            return exchange.reply(status=503, early=True, close=True)
        return exchange.reply(body=exchange.read_body())

    origin.default = answer
    with proxy.client() as client:
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.reader.until(b"\r\n\r\n", "an interim answer").startswith(b"HTTP/1.1 100 ")
        client.send("hello")
        assert client.response().body == b"hello"
    assert len(origin.requests) == 2


@pytest.mark.parametrize("failure, status", [("close", 502), ("status", 503)])
def test_disable_l7_retry(proxy, origin, unsure, failure, status):
    unsure(failure)
    assert proxy.get("/", method="POST", body=b"abc", headers=[("X-Once", "1")]).status == status
    assert len(origin.requests) == 1
