"""Headers that the configuration adds, trailers, expiry, rates and replaced texts in the nginx face."""

import time

import pytest

from rig.origin import Reply

CONF = """
daemon off;
user {user};
pid nginx.pid;
error_log error.log info;
events {}
http {
    access_log off;
    add_header X-Outer outer;
    add_trailer X-Trail "$upstream_status";
    add_trailer_inherit off;
    map $arg_e $expiry { default off; a 1h; b epoch; }
    server {
        listen 127.0.0.1:{port};
        location / { return 200 ok; }
        location /own { add_header X-Own "$arg_v"; return 200 ok; }
        location /merge { add_header X-Own own; add_header_inherit merge; return 200 ok; }
        location /none { add_header_inherit off; return 200 ok; }
        location /fail { add_header X-Plain plain; add_header X-Always "$status" always; return 500; }
        location /etag { add_header ETag '"mine"'; add_header Last-Modified ""; proxy_pass http://{origin}; }
        location /hour { expires 1h; return 200 ok; }
        location /epoch { expires epoch; return 200 ok; }
        location /max { expires max; return 200 ok; }
        location /past { expires -1; return 200 ok; }
        location /changed { expires modified +1h; proxy_pass http://{origin}; }
        location /map { expires $expiry; return 200 ok; }
        location /trailer { add_trailer_inherit on; add_trailer X-Trail "$upstream_status"; proxy_pass http://{origin}; }
        location /unchunked { chunked_transfer_encoding off; proxy_pass http://{origin}; }
        location /slow { limit_rate 20k; limit_rate_after 20k; proxy_pass http://{origin}; }
        location /accel { proxy_pass http://{origin}; }
        location /sub { sub_filter hello bye; sub_filter WORLD '$host'; proxy_pass http://{origin}; }
        location /subzip {
            gzip on;
            gzip_vary on;
            gzip_min_length 1000;
            sub_filter hello bye;
            proxy_pass http://{origin};
        }
        location /subs { sub_filter o 0; sub_filter_once off; sub_filter_types *; proxy_pass http://{origin}; }
        location /status { stub_status; }
        location /gif { empty_gif; }
    }
}
"""


@pytest.fixture
def proxy(weir, origin):
    return weir("nginx", text=CONF, origin=origin)


def test_inheritance_of_add_header(proxy):
    def names(target):
        answer = proxy.get(target)
        return answer.header("X-Outer"), answer.header("X-Own")

    assert names("/") == ("outer", None)
    assert names("/own?v=x") == (None, "x")
    assert names("/own") == (None, None)
    assert names("/merge") == ("outer", "own")
    assert names("/none") == (None, None)


def test_failures_get_only_what_is_always_added(proxy):
    answer = proxy.get("/fail")
    assert (answer.status, answer.header("X-Plain"), answer.header("X-Always")) == (500, None, "500")


def test_single_headers_are_replaced(proxy, origin):
    origin.on("/etag", Reply(headers=[("ETag", '"theirs"'), ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")]))
    answer = proxy.get("/etag")
    assert answer.headers.all("ETag") == ['"mine"']
    assert not answer.header("Last-Modified")


def test_expires(proxy, origin):
    assert proxy.get("/hour").header("Cache-Control") == "max-age=3600"
    assert proxy.get("/epoch").header("Expires") == "Thu, 01 Jan 1970 00:00:01 GMT"
    assert proxy.get("/epoch").header("Cache-Control") == "no-cache"
    assert proxy.get("/max").header("Cache-Control") == "max-age=315360000"
    assert proxy.get("/past").header("Cache-Control") == "no-cache"
    assert proxy.get("/map?e=a").header("Cache-Control") == "max-age=3600"
    assert proxy.get("/map?e=b").header("Cache-Control") == "no-cache"
    assert not proxy.get("/map").header("Expires")
    origin.on("/changed", Reply(headers=[("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT")]))
    assert proxy.get("/changed").header("Expires") == "Sun, 06 Nov 1994 09:49:37 GMT"


def test_trailers(proxy):
    answer = proxy.get("/trailer")
    assert answer.trailers.get("X-Trail") == "200"
    assert answer.header("Transfer-Encoding") == "chunked"


@pytest.mark.parametrize("words", [{"chunked": True}, {"until_close": True}], ids=["chunked", "close"])
def test_chunks_that_are_switched_off(proxy, origin, words):
    """A body of unknown length ends with the connection then."""
    origin.on("/unchunked", Reply(body=b"hello", **words))
    answer = proxy.get("/unchunked")
    assert (answer.body, answer.header("Connection"), answer.header("Transfer-Encoding")) == (b"hello", "close", None)


def test_limit_rate(proxy, origin):
    body = b"x" * 60000
    origin.on("/slow", Reply(body=body))
    begin = time.monotonic()
    assert proxy.get("/slow").body == body
    assert 0.7 < time.monotonic() - begin < 5


def test_server_sets_the_rate(proxy, origin):
    origin.on("/accel", Reply(body=b"x" * 30000, headers=[("X-Accel-Limit-Rate", "20000")]))
    begin = time.monotonic()
    assert len(proxy.get("/accel").body) == 30000
    assert time.monotonic() - begin > 0.7


def test_replaced_texts(proxy, origin):
    origin.on("/sub", Reply(body=b"Hello World, hello world", headers=[("Content-Type", "text/html"), ("ETag", '"1"')]))
    answer = proxy.get("/sub")
    assert answer.body == b"bye localhost, hello world"
    assert not answer.header("ETag")
    origin.on("/subs", Reply(body=b"foo" * 50000, headers=[("Content-Type", "text/plain")]))
    assert proxy.get("/subs").body == b"f00" * 50000


def test_texts_that_come_in_pieces(proxy, origin):
    def reply(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n")
        for byte in b"<hel<hello>wor<world":
            exchange.send(bytes([byte]))
            time.sleep(0.005)
        exchange.close()

    origin.on("/sub", reply)
    assert proxy.get("/sub").body == b"<hel<bye>wor<localhost"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_replaced_text_has_no_length_that_compression_could_ask_for(proxy, origin, method):
    def coding(media_type):
        origin.on("/subzip", Reply(body=b"hello" * 30, headers=[("Content-Type", media_type)]))
        answer = proxy.get("/subzip", method=method, headers=[("Accept-Encoding", "gzip")])
        return answer.header("Content-Encoding"), answer.header("Vary")

    assert coding("text/html") == ("gzip", "Accept-Encoding")
    assert coding("text/plain") == (None, None)


def test_status_page(proxy):
    with proxy.client() as client:
        client.request("/")
        lines = client.request("/status").body.decode().splitlines()
    assert lines[0].startswith("Active connections: ") and lines[1] == "server accepts handled requests"
    assert int(lines[2].split()[2]) >= 2


def test_gif(proxy):
    answer = proxy.get("/gif")
    assert (answer.header("Content-Type"), len(answer.body), answer.body[:6]) == ("image/gif", 43, b"GIF89a")
