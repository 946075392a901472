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
frontend untold
    bind 127.0.0.1:{untoldport}
    tcp-request connection silent-drop if { src 127.0.0.0/8 }
    default_backend b
frontend untold_session
    bind 127.0.0.1:{untoldsessionport} accept-proxy
    tcp-request session silent-drop if { src 10.9.8.7 }
    default_backend b
frontend untold_content
    mode tcp
    bind 127.0.0.1:{untoldcontentport}
    tcp-request inspect-delay 5s
    tcp-request content silent-drop if { req.payload(0,0) -m sub bad }
    tcp-request content accept if { req.len gt 0 }
    use_backend raw_back
backend raw_back
    mode tcp
    server s {origin}
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


def test_connections_sessions_and_contents_are_dropped_silently(weir, origin):
    proxy = weir("haproxy", text=CONF, origin=origin)
    dropped = [proxy.client("untoldport"), proxy.client("untoldsessionport"), proxy.client("untoldcontentport")]
    dropped[1].send("PROXY TCP4 10.9.8.7 10.0.0.1 1 80\r\n")
    dropped[2].send("something bad")
    stat = proxy.runtime().stat
    fronts = ("untold", "untold_session", "untold_content")
    net.wait_until(lambda: all(stat()[name, "FRONTEND"]["scur"] == "0" and stat()[name, "FRONTEND"]["stot"] == "1"
                               for name in fronts[1:]), lambda: f"dropped: {stat()}")
    net.wait_until(lambda: proxy.runtime().info()["CurrConns"] == "0", "the places of dropped clients")
    assert all(client.received() == b"" for client in dropped)
    assert not origin.connections
    with proxy.client("untoldcontentport") as client:
        assert client.request("/").status == 200
