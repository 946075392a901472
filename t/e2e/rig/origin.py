"""A programmable HTTP/1 origin on raw sockets: one thread per connection, inside the test's process.

    origin.on("/path", Reply(body=b"x", chunked=True))     data: what to answer
    origin.on("/path", lambda exchange: exchange.reset())  code: any behaviour, with the raw connection in hand
    origin.default = ...                                   for every path that has no entry

It reads requests strictly: what it cannot parse is kept in `errors` and answered with 400, so a proxy that forwards an
ambiguous message is seen. Everything received is recorded, in order, with the connection that it came on.
"""

import base64
import hashlib
import re
import socket
import ssl
import threading
from dataclasses import dataclass, field

from rig import net
from rig.http1 import Closed, Fields, ProtocolError, Reader, chunk, parse_fields

_REQUEST_LINE = re.compile(rb"([!-~]+) ([!-\xff]+) HTTP/(1\.[01])")
_RECORDED = 1 << 18  # bytes of one connection's input that are kept raw


@dataclass
class Reply:
    """One answer as data. `body` may be an iterable of byte strings, which are sent as they come."""

    status: int = 200
    body: object = b""
    headers: list = field(default_factory=list)
    chunked: bool = False
    until_close: bool = False  # no framing: the body ends with the connection
    length: int = None  # announced Content-Length where it differs from the body's
    trailers: list = field(default_factory=list)  # implies chunked
    interim: list = field(default_factory=list)  # (status, headers) of 1xx responses sent first
    delay: float = 0.0  # seconds before the head
    early: bool = False  # answer before the request body is read
    close: bool = False  # close the connection afterwards
    version: str = "1.1"


@dataclass
class Request:
    method: str
    target: str
    version: str
    headers: Fields
    raw_head: bytes
    connection: int  # counts from 1
    body: bytes = b""
    trailers: Fields = field(default_factory=Fields)
    complete: bool = False  # the body has been read to its end

    @property
    def path(self):
        return self.target.split("?", 1)[0]

    def header(self, name, default=None):
        return self.headers.get(name, default)


