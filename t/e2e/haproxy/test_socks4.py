"""Servers behind a SOCKS4 proxy: requests, TLS, PROXY headers and checks go by way of it, and what it refuses is told."""

import socket
import threading

import pytest

from rig import net
from rig.socks4 import GRANTED, REJECTED, Socks4

CONF = """
global
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin

defaults
    mode {mode}
    log global
    retries 0
    timeout connect {connect}
    timeout client 5s
    timeout server 5s

frontend web
    bind 127.0.0.1:{port}
    option {mode}log
    default_backend b

backend b
    {rules}
    http-reuse always
    server s {server} socks4 {proxy} {options}

frontend plain
    mode http
    bind 127.0.0.1:{proxied_port} accept-proxy
    bind 127.0.0.1:{secret_port} accept-proxy ssl crt {cert}
    http-request return status 200 content-type text/plain lf-string "%[src] %[ssl_fc]"
"""


@pytest.fixture
def socks():
    proxy = Socks4()
    yield proxy
    proxy.stop()


@pytest.fixture
def start(weir, socks, syslog, certs):
    def make(server, options="", rules="", mode="http", proxy=None, connect="10s"):
        text = CONF.replace("{options}", options).replace("{rules}", rules).replace("{mode}", mode)
        text = text.replace("{server}", str(server))
        return weir("haproxy", text=text, proxy=proxy or socks, syslog=syslog, connect=connect,
                    cert=certs.leaf("example.com"))

    return make


def test_requests_go_through_the_proxy(start, socks, origin):
    proxy = start(origin)
    with proxy.client() as client:
        for _ in range(2):
            assert client.request("/").status == 200
    assert socks.asked == [(4, 1, int(str(origin).rpartition(":")[2]), "127.0.0.1", "HAProxy")], "reused"


def test_the_proxy_may_be_named(start, socks, origin):
    assert start(origin, proxy=f"localhost:{socks.port}").get("/").status == 200


def test_a_server_that_speaks_first(start, socks):
    socks.pieces = True
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].sendall(b"220 hello\r\n"), daemon=True).start()
        proxy = start(f"127.0.0.1:{server.getsockname()[1]}", mode="tcp")
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.settimeout(net.DEADLINE)
            assert client.recv(100) == b"220 hello\r\n"


@pytest.mark.parametrize("options, place, secret", [("send-proxy", "proxied_port", "0"),
                                                    ("send-proxy-v2 ssl verify none", "secret_port", "1")])
def test_what_comes_behind_it(start, socks, options, place, secret):
    proxy = start("127.0.0.1:{%s}" % place, options)
    assert proxy.get("/").body == f"127.0.0.1 {secret}".encode()
    assert [one[2] for one in socks.asked] == [proxy.places[place]]


@pytest.mark.parametrize("answer, reason", [
    (None, "SOCKS4 Proxy deny the request"),
    (b"", "SOCKS4 Proxy read error during handshake"),
    (b"\0\x5a\0\0", "SOCKS4 Proxy read error during handshake"),
])
def test_a_proxy_that_refuses(start, socks, origin, syslog, answer, reason):
    socks.code, socks.answer = REJECTED, answer
    assert start(origin).get("/").status == 503
    syslog.wait_for(rf"web: connection to server b/s failed: {reason}")
    syslog.wait_for(r"web b/s .* 503 .* SC-- ")
    assert not origin.requests


def test_a_proxy_that_is_silent(start, origin, syslog):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert start(origin, proxy=f"127.0.0.1:{silent.getsockname()[1]}", connect="1s").get("/").status == 503
        syslog.wait_for(r"web b/s .* 503 .* sC-- ")


def test_checks_go_through_it_when_told(start, socks, origin, syslog):
    socks.code = REJECTED
    # `inter` is also the time that a check may take to connect, and the first one comes at once.
    proxy = start(origin, "check inter 5s downinter 50ms check-via-socks4 fall 1 rise 1", "option httpchk GET /health")
    syslog.wait_for(r'Server b/s is DOWN, reason: Socket error, info: "SOCKS4 Proxy deny the request"')
    assert socks.asked
    socks.code = GRANTED
    net.wait_until(lambda: proxy.runtime().stat()["b", "s"]["check_status"] == "L7OK", "a good check")


def test_checks_do_not_by_themselves(start, socks, origin):
    socks.code = REJECTED
    proxy = start(origin, "check inter 50ms", "option httpchk GET /health")
    net.wait_until(lambda: proxy.runtime().stat()["b", "s"]["check_status"] == "L7OK", "a good check")
    assert not socks.asked


def test_a_step_of_a_check_goes_through_it(start, socks, origin):
    rules = "option tcp-check\n    tcp-check connect via-socks4"
    proxy = start(origin, "check inter 50ms", rules)
    net.wait_until(lambda: proxy.runtime().stat()["b", "s"]["last_chk"] == "(tcp-check)", "a good check")
    assert socks.asked


def test_what_it_cannot_lead_to(start, syslog):
    assert start("[::1]:80").get("/").status == 503
    syslog.wait_for("connection to server b/s failed: SOCKS4 leads to IPv4 addresses only")
