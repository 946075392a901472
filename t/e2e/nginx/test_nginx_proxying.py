"""Where a request may be changed, repeated or given up on its way: nginx's words for that, seen from the server."""

import pathlib
import re
import threading
import time

import pytest

from rig import net
from rig.origin import Reply

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log access.log;
    upstream u { server {origin}; keepalive 8; }
    large_client_header_buffers 4 2k;
    server {
        listen 127.0.0.1:{port};
        location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location /never { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_next_upstream off; }
        location /shared { proxy_pass http://u; proxy_http_version 1.0; proxy_set_header Connection keep-alive; }
        location /mirrored { mirror /copy; proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }
        location = /copy { internal; proxy_pass http://u/copy?$connection-$connection_requests-$pipe; }
        location /old { proxy_pass http://{origin}; proxy_http_version 1.0; proxy_request_buffering off; }
        location /streamed { proxy_pass http://{origin}; proxy_http_version 1.1; proxy_request_buffering off; }
        location /goes-on { proxy_pass http://{origin}; proxy_ignore_client_abort on; }
        location /goes-on/silent { proxy_pass http://{origin}; proxy_ignore_client_abort on; proxy_read_timeout 2s; }
        location /no-disk { proxy_pass http://{origin}; proxy_temp_path {dir}/temp; }
    }
    server {
        listen 127.0.0.1:{big_port};
        large_client_header_buffers 4 2k;
        error_page 494 =431 @big;
        location @big { return 431 "too big"; }
    }
    server {
        listen 127.0.0.1:{plain_port};
        large_client_header_buffers 4 2k;
        error_page 400 =418 @bad;
        location @bad { return 418; }
    }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


def lose_idle_connection(origin, lose):
    """The next request on an idle connection is read and lost."""
    def once(exchange):
        if lose:
            lose.pop()
            return exchange.reset()
        return exchange.reply(body=b"again")

    return once


@pytest.mark.parametrize("target,status,seen", [("/x", 200, 2), ("/never", 502, 1)])
def test_off_keeps_a_lost_request_lost(proxy, origin, target, status, seen):
    assert proxy.get("/warm").status == 200
    origin.on(target, lose_idle_connection(origin, [1]))
    assert proxy.get(target, method="DELETE").status == status
    assert origin.paths().count(target) == seen


def test_http10_gets_no_chunks(proxy, origin):
    with proxy.client() as client:
        client.send("POST /old HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        assert client.response().status == 200
    request = origin.requests[0]
    assert (request.version, request.header("Content-Length"), request.body) == ("1.0", "5", b"hello")
    assert request.header("Transfer-Encoding") is None


def test_request_trailers_are_dropped(proxy, origin):
    with proxy.client() as client:
        client.send("POST /streamed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n")
        assert client.response().status == 200
    request = origin.requests[0]
    assert request.body == b"hello" and not request.trailers


def test_a_server_goes_on_when_its_client_resets(proxy, origin):
    go = threading.Event()
    origin.on("/goes-on", lambda exchange: (go.wait(20), exchange.reply(body=b"done")))
    with proxy.client() as client:
        client.send("GET /goes-on HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
        client.reset()
    origin.on("/x", Reply(body=b"x"))
    for _ in range(3):
        assert proxy.get("/x").status == 200  # by now the reset was seen
    assert "/goes-on" not in (proxy.dir / "access.log").read_text()
    go.set()
    proxy.wait_log(r'GET /goes-on HTTP/1.1" 200 0')


def test_a_server_that_goes_on_and_does_not_answer(proxy, origin):
    """The log has what the client would have been told."""
    origin.on("/goes-on/silent", lambda exchange: origin.stopping.wait(20))
    with proxy.client() as client:
        client.send("GET /goes-on/silent HTTP/1.1\r\nHost: a\r\n\r\n")
        origin.wait_requests(1, complete=False)
        client.reset()
    proxy.wait_log(r'GET /goes-on/silent HTTP/1.1" 504 0')


def test_without_a_disk_the_server_waits_for_its_client(proxy, origin):
    (proxy.dir / "temp").rmdir()
    size = 64 << 20
    sent = []

    def flood(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 16):
            exchange.send(b"z" * 65536)
            sent.append(1)

    origin.on("/no-disk", flood)
    with proxy.client(receive_buffer=4096) as client:
        client.send("GET /no-disk HTTP/1.1\r\nHost: a\r\n\r\n")
        proxy.wait_log(r"open\(\) of a temporary file failed")

        def stalled():
            before = len(sent)
            time.sleep(0.3)
            return before == len(sent)

        net.wait_until(stalled, "the server to be held back")
        assert len(sent) < (size >> 16) / 2
        client.sock.settimeout(20)
        got = 0
        while got < size:
            got += len(client.sock.recv(1 << 20))


def test_error_page_of_big_heads(proxy):
    big = [("X-Big", "b" * 3000)]
    response = proxy.get("/", headers=big, port="big_port")
    assert (response.status, response.body) == (431, b"too big")
    response = proxy.get("/", headers=big, port="plain_port")
    assert response.status == 400
    assert b"Request Header Or Cookie Too Large" in response.body
    proxy.wait_log(r"\[info\].* client sent too long header line while reading client request headers, client: ")


def test_processes_have_titles(proxy):
    def title(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
        except OSError:
            return ""  # it has gone

    def titles():
        return sorted(title(pid) for pid in (proxy.process.pid, *proxy.children()))

    net.wait_until(lambda: titles()[1:] == ["nginx: standby process"] * 2 + ["nginx: worker process"], lambda: str(titles()))
    assert title(proxy.process.pid).startswith("nginx: master process ") and "-c " in title(proxy.process.pid)


def test_a_pooled_connection_speaks_each_requests_version(proxy, origin):
    origin.default = lambda exchange: exchange.reply(Reply(headers=[("Connection", "keep-alive")], body=b"x"))
    for target in ("/shared", "/", "/shared", "/"):
        assert proxy.get(target).status == 200
    assert [r.version for r in origin.requests] == ["1.0", "1.1", "1.0", "1.1"]
    assert len(origin.connections) == 1


def test_a_mirror_shows_no_connection_that_it_has_not(proxy, origin):
    """A background subrequest outlives its client."""
    assert proxy.get("/mirrored").status == 200
    origin.wait_requests(2)
    (copy,) = [r.target for r in origin.requests if r.target.startswith("/copy")]
    assert re.fullmatch(r"/copy\?\d?-\d?-\.", copy)


def test_the_line_is_looked_at_before_the_head(proxy):
    with proxy.client() as client:
        client.send(b"GET /" + b"a" * 30000 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().status == 414
