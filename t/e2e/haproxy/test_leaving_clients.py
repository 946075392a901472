"""Clients that close their side, and servers that come back: option abortonclose, the turn-around before a retry, and places
that are shared fairly between threads."""

import socket
import threading
import time

import pytest

from rig import net
from rig.http1 import Client
from rig.origin import Reply

CONF = """
global
    nbthread {threads}
    stats socket {dir}/admin.sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 20s
    timeout queue 10s
    retries 3
    {option}
frontend web
    bind 127.0.0.1:{port}
    use_backend later if { path /later }
    default_backend b
backend b
    server s {origin} maxconn 1
backend later
    server s {place}
"""


def start(weir, origin, **places):
    return weir("haproxy", text=CONF, origin=origin, **{"threads": 1, "option": "", "place": origin, **places})


def queued(proxy):
    return proxy.runtime().stat()["b", "BACKEND"]["qcur"]


def test_half_closed_client_gets_its_answer(weir, origin):
    proxy = start(weir, origin)
    origin.default = Reply(body=b"late", delay=0.5)
    with proxy.client() as client:
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
        client.half_close()
        assert client.response().body == b"late"
        assert client.closed()


def leave_the_queue(proxy, origin):
    """One request holds the server, another one's client leaves the queue; then a third one is answered."""
    go = threading.Event()
    origin.on("/hold", lambda exchange: (go.wait(10), exchange.reply(body=b"held")))
    with proxy.client() as holder, proxy.client() as leaver:
        holder.send("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
        leaver.send("GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
        net.wait_until(lambda: queued(proxy) == "1", "a queued request")
        leaver.half_close()
        if proxy.places["option"] == "":
            net.wait_until(lambda: queued(proxy) == "0", "the queue to be left")
        go.set()
        assert holder.response().body == b"held"
        assert proxy.get("/third").status == 200
    return origin.paths()


def test_client_leaves_the_queue(weir, origin):
    assert "/left" not in leave_the_queue(start(weir, origin), origin)


def test_no_abortonclose(weir, origin):
    assert "/left" in leave_the_queue(start(weir, origin, option="no option abortonclose"), origin)


@pytest.mark.parametrize("option", ["", "option redispatch 1"])
def test_retry_waits_for_a_restarting_server(weir, origin, option):
    """With redispatch too where there is no other server."""
    place = net.PortReservation()
    proxy = start(weir, origin, place=f"127.0.0.1:{place.port}", option=option)
    with place, proxy.client() as client:
        client.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        net.wait_until(lambda: int(proxy.runtime().stat()["later", "s"]["wretr"]) >= 1, "a failed connect")
        listener = socket.create_server(("127.0.0.1", place.port))
        listener.settimeout(net.DEADLINE)
        try:
            server, _ = listener.accept()
            assert b"/later" in server.recv(65536)
            server.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            assert client.response().body == b"ok"
            server.close()
        finally:
            listener.close()


def test_places_go_round_between_threads(weir, origin):
    """Requests on a thread with few of them are not starved by one that gives its places back to itself."""
    proxy = start(weir, origin, threads=2)
    origin.default = Reply(body=b"ok", delay=0.005)
    ends = time.monotonic() + 4
    answers = [0] * 9

    def ask(number):
        with Client(proxy.port) as client:
            while time.monotonic() < ends:
                assert client.request("/").status == 200
                answers[number] += 1

    clients = [threading.Thread(target=ask, args=(n,)) for n in range(len(answers))]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert min(answers) * 12 > max(answers), answers
