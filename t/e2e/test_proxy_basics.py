"""What every reverse proxy has to do, in each face on its own configuration."""

import asyncio
import threading

import pytest
import websockets

from rig import net
from rig.http1 import build_request, chunk
from rig.origin import WEBSOCKET, Reply, pattern, raw, upgrade_echo
from rig.proxy import FREED_IS_FREE, faces

pytestmark = faces("basics")

# What a client gets when no server can be reached: nginx says bad gateway, HAProxy service unavailable.
UNREACHABLE = {"nginx": 502, "haproxy": 503, "weir": 503}
MIB = 1 << 20


@pytest.fixture
def proxy(weir, face, origin):
    return weir(face, "basics", origin=origin)


@pytest.fixture
def measured(weir, face, origin):
    return weir(face, "basics", origin=origin, environment=FREED_IS_FREE)


def body_of(size):
    return b"".join(pattern(size))


# --- requests, responses, reuse


def test_get(proxy, origin):
    response = proxy.get("/a/b?c=d%20e", headers=[("X-Test", "one"), ("X-Test", "two")])
    assert (response.status, response.body) == (200, b"ok\n")
    assert response.header("X-Origin") == "origin"
    request = origin.requests[0]
    assert (request.method, request.target, request.version) == ("GET", "/a/b?c=d%20e", "1.1")
    assert request.headers.all("X-Test") == ["one", "two"]
    assert request.header("Host") == "localhost"


def test_keep_alive_on_both_sides(proxy, origin):
    with proxy.client() as client:
        for number in range(5):
            assert client.request(f"/{number}").status == 200
    assert origin.paths() == [f"/{number}" for number in range(5)]
    assert len(origin.connections) == 1


def test_origin_connection_outlives_the_client(proxy, origin):
    for _ in range(3):
        assert proxy.get().status == 200
    assert len(origin.connections) == 1 or proxy.face != "nginx", "nginx keeps connections of other clients"
    assert len(origin.connections) <= 3


def test_stale_origin_connection_is_not_the_clients_problem(proxy, origin):
    origin.on("/once", Reply(body=b"first"))
    with proxy.client() as client:
        assert client.request("/once").body == b"first"
        origin.drop_connections()
        assert client.request("/").status == 200


def test_connection_close_from_client(proxy):
    with proxy.client() as client:
        assert client.request(headers=[("Connection", "close")]).status == 200
        assert client.closed()


def test_pipelined_requests_are_answered_in_order(proxy, origin):
    for number in range(4):
        origin.on(f"/{number}", Reply(body=b"%d" % number * 1000, delay=0.1 if number == 0 else 0))
    with proxy.client() as client:
        client.send(b"".join(build_request(f"/{number}") for number in range(4)))
        assert [client.response().body[:1] for _ in range(4)] == [b"0", b"1", b"2", b"3"]


def test_head(proxy, origin):
    origin.default = Reply(body=b"x" * 500)
    with proxy.client() as client:
        response = client.request(method="HEAD")
        assert (response.status, response.header("Content-Length"), response.body) == (200, "500", b"")
        assert len(client.request().body) == 500
    assert [request.method for request in origin.requests] == ["HEAD", "GET"]


@pytest.mark.parametrize("status", [204, 304])
def test_responses_without_body(proxy, origin, status):
    origin.on("/none", Reply(status=status))
    with proxy.client() as client:
        assert client.request("/none").status == status
        assert client.request("/").status == 200


def test_head_arrives_byte_by_byte(proxy, origin):
    with proxy.client() as client:
        for byte in build_request("/slow", headers=[("X-Slow", "yes")]):
            client.send(bytes([byte]))
        assert client.response().status == 200
    assert origin.requests[0].header("X-Slow") == "yes"


def test_http10_client(proxy):
    with proxy.client() as client:
        assert client.request(version="1.0").body == b"ok\n"
        assert client.closed()


def test_http10_client_never_gets_chunks(proxy, origin):
    origin.default = Reply(body=b"x" * 50000, chunked=True)
    with proxy.client() as client:
        response = client.request(version="1.0")
        assert "Transfer-Encoding" not in response.headers
        assert response.body == b"x" * 50000


# --- bodies


@pytest.mark.parametrize("size", [0, 1, 65536, 5 * MIB])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_post(proxy, origin, size, coding):
    body = body_of(size)
    with proxy.client() as client:
        if coding == "length":
            response = client.request(method="POST", body=body)
        else:
            response = client.request(method="POST", headers=[("Transfer-Encoding", "chunked")], body=chunk(body))
        assert response.status == 200
        assert client.request("/after").status == 200
    assert origin.requests[0].complete and origin.requests[0].body == body
    assert origin.paths() == ["/", "/after"]


