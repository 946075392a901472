"""Where requests of a backend go beside its servers' plain addresses: to redirects, to the client's own port and address, to the
server of an RDP cookie; and which idle connections they may use there."""

import socket
import struct

import pytest

from rig import net
from rig.held import Held
from rig.http1 import build_request

CONF = """
global
    stats socket {dir}/admin.sock mode 600 level admin
    log {syslog} local0
    {globals}

defaults
    mode http
    log global
    timeout connect 1s
    timeout client 5s
    timeout server 5s

frontend web
    bind 127.0.0.1:{port}
    option httplog
    {front}
    default_backend b

backend b
    {lines}
    server s {server} {options}
"""


@pytest.fixture
def start(weir, syslog, origin):
    def make(server=None, options="", lines="", front="", globals="", **places):
        text = CONF
        for name, value in [("server", server or origin), ("options", options), ("lines", lines), ("front", front),
                            ("globals", globals)]:
            text = text.replace("{%s}" % name, str(value))
        return weir("haproxy", text=text, syslog=syslog, **places)

    return make


def port_of(origin):
    return int(str(origin).rpartition(":")[2])


def test_get_and_head_are_redirected(start, origin, syslog):
    proxy = start(options="redir http://img.example.com cookie c1", lines="cookie SRV insert")
    for method in ("GET", "HEAD"):
        reply = proxy.get("/a/b?c=d", method=method)
        assert (reply.status, reply.header("Location")) == (302, "http://img.example.com/a/b?c=d")
        assert reply.header("Cache-Control") == "no-cache" and reply.header("Set-Cookie") is None
    assert not origin.requests
    syslog.wait_for(r"web b/s .* 302 .* LCNN ", 2)
    assert proxy.get("/", method="POST", body=b"x").status == 200
    row = proxy.runtime().stat()["b", "s"]
    assert row["stot"] == "3" and row["scur"] == "0"


def test_the_prefix_of_nothing(start):
    assert start(options="redir /").get("/x").header("Location") == "/x"


@pytest.mark.parametrize("sign", ["+", "-"])
def test_a_port_beside_the_clients(weir, start, origin, sign):
    proxy = start("127.0.0.1:%s7" % sign, front="http-request set-dst-port int(%d)"
                  % (port_of(origin) + (7 if sign == "-" else -7)))
    with proxy.client() as client:
        for _ in range(2):
            assert client.request("/").status == 200
    assert {r.connection for r in origin.requests} == {1}, "not kept"


@pytest.mark.parametrize("server", ["0.0.0.0:{port}", "*:{port}", ":{port}", "*", ":+0", "0.0.0.0"])
def test_the_address_is_the_clients(start, origin, server):
    port = port_of(origin)
    rules = f"http-request set-dst-port int({port})\n    http-request set-dst ipv4(127.0.0.1)"
    assert start(server.replace("{port}", str(port)), front=rules).get("/").status == 200


def test_checks_need_a_port_of_their_own(weir, syslog, origin):
    proxy = weir("haproxy", text=CONF.replace("{lines}", "").replace("{front}", "").replace("{globals}", ""),
                 server="127.0.0.1:+1", options="check", syslog=syslog, start=False)
    assert "neither service port nor check port" in proxy.run("-c", "-f", str(proxy.conf)).stderr


RDP = b"\x03\0\0%c\x0e\xe0\0\0\0\0\0Cookie: msts=%s\r\n\r\n"


def cookie_of(origin):
    return b"%d.%d.0000" % (struct.unpack("=I", socket.inet_aton("127.0.0.1"))[0], socket.htons(port_of(origin)))


@pytest.mark.parametrize("cookie, other", [("second", True), ("nobody", False), ("bad", False)])
def test_an_rdp_cookie_names_the_server(weir, origins, cookie, other):
    first, second = origins(name="first"), origins(name="second")
    for one, name in [(first, b"1"), (second, b"2")]:
        one.on_connect = lambda sock, name=name: (sock.recv(4096), sock.sendall(name), sock.recv(1))
    proxy = weir("haproxy", text="""
defaults
    mode tcp
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen l
    bind 127.0.0.1:{port}
    tcp-request inspect-delay 5s
    tcp-request content accept if RDP_COOKIE
    persist rdp-cookie
    balance first
    server a {first}
    server b {second}
""", first=first, second=second)
    value = {"second": cookie_of(second), "nobody": b"1.2.0", "bad": b"x"}[cookie]
    line = RDP % (0, value)
    with socket.create_connection(("127.0.0.1", proxy.port)) as client:
        client.settimeout(net.DEADLINE)
        client.sendall(line[:3] + bytes([len(line)]) + line[4:])
        assert client.recv(1) == (b"2" if other else b"1")


