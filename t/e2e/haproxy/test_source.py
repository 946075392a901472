"""`source` of backends and servers: the local end of connections, and whom servers see in place of this machine."""

import random
import socket
import threading

import pytest

from rig import net

CONF = """
global
    log {syslog} local0
    stats socket {dir}/admin.sock mode 600 level admin
    {globals}

defaults
    mode http
    log global
    retries 0
    timeout connect 5s
    timeout client 5s
    timeout server 5s

frontend web
    bind 127.0.0.1:{port}
    option httplog
    {rule}
    default_backend b

backend b
    {lines}
    server s {server} {options}

frontend plain
    bind 127.0.0.1:{plain_port}
    http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port]"
"""


@pytest.fixture
def start(weir, syslog):
    def make(options="", lines="", rule="", server="127.0.0.1:{plain_port}", globals=""):
        text = CONF
        for name, value in [("server", server), ("options", options), ("lines", lines), ("rule", rule), ("globals", globals)]:
            text = text.replace("{%s}" % name, value)
        return weir("haproxy", text=text, syslog=syslog)

    return make


def seen(proxy, **request):
    return proxy.get("/", **request).body.decode().rpartition(":")[::2]


def test_a_backend_has_a_source_and_a_server_another(start):
    assert seen(start(lines="source 127.0.0.7"))[0] == "127.0.0.7"
    assert seen(start(lines="source 127.0.0.7", options="source 127.0.0.8"))[0] == "127.0.0.8"
    assert seen(start(lines="source 0.0.0.0"))[0] == "127.0.0.1"


def free_range(count):
    """The first of so many free ports in a row: below those that tests reserve, each for itself."""
    while True:
        first = random.randrange(2000, 10000 - count)
        if all(net.is_free(first + i) for i in range(count)):
            return first


def test_a_range_of_ports(start):
    first = free_range(4)
    proxy = start("source 127.0.0.9:%d-%d" % (first, first + 3), "http-reuse never")
    ports = [int(seen(proxy, headers=[("Connection", "close")])[1]) for _ in range(4)]
    assert sorted(ports) == [first + i for i in range(4)]


def test_a_port_of_the_range_that_is_taken(start):
    first = free_range(3)
    # A port is free again when both ends are closed, which is certain by the next request where one thread serves all.
    proxy = start("source 127.0.0.9:%d-%d" % (first, first + 2), "http-reuse never", globals="nbthread 1")
    with proxy.client() as client:
        held = int(client.request("/").body.decode().rpartition(":")[2])
        others = {int(seen(proxy, headers=[("Connection", "close")])[1]) for _ in range(6)}
        assert held not in others and len(others) == 2


def test_servers_see_another_address(start):
    assert seen(start(lines="source 127.0.0.1 usesrc 127.0.0.5"))[0] == "127.0.0.5"


@pytest.mark.parametrize("usesrc", ["client", "clientip"])
def test_servers_see_the_client(start, usesrc):
    with net.PortReservation() as free:
        proxy = start(lines=f"source 127.0.0.1 usesrc {usesrc}",
                      rule=f"http-request set-src ipv4(127.0.0.6)\n    http-request set-src-port int({free.port})")
        address, port = seen(proxy)
        assert address == "127.0.0.6"
        assert (int(port) == free.port) == (usesrc == "client")


def test_servers_see_an_address_out_of_a_field(start):
    proxy = start(lines="source 127.0.0.2 usesrc hdr_ip(x-forwarded-for,-2)\n    http-reuse always")
    fields = [("X-Forwarded-For", "127.0.0.3, 127.0.0.4")]
    with proxy.client() as client:
        for _ in range(2):
            assert client.request("/", headers=fields).body.startswith(b"127.0.0.3:")
        first = client.request("/", headers=fields).body
        assert client.request("/", headers=[("X-Forwarded-For", "127.0.0.9, 127.0.0.4")]).body.startswith(b"127.0.0.9:")
        assert client.request("/", headers=fields).body == first, "another client's connection was used"
        assert client.request("/").body.startswith(b"127.0.0.2:"), "no such value: the usual address"


def test_an_address_that_is_not_here(start, syslog):
    assert start(lines="source 192.0.2.1").get("/").status == 503
    syslog.wait_for(r"out of resources: bind\(192.0.2.1\) failed \(Cannot assign requested address\)")
    syslog.wait_for(r"web b/s .* 503 .* RC-- ")


def test_an_interface(start):
    assert seen(start(lines="source 127.0.0.7 interface lo"))[0] == "127.0.0.7"
    assert start(lines="source 127.0.0.7 interface nowhere0").get("/").status == 503


def test_checks_come_from_there(start):
    sources = []

    def serve(listener):
        while True:
            try:
                sock, peer = listener.accept()
            except OSError:
                return
            sources.append(peer[0])
            sock.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        start("check inter 50ms", "source 127.0.0.7 usesrc clientip", server="127.0.0.1:%d" % listener.getsockname()[1])
        net.wait_until(lambda: sources, "a check")
        listener.shutdown(socket.SHUT_RDWR)
    assert set(sources) == {"127.0.0.7"}


@pytest.mark.parametrize("lines, problem", [
    ("source 127.0.0.1:80-90", "range not permitted"),
    ("source 127.0.0.1 usesrc", "'usesrc' expects"),
    ("source 127.0.0.1 usesrc hdr_ip(x,-11)", "negative occurrences"),
    ("source 127.0.0.1 interface", "missing interface name"),
    ("source 127.0.0.1 wherefrom x", "only supports optional keywords"),
    ("source unix@/tmp/x", "no address that a connection can come from"),
])
def test_what_is_refused(weir, syslog, lines, problem):
    text = CONF.replace("{lines}", lines).replace("{rule}", "").replace("{options}", "").replace("{globals}", "")
    proxy = weir("haproxy", text=text, syslog=syslog, server="127.0.0.1:80", start=False)
    checked = proxy.run("-c", "-f", str(proxy.conf))
    assert checked.returncode == 1 and problem in checked.stderr
