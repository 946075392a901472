"""HTTP/1 framing attacks from the client: every ambiguity is 400 with a reason in the log and is never forwarded.

The rows are the request side of the table of known framing attacks; responses are in test_response_attacks.py, sizes
and slowness in test_limits.py.
"""

import pytest

from rig import net
from rig.attack import SMUGGLED, assert_nothing_smuggled, assert_refused, responses_in
from rig.http1 import build_request, chunk
from rig.origin import WEBSOCKET, Reply, raw, upgrade_echo
from rig.proxy import faces

pytestmark = faces("framing", only=("nginx", "haproxy"))


@pytest.fixture
def proxy(weir, face, origin):
    return weir(face, "framing", origin=origin)


def case(name, data, reason, statuses=(400,)):
    return pytest.param(data, reason, statuses, id=name)


def post(name, fields, reason, body=b"hello", statuses=(400,), version=b"1.1"):
    """A POST with these header lines and, behind its body, a request that must stay unseen."""
    head = b"POST / HTTP/%s\r\nHost: h\r\n%s\r\n\r\n" % (version, fields)
    return case(name, head + body + SMUGGLED, reason, statuses)


def chunked(name, body, reason=r"chunk", statuses=(400,)):
    return post(name, b"Transfer-Encoding: chunked", reason, body, statuses)


def get(name, fields, reason, target=b"/", host=b"Host: h\r\n"):
    return case(name, b"GET %s HTTP/1.1\r\n%s%s\r\n" % (target, host, fields) + SMUGGLED, reason)


def padded(prefix, size):
    return prefix + b"a" * (size - len(prefix))


LENGTH = r"content-length"
CODING = r"transfer-encoding"
NAME = r"header"
TARGET = r"target|uri|request line|invalid request|authority|scheme"
HOST = r"host|authority"
UNKNOWN_CODING = (400, 422, 501)

CONTENT_LENGTH = [
    *[post(f"long name {size} with two",
           padded(b"Content-Length0", size) + b":\r\nContent-Length: 5\r\nContent-Length: 0", LENGTH)
      for size in (255, 256, 270)],
    post("empty", b"Content-Length:", LENGTH),
    post("blank", b"Content-Length:  ", LENGTH),
    post("two values", b"Content-Length: 5\r\nContent-Length: 0", LENGTH),
    post("two equal values", b"Content-Length: 5\r\nContent-Length: 5", LENGTH),
    post("plus", b"Content-Length: +5", LENGTH),
    post("minus", b"Content-Length: -5", LENGTH),
    post("hexadecimal", b"Content-Length: 0x5", LENGTH),
    post("list", b"Content-Length: 5,5", LENGTH),
    post("list with space", b"Content-Length: 5, 5", LENGTH),
    post("two words", b"Content-Length: 5 5", LENGTH),
    post("20 digits", b"Content-Length: 99999999999999999999", LENGTH),
    post("2^64+5", b"Content-Length: 18446744073709551621", LENGTH),
    post("2^63", b"Content-Length: 9223372036854775808", LENGTH),
    post("underscore", b"Content-Length: 0_5", LENGTH),
    post("fraction", b"Content-Length: 5.0", LENGTH),
    post("vertical tab", b"Content-Length: \x0b5", LENGTH + "|control|header"),
    post("trailing letter", b"Content-Length: 5a", LENGTH),
    post("parameter", b"Content-Length: 5;q=1", LENGTH),
]

