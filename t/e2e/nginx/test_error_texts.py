"""Lines of the error log about servers and bodies, in nginx's words, each once."""

import re
import socket

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
    log_format args "$uri[$args][$query_string]";
    log_format whole "$request $status $body_bytes_sent";
    access_log args.log args;
    access_log whole.log whole;
    upstream two { server {dead}; server {origin}; }
    upstream lone { server {dead}; }
    upstream gone { server {dead}; server {dead}; }
    server {
        listen 127.0.0.1:{port};
        error_page 400 408 /page;
        location = /page { return 200 page; }
        location /silent { proxy_read_timeout 200ms; proxy_pass http://{origin}; }
        location /streamed { proxy_request_buffering off; proxy_pass http://{origin}; }
        location / { proxy_pass http://{origin}; }
        location /two { proxy_pass http://two; }
        location /dead { proxy_pass http://lone; }
        location /none { proxy_pass http://gone; }
        location /small { client_max_body_size 10; proxy_pass http://{origin}; }
    }
    server {
        listen 127.0.0.1:{hasty_port};
        client_header_timeout 1s;
        client_body_timeout 300ms;
        error_page 400 408 /page;
        location = /page { return 200 page; }
        location / { proxy_pass http://{origin}; }
    }
    server { listen 127.0.0.1:{bare_port}; access_log bare.log args; }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


def lines(proxy, target):
    return [line for line in proxy.logs().get("error.log", "").splitlines() if f'"GET {target} ' in line]


def test_a_failed_attempt_is_told_once(proxy):
    assert proxy.get("/two").status == 200
    refused, disabled = lines(proxy, "/two")
    assert re.search(r"\[error\] .*: \*\d+ connect\(\) failed \(111: Connection refused\) while connecting to upstream, "
                     r"client: 127\.0\.0\.1, server: , request: \"GET /two HTTP/1\.1\", upstream: \"http://127", refused)
    assert "[warn] " in disabled and " upstream server temporarily disabled while connecting to upstream, " in disabled


def test_the_attempt_that_ends_the_request_is_told_once_too(proxy):
    assert proxy.get("/dead").status == 502
    assert len(lines(proxy, "/dead")) == 1


def test_a_group_without_servers(proxy):
    for _ in range(2):
        assert proxy.get("/none").status == 502
    assert any(" no live upstreams while connecting to upstream, " in line and 'upstream: "http://gone/none"' in line
               for line in lines(proxy, "/none"))


def test_a_silent_server(proxy, origin):
    origin.on("/silent", Reply(delay=3))
    assert proxy.get("/silent").status == 504
    [line] = [one for one in lines(proxy, "/silent") if "[error]" in one]
    assert " upstream timed out (110: Connection timed out) while reading response header from upstream, " in line


def test_a_body_that_is_too_large(proxy):
    assert proxy.get("/small", method="POST", body=b"x" * 11).status == 413
    assert "[error]" in proxy.wait_log("client intended to send too large body: 11 bytes, client: 127")


@pytest.mark.parametrize("data, request_line, text", [
    (b"GET /a HT", "GET /a HT", "client prematurely closed connection while reading client request"),
    (b"GET /a HTTP/1.1\r\nHost: a\r\n", "GET /a HTTP/1.1", "client prematurely closed connection while reading client request"),
])
def test_a_client_that_leaves_within_its_request(proxy, data, request_line, text):
    with proxy.client() as client:
        client.send(data)
        client.sock.shutdown(socket.SHUT_WR)
        assert client.sock.recv(10) == b""
    assert "[info]" in proxy.wait_log(text)
    net.wait_until(lambda: proxy.logs().get("whole.log") == f"{request_line} 400 0\n", lambda: proxy.log_text())


def log_of(proxy, name, want):
    net.wait_until(lambda: proxy.logs().get(name) == want, lambda: proxy.log_text())


POST = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"


@pytest.mark.parametrize("data, whole, args, text", [
    (b"GET /a?b HT", "GET /a?b HT 408 0", "-[-][-]", "client timed out (110: Connection timed out) while reading client request line"),
    (b"GET /a?b HTTP/1.1\r\nHo", "GET /a?b HTTP/1.1 408 0", "/a[b][b]",
     "client timed out (110: Connection timed out) while reading client request headers"),
    (POST, "POST /a HTTP/1.1 408 0", "/a[-][-]", "client does not send the request body"),
], ids=["line", "headers", "body"])
def test_a_client_that_takes_too_long_is_told_nothing(proxy, data, whole, args, text):
    with proxy.client("hasty_port") as client:
        client.send(data)
        assert client.read_all() == b""
    log_of(proxy, "whole.log", whole + "\n")
    log_of(proxy, "args.log", args + "\n")
    assert "[info]" in proxy.wait_log(re.escape(text))


def test_half_a_head_behind_an_answer(proxy):
    with proxy.client("hasty_port") as client:
        assert client.request("/page").status == 200
        client.send(b"GET /a HTTP/1.1\r\nHo")
        assert client.read_all() == b""
    log_of(proxy, "whole.log", "GET /page HTTP/1.1 200 4\nGET /a HTTP/1.1 408 0\n")


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("target", ["/a", "/streamed"])
def test_a_client_that_leaves_within_its_body(proxy, target, leave):
    with proxy.client() as client:
        client.send(POST.replace(b"/a", target.encode()))
        if leave == "reset":
            net.wait_until(lambda: net.is_read(client.sock), "the request to be read")  # who resets before is not accepted
            client.reset()
    log_of(proxy, "whole.log", f"POST {target} HTTP/1.1 400 0\n")


def test_a_client_that_says_nothing(proxy):
    proxy.client().close()
    assert proxy.get("/a").status == 200
    net.wait_until(lambda: proxy.logs().get("whole.log") == "GET /a HTTP/1.1 200 3\n", lambda: proxy.log_text())


def test_a_path_that_cannot_be_read_is_empty(proxy):
    assert proxy.get("/../a").status == 400
    log_of(proxy, "args.log", "/page[-][-]\n")  # by error_page
    assert proxy.get("/../a", port="bare_port").status == 400
    log_of(proxy, "bare.log", "[-][-]\n")


def test_arguments_that_are_not_there_and_empty_ones(proxy):
    for target in ("/a", "/b?", "/c?d"):
        proxy.get(target)
    want = "/a[-][-]\n/b[][]\n/c[d][d]\n"
    net.wait_until(lambda: proxy.logs().get("args.log") == want, lambda: proxy.log_text())
