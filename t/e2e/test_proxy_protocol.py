"""The PROXY protocol: headers from a proxy in front, and those that servers are told."""

import socket
import ssl
import struct

import pytest

from rig.http1 import Client

NGINX = """
daemon off;
user {user};
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {}
http {
    log_format seen "$proxy_protocol_addr:$proxy_protocol_port $remote_addr";
    access_log access.log seen;
    server {
        listen 127.0.0.1:{port} proxy_protocol;
        listen 127.0.0.1:{tls_port} proxy_protocol ssl;
        ssl_certificate {pem};
        ssl_certificate_key {pem};
        client_header_timeout {patience};
        set_real_ip_from 127.0.0.1;
        real_ip_header proxy_protocol;
        location / { proxy_pass http://{origin}; proxy_set_header X-Forwarded-For $remote_addr; }
    }
}
"""

HAPROXY = """
global
    log stdout format raw local0

defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client {patience}
    timeout server 20s
    option forwardfor

frontend web
    bind 127.0.0.1:{port} accept-proxy
    bind 127.0.0.1:{tls_port} accept-proxy ssl crt {pem}
    default_backend b

backend b
    server s1 {origin}
"""

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n"
V2 = (
    b"\r\n\r\n\x00\r\nQUIT\n\x21\x11"
    + struct.pack("!H", 12 + 5)
    + socket.inet_aton("192.0.2.8")
    + socket.inet_aton("198.51.100.1")
    + struct.pack("!HH", 4712, 80)
    + b"\x04\x00\x02ab"
)
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture(params=["nginx", "haproxy"])
def make(request, weir, origin, certs):
    text = NGINX if request.param == "nginx" else HAPROXY
    return lambda patience: weir(request.param, text=text, origin=origin, pem=certs.leaf(), patience=patience)


@pytest.fixture
def proxy(make):
    return make("20s")


@pytest.mark.parametrize(
    ("header", "client"),
    [(V1, "192.0.2.7"), (V2, "192.0.2.8"), (LOCAL, "127.0.0.1"), (b"PROXY UNKNOWN\r\n", "127.0.0.1")],
)
@pytest.mark.parametrize("pieces", [1, 3])
def test_addresses_come_from_the_header(proxy, origin, header, client, pieces):
    with proxy.client() as connection:
        data = header + REQUEST
        step = -(-len(data) // pieces)
        for at in range(0, len(data), step):
            connection.send(data[at : at + step])
        assert connection.response().status == 200
        assert connection.request("/again").status == 200
    assert [r.header("X-Forwarded-For") for r in origin.requests] == [client, client]


def test_tls_begins_behind_the_header(proxy, origin):
    with socket.create_connection(("127.0.0.1", proxy.places["tls_port"])) as plain:
        plain.sendall(V1)
        context = ssl._create_unverified_context()
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(REQUEST)
            assert secure.recv(100).startswith(b"HTTP/1.1 200 ")
    assert origin.requests[0].header("X-Forwarded-For") == "192.0.2.7"


@pytest.mark.parametrize("start", [REQUEST, b"PROXY TCP4 1.2.3.4\r\n" + REQUEST, b"PROXY TCP4 1.2.3.4"])
def test_what_is_no_header_is_refused(proxy, origin, start):
    with proxy.client() as connection:
        connection.send(start)
        if start == b"PROXY TCP4 1.2.3.4":
            connection.half_close()
        assert connection.closed()
    assert not origin.requests
    proxy.wait_log("PROXY header")


def with_checksum(change=0, command=b"\x21"):
    """A header with a checksum, RFC 4960's CRC of it with zero bytes in that place; changed by so much."""
    addresses = V2[16:28] if command == b"\x21" else b""
    family = b"\x11" if addresses else b"\x00"
    blank = V2[:12] + command + family + struct.pack("!H", len(addresses) + 7) + addresses + b"\x03\x00\x04\0\0\0\0"
    value = 0xFFFFFFFF
    for byte in blank:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return blank[:-4] + struct.pack("!I", value ^ 0xFFFFFFFF ^ change)


@pytest.mark.parametrize("command", [b"\x21", b"\x20"], ids=["proxy", "local"])
def test_checksums_are_verified_as_the_product_does(proxy, origin, command):
    """HAProxy looks at them, nginx does not."""
    with proxy.client() as connection:
        connection.send(with_checksum(command=command) + REQUEST)
        assert connection.response().status == 200
    with proxy.client() as connection:
        connection.send(with_checksum(change=1, command=command) + REQUEST)
        if proxy.face == "nginx":
            assert connection.response().status == 200
        else:
            assert connection.closed()
    client = "192.0.2.8" if command == b"\x21" else "127.0.0.1"
    expected = 2 if proxy.face == "nginx" else 1
    assert [r.header("X-Forwarded-For") for r in origin.requests] == [client] * expected
    if proxy.face == "haproxy":
        proxy.wait_log("wrong checksum in the PROXY header")


def test_a_header_has_its_time(make):
    proxy = make("1s")
    with proxy.client() as connection:
        connection.send(b"PROXY ")
        assert connection.closed()
    proxy.wait_log("no PROXY header in time")


TO_SERVERS = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 127.0.0.1:{inner_port} {option}
frontend inner
    bind 127.0.0.1:{inner_port} accept-proxy
    http-request set-header X-Seen %[src]:%[src_port]
    default_backend c
backend c
    server s1 {origin}
"""


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2"])
def test_servers_are_told(weir, origin, option):
    proxy = weir("haproxy", text=TO_SERVERS, origin=origin, option=option)
    with Client(proxy.port) as client:
        mine = client.sock.getsockname()
        assert client.request("/1").status == 200
        assert client.request("/2").status == 200
    assert [r.header("X-Seen") for r in origin.requests] == [f"127.0.0.1:{mine[1]}"] * 2
