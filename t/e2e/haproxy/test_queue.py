"""Limits of connections: servers' maxconn with its queue, frontends' and the process's maxconn."""

import threading
import time

import pytest

from rig import net
from rig.held import Held
from rig.origin import Reply

pytestmark = pytest.mark.threads

CONF = """
global
    nbthread {threads}
    log stdout format raw local0
    stats socket {dir}/admin.sock mode 600 level admin
    {more}

defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    timeout queue {queue}

frontend web
    bind 127.0.0.1:{port}
    {limit}
    default_backend b

backend b
    server s1 {origin} maxconn 1
"""


@pytest.fixture
def start(weir, origin):
    def make(threads=1, queue="10s", limit="", more=""):
        return weir("haproxy", text=CONF, origin=origin, threads=threads, queue=queue, limit=limit, more=more)

    return make


def together(count, function):
    results = []
    threads = [threading.Thread(target=lambda: results.append(function())) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("threads", [1, 2])
def test_a_full_server_is_waited_for(start, origin, threads):
    busy, most, lock = 0, 0, threading.Lock()

    def slow(exchange):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.05)
        with lock:
            busy -= 1
        exchange.reply(body=b"served\n")

    origin.on("/", slow)
    proxy = start(threads)
    assert together(8, lambda: proxy.get("/").status) == [200] * 8
    assert most == 1
    net.wait_until(lambda: proxy.log_text().count(" 200 ") == 8, "8 log lines")
    places = sorted(int(line.split('"GET')[0].split()[-1].split("/")[1]) for line in proxy.logs()["stdout"].splitlines() if '"GET' in line)
    assert places[-1] > 0, "somebody was not the first in the queue"


def test_the_queue_has_a_time(start, origin):
    origin.on("/slow", Reply(delay=2, body=b"late"))
    proxy = start(queue="200ms")
    with proxy.client() as first:
        first.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        origin.wait_requests(1, complete=False)
        assert proxy.get("/").status == 503
        proxy.wait_log(r" sQ-- ")
        assert first.response().status == 200
    assert proxy.get("/").status == 200


def test_a_client_that_leaves_the_queue(start, origin):
    held = Held(origin)
    proxy = start()
    with proxy.client() as first:
        first.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        held.wait(1)
        with proxy.client() as second:
            second.send(b"GET /gone HTTP/1.1\r\nHost: h\r\n\r\n")
            net.wait_until(lambda: proxy.runtime().stat()["b", "BACKEND"]["qcur"] == "1", "one in the queue")
            second.reset()
        net.wait_until(lambda: proxy.runtime().stat()["b", "BACKEND"]["qcur"] == "0", "nobody in the queue")
        held.free()
        assert first.response().status == 200
    assert "/gone" not in origin.paths()


def test_a_higher_limit_lets_waiting_requests_in(start, origin):
    held = Held(origin)
    proxy = start()
    with proxy.client() as first, proxy.client() as second:
        first.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        held.wait(1)
        second.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        net.wait_until(lambda: proxy.runtime().stat()["b", "BACKEND"]["qcur"] == "1", "one in the queue")
        proxy.runtime()("set maxconn server b/s1 2")
        held.wait(2)
        assert not first.received()
        held.free(2)
        assert [client.response().status for client in (first, second)] == [200, 200]


@pytest.mark.parametrize("where", ["limit", "more"])
@pytest.mark.parametrize("threads", [1, 2])
def test_connections_over_the_limit_stay_in_the_backlog(start, where, threads):
    proxy = start(threads, **{where: "maxconn 2"})
    # Finding out that it is up took a connection, which is closed first.
    net.wait_until(lambda: proxy.runtime().stat()["web", "FRONTEND"]["scur"] == "0", "no connection")
    with proxy.client() as first, proxy.client() as second:
        assert first.request("/1").status == 200
        assert second.request("/2").status == 200
        with proxy.client() as third:
            third.send(b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n")
            assert third.received(wait=0.3) == b""
            first.close()
            assert third.response().status == 200


BACKUP = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    timeout queue 20s
frontend web
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s1 {origin} maxconn 1
    server sorry {other} backup
"""


@pytest.mark.parametrize("threads", [1, 2])
def test_a_backup_does_not_help_out(weir, origins, threads):
    """It serves when no other server can, not when all are busy; and no more get in than may, from any thread."""
    origin, other = origins(name="main"), origins(name="sorry")
    busy, most = [0], [0]
    lock = threading.Lock()

    def work(exchange):
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        time.sleep(0.02)
        with lock:
            busy[0] -= 1
        exchange.reply(body=b"main")

    origin.default = work
    other.default = Reply(body=b"sorry")
    proxy = weir("haproxy", text=BACKUP, origin=origin, other=other, threads=threads)
    bodies = []

    def ask():
        for _ in range(5):
            bodies.append(proxy.get("/").body)

    threads_ = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads_:
        t.start()
    for t in threads_:
        t.join()
    assert bodies == [b"main"] * 40 and most[0] == 1
    assert proxy.runtime()("set server b/s1 state maint").strip() == ""
    assert proxy.get("/").body == b"sorry"
