"""tcp-request connection and session rules run when the connection comes, not with its first request; silent-drop gives its
place back."""

import time

from rig import net

CONF = """
global
    stats socket {dir}/admin.sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout http-request 10s
    timeout server 20s
frontend banned
    bind 127.0.0.1:{bannedport}
    tcp-request connection reject if { src 127.0.0.0/8 }
    default_backend b
frontend session
    bind 127.0.0.1:{sessionport}
    tcp-request connection accept
    tcp-request session set-var(sess.seen) str(yes)
    tcp-request session reject unless { var(sess.seen) -m str yes }
    http-request return status 200 content-type text/plain lf-string %[var(sess.seen)]
frontend proxied
    bind 127.0.0.1:{proxiedport} accept-proxy
    tcp-request session reject if { src 10.9.8.7 }
    default_backend b
frontend drops
    bind 127.0.0.1:{port}
    maxconn 5
    http-request silent-drop if { path /drop }
    default_backend b
listen raw
    mode tcp
    bind 127.0.0.1:{rawport}
    tcp-request connection reject if { src 127.0.0.0/8 }
    server s {origin}
backend b
    server s {origin}
"""


def test_a_rejected_connection_is_closed_at_once(weir, origin):
    proxy = weir("haproxy", text=CONF, origin=origin)
    for name in ("bannedport", "rawport"):
        with proxy.client(name) as client:
            started = time.monotonic()
            assert client.closed()
            assert time.monotonic() - started < 5
    assert not origin.connections


def test_session_rules(weir, origin):
    proxy = weir("haproxy", text=CONF, origin=origin)
    with proxy.client("sessionport") as client:
        for _ in range(2):
            assert client.request("/").body == b"yes"


def test_session_rules_see_the_proxied_address(weir, origin):
    proxy = weir("haproxy", text=CONF, origin=origin)
    with proxy.client("proxiedport") as client:
        client.send("PROXY TCP4 10.9.8.7 10.0.0.1 1 80\r\n")
        assert client.closed()
    with proxy.client("proxiedport") as client:
        client.send("PROXY TCP4 10.9.8.6 10.0.0.1 1 80\r\n")
        assert client.request("/").status == 200


def test_silent_drop_gives_its_place_back(weir, origin):
    proxy = weir("haproxy", text=CONF, origin=origin)
    dropped = [proxy.client() for _ in range(12)]
    for client in dropped:
        client.send("GET /drop HTTP/1.1\r\nHost: a\r\n\r\n")
    net.wait_until(lambda: proxy.runtime().info()["CurrConns"] == "0", "the places of dropped clients")
    assert proxy.get("/").status == 200
    assert all(client.received() == b"" for client in dropped)