def test_connections_have_names(start, origin):
    proxy = start(options="pool-conn-name req.hdr(x-name)", lines="http-reuse always")
    with proxy.client() as client:
        for name in ("a", "a", "b", "b", "a"):
            client.request("/", headers=[("X-Name", name)])
    assert [r.connection for r in origin.requests] == [1, 1, 2, 2, 1]


def test_connections_with_one_proxy_header(start, weir, origin):
    proxy = start("127.0.0.1:{inner_port}", "send-proxy", front="""http-request set-src req.hdr(x-src)
    http-request set-src-port int(9)
    default_backend b
frontend inner
    bind 127.0.0.1:{inner_port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[http_first_req]"
frontend other
    bind 127.0.0.1:{other_port}""", lines="http-reuse always")
    with proxy.client() as client:
        for source, first in [("10.0.0.1", 1), ("10.0.0.1", 0), ("10.0.0.2", 1), ("10.0.0.1", 0)]:
            assert client.request("/", headers=[("X-Src", source)]).body == f"{source} {first}".encode()


def test_so_many_idle_connections(start, origin):
    proxy = start(options="pool-max-conn 1 pool-purge-delay 60s", lines="http-reuse always", globals="nbthread 1")
    with proxy.client() as one, proxy.client() as two:
        held = Held(origin)
        for client in (one, two):
            client.send(build_request("/"))
        held.wait(2)
        held.free(2)
        assert [client.response().status for client in (one, two)] == [200, 200]
    net.wait_until(lambda: proxy.runtime().stat()["b", "s"]["srv_icur"] == "1", "one of two connections kept")


def test_a_clients_own_connection_stays_with_it(start, origin):
    proxy = start(options="pool-max-conn 1", lines="http-reuse never", globals="nbthread 1")
    with proxy.client() as one, proxy.client() as two:
        for _ in range(3):
            for client in (one, two):
                client.send(build_request("/"))
                assert client.response().status == 200
    assert len(origin.connections) == 2


def test_a_placeholder_gets_an_address(start, origin):
    proxy = start("0.0.0.0:80", "disabled", front="http-request set-dst ipv4(127.0.0.9)")
    admin = proxy.runtime()
    assert "IP changed" in admin(f"set server b/s addr 127.0.0.1 port {port_of(origin)}")
    admin("set server b/s state ready")
    assert proxy.get("/").status == 200
    assert len(origin.requests) == 1


STICKS = """http-request track-sc0 src table t
    http-request track-sc7 req.hdr(x-key) table t
    http-request sc-inc-gpc0(7)
    http-request return status 200 content-type text/plain lf-string "%[sc_get_gpc0(7)] %[sc_tracked(3)] %[sc_http_req_cnt(7)]"
backend t
    stick-table type string len 32 size 100 store gpc0,http_req_cnt
frontend other
    bind 127.0.0.1:{other_port}"""


def test_more_stick_counters(start):
    proxy = start(front=STICKS, globals="tune.stick-counters 8")
    for key, body in [("a", b"1 0 1"), ("a", b"2 0 2"), ("b", b"1 0 1")]:
        assert proxy.get("/", headers=[("X-Key", key)]).body == body


@pytest.mark.parametrize("globals, problem", [("", "max allowed ID is 2 (tune.stick-counters)"),
                                              ("tune.stick-counters 7", "max allowed ID is 6"),
                                              ("tune.stick-counters 0", "stick-counters are disabled"),
                                              ("tune.stick-counters 101", "tune.stick-counters")])
def test_counters_that_are_not_there(weir, syslog, globals, problem):
    text = CONF.replace("{front}", STICKS).replace("{globals}", globals).replace("{lines}", "")
    proxy = weir("haproxy", text=text, server="127.0.0.1:80", options="", syslog=syslog, start=False)
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 1 and problem in checked.stderr


def test_the_statistics_tell_cookies(start):
    proxy = start(options="cookie c1", lines="cookie SRV insert indirect nocache")
    rows = proxy.runtime().stat()
    assert (rows["b", "s"]["cookie"], rows["b", "BACKEND"]["cookie"]) == ("c1", "SRV")
