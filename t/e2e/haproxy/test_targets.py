"""Absolute targets in their normal form, heads that cannot be read, and names in the abstract socket namespace."""

import socket

import pytest


CONF = """
global
    log {syslog} len 2048 local0
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    http-request capture req.hdr(host) len 100
    http-request del-header ^x-secret- -m reg
    http-after-response set-header X-After yes
    log global
    log-format "<%r> <%HM %HU %HP %HV> %hr"
    default_backend b
backend b
    server s {origin}
"""

ABSTRACT = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    use_backend padded if { path /padded }
    default_backend exact
backend exact
    server s abnsz@weir-{port}
backend padded
    server s abns@weir-{port}
frontend exact-listener
    bind abnsz@weir-{port}
    http-request return status 200 content-type text/plain string exact
frontend padded-listener
    bind abns@weir-{port}
    http-request return status 200 content-type text/plain string padded
"""

NORMAL = [
    ("http://h:80/a", "h:80", "http://h/a", "h"),
    ("http://h:/a", "h:", "http://h/a", "h"),
    ("https://h:443/a", "h:443", "https://h/a", "h"),
    ("http://user@h:80/a", "h", "http://user@h/a", "h"),
    ("http://[::1]:80/a?b", "[::1]", "http://[::1]/a?b", "[::1]"),
    ("http://[::1]/a", "[::1]", "http://[::1]/a", "[::1]"),
    ("http://h:443/a", "h:443", "http://h:443/a", "h:443"),
    ("http://h:8080", "h:8080", "http://h:8080/", "h:8080"),
    ("http://h", "h", "http://h/", "h"),
]


@pytest.mark.parametrize("target,host,normal,normal_host", NORMAL)
def test_implied_ports_and_paths(weir, origin, syslog, target, host, normal, normal_host):
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog)
    with proxy.client() as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert client.response().status == 200
    request = origin.requests[0]
    assert request.header("Host") == normal_host
    assert request.target == normal
    assert f"<GET {normal} HTTP/1.1>" in syslog.wait_for(r"<GET ")[0]


@pytest.mark.parametrize("head", [
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET http://h:80/ HTTP/1.1\r\nHost: other\r\n\r\n",
    b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
])
def test_a_head_that_cannot_be_read(weir, origin, syslog, head):
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog)
    with proxy.client() as client:
        client.send(head)
        response = client.response()
    assert response.status == 400
    assert response.header("X-After") is None
    syslog.wait_for(r"(?m)<<BADREQ>> <<BADREQ> <BADREQ> <BADREQ> <BADREQ>> \{\}$")


def test_abstract_names(weir):
    proxy = weir("haproxy", text=ABSTRACT)
    assert proxy.get("/").body == b"exact"
    assert proxy.get("/padded").body == b"padded"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.connect(f"\0weir-{proxy.port}")
        other.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert other.makefile("rb").read().endswith(b"exact")


def test_names_match_in_lower_case(weir, origin, syslog):
    """A client that spells a header in its own way does not get it past a rule."""
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog)
    proxy.get("/", headers=[("X-Secret-Key", "1"), ("x-secret-key", "2"), ("X-Open", "3")])
    request = origin.requests[0]
    assert request.header("X-Secret-Key") is None and request.header("X-Open") == "3"


def test_connect_names_its_host_without_an_implied_port(weir, origin, syslog):
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog)
    with proxy.client() as client:
        client.send("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n")
        origin.wait_requests(1, complete=False)
    syslog.wait_for(r"<CONNECT h:443 HTTP/1.1> .* \{h\}")
