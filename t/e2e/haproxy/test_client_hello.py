"""What a TLS client offers, read from its hello while it passes undecrypted, and how a connection ends that content rules reject."""

import socket
import ssl

import pytest

from rig import net

CONF = """
defaults
    mode tcp
    timeout connect 1s
    timeout client 2s
    timeout server 2s
listen hello
    bind 127.0.0.1:{port}
    tcp-request inspect-delay 2s
    tcp-request content reject if { req.ssl_cipherlist,be2hex(:,2),lower -m sub 1302:1301 }
    tcp-request content accept if { req.ssl_keyshare_groups -m found }
    use-server x25519 if { req.ssl_supported_groups,be2hex(:,2),lower -m beg 001d } { req.ssl_keyshare_groups,be2hex -m beg 001D }
    use-server p256 if { req.ssl_supported_groups, be2hex(:,2),lower -m str 0017 } { req.ssl_sigalgs,be2hex(:,2) -m sub 0804 }
    server x25519 {origin}
    server p256 {other}
"""


@pytest.fixture
def proxy(weir, origins, certs):
    tls = certs.server_context()
    return weir("haproxy", text=CONF, origin=origins(name="first", tls=tls), other=origins(name="other", tls=tls))


def context(curve):
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if curve:
        made.set_ecdh_curve(curve)
    return made


@pytest.mark.parametrize("curve, server", [(None, "first"), ("prime256v1", "other")])
def test_groups_choose_the_server(proxy, curve, server):
    with socket.create_connection(("127.0.0.1", proxy.places["port"])) as raw, context(curve).wrap_socket(raw) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert b"X-Origin: " + server.encode() in answer


def test_a_rejected_connection_ends_without_a_reset(proxy):
    hello = bytes.fromhex("160301003d010000390303" + "00" * 32 + "00" "0004" "13021301" "0100" "000c" "000a00080006001d00170018")
    with socket.create_connection(("127.0.0.1", proxy.places["port"])) as client:
        client.sendall(hello)
        client.settimeout(net.DEADLINE)
        assert client.recv(1) == b""