TRANSFER_ENCODING = [
    post("with Content-Length", b"Content-Length: 5\r\nTransfer-Encoding: chunked", CODING, b"0\r\n\r\n"),
    post("before Content-Length", b"Transfer-Encoding: chunked\r\nContent-Length: 5", CODING, b"0\r\n\r\n"),
    post("twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", CODING, b"0\r\n\r\n"),
    post("twice, second identity", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", CODING, b"0\r\n\r\n",
         UNKNOWN_CODING),
    post("HTTP/1.0", b"Transfer-Encoding: chunked", CODING, b"0\r\n\r\n", version=b"1.0"),
    post("empty", b"Transfer-Encoding:", CODING, b"0\r\n\r\n", UNKNOWN_CODING),
    *[post(value.decode("latin-1").replace("\x0b", "VT"), b"Transfer-Encoding: " + value, CODING + "|control|header",
           b"0\r\n\r\n", UNKNOWN_CODING)
      for value in (b"identity", b"chunked,chunked", b"chunked, identity", b"identity, chunked", b"xchunked",
                    b"chunkedx", b"chunked\x0b", b"\x0bchunked", b"gzip, chunked", b"gzip", b'"chunked"',
                    b"chunked;q=1", b",chunked", b"chunked,")],
    post("name with space", b"Transfer-Encoding : chunked", NAME, b"0\r\n\r\n"),
    post("name with vertical tab", b"Transfer-Encoding\x0b: chunked", NAME, b"0\r\n\r\n"),
    post("folded", b"Transfer-Encoding:\r\n chunked", NAME + "|fold", b"0\r\n\r\n"),
]

LAST = b"\r\n0\r\n\r\n"
CHUNKS = [
    chunked("2^64+5", b"10000000000000005\r\nhello" + LAST),
    chunked("2^64-1", b"ffffffffffffffff\r\nhello" + LAST),
    chunked("2^63", b"8000000000000000\r\nhello" + LAST),
    chunked("2^63-1", b"7fffffffffffffff\r\nhello" + LAST, statuses=(400, 413)),
    chunked("plus", b"+5\r\nhello" + LAST),
    chunked("minus", b"-5\r\nhello" + LAST),
    chunked("0x", b"0x5\r\nhello" + LAST),
    chunked("underscore", b"0_5\r\nhello" + LAST),
    chunked("leading space", b" 5\r\nhello" + LAST),
    chunked("trailing space", b"5 \r\nhello" + LAST),
    chunked("trailing tab", b"5\t\r\nhello" + LAST),
    chunked("longest prefix", b"5g\r\nhello" + LAST),
    chunked("two words", b"5 5\r\nhello" + LAST),
    chunked("empty size", b"\r\nhello" + LAST),
    chunked("only extension", b";a=b\r\nhello" + LAST),
    chunked("LF after size", b"5\nhello" + LAST),
    chunked("CR after size", b"5\rhello" + LAST),
    chunked("CR CR LF after size", b"5\r\r\nhello" + LAST),
    chunked("LF after data", b"5\r\nhello\n0\r\n\r\n"),
    chunked("CR after data", b"5\r\nhello\r0\r\n\r\n"),
    chunked("nothing after data", b"5\r\nhello0\r\n\r\n"),
    chunked("more data than size", b"5\r\nhelloworld" + LAST),
    chunked("LF after last size", b"0\n\r\n"),
    chunked("LF as trailer end", b"0\r\n\n", r"chunk|trailer"),
    chunked("LF after trailer", b"0\r\nX-A: b\n\r\n", r"chunk|trailer"),
    chunked("CR in extension", b"5;a\rb\r\nhello" + LAST),
    chunked("LF in extension", b"5;a\nb\r\nhello" + LAST),
    chunked("LF ends extension", b"5;a\nhello" + LAST),
    chunked("NUL in extension", b"5;a\0b\r\nhello" + LAST),
    chunked("quoted line end in extension", b'5;a="\r\nhello' + LAST),
    chunked("endless extension", b"5;" + b"a" * 200000, statuses=(400, 413)),
    chunked("trailer without colon", b"0\r\nbad\r\n\r\n", r"chunk|trailer"),
    chunked("trailer with space before colon", b"0\r\nX-A : b\r\n\r\n", r"chunk|trailer"),
    chunked("NUL in trailer", b"0\r\nX-A: \0\r\n\r\n", r"chunk|trailer"),
    *[chunked(f"{name} in trailer", b"0\r\n%s\r\n\r\n" % line, r"chunk|trailer")
      for name, line in (("Content-Length", b"Content-Length: 5"), ("Transfer-Encoding", b"Transfer-Encoding: chunked"),
                         ("Host", b"Host: other"))],
]

