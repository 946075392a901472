"""TCP mode: it begins when TLS is ready, looks for HTTP in what comes, and gives up clients that do not read or say nothing."""

import time

import pytest

from rig import net
from rig.http1 import Client

CONF = """
global
    stats socket {dir}/admin.sock level admin
defaults
    mode tcp
    timeout connect {time}
    timeout client {time}
    timeout server {time}
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
def start(weir, origin, other, certs):
    return lambda time: weir("haproxy", text=CONF, origin=origin, other=other, pem=certs.leaf(), time=time)


def test_rules_see_the_name_of_the_handshake(start, other, certs):
    proxy = start("20s")
    with Client(proxy.places["tls_port"], tls=certs.client_context()) as client:
        assert client.request("/").status == 200
    assert not other.connections


def test_no_server_without_a_handshake(start, origin, other):
    proxy = start("1s")
    with Client(proxy.places["tls_port"]) as client:
        assert client.closed(timeout=8)
    assert not origin.connections and not other.connections


def test_a_client_that_does_not_read_is_given_up(start, origin):
    def flood(exchange):
        started = time.monotonic()
        while time.monotonic() - started < 12:
            exchange.send(b"y" * 65536)

    origin.default = flood
    proxy = start("1s")
    with proxy.client(receive_buffer=4096) as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
        net.wait_until(lambda: not origin.open_connections, "weir to give the client up", timeout=8)


SILENT = """
global
    log {syslog} local0
defaults
    mode tcp
    log global
    option tcplog
    option dontlognull
    timeout connect 1s
    timeout client 300ms
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    timeout client 20s
    tcp-request inspect-delay 10s
    tcp-request content accept if HTTP { path_beg /in }
    tcp-request content reject if HTTP
    tcp-request content set-var(sess.kind) str(other)
    default_backend b
listen silent
    no option dontlognull
    bind 127.0.0.1:{silent_port}
    server s {origin}
listen patient
    no option dontlognull
    bind 127.0.0.1:{patient_port}
    timeout client 20s
    timeout server 300ms
    server s {origin}
listen equal
    no option dontlognull
    bind 127.0.0.1:{equal_port}
    timeout server 300ms
    server s {origin}
listen refused
    bind 127.0.0.1:{refused_port}
    timeout client 5s
    retries 1
    server s {dead}
backend b
    server s {origin}
"""


@pytest.fixture
def silent(weir, origin, syslog):
    return weir("haproxy", text=SILENT, origin=origin, syslog=syslog)


@pytest.mark.parametrize("name,cause", [("silent_port", "cD"), ("patient_port", "sD"), ("equal_port", "cD")])
def test_a_session_without_a_byte_ends(silent, syslog, name, cause):
    with Client(silent.places[name]) as client:
        assert client.closed(timeout=10)
    syslog.wait_for(rf" 0 {cause} ")


def test_http_in_the_content(silent, origin):
    with silent.client() as client:
        client.send("GET /in")
        client.send("side HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().status == 200
    with silent.client() as client:
        client.send("GET /out HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.closed()
    assert origin.paths() == ["/inside"]


def test_what_cannot_become_http_is_not_waited_for(silent, origin):
    with silent.client() as client:
        client.send(b"\x16\x03\x01 is no method")
        net.wait_until(lambda: origin.connections, "a connection to the server", timeout=5)


def test_dontlognull_keeps_sessions_that_sent_something(silent, syslog):
    with Client(silent.places["refused_port"]) as client:
        client.send(b"hello")
        assert client.closed()
    syslog.wait_for(r" refused/s .* SC ")
    with Client(silent.places["refused_port"]) as client:
        assert client.closed()
    assert len(syslog.matching(" refused/s ")) == 1
