"""Origins that refuse, reset, stall, lie and babble: the client gets an honest answer in time, the log says what happened,
nothing leaks, and the next request works. Wrong framing and garbage are in test_response_attacks.py."""

import contextlib
import socket
import time

import pytest

from rig import net
from rig.fault import assert_no_leak, descriptors, wait_complete
from rig.http1 import Closed, build_request
from rig.origin import raw
from rig.proxy import faces

pytestmark = faces("origins", only=("nginx", "haproxy"))

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UNREACHABLE = {"nginx": 502, "haproxy": 503}
UPLOAD = b"x" * (4 << 20)
LATE = 3.5  # seconds within which everything is over: timeouts are one second


@pytest.fixture
def full():
    """An address whose accept queue is full: connecting to it takes for ever."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(3):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    time.sleep(0.05)
    yield "127.0.0.1:%d" % listener.getsockname()[1]
    for one in [*waiting, listener]:
        one.close()


@pytest.fixture
def proxy(weir, face, origin, full):
    """Checks afterwards that it still works and has no more descriptors open than after a first request."""
    one = weir(face, "origins", origin=origin, full=full)
    wait_complete(one)
    assert one.get("/before").status == 200
    origin.drop_connections()
    before = descriptors(one)
    origin.requests.clear()
    yield one
    origin.routes.clear()
    origin.on_connect = None
    response = one.get("/after")
    assert (response.status, response.body) == (200, b"ok\n")
    assert_no_leak(one, [origin], before)


def outcome(proxy, target, method="GET", body=None):
    """The status, or "cut" where the connection ended within the answer; in time."""
    began = time.monotonic()
    with proxy.client() as client:
        client.send_some(build_request(target, method, body=body))
        try:
            result = client.response(method).status
        except Closed:
            result = "cut"
    assert time.monotonic() - began < LATE
    return result


def says(proxy, nginx, haproxy):
    proxy.wait_log({"nginx": nginx, "haproxy": haproxy}[proxy.face], flags=0)


# --- refusing


def test_refused(proxy):
    assert outcome(proxy, "/dead") == UNREACHABLE[proxy.face]
    says(proxy, r"connect\(\) failed \(111: Connection refused\)", r" SC-- ")


def test_connection_never_accepted(proxy):
    assert outcome(proxy, "/full") == {"nginx": 504, "haproxy": 503}[proxy.face]
    says(proxy, r"upstream timed out \(110: .*\) while connecting to upstream, ", r" sC-- ")


# --- resetting


def test_reset_on_accept(proxy, origin):
    origin.on_connect = net.reset
    assert outcome(proxy, "/") in (502, UNREACHABLE[proxy.face])  # the connection may stand before the reset comes
    says(proxy, r"reset by peer|prematurely closed", r" S[HC]-- ")


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX-H"], ids=["before the head", "within the head"])
def test_reset_before_the_answer(proxy, origin, sent):
    def handler(exchange):
        exchange.send(sent)
        exchange.origin.stopping.wait(0.05)
        exchange.reset()

    origin.on("/", handler)
    assert outcome(proxy, "/") == 502
    says(proxy, r"reset by peer", r" SH-- ")


@pytest.mark.parametrize("coding", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"],
                         ids=["length", "chunked"])
@pytest.mark.parametrize("end", ["reset", "close"])
def test_ends_within_the_body(proxy, origin, coding, end):
    def handler(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n1000\r\nhalf" % coding)
        exchange.origin.stopping.wait(0.05)
        exchange.reset() if end == "reset" else exchange.close()

    origin.on("/", handler)
    assert outcome(proxy, "/") == "cut"
    says(proxy, r"reset by peer" if end == "reset" else r"upstream prematurely closed connection", r" SD-- ")


@pytest.mark.parametrize("target", ["/up", "/unbuffered/up"])
def test_reset_within_the_upload(proxy, origin, target):
    def handler(exchange):
        exchange.sock.recv(1000)
        exchange.reset()

    origin.on("/up", handler)
    assert outcome(proxy, target, "POST", UPLOAD) in (502, "cut")
    says(proxy, r"reset by peer|Broken pipe", r" S[HD]-- ")


def test_answer_and_reset_within_the_upload(proxy, origin):
    """The answer came first, so the client gets it."""

    def handler(exchange):
        exchange.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        exchange.origin.stopping.wait(0.2)
        exchange.reset()

    origin.on("/up", handler)
    with proxy.client() as client:
        client.send(build_request("/unbuffered/up", "POST", [("Content-Length", "100000")]) + b"x" * 1000)
        response = client.response()
    assert (response.status, response.body) == (403, b"no")


# --- stalling


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX-H"], ids=["before the head", "within the head"])
def test_stalls_before_the_answer(proxy, origin, sent):
    def handler(exchange):
        exchange.send(sent)
        exchange.stall()

    origin.on("/", handler)
    assert outcome(proxy, "/") == 504
    says(proxy, r"upstream timed out \(110: .*\) while reading response header from upstream, ", r" sH-- ")


def test_stalls_within_the_body(proxy, origin):
    def handler(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        exchange.stall()

    origin.on("/", handler)
    assert outcome(proxy, "/") == "cut"
    says(proxy, r"upstream timed out \(110: .*\) while reading upstream, ", r" sD-- ")


@pytest.mark.parametrize("target", ["/up", "/unbuffered/up"])
def test_does_not_read_the_upload(proxy, origin, target):
    origin.on("/up", lambda exchange: exchange.origin.stopping.wait(LATE))
    assert outcome(proxy, target, "POST", UPLOAD * 4) in (504, "cut")
    says(proxy, r"upstream timed out \(110: .*\) while sending request to upstream, ", r" s[HD]-- ")


# --- lying


@pytest.mark.parametrize("body", [b"", b"short"], ids=["nothing", "less"])
def test_less_than_announced(proxy, origin, body):
    origin.on("/", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + body))
    assert outcome(proxy, "/") == "cut"
    says(proxy, r"upstream prematurely closed connection", r" SD-- ")


@pytest.mark.parametrize("size", [b"-1", b"ffffffffffffffff", b"8000000000000000", b"zz", b"1" * 40, b""],
                         ids=["negative", "2^64-1", "2^63", "letters", "long", "empty"])
def test_bad_chunk_size_is_told(proxy, origin, size):
    def handler(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        exchange.origin.stopping.wait(0.05)
        exchange.send(size + b"\r\nhello\r\n0\r\n\r\n")

    origin.on("/", handler)
    assert outcome(proxy, "/") in ("cut", 502)
    says(proxy, r"chunk", r"chunk")
    says(proxy, r"", r" (SD|PD)-- ")


def test_two_answers_to_one_request(proxy, origin):
    origin.on("/two", raw(OK + OK.replace(b"ok", b"no"), close=False))
    with proxy.client() as client:
        for _ in range(3):
            assert client.request("/two").body == b"ok"
            assert client.request("/one").body == b"ok\n"


def test_switching_protocols_unasked(proxy, origin):
    origin.on("/", raw(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes"))
    assert outcome(proxy, "/") == 502
    says(proxy, r"101|upgrade", r"101|upgrade")


@pytest.mark.parametrize("early", [OK, OK + OK, b"garbage\r\n\r\n", b"HTTP/1.1 408 Request Timeout\r\n\r\n"],
                         ids=["one", "two", "garbage", "408"])
def test_answer_before_the_request(proxy, origin, early):
    """A server that speaks first: its words answer nothing or this request, and never the next one."""
    origin.on_connect = lambda sock: sock.sendall(early)
    assert outcome(proxy, "/") in (200, 408, 502, "cut")
    origin.on_connect = None
    for _ in range(3):
        assert proxy.get("/next").body == b"ok\n"


# --- heads without end


def test_huge_head(proxy, origin):
    origin.on("/", raw(b"HTTP/1.1 200 OK\r\n" + b"X-Big: %s\r\n" % (b"b" * 4000) * 40 + b"\r\n"))
    assert outcome(proxy, "/") == 502
    says(proxy, r"upstream sent too big header", r"too big header")


def test_endless_head(proxy, origin):
    def handler(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            exchange.send(b"X-Big: %s\r\n" % (b"b" * 8000))

    origin.on("/", handler)
    assert outcome(proxy, "/") == 502
    says(proxy, r"upstream sent too big header", r"too big header")
    assert origin.bytes_sent < 8 << 20


def test_some_interim_answers(proxy, origin):
    origin.on("/", raw(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 20 + OK, close=False))
    assert outcome(proxy, "/") == 200


def test_flood_of_interim_answers(proxy, origin):
    def handler(exchange):
        while True:
            exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    origin.on("/", handler)
    assert outcome(proxy, "/") == 502
    says(proxy, r"interim", r"interim")
    assert origin.bytes_sent < 8 << 20


def test_interim_answer_and_nothing_else(proxy, origin):
    origin.on("/", raw(b"HTTP/1.1 100 Continue\r\n\r\n"))
    assert outcome(proxy, "/") == 502
    says(proxy, r"prematurely closed", r" SH-- ")


# --- babbling


@pytest.mark.parametrize("babble", [b"x", OK, b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n", b"\0" * 100000],
                         ids=["byte", "answer", "408", "much"])
def test_bytes_on_an_idle_connection(proxy, origin, babble):
    """They end it, and no request gets them."""
    assert proxy.get("/first").body == b"ok\n"
    [idle] = origin.open_connections
    with contextlib.suppress(ConnectionError):  # it need not read all
        idle.sock.sendall(babble)
    net.wait_until(lambda: idle.ended, "the idle connection to be closed")
    assert proxy.get("/second").body == b"ok\n"
    first, second = origin.requests
    assert first.connection != second.connection


def test_bytes_on_an_idle_connection_race(proxy, origin):
    """They come while the next request is on its way."""
    with proxy.client() as client:
        for _ in range(20):
            assert client.request("/one").body == b"ok\n"
            for connection in origin.open_connections:
                try:
                    connection.sock.sendall(OK.replace(b"ok", b"no"))
                except OSError:
                    pass
            assert client.request("/two").body in (b"ok\n", b"no")
