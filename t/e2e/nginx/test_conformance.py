"""Smaller rules of nginx that its own test suite asks for: wordings, connection numbers, kept headers, passive health."""

import pathlib
import re

import pytest

from rig import net
from rig.http1 import chunk
from rig.origin import Reply

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    upstream pair { server {origin} max_fails=2 fail_timeout=30s; server {dead} backup; }
    server {
        listen 127.0.0.1:{port} default_server;
        server_name localhost;
        if ($upstream_http_x_accel_redirect) { return 200 "to $uri by $request_method"; }
        location / { return 200 "$server_name"; }
        location /told { keepalive_timeout 60s 9s; return 200 ok; }
        location /port { return 200 "$is_request_port$request_port"; }
        location /type { return 200 "$http_content_type|$content_type"; }
        location /number { return 200 "$connection $connection_requests"; }
        location /safari { keepalive_disable safari; return 200 ok; }
        location /401 { return 401; }
        location /302 { return 302 /x; }
        location /gzip { gzip on; gzip_types *; gzip_min_length 1; proxy_pass http://{origin}; }
        location /accel { proxy_pass http://{origin}; }
        location /pair { proxy_pass http://pair; }
        location /expect { proxy_pass http://{origin}; }
        location /twice { proxy_pass http://{origin}; }
        location /times { add_header X-Times $upstream_response_time; proxy_pass http://{origin}; }
        location /moved { proxy_redirect ~*^http://[^/]+/(A+)/.*$ /b/$1; proxy_pass http://{origin}; }
        location /flags {
            proxy_cookie_flags a $arg_one $arg_two;
            proxy_pass http://{origin};
        }
    }
    server { listen 127.0.0.1:{port}; server_name ""; return 200 "empty"; }
    server { listen 127.0.0.1:{port}; server_name .dot.example; return 200 "$server_name"; }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


def raw(proxy, data):
    with proxy.client() as client:
        client.send(data)
        return client.response()


def test_statuses_have_nginx_words(proxy):
    answer = proxy.get("/401")
    assert (answer.status, answer.reason) == (401, "Unauthorized")
    assert b"<title>401 Authorization Required</title>" in answer.body
    answer = proxy.get("/302")
    assert (answer.status, answer.reason) == (302, "Moved Temporarily")
    assert b"<title>302 Found</title>" in answer.body


def test_server_names(proxy):
    assert raw(proxy, b"GET / HTTP/1.0\r\n\r\n").body == b"empty"
    assert raw(proxy, b"GET / HTTP/1.0\r\nHost: other\r\n\r\n").body == b"localhost"
    assert raw(proxy, b"GET / HTTP/1.0\r\nHost: dot.example\r\n\r\n").body == b"dot.example"
    assert raw(proxy, b"GET / HTTP/1.0\r\nHost: a.dot.example\r\n\r\n").body == b"dot.example"


def test_request_port(proxy):
    assert raw(proxy, b"GET /port HTTP/1.1\r\nHost: localhost\r\n\r\n").body == b""
    assert raw(proxy, b"GET /port HTTP/1.1\r\nHost: localhost:81\r\n\r\n").body == b":81"
    assert raw(proxy, b"GET http://localhost:82/port HTTP/1.1\r\nHost: localhost:81\r\n\r\n").body == b":82"


def test_repeated_content_type(proxy):
    answer = proxy.get("/type", headers=[("Content-Type", "a"), ("Content-Type", "b")])
    assert answer.body == b"a, b|a, b"


def test_connection_has_one_number(proxy):
    with proxy.client() as client:
        first = client.request("/number").body.split()
        second = client.request("/number").body.split()
    assert first[0] == second[0] and (first[1], second[1]) == (b"1", b"2")
    assert proxy.get("/number").body.split()[0] != first[0]


def test_keepalive_ends(proxy):
    safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X) AppleWebKit/1 (KHTML, like Gecko) Version/1 Safari/1"
    old = "Mozilla/4.0 (compatible; MSIE 6.0; Windows)"

    def connection(target, **request):
        with proxy.client() as client:
            return client.request(target, **request).header("Connection")

    assert connection("/") == "keep-alive"
    assert connection("/safari") == "keep-alive"
    assert connection("/safari", headers=[("User-Agent", safari)]) == "close"
    assert connection("/", headers=[("User-Agent", safari)]) == "keep-alive"
    assert connection("/", headers=[("User-Agent", old)]) == "keep-alive"
    assert connection("/", method="POST", headers=[("User-Agent", old), ("Content-Length", "0")]) == "close"


def test_keepalive_timeout_is_told(proxy):
    with proxy.client() as client:
        assert client.request("/told").header("Keep-Alive") == "timeout=9"
        assert client.request("/told", headers=[("Connection", "close")]).header("Keep-Alive") is None


def test_head_has_the_headers_of_get_with_gzip(proxy, origin):
    origin.on("/gzip", Reply(body=b"a" * 100, headers=[("Content-Type", "text/html"), ("ETag", '"x"')]))
    for method in ("GET", "HEAD"):
        answer = proxy.get("/gzip", method=method, headers=[("Accept-Encoding", "gzip")])
        assert (answer.header("Content-Encoding"), answer.header("ETag")) == ("gzip", 'W/"x"')
        assert answer.header("Content-Length") is None


@pytest.mark.parametrize("to, answer", [("/foo?bar", (200, b"to /foo by GET")), ("/foo%20bar", (200, b"to /foo bar by GET")),
                                        ("..", (404, None)), ("/foo/..", (404, None)), ("/foo/.%2e/x", (404, None)),
                                        ("/a..b", (200, b"to /a..b by GET"))])
def test_accel_redirect(proxy, origin, to, answer):
    origin.on("/accel", Reply(headers=[("X-Accel-Redirect", to), ("Content-Type", "text/own"), ("Set-Cookie", "a=b"),
                                          ("Expires", "never"), ("X-Other", "x")]))
    got = proxy.get("/accel", method="POST", body=b"x")
    assert got.status == answer[0]
    if answer[1]:
        assert got.body == answer[1]
        assert (got.header("Content-Type"), got.header("Set-Cookie"), got.header("Expires")) == ("text/own", "a=b", "never")
        assert got.header("X-Other") is None


def test_expectation_without_a_body(proxy, origin):
    with proxy.client() as client:
        client.send(b"POST /expect HTTP/1.1\r\nHost: localhost\r\nExpect: 100-Continue\r\nContent-Length: 0\r\n\r\n")
        answer = client.response()
    assert [interim.status for interim in answer.interim] == [100] and answer.status == 200


def test_repeated_response_headers_are_dropped(proxy, origin):
    origin.on("/twice", Reply(headers=[("Expires", "a"), ("Expires", "b"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]))
    answer = proxy.get("/twice")
    assert answer.headers.all("Expires") == ["a"]
    assert answer.headers.all("Set-Cookie") == ["a", "b"]
    proxy.wait_log(r"\[warn\].*upstream sent duplicate header line: \"Expires: b\", ignored")


def test_response_time_is_not_known_with_the_head(proxy):
    assert proxy.get("/times").header("X-Times") == "-"


def test_redirect_by_regular_expression_replaces_all(proxy, origin):
    origin.on("/moved", Reply(status=302, headers=[("Location", "http://else/aa/x")]))
    assert re.fullmatch(r"http://[^/]+/b/aa", proxy.get("/moved").header("Location"))


def test_cookie_flags_with_variables(proxy, origin):
    origin.on("/flags", Reply(headers=[("Set-Cookie", "a=1; Secure")]))
    assert proxy.get("/flags?one=httponly&two=samesite=lax").header("Set-Cookie") == "a=1; Secure; HttpOnly; SameSite=Lax"
    assert proxy.get("/flags?one=nosecure").header("Set-Cookie") == "a=1"
    assert proxy.get("/flags?one=odd").header("Set-Cookie") == "a=1; Secure"


def test_answers_in_between_do_not_excuse_failures(proxy, origin):
    """The second failure within fail_timeout takes the server out, whatever it answered before."""
    seen = []

    def every_second_fails(exchange):
        seen.append(exchange)
        exchange.reply(close=True) if len(seen) % 2 else exchange.reset()

    origin.on("/pair", every_second_fails)
    assert [proxy.get("/pair").status for _ in range(5)] == [200, 502, 200, 502, 502]
    assert len(seen) == 4


BODY_CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    client_body_temp_path bodies;
    add_header X-File $request_body_file;
    add_header X-Body $request_body;
    proxy_set_header X-File $request_body_file;
    server {
        listen 127.0.0.1:{port};
        client_body_buffer_size 1k;
        location / { proxy_pass http://{origin}; }
        location /on { client_body_in_file_only on; proxy_pass http://{origin}; }
        location /limited { client_max_body_size 1k; proxy_pass http://{origin}; }
        location /clean { client_body_in_file_only clean; proxy_pass http://{origin}; }
        location /single { client_body_in_single_buffer on; proxy_pass http://{origin}; }
    }
}
"""


@pytest.fixture
def bodies(weir, origin):
    return weir("nginx", text=BODY_CONF, origin=origin)


def test_body_in_memory_has_no_file(bodies, origin):
    for target in ("/", "/single"):
        answer = bodies.get(target, method="POST", body=b"x" * 100)
        assert (answer.header("X-File"), answer.header("X-Body")) == (None, "x" * 100)
    assert bodies.get("/", method="POST", body=b"x" * 2000).header("X-File").startswith(f"{bodies.dir}/bodies/")
    assert list((bodies.dir / "bodies").iterdir()) == []


def test_body_file_stays(bodies, origin):
    for size in (1, 2000):
        name = bodies.get("/on", method="POST", body=b"x" * size).header("X-File")
        assert pathlib.Path(name).read_bytes() == b"x" * size
        assert origin.requests[-1].body == b"x" * size
    assert bodies.get("/on").header("X-File") is None
    assert len(list((bodies.dir / "bodies").iterdir())) == 2


def test_chunked_bodies_are_limited(bodies, origin):
    def status(size):
        return bodies.get("/limited", method="POST", headers=[("Transfer-Encoding", "chunked")], body=chunk(b"x" * size)).status

    assert (status(1024), status(1025), status(100000)) == (200, 413, 413)
    assert len(origin.requests) == 1


def test_body_file_goes_with_the_request(bodies, origin):
    seen = []

    def look(exchange):
        seen.append(pathlib.Path(exchange.request.header("X-File")).read_bytes())
        exchange.reply()

    origin.on("/clean", look)
    assert bodies.get("/clean", method="POST", body=b"hello").status == 200
    assert seen == [b"hello"]
    net.wait_until(lambda: not list((bodies.dir / "bodies").iterdir()), "the file to be removed")
