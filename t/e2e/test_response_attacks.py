"""Framing attacks from the origin's side, and client bytes that try to get into outgoing heads decoded."""

import pytest

from rig import net
from rig.attack import responses_in
from rig.http1 import Closed, ProtocolError, build_request
from rig.origin import raw
from rig.proxy import faces

pytestmark = faces("framing", only=("nginx", "haproxy"))


@pytest.fixture
def proxy(weir, face, origin):
    return weir(face, "framing", origin=origin)


def case(name, fields, reason, body=b"ok", start=b"HTTP/1.1 200 OK"):
    return pytest.param(b"%s\r\n%s\r\n\r\n" % (start, fields) + body, reason, id=name)


LENGTH = r"content-length"
CODING = r"transfer-encoding"
HEADER = r"header|control|carriage|fold"

BAD_HEADS = [
    case("two lengths", b"Content-Length: 2\r\nContent-Length: 0", LENGTH),
    case("two equal lengths", b"Content-Length: 2\r\nContent-Length: 2", LENGTH),
    case("length list", b"Content-Length: 2, 0", LENGTH),
    case("signed length", b"Content-Length: +2", LENGTH),
    case("hexadecimal length", b"Content-Length: 0x2", LENGTH),
    case("empty length", b"Content-Length:", LENGTH),
    case("20-digit length", b"Content-Length: 99999999999999999999", LENGTH),
    case("length and coding", b"Content-Length: 2\r\nTransfer-Encoding: chunked", CODING, b"2\r\nok\r\n0\r\n\r\n"),
    case("two codings", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CODING, b"2\r\nok\r\n0\r\n\r\n"),
    case("chunked twice", b"Transfer-Encoding: chunked, chunked", CODING, b"2\r\nok\r\n0\r\n\r\n"),
    case("unknown coding", b"Transfer-Encoding: xchunked", CODING, b"2\r\nok\r\n0\r\n\r\n"),
    case("coding in HTTP/1.0", b"Transfer-Encoding: chunked", CODING, b"2\r\nok\r\n0\r\n\r\n", b"HTTP/1.0 200 OK"),
    case("CR in value", b"X-A: b\rX-B: c\r\nContent-Length: 2", HEADER),
    case("NUL in value", b"X-A: b\0\r\nContent-Length: 2", HEADER),
    case("NUL in name", b"X\0A: b\r\nContent-Length: 2", HEADER),
    case("space before colon", b"Content-Length : 2", HEADER),
    case("empty name", b": x\r\nContent-Length: 2", HEADER),
    case("obs-fold", b"X-A: b\r\n c\r\nContent-Length: 2", HEADER),
    case("no colon", b"X-A\r\nContent-Length: 2", HEADER),
    case("short status", b"Content-Length: 2", r"status|response|header", start=b"HTTP/1.1 20 OK"),
    case("long status", b"Content-Length: 2", r"status|response|header", start=b"HTTP/1.1 2000 OK"),
    case("status 0", b"Content-Length: 2", r"status|response|header", start=b"HTTP/1.1 000 OK"),
    case("other protocol", b"Content-Length: 2", r"status|response|header|version", start=b"ICY 200 OK"),
    case("version 2.0", b"Content-Length: 2", r"status|response|header|version", start=b"HTTP/2.0 200 OK"),
]

BAD_CHUNKS = {
    "bad size": b"5g\r\nhello\r\n0\r\n\r\n",
    "signed size": b"+5\r\nhello\r\n0\r\n\r\n",
    "2^64+5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "LF after size": b"5\nhello\r\n0\r\n\r\n",
    "LF after data": b"5\r\nhello\n0\r\n\r\n",
    "more data than size": b"5\r\nhelloworld\r\n0\r\n\r\n",
    "CR in extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "Content-Length in trailer": b"5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
    "cut within a chunk": b"5\r\nhe",
    "cut before the last chunk": b"5\r\nhello\r\n",
}


@pytest.mark.parametrize("data, reason", BAD_HEADS)
def test_bad_response_head(proxy, origin, data, reason):
    origin.on("/bad", raw(data))
    with proxy.client() as client:
        client.send(build_request("/bad"))
        assert client.response().status == 502
    assert proxy.get("/after").body == b"ok\n"
    proxy.wait_log(reason)


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS.keys())
def test_bad_response_chunk(proxy, origin, body):
    """The head may be out already: then the client must see that the body is cut."""
    origin.on("/bad", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body))
    with proxy.client() as client:
        client.send(build_request("/bad", headers=[("Connection", "close")]))
        data, closed = client.drain()
    assert closed
    try:
        statuses = [answer.status for answer in responses_in(data)]
    except (Closed, ProtocolError):
        statuses = ["cut"]
    assert statuses in (["cut"], [502], [])


EXTRA = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\ninjected"


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                                  b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                                  b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"],
                         ids=["length", "chunked", "204", "304"])
@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
def test_bytes_beyond_the_response_reach_nobody(proxy, origin, head, together):
    def handler(exchange):
        exchange.send(head + EXTRA if together else head)
        if not together:
            exchange.origin.stopping.wait(0.1)
            exchange.send(EXTRA)

    origin.on("/more", handler)
    with proxy.client() as client:
        first = client.request("/more")
        assert first.body == (b"" if first.status in (204, 304) else b"ok")
        net.wait_until(lambda: not origin.open_connections, "the connection with such bytes to be closed")
        assert client.request("/next").body == b"ok\n"
    assert proxy.get("/other").body == b"ok\n"


def test_body_beyond_the_length_after_head(proxy, origin):
    """A response to HEAD has no body, whatever the origin sends."""
    origin.on("/head", raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(EXTRA) + EXTRA, close=False))
    with proxy.client() as client:
        assert client.request("/head", "HEAD").status == 200
        origin.stopping.wait(0.1)
        assert client.request("/next").body == b"ok\n"


# --- decoded line ends in outgoing heads

INJECTION = "a%0d%0aX-Injected:%20yes%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1%0d%0aHost:%20h%0d%0a%0d%0a"


@pytest.mark.parametrize("place", ["header", "map", "rewrite", "lua", "redirect", "answer"])
@pytest.mark.parametrize("bytes_", [INJECTION, "a%0aX-Injected:%20yes", "a%0dX-Injected:%20yes", "a%00b"],
                         ids=["CRLF", "LF", "CR", "NUL"])
def test_decoded_line_end_stays_out_of_heads(proxy, origin, place, bytes_):
    """Refused, dropped or written in another way; never a line of its own, to the origin or to the client."""
    with proxy.client() as client:
        client.send(build_request(f"/{place}/{bytes_}", headers=[("Connection", "close")]))
        answers = responses_in(client.read_all())
    assert len(answers) == 1 and "X-Injected" not in answers[0].headers
    assert not origin.errors and len(origin.requests) <= 1
    for request in origin.requests:
        assert "X-Injected" not in request.headers
        assert not set("\r\n\0") & set("".join(name + value for name, value in request.headers))