class Exchange:
    """A request and the connection to answer it on, as a handler sees them."""

    def __init__(self, origin, connection, request):
        self.origin = origin
        self.connection = connection
        self.request = request

    @property
    def sock(self):
        return self.connection.sock

    def read_body(self, ask=True):
        """Reads the request body to its end, once; asks for it with 100 where the client waits for that."""
        request = self.request
        if request.complete:
            return request.body
        if ask and "100-continue" in [value.lower() for value in request.headers.all("Expect")]:
            self.send(_head("1.1", 100, []))
        if request.header("Transfer-Encoding", "").lower() == "chunked":
            request.body, request.trailers = self.connection.reader.chunked()
        else:
            request.body = self.connection.reader.exactly(int(request.header("Content-Length", "0")), "the body")
        request.complete = True
        return request.body

    def drain(self):
        """Reads what a handler has left of the body, so that the next request on the connection is found."""
        self.read_body(ask=False)

    def send(self, data):
        """Raw bytes to the proxy."""
        self.sock.sendall(data)
        self.origin.bytes_sent += len(data)

    def reply(self, reply=None, **words):
        """Sends a Reply, or one made of `words`."""
        reply = reply or Reply(**words)
        if not reply.early:
            self.read_body()
        if reply.delay:
            self.origin.stopping.wait(reply.delay)
        for status, headers in reply.interim:
            self.send(_head("1.1", status, headers))
        chunked = reply.chunked or bool(reply.trailers)
        headers = list(reply.headers)
        if chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif not reply.until_close and reply.status not in (204, 304):
            length = len(reply.body) if reply.length is None else reply.length
            headers.append(("Content-Length", str(length)))
        if reply.close or reply.until_close:
            headers.append(("Connection", "close"))
        self._send_body(_head(reply.version, reply.status, headers), reply, chunked)
        if reply.close or reply.until_close:
            self.close()

    def _send_body(self, head, reply, chunked):
        if self.request.method == "HEAD" or reply.status in (204, 304):
            self.send(head)
        elif isinstance(reply.body, bytes):
            self.send(head + (chunk(reply.body, trailers=reply.trailers) if chunked else reply.body))
        else:
            self.send(head)
            for piece in reply.body:
                self.send(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                self.send(chunk(b"", trailers=reply.trailers))

    def stall(self):
        """Keeps silent until the proxy closes or the origin stops."""
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass

    def reset(self):
        net.reset(self.sock)
        raise Stop

    def close(self):
        raise Stop

    def echo(self):
        """Sends back every byte until the proxy closes its direction: the far end of a tunnel."""
        data, self.connection.reader.buffer = self.connection.reader.buffer, b""
        self.send(data)
        while data := self.connection.receive():
            self.send(data)
        self.close()


class Stop(Exception):
    """Ends the connection; raised by Exchange.close() and reset()."""


def _head(version, status, headers):
    lines = [f"HTTP/{version} {status} Text"] + [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def raw(data, close=True):
    """A handler that answers with exactly these bytes."""

    def handler(exchange):
        exchange.read_body()
        exchange.send(data)
        if close:
            exchange.close()

    return handler


# A handshake that a client may send, and what makes a WebSocket server's answer to a key (RFC 6455 4.2.2).
WEBSOCKET = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
             ("Sec-WebSocket-Key", "d2VpciB0ZXN0IGtleTEyMw==")]
_WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def upgrade_echo(exchange):
    """A handler that switches to whatever protocol is asked for and echoes the bytes of the tunnel."""
    exchange.read_body()
    key = exchange.request.header("Sec-WebSocket-Key", "")
    accept = base64.b64encode(hashlib.sha1((key + _WEBSOCKET_GUID).encode()).digest()).decode()
    protocol = exchange.request.header("Upgrade", "none")
    headers = [("Connection", "upgrade"), ("Upgrade", protocol), ("Sec-WebSocket-Accept", accept)]
    exchange.send(_head("1.1", 101, headers))
    exchange.echo()


class _Connection:
    def __init__(self, origin, sock, number):
        self.origin = origin
        self.sock = sock
        self.number = number
        self.input = bytearray()  # what came, as it came, up to _RECORDED bytes
        self.ended = False  # the peer has closed or reset, or this side has
        self.reader = Reader(self.receive)

    def receive(self):
        try:
            data = self.sock.recv(65536)
        except (OSError, ValueError):
            data = b""
        if len(self.input) < _RECORDED:
            self.input += data
        self.origin.bytes_received += len(data)
        return data

    def run(self):
        try:
            if self.origin.on_connect:
                self.origin.on_connect(self.sock)
            if self.origin.tls:
                self.sock = self.origin.tls.wrap_socket(self.sock, server_side=True)
            while self._serve_one():
                pass
        except (Stop, OSError, ssl.SSLError, Closed):
            pass
        except ProtocolError as error:
            self.origin.errors.append(str(error))
            self._refuse()
        finally:
            self.ended = True
            self.sock.close()

    def _serve_one(self):
        """Reads a head and hands it to the handler; false at a clean end of the connection."""
        try:
            head = self.reader.until(b"\r\n\r\n", "a request head")
        except Closed as closed:
            if closed.data:
                raise
            return False
        first, *lines = head.split(b"\r\n")
        match = _REQUEST_LINE.fullmatch(first)
        if not match:
            raise ProtocolError(f"bad request line {first!r}")
        words = [word.decode("latin-1") for word in match.groups()]
        request = Request(*words, parse_fields(lines), head, self.number)
        _check_framing(request)
        self.origin.requests.append(request)
        exchange = Exchange(self.origin, self, request)
        handler = self.origin.handler_for(request)
        if isinstance(handler, Reply):
            exchange.reply(handler)
        else:
            handler(exchange)
        exchange.drain()
        return request.header("Connection", "").lower() != "close"

    def _refuse(self):
        try:
            self.sock.sendall(_head("1.1", 400, [("Content-Length", "0"), ("Connection", "close")]))
        except OSError:
            pass


def _check_framing(request):
    lengths = request.headers.all("Content-Length")
    codings = request.headers.all("Transfer-Encoding")
    if len(lengths) + len(codings) > 1:
        raise ProtocolError(f"ambiguous framing: {lengths} {codings}")
    if lengths and not re.fullmatch(r"\d{1,18}", lengths[0]):
        raise ProtocolError(f"bad Content-Length {lengths[0]!r}")
    if codings and codings[0].lower() != "chunked":
        raise ProtocolError(f"bad Transfer-Encoding {codings[0]!r}")


class Origin:
    """Listens on 127.0.0.1 at a free port, or on a unix socket. Starts at once; stop() is the fixture's business."""

    def __init__(self, unix=None, tls=None, on_connect=None, name="origin", backlog=128):
        self.tls = tls  # a server-side ssl.SSLContext
        self.on_connect = on_connect  # called with the plain socket of each new connection
        self.default = Reply(body=b"ok\n", headers=[("X-Origin", name)])
        self.routes = {}
        self.connections = []
        self.requests = []
        self.errors = []  # sentences on input that was no proper HTTP/1.1
        self.bytes_sent = 0
        self.bytes_received = 0
        self.stopping = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX if unix else socket.AF_INET)
        self.listener.bind(str(unix) if unix else ("127.0.0.1", 0))
        self.listener.listen(backlog)
        self.unix = unix
        self.port = None if unix else self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __str__(self):
        return f"unix:{self.unix}" if self.unix else f"127.0.0.1:{self.port}"

    def on(self, path, handler):
        """Routes a path (without query) to a Reply or a handler function."""
        self.routes[path] = handler
        return handler

    def handler_for(self, request):
        return self.routes.get(request.path, self.default)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.stopping.is_set():
                sock.close()
                return
            if not self.unix:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = _Connection(self, sock, len(self.connections) + 1)
            self.connections.append(connection)
            threading.Thread(target=connection.run, daemon=True).start()

    @property
    def received(self):
        """Every byte that came, connection after connection (the first 256 KiB of each)."""
        return b"".join(bytes(connection.input) for connection in self.connections)

    @property
    def open_connections(self):
        return [connection for connection in self.connections if not connection.ended]

    def paths(self):
        return [request.target for request in self.requests]

    def wait_requests(self, count, complete=True, timeout=net.DEADLINE):
        """Waits until `count` requests have come (with their bodies) and returns all."""

        def enough():
            return len([r for r in self.requests if r.complete or not complete]) >= count

        net.wait_until(enough, lambda: f"{count} requests at the origin, only {self.paths()}", timeout)
        return self.requests

    def drop_connections(self):
        """Closes every connection from this side and waits until that is done."""
        for connection in self.open_connections:
            _shut(connection.sock)
        net.wait_until(lambda: not self.open_connections, "the origin's connections to end")

    def stop(self):
        self.stopping.set()
        _shut(self.listener)
        self.listener.close()
        for connection in self.connections:
            _shut(connection.sock)


def _shut(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


def pattern(size, piece=65536):
    """`size` bytes of a recognisable pattern in pieces: a body that is not held in memory."""
    block = bytes(range(256)) * (piece // 256)
    for start in range(0, size, piece):
        yield block[: min(piece, size - start)]
