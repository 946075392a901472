"""What belongs to one exchange stays with it: surplus bytes of an answer, a head that came too late, a body that was half sent,
and clients that pipeline while places are short."""

import os
import signal
import socket
import threading
import time

import pytest

from rig import net
from rig.generations import workers
from rig.http1 import Client
from rig.origin import Reply


NGINX = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
worker_processes 1;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    upstream one {{ server {{origin}}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{{port}};
        location / {{ proxy_pass http://one; proxy_buffering off; }}
        location /upload {{
            proxy_request_buffering off;
            proxy_pass http://one;
            proxy_read_timeout 5s;
            error_page 502 504 = @fallback;
        }}
        location @fallback {{ proxy_request_buffering off; proxy_pass http://one; proxy_read_timeout 5s; }}
    }}
}}
"""
HAPROXY = """
global
    nbthread 1
    stats socket {dir}/admin.sock level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout http-request 1s
frontend web
    bind 127.0.0.1:{port}
    errorfile 408 {dir}/408.http
    default_backend b
backend b
    http-reuse always
    server s {origin}
"""


def nginx(weir, origin, connections=100):
    text = NGINX.replace("{connections}", str(connections)).replace("{{", "{").replace("}}", "}")
    return weir("nginx", text=text, origin=origin)


def haproxy(weir, origin, page):
    proxy = weir("haproxy", text=HAPROXY, origin=origin, start=False)
    (proxy.dir / "408.http").write_bytes(page)
    return proxy.start()


@pytest.fixture
def proxy(request, weir, origin):
    if request.param == "nginx":
        return nginx(weir, origin)
    return haproxy(weir, origin, b"HTTP/1.0 408 Request Time-out\r\n\r\n")


@pytest.mark.parametrize("proxy", ["nginx", "haproxy"], indirect=True)
def test_bytes_behind_an_answer_are_nobodys(proxy, origin):
    """They come in the same read as the end of the answer, while the next request waits already."""
    (worker,) = net.wait_until(lambda: workers(proxy), "the worker")

    def first(exchange):
        size = int(exchange.request.header("X-Size"))
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"f" * 10)
        os.kill(worker, signal.SIGSTOP)
        surplus = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"
        exchange.sock.settimeout(1)
        try:
            exchange.send(b"f" * (size - 10) + surplus)
        except TimeoutError:
            pass
        finally:
            os.kill(worker, signal.SIGCONT)

    origin.on("/first", first)
    origin.on("/second", Reply(body=b"second"))
    origin.on("/warm", Reply(body=b"w" * (12 << 20)))
    for number in range(16):
        size = 65536 * (3 + number % 4) + 3000 + 700 * number
        with proxy.client() as client:
            client.request("/warm")  # so that the sockets take it all
            client.send(f"GET /first HTTP/1.1\r\nHost: a\r\nX-Size: {size}\r\n\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n")
            assert len(client.response().body) == size
            assert client.response().body == b"second"


def test_a_late_head_begins_nothing(weir, origin):
    """The answer about the timeout is still on its way when the rest of the head comes."""
    page = b"HTTP/1.0 408 Request Time-out\r\nConnection: close\r\n\r\n" + b"x" * (6 << 20)
    proxy = haproxy(weir, origin, page)
    with proxy.client(receive_buffer=2048) as client:
        client.send("GET /x HTTP/1.1\r\n")
        assert client.sock.recv(1, socket.MSG_PEEK)
        client.send_some("Host: a\r\n\r\n")
        assert proxy.runtime()("show sess").count("fe=web") <= 1
        answer, closed = client.drain(5)
        assert answer.count(b"HTTP/1.") == 1 and b" 408 " in answer and closed
    net.wait_until(lambda: "fe=web" not in proxy.runtime()("show sess"), "its end")
    assert proxy.get("/y").status == 200
    assert origin.paths() == ["/y"]


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_no_fallback_with_half_a_body(weir, origin, framing):
    def lost(exchange):
        if not exchange.connection.reader.buffer:
            exchange.sock.recv(65536)
        exchange.close()

    proxy = nginx(weir, origin)
    origin.on("/upload", lost)
    head = "Transfer-Encoding: chunked" if framing == "chunked" else "Content-Length: 11"
    first, second = (b"5\r\nFIRST\r\n", b"6\r\nSECOND\r\n0\r\n\r\n") if framing == "chunked" else (b"FIRST", b"SECOND")
    with proxy.client() as client:
        client.send(f"POST /upload HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n")
        client.send(first)
        net.wait_until(lambda: not origin.open_connections and origin.connections, "the origin's close")
        client.send_some(second)
        assert client.response().status == 502
    assert [r.body for r in origin.requests[1:] if r.complete] == []


def test_pipelining_clients_do_not_hold_the_loop(weir, origin):
    """Places are short, and idle clients that could make room have their next requests waiting."""
    proxy = nginx(weir, origin, connections=8)
    ends = time.monotonic() + 3
    request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    def pipeline():
        while time.monotonic() < ends:
            try:
                with Client(proxy.port, timeout=2) as client:
                    client.send(request * 50)
                    client.drain(0.2)
            except (OSError, AssertionError):
                pass

    def knock():
        while time.monotonic() < ends:
            try:
                Client(proxy.port, timeout=2).close()
            except OSError:
                pass
            time.sleep(0.001)

    threads = [threading.Thread(target=work) for work in (pipeline,) * 8 + (knock,) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def served():
        try:
            return proxy.get("/").status == 200
        except (OSError, AssertionError, ValueError):
            return False

    net.wait_until(served, "an answer")
