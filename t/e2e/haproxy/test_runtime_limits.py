"""Limits that the configuration sets and the runtime socket changes: connections at once, and connections a second."""

import time

import pytest

from rig import net
from rig.origin import Reply

pytestmark = pytest.mark.threads

CONF = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin
    stats socket {dir}/operator.sock mode 600
    {more}

defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    compression algo gzip
    compression type text/plain

frontend web
    bind 127.0.0.1:{port}
    {limit}
    default_backend b

backend b
    server s1 {origin}
"""


@pytest.fixture
def start(weir, origin):
    def make(threads=2, limit="", more=""):
        proxy = weir("haproxy", text=CONF, origin=origin, threads=threads, limit=limit, more=more)
        # Finding out that it is up took a connection, which is closed first.
        net.wait_until(lambda: proxy.runtime().stat()["web", "FRONTEND"]["scur"] == "0", "no connection")
        return proxy

    return make


@pytest.mark.parametrize("what, column", [("frontend web", "slim"), ("global", "Maxconn")])
@pytest.mark.parametrize("limit", ["", "maxconn 10"])
@pytest.mark.parametrize("threads", [1, 2])
def test_connections_at_once(start, what, column, limit, threads):
    proxy = start(threads, limit=limit)
    admin = proxy.runtime()
    now = lambda: (admin.info() if what == "global" else admin.stat()["web", "FRONTEND"])[column]
    before = now()
    with proxy.client() as first, proxy.client() as second:
        assert first.request().status == 200
        assert second.request().status == 200
        assert admin(f"set maxconn {what} 1") == ""
        assert now() == "1"
        with proxy.client() as third:
            third.send(b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n")
            assert third.received(wait=0.3) == b""
            assert admin(f"set maxconn {what} 3") == ""
            assert third.response().status == 200
    if what == "global":
        assert admin("set maxconn global 0") == ""
        assert now() == before == admin.info()["Hard_maxconn"]


def test_a_frontend_that_takes_nothing(start):
    proxy = start()
    admin = proxy.runtime()
    assert admin("set maxconn frontend web 0") == ""
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.received(wait=0.3) == b""
        number = admin.stat()["web", "FRONTEND"]["iid"]
        assert admin(f"set maxconn frontend #{number} 1") == ""
        assert client.response().status == 200


def test_wrong_values(start):
    proxy = start(more="maxconn 50")
    admin = proxy.runtime()
    assert admin("set maxconn global") == "Expects an integer value."
    assert admin("set maxconn global 51") == "Value out of range."
    assert admin("set maxconn frontend") == "A frontend name is expected."
    assert admin("set maxconn frontend nosuch 1") == "No such frontend."
    assert admin("set maxconn frontend web") == "Integer value expected."
    assert admin("set maxconn frontend web -1") == "Value out of range."
    assert admin("set rate-limit nosuch global 1").startswith("'set rate-limit' only supports :")
    assert admin("set rate-limit sessions global") == "Expects an integer value."
    assert admin("set rate-limit sessions global -1") == "Value out of range."
    operator = proxy.runtime("operator.sock")
    for command in ("set maxconn global 5", "set maxconn frontend web 5", "set rate-limit sessions global 5"):
        assert operator(command) == "Permission denied"


def time_of(proxy, count):
    begin = time.monotonic()
    for _ in range(count):
        assert proxy.get().status == 200
    return time.monotonic() - begin


@pytest.mark.parametrize("words", ["more=maxsessrate 4", "more=maxconnrate 4", "limit=rate-limit sessions 4"])
def test_connections_a_second(start, words):
    place, _, word = words.partition("=")
    proxy = start(**{place: word})
    assert time_of(proxy, 10) > 1, "4 at once, then 4 a second"


def test_rates_change_at_once(start):
    proxy = start()
    admin = proxy.runtime()
    assert admin("set rate-limit sessions global 2") == ""
    assert admin.info()["SessRateLimit"] == "2"
    assert time_of(proxy, 5) > 0.9
    assert admin("set rate-limit sessions global 0; set rate-limit connections global 300") == ""
    assert time_of(proxy, 20) < 8, "at 2 a second it would take 10"
    info = admin.info()
    assert (info["SessRateLimit"], info["ConnRateLimit"]) == ("0", "300")
    admin("set rate-limit ssl-sessions global 7")
    assert admin.info()["SslRateLimit"] == "7"


def test_compression_rate(start, origin):
    proxy = start()
    admin = proxy.runtime()
    origin.on("/text", Reply(body=b"text " * 20000, headers=[("Content-Type", "text/plain")]))
    coding = lambda: proxy.get("/text", headers=[("Accept-Encoding", "gzip")]).header("Content-Encoding")
    assert [coding(), coding()] == ["gzip", "gzip"]
    admin("set rate-limit http-compression global 1")
    assert admin.info()["CompressBpsRateLim"] == "1024"
    assert [coding(), coding()] == ["gzip", None]
    admin("set rate-limit http-compression global 0")
    assert coding() == "gzip"


def test_limits_of_the_configuration_are_shown(start):
    proxy = start(more="maxconnrate 11\n    maxsessrate 12\n    maxsslrate 13\n    maxcomprate 14",
                  limit="rate-limit sessions 15")
    info = proxy.runtime().info()
    assert [info[name] for name in ("ConnRateLimit", "SessRateLimit", "SslRateLimit")] == ["11", "12", "13"]
    assert info["CompressBpsRateLim"] == str(14 * 1024)
    assert proxy.runtime().stat()["web", "FRONTEND"]["rate_lim"] == "15"
