"""Requests that somebody ends: who still waits for an answer gets 502, and the log says who ended it."""

import re
import signal
import threading

import pytest

from rig import net
from rig.http1 import build_request

CONF = """
global
    log {syslog} len 4096 format raw local0
    stats socket {dir}/admin.sock level admin
    {more}
defaults
    mode http
    log global
    log-format "%ts %ST %HU"
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout queue 20s
frontend web
    bind 127.0.0.1:{port}
    http-request return status 200 if { path /now }
    default_backend b
backend b
    server s1 {origin} maxconn 1 on-marked-down shutdown-sessions on-marked-up shutdown-backup-sessions
    server s2 {origin} backup
"""


@pytest.fixture
def hold(origin):
    """Requests for /hold wait until the test is over; the event says that one has come."""
    arrived = threading.Event()

    def wait(exchange):
        arrived.set()
        exchange.origin.stopping.wait(30)

    origin.on("/hold", wait)
    return arrived


@pytest.fixture
def proxy(weir, origin, syslog, hold):
    return weir("haproxy", text=CONF, origin=origin, syslog=syslog, more="")


def sessions(admin):
    return re.findall(r"^(0x\w+):", admin("show sess"), re.M)


def ended(client, syslog, letters):
    reply = client.response()
    assert (reply.status, reply.header("Connection")) == (502, "close")
    assert syslog.wait_for("/hold")[0].split()[:2] == [letters, "502"]


@pytest.mark.parametrize("command", ["shutdown session {id}", "shutdown sessions server b/s1"])
def test_an_operator_ends_it(proxy, hold, syslog, command):
    admin = proxy.runtime()
    with proxy.client() as client:
        client.send(build_request("/hold"))
        assert hold.wait(15)
        (one,) = sessions(admin)
        assert admin(command.format(id=one)).strip() == ""
        ended(client, syslog, "KH")
    assert proxy.get("/now").status == 200


def test_an_operator_ends_one_that_waits_for_a_place(proxy, hold, syslog):
    admin = proxy.runtime()
    with proxy.client() as first, proxy.client() as second:
        first.send(build_request("/hold"))
        assert hold.wait(15)
        (busy,) = sessions(admin)
        second.send(build_request("/hold?2"))
        net.wait_until(lambda: admin.stat()["b", "BACKEND"]["qcur"] == "1", "one in the queue")
        (waits,) = set(sessions(admin)) - {busy}
        admin(f"shutdown session {waits}")
        assert second.response().status == 502
        assert syslog.wait_for(r"/hold\?2")[0].split()[:2] == ["KH", "502"]
        assert admin.stat()["b", "BACKEND"]["qcur"] == "0"
        admin(f"shutdown session {busy}")
        assert first.response().status == 502


def test_it_ends_with_its_server(proxy, hold, syslog):
    admin = proxy.runtime()
    with proxy.client() as client:
        client.send(build_request("/hold"))
        assert hold.wait(15)
        admin("set server b/s1 state maint")
        ended(client, syslog, "DH")


def test_it_ends_on_the_backup(proxy, hold, syslog):
    admin = proxy.runtime()
    admin("set server b/s1 state maint")
    with proxy.client() as client:
        client.send(build_request("/hold"))
        assert hold.wait(15)
        admin("set server b/s1 state ready")
        ended(client, syslog, "UH")


def test_the_deadline_of_a_drain_ends_it(proxy, hold, syslog):
    admin = proxy.runtime()
    with proxy.client() as client:
        client.send(build_request("/hold"))
        assert hold.wait(15)
        admin("set server b/s1 state drain deadline 100ms")
        ended(client, syslog, "KH")


def test_the_end_of_the_time_to_stop_ends_it(weir, origin, syslog, hold):
    proxy = weir("haproxy", text=CONF, origin=origin, syslog=syslog, more="hard-stop-after 300ms")
    with proxy.client() as client:
        client.send(build_request("/hold"))
        assert hold.wait(15)
        proxy.signal(signal.SIGUSR1)
        ended(client, syslog, "KH")
    proxy.wait()


def test_an_answer_that_has_begun_is_cut(proxy, origin, syslog):
    """No status can be told any more: the connection ends before the answer does."""

    def begin(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        exchange.origin.stopping.wait(30)

    origin.on("/begun", begin)
    admin = proxy.runtime()
    with proxy.client() as client:
        client.send(build_request("/begun"))
        got = b""
        while not got.endswith(b"abc"):
            got += client.sock.recv(1000)
        admin("shutdown sessions server b/s1")
        assert client.sock.recv(1000) == b""
    assert syslog.wait_for("/begun")[0].split()[:2] == ["KD", "200"]