FIELDS = [
    get("empty name", b": value\r\n", NAME),
    get("space before colon", b"X-A : b\r\n", NAME),
    get("tab before colon", b"X-A\t: b\r\n", NAME),
    post("space before colon of Content-Length", b"Content-Length : 5", NAME + "|" + LENGTH),
    get("space in name", b"X A: b\r\n", NAME),
    get("no colon", b"X-A\r\n", NAME),
    get("NUL in name", b"X\0A: b\r\n", NAME + "|control"),
    get("CR in name", b"X\rA: b\r\n", NAME + "|control|carriage"),
    get("NUL in value", b"X-A: b\0c\r\n", NAME + "|control"),
    get("CR in value", b"X-A: b\rc\r\n", NAME + "|control|carriage"),
    get("CR as line end", b"X-A: b\rX-B: c\r\n", NAME + "|control|carriage"),
    get("control in value", b"X-A: b\x01c\r\n", NAME + "|control"),
    get("obs-fold", b"X-A: b\r\n c\r\n", NAME + "|fold"),
    get("obs-fold with tab", b"X-A: b\r\n\tc\r\n", NAME + "|fold"),
    get("first line folded", b"", NAME + "|fold|host", host=b" X-A: b\r\nHost: h\r\n"),
    get("CR CR LF", b"X-A: b\r\r\n", NAME + "|control|carriage"),
    case("CR alone ends every line", b"GET / HTTP/1.1\rHost: h\r\r" + SMUGGLED, r"request|control|carriage|version"),
]