@pytest.mark.parametrize("size", [0, 1, 100000, 5 * MIB])
@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_response_body(proxy, origin, size, coding):
    origin.on("/body", Reply(body=body_of(size), chunked=coding == "chunked"))
    with proxy.client() as client:
        assert client.request("/body").body == body_of(size)
        assert client.request("/after").status == 200
    assert len(origin.connections) == 1


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_response_until_close(proxy, origin, version):
    origin.on("/close", Reply(body=b"y" * 30000, until_close=True, version=version))
    assert proxy.get("/close").body == b"y" * 30000


def test_truncated_response_is_seen_as_such(proxy, origin):
    origin.on("/cut", Reply(body=b"z" * 1000, length=2000, close=True))
    with proxy.client() as client:
        client.send(build_request("/cut"))
        data = client.read_all()
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"\r\ncontent-length: 2000" in head.lower() and body == b"z" * 1000


def test_truncated_chunked_response_has_no_last_chunk(proxy, origin):
    origin.on("/cut", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
    with proxy.client() as client:
        client.send(build_request("/cut"))
        data = client.read_all()
    assert b"hello" in data and b"0\r\n\r\n" not in data


def warm_memory(proxy):
    """What it takes once, for its first bodies both ways, with the processes that wait beside it."""
    count = 4 if proxy.face == "nginx" else 1
    net.wait_until(lambda: len(proxy.pids()) == count, "its processes")
    assert proxy.get("/warm", method="POST", body=body_of(4 * MIB)).status == 200
    return proxy.rss()


def test_large_upload_does_not_pile_up(measured, origin):
    before = warm_memory(measured)
    size = 64 * MIB
    peak = before

    def slow(exchange):
        nonlocal peak
        exchange.origin.stopping.wait(0.3)
        peak = max(peak, measured.rss())
        exchange.read_body()
        exchange.reply(body=b"%d" % len(exchange.request.body))

    origin.on("/upload", slow)
    with measured.client() as client:
        client.send(build_request("/upload", "POST", [("Content-Length", str(size))]))
        for piece in pattern(size):
            client.send(piece)
        assert client.response().body == b"%d" % size
    assert peak - before < 8 * MIB


def test_slow_reader_holds_the_origin_back(measured, origin):
    size = 64 * MIB
    origin.on("/big", Reply(body=pattern(size), length=size))
    before = warm_memory(measured)
    with measured.client(receive_buffer=16384) as client:
        client.send(build_request("/big"))
        sent = wait_until_still(lambda: origin.bytes_sent)
        assert 0 < sent < size / 2
        assert measured.rss() - before < 8 * MIB
        assert len(client.response().body) == size


def wait_until_still(value, quiet=0.5):
    """Waits until value() has been the same for `quiet` seconds, and returns it."""
    still = threading.Event()
    last = value()
    while True:
        still.wait(quiet)
        if (now := value()) == last and now:
            return now
        last = now


def test_client_gone_ends_the_origin_connection(proxy, origin):
    size = 64 * MIB
    origin.on("/big", Reply(body=pattern(size), length=size))
    with proxy.client(receive_buffer=16384) as client:
        client.send(build_request("/big"))
        client.reader.until(b"\r\n\r\n", "the head")
        client.reset()
    net.wait_until(lambda: not origin.open_connections, "the origin's connection to end")
    assert origin.bytes_sent < size


# --- headers that a proxy owns


def test_forwarded_for(proxy, origin):
    proxy.get()
    proxy.get(headers=[("X-Forwarded-For", "192.0.2.1")])
    plain, chained = [request.headers.all("X-Forwarded-For") for request in origin.requests]
    assert plain == ["127.0.0.1"]
    assert ", ".join(chained) == "192.0.2.1, 127.0.0.1"


def test_hop_by_hop_headers_are_dropped(proxy, origin):
    sent = [("Connection", "X-Hop, keep-alive"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("X-End", "kept"),
            ("Proxy-Connection", "keep-alive"), ("TE", "gzip"), ("Upgrade", "unknown")]
    assert proxy.get(headers=sent).status == 200
    headers = origin.requests[0].headers
    assert headers.get("X-End") == "kept"
    for name in ("X-Hop", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade"):
        assert name not in headers, name


def test_hop_by_hop_headers_of_the_response_are_dropped(proxy, origin):
    origin.default = Reply(body=b"ok", headers=[("Connection", "X-Hop"), ("X-Hop", "1"), ("X-End", "kept"),
                                                ("Keep-Alive", "timeout=5"), ("Proxy-Connection", "close")])
    headers = proxy.get().headers
    assert headers.get("X-End") == "kept"
    for name in ("X-Hop", "Keep-Alive", "Proxy-Connection"):
        assert name not in headers, name


# --- interim and early responses


def test_expect_continue(proxy, origin):
    with proxy.client() as client:
        client.send(build_request("/", "POST", [("Expect", "100-continue"), ("Content-Length", "5")]))
        net.wait_until(lambda: client.received(0.1), "100 Continue")
        client.send(b"hello")
        response = client.response()
    assert (response.status, [interim.status for interim in response.interim]) == (200, [100])
    assert origin.requests[0].body == b"hello"


def test_interim_response_of_the_origin(proxy, origin):
    origin.default = Reply(body=b"ok", interim=[(103, [("Link", "</style.css>")])])
    response = proxy.get()
    assert (response.status, response.body) == (200, b"ok")
    # nginx passes early hints on only where the directive says so.
    assert [interim.status for interim in response.interim] == ([] if proxy.face == "nginx" else [103])


def test_early_response(proxy, origin):
    """The origin refuses before it has read the body; the client gets that answer, whole."""

    def refuse(exchange):
        exchange.reply(status=413, body=b"too large", early=True, close=True)

    origin.on("/early", refuse)
    with proxy.client() as client:
        client.send(build_request("/early", "POST", [("Content-Length", str(MIB))]) + b"x" * 1000)
        response = client.response()
    assert (response.status, response.body) == (413, b"too large")


# --- tunnels


def test_upgrade_tunnel(proxy, origin):
    origin.on("/ws", upgrade_echo)
    with proxy.client() as client:
        response = client.request("/ws", headers=WEBSOCKET)
        assert (response.status, response.header("Upgrade")) == (101, "websocket")
        for size in (1, 100, 100000):
            client.send(b"t" * size)
            assert client.reader.exactly(size, "the echo") == b"t" * size
    net.wait_until(lambda: not origin.open_connections, "the tunnel's far end to close")


def test_websocket_client_and_server(weir, face):
    """The same with a real WebSocket implementation at both ends, and the server's close reaching the client."""

    async def echo(socket):
        async for message in socket:
            await socket.send(message)

    async def talk():
        async with websockets.serve(echo, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            proxy = weir(face, "basics", origin=f"127.0.0.1:{port}")
            async with websockets.connect(proxy.url("/ws", "ws"), open_timeout=net.DEADLINE) as socket:
                for message in ("text", b"\0binary", "x" * 200000):
                    await socket.send(message)
                    assert await asyncio.wait_for(socket.recv(), net.DEADLINE) == message

    asyncio.run(talk())


def test_upgrade_refused_by_the_origin(proxy, origin):
    origin.on("/ws", Reply(status=403, body=b"no"))
    with proxy.client() as client:
        assert client.request("/ws", headers=WEBSOCKET).status == 403
        assert client.request("/").status == 200


# --- faults of the origin


def test_origin_down(proxy):
    with proxy.client() as client:
        assert client.request("/down").status == UNREACHABLE[proxy.face]


def test_next_server_is_tried(proxy, origin):
    for _ in range(4):
        assert proxy.get("/next").status == 200
    assert len(origin.requests) == 4


def test_origin_stalls(proxy, origin):
    origin.on("/stall", lambda exchange: exchange.stall())
    assert proxy.get("/stall").status == 504


@pytest.mark.parametrize("data", [
    b"garbage without end of line", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
], ids=["text", "bad status", "bad header", "TLS"])
def test_origin_garbage(proxy, origin, data):
    origin.default = raw(data)
    assert proxy.get().status == 502


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX-Half: "], ids=["before the head", "within the head"])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_origin_ends_early(proxy, origin, head, end):
    def handler(exchange):
        exchange.send(head)
        exchange.reset() if end == "reset" else exchange.close()

    origin.default = handler
    assert proxy.get().status == 502


@pytest.mark.parametrize("end", ["close", "reset"])
def test_origin_ends_after_the_head(proxy, origin, end):
    def handler(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        exchange.origin.stopping.wait(0.1)
        exchange.reset() if end == "reset" else exchange.close()

    origin.default = handler
    with proxy.client() as client:
        client.send(build_request())
        data = client.read_all()
    assert data.startswith(b"HTTP/1.1 200") and data.count(b"HTTP/1.1") == 1
    assert b"half" in data or end == "reset"
