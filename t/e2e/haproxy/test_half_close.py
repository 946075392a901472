"""Clients that close their side while a server has their request: the server is told, and decides."""

import pytest

from rig import net
from rig.http1 import build_request

CONF = """
defaults
    mode http
    log {syslog} local0
    timeout connect 1s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    option httplog
    default_backend b
backend b
    retries 3
    server s {origin}
"""


@pytest.fixture
def proxy(weir, origin, syslog):
    return weir("haproxy", text=CONF, origin=origin, syslog=syslog)


def test_a_server_that_answers_all_the_same(proxy, origin):
    ends = []

    def serve(exchange):
        ends.append(exchange.sock.recv(1))
        exchange.reply(body=b"done")

    origin.default = serve
    with proxy.client() as client:
        client.send(build_request("/"))
        net.wait_until(lambda: origin.requests, "the request on the server")
        client.half_close()
        assert client.response().body == b"done"
    assert ends == [b""]


def test_a_server_that_gives_up(proxy, origin, syslog):
    def serve(exchange):
        assert exchange.sock.recv(1) == b""
        exchange.close()

    origin.default = serve
    with proxy.client() as client:
        client.send(build_request("/"))
        net.wait_until(lambda: origin.requests, "the request on the server")
        client.half_close()
        assert client.response().status == 400
    syslog.wait_for(r"web b/s \d+/\d+/\d+/-1/\d+ 400 .* CH-- ")
    assert len(origin.requests) == 1, "tried again"