TARGETS = [
    get("without slash", b"", TARGET, b"foo"),
    get("asterisk and more", b"", TARGET, b"*x"),
    case("OPTIONS asterisk and more", b"OPTIONS *x HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED, TARGET),
    get("asterisk with GET", b"", TARGET, b"*"),
    get("fragment at the start", b"", TARGET, b"#/a"),
    get("space", b"", TARGET + "|version", b"/a b"),
    get("tab", b"", TARGET + "|version|control", b"/a\tb"),
    get("NUL", b"", TARGET + "|control", b"/a\0b"),
    get("control", b"", TARGET + "|control", b"/a\x01b"),
    get("DEL", b"", TARGET + "|control", b"/a\x7fb"),
    get("no authority", b"", TARGET + "|host", b"http:///a"),
    get("other scheme form", b"", TARGET, b"1http://h/a"),
]

HOSTS = [
    get("missing", b"", HOST, host=b""),
    get("twice", b"Host: other\r\n", HOST),
    get("twice the same", b"Host: h\r\n", HOST),
    get("comma", b"", HOST, host=b"Host: a,b\r\n"),
    get("user info", b"", HOST, host=b"Host: u@h\r\n"),
    get("space", b"", HOST, host=b"Host: a b\r\n"),
    get("slash", b"", HOST, host=b"Host: a/b\r\n"),
    get("question mark", b"", HOST, host=b"Host: a?b\r\n"),
    get("hash", b"", HOST, host=b"Host: a#b\r\n"),
    get("bad port", b"", HOST, host=b"Host: h:80x\r\n"),
    get("two ports", b"", HOST, host=b"Host: h:80:81\r\n"),
    get("open bracket", b"", HOST, host=b"Host: [::1\r\n"),
]

START_LINES = [
    case("method with separator", b"GE(T / HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED, r"method|request"),
    case("empty method", b" / HTTP/1.1\r\nHost: h\r\n\r\n" + SMUGGLED, r"method|request"),
    case("lower case version", b"GET / http/1.1\r\nHost: h\r\n\r\n" + SMUGGLED, r"version|request"),
    case("long minor version", b"GET / HTTP/1.10\r\nHost: h\r\n\r\n" + SMUGGLED, r"version|request", (400, 505)),
    case("no minor version", b"GET / HTTP/1\r\nHost: h\r\n\r\n" + SMUGGLED, r"version|request", (400, 505)),
    case("version 2.0", b"GET / HTTP/2.0\r\nHost: h\r\n\r\n" + SMUGGLED, r"version|request", (400, 505)),
    case("space in version", b"GET / HTTP/ 1.1\r\nHost: h\r\n\r\n" + SMUGGLED, r"version|request", (400, 505)),
    case("fourth word", b"GET / HTTP/1.1 x\r\nHost: h\r\n\r\n" + SMUGGLED, r"version|request", (400, 505)),
]


@pytest.mark.parametrize("data, reason, statuses", CONTENT_LENGTH)
def test_content_length(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


@pytest.mark.parametrize("data, reason, statuses", TRANSFER_ENCODING)
def test_transfer_encoding(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


@pytest.mark.parametrize("data, reason, statuses", CHUNKS)
def test_chunk(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


@pytest.mark.parametrize("data, reason, statuses", FIELDS)
def test_header_field(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


@pytest.mark.parametrize("data, reason, statuses", TARGETS)
def test_request_target(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


def test_user_info_in_the_target(proxy, origin):
    """nginx does not take it; HAProxy ignores it, and the Host that counts is the one behind it."""
    if proxy.face == "nginx":
        return assert_refused(proxy, origin, *get("user info", b"", TARGET + "|host", b"http://u@h/a").values)
    with proxy.client() as client:
        client.send(b"GET http://u@h/a HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response().status == 200
    assert origin.requests[0].header("Host") == "h"


def test_fragment_in_the_target(proxy, origin):
    """nginx takes it; no server sees it. HAProxy refuses it."""
    if proxy.face == "haproxy":
        return assert_refused(proxy, origin, *get("fragment", b"", TARGET, b"/a#b").values)
    with proxy.client() as client:
        client.send(b"GET /a?b#c HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response().status == 200
    assert origin.paths() == ["/a?b"]


@pytest.mark.parametrize("target, hosts", [(b"http://other/host", b"other other"), (b"http://h:81/host", b"h h:81")])
def test_absolute_target_against_host(proxy, origin, target, hosts):
    """nginx goes by the target, whose authority replaces Host. HAProxy refuses it."""
    if proxy.face == "haproxy":
        return assert_refused(proxy, origin, *get("absolute against Host", b"", HOST, target).values)
    with proxy.client() as client:
        client.send(b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % target)
        assert client.response().body == hosts


@pytest.mark.parametrize("data, reason, statuses", HOSTS)
def test_host(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


@pytest.mark.parametrize("data, reason, statuses", START_LINES)
def test_start_line(proxy, origin, data, reason, statuses):
    assert_refused(proxy, origin, data, reason, statuses)


# --- what looks odd and has one meaning only


@pytest.mark.parametrize("size", [255, 256, 270])
def test_long_header_name_does_not_overflow(proxy, origin, size):
    """The length is the one Content-Length's; the long name is a header like others."""
    fields = padded(b"Content-Length0", size) + b":\r\nContent-Length: %d" % len(SMUGGLED)
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n" % fields + SMUGGLED)
        assert client.response().status in (200, 400)
    assert "/smuggled" not in origin.paths()
    assert all(request.body == SMUGGLED for request in origin.requests)


def test_chunk_size_beyond_32_bits_is_not_cut(proxy, origin):
    """2^32+5 bytes are announced: what follows is body, never a request."""
    with proxy.client() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        client.send(b"100000005\r\nhello" + LAST + SMUGGLED)
        client.half_close()
        answers = responses_in(client.read_all())
    assert len(answers) <= 1 and all(answer.status >= 400 for answer in answers)
    assert_nothing_smuggled_but_body(proxy, origin)


def assert_nothing_smuggled_but_body(proxy, origin):
    assert proxy.get("/after").status == 200
    assert [request.target for request in origin.requests if request.complete] == ["/after"]
    assert "/smuggled" not in origin.paths() and not origin.errors


def test_valid_chunk_extension_is_not_forwarded(proxy, origin):
    body = chunk(b"hello", extension=b';name="quoted; value"')
    assert proxy.get(method="POST", headers=[("Transfer-Encoding", "chunked")], body=body).status == 200
    assert origin.requests[0].body == b"hello"
    assert b"quoted" not in origin.received


def test_line_feed_ends_a_head_line(proxy, origin):
    with proxy.client() as client:
        client.send(b"GET /lf HTTP/1.1\nHost: h\nX-A: b\n\n")
        assert client.response().status == 200
    assert origin.requests[0].header("X-A") == "b"


def test_empty_lines_before_a_request(proxy, origin):
    with proxy.client() as client:
        for _ in range(2):
            client.send(b"\r\n" + build_request())
            assert client.response().status == 200
    assert len(origin.requests) == 2


@pytest.mark.parametrize("method", ["FROBNICATE", "M-SEARCH", "PROPFIND", "A" * 30])
def test_unknown_method_passes(proxy, origin, method):
    assert proxy.get(method=method).status == 200
    assert origin.requests[0].method == method


def test_host_may_be_missing_in_http10(proxy):
    with proxy.client() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.response().status == 200


def test_absolute_target_with_equal_host(proxy, origin):
    with proxy.client() as client:
        client.send(b"GET http://h/a?b HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.response().status == 200
    assert origin.requests[0].target in ("/a?b", "http://h/a?b")


def test_absolute_target_without_path(proxy, origin):
    """`http://h?x` means `/?x`: passed on with its slash, or refused."""
    with proxy.client() as client:
        client.send(b"GET http://h?x HTTP/1.1\r\nHost: h\r\n\r\n")
        status = client.response().status
    assert (status, origin.paths()) in [(400, []), (200, ["/?x"]), (200, ["http://h/?x"])]


def test_case_of_chunked_does_not_matter(proxy, origin):
    assert proxy.get(method="POST", headers=[("Transfer-Encoding", "CHUNKED")], body=chunk(b"hello")).status == 200
    assert origin.requests[0].body == b"hello"


# --- Connection


@pytest.mark.parametrize("listed", ["close, X-Forwarded-For", "X-Forwarded-For", "keep-alive, x-forwarded-for"])
def test_connection_cannot_remove_the_proxys_headers(proxy, origin, listed):
    proxy.get(headers=[("Connection", listed), ("X-Forwarded-For", "192.0.2.1")])
    assert "127.0.0.1" in ", ".join(origin.requests[0].headers.all("X-Forwarded-For"))


@pytest.mark.parametrize("listed", ["Host", "Content-Length", "host, content-length", "Transfer-Encoding"])
def test_connection_cannot_remove_framing(proxy, origin, listed):
    with proxy.client() as client:
        client.send(build_request("/", "POST", [("Connection", listed)], SMUGGLED))
        status = client.response().status
    if status == 400:
        return assert_nothing_smuggled(proxy, origin)
    request = origin.requests[0]
    assert (status, request.body) == (200, SMUGGLED) and "Host" in request.headers
    assert "/smuggled" not in origin.paths()


# --- upgrade


BAD_SECOND = b"GET /second HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"


@pytest.mark.parametrize("status", [200, 400])
def test_only_101_makes_a_tunnel(proxy, origin, status):
    """Behind a refused upgrade the connection speaks HTTP on: a bad second request is refused, not tunnelled."""
    origin.on("/ws", Reply(status=status, body=b"no tunnel"))
    with proxy.client() as client:
        assert client.request("/ws", headers=WEBSOCKET).status == status
        client.send_some(BAD_SECOND)
        assert all(answer.status == 400 for answer in responses_in(client.read_all()))
    assert b"/second" not in origin.received


def test_data_behind_an_unconfirmed_upgrade_waits(proxy, origin):
    seen = []

    def refuse(exchange):
        exchange.read_body()
        exchange.origin.stopping.wait(0.3)
        exchange.sock.setblocking(False)
        try:
            seen.append(exchange.sock.recv(1000))
        except BlockingIOError:
            seen.append(exchange.connection.reader.buffer)
        exchange.sock.setblocking(True)
        exchange.reply(status=403)

    origin.on("/ws", refuse)
    with proxy.client() as client:
        client.send(build_request("/ws", headers=WEBSOCKET) + BAD_SECOND)
        assert client.response().status == 403
        client.read_all()
    assert seen == [b""]
    assert b"/second" not in origin.received


@pytest.mark.parametrize("path", ["/", "/ws"])
@pytest.mark.parametrize("protocol", ["h2c", "h2c, websocket", "websocket,h2c"])
def test_h2c_upgrade_is_not_passed_on(proxy, origin, path, protocol):
    origin.on(path, Reply(body=b"ok"))
    headers = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", protocol), ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
               *WEBSOCKET[2:]]
    assert proxy.get(path, headers=headers).status in (200, 400)
    assert not any("h2c" in value for request in origin.requests for value in request.headers.all("Upgrade"))
    assert not any("HTTP2-Settings" in request.headers for request in origin.requests)


def test_101_that_nobody_asked_for(proxy, origin):
    origin.default = upgrade_echo
    with proxy.client() as client:
        client.send(build_request())
        assert client.response().status == 502
        client.send_some(BAD_SECOND)
        client.read_all()
    assert b"/second" not in origin.received


# --- early responses, Expect


def test_early_response_spoils_the_origin_connection(proxy, origin):
    """The body's rest must not be taken for a request, and nobody else may get that connection."""

    def early(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        exchange.stall()
        exchange.close()

    origin.on("/early", early)
    with proxy.client() as client:
        client.send(build_request("/early", "POST", [("Content-Length", "1000")]) + b"x" * 10)
        assert client.response().status == 200
        client.send_some(SMUGGLED)
        client.received(0.2)
        assert proxy.get("/other").status == 200
    other = next(request for request in origin.requests if request.target == "/other")
    assert other.connection != origin.requests[0].connection
    assert "/smuggled" not in origin.paths()


@pytest.mark.parametrize("expect", ["100-continue", "100-Continue"])
def test_final_answer_instead_of_continue(proxy, origin, expect):
    """The client keeps its body back and sends another request: it is body, or the connection has ended."""
    origin.on("/no", lambda exchange: exchange.reply(status=403, early=True, close=True))
    with proxy.client() as client:
        client.send(build_request("/no", "POST", [("Expect", expect), ("Content-Length", "%d" % len(SMUGGLED))]))
        net.wait_until(lambda: client.received(0.1), "an answer")
        client.send_some(SMUGGLED)
        assert client.response().status == 403
    assert proxy.get("/after").status == 200
    assert "/smuggled" not in origin.paths() and not origin.errors


@pytest.mark.parametrize("expect", ["y 100-continue", "100-continue, x", "x", "",
                                    "100-continue\r\nExpect: 100-continue"])
def test_odd_expect(proxy, origin, expect):
    """Refused with 400 or 417, or ignored: the body is the body in any case."""
    with proxy.client() as client:
        client.send(build_request("/", "POST", [("Expect", expect)], SMUGGLED))
        status = client.response().status
    assert status in (200, 400, 417)
    assert "/smuggled" not in origin.paths()
    assert all(request.body == SMUGGLED for request in origin.requests)


def test_expect_without_body(proxy, origin):
    with proxy.client() as client:
        assert client.request(headers=[("Expect", "100-continue")]).status == 200
        assert client.request("/second").status == 200
    assert origin.paths() == ["/", "/second"]


def test_request_behind_a_refused_one_is_not_served(proxy, origin):
    origin.default = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", close=False)
    with proxy.client() as client:
        client.send(build_request("/good") + b"GET /bad HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n" + SMUGGLED)
        answers = responses_in(client.read_all())
    assert [answer.status for answer in answers] == [200, 400]
    assert origin.paths() == ["/good"]
